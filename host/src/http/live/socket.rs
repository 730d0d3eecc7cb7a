//! `GET /api/v1/ws`: the way to a WebSocket, and the ticket for browsers.

use axum::Json as Body;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use super::{origin, session, tickets};
use crate::http::auth::Caller;
use crate::http::error::Problem;
use crate::http::state::Edge;

/// Bytes of one message from a client at most.
const MAX_IN: usize = 64 * 1024;
/// Bytes that wait in the socket's own buffer for a client at most.
const MAX_OUT: usize = 256 * 1024;
/// Bytes of the buffers that every client has from the start.
const BUFFER: usize = 4 * 1024;

/// A ticket.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Ticket {
    /// To be sent as `?ticket=`, once.
    ticket: String,
    /// How long it is good, in seconds.
    expires_in_s: u64,
}

/// Watch over a WebSocket
///
/// Messages: `{"type": "subscribe", "topic": "sensor_data/+"}` (with `"after": seq` to resume), `unsubscribe`, `ping`,
/// `emergency_stop`, `emergency_reset`. Answers and events have an `event_type`; what was missed comes as a `gap`.
#[utoipa::path(
    get, path = "/api/v1/ws", tag = "live",
    responses((status = 101, description = "The connection is a WebSocket from here on")),
    security(("bearer" = ["policy:read"]), ("ticket" = []))
)]
pub(crate) async fn open_socket(
    State(edge): State<Edge>,
    caller: Caller,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    origin::permitted(&headers, &edge.own.config.allowed_origins)?;
    let upgrade = upgrade.map_err(|rejection| Problem::no_upgrade(rejection.body_text()))?;
    let room = room(&edge)?;
    let upgrade = upgrade
        .max_message_size(MAX_IN)
        .max_frame_size(MAX_IN)
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_write_buffer_size(MAX_OUT);
    let tracked = edge.own.sessions.token();
    Ok(upgrade.on_upgrade(move |socket| async move {
        let _present = (edge.api.metrics.live_client("websocket"), room, tracked);
        session::serve(socket, edge, caller).await;
    }))
}

/// A single-use ticket for a browser's WebSocket or event stream
#[utoipa::path(
    post, path = "/api/v1/ws/ticket", tag = "live",
    responses((status = 200, description = "The ticket", body = Ticket)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn give_ticket(State(edge): State<Edge>, caller: Caller) -> Result<Body<Ticket>, Problem> {
    let ticket = edge.own.tickets.give(caller)?;
    Ok(Body(Ticket { ticket, expires_in_s: tickets::TICKET_LIFE.as_secs() }))
}

/// Room for one more live client.
pub(super) fn room(edge: &Edge) -> Result<OwnedSemaphorePermit, Problem> {
    let room = std::sync::Arc::clone(&edge.own.live_room).try_acquire_owned();
    room.map_err(|_| Problem::full(format!("there are {} live clients already", edge.own.config.max_live_clients)))
}
