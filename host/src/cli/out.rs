//! The terminal: the answer on standard output, everything else on standard error.
//!
//! Styles are written always and taken out again by `anstream` where the other end is no terminal or `NO_COLOR` is set.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, Color, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::failure::{Failure, FailureKind, Outcome};

/// Something went as it should.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// Worth a look.
pub const WARN: Style = AnsiColor::Yellow.on_default();
/// Something is wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Less important than the rest of the line.
pub const DIM: Style = Style::new().dimmed();
/// More important than the rest of the line.
pub const STRONG: Style = Style::new().bold();

/// `text` in a style.
pub fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Where a verb's answer goes.
#[derive(Debug, Clone, Copy)]
pub struct Out {
    json: bool,
}

impl Out {
    /// Answers for people, or in JSON.
    pub const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether answers are JSON.
    pub const fn is_json(self) -> bool {
        self.json
    }

    /// Whether a person reads the answer as it comes.
    pub fn is_terminal(self) -> bool {
        !self.json && io::stdout().is_terminal()
    }

    /// One line of the answer.
    ///
    /// # Errors
    /// When nobody reads it any more.
    pub fn line(self, line: impl Display) -> Outcome {
        writeln!(anstream::stdout(), "{line}").map_err(Failure::from)
    }

    /// The whole answer: as JSON, or as `people` puts it.
    ///
    /// # Errors
    /// When nobody reads it any more.
    pub fn answer<T: Serialize>(self, value: &T, people: impl FnOnce(&T) -> String) -> Outcome {
        if self.json {
            return self.json_pretty(value);
        }
        self.line(people(value).trim_end())
    }

    /// A value as indented JSON.
    ///
    /// # Errors
    /// When nobody reads it any more.
    pub fn json_pretty(self, value: &impl Serialize) -> Outcome {
        let text = serde_json::to_string_pretty(value).map_err(|error| Failure::failed(error.to_string()))?;
        self.line(text)
    }

    /// A remark beside the answer, for people.
    pub fn remark(self, text: impl Display) {
        // Nothing is left to tell where standard error itself is gone.
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// Why the verb failed: one line, and the way out.
    pub fn failure(self, failure: &Failure) {
        if failure.kind == FailureKind::NobodyListens {
            return;
        }
        if self.json {
            return self.remark(serde_json::json!({ "error": failure }));
        }
        self.remark(format!("{}: {}", paint(BAD, "error"), failure.message));
        if let Some(hint) = &failure.hint {
            self.remark(format!(" {}: {hint}", paint(GOOD, "hint")));
        }
    }

    /// A spinner for something that takes a while; silent where standard error is no terminal.
    pub fn progress(self, message: impl Into<String>) -> ProgressBar {
        if self.json {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}");
        let bar = ProgressBar::new_spinner().with_message(message.into());
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }
}

/// A plain table with these column titles.
pub fn table<const N: usize>(titles: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(titles);
    table
}

/// A table's cell in a colour; the table knows its width, which it would not of painted text.
pub fn cell(color: Color, text: impl Display) -> Cell {
    Cell::new(text).fg(color)
}

/// A moment as people read it, in the machine's zone: `2026-07-03 14:05:09`.
pub fn moment(at: interlock_core::time::Timestamp) -> String {
    i64::try_from(at.0).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).map_or_else(
        || at.0.to_string(),
        |at| at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}
