//! What belongs to one instance while it lives: what it may ask for, and what it has asked for and said so far.

use std::sync::Arc;

use interlock_core::evaluation::{LogLevel, LogLine, Lookup};
use interlock_core::readings::Readings;
use interlock_core::time::{Seq, Timestamp};

use super::grants::Grants;
use super::limits::MemoryLimit;
use super::state::Overlay;

/// Bytes of one log line that are kept.
const MAX_LINE_BYTES: usize = 4 * 1024;
/// Log lines of one evaluation that are kept.
const MAX_LINES: usize = 64;

/// The data of a store.
#[derive(Debug)]
pub(super) struct Guest {
    /// Which call is running.
    pub(super) phase: Phase,
    /// What it takes.
    pub(super) memory: MemoryLimit,
    /// What it said.
    pub(super) log: Log,
}

/// Which call is running, and what it may use. `log` is always allowed.
#[derive(Debug)]
pub(super) enum Phase {
    /// Start, `describe` or `configure`: nothing.
    Setup,
    /// `decide`: everything.
    Decide {
        /// The readings, as of the event.
        readings: AsOf,
        /// What it remembers.
        state: Overlay,
        /// The answers it was given.
        lookups: Vec<Lookup>,
    },
    /// `migrate`: the state alone.
    Migrate {
        /// What it remembers.
        state: Overlay,
    },
}

/// The readings as one event sees them.
#[derive(Debug)]
pub(super) struct AsOf {
    /// The rings.
    pub(super) rings: Arc<Readings>,
    /// The event's place.
    pub(super) seq: Seq,
    /// The event's time.
    pub(super) at: Timestamp,
    /// What may be looked up.
    pub(super) grants: Arc<Grants>,
}

impl Guest {
    /// An instance that has not started yet.
    pub(super) fn new(memory_bytes: u64) -> Self {
        Self { phase: Phase::Setup, memory: MemoryLimit::new(memory_bytes), log: Log::default() }
    }
}

/// What an instance said, within bounds.
#[derive(Debug, Default)]
pub(super) struct Log {
    lines: Vec<LogLine>,
    dropped: u64,
}

impl Log {
    /// Takes a line; what is beyond the bounds is counted.
    pub(super) fn push(&mut self, level: LogLevel, message: &str) {
        if self.lines.len() >= MAX_LINES {
            self.dropped += 1;
            return;
        }
        let kept = head(message, MAX_LINE_BYTES);
        let mut text: String =
            kept.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !c.is_control()).collect();
        if kept.len() < message.len() {
            text.push_str(&format!(" … ({} bytes more)", message.len() - kept.len()));
        }
        self.lines.push(LogLine { level, message: text });
    }

    /// The last line of the level `error`: where a panic says why.
    pub(super) fn last_error(&self) -> Option<&str> {
        let last = self.lines.iter().rev().find(|line| line.level == LogLevel::Error);
        last.map(|line| line.message.as_str())
    }

    /// The lines; the last one says how many were dropped.
    pub(super) fn into_lines(mut self) -> Vec<LogLine> {
        if self.dropped > 0 {
            let message = format!("{} more lines were dropped; {MAX_LINES} are kept", self.dropped);
            self.lines.push(LogLine { level: LogLevel::Warn, message });
        }
        self.lines
    }
}

/// The first bytes of a text, cut between characters.
pub(super) fn head(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_between_characters_and_says_so() {
        let mut log = Log::default();
        log.push(LogLevel::Info, &"ö".repeat(MAX_LINE_BYTES));
        let lines = log.into_lines();
        let message = &lines.first().unwrap().message;
        assert!(message.ends_with("(4096 bytes more)"), "{message}");
    }

    #[test]
    fn control_characters_never_reach_a_terminal() {
        let mut log = Log::default();
        log.push(LogLevel::Info, "a\u{1b}[31mb\nc\u{9b}");
        assert_eq!(log.into_lines().first().unwrap().message, "a[31mb c");
    }

    #[test]
    fn lines_beyond_the_bound_are_counted() {
        let mut log = Log::default();
        (0..100).for_each(|n| log.push(LogLevel::Debug, &n.to_string()));
        let lines = log.into_lines();
        assert_eq!(lines.len(), MAX_LINES + 1);
        assert!(lines.last().unwrap().message.starts_with("36 more lines"));
    }
}
