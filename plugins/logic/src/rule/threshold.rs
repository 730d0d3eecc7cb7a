//! One sensor against one bound, with hysteresis.

use super::Truth;
use crate::document::AcceptQuality;
use crate::sight::Sight;

/// The latest value of a sensor, compared.
#[derive(Debug)]
pub(crate) struct Threshold {
    /// Its place among the sensors of the document.
    pub(crate) sensor: usize,
    pub(crate) comparison: Comparison,
    pub(crate) hysteresis: Option<Hysteresis>,
    pub(crate) accept: AcceptQuality,
    pub(crate) words: Words,
}

/// How a finding goes on after the value.
#[derive(Debug)]
pub(crate) struct Words {
    /// `, > 25`.
    holds: String,
    /// `, not > 25`.
    fails: String,
    /// `, still held by its hysteresis: > 25`.
    held: String,
}

/// What a value is compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Comparison {
    Above(f64),
    AtLeast(f64),
    Below(f64),
    AtMost(f64),
    Equal(f64),
    NotEqual(f64),
    Between(f64, f64),
}

/// How far a value must come back, and where it is remembered that the condition holds.
#[derive(Debug)]
pub(crate) struct Hysteresis {
    pub(crate) width: f64,
    pub(crate) key: String,
}

impl Threshold {
    pub(super) fn holds(&self, sight: &mut Sight<'_>, text: &mut String) -> Truth {
        let Some((value, quality)) = sight.sensor(self.sensor, text) else { return Truth::Unknown };
        if quality > self.accept {
            text.push_str(if quality == AcceptQuality::Stale { " but stale" } else { " but suspect" });
            return Truth::Unknown;
        }
        if !value.is_finite() {
            text.push_str(", which is no number to compare");
            return Truth::Unknown;
        }
        let holds = self.comparison.holds(value, 0.0);
        let held = self.hysteresis.as_ref().is_some_and(|it| it.holds_on(self.comparison, holds, value, sight));
        let words = match (holds, held) {
            (true, _) => &self.words.holds,
            (false, true) => &self.words.held,
            (false, false) => &self.words.fails,
        };
        text.push_str(words);
        Truth::of(holds || held)
    }
}

impl Words {
    /// The words for a bound: `> 25`.
    pub(crate) fn new(bound: &str) -> Self {
        Self {
            holds: format!(", {bound}"),
            fails: format!(", not {bound}"),
            held: format!(", still held by its hysteresis: {bound}"),
        }
    }
}

impl Hysteresis {
    /// Whether a comparison that fails now still counts, because it held before; remembers how it came out.
    fn holds_on(&self, comparison: Comparison, now: bool, value: f64, sight: &Sight<'_>) -> bool {
        let state = sight.context.state;
        let before = state.get_text(&self.key).is_some();
        let held = before && !now && comparison.holds(value, self.width);
        if now
            && !before
            && let Err(error) = state.set_text(&self.key, "1", None)
        {
            sight.context.log.warn(&format!("a hysteresis is not remembered: {error}"));
        }
        if before && !now && !held {
            state.delete(&self.key);
        }
        held
    }
}

impl Comparison {
    /// Whether the value is on the right side of the bound, moved outwards by `slack`.
    #[expect(clippy::float_cmp, reason = "`==` and `!=` say exactly, and their authors asked for it")]
    fn holds(self, value: f64, slack: f64) -> bool {
        match self {
            Self::Above(bound) => value > bound - slack,
            Self::AtLeast(bound) => value >= bound - slack,
            Self::Below(bound) => value < bound + slack,
            Self::AtMost(bound) => value <= bound + slack,
            Self::Equal(bound) => value == bound,
            Self::NotEqual(bound) => value != bound,
            Self::Between(min, max) => value >= min - slack && value <= max + slack,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_belong_to_the_operators_that_name_them() {
        let outcomes = |comparison: Comparison| [24.0, 25.0, 26.0].map(|value| comparison.holds(value, 0.0));

        assert_eq!(outcomes(Comparison::Above(25.0)), [false, false, true]);
        assert_eq!(outcomes(Comparison::AtLeast(25.0)), [false, true, true]);
        assert_eq!(outcomes(Comparison::Below(25.0)), [true, false, false]);
        assert_eq!(outcomes(Comparison::AtMost(25.0)), [true, true, false]);
        assert_eq!(outcomes(Comparison::Equal(25.0)), [false, true, false]);
        assert_eq!(outcomes(Comparison::NotEqual(25.0)), [true, false, true]);
        assert_eq!(outcomes(Comparison::Between(25.0, 26.0)), [false, true, true]);
    }

    #[test]
    fn slack_moves_a_bound_outwards() {
        assert!(Comparison::Above(25.0).holds(24.5, 1.0));
        assert!(!Comparison::Above(25.0).holds(24.0, 1.0));
        assert!(Comparison::Below(25.0).holds(25.5, 1.0));
        assert!(!Comparison::Below(25.0).holds(26.0, 1.0));
        assert!(Comparison::Between(20.0, 25.0).holds(19.0, 1.0));
        assert!(!Comparison::Between(20.0, 25.0).holds(26.5, 1.0));
    }
}
