//! The one redb file: typed rows, one file per table group, and the only way to change them.
//!
//! Rows change through [`Put`]s that the journal's writer commits together with the records that explain them. There is
//! no other writer: what is in the store is what the journal says happened.
//!
//! Reading takes a snapshot for as long as one call lasts, never longer: a reader that stays pins pages, and the file
//! grows. Calls read the disk; async code makes them on a blocking thread where they may take long.

mod apply;
mod approvals;
mod artifacts;
pub(crate) mod commit;
mod inventory;
pub(crate) mod journal;
mod meta;
mod open;
mod outbox;
pub(crate) mod personal;
mod policies;
mod read;
mod rows;
mod slots;
mod state;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod tokens;

pub use artifacts::ArtifactError;
pub use open::OpenError;
pub use read::ReadError;

use std::path::PathBuf;
use std::sync::RwLock;

use interlock_core::command::Command;
use interlock_core::evaluation::StateEntry;
use interlock_core::event::Reading;
use interlock_core::gate::Stored;
use interlock_core::time::{Seq, Timestamp};
use serde::{Deserialize, Serialize};

/// One change of a row, committed with the record that explains it.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "versions are rare, and a put is moved a few times in its life")]
pub enum Put {
    /// How far a policy has come.
    Cursor {
        /// The policy.
        policy: String,
        /// The last event it has answered.
        seq: Seq,
    },
    /// One entry of a policy's state; none deletes it.
    State {
        /// The policy.
        policy: String,
        /// The key.
        key: String,
        /// The entry.
        entry: Option<StateEntry>,
    },
    /// A command that must leave, or expire.
    Outbox(OutboxRow),
    /// A command that left, or expired: by id.
    OutboxDone(String),
    /// The gate's state of one actuator, by name.
    Slot {
        /// The actuator.
        actuator: String,
        /// What the gate must find again; none removes it.
        stored: Option<Stored>,
    },
    /// The newest reading of a sensor.
    Latest {
        /// Its record.
        seq: Seq,
        /// When the host received it.
        at: Timestamp,
        /// The reading.
        reading: Reading,
    },
    /// A policy's slot.
    Policy(PolicyRow),
    /// A version of a policy, immutable.
    Version(VersionRow),
    /// An artifact's bytes, by digest; a no-op when it is there.
    Artifact {
        /// SHA-256 in hex.
        digest: String,
        /// The component, uncompressed.
        bytes: std::sync::Arc<[u8]>,
    },
    /// Removes a policy with its versions, state and cursor. Artifacts stay while another version names them.
    DropPolicy(String),
    /// An actuator, sensor or device as configured; JSON of the inventory's own rows; none removes it.
    Inventory {
        /// `actuator`, `sensor` or `device`.
        what: &'static str,
        /// Its name.
        name: String,
        /// The row.
        row: Option<serde_json::Value>,
    },
    /// An approval that waits; none removes it.
    Approval {
        /// The decision that asked.
        decision: Seq,
        /// The request.
        row: Option<serde_json::Value>,
    },
    /// An access token, by its public id; none revokes it.
    Token {
        /// The public id.
        id: String,
        /// The row.
        row: Option<TokenRow>,
    },
    /// A small value of the host itself, by name.
    Meta {
        /// Its name.
        name: &'static str,
        /// The value.
        value: Vec<u8>,
    },
    /// A personal value of a record, with its salt, is gone for good; the commitment in the record stays.
    Erase {
        /// The record.
        seq: Seq,
        /// Which of its personal fields, counted from 0.
        field: u8,
    },
    /// The oldest records are removed, up to where the anchor says the chain begins now. Made by
    /// [`crate::journal::retention`].
    Trim(crate::journal::anchor::Anchor),
}

/// A command in the outbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutboxRow {
    /// The record that approved it: the order of sending.
    pub seq: Seq,
    /// What to send.
    pub command: Command,
}

/// A policy's slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyRow {
    /// The slot's name.
    pub name: String,
    /// The version that answers.
    pub active: Option<u64>,
    /// What its decisions may do.
    pub mode: interlock_core::policy::Mode,
    /// Whether it runs at all; off keeps its place and state.
    pub enabled: bool,
    /// Its place in every priority array, 1 (strongest) to 16.
    pub priority: u8,
    /// What happens to its actuators when it faults.
    pub fallback: interlock_core::policy::Fallback,
    /// Stopped by the host after too many faults in a row; activation lifts it.
    pub quarantined: bool,
    /// The number the next version gets.
    pub next_version: u64,
    /// The versions that were active, oldest first, bounded: what `rollback` without a number goes back along.
    pub activations: Vec<u64>,
    /// When it was created.
    pub created: Timestamp,
}

/// A version of a policy. Immutable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VersionRow {
    /// The slot's name.
    pub policy: String,
    /// Its number, from 1.
    pub number: u64,
    /// SHA-256 of the artifact, in hex.
    pub digest: String,
    /// The artifact's size in bytes.
    pub bytes: u64,
    /// The configuration, as it was given.
    pub config: serde_json::Value,
    /// What one evaluation may use.
    pub limits: interlock_core::policy::Limits,
    /// What the component says of itself.
    pub manifest: interlock_core::policy::Manifest,
    /// What the configured component will do.
    pub plan: interlock_core::policy::Plan,
    /// Why it was made.
    pub comment: String,
    /// Who made it.
    pub author: String,
    /// When.
    pub created: Timestamp,
    /// What was seen before it was saved: the dry run on the latest event of each kind it subscribes to.
    pub evidence: serde_json::Value,
    /// SHA-256 in hex over digest, configuration and limits: equal checksums are duplicates.
    pub checksum: String,
}

/// An access token as stored: never the token itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenRow {
    /// The public id, shown in lists.
    pub id: String,
    /// SHA-256 of the token, in hex.
    pub sha256: String,
    /// For people.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Requests a minute, where it differs from the default.
    pub per_minute: Option<u32>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

/// The open store. Shared by reference; the journal's writer alone changes it.
///
/// After an input or output error redb refuses further work until it is opened anew, so the database stands behind a
/// lock: readers share it for the length of one call, [`Store::reopen`] takes it alone.
pub struct Store {
    /// The data folder.
    folder: PathBuf,
    /// How the file is opened, now and after an error.
    opener: open::Opener,
    /// None while it could not be opened again.
    database: RwLock<Option<redb::Database>>,
}
