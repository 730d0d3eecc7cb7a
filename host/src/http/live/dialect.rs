//! What clients say over a WebSocket, and how they are answered.
//!
//! The words are those that existing clients speak; unknown fields are theirs to keep. What cannot be done is answered
//! with an `error`, never with silence.

use interlock_core::time::Seq;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::error::Problem;
use crate::http::routes::safety::ScopeWord;

/// A message of a client.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Said {
    /// Wants what is on a topic; with `after`, also what was on it after that record.
    Subscribe {
        topic: String,
        #[serde(default)]
        after: Option<Seq>,
    },
    /// Wants it no longer.
    Unsubscribe { topic: String },
    /// Wants to know whether anybody is there; `timestamp` comes back as it is.
    Ping {
        #[serde(default)]
        timestamp: Value,
    },
    /// Stops everything, or one device.
    EmergencyStop(Safety),
    /// Opens what was stopped.
    EmergencyReset(Safety),
}

/// What a stop or reset reaches, and why.
#[derive(Debug, Deserialize)]
pub(super) struct Safety {
    #[serde(default)]
    pub(super) scope: Option<ScopeWord>,
    #[serde(default, alias = "esp_id")]
    pub(super) device: Option<String>,
    #[serde(default)]
    pub(super) reason: Option<String>,
}

/// Reads a message.
///
/// # Errors
/// The answer that says why it cannot be read.
pub(super) fn read(text: &str) -> Result<Said, Value> {
    serde_json::from_str(text).map_err(|error| {
        json!({
            "event_type": "error",
            "code": "malformed",
            "message": error.to_string(),
            "hint": "send {\"type\": \"subscribe\", \"topic\": \"sensor_data/+\"}; other types: unsubscribe, ping, \
                     emergency_stop, emergency_reset",
        })
    })
}

/// The first message to every client.
pub(super) fn welcome(client_id: &str, head: Seq) -> Value {
    json!({
        "event_type": "connection_established",
        "client_id": client_id,
        "message": "Connected to Interlock",
        "seq": head,
    })
}

pub(super) fn subscribed(topic: &str) -> Value {
    json!({"event_type": "subscribed", "topic": topic})
}

pub(super) fn unsubscribed(topic: &str) -> Value {
    json!({"event_type": "unsubscribed", "topic": topic})
}

pub(super) fn pong(timestamp: &Value) -> Value {
    json!({"event_type": "pong", "timestamp": timestamp})
}

/// What a client missed, and where to resume to have it after all.
pub(super) fn gap(from: Seq, to: Seq, missed: u64) -> Value {
    json!({"event_type": "gap", "from": from, "to": to, "missed": missed, "resume_after": from.saturating_sub(1)})
}

pub(super) fn error(problem: &Problem) -> Value {
    json!({"event_type": "error", "code": problem.code(), "message": problem.detail()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_existing_clients_are_understood() {
        let said = |text: &str| read(text).unwrap();
        assert!(matches!(
            said(r#"{"type": "subscribe", "topic": "sensor_data/ESP_01"}"#),
            Said::Subscribe { topic, after: None } if topic == "sensor_data/ESP_01"
        ));
        assert!(matches!(
            said(r##"{"type":"subscribe","topic":"#","after":7}"##),
            Said::Subscribe { after: Some(7), .. }
        ));
        assert!(matches!(said(r#"{"type": "unsubscribe", "topic": "a", "client": 1}"#), Said::Unsubscribe { .. }));
        let Said::Ping { timestamp } = said(r#"{"type": "ping", "timestamp": "now"}"#) else { panic!() };
        assert_eq!(pong(&timestamp), json!({"event_type": "pong", "timestamp": "now"}));
        let Said::EmergencyStop(safety) = said(r#"{"type": "emergency_stop", "esp_id": "ESP_02"}"#) else { panic!() };
        assert_eq!(safety.device.as_deref(), Some("ESP_02"));
    }

    #[test]
    fn what_is_not_understood_is_answered() {
        for text in ["", "{", "[]", r#"{"type": "dance"}"#, r#"{"topic": "a"}"#] {
            assert_eq!(read(text).unwrap_err()["event_type"], "error", "`{text}`");
        }
    }

    #[test]
    fn a_gap_says_where_to_resume() {
        assert_eq!(gap(11, 20, 10)["resume_after"], 10);
    }
}
