//! The life of a policy: save, activate, roll back, adjust, delete. Plan, persist, apply, in that order, one at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use interlock_core::evaluation::{StateWrite, VersionRef};
use interlock_core::policy::Mode;
use interlock_core::readings::Readings;
use interlock_core::state::PolicyState;
use interlock_core::time::Seq;
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tracing::{error, info, warn};

use super::actor::{Actor, Live};
use super::jobs::Jobs;
use super::registry::Registry;
use super::{Adjust, JobError, JobView, PolicyStats, PolicyView};
use crate::clock::Clock;
use crate::journal::Journal;
use crate::journal::record::{Body, Personal, PolicyChange, PolicyRecord};
use crate::line::{Input, Line, Refusal};
use crate::runtime::{Program, Runtime};
use crate::store::ArtifactError;
use crate::store::ReadError;
use crate::store::{PolicyRow, Put, Store, VersionRow};

/// Activations a policy remembers to roll back along.
const ACTIVATIONS: usize = 64;

/// Why a step in a policy's life was refused.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    /// There is no such policy.
    #[error("there is no policy `{0}`; `interlock ps` lists them")]
    NoPolicy(String),
    /// There is no such version.
    #[error("policy `{policy}` has no version {version}; `interlock history {policy}` lists them")]
    NoVersion {
        /// The policy.
        policy: String,
        /// What was asked for.
        version: u64,
    },
    /// There is nothing to roll back to.
    #[error("policy `{0}` has no earlier activation to roll back to")]
    NothingBefore(String),
    /// The name cannot be a policy's.
    #[error("`{0}` cannot name a policy: use 1 to 64 of a-z, 0-9, `-` and `_`, starting with a letter")]
    BadName(String),
    /// The first upload of a policy needs a component.
    #[error("policy `{0}` is new: its first version needs a component")]
    NoComponent(String),
    /// The version could not be made ready.
    #[error("{}", .0.message)]
    Rejected(JobError),
    /// Too many uploads wait.
    #[error("{0} uploads are waiting already; try again when one has ended")]
    Busy(usize),
    /// A value is out of its bounds.
    #[error("{0}")]
    Invalid(String),
    /// There is no such decision in the journal.
    #[error("record {0} is no decision, or no longer kept")]
    NoDecision(u64),
    /// The line did not take it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store could not be read.
    #[error("the store cannot be read: {0}")]
    Store(#[from] ReadError),
}

/// What the lifecycle works with.
pub struct Parts {
    /// Makes versions ready to run.
    pub runtime: Runtime,
    /// Holds rows and artifacts.
    pub store: Arc<Store>,
    /// For the latest events, to try versions on.
    pub journal: Journal,
    /// Records every step.
    pub line: Line,
    /// The policies at work.
    pub registry: Registry,
    /// What lookups answer from.
    pub readings: Arc<Readings>,
    /// The time of jobs and versions.
    pub clock: Clock,
    /// Uploads that may be under way together; they are compiled one at a time.
    pub max_uploads: usize,
}

/// A handle to all policies. Cheap to clone.
#[derive(Clone)]
pub struct Policies {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub parts: Parts,
    /// The policies' rows. Locked for a whole step: plan, persist, apply.
    pub slots: Mutex<BTreeMap<String, Slot>>,
    /// The same for readers, as of the last step that was applied.
    shown: ArcSwap<BTreeMap<String, Slot>>,
    pub jobs: Jobs,
    pub uploads: Arc<Semaphore>,
}

/// One policy as the lifecycle knows it.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub row: PolicyRow,
    /// The version that answers.
    pub active: Option<VersionRef>,
    /// Why it does not run although it should.
    pub problem: Option<String>,
}

