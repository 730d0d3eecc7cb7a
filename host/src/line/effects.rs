//! What the gate's effects mean for an entry: rows, records of changes, commands to send.

use interlock_core::gate::{Effects, Gate};
use interlock_core::time::Seq;

use crate::journal::record::ChangeRecord;
use crate::journal::{Entry, Then};
use crate::store::{OutboxRow, Put};

/// Adds the effects of one step to the entry that records it. The changes, for the record.
pub(super) fn carry(gate: &Gate, effects: Effects, seq: Seq, entry: &mut Entry) -> Vec<ChangeRecord> {
    for actuator in effects.dirty {
        let stored = gate.stored(&actuator);
        entry.puts.push(Put::Slot { actuator, stored });
    }
    let mut changes = Vec::with_capacity(effects.changes.len());
    for change in effects.changes {
        let command = change.command.get().clone();
        let held_by = gate.view(&command.actuator).and_then(|view| view.held_by);
        entry.puts.push(Put::Outbox(OutboxRow { seq, command: command.clone() }));
        entry.then.push(Then::Send(change.command));
        changes.push(ChangeRecord { from: change.from, why: change.why, held_by, command });
    }
    changes
}
