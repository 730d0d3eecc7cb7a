//! The newest readings of every sensor, in bounded rings: what `readings.latest` and `readings.window` answer from.
//!
//! Answers are *as of* an event's place in the journal: a policy that runs late, and a replay that reads the same
//! journal, see what a policy on time saw, as far back as the rings reach.
//!
//! One thread pushes and many look up, so the rings lie in shards with a lock each; a device's channel lies wholly in
//! one shard, so that a lookup without a quantity needs one lock and no search among other sensors.

mod ring;

use std::collections::hash_map::RandomState;
use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::event::{Quality, Reading};
use crate::time::{Seq, Timestamp};
use ring::Ring;

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

impl Stats {
    /// The summary of samples in the order of their seq; none of none. The order is part of the contract: a sum of
    /// floating-point numbers depends on it, and a replay must find the same mean.
    pub fn of(samples: impl IntoIterator<Item = Sample>) -> Option<Self> {
        let mut samples = samples.into_iter();
        let first = samples.next()?;
        let start = Self { count: 1, min: first.value, max: first.value, mean: first.value, first, last: first };
        Some(samples.fold(start, |so_far, sample| {
            let count = so_far.count.saturating_add(1);
            Self {
                count,
                min: so_far.min.min(sample.value),
                max: so_far.max.max(sample.value),
                mean: so_far.mean + (sample.value - so_far.mean) / f64::from(count),
                first: so_far.first,
                last: sample,
            }
        }))
    }
}

/// Number of locks the sensors are spread over; more than the threads that look up at once.
const SHARDS: usize = 16;

/// Device to channel to quantity to ring: nested, so that lookups borrow their names.
type Shard = HashMap<String, HashMap<String, HashMap<String, Ring>>>;

/// The rings of all sensors. Shared between the line, which pushes, and the policies, which look up.
#[derive(Debug)]
pub struct Readings {
    per_sensor: usize,
    sensors: usize,
    spread: RandomState,
    shards: Vec<RwLock<Shard>>,
    /// Every sensor with a seq at or before its newest reading. It is brought up to date only when room is needed, so
    /// that a push to a known sensor costs nothing here. Locked before any shard.
    silence: Mutex<BTreeSet<(Seq, Arc<Sensor>)>>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sensor {
    device: String,
    channel: String,
    quantity: String,
}

impl Readings {
    /// Rings of `per_sensor` readings for at most `sensors` sensors; the sensor silent for longest makes room. Both
    /// are at least one.
    pub fn new(per_sensor: usize, sensors: usize) -> Self {
        Self {
            per_sensor: per_sensor.max(1),
            sensors: sensors.max(1),
            spread: RandomState::new(),
            shards: std::iter::repeat_with(RwLock::default).take(SHARDS).collect(),
            silence: Mutex::default(),
        }
    }

    /// Adds a reading. `seq` is larger than any before of the same sensor; one that is not is a repeat and is dropped.
    pub fn push(&self, seq: Seq, at: Timestamp, reading: &Reading) {
        if !self.push_known(seq, at, reading) {
            self.push_first(seq, at, reading);
        }
    }

    /// The newest reading at or before `as_of`; without a quantity, of any quantity.
    pub fn latest(&self, as_of: Seq, device: &str, channel: &str, quantity: Option<&str>) -> Option<Sample> {
        let shard = self.read(device, channel);
        let rings = shard.get(device)?.get(channel)?;
        match quantity {
            Some(quantity) => rings.get(quantity)?.latest(as_of),
            None => rings.values().filter_map(|ring| ring.latest(as_of)).max_by_key(|sample| sample.seq),
        }
    }

