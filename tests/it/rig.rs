//! A real server for the tests: file journal and sled index in a temporary directory, HTTP over a
//! socket, a clock that is moved by hand.

use std::path::Path;
use std::sync::Arc;

use careflow::api;
use careflow::app::{self, Store};
use careflow::config::Config;
use careflow::console;
use careflow::engine::{Engine, Identity};
use careflow::journal::file;
use careflow::kernel::actor::{Actor, ActorKind, Role};
use careflow::kernel::instant::Instant;
use careflow::time::ManualTime;
use careflow::workflows::Registry;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Wednesday 2026-03-11 10:00 in Shanghai.
pub const WEDNESDAY: &str = "2026-03-11T10:00:00+08:00";

/// One answer.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: hyper::HeaderMap,
    pub text: String,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e} in {}", self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The answer's body, which must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    /// The code of a problem with this status.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text);
        self.json()["code"].as_str().unwrap().to_owned()
    }
}

struct Running {
    state: api::state::AppState,
    store: Store,
    address: String,
    end: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

/// A server with its directory and clock.
pub struct Rig {
    folder: Arc<TempDir>,
    pub config: Config,
    pub time: Arc<ManualTime>,
    pub engine: Engine,
    running: Option<Running>,
}

impl Rig {
    /// A server on an empty directory, at `time` (RFC 3339).
    pub async fn at(time: &str) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let config = Config { data: folder.path().join("data"), definitions: None };
        let time = Arc::new(ManualTime::at(Instant::parse(time).unwrap()));
        Self::start(folder, config, time).await.unwrap()
    }

