//! For any sequence of writes, releases, times, stops, resets, tables and restarts, no command outside the envelope
//! ever becomes approved.
//!
//! A case is a list of numbers: the first makes the tables, every other one a step. `world` decodes them and drives the
//! gate; `oracle` sees only what went in and the commands that came out, and knows the rules from the documentation of
//! the envelope, not from the gate's code.

mod oracle;
mod world;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use world::{Theme, World};

/// Cases per property; four properties make 200,000.
const CASES: u32 = 50_000;

fn config() -> ProptestConfig {
    ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() }
}

fn steps() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(any::<u64>(), 18..36)
}

fn holds(theme: Theme, tables: u64, steps: &[u64]) -> TestCaseResult {
    let mut world = World::new(theme, tables);
    let told = |broken| TestCaseError::fail(format!("{broken}\n{}", World::story(theme, tables, steps)));
    steps.iter().try_for_each(|step| world.step(*step)).map_err(told)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn one_actuator_under_all_rules(tables: u64, steps in steps()) {
        holds(Theme::One, tables, &steps)?;
    }

    #[test]
    fn interlock_groups(tables: u64, steps in steps()) {
        holds(Theme::Groups, tables, &steps)?;
    }

    #[test]
    fn stops_and_resets(tables: u64, steps in steps()) {
        holds(Theme::Stops, tables, &steps)?;
    }

    #[test]
    fn restarts_and_tables(tables: u64, steps in steps()) {
        holds(Theme::Restarts, tables, &steps)?;
    }
}
