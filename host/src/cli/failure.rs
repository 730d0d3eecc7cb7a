//! How a verb can fail, and the exit code that says so.

use std::io;

use serde::Serialize;

/// What a verb ends with.
pub type Outcome = Result<(), Failure>;

/// Why a verb failed. Shown as one line; the hint follows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Which exit code.
    pub kind: FailureKind,
    /// What went wrong: one line, or one line per mistake.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The exit codes that are not 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Exit code 1: a check failed, or the host said no.
    Failed,
    /// Exit code 2: the command, the configuration or the rights are wrong.
    Usage,
    /// Exit code 3: the host is not reachable.
    Unreachable,
    /// Exit code 0: whoever reads the answer has gone, as in `interlock logs | head`.
    NobodyListens,
}

impl Failure {
    /// A check failed, or the host said no.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Failed, message: message.into(), hint: None }
    }

    /// The command, the configuration or the rights are wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Usage, message: message.into(), hint: None }
    }

    /// The host is not reachable.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Unreachable, message: message.into(), hint: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The exit code.
    pub const fn code(&self) -> u8 {
        match self.kind {
            FailureKind::NobodyListens => 0,
            FailureKind::Failed => 1,
            FailureKind::Usage => 2,
            FailureKind::Unreachable => 3,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self { kind: FailureKind::NobodyListens, message: String::new(), hint: None },
            _ => Self::failed(error.to_string()),
        }
    }
}
