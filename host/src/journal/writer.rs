//! The one writer: a thread that makes batches durable, and only then lets anything follow.
//!
//! # What is true
//!
//! - After a commit every record and row of the batch is on disk, and only then: the head moves, then acknowledgements
//!   fire, replies and commands go out in order, then live clients hear of it.
//! - After a commit that failed (a full disk, a failing one) nothing of that follows. The batch is in the store as a
//!   whole or not at all; redb cannot say which. The writer says [`Health::Stuck`], opens the store anew and commits the
//!   same bytes again, which is right in both cases, until it works or [`BatchSender::abandon`] is called. Meanwhile
//!   senders wait as soon as the queue is full, so nothing is lost and the order stays.
//! - After [`BatchSender::abandon`] what was not committed is dropped: its acknowledgements never fire, so the broker
//!   delivers those messages again; its replies are dropped; none of its commands was sent. A batch whose commit failed
//!   may still be found in the store at the next start: as a whole, its commands in the outbox.
//! - After a crash between a commit and what follows: records and outbox are there, messages that were not acknowledged
//!   come again and carry the same id, commands are sent from the outbox and carry the same id.
//! - A batch that does not continue the chain is a mistake in the host. The writer ends rather than break the chain, says
//!   [`Health::Stopped`], and senders are told at their next batch.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use interlock_core::command::{Approved, Command};
use interlock_core::time::Seq;
use tokio::sync::mpsc;

use super::batch::{BatchSender, Queue};
use super::prepare::{Prepared, prepare};
use super::{Health, Journal, Recorded, Then};
use crate::clock::Clock;
use crate::feed::Feed;
use crate::store::commit::WriteError;
use crate::telemetry::Metrics;

/// First wait before a failed commit is tried again; doubles up to [`LAST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(10);
/// Longest wait: a disk that has room again is noticed within it.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Where recorded commands go.
pub type Outlet = mpsc::Sender<Recorded<Approved<Command>>>;

/// How the writer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Everything it was handed is durable.
    Drained,
    /// It was told to give up; so many entries were not made durable.
    Abandoned {
        /// How many.
        entries: usize,
    },
    /// It was handed what does not continue the chain.
    Broken {
        /// What.
        reason: String,
    },
}

/// The writer's thread.
pub struct Writer {
    journal: Journal,
    feed: Feed,
    outlet: Outlet,
    clock: Clock,
    metrics: Metrics,
    queue: Arc<Queue>,
}

