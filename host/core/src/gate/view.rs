//! What an actuator's priority array looks like, for people.

use serde::{Deserialize, Serialize};

use super::point::Point;
use super::words::Writer;
use crate::time::Timestamp;

/// What an actuator's priority array looks like, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct View {
    /// The actuator's name.
    pub actuator: String,
    /// What it is told to be.
    pub effective: f64,
    /// Who decides that; none when it is the safe value.
    pub held_by: Option<Writer>,
    /// When it last changed.
    pub changed: Option<Timestamp>,
    /// Whether a change waits, and until when at least.
    pub deferred_until: Option<Timestamp>,
    /// The active slots, strongest first.
    pub slots: Vec<SlotView>,
}

/// One active slot, for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct SlotView {
    /// Whose.
    pub writer: Writer,
    /// 1 (strongest) to 16.
    pub priority: u8,
    /// What it wants.
    pub value: f64,
    /// When it ends.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

impl View {
    /// The view of `point` at `now`. A change that waits for another actuator, not for a time, waits until `now` at least.
    pub(super) fn of(actuator: &str, point: &Point, now: Timestamp) -> Self {
        let slots = point.array.slots().iter().map(|slot| SlotView {
            writer: slot.writer.clone(),
            priority: slot.priority,
            value: slot.value,
            until: slot.until,
            reason: slot.reason.clone(),
        });
        Self {
            actuator: actuator.to_owned(),
            effective: point.effective,
            held_by: point.held_by.clone(),
            changed: point.changed,
            deferred_until: point.wait.as_ref().map(|wait| wait.until.unwrap_or(now)),
            slots: slots.collect(),
        }
    }
}
