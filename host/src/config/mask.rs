//! What must not be shown: passwords, tokens and keys in a configuration that is printed.

use serde_json::Value;

/// What stands in a secret's place.
const MASK: &str = "***";

/// The same tree with every secret's value replaced. A secret is a text under a key that names one, or the password in
/// an address.
pub fn masked(tree: Value) -> Value {
    match tree {
        Value::Object(map) => Value::Object(map.into_iter().map(|(key, value)| masked_entry(key, value)).collect()),
        Value::Array(items) => Value::Array(items.into_iter().map(masked).collect()),
        Value::String(text) => Value::String(masked_address(&text)),
        other => other,
    }
}

fn masked_entry(key: String, value: Value) -> (String, Value) {
    let secret = ["password", "secret", "token", "passphrase"].iter().any(|word| key.ends_with(word));
    let value = if secret && value.is_string() { Value::from(MASK) } else { masked(value) };
    (key, value)
}

/// `scheme://user:password@host` with the password replaced.
pub fn masked_address(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@').and_then(|(user, host)| Some((user.split_once(':')?.0, host))) {
        Some((user, host)) => format!("{scheme}://{user}:{MASK}@{host}{path}"),
        None => text.to_owned(),
    }
}
