//! What a policy answered, and the bounds an answer must keep.

use serde::{Deserialize, Serialize};

use crate::evaluation::Fault;
use crate::event::Severity;

/// The answer to one event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Decision {
    /// Yes, no, or not mine.
    pub ruling: Ruling,
    /// Actuations it asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intents: Vec<Intent>,
    /// Messages for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notifications: Vec<Notification>,
    /// Named actions outside the actuators.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// Why each rule did or did not match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// Yes, no, or not mine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Ruling {
    /// The event does not concern the policy.
    #[default]
    Abstain,
    /// Yes.
    Allow,
    /// Yes, once somebody approved.
    AllowAfter {
        /// Any of these roles may approve.
        roles: Vec<String>,
        /// Milliseconds until the request lapses.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_after_ms: Option<u64>,
    },
    /// No.
    Deny {
        /// Why not.
        reason: String,
    },
}

/// What to do with an actuator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// Drive it to this value, in the actuator's unit.
    Value(#[serde(with = "crate::number")] f64),
    /// Give the slot back.
    Release,
}

/// An actuation a policy asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Intent {
    /// The actuator's name, or `device/channel`.
    pub actuator: String,
    /// What to do.
    pub set: Setting,
    /// How long the value is wanted, in milliseconds; without it until replaced or released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_ms: Option<u64>,
    /// For people: why.
    pub reason: String,
}

/// A message for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Notification {
    /// Where it should go.
    pub channel: String,
    /// How bad.
    pub severity: Severity,
    /// The text.
    pub message: String,
}

/// A named action outside the actuators.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Action {
    /// Its name.
    pub name: String,
    /// A JSON object.
    pub modifiers: serde_json::Value,
    /// Milliseconds during which it can be undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversible_ms: Option<u64>,
}

/// Why a rule did or did not match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Finding {
    /// The rule's name.
    pub rule: String,
    /// Whether it matched.
    pub matched: bool,
    /// Why, for people.
    pub because: String,
}

/// Bounds of one answer: intents, notifications and actions each.
pub const MAX_ASKS: usize = 64;
/// Bound of one answer: findings.
pub const MAX_FINDINGS: usize = 1_024;
/// Bound of one answer: bytes of all its texts together.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024;

impl Decision {
    /// This decision if it keeps the bounds.
    ///
    /// # Errors
    /// A fault of the kind `bad_answer` that names the bound, its limit and what was found.
    pub fn within_bounds(self) -> Result<Self, Fault> {
        let counts = [
            ("intents", self.intents.len(), MAX_ASKS),
            ("notifications", self.notifications.len(), MAX_ASKS),
            ("actions", self.actions.len(), MAX_ASKS),
            ("findings", self.findings.len(), MAX_FINDINGS),
            ("bytes of text", self.text_bytes(), MAX_ANSWER_BYTES),
        ];
        match counts.into_iter().find(|(_, found, limit)| found > limit) {
            Some((what, found, limit)) => {
                Err(Fault::bad_answer(format!("the decision has {found} {what}; at most {limit} are taken")))
            }
            None => Ok(self),
        }
    }

    /// Whether nothing matched, nothing is asked and nothing is said: such a decision leaves no record of its own.
    pub fn is_quiet(&self) -> bool {
        self.ruling == Ruling::Abstain
            && self.intents.is_empty()
            && self.notifications.is_empty()
            && self.actions.is_empty()
            && !self.findings.iter().any(|finding| finding.matched)
    }

    fn text_bytes(&self) -> usize {
        let ruling = match &self.ruling {
            Ruling::Abstain | Ruling::Allow => 0,
            Ruling::AllowAfter { roles, .. } => roles.iter().map(String::len).sum(),
            Ruling::Deny { reason } => reason.len(),
        };
        let intents: usize = self.intents.iter().map(|i| i.actuator.len() + i.reason.len()).sum();
        let notifications: usize = self.notifications.iter().map(|n| n.channel.len() + n.message.len()).sum();
        let actions: usize = self.actions.iter().map(|a| a.name.len() + a.modifiers.to_string().len()).sum();
        let findings: usize = self.findings.iter().map(|f| f.rule.len() + f.because.len()).sum();
        ruling + intents + notifications + actions + findings
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::evaluation::FaultKind;

    fn with(count: usize, text: usize) -> Decision {
        let intent =
            |_| Intent { actuator: String::new(), set: Setting::Release, hold_ms: None, reason: "x".repeat(text) };
        Decision { intents: (0..count).map(intent).collect(), ..Decision::default() }
    }

    #[rstest]
    #[case(with(MAX_ASKS, 0), None)]
    #[case(with(MAX_ASKS + 1, 0), Some("the decision has 65 intents; at most 64 are taken"))]
    #[case(with(1, MAX_ANSWER_BYTES), None)]
    #[case(with(1, MAX_ANSWER_BYTES + 1), Some("the decision has 262145 bytes of text; at most 262144 are taken"))]
    fn bounds(#[case] decision: Decision, #[case] refused: Option<&str>) {
        let answer = decision.clone().within_bounds();
        match refused {
            None => assert_eq!(answer, Ok(decision)),
            Some(detail) => {
                let fault = answer.unwrap_err();
                assert_eq!((fault.kind, fault.detail.as_str()), (FaultKind::BadAnswer, detail));
            }
        }
    }

    #[test]
    fn the_bounds_of_findings_notifications_and_actions() {
        let finding = Finding { rule: String::new(), matched: false, because: String::new() };
        let many = Decision { findings: vec![finding; MAX_FINDINGS + 1], ..Decision::default() };
        assert!(many.within_bounds().unwrap_err().detail.contains("1025 findings"));
        let action = Action { name: String::new(), modifiers: serde_json::Value::Null, reversible_ms: None };
        let many = Decision { actions: vec![action; MAX_ASKS + 1], ..Decision::default() };
        assert!(many.within_bounds().unwrap_err().detail.contains("65 actions"));
        let told = Notification { channel: String::new(), severity: Severity::Info, message: String::new() };
        let many = Decision { notifications: vec![told; MAX_ASKS + 1], ..Decision::default() };
        assert!(many.within_bounds().unwrap_err().detail.contains("65 notifications"));
    }

    #[test]
    fn only_what_matches_or_asks_is_not_quiet() {
        let finding = |matched| Finding { rule: "r".into(), matched, because: String::new() };
        let found = |matched| Decision { findings: vec![finding(matched)], ..Decision::default() };
        assert!(Decision::default().is_quiet() && found(false).is_quiet());
        assert!(!found(true).is_quiet() && !with(1, 0).is_quiet());
        assert!(!Decision { ruling: Ruling::Allow, ..Decision::default() }.is_quiet());
    }
}
