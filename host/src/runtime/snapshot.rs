//! The configured snapshot: an instance that has run `configure` once, turned back into a component, so that every
//! evaluation starts where `configure` ended.
//!
//! wasmtime-wizer does the work in two halves: it adds functions that read out globals and memories, and it writes a
//! component whose initial state is what they read. Its own driver for wasmtime would pull in engine features that are
//! kept off here (garbage collection, threads, an unauthenticated code cache), so the driver is this file.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wasmtime::Store;
use wasmtime::component::{Instance, Lift, WasmList};
use wasmtime_wizer::{ComponentContext, ComponentInstanceState, Wizer};

use super::guest::Guest;

/// Fuel and epochs for reading out an instance: the functions are the tool's own and as long as the memory.
const READOUT: u64 = 1 << 40;

/// A component prepared for reading out.
pub(super) struct Instrumented<'a> {
    wizer: Wizer,
    context: ComponentContext<'a>,
    /// The component with the added functions: run `configure` in an instance of this.
    pub(super) bytes: Vec<u8>,
}

/// Prepares a component.
///
/// # Errors
/// Why this one cannot be snapshotted, for people: nested components with modules, mutable tables, and the like.
pub(super) fn instrument(component: &[u8]) -> Result<Instrumented<'_>, String> {
    let mut wizer = Wizer::new();
    wizer.keep_init_func(true);
    let done = catch_unwind(AssertUnwindSafe(|| wizer.instrument_component(component)));
    let (context, bytes) = done.map_err(|_| gave_up())?.map_err(|error| error.root_cause().to_string())?;
    Ok(Instrumented { wizer, context, bytes })
}

/// The component whose instances begin where this instance stands.
///
/// # Errors
/// Why it cannot be written, for people.
pub(super) fn take(of: &Instrumented<'_>, store: &mut Store<Guest>, instance: Instance) -> Result<Vec<u8>, String> {
    store.set_hostcall_fuel(usize::MAX);
    store.set_epoch_deadline(READOUT);
    store.set_fuel(READOUT).map_err(|error| error.to_string())?;
    let mut readout = Readout { store, instance, error: None };
    let done = catch_unwind(AssertUnwindSafe(|| {
        let mut written = pin!(of.wizer.snapshot_component(&of.context, &mut readout));
        match written.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(written) => written.map_err(|error| error.root_cause().to_string()),
            Poll::Pending => Err(gave_up()),
        }
    }));
    let written = done.map_err(|_| gave_up())??;
    match readout.error {
        None => Ok(written),
        Some(error) => Err(error.root_cause().to_string()),
    }
}

fn gave_up() -> String {
    "the snapshot tool does not know this kind of component".to_owned()
}

/// Answers the tool's questions with calls into the instance. The trait has no way to fail, so the first error is kept
/// and spoils the snapshot afterwards.
struct Readout<'a> {
    store: &'a mut Store<Guest>,
    instance: Instance,
    error: Option<wasmtime::Error>,
}

impl Readout<'_> {
    fn call<T: Lift + 'static>(&mut self, interface: &str, function: &str) -> Option<T> {
        let answer = self.try_call(interface, function);
        answer.map_err(|error| self.error.get_or_insert(error)).ok()
    }

    fn try_call<T: Lift + 'static>(&mut self, interface: &str, function: &str) -> wasmtime::Result<T> {
        let missing = || wasmtime::Error::msg(format!("`{interface}.{function}` is missing"));
        let interface_index = self.instance.get_export_index(&mut *self.store, None, interface).ok_or_else(missing)?;
        let index =
            self.instance.get_export_index(&mut *self.store, Some(&interface_index), function).ok_or_else(missing)?;
        let function = self.instance.get_typed_func::<(), (T,)>(&mut *self.store, &index)?;
        Ok(function.call(&mut *self.store, ())?.0)
    }
}

impl ComponentInstanceState for Readout<'_> {
    async fn call_func_ret_list_u8(&mut self, instance: &str, func: &str, contents: impl FnOnce(&[u8]) + Send) {
        match self.call::<WasmList<u8>>(instance, func) {
            Some(list) => contents(list.as_le_slice(&*self.store)),
            None => contents(&[]),
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.call(instance, func).unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.call(instance, func).unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.call::<f32>(instance, func).map(f32::to_bits).unwrap_or_default()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.call::<f64>(instance, func).map(f64::to_bits).unwrap_or_default()
    }
}
