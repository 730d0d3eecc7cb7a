//! From the text of a configuration to its type, with mistakes that point at their culprit.
//!
//! serde forgets where it was inside a `#[serde(tag = ..)]` enum and inside anything read through
//! [`serde_json::Value`]. [`within`] and [`Tagged`] read such parts so that the pointer stays exact to the last field.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde::de::{self, DeserializeOwned, Deserializer};
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

use crate::{Policy, Problem};

/// Parses `text` and configures the policy with it, as the host does.
///
/// # Errors
/// What is wrong with the configuration, each with a JSON pointer.
pub fn configure<P: Policy>(text: &str) -> Result<P, Vec<Problem>> {
    P::configure(parse(text).map_err(|problem| vec![problem])?)
}

/// Parses `text`.
///
/// # Errors
/// The first mistake, with the JSON pointer of its culprit.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let mut source = serde_json::Deserializer::from_str(text);
    let parsed = serde_path_to_error::deserialize(&mut source).map_err(|error| {
        let pointer = pointer(error.path());
        problem(pointer, &error.into_inner().to_string())
    })?;
    source.end().map_err(|error| Problem::new("", error.to_string()))?;
    Ok(parsed)
}

/// The JSON Schema (2020-12) of `T`.
pub fn schema<T: JsonSchema>() -> String {
    SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>().to_value().to_string()
}

/// Reads `value` as `T`, in the middle of reading something larger, and keeps the place of a mistake.
///
/// # Errors
/// The mistake, in a form that [`parse`] turns into a pointer.
pub fn within<T: DeserializeOwned, E: de::Error>(value: Value) -> Result<T, E> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let inner = pointer(error.path());
        let Problem { pointer, message } = problem(inner, &error.into_inner().to_string());
        E::custom(format_args!("{MARK}{pointer}{MARK}{message}"))
    })
}

/// An object whose one field (`"type"`, say) tells how to read the others.
#[derive(Debug)]
pub struct Tagged {
    name: &'static str,
    tag: String,
    rest: Map<String, Value>,
}

impl Tagged {
    /// Reads the object and takes its tag out.
    ///
    /// # Errors
    /// It is no object, or has no text under `name`.
    pub fn read<'de, D: Deserializer<'de>>(from: D, name: &'static str) -> Result<Self, D::Error> {
        let mut rest = Map::deserialize(from)?;
        match rest.remove(name) {
            Some(Value::String(tag)) => Ok(Self { name, tag, rest }),
            Some(other) => Err(at(name, &format!("expected text, found `{other}`"))),
            None => Err(de::Error::missing_field(name)),
        }
    }

    /// The tag.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Reads the other fields.
    ///
    /// # Errors
    /// The mistake, in a form that [`parse`] turns into a pointer.
    pub fn body<T: DeserializeOwned, E: de::Error>(self) -> Result<T, E> {
        within(Value::Object(self.rest))
    }

    /// The mistake of an unknown tag.
    pub fn unknown<E: de::Error>(&self, known: &[&str]) -> E {
        let known = known.iter().map(|tag| format!("`{tag}`")).collect::<Vec<_>>().join(", ");
        at(self.name, &format!("unknown {} `{}`, expected one of {known}", self.name, self.tag))
    }
}

/// Surrounds the pointer in the text of a nested error. A control character never occurs in the messages of serde.
const MARK: char = '\u{1}';

/// A mistake in the field `name` of what is being read.
fn at<E: de::Error>(name: &str, message: &str) -> E {
    E::custom(format_args!("{MARK}/{name}{MARK}{message}"))
}

/// The mistake at `pointer`, or deeper if its text says so.
fn problem(pointer: String, text: &str) -> Problem {
    match text.strip_prefix(MARK).and_then(|rest| rest.split_once(MARK)) {
        // serde_json appends where in the text the outer value ended; the pointer says it better.
        Some((inner, message)) => {
            let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
            Problem::new(pointer + inner, message)
        }
        None => Problem::new(pointer, text),
    }
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let token = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&token);
    }
    pointer
}

#[cfg(test)]
mod tests;
