//! The journal's tail for live clients. A slow one costs nobody anything, and is told how much it missed.
//!
//! The writer announces what it has committed to one bounded ring. [`Subscription`] is the ring as one client sees it;
//! [`Follow`] begins in the journal and goes over to the ring, so that a client which comes back has neither a gap nor a
//! double.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use interlock_core::time::Seq;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::journal::Journal;
use crate::journal::query::Filter;
use crate::journal::record::Record;
use crate::store::ReadError;

/// Announcements in the ring.
const RING: usize = 512;
/// Records in one announcement at most: with [`RING`] the bound of what a client that does not read keeps in memory.
const CHUNK: usize = 64;
/// Records read from the journal at once.
const PAGE: usize = 256;

/// The tail of the journal. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Feed {
    ring: broadcast::Sender<Arc<[Arc<Record>]>>,
    /// The newest record announced, or about to be: so that a client knows what it missed before it heard anything.
    newest: Arc<AtomicU64>,
}

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}

impl Feed {
    /// A feed that nobody reads yet.
    pub fn new() -> Self {
        Self { ring: broadcast::Sender::new(RING), newest: Arc::default() }
    }

    /// Says where the journal stands before the first announcement.
    pub(crate) fn begin(&self, newest: Seq) {
        self.newest.store(newest, Ordering::Release);
    }

    /// Announces records that are durable, in order. The journal's writer calls it; it never waits.
    pub(crate) fn announce(&self, records: Vec<Arc<Record>>) {
        let Some(newest) = records.last() else { return };
        // Before it is in the ring: who subscribes in between hears it, and finds no gap.
        self.begin(newest.seq);
        if self.ring.receiver_count() == 0 {
            return;
        }
        for chunk in records.chunks(CHUNK) {
            // Nobody listens any more: nothing to do.
            let _ = self.ring.send(chunk.into());
        }
    }

    /// Listens from now on: to what was not announced yet. The head moves a moment before, so the first records heard may
    /// be at or below it.
    pub fn subscribe(&self) -> Subscription {
        let ring = self.ring.subscribe();
        Subscription { ring, last: self.newest.load(Ordering::Acquire), ahead: None }
    }

    /// How many listen.
    pub fn clients(&self) -> usize {
        self.ring.receiver_count()
    }

    /// Everything after a record, first from the journal, then live; without one only what is new from now on.
    pub fn follow(&self, journal: Journal, after: Option<Seq>) -> Follow {
        let live = Live { tail: self.subscribe(), fresh: true };
        let next = after.unwrap_or_else(|| journal.head().seq).saturating_add(1);
        let phase = if after.is_some() { Phase::CatchingUp } else { Phase::Live(live) };
        Follow { feed: self.clone(), journal, next, phase, ready: Vec::new().into_iter() }
    }
}

/// What a client hears.
#[derive(Debug, Clone)]
pub enum Heard {
    /// Records in order.
    Records(Arc<[Arc<Record>]>),
    /// It was too slow.
    Gap {
        /// How many records it missed.
        missed: u64,
        /// The last record before them: where to resume to have them all.
        resume_after: Seq,
    },
}

/// The ring as one client sees it.
#[derive(Debug)]
pub struct Subscription {
    ring: broadcast::Receiver<Arc<[Arc<Record>]>>,
    /// The last record heard, or the newest when it began.
    last: Seq,
    /// What follows a gap that was just told.
    ahead: Option<Arc<[Arc<Record>]>>,
}