    /// A summary of the readings at or before `as_of` received within `span_ms` up to `until`, both ends included;
    /// without a quantity, of all quantities.
    pub fn window(
        &self,
        as_of: Seq,
        until: Timestamp,
        span_ms: u64,
        device: &str,
        channel: &str,
        quantity: Option<&str>,
    ) -> Option<Stats> {
        let shard = self.read(device, channel);
        let rings = shard.get(device)?.get(channel)?;
        let from = Timestamp(until.0.saturating_sub(span_ms));
        if let Some(quantity) = quantity {
            return Stats::of(rings.get(quantity)?.window(as_of, from, until));
        }
        let mut samples: Vec<Sample> = rings.values().flat_map(|ring| ring.window(as_of, from, until)).collect();
        samples.sort_unstable_by_key(|sample| sample.seq);
        Stats::of(samples)
    }

    /// The newest reading of every sensor, for people, in order of device, channel and quantity.
    pub fn snapshot(&self) -> Vec<(Seq, Timestamp, Reading)> {
        let mut newest = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            for (device, channels) in shard.iter() {
                for (channel, rings) in channels {
                    newest.extend(rings.iter().filter_map(|(quantity, ring)| ring.newest(device, channel, quantity)));
                }
            }
        }
        newest.sort_by(|(_, _, a), (_, _, b)| {
            (&a.device, &a.channel, &a.quantity).cmp(&(&b.device, &b.channel, &b.quantity))
        });
        newest
    }

    fn push_known(&self, seq: Seq, at: Timestamp, reading: &Reading) -> bool {
        let mut shard = self.write(&reading.device, &reading.channel);
        let ring = shard
            .get_mut(&reading.device)
            .and_then(|channels| channels.get_mut(&reading.channel))
            .and_then(|rings| rings.get_mut(&reading.quantity));
        ring.map(|ring| ring.push(seq, at, reading, self.per_sensor)).is_some()
    }

    fn push_first(&self, seq: Seq, at: Timestamp, reading: &Reading) {
        let sensor = Arc::new(Sensor {
            device: reading.device.clone(),
            channel: reading.channel.clone(),
            quantity: reading.quantity.clone(),
        });
        let mut silence = self.silence();
        while silence.len() >= self.sensors {
            self.make_room(&mut silence);
        }
        self.write(&sensor.device, &sensor.channel)
            .entry(sensor.device.clone())
            .or_default()
            .entry(sensor.channel.clone())
            .or_default()
            .entry(sensor.quantity.clone())
            .or_default()
            .push(seq, at, reading, self.per_sensor);
        silence.insert((seq, sensor));
    }

    /// Takes the sensor that seems silent for longest: brings its entry up to date if it spoke since, else drops it.
    /// Every second look is paid for by a push that did not pay, so a push costs O(log n) over time.
    fn make_room(&self, silence: &mut BTreeSet<(Seq, Arc<Sensor>)>) {
        let Some((noted, sensor)) = silence.pop_first() else { return };
        let mut shard = self.write(&sensor.device, &sensor.channel);
        let Some(channels) = shard.get_mut(&sensor.device) else { return };
        let Some(rings) = channels.get_mut(&sensor.channel) else { return };
        match rings.get(&sensor.quantity).and_then(Ring::last_seq) {
            Some(spoke) if spoke > noted => {
                silence.insert((spoke, sensor));
            }
            _ => {
                rings.remove(&sensor.quantity);
                if rings.is_empty() {
                    channels.remove(&sensor.channel);
                }
                if channels.is_empty() {
                    shard.remove(&sensor.device);
                }
            }
        }
    }

    fn shard(&self, device: &str, channel: &str) -> &RwLock<Shard> {
        let hash = self.spread.hash_one((device, channel));
        #[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "there are SHARDS of them")]
        &self.shards[hash as usize % SHARDS]
    }

    // A panic while a lock is held leaves at worst one reading out: the maps stay readable.
    fn read(&self, device: &str, channel: &str) -> RwLockReadGuard<'_, Shard> {
        self.shard(device, channel).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, device: &str, channel: &str) -> RwLockWriteGuard<'_, Shard> {
        self.shard(device, channel).write().unwrap_or_else(PoisonError::into_inner)
    }

    fn silence(&self) -> MutexGuard<'_, BTreeSet<(Seq, Arc<Sensor>)>> {
        self.silence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
