//! Topics and the patterns that pick them: `sensor_data/ESP_01`, `sensor_data/+`, `#`.

use std::str::FromStr;

/// Bytes of a pattern at most.
const MAX_BYTES: usize = 256;

/// A pattern as MQTT knows them: `+` stands for one level, `#` at the end for any number of levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(String);

impl Pattern {
    /// Whether the pattern picks this topic.
    pub(crate) fn matches(&self, topic: &str) -> bool {
        let mut levels = topic.split('/');
        for wanted in self.0.split('/') {
            match (wanted, levels.next()) {
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (wanted, Some(level)) if wanted == level => {}
                _ => return false,
            }
        }
        levels.next().is_none()
    }

    /// The pattern as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.len() > MAX_BYTES {
            return Err(format!("a topic has 1 to {MAX_BYTES} bytes"));
        }
        let levels: Vec<&str> = text.split('/').collect();
        let last = levels.len().saturating_sub(1);
        for (place, level) in levels.iter().enumerate() {
            let misplaced = level.contains('#') && (*level != "#" || place != last);
            let mixed = level.contains('+') && *level != "+";
            if misplaced || mixed {
                return Err(format!("topic `{text}`: `+` stands alone between slashes, and `#` alone at the end"));
            }
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("sensor_data/ESP_01", "sensor_data/ESP_01", true)]
    #[case("sensor_data/ESP_01", "sensor_data/ESP_02", false)]
    #[case("sensor_data/ESP_01", "sensor_data", false)]
    #[case("sensor_data", "sensor_data/ESP_01", false)]
    #[case("sensor_data/+", "sensor_data/ESP_01", true)]
    #[case("sensor_data/+", "sensor_data", false)]
    #[case("sensor_data/+", "sensor_data/a/b", false)]
    #[case("+/ESP_01", "actuator_status/ESP_01", true)]
    #[case("#", "sensor_data/ESP_01", true)]
    #[case("sensor_data/#", "sensor_data/a/b", true)]
    #[case("sensor_data/#", "sensor_data", true)]
    #[case("sensor_data/#", "sensor_database/a", false)]
    fn a_pattern_picks_topics(#[case] pattern: &str, #[case] topic: &str, #[case] picked: bool) {
        assert_eq!(pattern.parse::<Pattern>().unwrap().matches(topic), picked);
    }

    #[rstest]
    #[case("")]
    #[case("a/#/b")]
    #[case("a#")]
    #[case("a+/b")]
    #[case("##")]
    fn a_misplaced_wildcard_is_refused(#[case] pattern: &str) {
        assert!(pattern.parse::<Pattern>().is_err());
    }
}
