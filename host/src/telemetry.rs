//! What the host says about itself: log lines for its operator, numbers for its operator's tools.
//!
//! Logs go to standard error, so that standard output stays the command line's own. Neither logs nor metrics carry
//! tokens or personal fields; metrics never carry a device's id, so their number is bounded whatever devices send.

pub mod metrics;

pub use metrics::Metrics;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people: one line each.
    #[default]
    Text,
    /// For tools: one JSON object each.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter cannot be read.
    #[error("log filter `{filter}` cannot be read: {reason}; an example is `info,interlock::mqtt=debug`")]
    Filter {
        /// What was given.
        filter: String,
        /// Why.
        reason: String,
    },
    /// Logging was set up before in this process.
    #[error("logging was set up before: {0}")]
    Twice(String),
}

/// Sends log lines that pass `filter` (as in `info,interlock::mqtt=debug`) to standard error.
///
/// # Errors
/// When the filter cannot be read, or logging was set up before.
pub fn start_logging(filter: &str, format: LogFormat, colour: bool) -> Result<(), LogError> {
    let wanted: Targets = filter.parse().map_err(|error: tracing_subscriber::filter::ParseError| LogError::Filter {
        filter: filter.to_owned(),
        reason: error.to_string(),
    })?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colour);
    let registry = tracing_subscriber::registry().with(wanted);
    match format {
        LogFormat::Text => registry.with(lines.with_target(false)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    }
    .map_err(|error| LogError::Twice(error.to_string()))
}
