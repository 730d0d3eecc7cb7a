//! What happens, as it happens: one mapping of records to events, two transports.
//!
//! ```text
//! feed -> watch (topics, resume, gap) -> events -> socket (WebSocket, the dialect existing clients speak)
//!                                              `-> stream (SSE)
//! ```
//!
//! A client that does not keep up slows nobody: it falls behind on its own, and is told what it missed.

mod dialect;
pub(crate) mod events;
pub(crate) mod origin;
mod session;
pub(crate) mod socket;
pub(crate) mod stream;
pub(crate) mod tickets;
mod topics;
mod watch;
