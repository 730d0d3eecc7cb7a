//! For machines that watch the host. Public and not rate-limited; they name no device and no policy.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::http::error::Problem;
use crate::http::readiness::Readiness;
use crate::http::state::Edge;
use crate::journal::{Health, Journal};
use crate::telemetry::Metrics;

/// The content type of the OpenMetrics text format.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether the process answers
#[utoipa::path(
    get, path = "/healthz", tag = "probe",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain")),
    security(())
)]
pub(crate) async fn get_health() -> &'static str {
    "ok\n"
}

/// Whether the host can do its work
#[utoipa::path(
    get, path = "/readyz", tag = "probe",
    responses(
        (status = 200, description = "It can", body = String, content_type = "text/plain"),
        (status = 503, description = "It cannot; the problem says why", body = Problem,
            content_type = "application/problem+json"),
    ),
    security(())
)]
pub(crate) async fn get_readiness(
    State(readiness): State<Readiness>,
    State(journal): State<Journal>,
) -> Result<&'static str, Problem> {
    let mut reasons = readiness.reasons();
    match &*journal.health().borrow() {
        Health::Writing => {}
        Health::Stuck { .. } => reasons.push("the journal cannot be written".to_owned()),
        Health::Stopped { .. } => reasons.push("the journal is closed".to_owned()),
    }
    if reasons.is_empty() { Ok("ready\n") } else { Err(Problem::not_ready(&reasons)) }
}

/// Everything the host counts
#[utoipa::path(
    get, path = "/metrics", tag = "probe",
    responses((status = 200, description = "OpenMetrics text", body = String,
        content_type = "application/openmetrics-text")),
    security(())
)]
pub(crate) async fn get_metrics(State(metrics): State<Metrics>) -> Response {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], metrics.render()).into_response()
}

/// This document
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "probe",
    responses((status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json")),
    security(())
)]
pub(crate) async fn get_openapi(State(edge): State<Edge>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], edge.own.document.clone()).into_response()
}
