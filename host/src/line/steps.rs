//! What the judge does with each input.

use std::sync::Arc;

use interlock_core::decision::{Decision, Intent, Ruling};
use interlock_core::evaluation::{Evaluation, Fault};
use interlock_core::event::{ActionOutcome, Event, Observation, Occurrence, Presence, Tick};
use interlock_core::gate::{Cause, Outcome, Verdict, Write, Writer};
use interlock_core::policy::{Fallback, Mode, Subscription};
use interlock_core::time::{Seq, Timestamp};
use tokio::sync::oneshot;

use super::effects::carry;
use super::judge::Judge;
use super::{Answered, Arrival, Input, Malformed, Question};
use crate::journal::record::{Body, DecisionRecord, FaultRecord, Personal};
use crate::journal::{Entry, Recorded, Then};
use crate::policy::actor::Live;
use crate::policy::approvals::{ApprovalError, Request};
use crate::policy::lanes::{Evaluated, Skipped};
use crate::store::Put;

/// The priority of manual commands, as in building automation: stronger than any policy at the default.
pub const MANUAL_PRIORITY: u8 = 8;

impl Judge {
    /// One input, in its turn.
    pub(super) fn step(&mut self, input: Input) {
        self.hear_stops();
        match input {
            Input::Arrived(arrival, recorded) => self.on_arrival(arrival, recorded),
            Input::Evaluated(evaluated) => self.on_evaluated(*evaluated),
            Input::Skipped(skipped) => self.on_skipped(&skipped),
            Input::Manual { intent, by, verdict, recorded } => self.on_manual(intent, &by, verdict, recorded),
            // Whoever noted it has given up, and has not done what it says.
            Input::Note { recorded, .. } if recorded.is_closed() => {}
            Input::Note { body, puts, recorded } => {
                let at = self.now();
                self.record(at, *body, Entry { record: None, puts, then: vec![Then::Reply(recorded)] });
            }
            Input::Release { policy, gone } => self.on_release(&policy, gone),
            Input::Rerouted { newest } => {
                let now = self.now();
                self.ticks.set(self.parts.registry.ticks(), now);
                let _ = newest.send(self.next_seq() - 1);
            }
            Input::Delivered { id } => {
                self.parts.metrics.command_sent();
                self.push(Entry { record: None, puts: vec![Put::OutboxDone(id)], then: Vec::new() });
            }
            Input::Undelivered { command, reason } => {
                self.parts.metrics.command_expired();
                let at = self.now();
                let puts = vec![Put::OutboxDone(command.id.clone())];
                let over = command.valid_until <= at;
                let (actuator, value) = (command.actuator.clone(), command.value);
                let body = Body::Undelivered { id: command.id, actuator: command.actuator, reason };
                self.record(at, body, Entry { record: None, puts, then: Vec::new() });
                if over {
                    self.say_again(&actuator, value, at);
                }
            }
            // The gate has heard of it above, as of every change of the latch.
            Input::Open { done } => {
                let _ = done.send(());
            }
            Input::Configure { table, done } => {
                let now = self.now();
                let effects = self.parts.gate.configure(*table, now);
                self.record_effects(effects, now);
                let _ = done.send(());
            }
            Input::Answer { decision, approve, by, answered } => {
                if !answered.is_closed() {
                    let answer = self.on_answer(decision, approve, &by);
                    let _ = answered.send(answer);
                }
            }
            Input::Ask(question) => self.on_question(question),
            Input::Drain { done } => {
                self.checkpoint(true);
                self.push(Entry { record: None, puts: Vec::new(), then: vec![Then::Reply(done)] });
            }
            // The loop itself closes.
            Input::Close => {}
        }
    }

    /// What is due by the clock.
    pub(super) fn on_time(&mut self) {
        self.hear_stops();
        let now = self.now();
        let effects = self.parts.gate.advance(now);
        self.record_effects(effects, now);
        while let Some(policy) = self.ticks.take(now) {
            self.observe(observation(Occurrence::Tick(Tick { policy })), Vec::new());
        }
        for device in self.parts.seen.silent(now) {
            self.observe(observation(Occurrence::Device(Presence { device, online: false })), Vec::new());
        }
        self.lapse(now);
        self.checkpoint(false);
    }

    /// Makes the gate stopped exactly as the latch is, before anything else is judged: stops that were latched since the
    /// last step empty its arrays, resets open it.
    fn hear_stops(&mut self) {
        let newest = self.parts.latch.number();
        if newest == self.stop_heard {
            return;
        }
        self.stop_heard = newest;
        let now = self.now();
        let latched = self.parts.latch.stopped();
        let gated = self.parts.gate.stopped().clone();
        for scope in gated.difference(&latched) {
            let effects = self.parts.gate.reset(scope, now);
            self.record_effects(effects, now);
        }
        // Also what a reset of everything has opened with it.
        for scope in latched {
            if !self.parts.gate.stopped().contains(&scope) {
                let effects = self.parts.gate.stop(scope, now);
                self.record_effects(effects, now);
            }
        }
    }

