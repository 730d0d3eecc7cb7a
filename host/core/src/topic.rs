//! Topic templates: `kaiser/{kaiser}/esp/{device}/sensor/{channel}/data`, read in both directions.
//!
//! A template is a filter to subscribe with, a pattern that takes values out of a topic, and a form that is filled to
//! make one. A placeholder stands for a whole level or for a part of one (`switch:{channel}`); `+` and `#` match without
//! a name and cannot be filled.

use std::fmt;

/// Most placeholders one template may have.
pub const MAX_PLACEHOLDERS: usize = 8;
/// Longest topic MQTT allows, in bytes.
pub const MAX_TOPIC_BYTES: usize = 65_535;

/// A topic with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    levels: Vec<Level>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Level {
    Literal(String),
    Slot { before: String, name: String, after: String },
    Any,
    Rest,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Nothing, or longer than MQTT allows.
    #[error("a topic has 1 to {MAX_TOPIC_BYTES} bytes")]
    Length,
    /// A level cannot be read.
    #[error("`{0}` is no level of a topic: write text, `+`, `#` at the end, or one `{{name}}`")]
    Level(String),
    /// The same placeholder twice, or too many.
    #[error("placeholder `{0}` is one too many: each once, at most {MAX_PLACEHOLDERS}")]
    Placeholder(String),
}

/// Why a template could not be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FillError {
    /// No value for a placeholder.
    #[error("the topic needs a value for `{{{0}}}`")]
    Missing(String),
    /// The value would change the topic's shape.
    #[error(
        "`{value}` cannot stand in a topic for `{{{name}}}`: it is empty or has one of `/ + #` or a control character"
    )]
    Value {
        /// The placeholder.
        name: String,
        /// The value.
        value: String,
    },
    /// The template has wildcards.
    #[error("a topic to publish to cannot have `+` or `#`")]
    Wildcard,
    /// Too long for MQTT.
    #[error("the topic would have more than {MAX_TOPIC_BYTES} bytes")]
    Length,
}

/// What the placeholders stood for in one topic.
#[derive(Debug, Clone, Copy)]
pub struct Captures<'a> {
    pairs: [(&'a str, &'a str); MAX_PLACEHOLDERS],
    count: usize,
}

