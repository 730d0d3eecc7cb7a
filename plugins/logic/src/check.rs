//! From a document to rules, or to everything that is wrong with it.
//!
//! What the shapes cannot say is checked here, all of it before anything is refused, each mistake with its JSON pointer.

mod action;
mod condition;

use std::collections::BTreeMap;

use interlock_plugin_sdk::Problem;

use crate::document::{Document, RuleDocument, RuleSet};
use crate::index::Sensor;
use crate::rule::{Cooldown, Rule};

/// More rules than this could not all give a finding.
const MAX_RULES: usize = 1_000;
/// Bytes of a name, so that it fits into a key of the state with room to spare.
const MAX_NAME: usize = 128;
/// A year: more is a typing error.
const MAX_SECONDS: f64 = 366.0 * 86_400.0;

/// A document without mistakes.
pub(crate) struct Checked {
    /// In the order they are asked.
    pub(crate) rules: Vec<Rule>,
    pub(crate) sensors: Vec<Sensor>,
    pub(crate) zones: Vec<String>,
    pub(crate) tick_ms: u64,
}

/// Checks a document.
pub(crate) fn document(document: Document) -> Result<Checked, Vec<Problem>> {
    let mut check = Check::default();
    let checked = match document {
        Document::Set(RuleSet { rules, tick_seconds }) => {
            if !(1..=3_600).contains(&tick_seconds) {
                check.wrong("/tick_seconds", "must be 1 to 3600");
            }
            check.rules("/rules", rules, tick_seconds)
        }
        Document::List(rules) => check.rules("", rules, 60),
        Document::One(rule) => {
            let rule = check.rule("", *rule);
            check.done(vec![rule], 60)
        }
    };
    if check.problems.is_empty() { Ok(checked) } else { Err(check.problems) }
}

/// What was found so far.
#[derive(Default)]
struct Check {
    problems: Vec<Problem>,
    sensors: Vec<Sensor>,
    zones: Vec<String>,
    /// Where each name was given.
    names: BTreeMap<String, String>,
}

impl Check {
    fn wrong(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::new(pointer, message));
    }

    fn rules(&mut self, at: &str, documents: Vec<RuleDocument>, tick_seconds: u64) -> Checked {
        if documents.len() > MAX_RULES {
            self.wrong(at, format!("{} rules are too many: at most {MAX_RULES}", documents.len()));
        }
        let rules = documents.into_iter().enumerate();
        let rules = rules.map(|(number, rule)| self.rule(&format!("{at}/{number}"), rule)).collect();
        self.done(rules, tick_seconds)
    }

    fn done(&mut self, mut rules: Vec<Rule>, tick_seconds: u64) -> Checked {
        // Stable: equal priorities stay as they were written.
        rules.sort_by_key(|rule| rule.priority);
        let (sensors, zones) = (std::mem::take(&mut self.sensors), std::mem::take(&mut self.zones));
        Checked { rules, sensors, zones, tick_ms: tick_seconds.saturating_mul(1_000) }
    }

    fn rule(&mut self, at: &str, document: RuleDocument) -> Rule {
        let name = self.name(at, document.rule_name, document.name);
        let cooldown = document.cooldown_seconds.and_then(|seconds| {
            let span = self.seconds(&format!("{at}/cooldown_seconds"), seconds);
            (span > 0).then(|| Cooldown { span, key: format!("cooldown/{name}") })
        });
        let condition = self.trigger(at, &name, document.trigger_conditions);
        let (intents, notifications) = self.actions(at, document.actions);
        let (enabled, priority) = (document.enabled, document.priority);
        Rule { name, enabled, priority, cooldown, condition, intents, notifications }
    }

    fn name(&mut self, at: &str, rule_name: Option<String>, name: Option<String>) -> String {
        let (field, name) = match (rule_name, name) {
            (Some(_), Some(_)) => {
                self.wrong(format!("{at}/name"), "give either `rule_name` or `name`, not both");
                return String::new();
            }
            (None, None) => {
                self.wrong(at, "a rule needs a `rule_name`");
                return String::new();
            }
            (Some(name), None) => ("rule_name", name),
            (None, Some(name)) => ("name", name),
        };
        let at = format!("{at}/{field}");
        if name.is_empty() || name.len() > MAX_NAME {
            self.wrong(&at, format!("a name has 1 to {MAX_NAME} bytes"));
        }
        if let Some(first) = self.names.get(&name) {
            let message = format!("another rule is called `{name}`, see `{first}`");
            self.wrong(at, message);
        } else {
            self.names.insert(name.clone(), at);
        }
        name
    }

    /// A span in ms from one in seconds.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked first")]
    fn seconds(&mut self, at: &str, seconds: f64) -> u64 {
        if !(0.0..=MAX_SECONDS).contains(&seconds) {
            self.wrong(at, "must be seconds from 0 to a year");
            return 0;
        }
        (seconds * 1_000.0).round() as u64
    }

    /// A part of a sensor's or an actuator's name.
    fn part(&mut self, at: &str, part: &str) {
        if part.is_empty() || part.len() > MAX_NAME || part.contains('/') {
            self.wrong(at, format!("must be 1 to {MAX_NAME} bytes without `/`"));
        }
    }
}
