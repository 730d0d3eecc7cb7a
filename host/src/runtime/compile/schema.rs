//! A configuration held against the component's JSON Schema, with every mistake at its own place.
//!
//! A schema for documents with several forms (`anyOf`, `oneOf`) knows only that none of them fits. Whoever wrote
//! `"operator": "=>"` wants to hear of that word, so the form that the document comes closest to speaks for all.

use std::cmp::Reverse;

use interlock_core::policy::Problem;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, ValidationError};
use serde_json::Value;

/// What breaks the schema; empty if nothing does.
///
/// # Errors
/// What is wrong with the schema itself.
pub(super) fn problems(schema: &Value, config: &Value) -> Result<Vec<Problem>, String> {
    let options = jsonschema::options().with_draft(Draft::Draft202012);
    let validator = options.build(schema).map_err(|error| error.to_string())?;
    Ok(validator.iter_errors(config).flat_map(|error| closest(&error)).collect())
}

fn closest(error: &ValidationError<'_>) -> Vec<Problem> {
    let pointer = error.instance_path().as_str();
    let problem = |message| vec![Problem { pointer: pointer.to_owned(), message }];
    let forms = match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => context,
        _ => return problem(error.to_string()),
    };
    let forms: Vec<Vec<Problem>> = forms.iter().map(|form| form.iter().flat_map(closest).collect()).collect();
    let nearest = forms.iter().max_by_key(|form| (depth(form), Reverse(form.len())));
    match nearest {
        Some(nearest) if depth(nearest) > segments(pointer) => nearest.clone(),
        _ => {
            let first = forms.iter().filter_map(|form| form.first()).map(|problem| problem.message.as_str());
            problem(format!("it fits none of {} forms: {}", forms.len(), first.collect::<Vec<_>>().join("; or ")))
        }
    }
}

/// How deep into the document a form got before it failed.
fn depth(form: &[Problem]) -> usize {
    form.iter().map(|problem| segments(&problem.pointer)).max().unwrap_or_default()
}

fn segments(pointer: &str) -> usize {
    pointer.matches('/').count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(schema: &Value, config: &Value) -> Vec<String> {
        problems(schema, config).unwrap().into_iter().map(|problem| problem.pointer).collect()
    }

    fn tagged() -> Value {
        json!({"type": "array", "items": {"oneOf": [
            {"type": "object", "required": ["type", "limit"], "additionalProperties": false,
             "properties": {"type": {"const": "threshold"}, "limit": {"type": "number"}, "sign": {"enum": ["<", ">"]}}},
            {"type": "object", "required": ["type", "from"], "additionalProperties": false,
             "properties": {"type": {"const": "window"}, "from": {"type": "string"}}}
        ]}})
    }

    #[test]
    fn the_form_that_comes_closest_speaks_for_all() {
        let config = json!([{"type": "threshold", "limit": 1, "sign": "=>"}, {"type": "window", "from": 6}]);
        assert_eq!(pointers(&tagged(), &config), ["/0/sign", "/1/from"]);
    }

    #[test]
    fn a_document_far_from_every_form_hears_of_each() {
        let found = problems(&tagged(), &json!([7])).unwrap();
        let message = &found.first().unwrap().message;
        assert!(message.contains("none of 2 forms"), "{message}");
    }

    #[test]
    fn what_fits_has_no_problems_and_a_broken_schema_says_so() {
        assert_eq!(pointers(&tagged(), &json!([{"type": "threshold", "limit": 1}])), Vec::<String>::new());
        assert!(problems(&json!({"type": "thing"}), &json!(1)).is_err());
    }
}
