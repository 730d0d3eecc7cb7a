//! The thread that counts epochs, by which deadlines are kept.
//!
//! A thread of its own: deadlines must hold when every worker is busy. It counts only while something runs; an idle
//! host is not woken a thousand times a second. Ticks that were missed (a suspended machine, an overloaded one) are
//! skipped rather than made up for, so that nobody pays for time in which nothing could run.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use wasmtime::{Engine, EngineWeak};

/// Length of an epoch: the grain of deadlines, which are given in milliseconds.
const TICK: Duration = Duration::from_millis(1);
/// Ticks without anything running before it rests.
const RESTLESS: u32 = 8;
/// How long it rests at most before it looks whether the engine is still there.
const REST: Duration = Duration::from_secs(1);

/// A handle to the thread, which ends when the engine does.
#[derive(Debug)]
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Debug, Default)]
struct Shared {
    running: AtomicU32,
    resting: AtomicBool,
}

/// While this lives, epochs are counted.
#[derive(Debug)]
pub(super) struct Ticking<'a>(&'a Shared);

impl Ticker {
    /// Starts the thread for this engine.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn start(engine: &Engine) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (engine, counted) = (engine.weak(), Arc::clone(&shared));
        let thread = thread::Builder::new().name("epoch".to_owned()).spawn(move || count(&engine, &counted))?;
        Ok(Self { shared, thread: thread.thread().clone() })
    }

    /// Counts from here on.
    ///
    /// INVARIANT (nobody runs unobserved): this side announces itself and then looks whether the thread rests; the
    /// thread announces its rest and then looks whether anybody runs. In the one order of all four steps at least one
    /// of them sees the other.
    pub(super) fn hold(&self) -> Ticking<'_> {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.resting.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Ticking(&self.shared)
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

fn count(engine: &EngineWeak, shared: &Shared) {
    let mut idle = 0;
    let mut next = Instant::now() + TICK;
    while let Some(engine) = engine.upgrade() {
        engine.increment_epoch();
        drop(engine);
        idle = if shared.running.load(Ordering::SeqCst) == 0 { idle + 1 } else { 0 };
        if idle > RESTLESS {
            rest(shared);
            next = Instant::now();
        }
        let now = Instant::now();
        thread::sleep(next.saturating_duration_since(now));
        next = next.max(now) + TICK;
    }
}

fn rest(shared: &Shared) {
    shared.resting.store(true, Ordering::SeqCst);
    if shared.running.load(Ordering::SeqCst) == 0 {
        thread::park_timeout(REST);
    }
    shared.resting.store(false, Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    use wasmtime::{Config, Instance, Module, Store, Trap};

    use super::*;

    fn endless(engine: &Engine) -> Trap {
        let module =
            Module::new(engine, wat::parse_str("(module (func (export \"f\") (loop (br 0))))").unwrap()).unwrap();
        let mut store = Store::new(engine, ());
        store.set_epoch_deadline(5);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let function = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
        *function.call(&mut store, ()).unwrap_err().downcast_ref::<Trap>().unwrap()
    }

    #[test]
    fn what_runs_after_a_rest_is_observed_again() {
        let engine = Engine::new(Config::new().epoch_interruption(true)).unwrap();
        let ticker = Ticker::start(&engine).unwrap();
        for _ in 0..3 {
            let began = Instant::now();
            while !ticker.shared.resting.load(Ordering::SeqCst) {
                assert!(began.elapsed() < Duration::from_secs(10), "it never rests");
                thread::yield_now();
            }
            let _ticking = ticker.hold();
            assert_eq!(endless(&engine), Trap::Interrupt);
        }
    }
}