    /// A server whose journal is laid out otherwise, on a Wednesday at 10:00.
    pub async fn laid_out(options: file::Options) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let config = Config { data: folder.path().join("data"), definitions: None };
        let time = Arc::new(ManualTime::at(Instant::parse(WEDNESDAY).unwrap()));
        let opening = config.clone();
        let store = tokio::task::spawn_blocking(move || Store::open_laid_out(&opening, options));
        Self::on(store.await.unwrap().unwrap(), folder, config, time).await.unwrap()
    }

    /// The journal itself.
    pub fn journal(&self) -> Arc<file::FileJournal> {
        self.running.as_ref().expect("the server runs").store.journal.clone()
    }

    /// A server on an empty directory on a Wednesday at 10:00.
    pub async fn wednesday() -> Self {
        Self::at(WEDNESDAY).await
    }

    async fn start(
        folder: Arc<TempDir>,
        config: Config,
        time: Arc<ManualTime>,
    ) -> Result<Self, app::AppError> {
        let opening = config.clone();
        let store = tokio::task::spawn_blocking(move || Store::open(&opening)).await.unwrap()?;
        Self::on(store, folder, config, time).await
    }

    async fn on(
        store: Store,
        folder: Arc<TempDir>,
        config: Config,
        time: Arc<ManualTime>,
    ) -> Result<Self, app::AppError> {
        let workflows = Registry::shipped().all().to_vec();
        let sources = app::sources(&workflows, config.definitions.as_deref())?;
        let engine = store.engine(sources, time.clone(), Box::new(|_, _| {})).await?;
        engine.run_schedules().await.unwrap();
        let state = api::state::AppState::new(&workflows, api::state::Limits::default());
        state.watch_ring(store.rejected.clone());
        state.open(engine.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (end, ended) = oneshot::channel::<()>();
        let (router, door) = (console::router(state.clone()), state.door());
        let serving = tokio::spawn(async move {
            let shutdown = async {
                ended.await.ok();
            };
            let listeners = api::Listeners { network: listener, control: None };
            api::serve_on(listeners, router, door, shutdown).await;
        });
        let running = Some(Running { state, store, address, end, serving });
        Ok(Self { folder, config, time, engine, running })
    }

    /// Stops cleanly and starts again on the same directory.
    pub async fn restart(self) -> Self {
        self.close().await.start().await.unwrap()
    }

    /// Stops cleanly and lets go of the directory, so that a test can look at its files.
    pub async fn close(mut self) -> Closed {
        self.stop().await;
        // The engine holds the journal, and with it the directory's lock, to its end.
        let Self { folder, config, time, engine, running } = self;
        drop((engine, running));
        Closed { folder, config, time }
    }

    /// Stops cleanly; the directory stays as long as the rig does.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.end.send(()).ok();
            running.serving.await.unwrap();
            self.engine.stop().await.unwrap();
            drop(running.store);
        }
    }

    pub fn address(&self) -> &str {
        &self.running.as_ref().expect("the server runs").address
    }

    /// A time so many hours from now, as answers write it.
    pub fn time_in_hours(&self, hours: i64) -> String {
        use careflow::time::TimeSource as _;
        self.time.now().plus_millis(hours * 3_600_000).to_string()
    }

    /// Moves the clock to a local or UTC time and waits until everything due is done.
    pub async fn until(&self, time: &str) {
        self.until_instant(Instant::parse(time).unwrap()).await;
    }

    /// Moves the clock through every due on the way: each timer fires at its own moment.
    pub async fn until_instant(&self, at: Instant) {
        while let Some(due) = self.engine.next_due().unwrap().filter(|due| *due <= at) {
            self.time.set(due);
            self.engine.settle().await;
        }
        self.time.set(at);
        self.engine.settle().await;
    }

    /// Serves the control socket too, until the answer is dropped.
    pub async fn control(&self) -> JoinHandle<()> {
        let socket = tokio::net::UnixListener::bind(self.config.control()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let router = api::router(self.running.as_ref().expect("the server runs").state.clone());
        tokio::spawn(api::server::serve(listener, Some(socket), router, std::future::pending()))
    }

    /// A token for `actor` in `role`.
    pub async fn token(&self, actor: &str, role: Role) -> String {
        self.token_with(actor, &[role]).await
    }

    /// A token for `actor` in several roles.
    pub async fn token_with(&self, actor: &str, roles: &[Role]) -> String {
        let kind = if roles == [Role::Gateway] { ActorKind::Service } else { ActorKind::Person };
        let identity = Identity { actor: actor.into(), kind, roles: roles.to_vec() };
        self.engine.create_token(identity, Actor::system(), None).await.unwrap().secret.unwrap()
    }

    /// Somebody who sends requests with a token.
    pub async fn caller(&self, actor: &str, role: Role) -> Caller {
        Caller { address: self.address().to_owned(), token: Some(self.token(actor, role).await) }
    }

    /// Somebody without a token.
    pub fn stranger(&self) -> Caller {
        Caller { address: self.address().to_owned(), token: None }
    }
}

/// A stopped server's directory and clock.
pub struct Closed {
    folder: Arc<TempDir>,
    pub config: Config,
    pub time: Arc<ManualTime>,
}

impl Closed {
    /// Starts a server on the directory; where it refuses, the directory stays as it is.
    pub async fn start(&self) -> Result<Rig, app::AppError> {
        Rig::start(self.folder.clone(), self.config.clone(), self.time.clone()).await
    }

