//! What a client is told when something is not done: RFC 9457 problem details.
//!
//! The only file that knows status codes of failures. Every error of a handle becomes a [`Problem`] here, with a `code`
//! that stays the same for programs and a `hint` that tells people what to do. What stays in the log is said by whoever
//! made the error; nothing of the machine's inside (paths, sources) is in a `detail`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use interlock_core::gate::Verdict;
use serde::Serialize;

use crate::inventory::InventoryError;
use crate::latch::ResetError;
use crate::line::Refusal;
use crate::policy::approvals::ApprovalError;
use crate::policy::lifecycle::LifecycleError;
use crate::tokens::{Scope, TokenError};

/// A problem as it is sent: `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// `about:blank`: the title says what the status says, `code` says the rest.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The status in words.
    #[schema(example = "Not Found")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// One stable word for programs.
    #[schema(example = "no_policy")]
    code: &'static str,
    /// What went wrong this time, for people.
    detail: String,
    /// What to do about it, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// Where in the body: a JSON path.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "rules[0].value")]
    path: Option<String>,
    /// What is wrong with a configuration, all at once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<interlock_core::policy::Problem>,
    /// How the gate judged, where it refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<Box<Verdict>>,
    /// Seconds to wait; also in `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            hint: None,
            path: None,
            problems: Vec::new(),
            verdict: None,
            retry_after: None,
        }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The stable word of this problem.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// What went wrong, for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// No token, or none that is good. One answer for all reasons: it helps nobody to guess.
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "this needs a valid token")
            .hint("send `Authorization: Bearer <token>`; `interlock token create` makes one")
    }

    /// The token is good, but not for this.
    pub fn forbidden(needed: Scope) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", format!("this needs a token with the scope `{needed}`"))
            .hint(format!("ask whoever has the scope `admin` for a token with `{needed}`"))
    }

    /// The route has no stated access, so nobody may use it.
    pub fn closed() -> Self {
        Self::new(StatusCode::FORBIDDEN, "closed", "this route is open to nobody")
    }

    /// The page that opens the connection comes from elsewhere.
    pub fn foreign_origin(origin: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "foreign_origin", format!("the origin `{origin}` may not do this"))
            .hint("add it to `http.allowed_origins` if it is yours")
    }

    /// Too many requests.
    pub fn rate_limited(wait: std::time::Duration) -> Self {
        let seconds = wait.as_secs().saturating_add(1);
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "too many requests for this token")
            .hint("wait as long as `Retry-After` says, or use a token with a higher `per_minute`");
        Self { retry_after: Some(seconds), ..problem }
    }

    /// Nothing is there.
    pub fn not_found(what: &str, name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what} `{name}`"))
    }

    /// No such route.
    pub fn no_route(path: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "no_route", format!("there is no route `{path}`"))
            .hint("`/api/v1/openapi.json` lists all routes")
    }

    /// The route knows other methods.
    pub fn no_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "no_method", "the route does not know this method")
            .hint("`/api/v1/openapi.json` lists all routes with their methods")
    }

    /// The request cannot be read.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// The body is no JSON of the wanted shape; `path` says where.
    pub fn wrong_json(path: String, detail: impl Into<String>) -> Self {
        Self { path: (path != ".").then_some(path), ..Self::new(StatusCode::BAD_REQUEST, "wrong_json", detail) }
    }

    /// The body is larger than is taken.
    pub fn too_large(limit: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("the body has more than {limit} bytes"))
    }

    /// The body did not come in time.
    pub fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the body did not arrive in time")
    }

    /// The body is of another type.
    pub fn wrong_type(wanted: &str) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_type", format!("the body must be {wanted}"))
            .hint(format!("set `Content-Type` to {wanted}"))
    }

    /// The request can be read and makes no sense.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
    }

    /// The gate refused a person's command.
    pub fn judged(verdict: Verdict) -> Self {
        let problem = Self::new(StatusCode::CONFLICT, "refused_by_gate", verdict.message.clone());
        Self { verdict: Some(Box::new(verdict)), ..problem }
    }

    /// A live connection was asked for by a plain request.
    pub fn no_upgrade(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", detail).hint("connect with a WebSocket client")
    }

    /// The host is not ready, or no longer.
    pub fn not_ready(reasons: &[String]) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", reasons.join("; "))
    }

    /// A bound of the host is reached.
    pub fn full(detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "full", detail).hint("try again in a moment");
        Self { retry_after: Some(5), ..problem }
    }

    /// The store could not be read. The reason goes to the log.
    pub fn unreadable(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "the store cannot be read");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store_unreadable", "the store cannot be read")
            .hint("the host's log has the reason; `interlock doctor` checks the data folder")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"interlock\""));
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (code, hint) = match &refusal {
            Refusal::Stopping => ("stopping", "try again when the host is back"),
            Refusal::JournalStuck(_) => ("journal_stuck", "free space on the host's disk; it goes on by itself"),
        };
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, refusal.to_string()).hint(hint);
        Self { retry_after: Some(5), ..problem }
    }
}

