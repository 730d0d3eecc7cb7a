//! What policies decided, and why.

use axum::Json as Body;
use axum::extract::State;
use interlock_core::time::Seq;
use serde::Deserialize;

use super::journal::{Direction, RecordPage, one, records};
use crate::http::auth::Caller;
use crate::http::body::{Path, Query};
use crate::http::error::Problem;
use crate::journal::Journal;
use crate::journal::query::Filter;
use crate::journal::record::{Body as RecordBody, Record};
use crate::policy::Simulation;
use crate::policy::lifecycle::Policies;

/// Which decisions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DecisionsQuery {
    /// Only what came after this record, oldest first.
    after: Option<Seq>,
    /// Only what came before this record, newest first. Without `after` and `before`, the newest.
    before: Option<Seq>,
    /// At most so many; 100 without it, 1000 at most.
    limit: Option<usize>,
    /// Only of this policy.
    policy: Option<String>,
    /// Only what concerns this actuator.
    actuator: Option<String>,
}

/// Decisions and faults, newest first
#[utoipa::path(
    get, path = "/api/v1/decisions", tag = "operator",
    params(DecisionsQuery),
    responses((status = 200, description = "Their records", body = RecordPage)),
    security(("bearer" = ["audit:read"]))
)]
pub(crate) async fn list_decisions(
    State(journal): State<Journal>,
    Query(query): Query<DecisionsQuery>,
) -> Result<Body<RecordPage>, Problem> {
    let direction = Direction::of(query.after, query.before)?;
    let kinds = vec!["decision".to_owned(), "fault".to_owned()];
    let DecisionsQuery { policy, actuator, limit, .. } = query;
    let filter = Filter { kinds, policy, actuator, device: None, with_personal: true };
    records(journal, direction, limit, filter).await
}

/// One decision or fault
#[utoipa::path(
    get, path = "/api/v1/decisions/{seq}", tag = "operator",
    params(("seq" = u64, Path, description = "Its record")),
    responses((status = 200, description = "Its record", body = Record)),
    security(("bearer" = ["audit:read"]))
)]
pub(crate) async fn get_decision(
    State(journal): State<Journal>,
    caller: Caller,
    Path(seq): Path<Seq>,
) -> Result<Body<Record>, Problem> {
    let record = one(journal, seq, &caller).await?;
    record
        .filter(|record| matches!(record.body, RecordBody::Decision(_) | RecordBody::Fault(_)))
        .map(Body)
        .ok_or_else(|| Problem::not_found("decision", &seq.to_string()))
}

/// Why: the same version run again on the same event, with every rule's finding
#[utoipa::path(
    get, path = "/api/v1/decisions/{seq}/why", tag = "operator",
    params(("seq" = u64, Path, description = "The decision's record")),
    responses((status = 200, description = "The answer, with all findings", body = Simulation)),
    security(("bearer" = ["audit:read"]))
)]
pub(crate) async fn explain_decision(
    State(policies): State<Policies>,
    Path(seq): Path<Seq>,
) -> Result<Body<Simulation>, Problem> {
    Ok(Body(policies.why(seq).await?))
}