impl<'a> Captures<'a> {
    /// The value of one placeholder.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.pairs.iter().take(self.count).find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn push(&mut self, name: &'a str, value: &'a str) -> Option<()> {
        *self.pairs.get_mut(self.count)? = (name, value);
        self.count += 1;
        Some(())
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// When a level is neither text, a wildcard nor one placeholder.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.is_empty() || text.len() > MAX_TOPIC_BYTES {
            return Err(TemplateError::Length);
        }
        let mut levels = Vec::new();
        let mut parts = text.split('/').peekable();
        while let Some(part) = parts.next() {
            let level = Level::parse(part)?;
            if level == Level::Rest && parts.peek().is_some() {
                return Err(TemplateError::Level(part.to_owned()));
            }
            levels.push(level);
        }
        let template = Self { levels };
        template.check_names()?;
        Ok(template)
    }

    fn check_names(&self) -> Result<(), TemplateError> {
        let mut seen: Vec<&str> = Vec::new();
        for name in self.names() {
            if seen.contains(&name) || seen.len() == MAX_PLACEHOLDERS {
                return Err(TemplateError::Placeholder(name.to_owned()));
            }
            seen.push(name);
        }
        Ok(())
    }

    /// The placeholders, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.levels.iter().filter_map(|level| match level {
            Level::Slot { name, .. } => Some(name.as_str()),
            _ => None,
        })
    }

    /// This template with one placeholder replaced for good.
    ///
    /// # Errors
    /// When the value cannot stand in a topic.
    pub fn bind(mut self, name: &str, value: &str) -> Result<Self, FillError> {
        for level in &mut self.levels {
            if matches!(level, Level::Slot { name: slot, .. } if slot == name) {
                *level = Level::Literal(level.filled(&[(name, value)])?);
            }
        }
        Ok(self)
    }

    /// The filter to subscribe with.
    pub fn filter(&self) -> String {
        let levels: Vec<&str> = self.levels.iter().map(Level::as_filter).collect();
        levels.join("/")
    }

    /// What the placeholders stand for in `topic`; none if it does not match.
    pub fn captures<'a>(&'a self, topic: &'a str) -> Option<Captures<'a>> {
        let mut captures = Captures { pairs: [("", ""); MAX_PLACEHOLDERS], count: 0 };
        let mut parts = topic.split('/');
        for level in &self.levels {
            if *level == Level::Rest {
                return Some(captures);
            }
            level.take(parts.next()?, &mut captures)?;
        }
        parts.next().is_none().then_some(captures)
    }

    /// Whether some topic matches both templates.
    pub fn overlaps(&self, other: &Self) -> bool {
        let mut left = self.levels.iter();
        let mut right = other.levels.iter();
        loop {
            match (left.next(), right.next()) {
                (None, None) | (Some(Level::Rest), _) | (_, Some(Level::Rest)) => return true,
                (None, _) | (_, None) => return false,
                (Some(Level::Literal(a)), Some(Level::Literal(b))) if a != b => return false,
                (Some(Level::Literal(text)), Some(slot)) | (Some(slot), Some(Level::Literal(text)))
                    if !slot.could_be(text) =>
                {
                    return false;
                }
                _ => {}
            }
        }
    }

    /// The topic with these values for the placeholders.
    ///
    /// # Errors
    /// When a value is missing or would change the topic's shape.
    pub fn fill(&self, values: &[(&str, &str)]) -> Result<String, FillError> {
        let mut topic = String::new();
        for (n, level) in self.levels.iter().enumerate() {
            if n > 0 {
                topic.push('/');
            }
            topic.push_str(&level.filled(values)?);
        }
        if topic.len() > MAX_TOPIC_BYTES { Err(FillError::Length) } else { Ok(topic) }
    }
}

impl Level {
    fn parse(text: &str) -> Result<Self, TemplateError> {
        let wrong = || TemplateError::Level(text.to_owned());
        match text {
            "+" => return Ok(Self::Any),
            "#" => return Ok(Self::Rest),
            _ => {}
        }
        if text.contains(['+', '#']) || text.chars().any(char::is_control) {
            return Err(wrong());
        }
        let Some((before, rest)) = text.split_once('{') else {
            return if text.contains('}') { Err(wrong()) } else { Ok(Self::Literal(text.to_owned())) };
        };
        let (name, after) = rest.split_once('}').ok_or_else(wrong)?;
        let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if !named || before.contains('}') || after.contains(['{', '}']) {
            return Err(wrong());
        }
        Ok(Self::Slot { before: before.to_owned(), name: name.to_owned(), after: after.to_owned() })
    }

    fn as_filter(&self) -> &str {
        match self {
            Self::Literal(text) => text,
            Self::Slot { .. } | Self::Any => "+",
            Self::Rest => "#",
        }
    }

    fn could_be(&self, text: &str) -> bool {
        match self {
            Self::Literal(own) => own == text,
            Self::Slot { before, after, .. } => inner(text, before, after).is_some(),
            Self::Any | Self::Rest => true,
        }
    }

    fn take<'a>(&'a self, part: &'a str, captures: &mut Captures<'a>) -> Option<()> {
        match self {
            Self::Literal(text) => (text == part).then_some(()),
            Self::Any | Self::Rest => Some(()),
            Self::Slot { before, name, after } => captures.push(name, inner(part, before, after)?),
        }
    }

    fn filled(&self, values: &[(&str, &str)]) -> Result<String, FillError> {
        let (before, name, after) = match self {
            Self::Literal(text) => return Ok(text.clone()),
            Self::Any | Self::Rest => return Err(FillError::Wildcard),
            Self::Slot { before, name, after } => (before, name, after),
        };
        let value = values.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
        let value = value.ok_or_else(|| FillError::Missing(name.clone()))?;
        if value.is_empty() || value.contains(['/', '+', '#']) || value.chars().any(char::is_control) {
            return Err(FillError::Value { name: name.clone(), value: value.to_owned() });
        }
        Ok(format!("{before}{value}{after}"))
    }
}

