//! `[journal]`: how long the journal keeps what happened.

use serde::{Deserialize, Serialize};

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Below this the journal could not hold one full commit.
const LEAST_BYTES: u64 = 16 * 1024 * 1024;

/// How long the journal keeps what happened. Whichever limit is reached first counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Journal {
    /// Age in days at which a record is removed, counted from the newest record. Default: 30.
    pub max_age_days: u64,
    /// Bytes that all records together may have; the file is larger by its indexes. Default: 2 GiB.
    pub max_bytes: u64,
}

impl Default for Journal {
    fn default() -> Self {
        Self { max_age_days: 30, max_bytes: 2 * 1024 * 1024 * 1024 }
    }
}

impl Journal {
    /// The age in milliseconds.
    pub const fn max_age_ms(&self) -> u64 {
        self.max_age_days.saturating_mul(DAY_MS)
    }

    /// Everything that is wrong with it, each in one sentence.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.max_age_days == 0 {
            problems.push("`journal.max_age_days` is 0; keep at least 1 day".to_owned());
        }
        if self.max_bytes < LEAST_BYTES {
            problems.push(format!("`journal.max_bytes` is {}; keep at least {LEAST_BYTES}", self.max_bytes));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_are_told_at_once() {
        assert!(Journal::default().problems().is_empty());
        assert_eq!(Journal { max_age_days: 0, max_bytes: 1 }.problems().len(), 2);
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<Journal>(r#"{"max_age": 3}"#).is_err());
        let given: Journal = serde_json::from_str(r#"{"max_age_days": 3}"#).unwrap();
        assert_eq!((given.max_age_ms(), given.max_bytes), (3 * DAY_MS, Journal::default().max_bytes));
    }
}
