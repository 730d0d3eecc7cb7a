//! The four functions of a component, found once and called by index.
//!
//! The generated `PolicyPlugin` would look up and type-check all four for every instance; an evaluation needs one.

use wasmtime::Store;
use wasmtime::component::{Component, ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower};

use super::bindings::interlock::policy::types;
use super::guest::Guest;

/// The exported interface.
pub(super) const POLICY: &str = "interlock:policy/policy@0.1.0";

/// Where a component's functions are.
#[derive(Debug, Clone)]
pub(super) struct Exports {
    describe: ComponentExportIndex,
    configure: ComponentExportIndex,
    migrate: ComponentExportIndex,
    decide: ComponentExportIndex,
}

impl Exports {
    /// Finds them; none if the component exports another world.
    pub(super) fn of(component: &Component) -> Option<Self> {
        let policy = component.get_export_index(None, POLICY)?;
        let find = |name: &str| component.get_export_index(Some(&policy), name);
        Some(Self {
            describe: find("describe")?,
            configure: find("configure")?,
            migrate: find("migrate")?,
            decide: find("decide")?,
        })
    }

    /// Calls `describe`.
    pub(super) fn describe(&self, store: &mut Store<Guest>, instance: &Instance) -> wasmtime::Result<types::Manifest> {
        call::<(), (types::Manifest,)>(store, instance, &self.describe, ()).map(|(manifest,)| manifest)
    }

    /// Calls `configure`.
    pub(super) fn configure(
        &self,
        store: &mut Store<Guest>,
        instance: &Instance,
        config: &str,
    ) -> wasmtime::Result<Result<types::Plan, Vec<types::Problem>>> {
        call::<(&str,), (Result<types::Plan, Vec<types::Problem>>,)>(store, instance, &self.configure, (config,))
            .map(|(answer,)| answer)
    }

    /// Calls `migrate`.
    pub(super) fn migrate(
        &self,
        store: &mut Store<Guest>,
        instance: &Instance,
        from_version: &str,
    ) -> wasmtime::Result<Result<(), String>> {
        call::<(&str,), (Result<(), String>,)>(store, instance, &self.migrate, (from_version,)).map(|(answer,)| answer)
    }

    /// Calls `decide`.
    pub(super) fn decide(
        &self,
        store: &mut Store<Guest>,
        instance: &Instance,
        event: &types::Event,
    ) -> wasmtime::Result<Result<types::Decision, String>> {
        call::<(&types::Event,), (Result<types::Decision, String>,)>(store, instance, &self.decide, (event,))
            .map(|(answer,)| answer)
    }

    /// Checks the types of all four, which [`Exports::of`] does not.
    ///
    /// # Errors
    /// Which type differs from the contract, and how.
    pub(super) fn check(&self, store: &mut Store<Guest>, instance: &Instance) -> wasmtime::Result<()> {
        instance.get_typed_func::<(), (types::Manifest,)>(&mut *store, &self.describe)?;
        instance
            .get_typed_func::<(&str,), (Result<types::Plan, Vec<types::Problem>>,)>(&mut *store, &self.configure)?;
        instance.get_typed_func::<(&str,), (Result<(), String>,)>(&mut *store, &self.migrate)?;
        instance.get_typed_func::<(&types::Event,), (Result<types::Decision, String>,)>(&mut *store, &self.decide)?;
        Ok(())
    }
}

fn call<Params, Answer>(
    store: &mut Store<Guest>,
    instance: &Instance,
    function: &ComponentExportIndex,
    params: Params,
) -> wasmtime::Result<Answer>
where
    Params: ComponentNamedList + Lower,
    Answer: ComponentNamedList + Lift,
{
    instance.get_typed_func::<Params, Answer>(&mut *store, function)?.call(&mut *store, params)
}
