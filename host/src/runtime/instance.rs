//! One configured version, ready to answer: every evaluation gets an instance of its own, made from the snapshot and
//! thrown away after it.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use interlock_core::decision::Decision;
use interlock_core::evaluation::{Evaluation, Fault, FaultKind, StateWrite};
use interlock_core::event::Event;
use interlock_core::policy::{Limits, Manifest, Plan};
use interlock_core::readings::Readings;
use interlock_core::state::PolicyState;
use interlock_core::time::Timestamp;
use wasmtime::component::{Component, Instance, InstancePre, Linker};
use wasmtime::{Engine, Store};

use super::bindings::PolicyPlugin;
use super::convert;
use super::engine::HOSTCALL_BYTES;
use super::exports::Exports;
use super::fault::{self, Budget};
use super::grants::Grants;
use super::guest::{AsOf, Guest, Phase};
use super::rejection::{Rejection, Step};
use super::state::Overlay;
use super::ticker::Ticker;

/// One configured version of one component. Cheap to clone; any number of threads may evaluate at once.
#[derive(Clone)]
pub struct Program(Arc<Inner>);

struct Inner {
    pre: InstancePre<Guest>,
    exports: Exports,
    manifest: Manifest,
    plan: Plan,
    grants: Arc<Grants>,
    limits: Limits,
    setup: Budget,
    ticker: Arc<Ticker>,
    /// The configuration, where there is no snapshot of the configured component.
    configure: Option<String>,
}

/// What a [`Program`] is made of.
pub(super) struct Parts {
    /// What it says of itself.
    pub(super) manifest: Manifest,
    /// What it will do.
    pub(super) plan: Plan,
    /// What one evaluation may use.
    pub(super) limits: Limits,
    /// What `configure` and `migrate` may use.
    pub(super) setup: Budget,
    /// The configuration, if the component is no snapshot of the configured one.
    pub(super) configure: Option<String>,
    /// Who counts its deadlines.
    pub(super) ticker: Arc<Ticker>,
}

/// The linker with the four imports and nothing else.
///
/// # Errors
/// Never for this contract; the engine says so if the bindings contradict themselves.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    PolicyPlugin::add_to_linker::<Guest, wasmtime::component::HasSelf<Guest>>(&mut linker, |guest| guest)?;
    Ok(linker)
}

impl Program {
    /// Prepares a component, and makes an instance once: what does not fit shows here and not at the first event.
    ///
    /// # Errors
    /// Why it cannot be instantiated, with the limit that was hit.
    pub(super) fn new(linker: &Linker<Guest>, component: &Component, parts: Parts) -> Result<Self, Rejection> {
        let exports = Exports::of(component).ok_or_else(|| Rejection::Mismatch {
            reason: "a function of the interface `policy` is missing".to_owned(),
        })?;
        let pre =
            linker.instantiate_pre(component).map_err(|error| Rejection::Mismatch { reason: format!("{error:#}") })?;
        let program = Self(Arc::new(Inner {
            pre,
            exports,
            grants: Arc::new(Grants::new(&parts.plan)),
            manifest: parts.manifest,
            plan: parts.plan,
            limits: parts.limits,
            setup: parts.setup,
            configure: parts.configure,
            ticker: parts.ticker,
        }));
        program.try_start()?;
        Ok(program)
    }

    fn try_start(&self) -> Result<(), Rejection> {
        let _ticking = self.0.ticker.hold();
        let mut store = self.store();
        let instance = self.start(&mut store).map_err(|fault| Rejection::SetupFault { step: Step::Start, fault })?;
        self.0
            .exports
            .check(&mut store, &instance)
            .map_err(|error| Rejection::Mismatch { reason: format!("{error:#}") })
    }

