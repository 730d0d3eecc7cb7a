//! The threads that run policies: one fast lane with a thread per core, and one slow lane.
//!
//! A lane is a queue of actors that have something to do. An actor stands in it at most once, so the queue is as
//! bounded as the number of policies. A policy whose recent evaluations took over a millisecond runs in the slow lane,
//! where it can delay only its like.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, TrySendError};
use interlock_core::event::{Event, Occurrence};
use interlock_core::readings::Readings;
use interlock_core::time::Seq;
use tokio::sync::mpsc;
use tracing::{error, warn};

use super::actor::{Actor, Live, Next, Run};
use crate::journal::Journal;
use crate::journal::query::Events;
use crate::line::Input;

/// How many policies a host can have: as many as a lane's queue has places.
pub const MAX_POLICIES: usize = 4_096;

/// Events an actor answers before the next one in the lane has its turn.
const TURN: usize = 32;

/// Records read from the journal at a time by an actor that is behind.
const REFILL: usize = 4_096;

/// A handle to the lanes. Cheap to clone.
#[derive(Clone)]
pub struct Lanes {
    fast: Sender<Arc<Actor>>,
    slow: Sender<Arc<Actor>>,
}

/// The queues' other ends, for the workers.
pub struct Queues {
    fast: Receiver<Arc<Actor>>,
    slow: Receiver<Arc<Actor>>,
}

/// What a worker needs to run an actor.
#[derive(Clone)]
pub struct Tools {
    /// What lookups answer from.
    pub readings: Arc<Readings>,
    /// What an actor that is behind reads.
    pub journal: Journal,
    /// Where answers go.
    pub(crate) line: mpsc::Sender<Input>,
}

/// What became of one event in one policy.
pub struct Evaluated {
    /// The policy.
    pub actor: Arc<Actor>,
    /// The version that answered, as it was when it did.
    pub live: Arc<Live>,
    /// The event.
    pub event: Arc<Event>,
    /// The answer.
    pub evaluation: interlock_core::evaluation::Evaluation,
}

/// Readings and ticks that newer ones replaced for a policy that lagged.
pub struct Skipped {
    /// The policy.
    pub actor: Arc<Actor>,
    /// How many.
    pub count: u64,
    /// The last record that was looked at: the policy's cursor from here on.
    pub until: Seq,
}

impl Lanes {
    /// The lanes and their queues.
    pub fn new() -> (Self, Queues) {
        let (fast, fast_queue) = crossbeam_channel::bounded(MAX_POLICIES);
        let (slow, slow_queue) = crossbeam_channel::bounded(MAX_POLICIES);
        (Self { fast, slow }, Queues { fast: fast_queue, slow: slow_queue })
    }

    /// Puts an actor at the end of its lane. The caller has marked it as scheduled.
    pub fn schedule(&self, actor: &Arc<Actor>) {
        let lane = if actor.is_slow() { &self.slow } else { &self.fast };
        // The queue has a place for every policy there can be, so `Full` cannot happen; the workers end with the host.
        if let Err(TrySendError::Full(actor)) = lane.try_send(Arc::clone(actor)) {
            error!(policy = actor.name(), "the lane is full");
            let _ = actor.park();
        }
    }

    /// Starts the workers. They end when they are dropped.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub fn start(&self, queues: Queues, fast: usize, tools: &Tools) -> std::io::Result<Workers> {
        let (open, closed) = crossbeam_channel::bounded(0);
        let lanes = (0..fast).map(|n| (format!("policy-{n}"), queues.fast.clone()));
        let lanes = lanes.chain(std::iter::once(("policy-slow".to_owned(), queues.slow.clone())));
        let start = |(name, queue): (String, Receiver<Arc<Actor>>)| {
            let worker = Worker { lanes: self.clone(), tools: tools.clone(), closed: closed.clone() };
            std::thread::Builder::new().name(name).spawn(move || worker.run(&queue))
        };
        let threads = lanes.map(start).collect::<std::io::Result<_>>()?;
        Ok(Workers { open, threads })
    }
}

/// The running workers.
pub struct Workers {
    /// Nothing is ever sent: the workers hear when it is dropped.
    open: Sender<Infallible>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Ends the workers, each after the turn it is in, and waits for them.
    pub fn end(self) {
        drop(self.open);
        for thread in self.threads {
            // A panic in a worker was logged where it happened.
            let _ = thread.join();
        }
    }
}

impl Turn {
    /// The actor leaves the lane to wait, unless what it waits for has come already.
    fn parked(actor: &Actor) -> Self {
        if actor.park() { Self::Over } else { Self::Again }
    }
}

struct Worker {
    lanes: Lanes,
    tools: Tools,
    closed: Receiver<Infallible>,
}

/// How an actor's turn ended.
enum Turn {
    /// There may be more to do: back to the end of the lane.
    Again,
    /// It has left the lane.
    Over,
    /// The host is stopping.
    Closed,
}

impl Worker {
    fn run(&self, queue: &Receiver<Arc<Actor>>) {
        while let Some(actor) = self.next(queue) {
            match self.turn(&actor) {
                Turn::Again => self.lanes.schedule(&actor),
                Turn::Over => {}
                Turn::Closed => return,
            }
        }
    }