    /// Why no server starts on the directory.
    pub async fn refusal(&self) -> String {
        self.start().await.err().expect("the server must not start").to_string()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Opens journal and index without an engine.
    pub fn open(&self) -> Store {
        Store::open(&self.config).unwrap()
    }
}

/// Sends requests over a real socket.
#[derive(Clone, Debug)]
pub struct Caller {
    pub address: String,
    pub token: Option<String>,
}

impl Caller {
    /// Any request; a header's value may be anything HTTP allows.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let driving = tokio::spawn(connection);
        let mut request = hyper::Request::builder().method(method).uri(path).header("host", &self.address);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::<Bytes>::new(body.into())).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        drop(sender);
        driving.await.unwrap().ok();
        Response { status, headers, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], "").await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Response {
        self.post_with(path, body, &[]).await
    }

    pub async fn post_with(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Response {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.request("POST", path, &all, body.to_string()).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Response {
        self.request("PUT", path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// Starts a consultation; answers its id.
    #[track_caller]
    pub fn submit(&self, payload: Value) -> impl Future<Output = String> + use<> {
        self.begin("consultation", payload)
    }

    /// Starts an instance of `workflow`; answers its id.
    #[track_caller]
    pub fn begin(&self, workflow: &str, payload: Value) -> impl Future<Output = String> + use<> {
        let (caller, path) = (self.clone(), format!("/v1/workflows/{workflow}/instances"));
        async move {
            let started = caller.post(&path, &json!({ "payload": payload })).await.expect(201);
            started["instance"].as_str().unwrap().to_owned()
        }
    }

    /// Sends an event to an instance.
    pub async fn send(&self, id: &str, event: &str, payload: Value) -> Response {
        let path = format!("/v1/instances/{id}/events");
        self.post(&path, &json!({ "event": event, "payload": payload })).await
    }

    /// Sends an event that must be accepted; answers the state after it.
    pub async fn sent(&self, id: &str, event: &str, payload: Value) -> String {
        let answer = self.send(id, event, payload).await.expect(200);
        answer["to"].as_str().unwrap().to_owned()
    }

    /// Sends an event that must be refused; answers the problem's code.
    pub async fn refused(&self, id: &str, event: &str, payload: Value, status: u16) -> String {
        self.send(id, event, payload).await.problem(status)
    }

    /// The instance as it is now.
    pub async fn instance(&self, id: &str) -> Value {
        self.get(&format!("/v1/instances/{id}")).await.expect(200)
    }

    /// The state path as it is now.
    pub async fn state(&self, id: &str) -> String {
        self.instance(id).await["state"].as_str().unwrap().to_owned()
    }

    /// The names of the instance's events, oldest first.
    pub async fn events(&self, id: &str) -> Vec<String> {
        let history = self.history(id).await;
        history.iter().map(|recorded| recorded["entry"]["event"].as_str().unwrap().to_owned()).collect()
    }

    /// The instance's recorded entries, oldest first: `entry`, `hash`, `position`.
    pub async fn history(&self, id: &str) -> Vec<Value> {
        let answer = self.get(&format!("/v1/instances/{id}/history")).await.expect(200);
        answer["entries"].as_array().unwrap().clone()
    }
}

/// A plain question by mail.
pub fn question(customer: &str) -> Value {
    json!({
        "customer_id": customer,
        "channel": "email",
        "subject": "发票抬头怎么改?",
        "body_ref": "mail/1",
        "category": "pre_sale",
        "problem_type": "invoice",
    })
}

/// A plain answer to a question.
pub fn solution() -> Value {
    json!({
        "message_ref": "mail/2", "solution_ref": "kb/1", "steps": ["打开", "保存"], "attachments": [],
        "confirmed_in_contact": false,
    })
}

/// A time as answers write it.
pub fn at(time: &str) -> String {
    Instant::parse(time).unwrap().to_string()
}

/// When a running timer of an instance fires.
#[track_caller]
pub fn due<'i>(instance: &'i Value, timer: &str) -> &'i str {
    let timers = instance["timers"].as_array().unwrap();
    let found = timers.iter().find(|armed| armed["timer"] == timer);
    found.unwrap_or_else(|| panic!("no `{timer}` among {timers:?}"))["due"].as_str().unwrap()
}

/// Where sample data lies that is not part of the project, and whether it is there.
pub fn sample_data() -> Option<std::path::PathBuf> {
    let fallback = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data");
    let folder = std::env::var("CAREFLOW_TEST_DATA").unwrap_or_else(|_| fallback.into());
    let folder = std::path::PathBuf::from(folder);
    folder.is_dir().then_some(folder)
}
