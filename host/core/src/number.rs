//! Numbers in JSON, including those that JSON has no word for.
//!
//! A policy may ask for `NaN` or an infinity. The gate refuses it, and the record of that refusal must be readable, so
//! such a number is written as a word.

use serde::{Deserialize, Deserializer, Serializer};

/// Writes a number, or `"NaN"`, `"Infinity"`, `"-Infinity"`.
///
/// # Errors
/// Only those of the serializer.
pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_nan() {
        serializer.serialize_str("NaN")
    } else if value.is_infinite() {
        serializer.serialize_str(if *value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        serializer.serialize_f64(*value)
    }
}

/// Reads what [`serialize`] wrote.
///
/// # Errors
/// When it is neither a number nor one of the three words.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        Number(f64),
        Word(Word),
    }
    #[derive(Deserialize)]
    enum Word {
        NaN,
        Infinity,
        #[serde(rename = "-Infinity")]
        NegativeInfinity,
    }
    Ok(match Form::deserialize(deserializer)? {
        Form::Number(value) => value,
        Form::Word(Word::NaN) => f64::NAN,
        Form::Word(Word::Infinity) => f64::INFINITY,
        Form::Word(Word::NegativeInfinity) => f64::NEG_INFINITY,
    })
}
