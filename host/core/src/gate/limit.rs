//! A limit that a write or a change met, before it is a verdict.

use super::words::{Code, Outcome, Verdict};
use crate::time::Timestamp;

/// Which check met which limit, with which value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Limit {
    /// The check.
    pub code: Code,
    /// The limit in words, with its number.
    pub text: String,
    /// The value that met it.
    pub value: Option<f64>,
    /// One sentence for people.
    pub message: String,
}

impl Limit {
    pub(super) const fn new(code: Code, text: String, value: Option<f64>, message: String) -> Self {
        Self { code, text, value, message }
    }

    /// The write is not taken.
    pub(super) fn refuse(self, actuator: &str) -> Verdict {
        self.verdict(actuator, Outcome::Refuse)
    }

    /// The write is taken, with another value or at another time.
    pub(super) fn clamp(self, actuator: &str) -> Verdict {
        self.verdict(actuator, Outcome::Clamp)
    }

    fn verdict(self, actuator: &str, outcome: Outcome) -> Verdict {
        let Self { code, text, value, message } = self;
        Verdict { actuator: actuator.to_owned(), outcome, code, limit: Some(text), value, message }
    }
}

/// Why a change, or the rest of it, is not made now.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wait {
    /// What it waits for.
    pub limit: Limit,
    /// When to try again; none while only another actuator can end the wait.
    pub until: Option<Timestamp>,
}
