//! The judge: owns the gate and the order of things.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use interlock_core::event::{Event, Observation};
use interlock_core::gate::{Effects, Gate};
use interlock_core::readings::Readings;
use interlock_core::time::{Seq, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::Input;
use super::ticks::Ticks;
use crate::clock::Clock;
use crate::inventory::Seen;
use crate::journal::batch::{BatchSender, Closed};
use crate::journal::record::{Body, Record};
use crate::journal::{Entry, Head, Then};
use crate::latch::Latch;
use crate::policy::approvals::Request;
use crate::policy::registry::Registry;
use crate::store::Put;
use crate::telemetry::Metrics;

/// Records of one commit.
const BATCH: usize = 4_096;

/// How long a batch waits for the answers of quick policies to its own events, so that event and decision share a
/// commit. Evaluations that take longer run in the slow lane and are not waited for.
const TOGETHER: Duration = Duration::from_millis(1);

/// Records between two times that the cursors of settled policies are moved to the head.
const CHECKPOINT: Seq = 4_096;

/// What the judge is made of.
pub(crate) struct Parts {
    pub clock: Clock,
    pub head: Head,
    pub gate: Gate,
    pub latch: Latch,
    pub registry: Registry,
    pub readings: Arc<Readings>,
    pub seen: Arc<Seen>,
    pub waiting: Vec<Request>,
    pub journal: BatchSender,
    /// Where the chain stands, as it grows.
    pub heads: watch::Receiver<Head>,
    pub quarantine: mpsc::Sender<String>,
    pub metrics: Metrics,
    /// Faults in a row before a policy is quarantined; 0 for never.
    pub faults_allowed: u64,
    /// How long a request for approval waits, in milliseconds, where the ruling does not say.
    pub approval_ms: u64,
}

/// The one owner of the gate.
pub(crate) struct Judge {
    pub(super) parts: Parts,
    /// The newest place that was given.
    seq: Seq,
    /// The newest time that was given.
    at: Timestamp,
    /// What the next commit will hold.
    batch: Vec<Entry>,
    /// Cursor moves of the next commit: the last of each policy.
    pub(super) cursors: BTreeMap<String, Seq>,
    /// The first place in the batch.
    first: Seq,
    /// Quick policies that have not answered the batch's events yet.
    pub(super) quick: usize,
    /// When the batch is handed on whether they have or not.
    together_until: Option<Instant>,
    /// The last batch on its way into the journal's queue.
    handing: Option<Handing>,
    /// Decisions that wait for a person's word.
    pub(super) waiting: BTreeMap<Seq, Request>,
    pub(super) ticks: Ticks,
    /// The stop that the gate has heard of.
    pub(super) stop_heard: u64,
    checkpointed: Seq,
}

impl Judge {
    /// A judge that goes on where the journal ends; `asserted` is what its gate says anew at the start.
    pub fn new(parts: Parts, asserted: Effects, boot: Timestamp) -> Self {
        let Head { seq, at, .. } = parts.head;
        let waiting = parts.waiting.iter().map(|request| (request.decision, request.clone())).collect();
        let mut judge = Self {
            parts,
            seq,
            at,
            batch: Vec::new(),
            cursors: BTreeMap::new(),
            first: seq + 1,
            quick: 0,
            together_until: None,
            handing: None,
            waiting,
            ticks: Ticks::default(),
            stop_heard: 0,
            checkpointed: seq,
        };
        judge.record_effects(asserted, at.max(boot));
        judge
    }

    /// Runs until it is told to close and everything it took is handed to the journal.
    pub async fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        let mut taken = Vec::with_capacity(BATCH);
        let mut heads = self.parts.heads.clone();
        let mut open = true;
        loop {
            self.hand_on(!open);
            if !open && self.handing.is_none() {
                return;
            }
            let room = BATCH.saturating_sub(self.batch.len());
            let wake = self.wake_at(room > 0);
            if wake <= Instant::now() {
                // Looked at before the inputs, or a line that is never empty would have no time.
                self.on_time();
                continue;
            }
            tokio::select! {
                biased;
                handed = handed(&mut self.handing), if self.handing.is_some() => {
                    self.handing = None;
                    if handed.is_err() {
                        // The journal ended first: a drain whose deadline has passed.
                        return;
                    }
                }
                Ok(()) = heads.changed() => self.parts.registry.wake(),
                count = inputs.recv_many(&mut taken, room), if open && room > 0 => {
                    open = count > 0;
                    for input in taken.drain(..) {
                        match input {
                            Input::Close => inputs.close(),
                            input => self.step(input),
                        }
                    }
                }
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    /// The time for what happens now. INVARIANT (time never runs back).
    pub(super) fn now(&mut self) -> Timestamp {
        self.at = self.at.max(self.parts.clock.now());
        self.at
    }

    /// The place that [`Judge::record`] will give next.
    pub(super) const fn next_seq(&self) -> Seq {
        self.seq + 1
    }

    /// Gives an entry its record and puts it into the batch.
    pub(super) fn record(&mut self, at: Timestamp, body: Body, mut entry: Entry) -> Seq {
        self.seq += 1;
        entry.record = Some(Record { seq: self.seq, at, body });
        self.push(entry);
        self.seq
    }

    /// Puts an entry into the batch.
    pub(super) fn push(&mut self, entry: Entry) {
        self.batch.push(entry);
    }

    /// Gives an observation its place, shows it to the policies that want to see it, and records it.
    pub(super) fn observe(&mut self, observation: Observation, then: Vec<Then>) -> Seq {
        let at = self.now();
        let event = Arc::new(Event { seq: self.next_seq(), at, observation });
        self.parts.metrics.event(event.what().kind());
        if let interlock_core::event::Occurrence::Reading(reading) = event.what() {
            self.parts.readings.push(event.seq, at, reading);
        }
        let quick = self.parts.registry.dispatch(&event);
        self.await_quick(quick);
        self.record(at, Body::Event(event.observation.clone()), Entry { record: None, puts: Vec::new(), then })
    }

    /// A policy has answered one of the batch's events.
    pub(super) fn quick_answered(&mut self, event: Seq) {
        if event >= self.first {
            self.quick = self.quick.saturating_sub(1);
        }
    }

    fn await_quick(&mut self, quick: usize) {
        if quick > 0 {
            self.quick += quick;
            self.together_until.get_or_insert_with(|| Instant::now() + TOGETHER);
        }
    }

    /// Hands the batch to the journal if the one before is in its queue and the quick answers are in.
    fn hand_on(&mut self, last: bool) {
        let full = self.batch.len() >= BATCH;
        let waited = self.together_until.is_none_or(|until| until <= Instant::now());
        let together = self.quick == 0 || full || waited || last;
        if (self.batch.is_empty() && self.cursors.is_empty()) || self.handing.is_some() || !together {
            return;
        }
        let cursors = std::mem::take(&mut self.cursors).into_iter().map(|(policy, seq)| Put::Cursor { policy, seq });
        let mut batch = std::mem::take(&mut self.batch);
        match batch.last_mut() {
            Some(entry) => entry.puts.extend(cursors),
            None => batch.push(Entry { record: None, puts: cursors.collect(), then: Vec::new() }),
        }
        self.first = self.seq + 1;
        self.quick = 0;
        self.together_until = None;
        let journal = self.parts.journal.clone();
        self.handing = Some(Box::pin(async move { journal.send(batch).await }));
    }

    /// When [`Judge::on_time`] next has something to do. While the batch is full it has not: what is due would only make
    /// it fuller.
    fn wake_at(&self, room: bool) -> Instant {
        let far = Instant::now() + Duration::from_secs(3_600);
        if !room {
            return far;
        }
        let deadlines =
            [self.parts.gate.next_deadline(), self.ticks.next(), self.parts.seen.next_silence(), self.next_lapse()];
        let now = self.parts.clock.now();
        let timer =
            deadlines.into_iter().flatten().min().map(|at| Instant::now() + Duration::from_millis(at.since(now)));
        timer.into_iter().chain(self.together_until.filter(|_| self.handing.is_none())).fold(far, Instant::min)
    }

    fn next_lapse(&self) -> Option<Timestamp> {
        self.waiting.values().map(|request| request.expires).min()
    }

    /// Moves the cursors of settled policies to the head now and then, so that a restart does not read what nobody wanted.
    pub(super) fn checkpoint(&mut self, force: bool) {
        if !force && self.seq.saturating_sub(self.checkpointed) < CHECKPOINT {
            return;
        }
        self.checkpointed = self.seq;
        for actor in self.parts.registry.actors() {
            if actor.is_settled() {
                self.cursors.insert(actor.name().to_owned(), self.seq);
            }
        }
    }
}

/// A batch on its way into the journal's queue.
type Handing = Pin<Box<dyn Future<Output = Result<(), Closed>> + Send>>;

async fn handed(handing: &mut Option<Handing>) -> Result<(), Closed> {
    match handing {
        Some(handing) => handing.await,
        None => Ok(()),
    }
}
