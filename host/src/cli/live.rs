//! Live events as lines for people: what `interlock logs -f` shows. The columns are those of the journal's records.

use serde_json::Value;

use super::lines::{columns, number};
use super::out::{BAD, DIM, GOOD, STRONG, paint};

/// One live event as a line.
pub fn line(event: &Value) -> String {
    let at = text(event, "/timestamp").and_then(|at| at.parse().ok());
    let (kind, whom, what) = describe(event);
    columns(at, kind, &whom, &what)
}

/// Kind, whom it concerns, what happened. What this version does not know is shown as it came.
fn describe(event: &Value) -> (&'static str, String, String) {
    match text(event, "/event_type").unwrap_or_default() {
        "sensor_data" => ("reading", pin(event), reading(event)),
        "actuator_status" => {
            let state = if event.pointer("/is_active") == Some(&Value::Bool(true)) { "on" } else { "off" };
            ("status", pin(event), format!("{state} {}", float(event, "/value")))
        }
        "logic_execution" => {
            let slot = format!("{} v{}", word(event, "/policy"), word(event, "/version"));
            match text(event, "/error/kind") {
                Some(kind) => ("fault", slot, format!("{kind}: {}", word(event, "/error/detail"))),
                None => ("decision", slot, decided(event)),
            }
        }
        "actuator_command" => {
            let change = format!("{} {} -> ", word(event, "/actuator"), float(event, "/from"));
            let value = paint(STRONG, float(event, "/value"));
            ("command", pin(event), format!("{change}{value}, {}", word(event, "/why")))
        }
        "system_event" => system(event),
        "gap" => ("gap", "client".to_owned(), format!("{} records were not shown", word(event, "/missed"))),
        "close" => ("closed", "host".to_owned(), word(event, "/reason")),
        _ => ("event", word(event, "/data/type"), event.pointer("/data").unwrap_or(event).to_string()),
    }
}

fn reading(event: &Value) -> String {
    let (quantity, unit) = (word(event, "/sensor_type"), word(event, "/unit"));
    let quality = match text(event, "/quality") {
        None | Some("good") => String::new(),
        Some(quality) => format!(" ({quality})"),
    };
    format!("{quantity} {} {unit}{quality}", float(event, "/value"))
}

fn decided(event: &Value) -> String {
    let mut parts = vec![paint(STRONG, word(event, "/rule_name"))];
    for verdict in event.pointer("/verdicts").and_then(Value::as_array).into_iter().flatten() {
        let style = if text(verdict, "/outcome") == Some("refuse") { BAD } else { GOOD };
        parts.push(format!("{} {}", word(verdict, "/actuator"), paint(style, word(verdict, "/code"))));
    }
    parts.push(paint(DIM, format!("{} fuel, {} µs", word(event, "/fuel"), word(event, "/micros"))));
    parts.join("; ")
}

fn system(event: &Value) -> (&'static str, String, String) {
    let whom = |pointer: &str, other: &str| text(event, pointer).unwrap_or(other).to_owned();
    match text(event, "/event").unwrap_or_default() {
        "emergency_stop" => ("stop", whom("/data/esp_id", "everything"), word(event, "/data/reason")),
        "emergency_reset" => ("reset", whom("/data/esp_id", "everything"), word(event, "/data/reason")),
        "policy" => {
            let change = event.pointer("/data/change").map(ToString::to_string).unwrap_or_default();
            ("policy", word(event, "/data/policy"), change)
        }
        other => ("system", other.to_owned(), event.pointer("/data").map(ToString::to_string).unwrap_or_default()),
    }
}

fn pin(event: &Value) -> String {
    format!("{}/{}", word(event, "/esp_id"), word(event, "/gpio"))
}

fn text<'a>(event: &'a Value, pointer: &str) -> Option<&'a str> {
    event.pointer(pointer).and_then(Value::as_str)
}

/// A value as it is read: a text without its quotes, nothing for what is absent.
fn word(event: &Value, pointer: &str) -> String {
    match event.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn float(event: &Value, pointer: &str) -> String {
    event.pointer(pointer).and_then(Value::as_f64).map(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plain(event: Value) -> String {
        let line = anstream::adapter::strip_str(&line(&event)).to_string();
        line[13..].to_owned()
    }

    #[test]
    fn events_are_lines_in_the_columns_of_records() {
        let reading = json!({"event_type": "sensor_data", "timestamp": "2026-07-01T10:00:00.5Z", "seq": 7, "esp_id": "ESP_01",
            "gpio": 34, "sensor_type": "temperature", "value": 26.5, "unit": "°C", "quality": "good"});
        assert_eq!(plain(reading), "reading   ESP_01/34            temperature 26.5 °C");
        let decision = json!({"event_type": "logic_execution", "policy": "greenhouse", "version": 3, "rule_name": "fan",
            "verdicts": [{"actuator": "fan", "outcome": "pass", "code": "PASSED"}], "fuel": 9_000, "micros": 6});
        assert_eq!(plain(decision), "decision  greenhouse v3        fan; fan PASSED; 9000 fuel, 6 µs");
        let fault = json!({"event_type": "logic_execution", "policy": "p", "version": 1,
            "error": {"kind": "out_of_fuel", "detail": "10 used"}});
        assert_eq!(plain(fault), "fault     p v1                 out_of_fuel: 10 used");
    }

    #[test]
    fn what_is_not_known_is_shown_as_it_came() {
        assert!(plain(json!({"event_type": "new", "x": 1})).contains("\"x\":1"));
    }
}
