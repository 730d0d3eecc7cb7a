//! What differs between two versions.

use std::collections::BTreeMap;

use axum::Json as Body;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::http::body::{Path, Query};
use crate::http::error::Problem;
use crate::policy::lifecycle::Policies;
use crate::store::VersionRow;

/// Which two.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiffQuery {
    /// The older version's number.
    from: u64,
    /// The newer version's number.
    to: u64,
}

/// What differs between two versions. What is the same is absent.
#[derive(Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Diff {
    /// The artifact's SHA-256, before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact: Option<Change>,
    /// The configuration, by JSON pointer.
    config: BTreeMap<String, Change>,
    /// What one evaluation may use, by JSON pointer.
    limits: BTreeMap<String, Change>,
    /// What it is granted, by JSON pointer.
    plan: BTreeMap<String, Change>,
}

/// One difference. An absent side means that there was, or is, nothing.
#[derive(Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Change {
    /// Before.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Value>,
    /// After.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Value>,
}

/// What differs between two versions
#[utoipa::path(
    get, path = "/api/v1/policies/{name}/diff", tag = "author",
    params(("name" = String, Path, description = "The policy"), DiffQuery),
    responses((status = 200, description = "The differences", body = Diff)),
    security(("bearer" = ["policy:read"]))
)]
pub(crate) async fn diff_versions(
    State(policies): State<Policies>,
    Path(name): Path<String>,
    Query(query): Query<DiffQuery>,
) -> Result<Body<Diff>, Problem> {
    let (from, to) = (policies.version(&name, query.from)?, policies.version(&name, query.to)?);
    Ok(Body(Diff::between(&from, &to)))
}

impl Diff {
    fn between(from: &VersionRow, to: &VersionRow) -> Self {
        let artifact =
            (from.digest != to.digest).then(|| change(&from.digest.clone().into(), &to.digest.clone().into()));
        Self {
            artifact,
            config: differences(&from.config, &to.config),
            limits: differences(&json(&from.limits), &json(&to.limits)),
            plan: differences(&json(&from.plan), &json(&to.plan)),
        }
    }
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn change(from: &Value, to: &Value) -> Change {
    Change { from: Some(from.clone()), to: Some(to.clone()) }
}

fn differences(from: &Value, to: &Value) -> BTreeMap<String, Change> {
    let mut found = BTreeMap::new();
    compare(String::new(), from, to, &mut found);
    found
}

fn compare(at: String, from: &Value, to: &Value, found: &mut BTreeMap<String, Change>) {
    match (from, to) {
        (Value::Object(from), Value::Object(to)) => compare_members(&at, from, to, found),
        (Value::Array(from), Value::Array(to)) => {
            let (from, to) = (numbered(from), numbered(to));
            compare_members(&at, &from, &to, found);
        }
        _ if from == to => {}
        _ => {
            found.insert(at, change(from, to));
        }
    }
}

fn compare_members(at: &str, from: &Map<String, Value>, to: &Map<String, Value>, found: &mut BTreeMap<String, Change>) {
    for (key, before) in from {
        match to.get(key) {
            Some(after) => compare(pointer(at, key), before, after, found),
            None => {
                found.insert(pointer(at, key), Change { from: Some(before.clone()), to: None });
            }
        }
    }
    for (key, after) in to.iter().filter(|(key, _)| !from.contains_key(*key)) {
        found.insert(pointer(at, key), Change { from: None, to: Some(after.clone()) });
    }
}

fn numbered(items: &[Value]) -> Map<String, Value> {
    items.iter().enumerate().map(|(n, item)| (n.to_string(), item.clone())).collect()
}

/// RFC 6901: `~` and `/` in a key are written `~0` and `~1`.
fn pointer(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn differences_are_found_at_their_pointers() {
        let from = json!({"rules": [{"name": "a", "value": 25.0}, {"name": "b"}], "zone": "UTC", "a/b": 1});
        let to = json!({"rules": [{"name": "a", "value": 28.0}], "zone": "UTC", "a/b": 2, "new": null});
        let found = differences(&from, &to);
        let expected = BTreeMap::from([
            ("/rules/0/value".to_owned(), change(&json!(25.0), &json!(28.0))),
            ("/rules/1".to_owned(), Change { from: Some(json!({"name": "b"})), to: None }),
            ("/a~1b".to_owned(), change(&json!(1), &json!(2))),
            ("/new".to_owned(), Change { from: None, to: Some(Value::Null) }),
        ]);
        assert_eq!(found, expected);
    }

    #[test]
    fn a_value_of_another_shape_differs_as_a_whole() {
        let found = differences(&json!({"a": [1]}), &json!({"a": {"b": 1}}));
        assert_eq!(found.keys().collect::<Vec<_>>(), ["/a"]);
        assert!(differences(&json!([1, {"a": 2}]), &json!([1, {"a": 2}])).is_empty());
    }
}