impl Subscription {
    /// The next announcement; none when the host has stopped.
    pub async fn next(&mut self) -> Option<Heard> {
        if let Some(records) = self.ahead.take() {
            return Some(self.heard(records));
        }
        loop {
            match self.ring.recv().await {
                Ok(records) => return Some(self.checked(records)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Puts a gap before records that do not follow the last one.
    fn checked(&mut self, records: Arc<[Arc<Record>]>) -> Heard {
        let first = records.first().map_or(0, |record| record.seq);
        if first > self.last + 1 {
            self.ahead = Some(records);
            Heard::Gap { missed: first - self.last - 1, resume_after: self.last }
        } else {
            self.heard(records)
        }
    }

    fn heard(&mut self, records: Arc<[Arc<Record>]>) -> Heard {
        self.last = records.last().map_or(self.last, |record| record.seq);
        Heard::Records(records)
    }
}

/// One step of a client that follows.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// The next record.
    Record(Arc<Record>),
    /// Records it cannot have: removed by retention, or missed because it was too slow while live.
    Gap {
        /// The first of them.
        from: Seq,
        /// The last of them.
        to: Seq,
        /// How many.
        missed: u64,
    },
}

/// A client that follows the journal from a record on.
///
/// INVARIANT (neither gap nor double): records come out in order of seq, each once; where one is left out a
/// [`Item::Gap`] says so.
pub struct Follow {
    feed: Feed,
    journal: Journal,
    /// The next record to come out.
    next: Seq,
    phase: Phase,
    /// Records that are there to be taken.
    ready: std::vec::IntoIter<Arc<Record>>,
}

enum Phase {
    /// Reading the journal, page by page.
    CatchingUp,
    /// Reading the last page or pages with the tail open already.
    Closing(Live),
    /// Hearing the tail.
    Live(Live),
}

struct Live {
    tail: Subscription,
    /// Nothing was heard yet: what is missing was missed by the change-over, not by the client, and is in the journal.
    fresh: bool,
}

impl Follow {
    /// The next step; none when the host has stopped. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the journal cannot be read; calling again tries again.
    pub async fn next(&mut self) -> Result<Option<Item>, ReadError> {
        loop {
            if let Some(item) = self.take_ready() {
                return Ok(Some(item));
            }
            match &mut self.phase {
                Phase::CatchingUp => {
                    let open = self.feed.subscribe();
                    if self.read_page().await? {
                        self.phase = Phase::Closing(Live { tail: open, fresh: true });
                    }
                }
                Phase::Closing(_) => {
                    if self.read_page().await? {
                        self.go_live();
                    }
                }
                Phase::Live(live) => match live.tail.ring.recv().await {
                    Ok(records) => self.hear(&records),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Ok(None),
                },
            }
        }
    }

    /// The next record that was not out yet, or the gap before it.
    fn take_ready(&mut self) -> Option<Item> {
        while let Some(record) = self.ready.as_slice().first() {
            let seq = record.seq;
            if seq > self.next {
                let (from, to) = (self.next, seq - 1);
                self.next = seq;
                return Some(Item::Gap { from, to, missed: to - from + 1 });
            }
            let record = self.ready.next();
            if seq == self.next {
                self.next = seq + 1;
                return record.map(Item::Record);
            }
        }
        None
    }

    fn hear(&mut self, records: &Arc<[Arc<Record>]>) {
        let Phase::Live(live) = &mut self.phase else { return };
        let skipped = records.first().is_some_and(|record| record.seq > self.next);
        if skipped && live.fresh {
            self.phase = Phase::CatchingUp;
            return;
        }
        live.fresh = false;
        self.ready = records.iter().cloned().collect::<Vec<_>>().into_iter();
    }

    fn go_live(&mut self) {
        if let Phase::Closing(live) = std::mem::replace(&mut self.phase, Phase::CatchingUp) {
            self.phase = Phase::Live(live);
        }
    }

    /// Reads on in the journal; whether that was all there is.
    async fn read_page(&mut self) -> Result<bool, ReadError> {
        let (journal, after) = (self.journal.clone(), self.next.saturating_sub(1));
        let read = tokio::task::spawn_blocking(move || journal.after(after, PAGE, &Filter::everything()));
        // The runtime drops the task only when it stops itself.
        let page = read.await.unwrap_or(Err(ReadError::Closed))?;
        let all: Vec<_> = page.records.into_iter().map(Arc::new).collect();
        self.ready = all.into_iter();
        Ok(page.next.is_none())
    }
}
