//! What one decision has looked up so far: every sensor and every zone at most once.

use std::fmt::Write;

use interlock_plugin_sdk::prelude::*;

use crate::document::AcceptQuality;
use crate::index::{Index, Sensor};
use crate::rule::Clock;

/// The view of one decision.
pub(crate) struct Sight<'a> {
    pub(crate) context: &'a Context<'a>,
    index: &'a Index,
    sensors: Vec<(usize, Option<Seen>)>,
    zones: Vec<(usize, Option<Time>)>,
}

/// A sensor's latest value, and how findings say so, written once: `ESP_01/34 is 26.5`.
struct Seen {
    value: f64,
    quality: AcceptQuality,
    words: String,
}

#[derive(Debug, Clone, Copy)]
struct Time {
    weekday: u8,
    minute: Clock,
}

impl<'a> Sight<'a> {
    pub(crate) const fn new(context: &'a Context<'a>, index: &'a Index) -> Self {
        Self { context, index, sensors: Vec::new(), zones: Vec::new() }
    }

    /// The event's own reading is the latest of this sensor.
    pub(crate) fn show(&mut self, sensor: usize, reading: &Reading) {
        if let Some(Sensor { words, .. }) = self.index.sensors.get(sensor) {
            self.sensors.push((sensor, Some(Seen::new(words, reading.value, reading.quality))));
        }
    }

    /// The latest value of a sensor, if there is one; appends `ESP_01/34 is 26.5` to `text`.
    pub(crate) fn sensor(&mut self, number: usize, text: &mut String) -> Option<(f64, AcceptQuality)> {
        let sensor = self.index.sensors.get(number)?;
        let at = self.sensors.iter().position(|(seen, _)| *seen == number).unwrap_or_else(|| {
            let quantity = sensor.quantity.as_deref();
            let sample = self.context.readings.latest(&sensor.device, &sensor.channel, quantity);
            let seen = sample.map(|sample| Seen::new(&sensor.words, sample.value, sample.quality));
            self.sensors.push((number, seen));
            self.sensors.len() - 1
        });
        match self.sensors.get(at) {
            Some((_, Some(seen))) => {
                text.push_str(&seen.words);
                Some((seen.value, seen.quality))
            }
            _ => {
                text.push_str(&sensor.words);
                text.push_str("unknown: no reading yet");
                None
            }
        }
    }

    /// Weekday and minute in a zone, if there is such a zone; appends `Mon 14:05` to `text`.
    pub(crate) fn time(&mut self, number: usize, text: &mut String) -> Option<(u8, Clock)> {
        let zone = self.index.zones.get(number)?;
        let time = match self.zones.iter().find(|(seen, _)| *seen == number) {
            Some((_, time)) => *time,
            None => {
                let civil = self.context.local_time.of(self.context.at, zone);
                let time = civil.map(|civil| Time {
                    weekday: civil.weekday.clamp(1, 7),
                    minute: Clock::from(civil.hour) * 60 + Clock::from(civil.minute),
                });
                self.zones.push((number, time));
                time
            }
        };
        match time {
            Some(Time { weekday, minute }) => {
                let day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].get(usize::from(weekday - 1));
                // Writing to a `String` cannot fail.
                let _ = write!(text, "{} {:02}:{:02}", day.copied().unwrap_or_default(), minute / 60, minute % 60);
                Some((weekday, minute))
            }
            None => {
                let _ = write!(text, "the time in `{zone}` is unknown: there is no such zone");
                None
            }
        }
    }
}

impl Seen {
    fn new(words: &str, value: f64, quality: Quality) -> Self {
        let quality = match quality {
            Quality::Good => AcceptQuality::Good,
            Quality::Suspect => AcceptQuality::Suspect,
            Quality::Stale => AcceptQuality::Stale,
        };
        Self { value, quality, words: format!("{words}{value}") }
    }
}
