//! The trait an author implements: one method per kind of event, each abstaining until it is written.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::context::{Context, State};
use crate::{
    Access, ActionOutcome, ActuatorStatus, Alert, Custom, Decision, Event, Incident, Occurrence, Plan, Presence,
    Problem, Reading,
};

/// A configured policy.
///
/// The host calls [`configure`](Self::configure) once per version and takes a snapshot of what it returned. Every event
/// then meets a fresh copy of that snapshot: nothing a call leaves in memory is seen by the next. What must be
/// remembered goes through [`Context::state`].
pub trait Policy: Sized + 'static {
    /// The configuration. Its JSON Schema is what editors and the host's forms show, so doc comments matter; add
    /// `deny_unknown_fields` so that a typing error is refused, not ignored.
    type Config: DeserializeOwned + JsonSchema;

    /// Builds the policy. Validate, index and precompute here: it may be slow, decisions may not.
    ///
    /// # Errors
    /// Everything that is wrong, each with the JSON pointer of its culprit.
    fn configure(config: Self::Config) -> Result<Self, Vec<Problem>>;

    /// What this configuration subscribes to, reads and drives. The host grants exactly this.
    fn plan(&self) -> Plan;

    /// A sensor's value.
    fn on_reading(&self, _reading: &Reading, _context: &Context<'_>) -> Decision {
        Decision::abstain()
    }

    /// What an actuator says of itself.
    fn on_actuator(&self, _status: &ActuatorStatus, _context: &Context<'_>) -> Decision {
        Decision::abstain()
    }

    /// A device appeared or fell silent.
    fn on_device(&self, _presence: &Presence, _context: &Context<'_>) -> Decision {
        Decision::abstain()
    }

    /// A key figure left its bounds.
    fn on_alert(&self, _alert: &Alert, _context: &Context<'_>) -> Decision {
        Decision::abstain()
    }

    /// Something went wrong somewhere.
    fn on_incident(&self, _incident: &Incident, _context: &Context<'_>) -> Decision {
        Decision::abstain()
    }

    /// Somebody asks to do something.
    fn on_access(&self, _access: &Access, _context: &Context<'_>) -> Decision {
        Decision::abstain()
    }

    /// How an action or intent of an earlier decision ended.
    fn on_outcome(&self, _outcome: &ActionOutcome, _context: &Context<'_>) -> Decision {
        Decision::abstain()
    }

    /// Anything else that was agreed with the sender.
    fn on_custom(&self, _custom: &Custom, _context: &Context<'_>) -> Decision {
        Decision::abstain()
    }

    /// Time passed.
    fn on_tick(&self, _context: &Context<'_>) -> Decision {
        Decision::abstain()
    }

    /// Hands an event to the method of its kind. Override it only to answer some events with an error.
    ///
    /// # Errors
    /// What was wrong with the event. An error is a fault: nothing of the evaluation takes effect.
    fn decide(&self, event: &Event, context: &Context<'_>) -> Result<Decision, String> {
        Ok(match &event.what {
            Occurrence::Reading(reading) => self.on_reading(reading, context),
            Occurrence::Actuator(status) => self.on_actuator(status, context),
            Occurrence::Device(presence) => self.on_device(presence, context),
            Occurrence::Alert(alert) => self.on_alert(alert, context),
            Occurrence::Incident(incident) => self.on_incident(incident, context),
            Occurrence::Access(access) => self.on_access(access, context),
            Occurrence::Outcome(outcome) => self.on_outcome(outcome, context),
            Occurrence::Custom(custom) => self.on_custom(custom, context),
            Occurrence::Tick => self.on_tick(context),
        })
    }

    /// Brings the state that version `from` (as in its manifest) left into the shape this one reads. By default the
    /// shapes are the same.
    ///
    /// # Errors
    /// Why the state cannot be taken over; this version is then not activated.
    fn migrate(&self, _from: &str, _state: &State<'_>) -> Result<(), String> {
        Ok(())
    }
}
