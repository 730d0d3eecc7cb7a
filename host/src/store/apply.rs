//! Which table a [`Put`] changes.

use interlock_core::time::Seq;
use redb::WriteTransaction;

use super::commit::WriteError;
use super::{Put, approvals, artifacts, inventory, journal, meta, outbox, personal, policies, slots, state, tokens};

/// Changes a row. `seq` is the newest record up to it. Doing it twice is doing it once.
pub(super) fn apply(txn: &WriteTransaction, seq: Seq, put: &Put) -> Result<(), WriteError> {
    match put {
        Put::Cursor { policy, seq } => state::put_cursor(txn, policy, *seq),
        Put::State { policy, key, entry } => state::put(txn, policy, key, entry.as_ref()),
        Put::Outbox(row) => outbox::put(txn, row),
        Put::OutboxDone(id) => outbox::remove(txn, id),
        Put::Slot { actuator, stored } => slots::put(txn, actuator, stored.as_ref()),
        Put::Latest { seq, at, reading } => slots::put_latest(txn, *seq, *at, reading),
        Put::Policy(row) => policies::put(txn, row),
        Put::Version(row) => policies::put_version(txn, row),
        Put::Artifact { digest, bytes } => artifacts::put(txn, digest, bytes),
        Put::DropPolicy(policy) => drop_policy(txn, policy, seq),
        Put::Inventory { what, name, row } => inventory::put(txn, what, name, row.as_ref()),
        Put::Approval { decision, row } => approvals::put(txn, *decision, row.as_ref()),
        Put::Token { id, row } => tokens::put(txn, id, row.as_ref()),
        Put::Meta { name, value } => meta::put(txn, name, value),
        Put::Erase { seq, field } => personal::erase(txn, *seq, *field),
        Put::Trim(anchor) => {
            journal::trim(txn, anchor)?;
            personal::trim(txn, anchor.first)?;
            if policies::forget_retired(txn, anchor.first)? {
                artifacts::collect(txn, &policies::digests(txn)?)?;
            }
            Ok(())
        }
    }
}

fn drop_policy(txn: &WriteTransaction, policy: &str, seq: Seq) -> Result<(), WriteError> {
    policies::retire(txn, policy, seq)?;
    state::remove_all(txn, policy)
}