impl Writer {
    /// Starts the writer of a journal. There is one: the store's file is locked, and a journal's head belongs to it.
    ///
    /// A command that does not fit in the outlet's queue is not waited for: its row in the outbox keeps it, and
    /// [`Journal::unqueued`] tells the outlet to read there.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        journal: Journal,
        feed: Feed,
        outlet: Outlet,
        clock: Clock,
        metrics: Metrics,
    ) -> std::io::Result<(BatchSender, JoinHandle<End>)> {
        feed.begin(journal.head().seq);
        let queue = Arc::new(Queue::default());
        let sender = BatchSender::new(Arc::clone(&queue));
        let writer = Self { journal, feed, outlet, clock, metrics, queue };
        let thread = std::thread::Builder::new().name("journal".into()).spawn(move || writer.run())?;
        Ok((sender, thread))
    }

    fn run(self) -> End {
        let mut lost = 0;
        let mut broken = None;
        while let Some(entries) = self.queue.take() {
            let count = entries.len();
            match self.step(entries) {
                Ok(()) => {}
                Err(Stop::Abandoned) => {
                    lost += count;
                    break;
                }
                Err(Stop::Broken(reason)) => {
                    broken = Some(reason);
                    break;
                }
            }
        }
        lost += self.queue.shut();
        self.end(lost, broken)
    }

    fn end(&self, lost: usize, broken: Option<String>) -> End {
        let (end, reason) = match broken {
            Some(reason) => {
                tracing::error!(reason, "the journal's writer has stopped");
                (End::Broken { reason: reason.clone() }, reason)
            }
            None if lost > 0 => {
                let reason = format!("{lost} entries could not be written before the host stopped");
                tracing::error!(lost, "the journal could not be written before the host stopped");
                (End::Abandoned { entries: lost }, reason)
            }
            None => (End::Drained, "the host is stopping".into()),
        };
        self.journal.state.health.send_replace(Health::Stopped { reason });
        end
    }

    /// One batch: prepare, commit, announce.
    fn step(&self, entries: Vec<super::Entry>) -> Result<(), Stop> {
        let seed = self.until_it_works(seed)?;
        let prepared = prepare(entries, self.journal.head(), &seed).map_err(Stop::Broken)?;
        self.until_it_works(|| self.commit(&prepared))?;
        self.announce(prepared);
        Ok(())
    }

    fn commit(&self, prepared: &Prepared) -> Result<(), Failure> {
        let begun = Instant::now();
        let committed = self.journal.store.commit(&prepared.batch);
        if committed.is_ok() {
            self.metrics.commit(prepared.records.len() as u64, begun.elapsed());
        }
        committed.map_err(|error| match error {
            WriteError::Closed => self.reopen().map_or(Failure::Again, Failure::Passing),
            error if error.is_passing() => {
                let failure = Failure::Passing(error.to_string());
                // What stands in the way of opening it shows at the next attempt.
                let _ = self.reopen();
                failure
            }
            error => Failure::Lasting(error.to_string()),
        })
    }

    /// Opens the store anew; why that did not work.
    fn reopen(&self) -> Option<String> {
        self.journal.store.reopen().err().map(|error| error.to_string())
    }

    /// Tries until it works, or is abandoned, or cannot ever work.
    fn until_it_works<T>(&self, mut attempt: impl FnMut() -> Result<T, Failure>) -> Result<T, Stop> {
        let mut wait = FIRST_WAIT;
        loop {
            match attempt() {
                Ok(done) => {
                    self.recovered();
                    return Ok(done);
                }
                Err(Failure::Lasting(reason)) => return Err(Stop::Broken(reason)),
                Err(Failure::Again) => {}
                Err(Failure::Passing(reason)) => {
                    self.stuck(reason);
                    if self.queue.pause(wait) {
                        return Err(Stop::Abandoned);
                    }
                    wait = (wait * 2).min(LAST_WAIT);
                }
            }
        }
    }

    fn stuck(&self, reason: String) {
        self.metrics.journal_stuck(true);
        self.journal.state.health.send_modify(|health| {
            let since = match health {
                Health::Stuck { since, .. } => *since,
                _ => {
                    tracing::error!(reason, "the journal cannot be written; nothing is lost, it is tried again");
                    self.clock.now()
                }
            };
            *health = Health::Stuck { reason, since };
        });
    }

    fn recovered(&self) {
        self.journal.state.health.send_if_modified(|health| {
            let was_stuck = *health != Health::Writing;
            if was_stuck {
                tracing::info!("the journal can be written again");
                self.metrics.journal_stuck(false);
                *health = Health::Writing;
            }
            was_stuck
        });
    }

    /// INVARIANT (recorded before anything follows): called after the commit, and nowhere else.
    fn announce(&self, prepared: Prepared) {
        if !prepared.records.is_empty() {
            self.journal.state.head.send_replace(prepared.head);
        }
        for (seq, then) in prepared.then {
            self.follow(seq, then);
        }
        self.feed.announce(prepared.records);
    }

    fn follow(&self, seq: Seq, then: Then) {
        match then {
            Then::Ack(ack) => ack.fire(),
            // Whoever asked may have gone.
            Then::Reply(reply) => drop(reply.send(Recorded { seq, value: () })),
            Then::Send(command) => {
                if self.outlet.try_send(Recorded { seq, value: command }).is_err() {
                    self.journal.state.unqueued.send_modify(|count| *count += 1);
                }
            }
        }
    }
}

/// Why an attempt did not work.
enum Failure {
    /// What stood in its way is gone; at once again.
    Again,
    /// It may work later.
    Passing(String),
    /// It never will.
    Lasting(String),
}

/// Why the writer ends.
enum Stop {
    Abandoned,
    Broken(String),
}

/// What the salts of one batch are made of.
fn seed() -> Result<[u8; 32], Failure> {
    let mut seed = [0; 32];
    match getrandom::fill(&mut seed) {
        Ok(()) => Ok(seed),
        Err(error) => Err(Failure::Passing(format!("the system gives no random bytes: {error}"))),
    }
}
