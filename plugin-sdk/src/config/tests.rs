use super::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Garden {
    beds: Vec<Bed>,
}

#[derive(Debug)]
enum Bed {
    Roses(Roses),
    Group(Garden),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Roses {
    water: f64,
}

impl<'de> Deserialize<'de> for Bed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let bed = Tagged::read(from, "type")?;
        match bed.tag() {
            "roses" => bed.body().map(Self::Roses),
            "group" => bed.body().map(Self::Group),
            _ => Err(bed.unknown(&["roses", "group"])),
        }
    }
}

fn mistake(text: &str) -> (String, String) {
    let Problem { pointer, message } = parse::<Garden>(text).unwrap_err();
    (pointer, message)
}

#[test]
fn a_right_document_is_read() {
    let garden: Garden = parse(r#"{"beds":[{"type":"group","beds":[{"type":"roses","water":0.5}]}]}"#).unwrap();

    let Bed::Group(group) = &garden.beds[0] else { panic!("no group") };
    let Bed::Roses(roses) = &group.beds[0] else { panic!("no roses") };
    assert_eq!(roses.water, 0.5);
}

#[test]
fn a_mistake_points_at_the_field_however_deep() {
    let (pointer, message) = mistake(r#"{"beds":[{"type":"roses","water":1},{"type":"roses","water":"much"}]}"#);
    assert_eq!(pointer, "/beds/1/water");
    assert_eq!(message, r#"invalid type: string "much", expected f64"#);

    let (pointer, _) = mistake(r#"{"beds":[{"type":"group","beds":[{"type":"roses","water":null}]}]}"#);
    assert_eq!(pointer, "/beds/0/beds/0/water");
}

#[test]
fn an_unknown_tag_names_the_known_ones() {
    let (pointer, message) = mistake(r#"{"beds":[{"type":"group","beds":[{"type":"tulips"}]}]}"#);
    assert_eq!(pointer, "/beds/0/beds/0/type");
    assert_eq!(message, "unknown type `tulips`, expected one of `roses`, `group`");
}

#[test]
fn an_unknown_field_is_pointed_at() {
    let (pointer, message) = mistake(r#"{"beds":[{"type":"roses","water":1,"watr":2}]}"#);
    assert_eq!(pointer, "/beds/0/watr");
    assert_eq!(message, "unknown field `watr`, expected `water`");
}

#[test]
fn a_missing_tag_and_a_wrong_tag_are_told_apart() {
    assert_eq!(mistake(r#"{"beds":[{}]}"#).1.split(" at ").next(), Some("missing field `type`"));
    assert_eq!(mistake(r#"{"beds":[{"type":7}]}"#), ("/beds/0/type".into(), "expected text, found `7`".into()));
}

#[test]
fn text_that_is_no_json_is_refused_at_the_top() {
    assert_eq!(mistake("").0, "");
    assert_eq!(mistake(r#"{"beds":[]} and more"#).0, "");
}

#[test]
fn a_slash_in_a_key_is_escaped() {
    let problem = parse::<std::collections::BTreeMap<String, u8>>(r#"{"a/b~c": "x"}"#).unwrap_err();
    assert_eq!(problem.pointer, "/a~1b~0c");
}

#[test]
fn the_schema_is_of_the_draft_the_contract_names() {
    let schema: Value = serde_json::from_str(&schema::<Vec<u8>>()).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}
