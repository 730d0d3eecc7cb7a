//! `GET /api/v1/stream`: the same events as server-sent events, for `curl` and simple pages.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, StreamExt as _};
use interlock_core::time::Seq;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;

use super::watch::{Step, Watch};
use super::{dialect, origin, socket};
use crate::http::auth::Caller;
use crate::http::body::Query;
use crate::http::error::Problem;
use crate::http::state::Edge;
use crate::telemetry::metrics::Present;

/// What to watch.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// Topics, separated by commas; without it, all.
    topics: Option<String>,
    /// Also what came after this record. A `Last-Event-ID` header says the same and wins.
    after: Option<Seq>,
    /// A single-use ticket, for browsers.
    #[serde(rename = "ticket")]
    _ticket: Option<String>,
}

/// Watch as server-sent events
///
/// `id` is the record's number, `event` the event's type. A client that comes back with `Last-Event-ID` misses nothing.
#[utoipa::path(
    get, path = "/api/v1/stream", tag = "live",
    params(StreamQuery),
    responses((status = 200, description = "Events without end", body = String, content_type = "text/event-stream")),
    security(("bearer" = ["policy:read"]), ("ticket" = []))
)]
pub(crate) async fn open_stream(
    State(edge): State<Edge>,
    caller: Caller,
    headers: HeaderMap,
    Query(query): Query<StreamQuery>,
) -> Result<Response, Problem> {
    origin::permitted(&headers, &edge.own.config.allowed_origins)?;
    let room = socket::room(&edge)?;
    let mut watch = Watch::new(&edge);
    let after = last_event_id(&headers)?.or(query.after);
    for topic in query.topics.as_deref().unwrap_or("#").split(',') {
        watch.subscribe(topic.trim(), after)?;
    }
    let ping = Duration::from_millis(edge.own.config.ping_interval_ms);
    let present = (edge.api.metrics.live_client("sse"), room);
    let steps = stream::unfold(Some(Watcher { watch, edge, caller, _present: present }), Watcher::step);
    let events = steps.flat_map(stream::iter).map(Ok::<_, Infallible>);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ping)).into_response())
}

struct Watcher {
    watch: Watch,
    edge: Edge,
    caller: Caller,
    _present: (Present, OwnedSemaphorePermit),
}

impl Watcher {
    async fn step(this: Option<Self>) -> Option<(Vec<Event>, Option<Self>)> {
        let mut this = this?;
        let drain = this.edge.own.drain.clone();
        let end = tokio::select! {
            biased;
            () = drain.cancelled() => "the host is stopping",
            () = this.caller.gone() => "the token is no longer valid",
            step = this.watch.next() => match step {
                Ok(Some(step)) => return Some((this.told(step), Some(this))),
                Ok(None) => "the host is stopping",
                Err(_) => "the journal cannot be read",
            },
        };
        Some((vec![event("close", &json!({"event_type": "close", "reason": end}))], None))
    }

    fn told(&self, step: Step) -> Vec<Event> {
        match step {
            Step::Gap { from, to, missed } => {
                self.edge.api.metrics.gap(missed);
                vec![event("gap", &dialect::gap(from, to, missed)).id(to.to_string())]
            }
            Step::Events(seq, told) => {
                // Only the last event of a record has its number: a client that breaks off between two of them is told
                // both again.
                let last = told.len().saturating_sub(1);
                let numbered = told.into_iter().enumerate().map(|(place, told)| {
                    let event = event(told.kind, &told.body);
                    if place == last { event.id(seq.to_string()) } else { event }
                });
                numbered.collect()
            }
        }
    }
}

fn event(kind: &'static str, body: &Value) -> Event {
    Event::default().event(kind).data(body.to_string())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<Seq>, Problem> {
    let Some(id) = headers.get("last-event-id") else { return Ok(None) };
    let seq = id.to_str().ok().and_then(|id| id.parse().ok());
    seq.map(Some).ok_or_else(|| Problem::malformed("`Last-Event-ID` is no record's number"))
}
