//! Policies as slots: list, look, adjust, delete.

use axum::Json as Body;
use axum::extract::State;

use crate::http::auth::Caller;
use crate::http::body::{Json, Path};
use crate::http::error::Problem;
use crate::http::reply::Done;
use crate::policy::lifecycle::Policies;
use crate::policy::{Adjust, PolicyView};

/// All policies in order of name
#[utoipa::path(
    get, path = "/api/v1/policies", tag = "author",
    responses((status = 200, description = "All policies", body = Vec<PolicyView>)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn list_policies(State(policies): State<Policies>) -> Body<Vec<PolicyView>> {
    Body(policies.list())
}

/// One policy
#[utoipa::path(
    get, path = "/api/v1/policies/{name}", tag = "author",
    params(("name" = String, Path, description = "The policy")),
    responses((status = 200, description = "The policy", body = PolicyView)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn get_policy(
    State(policies): State<Policies>,
    Path(name): Path<String>,
) -> Result<Body<PolicyView>, Problem> {
    Ok(Body(policies.get(&name)?))
}

/// Change mode, priority, fallback, or switch on and off
///
/// Absent fields stay as they are. What a policy decides needs a new version instead.
#[utoipa::path(
    patch, path = "/api/v1/policies/{name}", tag = "author",
    params(("name" = String, Path, description = "The policy")),
    request_body = Adjust,
    responses((status = 200, description = "The policy as it is now", body = PolicyView)),
    security(("bearer" = ["policy:write"]))
)]
pub(crate) async fn adjust_policy(
    State(policies): State<Policies>,
    caller: Caller,
    Path(name): Path<String>,
    Json(adjust): Json<Adjust>,
) -> Result<Body<PolicyView>, Problem> {
    Ok(Body(policies.adjust(&name, adjust, &caller.name()).await?))
}

/// Delete a policy with its versions and state
///
/// Its actuators fall to the next priority or their safe values.
#[utoipa::path(
    delete, path = "/api/v1/policies/{name}", tag = "author",
    params(("name" = String, Path, description = "The policy")),
    responses((status = 204, description = "It is gone")),
    security(("bearer" = ["policy:write"]))
)]
pub(crate) async fn delete_policy(
    State(policies): State<Policies>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Done, Problem> {
    policies.delete(&name, &caller.name()).await?;
    Ok(Done)
}
