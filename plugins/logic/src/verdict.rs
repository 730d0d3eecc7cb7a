//! The decision as it grows, rule by rule: who fires, who rests, who drives what.

use std::time::Duration;

use interlock_plugin_sdk::{Decision, Finding, Intent, MAX_ANSWER_BYTES, MAX_ASKS, Ruling};

use crate::rule::{Cooldown, Rule, Truth};
use crate::sight::Sight;

/// How much of the answer findings may fill; the rest is for intents and notifications.
const FINDINGS_BYTES: usize = MAX_ANSWER_BYTES / 2;
/// Bytes of a condition's words within an intent's reason.
const REASON_BYTES: usize = 256;

/// Bytes that the words for a usual rule take.
const USUAL_BYTES: usize = 256;

/// The decision as it grows.
pub(crate) struct Verdict<'a> {
    decision: Decision,
    /// Which rule asked for each intent.
    drivers: Vec<&'a str>,
    /// Bytes of the findings so far.
    bytes: usize,
    /// Where the words for one rule are put together, so that each finding is allocated once and in its size.
    because: String,
}

impl<'a> Verdict<'a> {
    /// The beginning of a decision on so many rules.
    pub(crate) fn of(rules: usize) -> Self {
        let decision = Decision { findings: Vec::with_capacity(rules), ..Decision::abstain() };
        Self { decision, drivers: Vec::new(), bytes: 0, because: String::with_capacity(USUAL_BYTES) }
    }

    /// Asks one rule, and takes up what it wants.
    pub(crate) fn ask(&mut self, rule: &'a Rule, sight: &mut Sight<'_>) {
        if !rule.enabled {
            return self.unmatched(rule, "not enabled");
        }
        let mut because = std::mem::take(&mut self.because);
        because.clear();
        let fires = rule.condition.holds(sight, &mut because) == Truth::True && self.rested(rule, &mut because, sight);
        if fires {
            self.fire(rule, &mut because);
        }
        self.found(rule, fires, &because);
        self.because = because;
    }

    /// Notes that a rule was not asked, and why.
    pub(crate) fn unmatched(&mut self, rule: &Rule, because: &str) {
        self.found(rule, false, because);
    }

    /// The decision.
    pub(crate) fn into_decision(self) -> Decision {
        self.decision
    }

    /// Whether the rule's cooldown is over; if so, the next one starts.
    fn rested(&self, rule: &Rule, because: &mut String, sight: &Sight<'_>) -> bool {
        let Some(cooldown) = &rule.cooldown else { return true };
        if let Some(remaining) = cooldown.remaining(sight) {
            because.push_str(&format!("; in cooldown for another {} s", remaining.div_ceil(1_000)));
            return false;
        }
        // A rule that cannot remember its rest would fire on every reading.
        cooldown
            .start(sight)
            .inspect_err(|error| {
                because.push_str(&format!("; does not fire, as its cooldown cannot be kept: {error}"));
            })
            .is_ok()
    }

    fn fire(&mut self, rule: &'a Rule, because: &mut String) {
        let reason = format!("{}: {}", rule.name, clip(because, REASON_BYTES));
        for intent in &rule.intents {
            self.drive(intent, rule, &reason, because);
        }
        self.decision.ruling = Ruling::Allow;
        for notification in &rule.notifications {
            if self.decision.notifications.len() < MAX_ASKS {
                self.decision.notifications.push(notification.clone());
            } else {
                because.push_str("; a notification finds no room in the decision");
            }
        }
    }

    fn drive(&mut self, intent: &Intent, rule: &'a Rule, reason: &str, because: &mut String) {
        let intents = &mut self.decision.intents;
        let taken = intents.iter().position(|taken| taken.actuator == intent.actuator);
        if let Some(first) = taken.and_then(|taken| self.drivers.get(taken)) {
            because.push_str(&format!("; `{}` is already driven by `{first}`", intent.actuator));
        } else if intents.len() == MAX_ASKS {
            because.push_str(&format!("; `{}` finds no room in the decision", intent.actuator));
        } else {
            intents.push(Intent { reason: reason.to_owned(), ..intent.clone() });
            self.drivers.push(&rule.name);
        }
    }

    fn found(&mut self, rule: &Rule, matched: bool, because: &str) {
        let room = FINDINGS_BYTES.saturating_sub(self.bytes + rule.name.len());
        let because = clip(because, room);
        self.bytes += rule.name.len() + because.len();
        self.decision.findings.push(Finding { rule: rule.name.clone(), matched, because: because.to_owned() });
    }
}

impl Cooldown {
    /// ms until the rule may fire again, if it rests.
    fn remaining(&self, sight: &Sight<'_>) -> Option<u64> {
        let now = sight.context.at;
        let fired = sight.context.state.get_text(&self.key)?.parse().unwrap_or(now);
        let remaining = self.span.saturating_sub(now.saturating_sub(fired));
        (remaining > 0).then_some(remaining)
    }

    fn start(&self, sight: &Sight<'_>) -> Result<(), interlock_plugin_sdk::StateError> {
        let ttl = Duration::from_millis(self.span);
        sight.context.state.set_text(&self.key, &sight.context.at.to_string(), Some(ttl))
    }
}

/// The beginning of a text, at most so many bytes.
fn clip(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}
