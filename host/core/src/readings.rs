//! The newest readings of every sensor, in bounded rings: what `readings.latest` and `readings.window` answer from.
//!
//! Answers are *as of* an event's place in the journal: a policy that runs late, and a replay that reads the same
//! journal, see what a policy on time saw.

use crate::event::{Quality, Reading};
use crate::time::{Seq, Timestamp};

/// One reading as a lookup returns it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Its record.
    pub seq: Seq,
    /// When the host received it.
    pub at: Timestamp,
    /// The value.
    pub value: f64,
    /// How far to trust it.
    pub quality: Quality,
}

/// A summary of the readings in a span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stats {
    /// How many.
    pub count: u32,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Oldest.
    pub first: Sample,
    /// Newest.
    pub last: Sample,
}

/// The rings of all sensors. Shared between the line, which pushes, and the policies, which look up.
#[derive(Debug)]
pub struct Readings {}

#[expect(clippy::unimplemented, unused_variables, reason = "the shape first")]
impl Readings {
    /// Rings of `per_sensor` readings for at most `sensors` sensors; the sensor silent for longest makes room.
    pub fn new(per_sensor: usize, sensors: usize) -> Self {
        unimplemented!()
    }

    /// Adds a reading. `seq` is larger than any before.
    pub fn push(&self, seq: Seq, at: Timestamp, reading: &Reading) {
        unimplemented!()
    }

    /// The newest reading at or before `as_of`; without a quantity, of any quantity.
    pub fn latest(&self, as_of: Seq, device: &str, channel: &str, quantity: Option<&str>) -> Option<Sample> {
        unimplemented!()
    }

    /// A summary of the readings at or before `as_of` received within `span_ms` up to `until`.
    pub fn window(
        &self,
        as_of: Seq,
        until: Timestamp,
        span_ms: u64,
        device: &str,
        channel: &str,
        quantity: Option<&str>,
    ) -> Option<Stats> {
        unimplemented!()
    }

    /// The newest reading of every sensor, for people, in order of device and channel.
    pub fn snapshot(&self) -> Vec<(Seq, Timestamp, Reading)> {
        unimplemented!()
    }
}