    /// Answers one event. The readings are as of the event's place, the state as it was after the event before.
    pub fn evaluate(&self, event: &Event, readings: &Arc<Readings>, state: &Arc<PolicyState>) -> Evaluation {
        let started = Instant::now();
        let _ticking = self.0.ticker.hold();
        let mut store = self.store();
        let outcome = self.decide(&mut store, event, readings, state);
        let fuel = match store.data().phase {
            Phase::Decide { .. } => self.0.limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0)),
            Phase::Setup | Phase::Migrate { .. } => 0,
        };
        let guest = store.into_data();
        let (reads, writes) = match guest.phase {
            Phase::Decide { state, lookups, .. } if outcome.is_ok() => (lookups, state.into_writes()),
            Phase::Decide { lookups, .. } => (lookups, Vec::new()),
            Phase::Setup | Phase::Migrate { .. } => (Vec::new(), Vec::new()),
        };
        Evaluation {
            outcome,
            fuel,
            micros: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            reads,
            writes,
            log: guest.log.into_lines(),
        }
    }

    fn decide(
        &self,
        store: &mut Store<Guest>,
        event: &Event,
        rings: &Arc<Readings>,
        state: &Arc<PolicyState>,
    ) -> Result<Decision, Fault> {
        let instance = self.start(store)?;
        let limits = &self.0.limits;
        store.data_mut().phase = Phase::Decide {
            readings: AsOf {
                rings: Arc::clone(rings),
                seq: event.seq,
                at: event.at,
                grants: Arc::clone(&self.0.grants),
            },
            state: Overlay::new(Arc::clone(state), event.at, limits),
            lookups: Vec::new(),
        };
        let budget = Budget { fuel: limits.fuel, deadline_ms: limits.deadline_ms };
        let answer = store
            .set_fuel(limits.fuel)
            .and_then(|()| self.0.exports.decide(store, &instance, &convert::event(event)))
            .map_err(|error| fault::of(&error, store.data(), budget))?
            .map_err(|refusal| Fault::new(FaultKind::Refused, refusal))?;
        let decision = convert::decision(answer)?.within_bounds()?;
        self.0.grants.allow(&decision)?;
        Ok(decision)
    }

    /// Brings the state of an older version into the shape of this one; what it writes.
    ///
    /// # Errors
    /// The fault, when it did not; then nothing of it counts.
    pub fn migrate(
        &self,
        from_version: &str,
        now: Timestamp,
        state: &Arc<PolicyState>,
    ) -> Result<Vec<StateWrite>, Fault> {
        let _ticking = self.0.ticker.hold();
        let mut store = self.store();
        let instance = self.start(&mut store)?;
        let setup = self.0.setup;
        store.data_mut().phase = Phase::Migrate { state: Overlay::new(Arc::clone(state), now, &self.0.limits) };
        store.set_epoch_deadline(setup.deadline_ms.saturating_add(1));
        store
            .set_fuel(setup.fuel)
            .and_then(|()| self.0.exports.migrate(&mut store, &instance, from_version))
            .map_err(|error| fault::of(&error, store.data(), setup))?
            .map_err(|refusal| Fault::new(FaultKind::Refused, refusal))?;
        match store.into_data().phase {
            Phase::Migrate { state } => Ok(state.into_writes()),
            Phase::Setup | Phase::Decide { .. } => Ok(Vec::new()),
        }
    }

    /// What the configured component will do.
    pub fn plan(&self) -> &Plan {
        &self.0.plan
    }

    /// What the component says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// Whether instances start configured; otherwise each runs `configure` first.
    pub fn snapshotted(&self) -> bool {
        self.0.configure.is_none()
    }

    fn store(&self) -> Store<Guest> {
        let deadline_ms = self.0.limits.deadline_ms;
        store(self.0.pre.engine(), self.0.limits.memory_bytes, HOSTCALL_BYTES, deadline_ms)
    }

    /// An instance that is configured, whichever way. Its fuel is its own: an evaluation counts from `decide`.
    fn start(&self, store: &mut Store<Guest>) -> Result<Instance, Fault> {
        let budget = Budget { fuel: self.0.setup.fuel, deadline_ms: self.0.limits.deadline_ms };
        let instance = store
            .set_fuel(budget.fuel)
            .and_then(|()| self.0.pre.instantiate(&mut *store))
            .map_err(|error| fault::of_start(&error, store.data(), budget))?;
        let Some(config) = &self.0.configure else { return Ok(instance) };
        self.0
            .exports
            .configure(store, &instance, config)
            .map_err(|error| fault::of(&error, store.data(), budget))?
            .map_err(|_| Fault::new(FaultKind::Start, "the configuration it accepted once is refused now"))?;
        Ok(instance)
    }
}

/// A store for one instance.
pub(super) fn store(engine: &Engine, memory_bytes: u64, hostcall_bytes: usize, deadline_ms: u64) -> Store<Guest> {
    let mut store = Store::new(engine, Guest::new(memory_bytes));
    store.limiter(|guest| &mut guest.memory);
    store.set_hostcall_fuel(hostcall_bytes);
    // The epoch that has begun counts too, so one more.
    store.set_epoch_deadline(deadline_ms.saturating_add(1));
    store
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("name", &self.0.manifest.name)
            .field("version", &self.0.manifest.version)
            .field("snapshotted", &self.snapshotted())
            .finish_non_exhaustive()
    }
}
