//! Owns how a command asks the API: through the control socket of a running server, else of an engine of its own.
//!
//! # Why
//! Both ways go through the same routes, so that a command checks, records and
//! refuses the same whether or not a server runs.

use axum::Router;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Bytes};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use tokio::net::UnixStream;
use tower_service::Service;

use super::directory;
use super::failure::Failure;
use super::progress::{Progress, Unit};
use crate::api::request::Peer;
use crate::api::{self, AppState, Limits};
use crate::app::{self, Store};
use crate::config::Config;
use crate::engine::Engine;
use crate::time::WallTime;
use crate::workflows::Registry;

/// Asks the API.
pub struct Client(Way);

enum Way {
    /// A server that runs.
    Socket(SendRequest<Body>),
    /// An engine of this process.
    Within(Box<Within>),
}

struct Within {
    router: Router,
    engine: Engine,
    // The directory stays locked as long as the engine runs.
    _store: Store,
}

/// What the API answered.
#[derive(Debug)]
pub struct Answer {
    /// The document.
    pub body: Value,
    /// `Careflow-Position`, where the answer carries it.
    pub position: Option<u64>,
}

impl Client {
    /// Asks the server that has the directory open, or opens it as `serve` would.
    ///
    /// # Errors
    /// A directory that can be used in neither way.
    pub async fn reach(config: &Config) -> Result<Self, Failure> {
        if let Some(client) = Self::running(&config.control()).await? {
            return Ok(client);
        }
        let registry = Registry::shipped();
        let sources = app::sources(registry.all(), config.definitions.as_deref())?;
        let store = directory::open(config).await?;
        let progress = Progress::new("building the index", Unit::Commits);
        let time = Arc::new(WallTime);
        let engine = store.engine(sources, time, Box::new(move |done, of| progress.set(done, of))).await?;
        let state = AppState::new(registry.all(), Limits::default());
        state.open(engine.clone());
        Ok(Self(Way::Within(Box::new(Within { router: api::router(state), engine, _store: store }))))
    }

    /// The server that listens on the socket, where there is one.
    ///
    /// # Errors
    /// A socket that may not be opened.
    pub async fn running(socket: &Path) -> Result<Option<Self>, Failure> {
        let stream = match UnixStream::connect(socket).await {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(error) => {
                return Err(Failure::Directory(format!("`{}` cannot be opened: {error}", socket.display())));
            }
        };
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| broken(&e))?;
        // A broken connection shows where an answer is waited for.
        tokio::spawn(async move { connection.await.ok() });
        Ok(Some(Self(Way::Socket(sender))))
    }

    /// Sends one request.
    ///
    /// # Errors
    /// [`Failure::Refused`] with the problem's text.
    pub async fn ask(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        let body = match body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let mut request = request
            .body(body)
            .map_err(|error| Failure::Usage(format!("`{path}` cannot be asked for: {error}")))?;
        match &mut self.0 {
            Way::Socket(sender) => {
                // Until the connection has put the last answer away it cancels a request.
                sender.ready().await.map_err(|e| broken(&e))?;
                let response = sender.send_request(request).await.map_err(|e| broken(&e))?;
                answer(response).await
            }
            Way::Within(within) => {
                let uid = rustix::process::getuid().as_raw();
                request.extensions_mut().insert(Peer::Local { uid });
                let response = match within.router.call(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                };
                answer(response).await
            }
        }
    }

    /// Ends it: an engine of this process is stopped cleanly.
    ///
    /// # Errors
    /// What could not be closed.
    pub async fn leave(self) -> Result<(), Failure> {
        match self.0 {
            Way::Socket(_) => Ok(()),
            Way::Within(within) => within.engine.stop().await.map_err(Failure::Directory),
        }
    }
}

fn broken(error: &hyper::Error) -> Failure {
    Failure::Refused(format!("the running server broke off: {error}"))
}

async fn answer<B>(response: Response<B>) -> Result<Answer, Failure>
where
    B: HttpBody<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    let (head, body) = response.into_parts();
    let body = body.collect().await;
    let body = body.map_err(|error| Failure::Refused(format!("the answer broke off: {error}")))?.to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if !head.status.is_success() {
        return Err(refused(head.status, &body));
    }
    let position = head.headers.get("careflow-position").and_then(|value| value.to_str().ok());
    Ok(Answer { body, position: position.and_then(|text| text.parse().ok()) })
}

/// A problem document in one line.
fn refused(status: StatusCode, problem: &Value) -> Failure {
    let text = |name: &str| problem.get(name).and_then(Value::as_str);
    let detail = text("detail").or(text("title")).map_or_else(|| format!("status {status}"), str::to_owned);
    let faults = problem.get("faults").and_then(Value::as_array).into_iter().flatten();
    let faults =
        faults.filter_map(|fault| Some((fault.get("path")?.as_str()?, fault.get("message")?.as_str()?)));
    let faults: String = faults.map(|(path, message)| format!("\n  {path}: {message}")).collect();
    Failure::Refused(format!("{detail}{faults}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_is_told_with_its_faults() {
        let problem = json!({
            "title": "Payload", "detail": "the payload does not fit",
            "faults": [{ "path": "/roles", "message": "is empty" }],
        });
        let failure = refused(StatusCode::UNPROCESSABLE_ENTITY, &problem);
        assert_eq!(failure.to_string(), "the payload does not fit\n  /roles: is empty");
        assert_eq!(failure.code(), 4);
    }

    #[test]
    fn an_answer_that_is_no_problem_document_is_told_by_its_status() {
        let failure = refused(StatusCode::BAD_GATEWAY, &Value::Null);
        assert_eq!(failure.to_string(), "status 502 Bad Gateway");
    }

    #[tokio::test]
    async fn a_socket_that_nobody_listens_on_is_no_server() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("control.sock");
        assert!(Client::running(&socket).await.unwrap().is_none());
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        assert!(Client::running(&socket).await.unwrap().is_none());
    }
}
