//! Owns connections: takes them from the listeners, limits them, and ends gracefully.
//!
//! # Why
//! `axum::serve` has no limit on how long a client may take to send its head nor
//! on the number of connections; hyper has the first, a semaphore gives the second.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::request::Peer;
use super::state::Limits;
use crate::metrics::Gauge;

/// Most bytes of a head with its body's first part: far over any head of ours.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Most headers of a request: browsers and proxies send about 30.
pub const HEADERS_MAX: usize = 100;
/// Pause after a failed accept: out of file handles, it would fail again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where connections come from.
pub struct Listeners {
    /// The network.
    pub network: TcpListener,
    /// The control socket, where there is one.
    pub control: Option<UnixListener>,
}

/// How many connections are let in, for how long, and how many are.
#[derive(Clone, Debug, Default)]
pub struct Door {
    /// What a connection may take.
    pub limits: Limits,
    /// Open connections.
    pub open: Arc<Gauge>,
}

/// Serves as [`serve_on`] does, through a door of its own with the default limits.
pub async fn serve(
    listener: TcpListener,
    control: Option<UnixListener>,
    router: Router,
    shutdown: impl Future<Output = ()>,
) {
    let listeners = Listeners { network: listener, control };
    serve_on(listeners, router, Door::default(), shutdown).await;
}

/// Serves `router` on the listeners until `shutdown`, within the limits of `door`.
///
/// From `shutdown` on nobody is accepted; requests under way are answered, for as
/// long as the limits say, and those that wait for something are told of the [`End`].
pub async fn serve_on(listeners: Listeners, router: Router, door: Door, shutdown: impl Future<Output = ()>) {
    let Listeners { network: listener, control } = listeners;
    let limits = door.limits;
    let places = Arc::new(Semaphore::new(limits.connections_max));
    let (ending, _) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        while connections.try_join_next().is_some() {}
        let place = tokio::select! {
            () = &mut shutdown => break,
            place = places.clone().acquire_owned() => place.expect("the semaphore is never closed"),
        };
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    // Answers are small and complete: waiting to fill a packet only delays them.
                    let _unchanged = stream.set_nodelay(true);
                    let peer = Peer::Network(address);
                    let serving = connection(stream, peer, router.clone(), ending.subscribe(), limits);
                    connections.spawn(counted(door.open.clone(), place, serving));
                }
                Err(error) => pause(&error).await,
            },
            accepted = accept_control(control.as_ref()) => match accepted {
                Ok((stream, uid)) => {
                    let peer = Peer::Local { uid };
                    let serving = connection(stream, peer, router.clone(), ending.subscribe(), limits);
                    connections.spawn(counted(door.open.clone(), place, serving));
                }
                Err(error) => pause(&error).await,
            },
        }
    }
    drop((listener, control));
    ending.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(limits.drain_wait, drained).await.is_err() {
        tracing::warn!("requests were still under way {:?} after the end was asked for", limits.drain_wait);
    }
}

/// Serves one connection in its place.
async fn counted(open: Arc<Gauge>, place: OwnedSemaphorePermit, serving: impl Future<Output = ()>) {
    let held = open.hold();
    serving.await;
    drop((held, place));
}

async fn pause(error: &std::io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// The next connection on the control socket and the user behind it; never, where there is none.
async fn accept_control(control: Option<&UnixListener>) -> std::io::Result<(tokio::net::UnixStream, u32)> {
    match control {
        Some(listener) => {
            let (stream, _) = listener.accept().await?;
            let uid = stream.peer_cred()?.uid();
            Ok((stream, uid))
        }
        None => std::future::pending().await,
    }
}

async fn connection<S>(
    stream: S,
    peer: Peer,
    router: Router,
    mut ending: watch::Receiver<bool>,
    limits: Limits,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let end = End(Some(ending.clone()));
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(end.clone());
        answer(router.clone(), request.map(Body::new))
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_wait)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = until(&mut ending) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// Tells a request that waits, or streams, that the server's end was asked for.
#[derive(Clone, Debug)]
pub struct End(Option<watch::Receiver<bool>>);

impl End {
    /// Returns once the end was asked for; never, where no server of ours serves the request.
    pub async fn asked(&mut self) {
        match &mut self.0 {
            Some(ending) => until(ending).await,
            None => std::future::pending().await,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for End {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or(Self(None)))
    }
}

/// Returns once the end was asked for; what guards the value is let go at once.
async fn until(ending: &mut watch::Receiver<bool>) {
    let _asked = ending.wait_for(|ending| *ending).await;
}

async fn answer(router: Router, request: Request) -> Result<Response, Infallible> {
    use tower_service::Service;
    let mut router = router;
    // A router is always ready: axum does not use back-pressure.
    router.call(request).await
}
