//! `[host]`: the process itself.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people: one line each.
    #[default]
    Text,
    /// For tools: one JSON object each.
    Json,
}

/// The process itself: data folder, drain, logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Host {
    /// The folder that holds everything the host keeps. One host at a time. Default `interlock-data`.
    pub data: PathBuf,
    /// Seconds from the wish to stop until the host leaves whatever is unfinished. Default 10.
    pub drain_s: u64,
    /// Which log lines are written: a level, or `target=level` pairs separated by commas. Default `info`.
    pub log: String,
    /// How log lines are written. Default `text`.
    pub log_format: LogFormat,
}

impl Default for Host {
    fn default() -> Self {
        Self { data: "interlock-data".into(), drain_s: 10, log: "info".to_owned(), log_format: LogFormat::Text }
    }
}

impl Host {
    /// What is out of its bounds.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.data.as_os_str().is_empty() {
            problems.push("`host.data` is empty; name a folder, for example `interlock-data`".to_owned());
        }
        if !(1..=300).contains(&self.drain_s) {
            problems.push(format!("`host.drain_s` is {}; choose 1 to 300 seconds", self.drain_s));
        }
        if let Err(problem) = self.log.parse::<tracing_subscriber::filter::Targets>() {
            let log = &self.log;
            problems.push(format!("`host.log` is `{log}`, which is no filter ({problem}); write for example `info`"));
        }
        problems
    }
}