    /// Says a value anew that was not heard in time and still is in force; its own validity paces the repetitions.
    fn say_again(&mut self, actuator: &str, value: f64, at: Timestamp) {
        if self.parts.gate.view(actuator).is_some_and(|view| view.effective == value) {
            let effects = self.parts.gate.reassert(actuator, at);
            self.record_effects(effects, at);
        }
    }

    fn on_arrival(&mut self, arrival: Arrival, recorded: Option<oneshot::Sender<Recorded<()>>>) {
        let ack = arrival.ack.map(Then::Ack);
        let then: Vec<_> = ack.into_iter().chain(recorded.map(Then::Reply)).collect();
        match arrival.what {
            Ok(observation) => self.on_observation(observation, then),
            Err(Malformed { topic, reason, head, bytes }) => {
                self.parts.metrics.malformed();
                let at = self.now();
                let body = Body::Malformed { topic, reason, head, bytes };
                self.record(at, body, Entry { record: None, puts: Vec::new(), then });
            }
        }
    }

    fn on_observation(&mut self, observation: Observation, then: Vec<Then>) {
        let at = self.now();
        let appeared = self.parts.seen.heard(&observation.what, at);
        if let Occurrence::Device(presence) = &observation.what
            && presence.online
            && appeared.is_none()
        {
            // A sign of life of a device that is known to be there: its freshness is all there is to it.
            return self.push(Entry { record: None, puts: Vec::new(), then });
        }
        if let Some(device) = appeared
            && !matches!(observation.what, Occurrence::Device(_))
        {
            self.observe(self::observation(Occurrence::Device(Presence { device, online: true })), Vec::new());
        }
        self.observe(observation, then);
    }

    fn on_evaluated(&mut self, evaluated: Evaluated) {
        let Evaluated { actor, live, event, evaluation } = evaluated;
        self.quick_answered(event.seq);
        if !self.parts.registry.has(&actor) {
            // It was deleted with all it had; nothing of it comes back.
            return;
        }
        actor.taken(event.seq);
        self.cursors.insert(actor.name().to_owned(), event.seq);
        self.parts.metrics.evaluation(evaluation.micros);
        let Evaluation { outcome, fuel, micros, reads, writes, log } = evaluation;
        match outcome {
            Ok(decision) => {
                actor.answered();
                if decision.is_quiet() && writes.is_empty() && log.is_empty() {
                    return;
                }
                let said = Said { fuel, micros, reads, log };
                // The version may have been switched off since it answered: then it no longer acts.
                let mode = if actor.live().is_some() { live.mode } else { Mode::Shadow };
                self.decide(&live, mode, &event, decision, writes, said);
            }
            Err(fault) => {
                self.parts.metrics.fault(fault.kind);
                // The faults of a version that no longer answers do not count against the one that does.
                let answers = actor.live().is_some_and(|now| Arc::ptr_eq(&now, &live));
                let row = if answers { actor.faulted() } else { 0 };
                let allowed = self.parts.faults_allowed;
                let quarantined = allowed > 0 && row >= allowed;
                if quarantined {
                    actor.halt();
                    self.withdraw(actor.name());
                    // The queue has room for every policy; a policy that is not told apart here faults again.
                    let _ = self.parts.quarantine.try_send(actor.name().to_owned());
                }
                self.fault(&live, &event, fault, quarantined, Said { fuel, micros, reads, log });
            }
        }
    }

    fn decide(
        &mut self,
        live: &Live,
        mode: Mode,
        event: &Event,
        mut decision: Decision,
        writes: Vec<interlock_core::evaluation::StateWrite>,
        said: Said,
    ) {
        let at = self.now();
        let seq = self.next_seq();
        decision.findings.retain(|finding| finding.matched);
        let mut entry = Entry { record: None, puts: Vec::new(), then: Vec::new() };
        let policy = &live.version.policy;
        for write in writes {
            entry.puts.push(Put::State { policy: policy.clone(), key: write.key, entry: write.entry });
        }
        let (mut verdicts, mut changes) = (Vec::new(), Vec::new());
        if mode == Mode::Enforce && DecisionRecord::acts(&decision.ruling) {
            let cause = cause_of(event);
            for intent in &decision.intents {
                let write = write_of(intent, Writer::Policy(policy.clone()), live.priority, cause.clone());
                let (verdict, effects) = self.parts.gate.review(&write, at);
                self.parts.metrics.verdict(&verdict);
                changes.extend(carry(&self.parts.gate, effects, seq, &mut entry));
                verdicts.push(verdict);
            }
        } else if let Some(request) = self.request(live, mode, &decision, seq, at) {
            entry.puts.push(Put::Approval { decision: seq, row: serde_json::to_value(&request).ok() });
            self.waiting.insert(seq, request);
        }
        let outcomes = outcomes(live, event, &verdicts, seq);
        let Said { fuel, micros, reads, log } = said;
        let by = live.version.clone();
        let record =
            DecisionRecord { by, mode, event: event.seq, decision, verdicts, changes, reads, log, fuel, micros };
        self.record(at, Body::Decision(record), entry);
        for outcome in outcomes {
            self.observe(observation(Occurrence::Outcome(outcome)), Vec::new());
        }
    }