/// What is between `before` and `after`, if there is something.
fn inner<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.strip_suffix(after).filter(|inner| !inner.is_empty())
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, level) in self.levels.iter().enumerate() {
            if n > 0 {
                f.write_str("/")?;
            }
            match level {
                Level::Slot { before, name, after } => write!(f, "{before}{{{name}}}{after}")?,
                other => f.write_str(other.as_filter())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn template(text: &str) -> Template {
        Template::parse(text).unwrap()
    }

    #[test]
    fn reads_what_it_writes() {
        let sensor = template("kaiser/{kaiser}/esp/{device}/sensor/{channel}/data").bind("kaiser", "god").unwrap();
        assert_eq!(sensor.filter(), "kaiser/god/esp/+/sensor/+/data");
        let topic = sensor.fill(&[("device", "ESP_01"), ("channel", "34")]).unwrap();
        assert_eq!(topic, "kaiser/god/esp/ESP_01/sensor/34/data");
        let captures = sensor.captures(&topic).unwrap();
        assert_eq!((captures.get("device"), captures.get("channel")), (Some("ESP_01"), Some("34")));
        assert_eq!(captures.get("kaiser"), None);
    }

    #[rstest]
    #[case("{device}/status/switch:{channel}", "shelly/status/switch:0", Some("0"))]
    #[case("{device}/status/switch:{channel}", "shelly/status/switch:", None)]
    #[case("{device}/status/switch:{channel}", "shelly/status/input:0", None)]
    #[case("+/{channel}/#", "a/b/c/d", Some("b"))]
    #[case("+/{channel}", "a/b/c", None)]
    #[case("a/{channel}", "a", None)]
    #[case("a/{channel}", "a/", None)]
    fn takes_the_channel(#[case] pattern: &str, #[case] topic: &str, #[case] channel: Option<&str>) {
        let pattern = template(pattern);
        assert_eq!(pattern.captures(topic).and_then(|captures| captures.get("channel")), channel);
    }

    #[rstest]
    #[case("")]
    #[case("a/#/b")]
    #[case("a/b+")]
    #[case("a/{")]
    #[case("a/}")]
    #[case("a/{Device}")]
    #[case("a/{a}{b}")]
    #[case("{a}/{a}")]
    #[case("{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}")]
    fn refuses(#[case] text: &str) {
        assert!(Template::parse(text).is_err());
    }

    #[rstest]
    #[case("")]
    #[case("a/b")]
    #[case("+")]
    #[case("#")]
    #[case("a\0")]
    fn a_value_cannot_change_the_shape(#[case] value: &str) {
        assert!(matches!(template("x/{device}").fill(&[("device", value)]), Err(FillError::Value { .. })));
    }

    #[rstest]
    #[case("a/{x}/c", "a/b/{y}", true)]
    #[case("a/{x}/c", "a/b/d", false)]
    #[case("#", "a/b", true)]
    #[case("a/s:{x}", "a/t:1", false)]
    #[case("a/b", "a/b/c", false)]
    fn overlap(#[case] left: &str, #[case] right: &str, #[case] expected: bool) {
        assert_eq!(template(left).overlaps(&template(right)), expected);
        assert_eq!(template(right).overlaps(&template(left)), expected);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}", topic in ".{0,60}") {
            if let Ok(template) = Template::parse(&text) {
                prop_assert_eq!(Template::parse(&template.to_string()).unwrap(), template.clone());
                let _ = template.captures(&topic);
            }
        }

        #[test]
        fn what_is_filled_is_captured(device in "[^/+#\\x00-\\x1f\\x7f-\\u{9f}]{1,20}") {
            let template = template("a/{device}/b");
            let topic = template.fill(&[("device", &device)]).unwrap();
            prop_assert_eq!(template.captures(&topic).unwrap().get("device"), Some(device.as_str()));
        }
    }
}
