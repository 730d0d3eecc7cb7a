//! HTTP: REST, WebSocket, SSE, and a page, over handles that cannot actuate.
//!
//! ```text
//! listen (who may connect) -> observe (count, log) -> auth (who may do this) -> routes -> handles of the host
//! ```
//!
//! Bounds are per connection (`listen`, `stall`), per request (`body`) and per client (`limits`); every failure becomes
//! a problem in `error`, and every route is described by `openapi`, which is also what `auth` enforces.

pub(crate) mod auth;
pub(crate) mod body;
pub mod error;
pub(crate) mod limits;
mod listen;
pub(crate) mod live;
mod observe;
pub mod openapi;
pub mod readiness;
pub(crate) mod reply;
pub(crate) mod routes;
mod stall;
pub mod state;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::http::Http;
use error::Problem;
pub use readiness::Readiness;
pub use state::ApiState;
use state::{Edge, Own};

/// Why HTTP could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration contradicts itself.
    #[error("{}", .0.join("; "))]
    Config(Vec<String>),
    /// The address is not to be had.
    #[error("cannot listen on `{address}`: {reason}; set `http.listen` to another address, port 0 takes a free one")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        reason: std::io::Error,
    },
}

/// Listens and serves until `shutdown`; then tells live clients, finishes what is in flight, and ends within
/// `config.drain_ms`. The address is the one it really listens on.
///
/// # Errors
/// When the configuration is wrong or the address is not to be had.
pub async fn serve(
    config: Http,
    api: ApiState,
    shutdown: CancellationToken,
) -> Result<(SocketAddr, JoinHandle<()>), ServeError> {
    let problems = config.problems();
    if !problems.is_empty() {
        return Err(ServeError::Config(problems));
    }
    let bind = |reason| ServeError::Bind { address: config.listen, reason };
    let listener = TcpListener::bind(config.listen).await.map_err(bind)?;
    let address = listener.local_addr().map_err(bind)?;
    let (metrics, sessions) = (api.metrics.clone(), TaskTracker::new());
    let router = router(config.clone(), api, sessions.clone(), shutdown.clone());
    let drain = std::time::Duration::from_millis(config.drain_ms);
    let task = tokio::spawn(async move {
        listen::run(listener, router, config, metrics, shutdown).await;
        sessions.close();
        if tokio::time::timeout(drain, sessions.wait()).await.is_err() {
            tracing::warn!(open = sessions.len(), "live clients were cut: they did not end in time");
        }
    });
    Ok((address, task))
}

/// The whole service without a socket.
pub(crate) fn router(config: Http, api: ApiState, sessions: TaskTracker, drain: CancellationToken) -> Router {
    let (routes, document) = routes::all();
    let own = Own {
        limits: limits::Limits::new(&config),
        access: openapi::AccessTable::read(&document),
        document: openapi::text(&document),
        tickets: live::tickets::Tickets::default(),
        live_room: Arc::new(Semaphore::new(config.max_live_clients.min(Semaphore::MAX_PERMITS))),
        sessions,
        drain,
        config,
    };
    let edge = Edge { api, own: Arc::new(own) };
    routes
        .fallback(|request: Request| async move { Problem::no_route(request.uri().path()) })
        .method_not_allowed_fallback(|| async { Problem::no_method() })
        .layer(from_fn_with_state(edge.clone(), auth::guard))
        .layer(from_fn_with_state(edge.clone(), observe::observe))
        .with_state(edge)
}