    /// The request for a person's word that a decision makes, if it makes one.
    fn request(&self, live: &Live, mode: Mode, decision: &Decision, seq: Seq, at: Timestamp) -> Option<Request> {
        let (roles, wait) = match (&decision.ruling, mode) {
            (Ruling::AllowAfter { roles, expires_after_ms }, Mode::Enforce | Mode::Advise) => {
                (roles.clone(), *expires_after_ms)
            }
            (Ruling::Allow | Ruling::Abstain, Mode::Advise) => (Vec::new(), None),
            _ => return None,
        };
        if decision.intents.is_empty() && decision.actions.is_empty() {
            return None;
        }
        let expires = at.after(wait.unwrap_or(self.parts.approval_ms));
        let by = live.version.clone();
        let intents = decision.intents.clone();
        Some(Request { decision: seq, by, priority: live.priority, intents, roles, asked: at, expires })
    }

    fn fault(&mut self, live: &Live, event: &Event, fault: Fault, quarantined: bool, said: Said) {
        let at = self.now();
        let seq = self.next_seq();
        let mut entry = Entry { record: None, puts: Vec::new(), then: Vec::new() };
        let changes = if live.fallback == Fallback::SafeValue || quarantined {
            let effects = self.parts.gate.release(&live.version.policy, at);
            carry(&self.parts.gate, effects, seq, &mut entry)
        } else {
            Vec::new()
        };
        let Said { fuel, micros, log, .. } = said;
        let by = live.version.clone();
        let alarm = live.fallback == Fallback::Alarm || quarantined;
        let record = FaultRecord { by, event: event.seq, fault, changes, quarantined, alarm, log, fuel, micros };
        self.record(at, Body::Fault(record), entry);
    }

    fn on_skipped(&mut self, skipped: &Skipped) {
        if !self.parts.registry.has(&skipped.actor) {
            return;
        }
        skipped.actor.taken(skipped.until);
        let policy = skipped.actor.name().to_owned();
        self.cursors.insert(policy.clone(), skipped.until);
        if skipped.count > 0 {
            self.parts.metrics.coalesced(skipped.count);
            let at = self.now();
            let body = Body::Coalesced { policy, skipped: skipped.count, until: skipped.until };
            self.record(at, body, Entry { record: None, puts: Vec::new(), then: Vec::new() });
        }
    }

    fn on_manual(
        &mut self,
        intent: Intent,
        by: &str,
        verdict: oneshot::Sender<Verdict>,
        recorded: oneshot::Sender<Recorded<()>>,
    ) {
        if verdict.is_closed() {
            // Whoever asked was told that it did not work, and must not see it happen later.
            return;
        }
        let at = self.now();
        let seq = self.next_seq();
        let cause = Cause { seq: None, at, retained: false };
        let write = write_of(&intent, Writer::Manual, MANUAL_PRIORITY, cause);
        let (judged, effects) = self.parts.gate.review(&write, at);
        self.parts.metrics.verdict(&judged);
        let mut entry = Entry { record: None, puts: Vec::new(), then: vec![Then::Reply(recorded)] };
        let changes = carry(&self.parts.gate, effects, seq, &mut entry);
        let body = Body::Manual { by: Personal::from(by), intent, verdict: judged.clone(), changes };
        self.record(at, body, entry);
        let _ = verdict.send(judged);
    }

    fn on_release(&mut self, policy: &str, gone: bool) {
        let now = self.now();
        let effects = self.parts.gate.release(policy, now);
        self.record_effects(effects, now);
        if gone {
            self.withdraw(policy);
        }
    }

    /// Ends the requests of a policy that does not run any more: nobody could give back what they would write.
    fn withdraw(&mut self, policy: &str) {
        let of = |request: &&Request| request.by.policy == policy;
        let requests: Vec<_> = self.waiting.values().filter(of).cloned().collect();
        for request in requests {
            self.waiting.remove(&request.decision);
            self.settle(&request, false, "withdrawn", "the host", Vec::new());
        }
    }

