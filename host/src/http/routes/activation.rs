//! Which version answers, and what one would answer.

use axum::Json as Body;
use axum::extract::State;
use interlock_core::event::Observation;
use interlock_core::policy::Mode;
use serde::Deserialize;

use super::events::NewEvent;
use crate::http::auth::Caller;
use crate::http::body::{Json, Path};
use crate::http::error::Problem;
use crate::policy::lifecycle::Policies;
use crate::policy::{PolicyView, Simulation};

/// Which version, and how.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Activate {
    /// The version's number.
    version: u64,
    /// What its decisions may do; without it as before.
    mode: Option<Mode>,
    /// Why.
    reason: Option<String>,
}

/// Where to go back to.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollBack {
    /// The version's number; without it the one active before.
    to: Option<u64>,
    /// Why.
    reason: Option<String>,
}

/// What to try.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Simulate {
    /// The version's number; without it the active one.
    version: Option<u64>,
    /// What would have happened.
    event: NewEvent,
}

/// Let a version answer from the next event on
#[utoipa::path(
    post, path = "/api/v1/policies/{name}/activate", tag = "author",
    params(("name" = String, Path, description = "The policy")),
    request_body = Activate,
    responses((status = 200, description = "The policy as it is now", body = PolicyView)),
    security(("bearer" = ["policy:write"]))
)]
pub(crate) async fn activate_version(
    State(policies): State<Policies>,
    caller: Caller,
    Path(name): Path<String>,
    Json(body): Json<Activate>,
) -> Result<Body<PolicyView>, Problem> {
    Ok(Body(policies.activate(&name, body.version, body.mode, &caller.name(), body.reason).await?))
}

/// Let an earlier version answer again
#[utoipa::path(
    post, path = "/api/v1/policies/{name}/rollback", tag = "author",
    params(("name" = String, Path, description = "The policy")),
    request_body = RollBack,
    responses((status = 200, description = "The policy as it is now", body = PolicyView)),
    security(("bearer" = ["policy:write"]))
)]
pub(crate) async fn roll_back(
    State(policies): State<Policies>,
    caller: Caller,
    Path(name): Path<String>,
    Json(body): Json<RollBack>,
) -> Result<Body<PolicyView>, Problem> {
    Ok(Body(policies.rollback(&name, body.to, &caller.name(), body.reason).await?))
}

/// What a version would answer to an event now
///
/// Nothing of it takes effect, and nothing is recorded.
#[utoipa::path(
    post, path = "/api/v1/policies/{name}/simulate", tag = "author",
    params(("name" = String, Path, description = "The policy")),
    request_body = Simulate,
    responses((status = 200, description = "The answer, and how the gate would judge it", body = Simulation)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn simulate(
    State(policies): State<Policies>,
    Path(name): Path<String>,
    Json(body): Json<Simulate>,
) -> Result<Body<Simulation>, Problem> {
    let event = Observation::try_from(body.event)?;
    Ok(Body(policies.simulate(&name, body.version, event).await?))
}
