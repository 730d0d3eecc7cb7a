//! Single values out of JSON or text: names, numbers, words for on and off, moments.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{MAX_NAME_BYTES, Unreadable};
use crate::event::Quality;
use crate::time::Timestamp;

/// Numbers below this are seconds since the epoch, others milliseconds: as milliseconds it is March 1973.
const SECONDS_BELOW: f64 = 1e11;

/// A text that may name something.
pub(super) fn name(field: &str, text: &str) -> Result<String, Unreadable> {
    let wrong = |why: &str| Unreadable::Wrong { field: field.to_owned(), why: why.to_owned() };
    if text.is_empty() {
        return Err(wrong("it is empty"));
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(wrong("it is longer than 128 bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err(wrong("it has control characters"));
    }
    Ok(text.to_owned())
}

/// A number that can be reckoned with.
pub(super) fn finite(field: &str, number: f64) -> Result<f64, Unreadable> {
    if number.is_finite() {
        Ok(number)
    } else {
        Err(Unreadable::Wrong { field: field.to_owned(), why: "it is no finite number".to_owned() })
    }
}

/// A value as a number: numbers, numbers in text, and words. `words` goes before the usual words for on and off.
pub(super) fn number(value: &Value, words: &BTreeMap<String, f64>) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(on) => Some(f64::from(u8::from(*on))),
        Value::String(text) => word(text.trim(), words),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    number.filter(|number| number.is_finite())
}

fn word(text: &str, words: &BTreeMap<String, f64>) -> Option<f64> {
    if let Some(number) = words.get(text) {
        return Some(*number);
    }
    if ["on", "true"].iter().any(|on| text.eq_ignore_ascii_case(on)) {
        return Some(1.0);
    }
    if ["off", "false"].iter().any(|off| text.eq_ignore_ascii_case(off)) {
        return Some(0.0);
    }
    text.parse().ok()
}

/// A device's own word for how good a value is. Unknown words are no praise.
pub(super) fn quality(word: &str) -> Quality {
    let is = |known: &[&str]| known.iter().any(|known| word.eq_ignore_ascii_case(known));
    if is(&["good", "excellent", "ok"]) {
        Quality::Good
    } else if is(&["stale"]) {
        Quality::Stale
    } else {
        Quality::Suspect
    }
}

/// Milliseconds since the epoch as a device gives them; what cannot be a time counts as the epoch, and so as implausible.
pub(super) fn millis(number: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    let whole = if (0.0..9e15).contains(&number) { number as u64 } else { 0 };
    Timestamp(whole)
}

/// A moment: a number of milliseconds or seconds, or RFC 3339 text. Text without an offset is taken as UTC.
pub(super) fn moment(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => {
            let number = number.as_f64()?;
            Some(millis(if number < SECONDS_BELOW { number * 1_000.0 } else { number }))
        }
        Value::String(text) => text_moment(text.trim()),
        _ => None,
    }
}

fn text_moment(text: &str) -> Option<Timestamp> {
    let instant = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    })?;
    u64::try_from(instant.as_millisecond()).ok().map(Timestamp)
}
