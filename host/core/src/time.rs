//! Moments and places in the order of things, as plain values.

use serde::{Deserialize, Serialize};

/// A moment in milliseconds since the Unix epoch, as the host reckons it.
///
/// The line stamps events so that this never decreases from one to the next, whatever the machine's clock does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This moment and `ms` milliseconds; stays at the end of time rather than wrap.
    pub const fn after(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment; zero if `earlier` is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A place in the journal: 1 for the first record, then without a gap.
pub type Seq = u64;
