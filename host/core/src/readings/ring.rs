//! The newest readings of one sensor, oldest first.

use std::collections::VecDeque;

use super::Sample;
use crate::event::Reading;
use crate::time::{Seq, Timestamp};

/// INVARIANT (in order): `seq` rises and `at` never falls from front to back, so both can be searched by halving.
#[derive(Debug, Default)]
pub(super) struct Ring {
    samples: VecDeque<Sample>,
    /// What the newest reading carried beside its sample.
    raw: Option<f64>,
    unit: Option<String>,
    retained: bool,
}

impl Ring {
    /// Adds a reading and drops the oldest beyond `keep`. One that is not newer than the last is a repeat.
    pub(super) fn push(&mut self, seq: Seq, at: Timestamp, reading: &Reading, keep: usize) {
        let last = self.samples.back();
        if last.is_some_and(|last| last.seq >= seq) {
            return;
        }
        let at = last.map_or(at, |last| at.max(last.at));
        if self.samples.len() >= keep {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { seq, at, value: reading.value, quality: reading.quality });
        self.raw = reading.raw;
        self.retained = reading.retained;
        if self.unit != reading.unit {
            self.unit.clone_from(&reading.unit);
        }
    }

    pub(super) fn last_seq(&self) -> Option<Seq> {
        self.samples.back().map(|sample| sample.seq)
    }

    pub(super) fn latest(&self, as_of: Seq) -> Option<Sample> {
        let known = self.samples.partition_point(|sample| sample.seq <= as_of);
        self.samples.get(known.checked_sub(1)?).copied()
    }

    /// The samples at or before `as_of` received from `from` to `until`, oldest first.
    pub(super) fn window(&self, as_of: Seq, from: Timestamp, until: Timestamp) -> impl Iterator<Item = Sample> {
        let start = self.samples.partition_point(|sample| sample.at < from);
        let end = self.samples.partition_point(|sample| sample.seq <= as_of && sample.at <= until);
        self.samples.range(start.min(end)..end).copied()
    }

    pub(super) fn newest(&self, device: &str, channel: &str, quantity: &str) -> Option<(Seq, Timestamp, Reading)> {
        let sample = self.samples.back()?;
        let reading = Reading {
            device: device.to_owned(),
            channel: channel.to_owned(),
            quantity: quantity.to_owned(),
            value: sample.value,
            raw: self.raw,
            unit: self.unit.clone(),
            quality: sample.quality,
            retained: self.retained,
        };
        Some((sample.seq, sample.at, reading))
    }
}
