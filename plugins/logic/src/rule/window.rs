//! Days and times of day, across midnight.

use super::Truth;
use crate::sight::Sight;

/// Minutes since midnight, 0 to 1,440.
pub(crate) type Clock = u16;

/// From a time of day to another, on some days, in one zone.
#[derive(Debug)]
pub(crate) struct Window {
    /// The zone's place among the zones of the document.
    pub(crate) zone: usize,
    /// Included.
    pub(crate) start: Clock,
    /// Not included. Up to `start`: on the day after.
    pub(crate) end: Clock,
    /// The days on which a window starts; bit 0 is Monday.
    pub(crate) days: u8,
    /// The window in words: `22:00-06:00 fri,sat Europe/Berlin`.
    pub(crate) words: String,
}

impl Window {
    pub(super) fn holds(&self, sight: &mut Sight<'_>, text: &mut String) -> Truth {
        let Some((weekday, minute)) = sight.time(self.zone, text) else { return Truth::Unknown };
        let holds = self.contains(weekday, minute);
        text.push_str(if holds { ", within " } else { ", not within " });
        text.push_str(&self.words);
        Truth::of(holds)
    }

    /// Whether a minute of a weekday (1 is Monday) lies in a window that started on one of the days.
    pub(crate) fn contains(&self, weekday: u8, minute: Clock) -> bool {
        let starts_on = |day: u8| self.days & (1 << (day - 1)) != 0;
        let yesterday = if weekday == 1 { 7 } else { weekday - 1 };
        if self.start < self.end {
            (self.start..self.end).contains(&minute) && starts_on(weekday)
        } else {
            (minute >= self.start && starts_on(weekday)) || (minute < self.end && starts_on(yesterday))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY_DAY: u8 = 0b111_1111;
    const FRIDAY: u8 = 0b001_0000;

    fn window(start: Clock, end: Clock, days: u8) -> Window {
        Window { zone: 0, start, end, days, words: String::new() }
    }

    #[test]
    fn the_start_counts_and_the_end_does_not() {
        let day = window(6 * 60, 22 * 60, EVERY_DAY);
        assert_eq!([359, 360, 1_319, 1_320].map(|minute| day.contains(1, minute)), [false, true, true, false]);
    }

    #[test]
    fn a_night_belongs_to_the_day_it_began() {
        let night = window(22 * 60, 6 * 60, FRIDAY);
        assert!(night.contains(5, 23 * 60), "friday evening");
        assert!(night.contains(6, 5 * 60), "saturday morning");
        assert!(!night.contains(5, 5 * 60), "friday morning is thursday's night");
        assert!(!night.contains(6, 23 * 60), "saturday evening");
        assert!(!night.contains(6, 6 * 60), "the end is not included");
    }

    #[test]
    fn sunday_night_reaches_into_monday() {
        let night = window(22 * 60, 6 * 60, 0b100_0000);
        assert!(night.contains(1, 0));
        assert!(!night.contains(7, 0));
    }

    #[test]
    fn a_whole_day_has_every_minute() {
        let friday = window(0, 1_440, FRIDAY);
        assert!(friday.contains(5, 0) && friday.contains(5, 1_439));
        assert!(!friday.contains(4, 1_439) && !friday.contains(6, 0));
    }
}
