//! Building a decision, read aloud: `Decision::allow().set("ESP_02/18", 1.0).hold_for(minute).because("it is hot")`.

use std::time::Duration;

use crate::context::millis;
use crate::{Action, Approval, Decision, Finding, Intent, Notification, Ruling, Setting, Severity};

impl Decision {
    /// An answer with this ruling that asks for nothing yet.
    pub const fn new(ruling: Ruling) -> Self {
        Self { ruling, intents: Vec::new(), notifications: Vec::new(), actions: Vec::new(), findings: Vec::new() }
    }

    /// The event does not concern this policy.
    pub const fn abstain() -> Self {
        Self::new(Ruling::Abstain)
    }

    /// Yes.
    pub const fn allow() -> Self {
        Self::new(Ruling::Allow)
    }

    /// Yes, once somebody in any of these roles approved; the request lapses after `expires_after`.
    pub fn allow_after(roles: impl IntoIterator<Item = impl Into<String>>, expires_after: Option<Duration>) -> Self {
        let roles = roles.into_iter().map(Into::into).collect();
        Self::new(Ruling::AllowAfter(Approval { roles, expires_after: expires_after.map(millis) }))
    }

    /// No, and why.
    pub fn deny(reason: impl Into<String>) -> Self {
        Self::new(Ruling::Deny(reason.into()))
    }

    /// Asks to drive an actuator (its name, or `device/channel`) to a value in its own unit.
    #[must_use]
    pub fn set(self, actuator: impl Into<String>, value: f64) -> Self {
        self.intent(Intent::new(actuator, Setting::Value(value)))
    }

    /// Gives the actuator's slot back: the next priority takes over, and last the safe value.
    #[must_use]
    pub fn release(self, actuator: impl Into<String>) -> Self {
        self.intent(Intent::new(actuator, Setting::Release))
    }

    /// Asks for an intent built elsewhere.
    #[must_use]
    pub fn intent(mut self, intent: Intent) -> Self {
        self.intents.push(intent);
        self
    }

    /// How long the value of the intent asked for last is wanted. Without one, nothing changes.
    #[must_use]
    pub fn hold_for(mut self, span: Duration) -> Self {
        if let Some(intent) = self.intents.last_mut() {
            intent.hold_for = Some(millis(span));
        }
        self
    }

    /// Why, for people: the reason of the intent asked for last. Without one, nothing changes.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        if let Some(intent) = self.intents.last_mut() {
            intent.reason = reason.into();
        }
        self
    }

    /// Tells people something, through a channel such as `"email"` or `"dashboard"`.
    #[must_use]
    pub fn notify(mut self, channel: impl Into<String>, severity: Severity, message: impl Into<String>) -> Self {
        self.notifications.push(Notification { channel: channel.into(), severity, message: message.into() });
        self
    }

    /// Triggers a named action outside the actuators; `modifiers` are its details as a JSON object.
    #[must_use]
    pub fn action(self, name: impl Into<String>, modifiers: &serde_json::Map<String, serde_json::Value>) -> Self {
        self.trigger(Action::new(name, modifiers))
    }

    /// Triggers an action built elsewhere.
    #[must_use]
    pub fn trigger(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    /// Records why a rule did or did not match.
    #[must_use]
    pub fn finding(mut self, rule: impl Into<String>, matched: bool, because: impl Into<String>) -> Self {
        self.findings.push(Finding { rule: rule.into(), matched, because: because.into() });
        self
    }
}

impl Intent {
    /// An intent without a hold and without a reason.
    pub fn new(actuator: impl Into<String>, set: Setting) -> Self {
        Self { actuator: actuator.into(), set, hold_for: None, reason: String::new() }
    }
}

impl Action {
    /// An action that cannot be undone; see [`reversible_for`](Self::reversible_for).
    pub fn new(name: impl Into<String>, modifiers: &serde_json::Map<String, serde_json::Value>) -> Self {
        // A map of JSON values always has JSON.
        let modifiers = serde_json::to_string(modifiers).unwrap_or_else(|_| "{}".into());
        Self { name: name.into(), modifiers, reversible_for: None }
    }

    /// How long it can be undone.
    #[must_use]
    pub fn reversible_for(mut self, span: Duration) -> Self {
        self.reversible_for = Some(millis(span));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hold_and_reason_belong_to_the_intent_before_them() {
        let decision = Decision::allow()
            .set("ESP_02/18", 1.0)
            .hold_for(Duration::from_secs(60))
            .because("it is hot")
            .release("ESP_02/19");

        assert_eq!(decision.ruling, Ruling::Allow);
        assert_eq!(decision.intents[0].set, Setting::Value(1.0));
        assert_eq!(decision.intents[0].hold_for, Some(60_000));
        assert_eq!(decision.intents[0].reason, "it is hot");
        assert_eq!(decision.intents[1], Intent::new("ESP_02/19", Setting::Release));
    }

    #[test]
    fn an_action_carries_its_modifiers_as_json() {
        let modifiers = serde_json::json!({ "replicas": 3 });
        let action = Action::new("scale", modifiers.as_object().unwrap()).reversible_for(Duration::from_secs(5));

        assert_eq!(action.modifiers, r#"{"replicas":3}"#);
        assert_eq!(action.reversible_for, Some(5_000));
    }

    #[test]
    fn an_approval_names_roles_and_its_end() {
        let decision = Decision::allow_after(["operator"], Some(Duration::from_secs(600)));

        let Ruling::AllowAfter(approval) = decision.ruling else { panic!("another ruling") };
        assert_eq!(
            (approval.roles.as_slice(), approval.expires_after),
            (["operator".to_owned()].as_slice(), Some(600_000))
        );
    }
}
