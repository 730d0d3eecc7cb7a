//! Retention: the oldest records go when they are too old or too many, in small steps, each under a signed anchor.
//!
//! Removing is a step on the line like any other: the line gives the `anchored` record its place, and the one writer
//! removes the records in the same commit. Age is counted from the newest record, so a machine whose clock jumps loses
//! nothing.

use interlock_core::time::{Seq, Timestamp};

use super::anchor::Anchor;
use super::record::Body;
use super::{Draft, Journal, chain};
use crate::config::journal::Journal as Limits;
use crate::line::{Line, Refusal};
use crate::store::journal::Chain;
use crate::store::{Put, ReadError};

/// Records removed in one step: what one commit carries besides its own records.
const STEP: u64 = 2_048;
/// How many new records make it look again.
const LOOK_EVERY: u64 = 512;
/// How much time in the journal makes it look again, in milliseconds.
const LOOK_AFTER_MS: u64 = 60 * 60 * 1_000;

/// What is due to be removed, if anything: the anchor of the next step.
///
/// # Errors
/// When the store cannot be read.
pub fn due(journal: &Journal, limits: &Limits) -> Result<Option<Anchor>, ReadError> {
    journal.store.chain(|chain| {
        let (Some(first), tail) = (chain.first()?, chain.tail()?) else { return Ok(None) };
        let first_kept = first_kept(chain, first, limits)?.min(tail.seq);
        if first_kept <= first {
            return Ok(None);
        }
        let Some(before) = chain::before(chain, first_kept)? else { return Ok(None) };
        Ok(Some(journal.key.anchor(first_kept, &before, tail.at, first_kept - first)))
    })
}

/// The first record to keep after the next step.
fn first_kept(chain: &Chain, first: Seq, limits: &Limits) -> Result<Seq, ReadError> {
    let tail = chain.tail()?;
    let horizon = Timestamp(tail.at.0.saturating_sub(limits.max_age_ms()));
    let mut excess = tail.bytes.saturating_sub(limits.max_bytes);
    let mut kept = first;
    chain.forwards(first..=first.saturating_add(STEP - 1), |seq, row| {
        let too_old = excess == 0 && chain::decode(seq, row)?.at < horizon;
        if excess == 0 && !too_old {
            return Ok(std::ops::ControlFlow::Break(()));
        }
        excess = excess.saturating_sub(row.len() as u64);
        kept = seq + 1;
        Ok(std::ops::ControlFlow::Continue(()))
    })?;
    Ok(kept)
}

/// Keeps the journal within its limits until the host stops.
pub async fn keep(journal: Journal, limits: Limits, line: Line) {
    let note = |body, puts| {
        let line = line.clone();
        async move { line.note(body, puts).await }
    };
    keep_by(journal, limits, note).await;
}

/// As [`keep`], over any way to the writer.
pub(super) async fn keep_by<Noted: Future<Output = Result<Seq, Refusal>>>(
    journal: Journal,
    limits: Limits,
    note: impl Fn(Draft, Vec<Put>) -> Noted,
) {
    let mut heads = journal.heads();
    loop {
        let looked = *heads.borrow_and_update();
        while let Some(anchor) = look(&journal, &limits).await {
            let body = Body::Anchored { first: anchor.first, removed: anchor.removed };
            match note(body, vec![Put::Trim(anchor)]).await {
                Ok(_) => {}
                Err(Refusal::Stopping) => return,
                // The writer says itself what is wrong; the next record makes us look again.
                Err(Refusal::JournalStuck(_)) => break,
            }
        }
        let enough =
            |head: &super::Head| head.seq >= looked.seq + LOOK_EVERY || head.at.since(looked.at) >= LOOK_AFTER_MS;
        if heads.wait_for(enough).await.is_err() {
            return;
        }
    }
}

async fn look(journal: &Journal, limits: &Limits) -> Option<Anchor> {
    let (journal, limits) = (journal.clone(), limits.clone());
    match tokio::task::spawn_blocking(move || due(&journal, &limits)).await {
        Ok(Ok(anchor)) => anchor,
        Ok(Err(error)) => {
            tracing::warn!(%error, "old records cannot be looked for");
            None
        }
        Err(_) => None,
    }
}