impl Policies {
    /// Loads every policy of the store and lets it go on where it stopped. One that cannot run says why and stops no
    /// other.
    ///
    /// # Errors
    /// When the store or the line fails.
    pub async fn open(parts: Parts) -> Result<Self, LifecycleError> {
        let rows = parts.store.policies()?;
        let uploads = Arc::new(Semaphore::new(parts.max_uploads));
        let inner = Inner { parts, slots: Mutex::default(), shown: ArcSwap::default(), jobs: Jobs::default(), uploads };
        let policies = Self { inner: Arc::new(inner) };
        for row in rows {
            let name = row.name.clone();
            if let Err(error) = policies.resume(row).await {
                error!(policy = name, %error, "the policy cannot be resumed");
            }
        }
        let newest = policies.rerouted().await?;
        for actor in policies.inner.parts.registry.actors() {
            // A crash may have come between the record that a policy no longer acts and its slots being given back.
            let live = actor.live();
            if live.as_ref().is_none_or(|live| live.mode != Mode::Enforce) {
                policies.release(actor.name(), live.is_none()).await?;
            }
            actor.start(newest);
            policies.inner.parts.registry.wake_one(&actor);
        }
        Ok(policies)
    }

    /// Persists the quarantines that the line has imposed, until the line ends.
    pub async fn keep_quarantine(self, mut quarantined: mpsc::Receiver<String>) {
        while let Some(policy) = quarantined.recv().await {
            if let Err(error) = self.quarantine(&policy).await {
                warn!(policy, %error, "the quarantine could not be recorded; it holds until the host restarts");
            }
        }
    }

    /// All policies in order of name.
    pub fn list(&self) -> Vec<PolicyView> {
        self.inner.shown.load().values().map(|slot| self.view(slot)).collect()
    }

    /// One policy.
    ///
    /// # Errors
    /// [`LifecycleError::NoPolicy`].
    pub fn get(&self, policy: &str) -> Result<PolicyView, LifecycleError> {
        let shown = self.inner.shown.load();
        shown.get(policy).map(|slot| self.view(slot)).ok_or_else(|| LifecycleError::NoPolicy(policy.to_owned()))
    }

    /// All versions of a policy, newest first.
    ///
    /// # Errors
    /// When there is no such policy, or the store cannot be read.
    pub fn versions(&self, policy: &str) -> Result<Vec<VersionRow>, LifecycleError> {
        self.get(policy)?;
        let mut versions = self.inner.parts.store.versions(policy)?;
        versions.sort_by_key(|version| std::cmp::Reverse(version.number));
        Ok(versions)
    }

    /// One version.
    ///
    /// # Errors
    /// When there is no such version, or the store cannot be read.
    pub fn version(&self, policy: &str, number: u64) -> Result<VersionRow, LifecycleError> {
        let missing = || LifecycleError::NoVersion { policy: policy.to_owned(), version: number };
        self.inner.parts.store.version(policy, number)?.ok_or_else(missing)
    }

    /// Whether every policy that runs has answered everything that was meant for it.
    pub fn all_settled(&self) -> bool {
        self.inner.parts.registry.actors().iter().all(|actor| actor.live().is_none() || actor.is_settled())
    }

    /// A job, while it runs and for a while after.
    pub fn job(&self, id: &str) -> Option<JobView> {
        self.inner.jobs.get(id)
    }

    /// Waits until the job has more than `seen_stages` stages or ends, at most ten seconds.
    pub async fn job_changed(&self, id: &str, seen_stages: usize) -> Option<JobView> {
        self.inner.jobs.changed(id, seen_stages).await
    }

    /// Lets a version answer from the next event on.
    ///
    /// # Errors
    /// When there is no such version, it cannot be made ready, or the line does not take it: the old one goes on.
    pub async fn activate(
        &self,
        policy: &str,
        version: u64,
        mode: Option<Mode>,
        by: &str,
        reason: Option<String>,
    ) -> Result<PolicyView, LifecycleError> {
        let version = self.version(policy, version)?;
        let program = self.load(&version).await?;
        let change = |from, mode| PolicyChange::Activated { version: version.number, from, mode };
        self.switch(&version, program, Step::Forward(mode), change, by, reason).await
    }

