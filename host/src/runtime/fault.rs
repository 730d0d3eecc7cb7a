//! From an engine's error to a fault that names the limit with its number.

use interlock_core::evaluation::{Fault, FaultKind};
use wasmtime::{Trap, WasmBacktrace};

use super::engine::{HOSTCALL_BYTES, STACK_BYTES};
use super::guest::{Guest, head};

/// Guest functions that a fault names.
const MAX_FRAMES: usize = 8;
/// Longest detail in bytes.
const MAX_DETAIL_BYTES: usize = 2 * 1024;

/// What was allowed while it ran.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// Units of fuel.
    pub(super) fuel: u64,
    /// Wall-clock milliseconds.
    pub(super) deadline_ms: u64,
}

/// Why a call gave no answer.
pub(super) fn of(error: &wasmtime::Error, guest: &Guest, budget: Budget) -> Fault {
    let (kind, detail) = name(error, guest, budget);
    Fault::new(kind, head(&detail, MAX_DETAIL_BYTES))
}

/// Why an instance could not be made.
pub(super) fn of_start(error: &wasmtime::Error, guest: &Guest, budget: Budget) -> Fault {
    let fault = of(error, guest, budget);
    match fault.kind {
        FaultKind::BadAnswer => Fault::new(FaultKind::Start, fault.detail),
        _ => fault,
    }
}

fn name(error: &wasmtime::Error, guest: &Guest, budget: Budget) -> (FaultKind, String) {
    if let Some(fault) = error.downcast_ref::<Fault>() {
        return (fault.kind, fault.detail.clone());
    }
    let trap = error.downcast_ref::<Trap>();
    match trap {
        Some(Trap::OutOfFuel) => {
            return (FaultKind::OutOfFuel, format!("all {} units of fuel are used up", budget.fuel));
        }
        Some(Trap::Interrupt) => {
            return (FaultKind::Deadline, format!("still running after {} ms", budget.deadline_ms));
        }
        Some(Trap::StackOverflow) => {
            let detail = format!("calls are nested deeper than the stack of {STACK_BYTES} bytes");
            return (FaultKind::Stack, with_frames(detail, error));
        }
        _ => {}
    }
    if let Some(wanted) = guest.memory.refused() {
        let limit = guest.memory.limit();
        let detail = format!("memories and tables would take {wanted} bytes; the limit is {limit}");
        return (FaultKind::Memory, with_frames(detail, error));
    }
    if let Some(trap) = trap {
        return (FaultKind::Trap, with_frames(with_last_words(trap.to_string(), guest), error));
    }
    let detail = root_cause(error);
    // The engine's type for this is private; the sentence is checked by a test.
    let too_much = detail.contains("fuel allocated for hostcalls");
    match (too_much, error.downcast_ref::<WasmBacktrace>().is_some()) {
        (true, true) => {
            let detail = format!("a host call was made with more than {HOSTCALL_BYTES} bytes");
            (FaultKind::HostCall, with_frames(detail, error))
        }
        (true, false) => (FaultKind::BadAnswer, format!("the answer is larger than {HOSTCALL_BYTES} bytes")),
        (false, true) => (FaultKind::HostCall, with_frames(detail, error)),
        (false, false) => (FaultKind::BadAnswer, detail),
    }
}

fn root_cause(error: &wasmtime::Error) -> String {
    error.root_cause().to_string()
}

fn with_last_words(detail: String, guest: &Guest) -> String {
    match guest.log.last_error() {
        Some(line) => format!("{detail}: {line}"),
        None => detail,
    }
}

/// Adds the guest's own function names, innermost first, as far as the component carries them.
fn with_frames(detail: String, error: &wasmtime::Error) -> String {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return detail };
    let text = backtrace.to_string();
    let frames: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim_start().split_once(": "))
        .filter(|(index, _)| index.parse::<u32>().is_ok())
        .filter_map(|(_, frame)| frame.split_once('!').map(|(_, function)| function))
        .take(MAX_FRAMES)
        .collect();
    if frames.is_empty() { detail } else { format!("{detail}, in {}", frames.join(" < ")) }
}
