//! Civil time at a fixed distance from UTC, in the proleptic Gregorian calendar.

use crate::{Civil, Instant};

const DAY: i64 = 86_400;

/// Date and time of day of `at`, `minutes` ahead of UTC.
pub(super) fn civil(at: Instant, minutes: i64) -> Civil {
    let seconds = i64::try_from(at / 1_000).unwrap_or(i64::MAX / 2) + minutes * 60;
    let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = date(days);
    // Day zero, 1970-01-01, was a Thursday.
    let weekday = (days + 3).rem_euclid(7) + 1;
    Civil {
        year,
        month,
        day,
        weekday: small(weekday),
        hour: small(second / 3_600),
        minute: small(second / 60 % 60),
        second: small(second % 60),
    }
}

/// Year, month and day of a day counted from 1970-01-01. Years are reckoned from March, so that the leap day is the
/// last of its year, in eras of 400 years, which all have the same length.
fn date(days: i64) -> (i32, u8, u8) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (i32::try_from(year).unwrap_or(i32::MAX), small(month), small(day))
}

fn small(value: i64) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(at: Instant, minutes: i64) -> (i32, [u8; 6]) {
        let time = civil(at, minutes);
        (time.year, [time.month, time.day, time.weekday, time.hour, time.minute, time.second])
    }

    #[test]
    fn known_moments_are_read_right() {
        assert_eq!(read(0, 0), (1970, [1, 1, 4, 0, 0, 0]));
        assert_eq!(read(951_782_399_000, 0), (2000, [2, 28, 1, 23, 59, 59]));
        assert_eq!(read(951_782_400_000, 0), (2000, [2, 29, 2, 0, 0, 0]));
        assert_eq!(read(1_709_251_199_999, 0), (2024, [2, 29, 4, 23, 59, 59]));
        assert_eq!(read(1_767_614_400_000, 0), (2026, [1, 5, 1, 12, 0, 0]));
    }

    #[test]
    fn a_zone_moves_the_day_too() {
        assert_eq!(read(1_767_614_400_000, 13 * 60), (2026, [1, 6, 2, 1, 0, 0]));
        assert_eq!(read(0, -1), (1969, [12, 31, 3, 23, 59, 0]));
    }
}
