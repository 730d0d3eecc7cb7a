//! What a message on an emergency topic means.
//!
//! Whoever publishes there wants a stop. So the doubt goes one way: what cannot be read is a stop too, for a missed stop
//! costs more than a needless one. Two things are none: a clear `"stop": false`, because a message never resets; and an
//! empty message, because that is how a retained one is cleared.

use serde_json::Value;

/// Longest id and reason that are taken over, in characters.
const MAX_ID: usize = 128;
const MAX_REASON: usize = 512;

/// What a message on an emergency topic means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// Stop.
    Stop {
        /// The sender's id for this stop.
        id: Option<String>,
        /// Why.
        reason: String,
    },
    /// Nothing to do; why.
    Nothing(&'static str),
}

/// Reads the payload of a message on an emergency topic.
pub(super) fn read(payload: &[u8]) -> Heard {
    if payload.is_empty() {
        return Heard::Nothing("an empty message is no stop: it clears a retained one");
    }
    let message: Value = serde_json::from_slice(payload).unwrap_or_default();
    if message == Value::Bool(false) || message.get("stop") == Some(&Value::Bool(false)) {
        return Heard::Nothing("a message never resets a stop; use `interlock reset`");
    }
    let reason = match message.get("reason").and_then(Value::as_str) {
        Some(reason) if !reason.trim().is_empty() => clean(reason, MAX_REASON),
        _ if message.get("stop") == Some(&Value::Bool(true)) => "heard over MQTT, without a reason".to_owned(),
        _ => "an emergency message without `\"stop\": true` was heard; taken as a stop".to_owned(),
    };
    let id = message.get("id").and_then(|id| match id {
        Value::String(id) => Some(clean(id, MAX_ID)),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    });
    Heard::Stop { id: id.filter(|id| !id.is_empty()), reason }
}

fn clean(text: &str, longest: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(longest).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(r#"{"stop": true, "reason": "fire", "id": "s-1"}"#, Some("s-1"), "fire")]
    #[case(r#"{"stop": true, "id": 7}"#, Some("7"), "without a reason")]
    #[case(r#"{"stop": "yes"}"#, None, "taken as a stop")]
    #[case(r#"{"action": "halt", "reason": "smoke"}"#, None, "smoke")]
    #[case("STOP!", None, "taken as a stop")]
    #[case("{\"stop\": tru", None, "taken as a stop")]
    #[case("\u{0}", None, "taken as a stop")]
    fn is_a_stop(#[case] payload: &str, #[case] id: Option<&str>, #[case] expected: &str) {
        let Heard::Stop { id: found, reason } = read(payload.as_bytes()) else { panic!("no stop") };
        assert_eq!(found.as_deref(), id);
        assert!(reason.contains(expected), "{reason}");
    }

    #[rstest]
    #[case("")]
    #[case("false")]
    #[case(r#"{"stop": false}"#)]
    #[case(r#"{"stop": false, "reason": "all clear", "id": "s-1"}"#)]
    fn is_none(#[case] payload: &str) {
        assert!(matches!(read(payload.as_bytes()), Heard::Nothing(_)));
    }

    proptest! {
        #[test]
        fn any_bytes_but_none_are_a_stop(payload in prop::collection::vec(any::<u8>(), 1..200)) {
            prop_assume!(payload.as_slice() != b"false");
            let is_stop = matches!(read(&payload), Heard::Stop { .. });
            prop_assert!(is_stop);
        }
    }
}
