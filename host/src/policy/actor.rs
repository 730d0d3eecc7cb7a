//! One policy at work: its mailbox, the version that answers, and what it remembers.
//!
//! An actor takes one event at a time, in journal order, so its state has one order and a slow policy delays only
//! itself. Its mailbox is bounded. When it is full the actor is *behind*: the line stops filling it, and the actor
//! reads the journal from its cursor instead, the way it resumes after a crash. While it is behind, readings and ticks
//! coalesce (the newest of each sensor wins, the skipped ones are counted into a record); nothing else is ever skipped.
//!
//! INVARIANT (one run at a time): `run` is locked by the one worker that evaluates, or by the lifecycle while it swaps
//! versions; an actor is in at most one lane's queue, once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use interlock_core::evaluation::VersionRef;
use interlock_core::event::{Event, Occurrence};
use interlock_core::policy::{Fallback, Mode, Plan};
use interlock_core::router::Router;
use interlock_core::state::PolicyState;
use interlock_core::time::Seq;

use super::PolicyStats;
use crate::runtime::Program;
use crate::store::PolicyRow;

/// Events that may wait in a mailbox before the actor reads the journal instead.
pub const MAILBOX: usize = 1_024;

/// A mean evaluation over this many microseconds puts a policy into the slow lane; under half of it, back.
pub const SLOW_MICROS: u64 = 1_000;

/// The version that answers now, and how.
pub struct Live {
    /// Which version.
    pub version: VersionRef,
    /// The version, ready to run.
    pub program: Program,
    /// What its decisions may do.
    pub mode: Mode,
    /// Its place in every priority array.
    pub priority: u8,
    /// What happens to its actuators when it faults.
    pub fallback: Fallback,
    /// What it asked to see, for events read back from the journal.
    sees: Router<()>,
}

impl Live {
    /// A version that answers as its policy's row says.
    pub fn new(version: VersionRef, program: Program, row: &PolicyRow) -> Self {
        let sees = Router::new([((), row.name.as_str(), program.plan())]);
        Self { version, program, mode: row.mode, priority: row.priority, fallback: row.fallback, sees }
    }

    /// Whether it asked to see this.
    pub fn sees(&self, what: &Occurrence) -> bool {
        !self.sees.route(what).is_empty()
    }

    /// What this version asked to see and may do.
    pub fn plan(&self) -> &Plan {
        self.program.plan()
    }
}

/// One policy at work.
pub struct Actor {
    name: String,
    live: ArcSwapOption<Live>,
    mailbox: Mutex<Mailbox>,
    /// What only the one who runs the actor touches.
    pub(super) run: tokio::sync::Mutex<Run>,
    /// Faults in a row.
    failing: AtomicU64,
    slow: AtomicBool,
    /// The last event whose answer the line has taken.
    taken: AtomicU64,
    counts: Counts,
}

/// What only the one who runs the actor touches.
pub(super) struct Run {
    /// What the policy remembers.
    pub state: Arc<PolicyState>,
    /// The last event it has answered, or skipped.
    pub cursor: Seq,
}

#[derive(Default)]
struct Mailbox {
    waiting: VecDeque<Arc<Event>>,
    /// The newest event that was meant for it.
    routed: Seq,
    /// It must read the journal before it looks here again.
    behind: bool,
    /// It is in a lane's queue, or being run.
    scheduled: bool,
    /// It is not to be run yet: what it may have missed is still being found out.
    held: bool,
    /// Somebody wanted to wake it while it was on its way out of the lane.
    woken: bool,
}

impl Mailbox {
    /// Marks it as being in a lane. True if it was not, and may be.
    fn schedule(&mut self) -> bool {
        !self.held && !std::mem::replace(&mut self.scheduled, true)
    }
}

#[derive(Default)]
struct Counts {
    evaluations: AtomicU64,
    faults: AtomicU64,
    coalesced: AtomicU64,
    last_fuel: AtomicU64,
    /// Exponential mean of microseconds, in sixteenths.
    mean_sixteenths: AtomicU64,
    cursor: AtomicU64,
}

/// What became of an event in a mailbox.
pub struct Pushed {
    /// A quick answer can be expected.
    pub soon: bool,
    /// The actor must be put into its lane.
    pub schedule: bool,
}

/// What an actor has to do next.
pub(super) enum Next {
    /// This event.
    Event(Arc<Event>),
    /// Read the journal after the cursor, up to this event at least.
    Refill(Seq),
    /// Nothing; the actor has left its lane.
    Idle,
}

impl Actor {
    /// An actor that has answered up to `cursor` and remembers `state`. It is held until [`Actor::start`].
    pub fn new(name: String, state: PolicyState, cursor: Seq) -> Self {
        let mailbox = Mailbox { held: true, behind: true, ..Mailbox::default() };
        let counts = Counts::default();
        counts.cursor.store(cursor, Ordering::Relaxed);
        Self {
            name,
            live: ArcSwapOption::empty(),
            mailbox: Mutex::new(mailbox),
            run: tokio::sync::Mutex::new(Run { state: Arc::new(state), cursor }),
            failing: AtomicU64::new(0),
            slow: AtomicBool::new(false),
            taken: AtomicU64::new(cursor),
            counts,
        }
    }

    /// The policy's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version that answers, if any does.
    pub fn live(&self) -> Option<Arc<Live>> {
        self.live.load_full()
    }

