//! The pure part of the host: what an event is, who sees it, what a policy may answer, and the gate that judges it.
//!
//! Nothing here knows a clock, a thread, a socket or a disk. Time comes in as a value, so a year of operation can be
//! tested in a second and the gate can be tried with millions of random sequences. In the order the data takes:
//!
//! ```text
//! Observation -> Event -> (router) -> Decision -> (gate) -> Verdict + Approved<Command>
//! ```

pub mod time;

pub mod topic;

pub mod event;
pub mod number;
pub mod policy;
pub mod readings;
pub mod router;
pub mod state;

pub mod decision;
pub mod evaluation;

pub mod command;
pub mod gate;