    fn on_answer(&mut self, decision: Seq, approve: bool, by: &str) -> Result<Answered, ApprovalError> {
        let now = self.now();
        self.lapse(now);
        let request = self.waiting.remove(&decision).ok_or(ApprovalError::NotWaiting(decision))?;
        let (reply, recorded) = oneshot::channel();
        let answer = if approve { "given" } else { "refused" };
        let verdicts = self.settle(&request, approve, answer, by, vec![Then::Reply(reply)]);
        Ok(Answered { verdicts, recorded })
    }

    /// Ends a request: what was approved goes through the gate as a fresh cause.
    fn settle(&mut self, request: &Request, act: bool, answer: &str, by: &str, then: Vec<Then>) -> Vec<Verdict> {
        let at = self.now();
        let seq = self.next_seq();
        let puts = vec![Put::Approval { decision: request.decision, row: None }];
        let mut entry = Entry { record: None, puts, then };
        let (mut verdicts, mut changes) = (Vec::new(), Vec::new());
        for intent in request.intents.iter().filter(|_| act) {
            let cause = Cause { seq: Some(request.decision), at, retained: false };
            let writer = Writer::Policy(request.by.policy.clone());
            let (verdict, effects) = self.parts.gate.review(&write_of(intent, writer, request.priority, cause), at);
            self.parts.metrics.verdict(&verdict);
            changes.extend(carry(&self.parts.gate, effects, seq, &mut entry));
            verdicts.push(verdict);
        }
        let body = Body::Approval {
            decision: request.decision,
            answer: answer.to_owned(),
            by: Personal::from(by),
            verdicts: verdicts.clone(),
            changes,
        };
        self.record(at, body, entry);
        verdicts
    }

    fn lapse(&mut self, now: Timestamp) {
        let lapsed: Vec<_> = self.waiting.values().filter(|request| request.expires <= now).cloned().collect();
        for request in lapsed {
            self.waiting.remove(&request.decision);
            self.settle(&request, false, "lapsed", "the host", Vec::new());
        }
    }

    fn on_question(&mut self, question: Question) {
        match question {
            Question::View { actuator, answer } => {
                let _ = answer.send(self.parts.gate.view(&actuator));
            }
            Question::Judge { writes, answer } => {
                let now = self.now();
                let alone = |write: &Write| self.parts.gate.clone().review(write, now).0;
                let _ = answer.send(writes.iter().map(alone).collect());
            }
            Question::Waiting { answer } => {
                let _ = answer.send(self.waiting.values().cloned().collect());
            }
        }
    }

    /// Records effects that no event caused.
    pub(super) fn record_effects(&mut self, effects: interlock_core::gate::Effects, at: Timestamp) {
        if effects.changes.is_empty() && effects.dirty.is_empty() {
            return;
        }
        let mut entry = Entry { record: None, puts: Vec::new(), then: Vec::new() };
        let changes = carry(&self.parts.gate, effects, self.next_seq(), &mut entry);
        if changes.is_empty() {
            self.push(entry);
        } else {
            self.record(at, Body::Effect { changes }, entry);
        }
    }
}

/// What came with an answer beside the answer itself.
struct Said {
    fuel: u64,
    micros: u64,
    reads: Vec<interlock_core::evaluation::Lookup>,
    log: Vec<interlock_core::evaluation::LogLine>,
}

/// An observation of the host's own.
fn observation(what: Occurrence) -> Observation {
    Observation { id: uuid::Uuid::now_v7().to_string(), measured: None, what }
}

/// The write that an intent asks for.
pub(crate) fn write_of(intent: &Intent, writer: Writer, priority: u8, cause: Cause) -> Write {
    let Intent { actuator, set, hold_ms, reason } = intent.clone();
    Write { actuator, writer, priority, set, hold_ms, reason, cause }
}

/// What the gate must know of an event to judge what follows from it.
pub(crate) fn cause_of(event: &Event) -> Cause {
    let retained = matches!(event.what(), Occurrence::Reading(reading) if reading.retained);
    Cause { seq: Some(event.seq), at: event.at, retained }
}

/// How the intents ended, for a policy that wants to know. What follows from an outcome has none of its own, so a
/// policy cannot keep itself busy.
fn outcomes(live: &Live, event: &Event, verdicts: &[Verdict], decision: Seq) -> Vec<ActionOutcome> {
    let wanted = live.plan().subscriptions.contains(&Subscription::Outcomes);
    if !wanted || matches!(event.what(), Occurrence::Outcome(_)) {
        return Vec::new();
    }
    let outcome = |verdict: &Verdict| ActionOutcome {
        policy: live.version.policy.clone(),
        decision,
        name: verdict.actuator.clone(),
        success: verdict.outcome != Outcome::Refuse,
        code: verdict.code.as_str().to_owned(),
    };
    verdicts.iter().map(outcome).collect()
}
