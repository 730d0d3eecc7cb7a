//! Simulated devices: ESP32 boards in small greenhouses, over real MQTT.
//!
//! They know nothing of the host but its topics: each has a connection of its own, publishes readings of a climate that
//! its actuators change, obeys commands while they are valid, falls back alone when a hold ends, and obeys emergency
//! stops. Two boards share a greenhouse, so that a rule across devices has an effect.

mod board;
mod climate;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::mqtt::Mqtt;
use crate::mqtt::SetupError;
use crate::mqtt::address::Address;
use board::Board;
use climate::Climate;

/// Readings a second of all boards together that one process is asked for at most.
pub const MAX_RATE: f64 = 100_000.0;
/// Boards of one process.
pub const MAX_DEVICES: usize = 10_000;

/// What to simulate.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// Topics, protocol version and certificates, as the host has them.
    pub mqtt: Mqtt,
    /// The broker.
    pub broker: Address,
    /// How many boards: `ESP_01`, `ESP_02` and so on.
    pub devices: usize,
    /// Readings a second of each board.
    pub rate: f64,
    /// Minutes of climate in a minute of time.
    pub speed: f64,
}

/// What the boards have done so far.
#[derive(Debug, Default)]
pub struct Counts {
    published: AtomicU64,
    confirmed: AtomicU64,
    obeyed: AtomicU64,
    refused: AtomicU64,
    stops: AtomicU64,
}

/// [`Counts`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Readings handed to the broker.
    pub published: u64,
    /// Readings the broker has for good: under MQTT 5 and 3.1.1 alike.
    pub confirmed: u64,
    /// Commands obeyed.
    pub obeyed: u64,
    /// Commands not obeyed: over, repeated, retained, stopped or unreadable.
    pub refused: u64,
    /// Emergency stops heard.
    pub stops: u64,
}

impl Counts {
    fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts now.
    pub fn totals(&self) -> Totals {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            published: get(&self.published),
            confirmed: get(&self.confirmed),
            obeyed: get(&self.obeyed),
            refused: get(&self.refused),
            stops: get(&self.stops),
        }
    }
}

/// A greenhouse that two boards share.
struct Greenhouse {
    climate: Mutex<(Climate, Instant)>,
    speed: f64,
}

impl Greenhouse {
    fn new(number: usize, speed: f64) -> Self {
        Self { climate: Mutex::new((Climate::of(number), Instant::now())), speed }
    }

    /// Lets time pass, then looks at or changes the climate.
    fn now<T>(&self, look: impl FnOnce(&mut Climate) -> T) -> T {
        let mut climate = self.climate.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (climate, since) = &mut *climate;
        let seconds = since.elapsed().as_secs_f64() * self.speed;
        *since = Instant::now();
        climate.pass(seconds);
        look(climate)
    }
}

/// Runs the boards until `close`; what they did.
///
/// # Errors
/// When a topic or a certificate is unusable. A broker that is not there is waited for.
pub async fn run(simulation: &Simulation, counts: Arc<Counts>, close: CancellationToken) -> Result<Totals, SetupError> {
    let devices = simulation.devices.clamp(1, MAX_DEVICES);
    let rate = simulation.rate.clamp(0.01, MAX_RATE / devices as f64);
    let mut boards = JoinSet::new();
    let mut greenhouse = None;
    for number in 1..=devices {
        if number % 2 == 1 {
            greenhouse = None;
        }
        let house = greenhouse.get_or_insert_with(|| Arc::new(Greenhouse::new(number, simulation.speed)));
        let board = Board::new(simulation, number, Arc::clone(house), Arc::clone(&counts), Clock::system())?;
        boards.spawn(board.run(Duration::from_secs_f64(1.0 / rate), close.clone()));
    }
    while boards.join_next().await.is_some() {}
    Ok(counts.totals())
}
