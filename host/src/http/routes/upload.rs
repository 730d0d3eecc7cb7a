//! New versions: a component, a configuration, or both.
//!
//! A component comes as the body itself (`application/wasm`), or in base64 within JSON where configuration and limits
//! come along. Both are counted while they stream in. What follows (check, compile, dry run) is a job.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use interlock_core::policy::{Limits, Mode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::http::Http;
use crate::http::auth::Caller;
use crate::http::body::{self, Json, Path, Query};
use crate::http::error::Problem;
use crate::http::reply::Accepted;
use crate::http::state::Edge;
use crate::policy::Upload;
use crate::policy::lifecycle::Policies;

/// Characters of a comment at most.
const MAX_COMMENT: usize = 2_000;

/// What comes along with a component that is the body itself.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct UploadQuery {
    /// Why it is made.
    comment: Option<String>,
    /// Activate it at once in this mode, if everything goes well.
    #[param(inline)]
    activate: Option<Mode>,
    /// The configuration as JSON; without it the newest version's.
    config: Option<String>,
}

/// A version in one JSON document.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UploadBody {
    /// The component in base64; without it the newest version's.
    component: Option<String>,
    /// The configuration; without it the newest version's, or `{}`.
    config: Option<Value>,
    /// What one evaluation may use; without it the newest version's, or the defaults.
    limits: Option<Limits>,
    /// Why it is made.
    #[serde(default)]
    comment: String,
    /// Activate it at once in this mode, if everything goes well.
    activate: Option<Mode>,
}

/// A component as it is, for the description only: it is read as a stream.
#[derive(utoipa::ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "the shape of a body that is never one value")]
pub(crate) struct Component(Vec<u8>);

/// A configuration for the artifact of the newest version.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigBody {
    /// The configuration, as the component's schema describes it.
    config: Value,
    /// What one evaluation may use; without it as before.
    limits: Option<Limits>,
    /// Why it is made.
    #[serde(default)]
    comment: String,
    /// Activate it at once in this mode, if everything goes well.
    activate: Option<Mode>,
}

/// A job has begun.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct JobStarted {
    /// Its id.
    job: String,
    /// Where to watch it; `?wait=true` answers when something changed.
    location: String,
}

/// Upload a version
///
/// The answer is a job that checks, compiles and dry-runs it. An identical version is refused as a duplicate.
#[utoipa::path(
    post, path = "/api/v1/policies/{name}/versions", tag = "author",
    params(("name" = String, Path, description = "The policy; made if it is new"), UploadQuery),
    request_body(content((Component = "application/wasm"), (UploadBody = "application/json"))),
    responses((status = 202, description = "It is being made", body = JobStarted,
        headers(("Location" = String, description = "The job")))),
    security(("bearer" = ["policy:write"]))
)]
pub(crate) async fn upload_version(
    State(edge): State<Edge>,
    caller: Caller,
    Path(name): Path<String>,
    Query(query): Query<UploadQuery>,
    request: Request,
) -> Result<Accepted<JobStarted>, Problem> {
    let order = match body::media_type(request.headers()).as_deref() {
        Some("application/wasm") => from_wasm(request, query, &edge.own.config).await?,
        Some("application/json") => from_json(request, &edge.own.config).await?,
        _ => return Err(Problem::wrong_type("application/wasm or application/json")),
    };
    begin(&edge.api.policies, name, order, &caller).await
}

/// Make a version with another configuration
///
/// Same artifact as the newest version. A configuration the component refuses comes back with JSON pointers.
#[utoipa::path(
    put, path = "/api/v1/policies/{name}/config", tag = "author",
    params(("name" = String, Path, description = "The policy")),
    request_body = ConfigBody,
    responses((status = 202, description = "It is being made", body = JobStarted,
        headers(("Location" = String, description = "The job")))),
    security(("bearer" = ["policy:write"]))
)]
pub(crate) async fn configure_policy(
    State(policies): State<Policies>,
    caller: Caller,
    Path(name): Path<String>,
    Json(body): Json<ConfigBody>,
) -> Result<Accepted<JobStarted>, Problem> {
    policies.get(&name)?;
    let ConfigBody { config, limits, comment, activate } = body;
    let order = Order { component: None, config: Some(config), limits, comment, activate };
    begin(&policies, name, order, &caller).await
}

