//! The accept loop: who may connect, how long they may take, and how it ends.
//!
//! `axum::serve` has neither a timeout for a request's head nor a bound on connections, so one slow client per socket
//! is enough to stop it; hence this loop on hyper itself. Every timeout of a connection is here: its head by hyper, its
//! body by [`super::body`], and what it leaves unread by [`super::stall`].

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::auth::Peer;
use super::stall::Stalling;
use crate::config::http::Http;
use crate::telemetry::Metrics;

/// Bytes of a request's head at most.
const MAX_HEAD: usize = 64 * 1024;
/// How long to wait when the machine has no more file handles.
const OUT_OF_HANDLES: Duration = Duration::from_millis(100);

/// Accepts connections and answers with `router` until `drain`; then finishes what is in flight, for as long as
/// `config.drain_ms`.
pub(super) async fn run(
    listener: TcpListener,
    router: Router,
    config: Http,
    metrics: Metrics,
    drain: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(config.max_connections));
    let crowd = Crowd::new(config.max_connections_per_ip);
    let mut connections = JoinSet::new();
    loop {
        // The room first: while there is none, newcomers wait in the kernel's queue and cost nothing.
        let accepted = tokio::select! {
            biased;
            () = drain.cancelled() => break,
            _ = connections.join_next(), if !connections.is_empty() => continue,
            accepted = accept(&listener, &room) => accepted,
        };
        let Some((stream, address, permit)) = accepted else { continue };
        // Too many from one address: closing is the answer, since every other one would have to be paid for.
        let Some(place) = crowd.enter(address.ip()) else { continue };
        let present = (metrics.http_connection(), place, permit);
        connections.spawn(serve(stream, address, router.clone(), config.clone(), drain.clone(), present));
    }
    drop(listener);
    let flushed = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(Duration::from_millis(config.drain_ms), flushed).await.is_err() {
        tracing::warn!(open = connections.len(), "connections were cut: they did not end in time");
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => Some((stream, address, permit)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(OUT_OF_HANDLES).await;
            None
        }
    }
}

/// Serves one connection until it ends, or until the host does and the request in flight is answered.
async fn serve<P>(
    stream: TcpStream,
    address: SocketAddr,
    router: Router,
    config: Http,
    drain: CancellationToken,
    _present: P,
) {
    // Small answers must not wait for each other.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(address));
        router.clone().oneshot(request)
    });
    let io = TokioIo::new(Stalling::new(stream, Duration::from_millis(config.write_timeout_ms)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(config.header_timeout_ms))
        .max_buf_size(MAX_HEAD)
        .serve_connection(io, service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %address, "a connection broke off");
    }
}

/// How many connections each address has. Loopback is exempt: a proxy on this machine speaks for many.
#[derive(Clone)]
struct Crowd {
    most: usize,
    here: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection's place in the crowd; it leaves when this is dropped.
struct Place(Option<(Crowd, IpAddr)>);

impl Crowd {
    fn new(most: usize) -> Self {
        Self { most, here: Arc::default() }
    }

    fn enter(&self, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        if address.is_loopback() {
            return Some(Place(None));
        }
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        let count = here.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place(Some((self.clone(), address))))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((crowd, address)) = &self.0 else { return };
        let mut here = crowd.here.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = here.get_mut(address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                here.remove(address);
            }
        }
    }
}

#[cfg(test)]
mod tests;
