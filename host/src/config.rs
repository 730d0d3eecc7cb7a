//! Not written yet.

pub mod http;
