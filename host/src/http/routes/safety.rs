//! The emergency stop, and the way out of it.

use std::collections::BTreeSet;

use axum::Json as Body;
use axum::extract::State;
use interlock_core::gate::Scope;
use serde::{Deserialize, Serialize};

use crate::http::auth::Caller;
use crate::http::body::Json;
use crate::http::error::Problem;
use crate::latch::{Latch, StopOrder, StopReport};

/// Characters of a reason at most.
const MAX_REASON: usize = 1_000;

/// What is stopped.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Safety {
    /// Whether anything is.
    stopped: bool,
    /// What is: everything, or single devices.
    scopes: BTreeSet<Scope>,
}

/// What to stop or to open: everything, or one device.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SafetyOrder {
    /// `all` or `device`.
    scope: Option<ScopeWord>,
    /// The device, where it is one; also understood as `esp_id`.
    #[serde(alias = "esp_id")]
    device: Option<String>,
    /// Why. A stop without one is a stop; a reset without one is refused.
    reason: Option<String>,
}

/// How far it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ScopeWord {
    /// Everything.
    All,
    /// One device.
    Device,
}

impl SafetyOrder {
    /// An order that came over a live connection.
    pub(crate) const fn new(scope: Option<ScopeWord>, device: Option<String>, reason: Option<String>) -> Self {
        Self { scope, device, reason }
    }

    /// What it reaches; without a word, everything.
    fn reaches(&self) -> Result<Scope, Problem> {
        match (self.scope, &self.device) {
            (Some(ScopeWord::All) | None, None) => Ok(Scope::All),
            (Some(ScopeWord::Device) | None, Some(device)) => Ok(Scope::Device(device.clone())),
            (Some(ScopeWord::Device), None) => Err(Problem::invalid("the scope `device` needs a `device`")),
            (Some(ScopeWord::All), Some(_)) => Err(Problem::invalid("the scope `all` takes no `device`")),
        }
    }

    fn reason(&self) -> Result<String, Problem> {
        let reason = self.reason.as_deref().unwrap_or_default().trim();
        if reason.chars().count() > MAX_REASON {
            return Err(Problem::invalid(format!("a reason has at most {MAX_REASON} characters")));
        }
        Ok(reason.to_owned())
    }

    /// Stops what it reaches. Waits for nothing but the latch.
    pub(crate) async fn stop(&self, latch: &Latch, source: &'static str, by: String) -> Result<StopReport, Problem> {
        let scope = self.reaches()?;
        // A long reason must not keep a stop from happening.
        let given: String = self.reason.as_deref().unwrap_or_default().trim().chars().take(MAX_REASON).collect();
        let reason = if given.is_empty() { "no reason was given".to_owned() } else { given };
        Ok(latch.stop(StopOrder { id: None, scope, reason, source, by }).await)
    }

    /// Opens what it reaches. A reset says what it opens: a bare one opens nothing.
    pub(crate) async fn reset(&self, latch: &Latch, by: &str) -> Result<(), Problem> {
        if self.scope.is_none() && self.device.is_none() {
            return Err(Problem::invalid("a reset says what it opens: `\"scope\": \"all\"`, or a `device`"));
        }
        Ok(latch.reset(self.reaches()?, self.reason()?, by).await?)
    }
}

/// What is stopped now.
pub(crate) fn safety(latch: &Latch) -> Safety {
    let scopes = latch.stopped();
    Safety { stopped: !scopes.is_empty(), scopes }
}

/// What is stopped
#[utoipa::path(
    get, path = "/api/v1/safety", tag = "operator",
    responses((status = 200, description = "What is stopped", body = Safety)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn get_safety(State(latch): State<Latch>) -> Body<Safety> {
    Body(safety(&latch))
}

/// Stop everything, or one device
///
/// Never rate-limited, and waits for no queue. An empty body stops everything. The answer says what did not work.
#[utoipa::path(
    post, path = "/api/v1/safety/stop", tag = "operator",
    request_body = SafetyOrder,
    responses((status = 200, description = "It is stopped", body = StopReport)),
    security(("bearer" = ["safety:stop"]))
)]
pub(crate) async fn stop(
    State(latch): State<Latch>,
    caller: Caller,
    Json(order): Json<SafetyOrder>,
) -> Result<Body<StopReport>, Problem> {
    Ok(Body(order.stop(&latch, "rest", caller.name()).await?))
}

/// Open what was stopped
///
/// Nothing starts by itself: actuators stay at their safe values until something asks for another one.
#[utoipa::path(
    post, path = "/api/v1/safety/reset", tag = "operator",
    request_body = SafetyOrder,
    responses((status = 200, description = "What is still stopped", body = Safety)),
    security(("bearer" = ["safety:reset"]))
)]
pub(crate) async fn reset(
    State(latch): State<Latch>,
    caller: Caller,
    Json(order): Json<SafetyOrder>,
) -> Result<Body<Safety>, Problem> {
    order.reset(&latch, &caller.name()).await?;
    Ok(Body(safety(&latch)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::body::parse;

    fn reaches(json: &str) -> Result<Scope, Problem> {
        parse::<SafetyOrder>(json.as_bytes())?.reaches()
    }

    #[test]
    fn a_stop_reaches_what_it_says_and_everything_when_it_says_nothing() {
        assert_eq!(reaches("{}").unwrap(), Scope::All);
        assert_eq!(reaches(r#"{"scope": "all"}"#).unwrap(), Scope::All);
        for json in [r#"{"device": "ESP_02"}"#, r#"{"scope": "device", "device": "ESP_02"}"#, r#"{"esp_id": "ESP_02"}"#]
        {
            assert_eq!(reaches(json).unwrap(), Scope::Device("ESP_02".into()), "{json}");
        }
        for json in [r#"{"scope": "device"}"#, r#"{"scope": "all", "device": "ESP_02"}"#, r#"{"scope": "some"}"#] {
            assert!(reaches(json).is_err(), "{json}");
        }
    }
}
