//! Dates and times as the server counts them, from 2000-01-01. For arithmetic on calendars let SQL do the work, or
//! bring a date crate as a dependency of the revision.

/// Days from 1970-01-01 to 2000-01-01.
const UNIX_TO_SERVER_DAYS: i64 = 10_957;
const MICROSECONDS_A_DAY: i64 = 86_400_000_000;
const UNIX_TO_SERVER_MICROSECONDS: i64 = UNIX_TO_SERVER_DAYS * MICROSECONDS_A_DAY;

/// `date`: days since 2000-01-01. `i32::MIN` and `i32::MAX` are -infinity and infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub i32);

/// `time`: microseconds since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

/// `timestamp`: microseconds since 2000-01-01 00:00, no zone. `i64::MIN` and `i64::MAX` are -infinity and infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// `timestamptz`: microseconds since 2000-01-01 00:00 UTC. `i64::MIN` and `i64::MAX` are -infinity and infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamptz(pub i64);

impl Date {
    /// A day of the Gregorian calendar; years before 1 count down from 0. None if there is no such day, or if
    /// `date` cannot hold it.
    #[must_use]
    pub fn from_ymd(year: i32, month: u8, day: u8) -> Option<Self> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let last = match month {
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u8::from(leap),
            1..=12 => 31,
            _ => return None,
        };
        if day == 0 || day > last {
            return None;
        }
        // Years begin in March here, so that the leap day is the last; 400 years are 146,097 days.
        let (year, month, day) = (i64::from(year), i64::from(month), i64::from(day));
        let march_year = year - i64::from(month <= 2);
        let (era, of_era) = (march_year.div_euclid(400), march_year.rem_euclid(400));
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let unix = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
        i32::try_from(unix - UNIX_TO_SERVER_DAYS).ok().filter(|days| *days != i32::MIN && *days != i32::MAX).map(Self)
    }
}

impl Timestamptz {
    /// From microseconds since 1970-01-01 00:00 UTC. None if that overflows.
    #[must_use]
    pub fn from_unix_microseconds(microseconds: i64) -> Option<Self> {
        microseconds.checked_sub(UNIX_TO_SERVER_MICROSECONDS).map(Self)
    }

    /// Microseconds since 1970-01-01 00:00 UTC. None if that overflows, as the infinities do.
    #[must_use]
    pub fn unix_microseconds(self) -> Option<i64> {
        if self.0 == i64::MIN {
            return None;
        }
        self.0.checked_add(UNIX_TO_SERVER_MICROSECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_the_server_counts() {
        let check = |year, month, day, expected| assert_eq!(Date::from_ymd(year, month, day), expected);
        check(2000, 1, 1, Some(Date(0)));
        check(1999, 12, 31, Some(Date(-1)));
        check(2000, 2, 29, Some(Date(59)));
        check(2000, 3, 1, Some(Date(60)));
        check(1970, 1, 1, Some(Date(-10_957)));
        check(2026, 11, 22, Some(Date(9_822)));
        check(1900, 2, 29, None);
        check(2026, 0, 1, None);
        check(2026, 4, 31, None);
        check(i32::MAX, 1, 1, None);
    }

    #[test]
    fn unix_time_and_back() {
        assert_eq!(Timestamptz::from_unix_microseconds(946_684_800_000_000), Some(Timestamptz(0)));
        assert_eq!(Timestamptz(0).unix_microseconds(), Some(946_684_800_000_000));
        assert_eq!(Timestamptz(i64::MIN).unix_microseconds(), None);
        assert_eq!(Timestamptz(i64::MAX).unix_microseconds(), None);
        assert_eq!(Timestamptz::from_unix_microseconds(i64::MIN), None);
    }
}
