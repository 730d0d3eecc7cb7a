//! Which pages may reach the host through somebody's browser.
//!
//! Browsers do not ask before they open a WebSocket to another site, so the host looks at `Origin` itself. Clients that
//! are no browser send none and are let through: they cannot be tricked into carrying somebody else's rights.

use axum::http::{HeaderMap, header};

use crate::http::error::Problem;

/// Passes requests without an origin, from the host's own pages, and from the allow-list.
///
/// # Errors
/// A problem that names the origin.
pub(crate) fn permitted(headers: &HeaderMap, allowed: &[String]) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("unreadable");
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    let own = authority.is_some_and(|authority| host.is_some_and(|host| host.eq_ignore_ascii_case(authority)));
    if own || allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
        return Ok(());
    }
    Err(Problem::foreign_origin(origin))
}

/// Passes requests that name this machine by a loopback name. Without tokens this is what keeps a foreign name that
/// was made to point here (DNS rebinding) from acting.
///
/// # Errors
/// A problem that names the host that was asked for.
pub(crate) fn on_this_machine(headers: &HeaderMap) -> Result<(), Problem> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, _)) => v6,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let loopback =
        name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if loopback { Ok(()) } else { Err(Problem::foreign_origin(host)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn own_listed_and_absent_origins_pass() {
        let allowed = ["https://panel.example".to_owned()];
        let from = |origin: &str| headers(&[(header::HOST, "interlock.local:8080"), (header::ORIGIN, origin)]);
        assert!(permitted(&headers(&[(header::HOST, "interlock.local:8080")]), &allowed).is_ok());
        assert!(permitted(&from("http://interlock.local:8080"), &allowed).is_ok());
        assert!(permitted(&from("https://panel.example"), &allowed).is_ok());
        for foreign in ["http://evil.example", "null", "http://interlock.local", "https://panel.example.evil"] {
            assert!(permitted(&from(foreign), &allowed).is_err(), "{foreign}");
        }
    }

    #[test]
    fn only_loopback_names_are_this_machine() {
        for own in ["localhost:8080", "127.0.0.1:8080", "127.0.0.1", "[::1]:8080", "LOCALHOST"] {
            assert!(on_this_machine(&headers(&[(header::HOST, own)])).is_ok(), "{own}");
        }
        for foreign in ["evil.example:8080", "10.0.0.1", "localhost.evil.example", ""] {
            assert!(on_this_machine(&headers(&[(header::HOST, foreign)])).is_err(), "{foreign}");
        }
    }
}
