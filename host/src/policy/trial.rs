//! Versions tried without effect: on the latest events before they are saved, on an event somebody thought of, and on
//! an event that was decided before.

use std::sync::Arc;

use interlock_core::decision::Decision;
use interlock_core::evaluation::Evaluation;
use interlock_core::event::{Event, Observation, Occurrence};
use interlock_core::gate::{Verdict, Writer};
use interlock_core::policy::DEFAULT_PRIORITY;
use interlock_core::readings::Readings;
use interlock_core::router::Router;
use interlock_core::state::PolicyState;
use serde_json::{Value, json};

use super::lifecycle::{LifecycleError, Policies, version_ref};
use super::{JobError, Simulation};
use crate::journal::record::Body;
use crate::line::steps::{cause_of, write_of};
use crate::runtime::{Prepared, Program};
use crate::store::VersionRow;

/// Records looked through for the latest event of a kind.
const SCAN: usize = 20_000;

/// Readings per sensor in a trial's own rings.
const RING: usize = 64;

impl Policies {
    /// What a version would answer now; without a number, the active one.
    ///
    /// # Errors
    /// When there is no such version, or it cannot be made ready.
    pub async fn simulate(
        &self,
        policy: &str,
        version: Option<u64>,
        observation: Observation,
    ) -> Result<Simulation, LifecycleError> {
        let view = self.get(policy)?;
        let number = version.or(view.active.map(|active| active.version)).or(view.latest);
        let number = number.ok_or_else(|| LifecycleError::NoVersion { policy: policy.to_owned(), version: 0 })?;
        let version = self.version(policy, number)?;
        let parts = &self.inner.parts;
        let head = parts.journal.head();
        let event = Event { seq: head.seq + 1, at: parts.clock.now().max(head.at), observation };
        let readings = self.readings_with(&event);
        self.trial(&version, &event, &readings, view.priority).await
    }

    /// A recorded decision run again alone: same event, same version, all findings.
    ///
    /// # Errors
    /// When the record is no decision, or what it names is no longer kept.
    pub async fn why(&self, decision: u64) -> Result<Simulation, LifecycleError> {
        let missing = || LifecycleError::NoDecision(decision);
        let journal = &self.inner.parts.journal;
        let (by, seq) = match journal.get(decision, true)?.ok_or_else(missing)?.body {
            Body::Decision(record) => (record.by, record.event),
            Body::Fault(record) => (record.by, record.event),
            _ => return Err(missing()),
        };
        let record = journal.get(seq, true)?.ok_or_else(missing)?;
        let Body::Event(observation) = record.body else { return Err(missing()) };
        let event = Event { seq, at: record.at, observation };
        let version = self.version(&by.policy, by.version)?;
        let priority = self.get(&by.policy).map_or(DEFAULT_PRIORITY, |view| view.priority);
        let readings = Arc::clone(&self.inner.parts.readings);
        self.trial(&version, &event, &readings, priority).await
    }

    /// The answers of a version that is not saved yet to the latest event of each kind it subscribes to.
    pub(super) fn dry_run(&self, policy: &str, prepared: &Prepared) -> Result<Value, LifecycleError> {
        let parts = &self.inner.parts;
        let state = Arc::new(PolicyState::from_entries(parts.store.state(policy)?));
        let mut evidence = Vec::new();
        for subscription in &prepared.plan.subscriptions {
            let plan = interlock_core::policy::Plan { subscriptions: vec![subscription.clone()], ..Default::default() };
            let router = Router::new([((), policy, &plan)]);
            let wanted = |what: &Occurrence| !router.route(what).is_empty();
            let Some(event) = parts.journal.latest_event(wanted, SCAN)? else {
                evidence.push(json!({ "subscription": subscription, "event": null }));
                continue;
            };
            let evaluation = evaluate(&prepared.program, &event, &parts.readings, &state);
            if let Err(fault) = &evaluation.outcome {
                let message =
                    format!("the version faulted on the latest event it subscribes to ({}): {fault}", event.seq);
                let error = JobError { code: "dry_run_fault".into(), message, problems: Vec::new() };
                return Err(LifecycleError::Rejected(error));
            }
            evidence.push(tried(&event, subscription, &evaluation));
        }
        Ok(Value::Array(evidence))
    }

    async fn trial(
        &self,
        version: &VersionRow,
        event: &Event,
        readings: &Arc<Readings>,
        priority: u8,
    ) -> Result<Simulation, LifecycleError> {
        let program = self.load(version).await?;
        let state = Arc::new(PolicyState::from_entries(self.inner.parts.store.state(&version.policy)?));
        let Evaluation { outcome, fuel, micros, reads, writes, log } = evaluate(&program, event, readings, &state);
        let verdicts = match &outcome {
            Ok(decision) => self.judged(version, event, decision, priority).await?,
            Err(_) => Vec::new(),
        };
        let by = version_ref(version);
        let fault = outcome.as_ref().err().cloned();
        Ok(Simulation { by, decision: outcome.ok(), fault, verdicts, reads, writes, log, fuel, micros })
    }

    async fn judged(
        &self,
        version: &VersionRow,
        event: &Event,
        decision: &Decision,
        priority: u8,
    ) -> Result<Vec<Verdict>, LifecycleError> {
        let writer = || Writer::Policy(version.policy.clone());
        let write = |intent| write_of(intent, writer(), priority, cause_of(event));
        Ok(self.inner.parts.line.judge(decision.intents.iter().map(write).collect()).await?)
    }

    /// The newest readings as they would be if this event had happened.
    fn readings_with(&self, event: &Event) -> Arc<Readings> {
        let mut newest = self.inner.parts.readings.snapshot();
        newest.sort_by_key(|(seq, ..)| *seq);
        let readings = Readings::new(RING, newest.len() + 1);
        for (seq, at, reading) in newest {
            readings.push(seq, at, &reading);
        }
        if let Occurrence::Reading(reading) = event.what() {
            readings.push(event.seq, event.at, reading);
        }
        Arc::new(readings)
    }
}

/// Evaluations take their deadline at most, so they may run here: it is far below what would starve other tasks.
fn evaluate(program: &Program, event: &Event, readings: &Arc<Readings>, state: &Arc<PolicyState>) -> Evaluation {
    tokio::task::block_in_place(|| program.evaluate(event, readings, state))
}

fn tried(event: &Event, subscription: &interlock_core::policy::Subscription, evaluation: &Evaluation) -> Value {
    let Ok(decision) = &evaluation.outcome else { return Value::Null };
    let matched: Vec<_> = decision.findings.iter().filter(|finding| finding.matched).map(|f| &f.rule).collect();
    json!({
        "subscription": subscription,
        "event": event.seq,
        "kind": event.what().kind(),
        "ruling": decision.ruling,
        "intents": decision.intents,
        "matched": matched,
        "fuel": evaluation.fuel,
        "micros": evaluation.micros,
    })
}