    /// From the next event on this version answers; none lets nobody answer.
    pub fn install(&self, live: Option<Live>) {
        self.failing.store(0, Ordering::Relaxed);
        self.live.store(live.map(Arc::new));
    }

    /// Nobody answers from here on: too many faults.
    pub fn halt(&self) {
        self.live.store(None);
    }

    /// Keeps the actor from running while routes change, and lets it look into the journal first when it starts: what
    /// was recorded before it was routed to is found there.
    pub fn hold(&self) {
        let mut mailbox = self.mailbox();
        mailbox.held = true;
        mailbox.behind = true;
    }

    /// Lets it run again. The line has routed to it from the event after `seq` on, at the latest.
    pub fn start(&self, seq: Seq) {
        let mut mailbox = self.mailbox();
        mailbox.held = false;
        mailbox.routed = mailbox.routed.max(seq);
    }

    /// Puts an event into the mailbox, unless the actor is behind and will find it in the journal.
    pub fn push(&self, event: &Arc<Event>) -> Pushed {
        let mut mailbox = self.mailbox();
        mailbox.routed = event.seq;
        mailbox.behind |= mailbox.waiting.len() >= MAILBOX;
        let waits = !mailbox.behind;
        if waits {
            mailbox.waiting.push_back(Arc::clone(event));
        }
        Pushed { soon: waits && !self.is_slow(), schedule: mailbox.schedule() }
    }

    /// Whether the actor waits for the journal and must be put into its lane now that more is committed.
    pub fn wake(&self) -> bool {
        let mut mailbox = self.mailbox();
        mailbox.woken = true;
        (mailbox.behind || !mailbox.waiting.is_empty()) && mailbox.schedule()
    }

    /// What to do next, for the one who runs the actor.
    pub(super) fn next(&self, cursor: Seq) -> Next {
        let mut mailbox = self.mailbox();
        if mailbox.held {
            mailbox.scheduled = false;
            return Next::Idle;
        }
        mailbox.woken = false;
        if let Some(event) = mailbox.waiting.pop_front() {
            return Next::Event(event);
        }
        if mailbox.behind && cursor < mailbox.routed {
            return Next::Refill(mailbox.routed);
        }
        mailbox.behind = false;
        mailbox.scheduled = false;
        Next::Idle
    }

    /// Leaves the lane although there is work: the journal has not committed it yet, or somebody else holds `run`.
    /// [`Actor::wake`] brings it back. False if it was woken meanwhile, and stays in the lane.
    pub(super) fn park(&self) -> bool {
        let mut mailbox = self.mailbox();
        let leaves = !std::mem::take(&mut mailbox.woken);
        mailbox.scheduled = !leaves;
        leaves
    }

    /// The line has taken its answers up to this event.
    pub fn taken(&self, seq: Seq) {
        self.taken.fetch_max(seq, Ordering::Relaxed);
    }

    /// Whether the line has taken an answer to everything that was meant for it: its cursor may then move to the head.
    pub fn is_settled(&self) -> bool {
        self.mailbox().routed <= self.taken.load(Ordering::Relaxed)
    }

    /// Whether it runs in the slow lane.
    pub fn is_slow(&self) -> bool {
        self.slow.load(Ordering::Relaxed)
    }

    /// Counts an evaluation and chooses the lane for the next.
    pub(super) fn count(&self, micros: u64, fuel: u64, cursor: Seq) {
        self.counts.evaluations.fetch_add(1, Ordering::Relaxed);
        self.counts.last_fuel.store(fuel, Ordering::Relaxed);
        self.counts.cursor.store(cursor, Ordering::Relaxed);
        let mean = self.counts.mean_sixteenths.load(Ordering::Relaxed);
        let mean = mean - mean / 8 + micros.saturating_mul(2);
        self.counts.mean_sixteenths.store(mean, Ordering::Relaxed);
        let limit = if self.is_slow() { SLOW_MICROS / 2 } else { SLOW_MICROS };
        self.slow.store(mean / 16 > limit, Ordering::Relaxed);
    }

    /// Counts readings and ticks that newer ones replaced.
    pub(super) fn count_coalesced(&self, skipped: u64) {
        self.counts.coalesced.fetch_add(skipped, Ordering::Relaxed);
    }

    /// Counts a fault; how many there were in a row.
    pub fn faulted(&self) -> u64 {
        self.counts.faults.fetch_add(1, Ordering::Relaxed);
        self.failing.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// An answer ends a row of faults.
    pub fn answered(&self) {
        self.failing.store(0, Ordering::Relaxed);
    }

    /// Counters since the host started.
    pub fn stats(&self) -> PolicyStats {
        let waiting = self.mailbox().waiting.len() as u64;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        PolicyStats {
            evaluations: read(&self.counts.evaluations),
            faults: read(&self.counts.faults),
            coalesced: read(&self.counts.coalesced),
            waiting,
            mean_micros: read(&self.counts.mean_sixteenths) as f64 / 16.0,
            last_fuel: read(&self.counts.last_fuel),
            slow: self.is_slow(),
            cursor: read(&self.counts.cursor),
        }
    }

    fn mailbox(&self) -> std::sync::MutexGuard<'_, Mailbox> {
        // A panic while the lock is held cannot leave a mailbox half changed: every change is one assignment.
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
