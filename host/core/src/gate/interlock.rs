//! Interlock groups: two actuators of one group are never away from their safe values together, and between one going
//! safe and the next going on lies the dead time: the longer one, where the two say different ones.
//!
//! An interlock is no arbitration: a stronger writer does not switch off another actuator of the group; it waits.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::envelope::Envelope;
use super::limit::{Limit, Wait};
use super::point::Point;
use super::table::Table;
use super::words::Code;
use crate::time::Timestamp;

/// What went safe in a group and is no part of it any more: its last dead time still counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rest {
    /// When.
    pub off: Timestamp,
    /// Its dead time, in milliseconds.
    pub dead_ms: u64,
}

impl Rest {
    /// Both at once: the later one, with the longer dead time.
    pub(super) fn and(self, other: Self) -> Self {
        Self { off: self.off.max(other.off), dead_ms: self.dead_ms.max(other.dead_ms) }
    }

    fn until(self, envelope: &Envelope) -> Timestamp {
        self.off.after(self.dead_ms.max(envelope.dead_time_ms))
    }
}

/// The wait for the rest of the group, if the actuator may not be away from its safe value now. `rests` holds the
/// groups that rest after an actuator that left them.
pub(super) fn taken(
    table: &Table,
    points: &HashMap<String, Point>,
    rests: &BTreeMap<String, Rest>,
    name: &str,
    envelope: &Envelope,
    now: Timestamp,
) -> Option<Wait> {
    let group = envelope.group.as_deref()?;
    let mut free = rests.get(group).map(|rest| rest.until(envelope)).filter(|until| now < *until);
    for other in table.group(group).iter().filter(|other| *other != name) {
        let (Some(point), Some(its)) = (points.get(other), table.actuators.get(other)) else { continue };
        if point.on_since.is_some() {
            let text = format!("group {group}: `{other}` is on");
            let message = format!("`{other}` of the interlock group `{group}` is on; the change waits for it");
            let limit = Limit::new(Code::Interlocked, text, Some(point.effective), message);
            return Some(Wait { limit, until: None });
        }
        let until = point.changed.map(|off| off.after(envelope.dead_time_ms.max(its.dead_time_ms)));
        free = free.max(until.filter(|until| now < *until));
    }
    let until = free?;
    let text = format!("group {group}: dead time {} ms", envelope.dead_time_ms);
    let left = until.since(now);
    let message = format!("another actuator of the interlock group `{group}` was on; the change waits for {left} ms");
    Some(Wait { limit: Limit::new(Code::Interlocked, text, None, message), until: Some(until) })
}