    /// Lets an earlier version answer again: the one active before, or `to`.
    ///
    /// # Errors
    /// As [`Policies::activate`], or when there is nothing to go back to.
    pub async fn rollback(
        &self,
        policy: &str,
        to: Option<u64>,
        by: &str,
        reason: Option<String>,
    ) -> Result<PolicyView, LifecycleError> {
        let to = match to {
            Some(to) => to,
            None => self.before(policy)?,
        };
        let version = self.version(policy, to)?;
        let program = self.load(&version).await?;
        let change = |from, _| PolicyChange::RolledBack { version: version.number, from };
        self.switch(&version, program, Step::Back, change, by, reason).await
    }

    /// Changes what needs no new version.
    ///
    /// # Errors
    /// When a value is out of its bounds, there is no such policy, or the line does not take it.
    pub async fn adjust(&self, policy: &str, adjust: Adjust, by: &str) -> Result<PolicyView, LifecycleError> {
        let mut slots = self.inner.slots.lock().await;
        let mut slot = slot(&slots, policy)?.clone();
        let changes = adjusted(&mut slot.row, &adjust)?;
        if adjust.enabled == Some(true) || adjust.mode.is_some_and(|mode| mode != Mode::Off) {
            slot.row.quarantined = false;
            slot.problem = None;
        }
        let program = match slot.row.active {
            Some(number) if runs(&slot.row) => Some(self.load(&self.version(policy, number)?).await?),
            _ => None,
        };
        let mut seq = 0;
        for change in changes {
            let body = record(policy, change, None, by);
            seq = self.inner.parts.line.persist(body, vec![Put::Policy(slot.row.clone())]).await?;
        }
        self.apply(&mut slot, program, seq, &[]).await?;
        self.show(&mut slots, slot);
        self.get(policy)
    }

    /// Removes a policy with its versions and state; its slots are given back.
    ///
    /// # Errors
    /// When there is no such policy, or the line does not take it.
    pub async fn delete(&self, policy: &str, by: &str) -> Result<(), LifecycleError> {
        let mut slots = self.inner.slots.lock().await;
        slot(&slots, policy)?;
        // Out of the registry first: an answer that is under way must not write after the rows are gone.
        let actor = self.inner.parts.registry.actor(policy);
        self.inner.parts.registry.update(|actors| {
            actors.remove(policy);
        });
        let body = record(policy, PolicyChange::Deleted, None, by);
        if let Err(refusal) = self.inner.parts.line.persist(body, vec![Put::DropPolicy(policy.to_owned())]).await {
            self.inner.parts.registry.update(|actors| actors.extend(actor.map(|actor| (policy.to_owned(), actor))));
            return Err(refusal.into());
        }
        self.rerouted().await?;
        self.release(policy, true).await?;
        slots.remove(policy);
        self.inner.shown.store(Arc::new(slots.clone()));
        Ok(())
    }

    /// Makes a version ready to run, from the cache if it is there.
    pub(super) async fn load(&self, version: &VersionRow) -> Result<Program, LifecycleError> {
        let artifact = self.artifact(&version.digest)?;
        let config = version.config.to_string();
        let loaded = self.inner.parts.runtime.load(artifact, &version.digest, &config, version.limits).await;
        loaded.map_err(|rejection| LifecycleError::Rejected(rejection.into()))
    }

    /// A component's bytes, verified.
    pub(super) fn artifact(&self, digest: &str) -> Result<Arc<[u8]>, LifecycleError> {
        self.inner.parts.store.artifact(digest).map_err(|error| match error {
            ArtifactError::Read(error) => LifecycleError::Store(error),
            damaged => {
                let error = JobError { code: "artifact".into(), message: damaged.to_string(), problems: Vec::new() };
                LifecycleError::Rejected(error)
            }
        })
    }