    /// The next actor of the lane; none when the host stops.
    fn next(&self, queue: &Receiver<Arc<Actor>>) -> Option<Arc<Actor>> {
        crossbeam_channel::select_biased! {
            recv(self.closed) -> _ => None,
            recv(queue) -> actor => actor.ok(),
        }
    }

    fn turn(&self, actor: &Arc<Actor>) -> Turn {
        // The lifecycle holds it while it swaps versions, and wakes the actor when it is done.
        let Ok(mut run) = actor.run.try_lock() else {
            return Turn::parked(actor);
        };
        for _ in 0..TURN {
            let turn = match actor.next(run.cursor) {
                Next::Event(event) => self.answer(actor, &mut run, event),
                Next::Refill(target) => self.refill(actor, &mut run, target),
                Next::Idle => Some(Turn::Over),
            };
            if let Some(turn) = turn {
                return turn;
            }
        }
        Turn::Again
    }

    /// Answers one event. None to go on with the turn.
    fn answer(&self, actor: &Arc<Actor>, run: &mut Run, event: Arc<Event>) -> Option<Turn> {
        if event.seq <= run.cursor {
            return None;
        }
        run.cursor = event.seq;
        let live = actor.live()?;
        let evaluation = live.program.evaluate(&event, &self.tools.readings, &run.state);
        if evaluation.outcome.is_ok() && !evaluation.writes.is_empty() {
            Arc::make_mut(&mut run.state).apply(&evaluation.writes);
        }
        actor.count(evaluation.micros, evaluation.fuel, event.seq);
        let evaluated = Evaluated { actor: Arc::clone(actor), live, event, evaluation };
        self.send(Input::Evaluated(Box::new(evaluated)))
    }

    /// Reads the journal from the cursor on and answers what the policy asked to see. None to go on with the turn.
    fn refill(&self, actor: &Arc<Actor>, run: &mut Run, target: Seq) -> Option<Turn> {
        let Some(live) = actor.live() else {
            run.cursor = target;
            return None;
        };
        let Events { events, upto, .. } = match self.tools.journal.events_after(run.cursor, REFILL) {
            Ok(events) => events,
            Err(error) => {
                warn!(policy = actor.name(), %error, "the journal cannot be read; the policy waits");
                let _ = actor.park();
                return Some(Turn::Over);
            }
        };
        if upto <= run.cursor {
            // What is missing is not committed yet; the line wakes the actor after the commit.
            return Some(Turn::parked(actor));
        }
        let (events, skipped) = coalesce(events.into_iter().filter(|event| live.sees(event.what())));
        for event in events {
            if let Some(turn) = self.answer(actor, run, Arc::new(event)) {
                return Some(turn);
            }
        }
        run.cursor = upto;
        actor.count_coalesced(skipped);
        self.send(Input::Skipped(Skipped { actor: Arc::clone(actor), count: skipped, until: upto }))
    }

    /// Hands an answer to the line, waiting for room. None to go on with the turn.
    fn send(&self, input: Input) -> Option<Turn> {
        self.tools.line.blocking_send(input).err().map(|_| Turn::Closed)
    }
}

/// Keeps the newest reading of each sensor and the newest tick, and everything else; in order. How many were skipped.
fn coalesce(events: impl Iterator<Item = Event>) -> (Vec<Event>, u64) {
    let mut kept: BTreeMap<Seq, Event> = BTreeMap::new();
    let mut newest: std::collections::HashMap<String, Seq> = std::collections::HashMap::new();
    let mut skipped = 0;
    for event in events {
        let replaceable = match event.what() {
            Occurrence::Reading(r) => Some(format!("{}\0{}\0{}", r.device, r.channel, r.quantity)),
            Occurrence::Tick(_) => Some(String::new()),
            _ => None,
        };
        if let Some(sensor) = replaceable
            && let Some(older) = newest.insert(sensor, event.seq)
        {
            kept.remove(&older);
            skipped += 1;
        }
        kept.insert(event.seq, event);
    }
    (kept.into_values().collect(), skipped)
}

#[cfg(test)]
mod tests {
    use interlock_core::event::{Alert, Observation, Quality, Reading, Severity};
    use interlock_core::time::Timestamp;

    use super::*;

    fn event(seq: Seq, what: Occurrence) -> Event {
        Event { seq, at: Timestamp(seq), observation: Observation { id: seq.to_string(), measured: None, what } }
    }

    fn reading(seq: Seq, channel: &str) -> Event {
        let reading = Reading {
            device: "ESP_01".into(),
            channel: channel.into(),
            quantity: "temperature".into(),
            value: seq as f64,
            raw: None,
            unit: None,
            quality: Quality::Good,
            retained: false,
        };
        event(seq, Occurrence::Reading(reading))
    }

    fn alert(seq: Seq) -> Event {
        let alert = Alert {
            kpi: "margin".into(),
            title: String::new(),
            message: String::new(),
            severity: Severity::Warn,
            delta: None,
            roles: Vec::new(),
        };
        event(seq, Occurrence::Alert(alert))
    }

    #[test]
    fn the_newest_reading_of_each_sensor_stays_and_alerts_all_stay() {
        let events = vec![reading(1, "34"), alert(2), reading(3, "35"), reading(4, "34"), alert(5), reading(6, "34")];
        let (kept, skipped) = coalesce(events.into_iter());
        assert_eq!(kept.iter().map(|event| event.seq).collect::<Vec<_>>(), [2, 3, 5, 6]);
        assert_eq!(skipped, 2);
    }
}
