//! The runtime with real components and the real compiler child.

mod support;

#[path = "runtime/answers.rs"]
mod answers;
#[path = "runtime/faults.rs"]
mod faults;
#[path = "runtime/keeping.rs"]
mod keeping;
#[path = "runtime/uploads.rs"]
mod uploads;
