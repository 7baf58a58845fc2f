//! Owns one client: a keep-alive connection over plain HTTP/1.1 that sends one request after another.

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::Outcome;

/// A connection to a server.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    address: String,
}

/// A complete answer.
#[derive(Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Bytes,
}

/// What a request carries beside its body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    /// The path, with its query.
    pub path: &'a str,
    /// The bearer token; none where it is empty.
    pub token: &'a str,
    /// The `Idempotency-Key`; none where it is empty.
    pub key: &'a str,
}

impl Client {
    /// Connects to `address`.
    pub async fn to(address: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // A broken connection shows where an answer is waited for.
        tokio::spawn(async move { connection.await.ok() });
        Ok(Self { sender, address: address.to_owned() })
    }

    /// Sends `body` and waits for the whole answer.
    pub async fn post(&mut self, head: Head<'_>, body: Bytes) -> Outcome<Reply> {
        let request = self.head(head, "POST").header("content-type", "application/json");
        self.send(request.body(Full::new(body))?).await
    }

    /// Asks for a path.
    pub async fn get(&mut self, path: &str, token: &str) -> Outcome<Reply> {
        let request = self.head(Head { path, token, key: "" }, "GET").body(Full::default())?;
        self.send(request).await
    }

    /// Asks for a path whose answer must be a JSON document with status 200.
    pub async fn document(&mut self, path: &str, token: &str) -> Outcome<Value> {
        let reply = self.get(path, token).await?;
        reply.expect(200, path)?;
        Ok(serde_json::from_slice(&reply.body)?)
    }

    fn head(&self, head: Head<'_>, method: &str) -> hyper::http::request::Builder {
        let mut request = Request::builder().method(method).uri(head.path).header("host", &self.address);
        if !head.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", head.token));
        }
        if !head.key.is_empty() {
            request = request.header("idempotency-key", head.key);
        }
        request
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Outcome<Reply> {
        // Until the connection has put the last answer away it cancels a request.
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status().as_u16();
        Ok(Reply { status, body: answer.into_body().collect().await?.to_bytes() })
    }
}

impl Reply {
    /// Fails where the status is another one, with what the answer says.
    pub fn expect(&self, status: u16, asked: &str) -> Outcome<()> {
        if self.status == status {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&self.body);
        Err(format!("`{asked}` was answered with {}: {said}", self.status).into())
    }
}
