//! Events that come over HTTP instead of MQTT.

use axum::extract::State;
use interlock_core::event::{Observation, Occurrence};
use interlock_core::time::{Seq, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http::body::Json;
use crate::http::error::Problem;
use crate::http::reply::Created;
use crate::line::Line;

/// Characters of an event's id at most.
const MAX_ID: usize = 200;

/// Something to tell the host.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEvent {
    /// The sender's name for it; made by the host if absent.
    id: Option<String>,
    /// When it happened, in Unix milliseconds, as the sender claims.
    measured: Option<u64>,
    /// What happened, with its `type`: `reading`, `alert`, `incident`, `access`, …
    #[schema(value_type = Occurrence)]
    what: Value,
}

/// Where it was recorded.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RecordedEvent {
    /// Its record.
    seq: Seq,
}

/// Hand in an event
///
/// Answered when it is recorded; policies see it as if it had come over MQTT.
#[utoipa::path(
    post, path = "/api/v1/events", tag = "operator",
    request_body = NewEvent,
    responses((status = 201, description = "It is recorded", body = RecordedEvent,
        headers(("Location" = String, description = "Its record")))),
    security(("bearer" = ["device:write"]))
)]
pub(crate) async fn record_event(
    State(line): State<Line>,
    Json(event): Json<NewEvent>,
) -> Result<Created<RecordedEvent>, Problem> {
    let seq = line.record(event.try_into()?).await?;
    Ok(Created { location: format!("/api/v1/journal/{seq}"), body: RecordedEvent { seq } })
}

impl TryFrom<NewEvent> for Observation {
    type Error = Problem;

    fn try_from(event: NewEvent) -> Result<Self, Problem> {
        let id = event.id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        if id.is_empty() || id.len() > MAX_ID {
            return Err(Problem::wrong_json("id".into(), format!("an id has 1 to {MAX_ID} bytes")));
        }
        let what = occurrence(&event.what)?;
        Ok(Self { id, measured: event.measured.map(Timestamp), what })
    }
}

/// Reads what happened. The types are lenient, since the journal must stay readable when fields are added; what comes
/// from a client is not, so that a misspelt field does not go unnoticed.
fn occurrence(given: &Value) -> Result<Occurrence, Problem> {
    let what: Occurrence = serde_path_to_error::deserialize(given)
        .map_err(|error| Problem::wrong_json(inside(&error.path().to_string()), error.inner().to_string()))?;
    if matches!(what, Occurrence::Tick(_)) {
        return Err(Problem::invalid("ticks are made by the host"));
    }
    let known = fields(&what);
    let unknown = given.as_object().and_then(|given| given.keys().find(|key| !known.contains(&key.as_str())));
    match unknown {
        Some(key) => {
            let detail = format!("unknown field `{key}`, expected one of `{}`", known.join("`, `"));
            Err(Problem::wrong_json(inside(key), detail))
        }
        None => Ok(what),
    }
}

fn inside(path: &str) -> String {
    if path == "." { "what".to_owned() } else { format!("what.{path}") }
}

const fn fields(what: &Occurrence) -> &'static [&'static str] {
    match what {
        Occurrence::Reading(_) => {
            &["type", "device", "channel", "quantity", "value", "raw", "unit", "quality", "retained"]
        }
        Occurrence::Actuator(_) => &["type", "device", "channel", "kind", "active", "value"],
        Occurrence::Device(_) => &["type", "device", "online"],
        Occurrence::Alert(_) => &["type", "kpi", "title", "message", "severity", "delta", "roles"],
        Occurrence::Incident(_) => &["type", "kind", "severity", "context"],
        Occurrence::Access(_) => &["type", "principal", "roles", "action", "target", "context"],
        Occurrence::Outcome(_) => &["type", "policy", "decision", "name", "success", "code"],
        Occurrence::Custom(_) => &["type", "kind", "body"],
        Occurrence::Tick(_) => &["type", "policy"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn whole() -> [Value; 8] {
        [
            json!({"type": "reading", "device": "d", "channel": "34", "quantity": "temperature", "value": 1.5,
                "raw": 2048.0, "unit": "C", "quality": "suspect", "retained": true}),
            json!({"type": "actuator", "device": "d", "channel": "18", "kind": "pwm", "active": true, "value": 0.5}),
            json!({"type": "device", "device": "d", "online": true}),
            json!({"type": "alert", "kpi": "k", "title": "t", "message": "m", "severity": "warn", "delta": 1.0,
                "roles": ["r"]}),
            json!({"type": "incident", "kind": "k", "severity": 3, "context": {}}),
            json!({"type": "access", "principal": "p", "roles": [], "action": "a", "target": "t", "context": {}}),
            json!({"type": "outcome", "policy": "p", "decision": 3, "name": "n", "success": true, "code": "PASSED"}),
            json!({"type": "custom", "kind": "k", "body": [1]}),
        ]
    }

    #[test]
    fn every_field_of_every_kind_is_known() {
        for given in whole() {
            let what = occurrence(&given).unwrap();
            let stored = serde_json::to_value(&what).unwrap();
            let keys: Vec<_> = stored.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(keys.len(), fields(&what).len(), "{given}");
            assert!(keys.iter().all(|key| fields(&what).contains(key)), "{given}");
        }
    }

    #[test]
    fn a_misspelt_field_is_named_with_its_path() {
        for mut given in whole() {
            given["valeu"] = json!(1);
            let problem = serde_json::to_value(occurrence(&given).unwrap_err()).unwrap();
            assert_eq!(problem["path"], "what.valeu", "{given}");
        }
    }

    #[test]
    fn a_client_cannot_make_time_pass() {
        assert_eq!(occurrence(&json!({"type": "tick", "policy": "p"})).unwrap_err().code(), "invalid");
        assert_eq!(occurrence(&json!({"type": "nothing"})).unwrap_err().code(), "wrong_json");
    }
}
