//! Outlet: recorded, approved commands leave for their devices.
//!
//! The outbox in the store is the truth; the channel from the journal only saves reading it. Whenever the two may differ
//! (at the start, after a lost connection, when the channel was full) the outbox is read again. Commands go out with
//! quality of service 2, never retained, and under MQTT 5 they expire at the broker when they expire.
//!
//! INVARIANT (a stop is final): a command is handed to the client only if the latch permits its device and it was issued
//! after the newest stop of that device. A new stop drops the client with everything it had not sent, before the stop is
//! answered; what was approved before it and is still on its way through the journal meets the barrier here, even if the
//! stop was reset meanwhile.

mod barrier;
mod ledger;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use interlock_core::command::{Approved, Command};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::address::Address;
use super::client::{Publisher, Qos, seconds_left};
use super::connection::{Connection, Control, Event, Numbered, Role, SetupError, Status};
use super::sink::Sinks;
use crate::clock::Clock;
use crate::config::mqtt::Mqtt;
use crate::journal::{Journal, Recorded};
use crate::latch::Latch;
use crate::line::Line;
use barrier::Barrier;
use ledger::{Due, Ledger};

/// Words to the line that may wait before no more commands are handed over.
const REPORTS: usize = 4_096;
/// Room for what the connection tells.
const EVENTS: usize = 1_024;

/// Why a command was not delivered.
const STOPPED: &str = "emergency stop";
const OVER: &str = "it was no longer valid when it could be sent";

/// The outlet; see [`Outlet::run`].
pub struct Outlet {
    connection: Connection,
    events: mpsc::Receiver<Numbered>,
    control: Control,
    sinks: Sinks,
    window: usize,
    clock: Clock,
}

impl Outlet {
    /// An outlet to this broker.
    ///
    /// # Errors
    /// When a sink, a topic or a certificate is unusable.
    pub fn new(config: &Mqtt, broker: &Address, clock: Clock) -> Result<Self, SetupError> {
        let role = Role {
            name: "outlet",
            session_expiry_s: None,
            window: config.outlet_window,
            manual_acks: false,
            subscriptions: Vec::new(),
            events: EVENTS,
        };
        let (connection, events, control) = Connection::new(config, broker, role)?;
        let window = config.outlet_window.into();
        Ok(Self { connection, events, control, sinks: Sinks::new(config)?, window, clock })
    }

    /// How the connection stands, now and later.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.connection.status()
    }

    /// Sends until `commands` is closed and everything is delivered or over, or until `close`.
    pub async fn run(
        self,
        commands: mpsc::Receiver<Recorded<Approved<Command>>>,
        journal: Journal,
        latch: Latch,
        line: Line,
        close: CancellationToken,
    ) {
        let (reports, reporting) = mpsc::channel(64);
        let stops = latch.stops();
        let mut sender = Sender {
            clock: self.clock,
            sinks: self.sinks,
            window: self.window,
            latch,
            journal,
            ledger: Ledger::default(),
            barrier: Barrier::default(),
            publisher: None,
            gone: 0,
            behind: true,
            first_read: true,
            reports: VecDeque::new(),
        };
        let done = CancellationToken::new();
        let connection = self.connection.drive(done.clone());
        let sending = async {
            tokio::select! {
                biased;
                () = close.cancelled() => {}
                () = sender.run(self.events, commands, stops, self.control, reports) => {}
            }
            done.cancel();
        };
        tokio::join!(connection, sending, report(line, reporting, close.clone()));
    }
}

/// What the line is told about one command.
enum Report {
    Delivered(String),
    Undelivered(Command, String),
}

/// Tells the line, in its own time: the outlet must hear of a stop even while the line is full.
async fn report(line: Line, mut reports: mpsc::Receiver<Report>, close: CancellationToken) {
    let telling = async {
        while let Some(report) = reports.recv().await {
            let told = match report {
                Report::Delivered(id) => line.delivered(id).await,
                Report::Undelivered(command, reason) => line.undelivered(command, reason).await,
            };
            // What the line does not take stays in the outbox, and is settled after the next start.
            if let Err(refusal) = told {
                debug!(%refusal, "the line was not told of a command");
            }
        }
    };
    tokio::select! {
        biased;
        () = telling => {}
        () = close.cancelled() => {}
    }
}

/// The sending half: what waits, what is under way, and what the line is still to be told.
struct Sender {
    clock: Clock,
    sinks: Sinks,
    window: usize,
    latch: Latch,
    journal: Journal,
    ledger: Ledger,
    barrier: Barrier,
    publisher: Option<Publisher>,
    /// Events of clients up to this number are of the past.
    gone: u64,
    /// The outbox may hold what was not seen here.
    behind: bool,
    first_read: bool,
    reports: VecDeque<Report>,
}

