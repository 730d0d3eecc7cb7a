//! The component's imports as a [`Host`]: what a policy's questions become inside WebAssembly.

use crate::bindings::interlock::policy::{local_time, log, readings, state};
use crate::context::Host;
use crate::{Civil, Instant, Level, Millis, Sample, Stats};

/// Asks the host on the other side of the component boundary.
#[derive(Debug)]
pub struct Imports;

impl Host for Imports {
    fn latest(&self, device: &str, channel: &str, quantity: Option<&str>) -> Option<Sample> {
        readings::latest(device, channel, quantity)
    }

    fn window(&self, device: &str, channel: &str, quantity: Option<&str>, span: Millis) -> Option<Stats> {
        readings::window(device, channel, quantity, span)
    }

    fn get(&self, key: &str) -> Option<String> {
        state::get(key)
    }

    fn set(&self, key: &str, value: &str, ttl: Option<Millis>) -> Result<(), state::StateError> {
        state::set(key, value, ttl)
    }

    fn delete(&self, key: &str) {
        state::delete(key);
    }

    fn compare_and_set(&self, key: &str, expected: Option<&str>, value: &str) -> Result<(), state::StateError> {
        state::compare_and_set(key, expected, value)
    }

    fn list(&self, prefix: &str) -> Vec<String> {
        state::list(prefix)
    }

    fn civil(&self, at: Instant, zone: &str) -> Option<Civil> {
        local_time::of(at, zone)
    }

    fn emit(&self, level: Level, message: &str) {
        log::emit(level, message);
    }
}

/// Sends the message of a panic to the policy's log before the trap. Without WASI it would be lost.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| log::emit(Level::Error, &panic.to_string())));
}