    /// Lets a version that is ready answer: its record and rows first, then the swap between two events.
    pub(super) async fn switch(
        &self,
        version: &VersionRow,
        program: Program,
        step: Step,
        change: impl FnOnce(Option<u64>, Mode) -> PolicyChange,
        by: &str,
        reason: Option<String>,
    ) -> Result<PolicyView, LifecycleError> {
        let policy = &version.policy;
        let mut slots = self.inner.slots.lock().await;
        let mut slot = slot(&slots, policy)?.clone();
        let from = slot.row.active;
        plan_switch(&mut slot.row, version.number, step);
        let body = record(policy, change(from, slot.row.mode), reason, by);
        // Held only where state moves from one artifact to another: then no event may come between.
        let moves = slot.active.clone().filter(|active| active.digest != version.digest);
        let held = moves.is_some().then(|| self.inner.parts.registry.actor(policy)).flatten();
        let moved = match (&held, &moves) {
            (Some(actor), Some(active)) => self.take_over(actor, active, &program).await,
            _ => Ok(Vec::new()),
        };
        let persisted = match moved {
            Ok(writes) => self.persist_switch(body, &slot.row, &writes).await.map(|seq| (seq, writes)),
            Err(error) => Err(error),
        };
        let (seq, writes) = match persisted {
            Ok(persisted) => persisted,
            Err(error) => {
                if let Some(actor) = held {
                    actor.start(0);
                    self.inner.parts.registry.wake_one(&actor);
                }
                return Err(error);
            }
        };
        slot.active = Some(version_ref(version));
        slot.problem = None;
        let program = runs(&slot.row).then_some(program);
        self.apply(&mut slot, program, seq, &writes).await?;
        info!(policy, version = version.number, mode = ?slot.row.mode, "a version answers");
        self.show(&mut slots, slot);
        self.get(policy)
    }

    /// Stops the actor between two events, and brings its state into the new version's shape; what that writes.
    async fn take_over(
        &self,
        actor: &Arc<Actor>,
        active: &VersionRef,
        program: &Program,
    ) -> Result<Vec<StateWrite>, LifecycleError> {
        actor.hold();
        let run = actor.run.lock().await;
        self.migrate(active, program, &run.state)
    }

    async fn persist_switch(&self, body: Body, row: &PolicyRow, writes: &[StateWrite]) -> Result<Seq, LifecycleError> {
        let state = |write: &StateWrite| Put::State {
            policy: row.name.clone(),
            key: write.key.clone(),
            entry: write.entry.clone(),
        };
        let puts = std::iter::once(Put::Policy(row.clone())).chain(writes.iter().map(state)).collect();
        Ok(self.inner.parts.line.persist(body, puts).await?)
    }

    fn migrate(
        &self,
        active: &VersionRef,
        program: &Program,
        state: &Arc<PolicyState>,
    ) -> Result<Vec<StateWrite>, LifecycleError> {
        let before = self.version(&active.policy, active.version)?.manifest.version;
        if state.entries().is_empty() {
            return Ok(Vec::new());
        }
        program.migrate(&before, self.inner.parts.clock.now(), state).map_err(|fault| {
            let message = format!("the new version cannot take over the state of version {}: {fault}", active.version);
            LifecycleError::Rejected(JobError { code: "migration_failed".into(), message, problems: Vec::new() })
        })
    }