impl Sender {
    async fn run(
        &mut self,
        mut events: mpsc::Receiver<Numbered>,
        mut commands: mpsc::Receiver<Recorded<Approved<Command>>>,
        mut stops: watch::Receiver<u64>,
        control: Control,
        reports: mpsc::Sender<Report>,
    ) {
        let mut open = true;
        let mut unqueued = self.journal.unqueued();
        // What is stopped at the start needs no clearing: nothing has been handed over.
        self.latch.outlet_cleared(*stops.borrow_and_update());
        let stopped = self.latch.stopped();
        if !stopped.is_empty() {
            self.barrier.raise(&stopped, self.clock.now());
        }
        while open || !self.ledger.is_done() || !self.reports.is_empty() {
            let wait = self.until_next_expiry();
            tokio::select! {
                biased;
                Ok(()) = stops.changed() => {
                    let number = *stops.borrow_and_update();
                    self.stop(&mut commands, &control).await;
                    self.latch.outlet_cleared(number);
                }
                Some(numbered) = events.recv() => self.hear(numbered),
                Ok(()) = unqueued.changed() => self.behind = true,
                Ok(room) = reports.reserve(), if !self.reports.is_empty() => {
                    if let Some(report) = self.reports.pop_front() {
                        room.send(report);
                    }
                }
                command = commands.recv(), if open && self.has_room() => match command {
                    Some(recorded) => self.take(&recorded),
                    None => open = false,
                },
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {}
                else => return,
            }
            self.catch_up();
            self.settle_expired();
            self.send();
        }
    }

    /// A new stop: the client goes with all it has; what waits for stopped devices is given up, the rest is sent again.
    async fn stop(&mut self, commands: &mut mpsc::Receiver<Recorded<Approved<Command>>>, control: &Control) {
        self.publisher = None;
        // The line's time may be ahead of a clock that was set back.
        let now = self.clock.now().max(self.journal.head().at);
        self.barrier.raise(&self.latch.stopped(), now);
        if let Some(number) = control.drop_client().await {
            self.gone = number;
        }
        self.ledger.lost();
        self.ledger.clear();
        while commands.try_recv().is_ok() {}
        self.behind = true;
        self.catch_up();
        for command in self.ledger.take_if(|command| self.barrier.holds_back(command)) {
            self.give_up(command, STOPPED.to_owned());
        }
    }

    fn hear(&mut self, numbered: Numbered) {
        if numbered.client <= self.gone {
            return;
        }
        match numbered.event {
            Event::Connected(publisher) => {
                self.publisher = Some(publisher);
                self.behind = true;
            }
            Event::Sent(id) => self.ledger.sent(id),
            Event::Completed(id) => {
                if let Some(command) = self.ledger.answered(id) {
                    self.reports.push_back(Report::Delivered(command.id));
                }
            }
            Event::Refused(id, reason) => {
                if let Some(command) = self.ledger.answered(id) {
                    self.give_up(command, format!("the broker refused it: {reason}"));
                }
            }
            Event::Lost => {
                self.publisher = None;
                self.ledger.lost();
                self.behind = true;
            }
            Event::Message(_) => {}
        }
    }

    /// A command from the journal. While the outbox is to be read anyway, it brings this one in its place.
    fn take(&mut self, recorded: &Recorded<Approved<Command>>) {
        if !self.behind && !self.ledger.push(recorded.seq(), recorded.get().get()) {
            self.behind = true;
        }
    }

    fn has_room(&self) -> bool {
        self.reports.len() < REPORTS
    }

    /// Reads the outbox where something may have been missed. Also without a connection: what is over must be told.
    fn catch_up(&mut self) {
        if !self.behind || !self.ledger.has_space() {
            return;
        }
        match self.journal.outbox() {
            Ok(rows) => {
                let rows = rows.iter().map(|row| (row.seq(), row.get().get().clone())).collect();
                self.behind = !self.ledger.reload(rows, self.first_read);
                self.first_read = false;
            }
            // The next event, at the latest the next command, tries again.
            Err(why) => error!(%why, "the outbox cannot be read"),
        }
    }

    /// Hands over what may leave now.
    fn send(&mut self) {
        while self.has_room() && self.publisher.is_some() {
            let Some(due) = self.ledger.next(self.window) else {
                return;
            };
            if !self.hand_over(due) {
                return;
            }
        }
    }

    /// Whether the client takes more.
    fn hand_over(&mut self, due: Due) -> bool {
        let now = self.clock.now();
        let Due { command, repeat } = due;
        if command.valid_until <= now {
            self.refuse(command, OVER.to_owned());
            return true;
        }
        let wire = match self.sinks.wire(&command, repeat) {
            Ok(wire) => wire,
            Err(wrong) => {
                self.refuse(command, wrong.to_string());
                return true;
            }
        };
        let expiry = seconds_left(now, command.valid_until);
        let Some(publisher) = &self.publisher else {
            self.ledger.put_back(Due { command, repeat });
            return false;
        };
        // The last look, right before it leaves our hands.
        if !self.latch.permits(&command.device) || self.barrier.holds_back(&command) {
            self.refuse(command, STOPPED.to_owned());
            return true;
        }
        if publisher.publish(&wire.topic, wire.payload, Qos::ExactlyOnce, Some(expiry)).is_err() {
            debug!(id = command.id, "the client is gone; the command waits for the next one");
            self.publisher = None;
            self.ledger.put_back(Due { command, repeat });
            return false;
        }
        self.ledger.handed_over(command);
        true
    }

    fn refuse(&mut self, command: Command, reason: String) {
        self.ledger.settle(&command.id);
        self.give_up(command, reason);
    }

    fn give_up(&mut self, command: Command, reason: String) {
        warn!(id = command.id, actuator = command.actuator, reason, "a command was not delivered");
        self.reports.push_back(Report::Undelivered(command, reason));
    }

    fn settle_expired(&mut self) {
        for command in self.ledger.take_expired(self.clock.now()) {
            self.give_up(command, OVER.to_owned());
        }
    }

    fn until_next_expiry(&self) -> Option<Duration> {
        let next = self.ledger.next_expiry()?;
        Some(Duration::from_millis(next.since(self.clock.now())))
    }
}