impl From<LifecycleError> for Problem {
    fn from(error: LifecycleError) -> Self {
        let detail = error.to_string();
        match error {
            LifecycleError::NoPolicy(_) => Self::new(StatusCode::NOT_FOUND, "no_policy", detail),
            LifecycleError::NoVersion { .. } => Self::new(StatusCode::NOT_FOUND, "no_version", detail),
            LifecycleError::NoDecision(_) => Self::new(StatusCode::NOT_FOUND, "no_decision", detail),
            LifecycleError::NothingBefore(_) => Self::new(StatusCode::CONFLICT, "nothing_before", detail),
            LifecycleError::BadName(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_name", detail),
            LifecycleError::NoComponent(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "no_component", detail),
            LifecycleError::Invalid(_) => Self::invalid(detail),
            LifecycleError::Rejected(job) => {
                Self { problems: job.problems, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "rejected", job.message) }
                    .hint(format!("the stable reason is `{}`", job.code))
            }
            LifecycleError::Busy(_) => {
                Self { retry_after: Some(5), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail) }
            }
            LifecycleError::Refused(refusal) => refusal.into(),
            LifecycleError::Store(reason) => Self::unreadable(&reason),
        }
    }
}

impl From<InventoryError> for Problem {
    fn from(error: InventoryError) -> Self {
        let detail = error.to_string();
        match error {
            InventoryError::Unknown { .. } => Self::new(StatusCode::NOT_FOUND, "not_found", detail),
            InventoryError::Fixed { .. } => Self::new(StatusCode::CONFLICT, "fixed_by_configuration", detail),
            InventoryError::Invalid(_) => Self::invalid(detail),
            InventoryError::Refused(refusal) => refusal.into(),
        }
    }
}

impl From<ApprovalError> for Problem {
    fn from(error: ApprovalError) -> Self {
        let detail = error.to_string();
        match error {
            ApprovalError::NotWaiting(_) => Self::new(StatusCode::CONFLICT, "not_waiting", detail),
            ApprovalError::Refused(refusal) => refusal.into(),
        }
    }
}

impl From<ResetError> for Problem {
    fn from(error: ResetError) -> Self {
        let detail = error.to_string();
        match error {
            ResetError::NoReason => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "no_reason", detail),
            ResetError::NotStopped => Self::new(StatusCode::CONFLICT, "not_stopped", detail),
            ResetError::StoppedAgain => Self::new(StatusCode::CONFLICT, "stopped_again", detail),
            ResetError::File(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "latch_file", detail)
                .hint("everything stays stopped; make the data folder writable and reset again"),
            ResetError::Refused(refusal) => refusal.into(),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let detail = error.to_string();
        match error {
            TokenError::Invalid(_) => Self::invalid(detail),
            TokenError::Unknown(_) => Self::new(StatusCode::NOT_FOUND, "not_found", detail),
            TokenError::LastAdmin(_) => Self::new(StatusCode::CONFLICT, "last_admin", detail),
            TokenError::Random(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "no_random_numbers", detail),
            TokenError::Refused(refusal) => refusal.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sent(problem: Problem) -> (StatusCode, axum::http::HeaderMap, serde_json::Value) {
        let response = problem.into_response();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), 65_536).await.unwrap();
        (status, headers, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_problem_has_the_shape_of_rfc_9457() {
        let (status, headers, body) = sent(LifecycleError::NoPolicy("greenhouse".into()).into()).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(body["type"], "about:blank");
        assert_eq!((&body["status"], &body["title"]), (&404.into(), &"Not Found".into()));
        assert_eq!(body["code"], "no_policy");
        assert!(body["detail"].as_str().unwrap().contains("`greenhouse`"));
    }

    #[tokio::test]
    async fn whoever_must_wait_is_told_how_long() {
        let (status, headers, body) = sent(Problem::rate_limited(std::time::Duration::from_millis(1_200))).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!((&headers[header::RETRY_AFTER], &body["retry_after"]), (&HeaderValue::from(2), &2.into()));
        assert!(body["hint"].is_string());
    }

    #[tokio::test]
    async fn a_missing_token_names_the_scheme() {
        let (status, headers, _) = sent(Problem::unauthenticated()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(headers[header::WWW_AUTHENTICATE].to_str().unwrap().starts_with("Bearer"));
    }
}