    /// Makes the actor and the routes what the row says; `seq` is the record that says so.
    async fn apply(
        &self,
        slot: &mut Slot,
        program: Option<Program>,
        seq: Seq,
        writes: &[StateWrite],
    ) -> Result<(), LifecycleError> {
        let registry = &self.inner.parts.registry;
        let name = slot.row.name.clone();
        let acts = program.is_some() && slot.row.mode == Mode::Enforce;
        let live = program.zip(slot.active.clone()).map(|(program, version)| Live::new(version, program, &slot.row));
        let actor = match registry.actor(&name) {
            Some(actor) => actor,
            None => Arc::new(Actor::new(name.clone(), self.remembered(&name)?, seq)),
        };
        {
            let mut run = actor.run.lock().await;
            Arc::make_mut(&mut run.state).apply(writes);
            if actor.live().is_none() {
                // It has seen nothing for a while, and does not look back.
                actor.hold();
                run.cursor = run.cursor.max(seq);
                actor.taken(run.cursor);
            }
            actor.install(live);
        }
        registry.update(|actors| {
            actors.insert(name.clone(), Arc::clone(&actor));
        });
        let newest = self.rerouted().await?;
        actor.start(newest);
        registry.wake_one(&actor);
        if !acts {
            self.release(&name, actor.live().is_none()).await?;
        }
        Ok(())
    }

    /// Puts a policy of the store back to work.
    async fn resume(&self, row: PolicyRow) -> Result<(), LifecycleError> {
        let parts = &self.inner.parts;
        let version = row.active.map(|number| self.version(&row.name, number)).transpose();
        let problem = version.as_ref().err().map(ToString::to_string);
        let version = version.unwrap_or_default();
        let mut slot = Slot { active: version.as_ref().map(version_ref), problem, row };
        let live = match &version {
            Some(version) if runs(&slot.row) => match self.load(version).await {
                Ok(program) => Some(Live::new(version_ref(version), program, &slot.row)),
                Err(error) => {
                    slot.problem = Some(error.to_string());
                    error!(policy = slot.row.name, %error, "the policy cannot run");
                    None
                }
            },
            _ => None,
        };
        let name = slot.row.name.clone();
        let cursor = parts.store.cursors()?.get(&name).copied().unwrap_or(parts.journal.head().seq);
        let actor = Arc::new(Actor::new(name.clone(), self.remembered(&name)?, cursor));
        actor.install(live);
        parts.registry.update(|actors| {
            actors.insert(name, actor);
        });
        let mut slots = self.inner.slots.lock().await;
        self.show(&mut slots, slot);
        Ok(())
    }

    async fn quarantine(&self, policy: &str) -> Result<(), LifecycleError> {
        let mut slots = self.inner.slots.lock().await;
        let mut slot = slot(&slots, policy)?.clone();
        if self.inner.parts.registry.actor(policy).is_some_and(|actor| actor.live().is_some()) {
            // Somebody was faster and has activated a version.
            return Ok(());
        }
        slot.row.quarantined = true;
        slot.problem = Some("quarantined after too many faults in a row; activate a version to lift it".to_owned());
        let reason = Some("too many faults in a row".to_owned());
        let body = record(policy, PolicyChange::Quarantined, reason, "the host");
        self.inner.parts.line.persist(body, vec![Put::Policy(slot.row.clone())]).await?;
        self.inner.parts.registry.update(|_| {});
        self.rerouted().await?;
        self.show(&mut slots, slot);
        Ok(())
    }

    /// Gives back the slots of a policy that no longer acts.
    async fn release(&self, policy: &str, gone: bool) -> Result<(), LifecycleError> {
        Ok(self.inner.parts.line.send(Input::Release { policy: policy.to_owned(), gone }).await?)
    }

    /// Tells the line that the routes have changed; the newest event before that.
    async fn rerouted(&self) -> Result<Seq, LifecycleError> {
        let (newest, answer) = oneshot::channel();
        self.inner.parts.line.send(Input::Rerouted { newest }).await?;
        Ok(self.inner.parts.line.answer(answer).await?)
    }

    fn remembered(&self, policy: &str) -> Result<PolicyState, LifecycleError> {
        Ok(PolicyState::from_entries(self.inner.parts.store.state(policy)?))
    }

    /// The version that was active before the one that is.
    fn before(&self, policy: &str) -> Result<u64, LifecycleError> {
        let shown = self.inner.shown.load();
        let row = &slot(&shown, policy)?.row;
        row.activations.iter().rev().nth(1).copied().ok_or_else(|| LifecycleError::NothingBefore(policy.to_owned()))
    }

