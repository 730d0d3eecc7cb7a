//! A rule as it is asked: tests, texts and keys, all precomputed.

mod threshold;
mod window;

use interlock_plugin_sdk::{Intent, Notification};

use crate::sight::Sight;

pub(crate) use threshold::{Comparison, Hysteresis, Threshold, Words};
pub(crate) use window::{Clock, Window};

/// When which condition holds, ask for what.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) enabled: bool,
    pub(crate) priority: i32,
    pub(crate) cooldown: Option<Cooldown>,
    pub(crate) condition: Condition,
    /// What the rule asks for; their reasons are filled in when it fires.
    pub(crate) intents: Vec<Intent>,
    pub(crate) notifications: Vec<Notification>,
}

/// How long a rule rests, and where that is remembered.
#[derive(Debug)]
pub(crate) struct Cooldown {
    /// ms.
    pub(crate) span: u64,
    pub(crate) key: String,
}

/// What must hold.
#[derive(Debug)]
pub(crate) enum Condition {
    Threshold(Threshold),
    Window(Window),
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
}

/// Whether something holds, where that can be known (Kleene's logic).
///
/// INVARIANT (unknown never fires): `Unknown` stays unknown under `NOT`, and only `True` fires a rule. A sensor that was
/// never heard of must not start a pump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    True,
    False,
    Unknown,
}

impl Condition {
    /// Whether the condition holds; appends why to `text`.
    ///
    /// Every part is looked at, also when the answer is clear before: its hysteresis must see every value, and whoever
    /// reads the finding wants all of it.
    pub(crate) fn holds(&self, sight: &mut Sight<'_>, text: &mut String) -> Truth {
        match self {
            Self::Threshold(threshold) => threshold.holds(sight, text),
            Self::Window(window) => window.holds(sight, text),
            Self::All(parts) => fold(parts, " and ", Truth::True, Truth::and, sight, text),
            Self::Any(parts) => fold(parts, " or ", Truth::False, Truth::or, sight, text),
            Self::Not(part) => {
                text.push_str("not (");
                let truth = part.holds(sight, text).not();
                text.push(')');
                truth
            }
        }
    }

    /// The sensors it mentions.
    pub(crate) fn sensors(&self, into: &mut Vec<usize>) {
        match self {
            Self::Threshold(threshold) => into.push(threshold.sensor),
            Self::Window(_) => {}
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.sensors(into)),
            Self::Not(part) => part.sensors(into),
        }
    }
}

fn fold(
    parts: &[Condition],
    word: &str,
    start: Truth,
    combine: fn(Truth, Truth) -> Truth,
    sight: &mut Sight<'_>,
    text: &mut String,
) -> Truth {
    text.push('(');
    let mut truth = start;
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            text.push_str(word);
        }
        truth = combine(truth, part.holds(sight, text));
    }
    text.push(')');
    truth
}

impl Truth {
    pub(crate) const fn of(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    const fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }

    const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, Self::True) => Self::True,
            _ => Self::Unknown,
        }
    }

    const fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }
}
