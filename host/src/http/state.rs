//! What the routes hold: handles, and nothing that could drive an actuator around the gate.

use std::sync::Arc;

use axum::extract::FromRef;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::limits::Limits;
use super::live::tickets::Tickets;
use super::openapi::AccessTable;
use crate::config::http::Http;
use crate::feed::Feed;
use crate::inventory::Inventory;
use crate::journal::Journal;
use crate::latch::Latch;
use crate::line::Line;
use crate::policy::approvals::Approvals;
use crate::policy::lifecycle::Policies;
use crate::telemetry::Metrics;
use crate::tokens::Tokens;

/// The handles of the host that HTTP speaks to. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    /// Events and manual commands go in here.
    pub line: Line,
    /// Stops and resets.
    pub latch: Latch,
    /// The life of policies.
    pub policies: Policies,
    /// Decisions that wait for a person.
    pub approvals: Approvals,
    /// Devices, sensors, actuators.
    pub inventory: Inventory,
    /// What happened.
    pub journal: Journal,
    /// What happens.
    pub feed: Feed,
    /// Who may do what.
    pub tokens: Tokens,
    /// What is counted.
    pub metrics: Metrics,
    /// Whether the host is ready.
    pub readiness: super::readiness::Readiness,
}

/// The state of the routes: the host's handles, and what the edge itself keeps.
#[derive(Clone)]
pub(crate) struct Edge {
    pub(crate) api: ApiState,
    pub(crate) own: Arc<Own>,
}

/// What the edge itself keeps.
pub(crate) struct Own {
    /// As configured.
    pub(crate) config: Http,
    /// Who asked how often.
    pub(crate) limits: Limits,
    /// Which route needs which scope.
    pub(crate) access: AccessTable,
    /// The description of the API, as it is served.
    pub(crate) document: String,
    /// Single-use tickets for clients that cannot set headers.
    pub(crate) tickets: Tickets,
    /// Room for live clients.
    pub(crate) live_room: Arc<tokio::sync::Semaphore>,
    /// Live clients that must be told when the host stops.
    pub(crate) sessions: TaskTracker,
    /// Cancelled when the host stops.
    pub(crate) drain: CancellationToken,
}

/// Lets a route ask for exactly the handles it needs.
macro_rules! handles {
    ($($field:ident: $handle:ty),* $(,)?) => {
        $(impl FromRef<Edge> for $handle {
            fn from_ref(edge: &Edge) -> Self {
                edge.api.$field.clone()
            }
        })*
    };
}

handles! {
    line: Line,
    latch: Latch,
    policies: Policies,
    approvals: Approvals,
    inventory: Inventory,
    journal: Journal,
    tokens: Tokens,
    metrics: Metrics,
    readiness: super::readiness::Readiness,
}
