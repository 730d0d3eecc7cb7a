//! What the host can be told: one struct per concern.

pub mod journal;
