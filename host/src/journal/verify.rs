//! `journal verify`: the whole chain recomputed, from the newest anchor this host signed, or from the first record.
//!
//! It finds records that were edited, deleted, swapped or cut off at either end, personal values that are not what was
//! committed to, and anchors that this host did not sign. What it cannot find: a chain that somebody with the host's own
//! key and write access computed anew.

use std::ops::ControlFlow;

use interlock_core::time::Seq;
use serde::Serialize;

use super::chain::{GENESIS, Hash, decode, link, split};
use super::{Journal, personal};
use crate::store::ReadError;
use crate::store::journal::Chain;

/// Records read in one snapshot, so that none lives long.
const STEP: usize = 4_096;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Verification {
    /// How many records were recomputed.
    pub records: u64,
    /// The first of them; 0 in an empty journal.
    pub from: Seq,
    /// The last of them.
    pub to: Seq,
    /// Whether everything is as it was written.
    pub ok: bool,
    /// The first record that is not, and why.
    pub first_bad: Option<Bad>,
    /// Personal values that were erased on purpose.
    pub erased: u64,
    /// Anchors whose signature was checked.
    pub anchors: u64,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Bad {
    /// The record.
    pub seq: Seq,
    /// What is wrong, for people.
    pub why: String,
}

impl Journal {
    /// Verifies everything that is kept. `progress` hears how many records of how many are done. Takes seconds per
    /// million records; records that are added meanwhile are verified too.
    ///
    /// # Errors
    /// When the store cannot be read. What is wrong with the journal is no error but the answer.
    pub fn verify(&self, mut progress: impl FnMut(u64, u64)) -> Result<Verification, ReadError> {
        let mut walk = self.store.chain(|chain| self.begin(chain))?;
        while !walk.is_done() {
            self.store.chain(|chain| walk.advance(chain))?;
            progress(walk.found.records, walk.total);
        }
        Ok(walk.found)
    }

    /// Checks the anchors and finds where to begin.
    fn begin(&self, chain: &Chain) -> Result<Walk, ReadError> {
        let anchors = chain.anchors()?;
        let mut walk = Walk::new(chain.tail()?.records);
        walk.found.anchors = anchors.len() as u64;
        if let Some(forged) = anchors.iter().find(|anchor| !self.key.vouches(anchor)) {
            walk.bad(forged.first, "the anchor before it is not signed by this host".into());
        }
        if let Some(newest) = anchors.last() {
            walk.next = newest.first;
            walk.before = newest.before().unwrap_or(GENESIS);
        }
        walk.found.from = chain.first()?.unwrap_or(0);
        if walk.found.from != 0 && walk.found.from < walk.next {
            walk.bad(walk.found.from, "it should have been removed, the anchor says".into());
        }
        Ok(walk)
    }
}

struct Walk {
    found: Verification,
    total: u64,
    next: Seq,
    before: Hash,
    at_end: bool,
}

impl Walk {
    const fn new(total: u64) -> Self {
        let found = Verification { records: 0, from: 0, to: 0, ok: true, first_bad: None, erased: 0, anchors: 0 };
        Self { found, total, next: 1, before: GENESIS, at_end: false }
    }

    const fn is_done(&self) -> bool {
        self.at_end || !self.found.ok
    }

    fn bad(&mut self, seq: Seq, why: String) {
        self.found.ok = false;
        self.found.first_bad.get_or_insert(Bad { seq, why });
    }

    /// Verifies the next records.
    fn advance(&mut self, chain: &Chain) -> Result<(), ReadError> {
        self.skip_removed(chain)?;
        let mut left = STEP;
        chain.forwards(self.next..=Seq::MAX, |seq, row| {
            self.check(chain, seq, row)?;
            left -= 1;
            Ok(if left == 0 || !self.found.ok { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if left > 0 && self.found.ok {
            self.at_end = true;
            self.check_end(chain)?;
        }
        Ok(())
    }

    /// Retention may remove records while we read: the newest anchor then says where to go on.
    fn skip_removed(&mut self, chain: &Chain) -> Result<(), ReadError> {
        let newest = chain.anchors()?.into_iter().next_back();
        if let Some(anchor) = newest.filter(|anchor| anchor.first > self.next) {
            self.next = anchor.first;
            self.before = anchor.before().unwrap_or(GENESIS);
        }
        Ok(())
    }

    fn check(&mut self, chain: &Chain, seq: Seq, row: &[u8]) -> Result<(), ReadError> {
        if seq != self.next {
            self.bad(self.next, format!("it is missing: record {seq} follows"));
            return Ok(());
        }
        let Some((hash, json)) = split(row).filter(|(hash, json)| link(&self.before, json) == **hash) else {
            self.bad(seq, "its hash does not follow from its content and the record before".into());
            return Ok(());
        };
        self.before = *hash;
        if let Err(why) = contents(chain, seq, json, row, &mut self.found.erased)? {
            self.bad(seq, why);
            return Ok(());
        }
        self.found.records += 1;
        self.found.to = seq;
        self.next = seq + 1;
        Ok(())
    }

    fn check_end(&mut self, chain: &Chain) -> Result<(), ReadError> {
        let tail = chain.tail()?;
        if tail.seq + 1 != self.next {
            self.bad(self.next, format!("it is missing: the journal should end with record {}", tail.seq));
        } else if tail.seq > 0 && tail.hash != self.before {
            self.bad(tail.seq, "its hash is not the one the journal should end with".into());
        }
        Ok(())
    }
}

/// Whether the record can be read, says its own place, and its personal values are what was committed to.
fn contents(
    chain: &Chain,
    seq: Seq,
    json: &[u8],
    row: &[u8],
    erased: &mut u64,
) -> Result<Result<(), String>, ReadError> {
    let mut record = match decode(seq, row) {
        Ok(record) => record,
        Err(error) => return Ok(Err(format!("its {} bytes cannot be understood: {error}", json.len()))),
    };
    if record.seq != seq {
        return Ok(Err(format!("it says it is record {}", record.seq)));
    }
    Ok(personal::check(&mut record, chain)?.map(|count| *erased += count))
}
