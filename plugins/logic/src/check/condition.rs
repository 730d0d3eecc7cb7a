//! Conditions: operators with the fields they take, windows, combinations within bounds.

use super::Check;
use crate::document::{
    Combination, CompositeDocument, ConditionDocument, Day, Gpio, Operator, ThresholdDocument, WindowDocument,
};
use crate::index::Sensor;
use crate::rule::{Clock, Comparison, Condition, Hysteresis, Threshold, Window, Words};

/// Combinations within combinations: deeper ones would be unreadable, and the guest's stack is small.
const MAX_DEPTH: usize = 8;
/// Conditions in one rule: its finding names each of them.
const MAX_CONDITIONS: usize = 64;

/// Where a condition stands.
struct Place<'a> {
    rule: &'a str,
    depth: usize,
    /// How many conditions the rule has so far.
    count: usize,
}

impl Check {
    pub(super) fn trigger(&mut self, at: &str, rule: &str, document: ConditionDocument) -> Condition {
        let mut place = Place { rule, depth: 0, count: 0 };
        let at = format!("{at}/trigger_conditions");
        let condition = self.condition(&at, document, &mut place);
        if place.count > MAX_CONDITIONS {
            self.wrong(at, format!("{} conditions are too many: at most {MAX_CONDITIONS} in a rule", place.count));
        }
        condition
    }

    fn condition(&mut self, at: &str, document: ConditionDocument, place: &mut Place<'_>) -> Condition {
        place.count += 1;
        match document {
            ConditionDocument::SensorThreshold(document) => Condition::Threshold(self.threshold(at, document, place)),
            ConditionDocument::TimeWindow(document) => Condition::Window(self.window(at, document)),
            ConditionDocument::Composite(document) => self.composite(at, document, place),
        }
    }

    fn composite(&mut self, at: &str, document: CompositeDocument, place: &mut Place<'_>) -> Condition {
        let at = format!("{at}/conditions");
        place.depth += 1;
        if place.depth > MAX_DEPTH {
            self.wrong(&at, format!("conditions are nested too deep: at most {MAX_DEPTH} times"));
            return Condition::Any(Vec::new());
        }
        let parts = document.conditions.into_iter().enumerate();
        let mut parts: Vec<_> =
            parts.map(|(number, part)| self.condition(&format!("{at}/{number}"), part, place)).collect();
        place.depth -= 1;
        if parts.is_empty() {
            self.wrong(&at, "needs at least one condition");
        }
        match document.operator {
            Combination::And => Condition::All(parts),
            Combination::Or => Condition::Any(parts),
            Combination::Not => {
                if parts.len() > 1 {
                    self.wrong(at, "`NOT` takes exactly one condition");
                }
                Condition::Not(Box::new(parts.pop().unwrap_or(Condition::Any(Vec::new()))))
            }
        }
    }

    fn threshold(&mut self, at: &str, document: ThresholdDocument, place: &Place<'_>) -> Threshold {
        let comparison = self.comparison(at, &document);
        let bound = match comparison {
            Comparison::Above(bound) => format!("> {bound}"),
            Comparison::AtLeast(bound) => format!(">= {bound}"),
            Comparison::Below(bound) => format!("< {bound}"),
            Comparison::AtMost(bound) => format!("<= {bound}"),
            Comparison::Equal(bound) => format!("== {bound}"),
            Comparison::NotEqual(bound) => format!("!= {bound}"),
            Comparison::Between(min, max) => format!("between {min} and {max}"),
        };
        let hysteresis = document.hysteresis.and_then(|width| {
            let at = format!("{at}/hysteresis");
            if width < 0.0 {
                self.wrong(&at, "must not be negative");
            }
            if matches!(comparison, Comparison::Equal(_) | Comparison::NotEqual(_)) {
                self.wrong(at, "fits no operator that says exactly; use `between`");
            }
            let key = format!("hysteresis/{}/{}", place.rule, place.count);
            (width > 0.0).then_some(Hysteresis { width, key })
        });
        let sensor = self.sensor(at, document.esp_id, document.gpio, document.sensor_type);
        Threshold { sensor, comparison, hysteresis, accept: document.accept_quality, words: Words::new(&bound) }
    }

