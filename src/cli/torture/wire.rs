//! Owns one client's connection to the server: kept alive, opened anew when it is gone.

use std::time::Duration;

use axum::http::{HeaderMap, Method};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// Longest wait for an answer: over the server's own limit, so that only a hanging server meets it.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// A connection.
pub struct Wire {
    sender: SendRequest<Full<Bytes>>,
    address: String,
    token: String,
}

/// A request.
pub struct Request<'a> {
    /// Its method.
    pub method: Method,
    /// Its path with its query.
    pub path: &'a str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// Its body; none where it is empty.
    pub body: String,
}

impl<'a> Request<'a> {
    /// A request that reads.
    pub fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, headers: Vec::new(), body: String::new() }
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    headers: HeaderMap,
    /// The document; what is no JSON as a text.
    pub body: Value,
}

impl Answer {
    /// A header that holds a number, quoted or not.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.headers.get(name)?.to_str().ok()?.trim_matches('"').parse().ok()
    }

    /// Text of the body's member `name`.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name)?.as_str()
    }
}

impl Wire {
    /// Connects, speaking for `token`.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn connect(address: &str, token: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|e| e.to_string())?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
        // A broken connection shows where an answer is waited for.
        tokio::spawn(async move { connection.await.ok() });
        Ok(Self { sender, address: address.to_owned(), token: token.to_owned() })
    }

    /// Sends a request and reads its whole answer.
    ///
    /// # Errors
    /// Why there is none; the request may have been carried out.
    pub async fn ask(&mut self, request: Request<'_>) -> Result<Answer, String> {
        let answered = tokio::time::timeout(ANSWER_WAIT, self.answer(request)).await;
        answered.unwrap_or_else(|_| Err(format!("no answer within {ANSWER_WAIT:?}")))
    }

    async fn answer(&mut self, request: Request<'_>) -> Result<Answer, String> {
        let mut built = hyper::Request::builder()
            .method(request.method)
            .uri(request.path)
            .header("host", &self.address)
            .header("authorization", format!("Bearer {}", self.token));
        if !request.body.is_empty() {
            built = built.header("content-type", "application/json");
        }
        for (name, value) in request.headers {
            built = built.header(name, value);
        }
        let built = built.body(Full::new(Bytes::from(request.body))).map_err(|e| e.to_string())?;
        self.sender.ready().await.map_err(|e| e.to_string())?;
        let answer = self.sender.send_request(built).await.map_err(|e| e.to_string())?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
        let text = |_| Value::String(String::from_utf8_lossy(&body).into_owned());
        let body = serde_json::from_slice(&body).unwrap_or_else(text);
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }
}
