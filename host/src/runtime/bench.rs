//! What an evaluation costs: processor time of fresh, configured instances beside the same policy called natively.
//!
//! Absolute figures say more about the machine than about the program, so both are taken in one run, turn by turn, and
//! the median of the turns counts. Processor time, not wall-clock time: what else runs on the machine hardly shows.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use interlock_core::evaluation::Fault;
use interlock_core::event::Event;
use interlock_core::readings::Readings;
use interlock_core::state::PolicyState;
use serde::Serialize;

use super::Program;

/// What is measured: one event, answered by every program and by the native function.
pub struct Case<'a> {
    /// What it is called: `100 rules`.
    pub name: &'a str,
    /// Who answers; more than one answers one after the other.
    pub programs: &'a [Program],
    /// The same answer natively, all programs together.
    pub native: &'a mut dyn FnMut(&Event),
    /// What is answered.
    pub event: &'a Event,
    /// What was read before it.
    pub readings: &'a Arc<Readings>,
    /// What the programs remember.
    pub state: &'a Arc<PolicyState>,
}

/// How long to measure.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Turns; the median of them counts.
    pub turns: usize,
    /// Wall-clock time of one turn.
    pub turn: Duration,
}

impl Default for Effort {
    fn default() -> Self {
        Self { turns: 21, turn: Duration::from_millis(50) }
    }
}

/// What one event costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// What was measured.
    pub name: String,
    /// How many programs answered.
    pub programs: usize,
    /// Microseconds of processor time in fresh instances, all programs together.
    pub fresh_us: f64,
    /// Microseconds of processor time natively.
    pub native_us: f64,
    /// What isolation costs each program, in microseconds.
    pub over_native_us: f64,
    /// Units of fuel, all programs together.
    pub fuel: u64,
    /// Evaluations that were timed.
    pub evaluations: u64,
}

/// Measures one case.
///
/// # Errors
/// The first fault: what does not answer is not measured.
pub fn measure(case: &mut Case<'_>, effort: Effort) -> Result<Figures, Fault> {
    let mut fuel = 0;
    for program in case.programs {
        let evaluation = program.evaluate(case.event, case.readings, case.state);
        evaluation.outcome?;
        fuel += evaluation.fuel;
    }
    let (mut fresh, mut native) = (Vec::new(), Vec::new());
    let mut evaluations = 0;
    for _ in 0..effort.turns.max(1) {
        let turn = time(effort.turn, || {
            for program in case.programs {
                black_box(program.evaluate(black_box(case.event), case.readings, case.state));
            }
        });
        evaluations += turn.calls * case.programs.len() as u64;
        fresh.push(turn.micros_per_call());
        native.push(time(effort.turn, || (case.native)(black_box(case.event))).micros_per_call());
    }
    let (fresh_us, native_us) = (median(fresh), median(native));
    let programs = case.programs.len();
    let over_native_us = (fresh_us - native_us) / programs.max(1) as f64;
    Ok(Figures { name: case.name.to_owned(), programs, fresh_us, native_us, over_native_us, fuel, evaluations })
}

struct Turn {
    spent: Duration,
    calls: u64,
}

impl Turn {
    fn micros_per_call(&self) -> f64 {
        self.spent.as_secs_f64() * 1e6 / self.calls.max(1) as f64
    }
}

/// Calls in doubling batches, so that looking at the clock does not count.
fn time(at_least: Duration, mut call: impl FnMut()) -> Turn {
    let (began, clock) = (Instant::now(), Clock::start());
    let (mut calls, mut batch) = (0, 1);
    while began.elapsed() < at_least {
        (0..batch).for_each(|_| call());
        calls += batch;
        batch = (batch * 2).min(1_024);
    }
    Turn { spent: clock.spent(), calls }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Processor time of this thread; wall-clock time where the system does not tell.
struct Clock {
    processor: Option<Duration>,
    wall: Instant,
}

impl Clock {
    fn start() -> Self {
        Self { processor: processor_time(), wall: Instant::now() }
    }

    fn spent(&self) -> Duration {
        match (self.processor, processor_time()) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => self.wall.elapsed(),
        }
    }
}

#[cfg(target_os = "linux")]
fn processor_time() -> Option<Duration> {
    // Standing back makes the scheduler settle this thread's account.
    std::thread::yield_now();
    let account = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    account.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(not(target_os = "linux"))]
const fn processor_time() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert!((median(vec![9.0, 1.0, 3.0]) - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn processor_time_passes_with_work() {
        let turn = time(Duration::from_millis(30), || {
            black_box((0..1_000_u64).map(black_box).sum::<u64>());
        });
        assert!(turn.calls > 1 && turn.spent > Duration::ZERO);
        assert!(turn.spent <= Duration::from_secs(10));
    }
}
