//! Decisions that wait for a person's word.

use axum::Json as Body;
use axum::extract::State;
use interlock_core::gate::Verdict;
use serde::{Deserialize, Serialize};

use crate::http::auth::Caller;
use crate::http::body::{Json, Path};
use crate::http::error::Problem;
use crate::policy::approvals::{Approvals, Request};

/// Yes or no.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    /// Whether it may happen.
    approve: bool,
}

/// What came of an answer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Answered {
    /// How the gate judged what was approved; empty for a no.
    verdicts: Vec<Verdict>,
}

/// What waits, oldest first
#[utoipa::path(
    get, path = "/api/v1/approvals", tag = "operator",
    responses((status = 200, description = "What waits", body = Vec<Request>)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn list_approvals(State(approvals): State<Approvals>) -> Result<Body<Vec<Request>>, Problem> {
    Ok(Body(approvals.list().await?))
}

/// One decision that waits
#[utoipa::path(
    get, path = "/api/v1/approvals/{seq}", tag = "operator",
    params(("seq" = u64, Path, description = "The decision's record")),
    responses((status = 200, description = "What it asks for", body = Request)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn get_approval(
    State(approvals): State<Approvals>,
    Path(seq): Path<u64>,
) -> Result<Body<Request>, Problem> {
    let waiting = approvals.list().await?;
    let asked = waiting.into_iter().find(|request| request.decision == seq);
    asked.map(Body).ok_or_else(|| Problem::not_found("waiting decision", &seq.to_string()))
}

/// Answer a decision that waits
///
/// What is approved goes through the gate as a fresh cause.
#[utoipa::path(
    post, path = "/api/v1/approvals/{seq}", tag = "operator",
    params(("seq" = u64, Path, description = "The decision's record")),
    request_body = Answer,
    responses((status = 200, description = "How the gate judged", body = Answered)),
    security(("bearer" = ["policy:approve"]))
)]
pub(crate) async fn answer_approval(
    State(approvals): State<Approvals>,
    caller: Caller,
    Path(seq): Path<u64>,
    Json(answer): Json<Answer>,
) -> Result<Body<Answered>, Problem> {
    let verdicts = approvals.answer(seq, answer.approve, &caller.name()).await?;
    Ok(Body(Answered { verdicts }))
}
