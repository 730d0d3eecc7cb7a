//! The manners of a board's firmware: what it obeys, for how long, and what it does at a stop. Pure.
//!
//! A command is obeyed once, while it is valid, and never if the broker kept it from earlier. After an emergency every
//! pin is off, and stays so for what was issued before: only the host issues commands, and it issues none until it is
//! reset, so a later one means that it was.

use std::collections::BTreeMap;

use interlock_core::time::Timestamp;
use serde::Deserialize;

/// A pin that can be driven.
pub(super) struct Pin {
    pub(super) number: u16,
    /// `pump` or `fan`.
    pub(super) kind: &'static str,
}

/// The board's pins.
pub(super) const PINS: [Pin; 2] = [Pin { number: 18, kind: "pump" }, Pin { number: 19, kind: "fan" }];

/// The state of a board's pins.
#[derive(Debug, Default)]
pub(super) struct Firmware {
    pins: BTreeMap<u16, State>,
    stopped: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct State {
    value: f64,
    falls_back: Option<Timestamp>,
    last: Option<String>,
}

#[derive(Deserialize)]
struct Command {
    command: String,
    value: f64,
    timestamp: u64,
    id: String,
    valid_until: u64,
    hold_ms: Option<u64>,
    #[serde(default)]
    source: String,
}

impl Firmware {
    /// Where a pin stands.
    pub(super) fn value(&self, pin: u16) -> f64 {
        self.pins.get(&pin).map_or(0.0, |state| state.value)
    }

    /// A command came; whether it was obeyed.
    pub(super) fn command(&mut self, pin: u16, payload: &[u8], retained: bool, now: Timestamp) -> bool {
        let Ok(command) = serde_json::from_slice::<Command>(payload) else { return false };
        let known = PINS.iter().any(|known| known.number == pin);
        let over = command.valid_until <= now.0;
        let before_stop = self.stopped.is_some_and(|stopped| command.timestamp <= stopped.0);
        let in_range = (0.0..=1.0).contains(&command.value);
        if retained || !known || over || !in_range || command.command != "SET" {
            return false;
        }
        if before_stop && command.source != "safety" {
            return false;
        }
        let state = self.pins.entry(pin).or_default();
        if state.last.as_ref() == Some(&command.id) {
            return false;
        }
        state.last = Some(command.id);
        state.value = command.value;
        state.falls_back = command.hold_ms.map(|hold| now.after(hold));
        true
    }

    /// A message on an emergency topic came; the pins that changed. Anything but a clear `"stop": false` is a stop.
    pub(super) fn emergency(&mut self, payload: &[u8], now: Timestamp) -> Vec<u16> {
        let message: serde_json::Value = serde_json::from_slice(payload).unwrap_or_default();
        if payload.is_empty() || message.get("stop") == Some(&serde_json::Value::Bool(false)) {
            return Vec::new();
        }
        self.stopped = Some(now);
        self.pins.iter_mut().filter(|(_, state)| state.value != 0.0).map(|(pin, state)| state.off(*pin)).collect()
    }

    /// When the first hold ends.
    pub(super) fn next_fallback(&self) -> Option<Timestamp> {
        self.pins.values().filter_map(|state| state.falls_back).min()
    }

    /// Ends the holds that are over; the pins that changed.
    pub(super) fn fall_back(&mut self, now: Timestamp) -> Vec<u16> {
        let over = |state: &State| state.falls_back.is_some_and(|at| at <= now);
        self.pins.iter_mut().filter(|(_, state)| over(state)).map(|(pin, state)| state.off(*pin)).collect()
    }
}

impl State {
    fn off(&mut self, pin: u16) -> u16 {
        self.value = 0.0;
        self.falls_back = None;
        pin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(id: &str, value: f64, issued: u64, source: &str) -> Vec<u8> {
        let valid_until = issued + 100;
        serde_json::to_vec(&serde_json::json!({"command": "SET", "value": value, "source": source, "timestamp": issued,
            "id": id, "valid_until": valid_until, "hold_ms": 50}))
        .unwrap()
    }

    #[test]
    fn obeys_once_and_in_time() {
        let mut board = Firmware::default();
        let on = set("a", 1.0, 1_000, "automation");
        assert!(!board.command(18, &on, true, Timestamp(1_000)), "retained");
        assert!(!board.command(18, &on, false, Timestamp(1_100)), "over");
        assert!(!board.command(5, &on, false, Timestamp(1_000)), "no such pin");
        assert!(!board.command(18, b"{", false, Timestamp(1_000)), "unreadable");
        assert!(board.command(18, &on, false, Timestamp(1_000)));
        assert!(!board.command(18, &on, false, Timestamp(1_001)), "repeated");
        assert_eq!(board.value(18), 1.0);
    }

    #[test]
    fn falls_back_when_the_hold_ends() {
        let mut board = Firmware::default();
        board.command(18, &set("a", 1.0, 1_000, "automation"), false, Timestamp(1_010));
        assert_eq!(board.next_fallback(), Some(Timestamp(1_060)));
        assert!(board.fall_back(Timestamp(1_059)).is_empty());
        assert_eq!(board.fall_back(Timestamp(1_060)), [18]);
        assert_eq!((board.value(18), board.next_fallback()), (0.0, None));
    }

    #[test]
    fn a_stop_outlives_what_was_issued_before_it() {
        let mut board = Firmware::default();
        board.command(18, &set("a", 1.0, 1_000, "automation"), false, Timestamp(1_000));
        assert!(board.emergency(br#"{"stop": false}"#, Timestamp(1_005)).is_empty());
        assert_eq!(board.emergency(br#"{"stop": true}"#, Timestamp(1_010)), [18]);
        assert!(!board.command(18, &set("b", 1.0, 1_010, "automation"), false, Timestamp(1_020)));
        assert!(board.command(18, &set("c", 0.0, 1_010, "safety"), false, Timestamp(1_020)));
        assert!(board.command(18, &set("d", 1.0, 1_030, "automation"), false, Timestamp(1_030)));
    }
}