/// What either way of uploading comes down to.
struct Order {
    component: Option<Arc<[u8]>>,
    config: Option<Value>,
    limits: Option<Limits>,
    comment: String,
    activate: Option<Mode>,
}

async fn from_wasm(request: Request, query: UploadQuery, bounds: &Http) -> Result<Order, Problem> {
    let config = query.config.as_deref().map(|config| body::parse(config.as_bytes())).transpose()?;
    let component = read(request, bounds.max_upload_bytes, bounds).await?;
    if component.is_empty() {
        return Err(Problem::invalid("the body is empty; it must be the component"));
    }
    let comment = query.comment.unwrap_or_default();
    Ok(Order { component: Some(component.as_ref().into()), config, limits: None, comment, activate: query.activate })
}

async fn from_json(request: Request, bounds: &Http) -> Result<Order, Problem> {
    // Base64 takes four bytes for three.
    let limit = (bounds.max_upload_bytes / 3).saturating_mul(4).saturating_add(bounds.max_body_bytes);
    let body: UploadBody = body::parse(&read(request, limit, bounds).await?)?;
    let component = body.component.map(|text| decode(&text, bounds.max_upload_bytes)).transpose()?;
    let UploadBody { config, limits, comment, activate, .. } = body;
    Ok(Order { component, config, limits, comment, activate })
}

async fn read(request: Request, limit: usize, bounds: &Http) -> Result<axum::body::Bytes, Problem> {
    let (parts, body) = request.into_parts();
    body::read(&parts.headers, body, limit, Duration::from_millis(bounds.body_timeout_ms)).await
}

fn decode(text: &str, limit: usize) -> Result<Arc<[u8]>, Problem> {
    let bytes = STANDARD.decode(text).map_err(|error| Problem::wrong_json("component".into(), error.to_string()))?;
    if bytes.len() > limit {
        return Err(Problem::too_large(limit));
    }
    Ok(bytes.into())
}

async fn begin(
    policies: &Policies,
    policy: String,
    order: Order,
    caller: &Caller,
) -> Result<Accepted<JobStarted>, Problem> {
    if order.comment.chars().count() > MAX_COMMENT {
        return Err(Problem::invalid(format!("a comment has at most {MAX_COMMENT} characters")));
    }
    let Order { component, config, limits, comment, activate } = order;
    let upload = Upload { policy, component, config, limits, comment, author: caller.name(), activate };
    let job = policies.upload(upload).await?;
    let location = format!("/api/v1/jobs/{job}");
    Ok(Accepted { location: location.clone(), body: JobStarted { job, location } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn bounds() -> Http {
        Http { max_upload_bytes: 3_000, max_body_bytes: 1_024, ..Http::default() }
    }

    #[tokio::test]
    async fn a_component_in_json_is_bounded_like_one_in_the_open() {
        for (bytes, fits) in [(3_000, true), (3_001, false)] {
            let component = STANDARD.encode(vec![0_u8; bytes]);
            let body = serde_json::json!({"component": component, "config": {"a": 1}, "comment": "x"}).to_string();
            let order = from_json(Request::new(Body::from(body)), &bounds()).await;
            assert_eq!(order.is_ok(), fits, "{bytes} bytes");
            let request = Request::new(Body::from(vec![0_u8; bytes]));
            assert_eq!(from_wasm(request, UploadQuery::default(), &bounds()).await.is_ok(), fits, "{bytes} bytes");
        }
    }

    #[tokio::test]
    async fn a_configuration_comes_along_in_the_query() {
        let query = UploadQuery { config: Some(r#"{"rules": []}"#.into()), ..UploadQuery::default() };
        let order = from_wasm(Request::new(Body::from("\0asm")), query, &bounds()).await.ok().unwrap();
        assert_eq!(order.config, Some(serde_json::json!({"rules": []})));
        let query = UploadQuery { config: Some("{".into()), ..UploadQuery::default() };
        assert!(from_wasm(Request::new(Body::from("\0asm")), query, &bounds()).await.is_err());
    }
}
