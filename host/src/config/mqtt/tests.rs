//! What is refused, and that what is offered as a default is not.

use rstest::rstest;

use super::*;

#[test]
fn the_default_has_no_problem() {
    assert_eq!(Mqtt::default().problems(), Vec::<String>::new());
}

#[rstest]
#[case("keep_alive_s = 60", "keep_alive_s")]
#[case("receive_maximum = 0", "receive_maximum")]
#[case("client_id = \"\"", "client_id")]
#[case("kaiser = \"a/b\"", "mqtt.topics.sensor")]
#[case("url = \"http://broker\"", "mqtt.url")]
#[case("tls = { cert_file = \"c\" }", "belong together")]
#[case("topics = { sensor = \"a/{device}\" }", "needs `{channel}`")]
#[case("topics = { alert = \"a/{kpi}/{x}\" }", "means nothing here")]
#[case("broker = { bind = \"0.0.0.0:1883\" }", "other machines reach")]
#[case("broker = { username = \"u\" }", "belong together")]
#[case("[[sources]]\ntopic = \"a/{device}\"", "takes nothing")]
#[case("[[sources]]\ntopic = \"#\"\ncustom = \"x\"", "own commands")]
#[case("[[sinks]]\ntopic = \"a/+\"", "`+` or `#`")]
#[case("[[sinks]]\ntopic = \"a/{x}\"", "value for `{x}`")]
#[case("[[sinks]]\ntopic = \"a\"\npayload = \"{colour}\"", "no `colour`")]
fn says_what_is_wrong(#[case] text: &str, #[case] expected: &str) {
    let config: Mqtt = toml::from_str(text).unwrap();
    let problems = config.problems();
    assert!(problems.iter().any(|problem| problem.contains(expected)), "{problems:?}");
}

#[test]
fn a_broker_for_others_is_fine_with_credentials() {
    let config: Mqtt =
        toml::from_str("broker = { bind = \"0.0.0.0:1883\", username = \"u\", password = \"p\" }").unwrap();
    assert_eq!(config.problems(), Vec::<String>::new());
}

#[test]
fn braces_of_json_are_text() {
    use super::sink::{Piece, pieces};
    let found: Vec<_> = pieces(r#"{"a": {"s": "{state}"}, "v": {value}}"#)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Name(name) => Some(name),
            Piece::Text(_) => None,
        })
        .collect();
    assert_eq!(found, ["state", "value"]);
}
