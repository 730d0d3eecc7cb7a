//! The four interfaces a policy may import, answered from memory.
//!
//! None of them waits, reads a clock or leaves a trace outside the evaluation: what they answer follows from the event,
//! the readings before it and the state, so a replay gets the same.

use interlock_core::evaluation::{Fault, FaultKind, Lookup};
use interlock_core::policy::ReadingFilter;
use interlock_core::time::Seq;

use super::bindings::interlock::policy::{local_time, log, readings, state, types};
use super::convert;
use super::guest::{AsOf, Guest, Phase};
use super::state::{Denied, Overlay};

/// Lookups of one evaluation: each is kept with the decision.
const MAX_LOOKUPS: usize = 4_096;

impl types::Host for Guest {}

impl readings::Host for Guest {
    fn latest(
        &mut self,
        device: String,
        channel: String,
        quantity: Option<String>,
    ) -> wasmtime::Result<Option<readings::Sample>> {
        let (readings, lookups) = self.readings()?;
        let asked = granted(readings, device, channel, quantity)?;
        let found = readings.rings.latest(readings.seq, &asked.device, &asked.channel, asked.quantity.as_deref());
        keep(lookups, Lookup { seq: found.map(|sample| sample.seq), ..asked })?;
        Ok(found.as_ref().map(convert::sample))
    }

    fn window(
        &mut self,
        device: String,
        channel: String,
        quantity: Option<String>,
        span: u64,
    ) -> wasmtime::Result<Option<readings::Stats>> {
        let (readings, lookups) = self.readings()?;
        let asked = granted(readings, device, channel, quantity)?;
        let AsOf { seq, at, .. } = *readings;
        let quantity = asked.quantity.as_deref();
        let found = readings.rings.window(seq, at, span, &asked.device, &asked.channel, quantity);
        let newest: Option<Seq> = found.map(|stats| stats.last.seq);
        keep(lookups, Lookup { span_ms: Some(span), seq: newest, ..asked })?;
        Ok(found.as_ref().map(convert::stats))
    }
}

impl state::Host for Guest {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        Ok(self.state("get")?.get(&key).map(str::to_owned))
    }

    fn set(&mut self, key: String, value: String, ttl: Option<u64>) -> wasmtime::Result<Result<(), state::StateError>> {
        Ok(self.state("set")?.set(key, value, ttl).map_err(state_error))
    }

    fn delete(&mut self, key: String) -> wasmtime::Result<()> {
        self.state("delete")?.delete(key);
        Ok(())
    }

    fn compare_and_set(
        &mut self,
        key: String,
        expected: Option<String>,
        value: String,
    ) -> wasmtime::Result<Result<(), state::StateError>> {
        let state = self.state("compare-and-set")?;
        Ok(state.compare_and_set(key, expected.as_deref(), value).map_err(state_error))
    }

    fn list(&mut self, prefix: String) -> wasmtime::Result<Vec<String>> {
        Ok(self.state("list")?.list(&prefix))
    }
}

impl local_time::Host for Guest {
    fn of(&mut self, at: u64, zone: String) -> wasmtime::Result<Option<local_time::Civil>> {
        if !matches!(self.phase, Phase::Decide { .. }) {
            return Err(misplaced("local-time", "of", "`decide`"));
        }
        Ok(civil(at, &zone))
    }
}

impl log::Host for Guest {
    fn emit(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.log.push(convert::level(level), &message);
        Ok(())
    }
}

impl Guest {
    fn readings(&mut self) -> wasmtime::Result<(&AsOf, &mut Vec<Lookup>)> {
        match &mut self.phase {
            Phase::Decide { readings, lookups, .. } => Ok((readings, lookups)),
            Phase::Setup | Phase::Migrate { .. } => Err(misplaced("readings", "latest` or `window", "`decide`")),
        }
    }

    fn state(&mut self, function: &str) -> wasmtime::Result<&mut Overlay> {
        match &mut self.phase {
            Phase::Decide { state, .. } | Phase::Migrate { state } => Ok(state),
            Phase::Setup => Err(misplaced("state", function, "`decide` and `migrate`")),
        }
    }
}

fn granted(readings: &AsOf, device: String, channel: String, quantity: Option<String>) -> wasmtime::Result<Lookup> {
    let wanted = ReadingFilter { device: Some(device), channel: Some(channel), quantity };
    let is_granted = readings.grants.reads(&wanted);
    let ReadingFilter { device, channel, quantity } = wanted;
    let (device, channel) = (device.unwrap_or_default(), channel.unwrap_or_default());
    if !is_granted {
        let of = quantity.map_or_else(|| "any quantity".to_owned(), |quantity| format!("`{quantity}`"));
        let detail = format!("a lookup of {of} of `{device}/{channel}`, which is not in the plan's `reads`");
        return Err(Fault::new(FaultKind::NotGranted, detail).into());
    }
    Ok(Lookup { device, channel, quantity, span_ms: None, seq: None })
}

fn keep(lookups: &mut Vec<Lookup>, lookup: Lookup) -> wasmtime::Result<()> {
    if lookups.len() >= MAX_LOOKUPS {
        let detail = format!("more than {MAX_LOOKUPS} lookups of readings in one evaluation");
        return Err(Fault::new(FaultKind::HostCall, detail).into());
    }
    lookups.push(lookup);
    Ok(())
}

fn misplaced(interface: &str, function: &str, allowed: &str) -> wasmtime::Error {
    let detail = format!("`{interface}.{function}` was called outside of {allowed}");
    Fault::new(FaultKind::HostCall, detail).into()
}

const fn state_error(denied: Denied) -> state::StateError {
    match denied {
        Denied::OverQuota(quota) => state::StateError::OverQuota(quota),
        Denied::BadKey => state::StateError::BadKey,
        Denied::Changed => state::StateError::Changed,
    }
}

/// The zones are those this program was built with, whatever the machine has.
fn civil(at: u64, zone: &str) -> Option<local_time::Civil> {
    let zone = jiff::tz::TimeZone::get(zone).ok()?;
    let at = jiff::Timestamp::from_millisecond(i64::try_from(at).ok()?).ok()?;
    let civil = at.to_zoned(zone).datetime();
    Some(local_time::Civil {
        year: i32::from(civil.year()),
        month: civil.month().unsigned_abs(),
        day: civil.day().unsigned_abs(),
        weekday: civil.weekday().to_monday_one_offset().unsigned_abs(),
        hour: civil.hour().unsigned_abs(),
        minute: civil.minute().unsigned_abs(),
        second: civil.second().unsigned_abs(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_time_knows_zones_and_summer() {
        // 2026-07-01T22:30:00Z is past midnight in Berlin, a Thursday.
        let berlin = civil(1_782_945_000_000, "Europe/Berlin").unwrap();
        assert_eq!((berlin.year, berlin.month, berlin.day), (2026, 7, 2));
        assert_eq!((berlin.weekday, berlin.hour, berlin.minute), (4, 0, 30));
        assert_eq!(civil(0, "UTC").unwrap().year, 1970);
        assert!(civil(0, "Europe/Atlantis").is_none());
        assert!(civil(u64::MAX, "UTC").is_none());
    }
}
