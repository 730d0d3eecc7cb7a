//! Interlock: a WebAssembly policy host with a native safety gate.
//!
//! Everything the host does is one line, and the modules below stand in the order the data takes:
//!
//! ```text
//!  device --MQTT--> mqtt::intake -> Observation -> line -> Event -> policy (router, actors) -> runtime -> Evaluation
//!                                                   |                                                       |
//!                                                   |   +---------------------------------------------------+
//!                                                   v   v
//!                                              line: gate -> Verdict -> journal -> Recorded<Approved<Command>>
//!                                                                          |                 |
//!                     http (REST, WebSocket, SSE) <- feed <----------------+           mqtt::outlet --MQTT--> device
//! ```
//!
//! The types make it the only line there is: only [`interlock_core::gate`] approves a `Command`, only
//! [`journal`] can make a [`journal::Recorded`], and the outlet takes nothing but a `Recorded<Approved<Command>>`. The one
//! way back to an approval is the journal's own outbox, whose rows are approved commands that were made durable.
//!
//! A stop takes none of these steps: [`latch`] goes around every queue on a connection of its own.

pub mod config;

pub mod clock;
pub mod mqtt;

pub mod line;
pub mod policy;
pub mod runtime;

pub mod latch;

pub mod journal;
pub mod store;

pub mod feed;
pub mod inventory;
pub mod tokens;

pub mod http;
pub mod telemetry;

pub mod app;
pub mod build;
pub mod cli;
pub mod sim;
