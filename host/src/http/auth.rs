//! The guard in front of every route.
//!
//! Which scope a route needs is what its description says: the same OpenAPI document that clients read is the table that
//! is enforced, so the two cannot differ.
//!
//! INVARIANT (denied by default): a route without a stated access answers nobody.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::error::Problem;
use super::live::origin;
use super::openapi::Access;
use super::state::Edge;
use crate::tokens::{Holder, Scope, now};

/// Who asks. Put into the request by [`guard`].
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// The holder of a good token.
    Token(Arc<Holder>),
    /// Anyone on this machine, with `insecure_dev`.
    Anyone,
}

impl Caller {
    /// The name that is recorded.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Token(holder) => format!("{} ({})", holder.row.name, holder.row.id),
            Self::Anyone => "insecure_dev".to_owned(),
        }
    }

    /// Whether the caller may do this.
    ///
    /// # Errors
    /// A problem that names the scope.
    pub(crate) fn may(&self, scope: Scope) -> Result<(), Problem> {
        match self {
            Self::Token(holder) if !holder.may(scope) => Err(Problem::forbidden(scope)),
            Self::Token(_) | Self::Anyone => Ok(()),
        }
    }

    /// Ends when the caller's token is revoked or has run out; never for a caller without one.
    pub(crate) async fn gone(&self) {
        let Self::Token(holder) = self else { return std::future::pending().await };
        match holder.row.expires {
            None => holder.revoked.cancelled().await,
            Some(end) => {
                let left = std::time::Duration::from_millis(end.since(now()));
                let _ = tokio::time::timeout(left, holder.revoked.cancelled()).await;
            }
        }
    }
}

/// The address of the connection a request came over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Lets a request through to its route, or answers why not.
pub(crate) async fn guard(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let Some(route) = request.extensions().get::<MatchedPath>().cloned() else { return next.run(request).await };
    match admit(&edge, route.as_str(), &request) {
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

fn admit(edge: &Edge, route: &str, request: &Request) -> Result<Option<Caller>, Problem> {
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let Access::Scope { scope, ticket } = edge.own.access.of(route, method)? else { return Ok(None) };
    let presented = if ticket { ticket_in(request.uri()) } else { None };
    let caller = match presented {
        Some(ticket) => edge.own.tickets.redeem(ticket),
        None => identify(edge, request.headers())?,
    };
    let Some(caller) = caller else { return Err(refuse(edge, address(request))) };
    caller.may(scope)?;
    // A stop is never rate-limited.
    if scope != Scope::SafetyStop
        && let Caller::Token(holder) = &caller
        && let Err(wait) = edge.own.limits.token(holder)
    {
        edge.api.metrics.rate_limited();
        return Err(Problem::rate_limited(wait));
    }
    Ok(Some(caller))
}

/// Who sends these headers; none for nobody the host knows.
fn identify(edge: &Edge, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
    match headers.get(header::AUTHORIZATION) {
        Some(value) => {
            let token = value.to_str().ok().and_then(bearer);
            Ok(token.and_then(|token| edge.api.tokens.check(token, now())).map(Caller::Token))
        }
        None if edge.own.config.insecure_dev => {
            // A page of another site must not reach this host through the user's browser.
            origin::on_this_machine(headers)?;
            origin::permitted(headers, &edge.own.config.allowed_origins)?;
            Ok(Some(Caller::Anyone))
        }
        None => Ok(None),
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn refuse(edge: &Edge, address: Option<IpAddr>) -> Problem {
    edge.api.metrics.refused_login();
    match address.map_or(Ok(()), |address| edge.own.limits.unauthenticated(address)) {
        Ok(()) => Problem::unauthenticated(),
        Err(wait) => {
            edge.api.metrics.rate_limited();
            Problem::rate_limited(wait)
        }
    }
}

fn address(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<Peer>().map(|Peer(address)| address.ip())
}

fn ticket_in(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("ticket="))
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::unauthenticated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_read_whatever_the_schemes_case() {
        assert_eq!(bearer("Bearer ilk_1"), Some("ilk_1"));
        assert_eq!(bearer("bearer  ilk_1 "), Some("ilk_1"));
        assert_eq!(bearer("Basic ilk_1"), None);
        assert_eq!(bearer("ilk_1"), None);
    }

    #[test]
    fn a_ticket_is_found_among_other_parameters() {
        assert_eq!(ticket_in(&Uri::from_static("/api/v1/ws?after=3&ticket=abc")), Some("abc"));
        assert_eq!(ticket_in(&Uri::from_static("/api/v1/ws?nticket=abc")), None);
        assert_eq!(ticket_in(&Uri::from_static("/api/v1/ws")), None);
    }
}