    fn comparison(&mut self, at: &str, document: &ThresholdDocument) -> Comparison {
        if document.operator == Operator::Between {
            self.superfluous(at, "value", document.value, "`between` takes `min` and `max`");
            self.needed(at, "min", document.min, "`between` needs a `min`");
            self.needed(at, "max", document.max, "`between` needs a `max`");
            if let (Some(min), Some(max)) = (document.min, document.max)
                && min > max
            {
                self.wrong(format!("{at}/min"), format!("must not be greater than `max`, which is {max}"));
            }
            return Comparison::Between(document.min.unwrap_or_default(), document.max.unwrap_or_default());
        }
        self.superfluous(at, "min", document.min, "only `between` takes a `min`");
        self.superfluous(at, "max", document.max, "only `between` takes a `max`");
        self.needed(at, "value", document.value, "the operator needs a `value`");
        let value = document.value.unwrap_or_default();
        match document.operator {
            Operator::Above => Comparison::Above(value),
            Operator::AtLeast => Comparison::AtLeast(value),
            Operator::Below => Comparison::Below(value),
            Operator::AtMost => Comparison::AtMost(value),
            Operator::Equal => Comparison::Equal(value),
            Operator::NotEqual => Comparison::NotEqual(value),
            Operator::Between => Comparison::Between(value, value),
        }
    }

    fn needed(&mut self, at: &str, field: &str, value: Option<f64>, otherwise: &str) {
        if value.is_none() {
            self.wrong(format!("{at}/{field}"), otherwise);
        }
    }

    fn superfluous(&mut self, at: &str, field: &str, value: Option<f64>, because: &str) {
        if value.is_some() {
            self.wrong(format!("{at}/{field}"), because);
        }
    }

    /// The sensor's place among the sensors of the document.
    fn sensor(&mut self, at: &str, device: String, gpio: Gpio, quantity: Option<String>) -> usize {
        let channel = gpio.into_channel();
        self.part(&format!("{at}/esp_id"), &device);
        self.part(&format!("{at}/gpio"), &channel);
        if let Some(quantity) = &quantity {
            self.part(&format!("{at}/sensor_type"), quantity);
        }
        let words = match &quantity {
            Some(quantity) => format!("{device}/{channel} {quantity} is "),
            None => format!("{device}/{channel} is "),
        };
        place_of(&mut self.sensors, Sensor { device, channel, quantity, words })
    }

    fn window(&mut self, at: &str, document: WindowDocument) -> Window {
        let start = self.clock(&format!("{at}/start"), &document.start, 1_439);
        let end = self.clock(&format!("{at}/end"), &document.end, 1_440);
        if start.is_some() && start == end {
            self.wrong(format!("{at}/end"), "is the same as `start`; a whole day is `00:00` to `24:00`");
        }
        if document.days.as_ref().is_some_and(Vec::is_empty) {
            self.wrong(format!("{at}/days"), "names no day; leave it out for every day");
        }
        let words = format!("{}-{}{} {}", document.start, document.end, days(&document.days), document.timezone);
        let days = document
            .days
            .map_or(0b111_1111, |days| days.into_iter().fold(0, |mask, day| mask | (1 << (day as u8 - 1))));
        let (start, end) = (start.unwrap_or_default(), end.unwrap_or_default());
        Window { zone: self.zone(at, document.timezone), start, end, days, words }
    }

    /// Minutes since midnight of `HH:MM`.
    fn clock(&mut self, at: &str, text: &str, latest: Clock) -> Option<Clock> {
        let digits = |text: &str| (text.len() == 2).then(|| text.parse::<Clock>().ok()).flatten();
        let minutes = text.split_once(':').and_then(|(hour, minute)| {
            let minute = digits(minute).filter(|minute| *minute < 60)?;
            Some(digits(hour)? * 60 + minute)
        });
        let minutes = minutes.filter(|minutes| *minutes <= latest);
        if minutes.is_none() {
            self.wrong(at, format!("`{text}` is no time of day like `06:30`"));
        }
        minutes
    }

    /// The zone's place among the zones of the document. Whether it exists, only the host knows.
    fn zone(&mut self, at: &str, zone: String) -> usize {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "/_+-".contains(letter);
        if zone.is_empty() || zone.len() > 64 || !zone.chars().all(allowed) {
            self.wrong(format!("{at}/timezone"), format!("`{zone}` is no time zone like `Europe/Berlin`"));
        }
        place_of(&mut self.zones, zone)
    }
}

impl Gpio {
    /// The channel as readings and actuators name it.
    pub(super) fn into_channel(self) -> String {
        match self {
            Self::Pin(pin) => pin.to_string(),
            Self::Channel(channel) => channel,
        }
    }
}

/// Days in words, with a space before them.
fn days(days: &Option<Vec<Day>>) -> String {
    let words: Vec<_> = days.iter().flatten().map(|day| format!("{day:?}").to_lowercase()).collect();
    if words.is_empty() { String::new() } else { format!(" {}", words.join(",")) }
}

/// The place of `item`, which is added if it is new.
fn place_of<T: PartialEq>(items: &mut Vec<T>, item: T) -> usize {
    items.iter().position(|known| *known == item).unwrap_or_else(|| {
        items.push(item);
        items.len() - 1
    })
}
