//! What a record is about: its kind, its policy, its devices and actuators. Filters ask this.

use interlock_core::event::Occurrence;
use interlock_core::gate::{Scope, Verdict};

use super::record::{Body, ChangeRecord};

impl Body {
    /// The kind as one word: the tag it is stored with.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Stopped => "stopped",
            Self::Event(_) => "event",
            Self::Malformed { .. } => "malformed",
            Self::Decision(_) => "decision",
            Self::Fault(_) => "fault",
            Self::Coalesced { .. } => "coalesced",
            Self::Effect { .. } => "effect",
            Self::Manual { .. } => "manual",
            Self::Undelivered { .. } => "undelivered",
            Self::Stop { .. } => "stop",
            Self::Reset { .. } => "reset",
            Self::Policy(_) => "policy",
            Self::Inventory { .. } => "inventory",
            Self::Approval { .. } => "approval",
            Self::Token { .. } => "token",
            Self::Anchored { .. } => "anchored",
            Self::Erased { .. } => "erased",
        }
    }

    /// Whether it is of this kind; an event is also of its own: `reading`, `alert`, …
    pub fn is_kind(&self, kind: &str) -> bool {
        self.kind() == kind || matches!(self, Self::Event(observation) if observation.what.kind() == kind)
    }

    /// The policy it is about.
    pub fn policy(&self) -> Option<&str> {
        match self {
            Self::Decision(record) => Some(&record.by.policy),
            Self::Fault(record) => Some(&record.by.policy),
            Self::Coalesced { policy, .. } => Some(policy),
            Self::Policy(record) => Some(&record.policy),
            Self::Event(observation) => match &observation.what {
                Occurrence::Tick(tick) => Some(&tick.policy),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether it is about this device: told by it, told to it, or done to it.
    pub fn touches_device(&self, device: &str) -> bool {
        let own = match self {
            Self::Event(observation) => match &observation.what {
                Occurrence::Reading(reading) => reading.device == device,
                Occurrence::Actuator(status) => status.device == device,
                Occurrence::Device(presence) => presence.device == device,
                _ => false,
            },
            Self::Stop { scope, .. } | Self::Reset { scope, .. } => {
                matches!(scope, Scope::Device(of) if of == device)
            }
            Self::Inventory { what, name, .. } => {
                // Sensors are named `device/channel`.
                name.strip_prefix(device).is_some_and(|rest| {
                    (rest.is_empty() && what == "device") || (rest.starts_with('/') && what == "sensor")
                })
            }
            _ => false,
        };
        own || self.changes().iter().any(|change| change.command.device == device)
    }

    /// Whether it is about this actuator, by name: asked for, judged, or changed.
    pub fn touches_actuator(&self, actuator: &str) -> bool {
        let own = match self {
            Self::Decision(record) => record.decision.intents.iter().any(|intent| intent.actuator == actuator),
            Self::Manual { intent, .. } => intent.actuator == actuator,
            Self::Undelivered { actuator: of, .. } => of == actuator,
            Self::Inventory { what, name, .. } => what == "actuator" && name == actuator,
            _ => false,
        };
        own || self.verdicts().iter().any(|verdict| verdict.actuator == actuator)
            || self.changes().iter().any(|change| change.command.actuator == actuator)
    }

    /// What the gate judged.
    pub fn verdicts(&self) -> &[Verdict] {
        match self {
            Self::Decision(record) => &record.verdicts,
            Self::Approval { verdicts, .. } => verdicts,
            Self::Manual { verdict, .. } => std::slice::from_ref(verdict),
            _ => &[],
        }
    }

    /// The changes of effective values that followed.
    pub fn changes(&self) -> &[ChangeRecord] {
        match self {
            Self::Decision(record) => &record.changes,
            Self::Fault(record) => &record.changes,
            Self::Effect { changes } | Self::Manual { changes, .. } | Self::Approval { changes, .. } => changes,
            _ => &[],
        }
    }
}