    pub(super) fn show(&self, slots: &mut BTreeMap<String, Slot>, slot: Slot) {
        slots.insert(slot.row.name.clone(), slot);
        self.inner.shown.store(Arc::new(slots.clone()));
    }

    fn view(&self, slot: &Slot) -> PolicyView {
        let row = slot.row.clone();
        let actor = self.inner.parts.registry.actor(&row.name);
        PolicyView {
            active: slot.active.clone(),
            latest: row.next_version.checked_sub(1).filter(|latest| *latest > 0),
            mode: row.mode,
            enabled: row.enabled,
            priority: row.priority,
            fallback: row.fallback,
            quarantined: row.quarantined,
            problem: slot.problem.clone(),
            stats: actor.map_or_else(PolicyStats::default, |actor| actor.stats()),
            created: row.created,
            name: row.name,
        }
    }
}

/// Whether a policy with this row runs.
const fn runs(row: &PolicyRow) -> bool {
    row.enabled && !row.quarantined && !matches!(row.mode, Mode::Off)
}

fn slot<'a>(slots: &'a BTreeMap<String, Slot>, policy: &str) -> Result<&'a Slot, LifecycleError> {
    slots.get(policy).ok_or_else(|| LifecycleError::NoPolicy(policy.to_owned()))
}

/// Which way a switch goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// To a version, in this mode or the one before.
    Forward(Option<Mode>),
    /// Back along the activations.
    Back,
}

/// The row after a version was made active. Going back shortens the activations, so that rolling back twice goes back
/// twice.
fn plan_switch(row: &mut PolicyRow, version: u64, step: Step) {
    row.active = Some(version);
    row.quarantined = false;
    row.enabled = true;
    match step {
        Step::Back => {
            let place = row.activations.iter().rposition(|earlier| *earlier == version);
            row.activations.truncate(place.unwrap_or(0));
        }
        Step::Forward(mode) => row.mode = mode.unwrap_or(row.mode),
    }
    if row.activations.last() != Some(&version) {
        row.activations.push(version);
    }
    if row.activations.len() > ACTIVATIONS {
        row.activations.remove(0);
    }
}

/// Carries out an adjustment on the row; what changed.
fn adjusted(row: &mut PolicyRow, adjust: &Adjust) -> Result<Vec<PolicyChange>, LifecycleError> {
    let mut changes = Vec::new();
    if let Some(priority) = adjust.priority {
        if !(1..=16).contains(&priority) {
            return Err(LifecycleError::Invalid(format!("the priority is 1 (strongest) to 16, not {priority}")));
        }
        row.priority = priority;
        changes.push(PolicyChange::Priority { priority });
    }
    if let Some(mode) = adjust.mode {
        row.mode = mode;
        changes.push(PolicyChange::Mode { mode });
    }
    if let Some(enabled) = adjust.enabled {
        row.enabled = enabled;
        changes.push(PolicyChange::Enabled { enabled });
    }
    if let Some(fallback) = adjust.fallback {
        row.fallback = fallback;
        changes.push(PolicyChange::Fallback { fallback });
    }
    if changes.is_empty() {
        let message = "nothing to change: give a mode, a priority, a fallback, or whether it is enabled";
        return Err(LifecycleError::Invalid(message.to_owned()));
    }
    Ok(changes)
}

pub(super) fn version_ref(version: &VersionRow) -> VersionRef {
    VersionRef { policy: version.policy.clone(), version: version.number, digest: version.digest.clone() }
}

/// The record of a change in a policy's life.
pub(super) fn record(policy: &str, change: PolicyChange, reason: Option<String>, by: &str) -> Body {
    Body::Policy(PolicyRecord { policy: policy.to_owned(), change, reason, by: Personal::from(by) })
}
