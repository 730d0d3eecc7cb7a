//! The versions of a policy: history and one.

use axum::Json as Body;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::http::body::{Path, Query};
use crate::http::error::Problem;
use crate::policy::lifecycle::Policies;
use crate::store::VersionRow;

/// Versions of one answer, unless fewer are asked for.
const DEFAULT_LIMIT: usize = 50;
/// Versions of one answer at most.
const MAX_LIMIT: usize = 200;

/// Which versions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VersionsQuery {
    /// Only versions with a smaller number.
    before: Option<u64>,
    /// At most so many; 50 without it, 200 at most.
    limit: Option<usize>,
}

/// A part of the history.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct VersionPage {
    /// Newest first.
    versions: Vec<VersionRow>,
    /// The `before` of the next part; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// The versions of a policy, newest first
#[utoipa::path(
    get, path = "/api/v1/policies/{name}/versions", tag = "author",
    params(("name" = String, Path, description = "The policy"), VersionsQuery),
    responses((status = 200, description = "A part of the history", body = VersionPage)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn list_versions(
    State(policies): State<Policies>,
    Path(name): Path<String>,
    Query(query): Query<VersionsQuery>,
) -> Result<Body<VersionPage>, Problem> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let mut versions = policies.versions(&name)?;
    versions.retain(|version| query.before.is_none_or(|before| version.number < before));
    let more = versions.len() > limit;
    versions.truncate(limit);
    let next = versions.last().filter(|_| more).map(|last| last.number);
    Ok(Body(VersionPage { versions, next }))
}

/// One version: artifact, configuration, limits, plan, evidence
#[utoipa::path(
    get, path = "/api/v1/policies/{name}/versions/{number}", tag = "author",
    params(("name" = String, Path, description = "The policy"), ("number" = u64, Path, description = "The version")),
    responses((status = 200, description = "The version", body = VersionRow)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn get_version(
    State(policies): State<Policies>,
    Path((name, number)): Path<(String, u64)>,
) -> Result<Body<VersionRow>, Problem> {
    Ok(Body(policies.version(&name, number)?))
}
