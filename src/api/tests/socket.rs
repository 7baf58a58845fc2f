//! Tests of the server over real sockets: peers, the control socket, the graceful end.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Notify, oneshot};

use crate::api::request::Peer;
use crate::api::serve;
use crate::api::server::End;

const HEAD: &str = "GET /peer HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, head: &str) -> String {
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn peer(request: Request) -> String {
    request.extensions().get::<Peer>().map_or_else(|| "nobody".to_owned(), Peer::to_string)
}

#[tokio::test]
async fn the_control_socket_knows_the_user_and_the_network_only_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let control = UnixListener::bind(&path).unwrap();
    let (end, ended) = oneshot::channel::<()>();
    let router = Router::new().route("/peer", get(peer));
    let serving = tokio::spawn(serve(listener, Some(control), router, async { ended.await.unwrap_or(()) }));
    let answer = talk(TcpStream::connect(address).await.unwrap(), HEAD).await;
    assert!(answer.ends_with("\r\n\r\n127.0.0.1"), "{answer}");
    let answer = talk(UnixStream::connect(&path).await.unwrap(), HEAD).await;
    let uid = rustix::process::getuid().as_raw();
    assert!(answer.ends_with(&format!("\r\n\r\nlocal:{uid}")), "{answer}");
    drop(end);
    serving.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody is accepted after the end");
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_end() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (entered, leave) = (begun.clone(), go_on.clone());
    let slow = move || {
        let (entered, leave) = (entered.clone(), leave.clone());
        async move {
            entered.notify_one();
            leave.notified().await;
            "done"
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = oneshot::channel::<()>();
    let router = Router::new().route("/slow", get(slow));
    let serving = tokio::spawn(serve(listener, None, router, async { ended.await.unwrap_or(()) }));
    let stream = TcpStream::connect(address).await.unwrap();
    let asked = tokio::spawn(talk(stream, "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n"));
    begun.notified().await;
    drop(end);
    go_on.notify_one();
    let answer = asked.await.unwrap();
    assert!(answer.contains("200 OK") && answer.ends_with("done"), "{answer}");
    serving.await.unwrap();
}

#[tokio::test]
async fn what_waits_is_told_of_the_end() {
    let begun = Arc::new(Notify::new());
    let entered = begun.clone();
    let waits = move |mut end: End| {
        let entered = entered.clone();
        async move {
            entered.notify_one();
            end.asked().await;
            "told"
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = oneshot::channel::<()>();
    let router = Router::new().route("/waits", get(waits));
    let serving = tokio::spawn(serve(listener, None, router, async { ended.await.unwrap_or(()) }));
    let asked = tokio::spawn(talk(
        TcpStream::connect(address).await.unwrap(),
        "GET /waits HTTP/1.1\r\nhost: x\r\n\r\n",
    ));
    begun.notified().await;
    assert!(!asked.is_finished());
    drop(end);
    assert!(asked.await.unwrap().ends_with("told"));
    serving.await.unwrap();
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = oneshot::channel::<()>();
    let router = Router::new().route("/peer", get(peer));
    let serving = tokio::spawn(serve(listener, None, router, async { ended.await.unwrap_or(()) }));
    let many: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
    let head = format!("GET /peer HTTP/1.1\r\nhost: x\r\n{many}\r\n");
    let answer = talk(TcpStream::connect(address).await.unwrap(), &head).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    drop(end);
    serving.await.unwrap();
}
