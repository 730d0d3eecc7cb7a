//! The runtime with real components and the real compiler child.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests may stop")]

mod support;

#[path = "runtime/answers.rs"]
mod answers;
#[path = "runtime/faults.rs"]
mod faults;
#[path = "runtime/keeping.rs"]
mod keeping;
#[path = "runtime/shipped.rs"]
mod shipped;
#[path = "runtime/uploads.rs"]
mod uploads;
