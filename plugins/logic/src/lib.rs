//! Cross-device rules: when sensors, times of day and their combinations say so, drive actuators and tell people.
//!
//! ```text
//!  document  what a person writes: JSON, with a schema
//!  check     document -> rules, or everything that is wrong with it
//!  rule      what is left for the moment of decision: tests, texts and keys, precomputed
//!  sight     what one decision has looked up so far
//!  verdict   the decision as it grows: who drives what, and why
//! ```
//!
//! A reading is shown to the rules that mention its sensor, a tick to the rules that mention none. Rules are asked in the
//! order of their priority (lower numbers first, then as written). A rule fires on every such event for which its
//! conditions hold, unless its cooldown runs; where two rules drive the same actuator, the first keeps it. What cannot be
//! known (no reading yet, too bad a quality, a zone nobody knows) is neither true nor false: it never fires a rule, not
//! even under `NOT`.

mod check;
mod document;
mod index;
mod rule;
mod sight;
mod verdict;

use interlock_plugin_sdk::prelude::*;

use document::Document;
use index::Index;
use rule::Rule;
use sight::Sight;
use verdict::Verdict;

/// The rules of one document, in the order they are asked.
#[derive(Debug)]
pub struct Logic {
    rules: Vec<Rule>,
    index: Index,
    plan: Plan,
}

impl Policy for Logic {
    type Config = Document;

    fn configure(document: Document) -> Result<Self, Vec<Problem>> {
        let checked = check::document(document)?;
        let plan = index::plan(&checked);
        let index = Index::new(&checked.rules, checked.sensors, checked.zones);
        Ok(Self { rules: checked.rules, index, plan })
    }

    fn plan(&self) -> Plan {
        self.plan.clone()
    }

    fn on_reading(&self, reading: &Reading, context: &Context<'_>) -> Decision {
        let mut sight = Sight::new(context, &self.index);
        let watched = self.index.watched(reading);
        let mut verdict = Verdict::of(watched.count());
        watched.show(reading, &mut sight);
        for rule in watched.rules().filter_map(|rule| self.rules.get(rule)) {
            if reading.retained {
                // The gate refuses what a retained reading causes; firing would only waste the cooldown.
                verdict.unmatched(rule, "the broker kept this reading from earlier");
            } else {
                verdict.ask(rule, &mut sight);
            }
        }
        verdict.into_decision()
    }

    fn on_tick(&self, context: &Context<'_>) -> Decision {
        let mut sight = Sight::new(context, &self.index);
        let mut verdict = Verdict::of(self.index.timed().len());
        for rule in self.index.timed().filter_map(|rule| self.rules.get(rule)) {
            verdict.ask(rule, &mut sight);
        }
        verdict.into_decision()
    }
}

export_policy!(
    Logic,
    name = "logic",
    description = "Cross-device rules: thresholds, time windows and their combinations drive actuators",
    fuel_hint = 200_000,
);

#[cfg(test)]
mod tests;
