//! All mistakes of a configuration at once, each in one line: the key, what is wrong, what to write instead.
//!
//! serde stops at the first mistake. So the culprit is noted and taken out, and the rest is read again, until what is
//! left can be read; every round takes something away, so there are at most as many rounds as there are values.

use std::fmt;

use serde_json::Value;
use serde_path_to_error::Segment;

use super::Config;
use super::layers::{Layers, Origin, lookup};

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The key, or the file; what a person looks for first.
    pub key: String,
    /// Where it was said.
    pub origin: Option<Origin>,
    /// What is wrong, and what to write instead.
    pub what: String,
}

impl Mistake {
    /// Something about a whole source.
    pub fn whole(origin: &Origin, what: impl Into<String>) -> Self {
        Self { key: String::new(), origin: Some(origin.clone()), what: what.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.origin, self.key.as_str()) {
            (Some(origin), "") => write!(f, "{origin}: {}", self.what),
            (Some(origin), key) => write!(f, "{origin}: `{key}` {}", self.what),
            (None, "") => f.write_str(&self.what),
            (None, key) => write!(f, "`{key}` {}", self.what),
        }
    }
}

/// Every mistake that was found; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Mistakes(pub Vec<Mistake>);

impl From<Mistake> for Mistakes {
    fn from(mistake: Mistake) -> Self {
        Self(vec![mistake])
    }
}

/// Reads the layers as a configuration.
///
/// # Errors
/// Every mistake.
pub fn read(mut layers: Layers) -> Result<Config, Mistakes> {
    let mut found = Vec::new();
    let mut removed = Removed::default();
    let config = loop {
        match serde_path_to_error::deserialize::<_, Config>(layers.tree.clone()) {
            Ok(config) => break config,
            Err(error) => {
                let path = keys(error.path());
                let message = error.inner().to_string();
                if layers.retry_as_text(&path) {
                    continue;
                }
                if !removed.explains(&path, &message) {
                    found.push(mistake(&layers, &removed, &path, &message));
                }
                if !removed.take_out(&mut layers.tree, path) {
                    break Config::default();
                }
            }
        }
    };
    found.extend(config.problems().into_iter().map(|what| Mistake { key: String::new(), origin: None, what }));
    if found.is_empty() { Ok(config) } else { Err(Mistakes(found)) }
}

/// The values taken out so far.
#[derive(Default)]
struct Removed(Vec<Vec<String>>);

impl Removed {
    /// Takes a value out of the tree; false where there is nothing to take.
    fn take_out(&mut self, tree: &mut Value, path: Vec<String>) -> bool {
        let Some((last, above)) = path.split_last() else { return false };
        let parent = above.iter().try_fold(tree, |level, key| match level {
            Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
            level => level.get_mut(key),
        });
        let gone = match parent {
            Some(Value::Object(map)) => map.remove(last).is_some(),
            Some(Value::Array(items)) => match last.parse::<usize>() {
                Ok(index) if index < items.len() => {
                    items.remove(index);
                    true
                }
                _ => false,
            },
            _ => false,
        };
        self.0.push(path);
        gone
    }

    /// Whether a complaint only follows from a value that was taken out: a required key that was there, and wrong.
    fn explains(&self, path: &[String], message: &str) -> bool {
        message
            .strip_prefix("missing field `")
            .and_then(|rest| rest.strip_suffix('`'))
            .is_some_and(|field| self.0.iter().any(|gone| gone.split_last() == Some((&field.to_owned(), path))))
    }

    /// A key as it is written, with list positions as they were before anything was taken out.
    fn written(&self, path: &[String]) -> String {
        let mut key = String::new();
        for (depth, level) in path.iter().enumerate() {
            match level.parse::<usize>() {
                Ok(index) => {
                    key.push_str(&format!("[{}]", self.original(path.get(..depth).unwrap_or_default(), index)))
                }
                Err(_) if key.is_empty() => key.push_str(level),
                Err(_) => key.push_str(&format!(".{level}")),
            }
        }
        key
    }

    fn original(&self, list: &[String], index: usize) -> usize {
        let gone = self.0.iter().rev().filter_map(|gone| gone.split_last().filter(|(_, above)| *above == list));
        gone.filter_map(|(last, _)| last.parse::<usize>().ok())
            .fold(index, |index, gone| if gone <= index { index + 1 } else { index })
    }
}

fn keys(path: &serde_path_to_error::Path) -> Vec<String> {
    let key = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().filter_map(key).collect()
}

fn mistake(layers: &Layers, removed: &Removed, path: &[String], message: &str) -> Mistake {
    let what = unknown_key(message).unwrap_or_else(|| wrong_value(path, message));
    Mistake { key: removed.written(path), origin: layers.origin(path), what }
}

/// `unknown field ...` in words that help: the nearest key, or all of them.
fn unknown_key(message: &str) -> Option<String> {
    let (unknown, known) = message.strip_prefix("unknown field `")?.split_once('`')?;
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let likeness = |key: &&str| strsim::jaro_winkler(unknown, key);
    let nearest = known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    Some(match nearest.filter(|key| likeness(key) >= 0.8) {
        Some(key) => format!("is no key; did you mean `{key}`?"),
        None if known.is_empty() => "is no key; remove it".to_owned(),
        None => format!("is no key; known here: {}", known.join(", ")),
    })
}

/// serde's words for a wrong value, and what would be right.
fn wrong_value(path: &[String], message: &str) -> String {
    let message = message
        .replace("expected u8", "expected a whole number from 0 to 255")
        .replace("expected usize", "expected a whole number")
        .replace("expected u64", "expected a whole number")
        .replace("expected u32", "expected a whole number")
        .replace("expected u16", "expected a whole number up to 65535")
        .replace("expected f64", "expected a number");
    let default = Config::default().tree();
    match lookup(&default, path).filter(|value| !value.is_null() && !value.is_object()) {
        Some(value) => format!("has a wrong value: {message}; write for example `{value}`"),
        None => format!("has a wrong value: {message}"),
    }
}
