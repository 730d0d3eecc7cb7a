//! Uploads on their way to becoming versions.

use axum::Json as Body;
use axum::extract::State;
use serde::Deserialize;

use crate::http::body::{Path, Query};
use crate::http::error::Problem;
use crate::policy::lifecycle::Policies;
use crate::policy::{JobState, JobView};

/// Whether to wait.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobQuery {
    /// Answer only when there is a new stage or the job has ended, at most ten seconds later.
    #[serde(default)]
    wait: bool,
    /// How many stages are known already; without it as many as there are now.
    seen: Option<usize>,
}

/// A job: how far it is, or what became of it
#[utoipa::path(
    get, path = "/api/v1/jobs/{id}", tag = "author",
    params(("id" = String, Path, description = "The job"), JobQuery),
    responses((status = 200, description = "The job", body = JobView)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn get_job(
    State(policies): State<Policies>,
    Path(id): Path<String>,
    Query(query): Query<JobQuery>,
) -> Result<Body<JobView>, Problem> {
    let job = policies.job(&id).ok_or_else(|| Problem::not_found("job", &id))?;
    if !query.wait || job.state != JobState::Running {
        return Ok(Body(job));
    }
    let seen = query.seen.unwrap_or(job.stages.len());
    Ok(Body(policies.job_changed(&id, seen).await.unwrap_or(job)))
}
