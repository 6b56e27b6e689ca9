//! Dates, times and intervals as text. The forms are ISO, which the server reads year-first under every `DateStyle`;
//! parameters and text forms share them, save the interval. No time zone is ever looked up: zones are UTC or as sent.

use super::reader::Reader;
use super::{Error, push};
use crate::bindings::Interval;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// 4714-11-24 BC, the first day of the Julian calendar's count: PostgreSQL knows nothing before.
const FIRST_DATE: i32 = -2_451_545;
/// 5874897-12-31
const LAST_DATE: i32 = 2_145_031_948;
/// 4714-11-24 00:00:00 BC
const FIRST_TIMESTAMP: i64 = -211_813_488_000_000_000;
/// 294276-12-31 24:00:00, which is no timestamp any more.
const END_TIMESTAMP: i64 = 9_223_371_331_200_000_000;

/// A date parameter.
pub fn date_parameter(days: i32) -> Result<String, Error> {
    if !matches!(days, i32::MIN | i32::MAX | FIRST_DATE..=LAST_DATE) {
        return Err(Error::OutOfRange { type_name: "date", value: i64::from(days) });
    }
    let mut out = String::new();
    write_date(&mut out, days);
    Ok(out)
}

/// A time parameter. 24:00:00 is a time.
pub fn time_parameter(microseconds: i64) -> Result<String, Error> {
    if !(0..=DAY).contains(&microseconds) {
        return Err(Error::OutOfRange { type_name: "time", value: microseconds });
    }
    let mut out = String::new();
    write_time(&mut out, microseconds);
    Ok(out)
}

/// A timestamp parameter, or one with time zone, which is then in UTC.
pub fn timestamp_parameter(microseconds: i64, zone: Zone) -> Result<String, Error> {
    if !matches!(microseconds, i64::MIN | i64::MAX) && !(FIRST_TIMESTAMP..END_TIMESTAMP).contains(&microseconds) {
        let type_name = match zone {
            Zone::None => "timestamp",
            Zone::Utc => "timestamptz",
        };
        return Err(Error::OutOfRange { type_name, value: microseconds });
    }
    let mut out = String::new();
    write_timestamp(&mut out, microseconds, zone);
    Ok(out)
}

/// An interval parameter: `+1 mons -2 days +00:00:03`. Every field has its sign, since under `IntervalStyle
/// sql_standard` a leading minus without others counts for all of them; hours and not microseconds, since servers
/// before 15 read no more than 2^31 of a unit.
#[must_use]
pub fn interval_parameter(interval: Interval) -> String {
    if let Some(text) = infinite(&interval) {
        return text.to_owned();
    }
    let mut out = String::new();
    push(&mut out, format_args!("{:+} mons {:+} days ", interval.months, interval.days));
    if interval.microseconds == i64::MIN {
        // The server writes `-2562047788:00:54.775808` for it but cannot read that.
        push(&mut out, format_args!("{} microseconds", i64::MIN));
    } else {
        out.push(if interval.microseconds < 0 { '-' } else { '+' });
        write_clock(&mut out, interval.microseconds.unsigned_abs());
    }
    out
}

/// Whether a timestamp says that it is in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// Without time zone.
    None,
    /// With `+00`.
    Utc,
}

/// Appends a date, days since 2000-01-01.
pub fn write_date(out: &mut String, days: i32) {
    match days {
        i32::MIN => out.push_str("-infinity"),
        i32::MAX => out.push_str("infinity"),
        days => {
            let year = write_day(out, i64::from(days));
            write_era(out, year);
        }
    }
}

/// Appends a time, microseconds since midnight.
pub fn write_time(out: &mut String, microseconds: i64) {
    write_clock(out, microseconds.unsigned_abs());
}

/// Appends a timestamp, microseconds since 2000-01-01.
pub fn write_timestamp(out: &mut String, microseconds: i64, zone: Zone) {
    match microseconds {
        i64::MIN => out.push_str("-infinity"),
        i64::MAX => out.push_str("infinity"),
        microseconds => {
            let year = write_day(out, microseconds.div_euclid(DAY));
            out.push(' ');
            write_time(out, microseconds.rem_euclid(DAY));
            if zone == Zone::Utc {
                out.push_str("+00");
            }
            write_era(out, year);
        }
    }
}

/// Appends a time with time zone from its binary form.
pub fn write_timetz(out: &mut String, bytes: &[u8]) -> Result<(), Error> {
    let mut wire = Reader::new(bytes);
    let (microseconds, west) = (wire.i64()?, wire.i32()?);
    wire.finish()?;
    write_time(out, microseconds);
    out.push(if west <= 0 { '+' } else { '-' });
    let seconds = west.unsigned_abs();
    push(out, format_args!("{:02}", seconds / 3600));
    if seconds % 3600 != 0 {
        push(out, format_args!(":{:02}", seconds / 60 % 60));
    }
    if seconds % 60 != 0 {
        push(out, format_args!(":{:02}", seconds % 60));
    }
    Ok(())
}

/// Appends an interval as the server prints it: `1 year 2 mons -3 days +04:05:06`.
pub fn write_interval(out: &mut String, interval: &Interval) {
    if let Some(text) = infinite(interval) {
        return out.push_str(text);
    }
    let start = out.len();
    let mut after_negative = false;
    for (count, unit) in [(interval.months / 12, "year"), (interval.months % 12, "mon"), (interval.days, "day")] {
        if count == 0 {
            continue;
        }
        let space = if out.len() > start { " " } else { "" };
        let plus = if after_negative && count > 0 { "+" } else { "" };
        let plural = if count == 1 { "" } else { "s" };
        push(out, format_args!("{space}{plus}{count} {unit}{plural}"));
        after_negative = count < 0;
    }
    let empty = out.len() == start;
    if empty || interval.microseconds != 0 {
        out.push_str(if empty { "" } else { " " });
        out.push_str(match interval.microseconds {
            i64::MIN..0 => "-",
            _ if after_negative => "+",
            _ => "",
        });
        write_clock(out, interval.microseconds.unsigned_abs());
    }
}

/// Since PostgreSQL 17 the extremes of all three fields together are infinities. Earlier servers hold them as finite
/// intervals of 178 million years, which nobody has.
fn infinite(interval: &Interval) -> Option<&'static str> {
    match interval {
        Interval { microseconds: i64::MAX, days: i32::MAX, months: i32::MAX } => Some("infinity"),
        Interval { microseconds: i64::MIN, days: i32::MIN, months: i32::MIN } => Some("-infinity"),
        Interval { .. } => None,
    }
}

/// `04:05:06.7`
fn write_clock(out: &mut String, microseconds: u64) {
    let seconds = microseconds / 1_000_000;
    push(out, format_args!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
    let fraction = microseconds % 1_000_000;
    if fraction != 0 {
        push(out, format_args!(".{fraction:06}"));
        out.truncate(out.trim_end_matches('0').len());
    }
}

/// Appends year, month and day and returns the year, where 0 is 1 BC. The proleptic Gregorian calendar in its cycles of
/// 400 years, counted from March so that the leap day is a year's last.
fn write_day(out: &mut String, days: i64) -> i64 {
    const CYCLE: i64 = 146_097;
    const MARCH_OF_YEAR_0: i64 = 730_425;
    let shifted = days + MARCH_OF_YEAR_0;
    let day_of_cycle = shifted.rem_euclid(CYCLE);
    let year_of_cycle =
        (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / (CYCLE - 1)) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = shifted.div_euclid(CYCLE) * 400 + year_of_cycle + i64::from(month <= 2);
    let shown = if year > 0 { year } else { 1 - year };
    push(out, format_args!("{shown:04}-{month:02}-{day:02}"));
    year
}

fn write_era(out: &mut String, year: i64) {
    if year <= 0 {
        out.push_str(" BC");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let date = |days| date_parameter(days).unwrap_or_else(|error| error.to_string());
        assert_eq!(date(0), "2000-01-01");
        assert_eq!(date(-1), "1999-12-31");
        assert_eq!(date(59), "2000-02-29");
        assert_eq!(date(60), "2000-03-01");
        assert_eq!(date(-730_119), "0001-01-01");
        assert_eq!(date(-730_120), "0001-12-31 BC");
        assert_eq!(date(FIRST_DATE), "4714-11-24 BC");
        assert_eq!(date(LAST_DATE), "5874897-12-31");
        assert_eq!(date(i32::MAX), "infinity");
        assert_eq!(date(i32::MIN), "-infinity");
        assert_eq!(date(FIRST_DATE - 1), "date `-2451546` is outside PostgreSQL's range");
        assert_eq!(date(LAST_DATE + 1), "date `2145031949` is outside PostgreSQL's range");
    }

    #[test]
    fn times() {
        assert_eq!(time_parameter(0), Ok("00:00:00".into()));
        assert_eq!(time_parameter(DAY - 1), Ok("23:59:59.999999".into()));
        assert_eq!(time_parameter(DAY), Ok("24:00:00".into()));
        assert_eq!(time_parameter(10 * SECOND + 500_000), Ok("00:00:10.5".into()));
        assert_eq!(time_parameter(-1), Err(Error::OutOfRange { type_name: "time", value: -1 }));
        assert!(time_parameter(DAY + 1).is_err());
    }

    #[test]
    fn timestamps() {
        let utc = |value| timestamp_parameter(value, Zone::Utc).unwrap_or_else(|error| error.to_string());
        assert_eq!(utc(0), "2000-01-01 00:00:00+00");
        assert_eq!(utc(-1), "1999-12-31 23:59:59.999999+00");
        assert_eq!(utc(FIRST_TIMESTAMP), "4714-11-24 00:00:00+00 BC");
        assert_eq!(utc(END_TIMESTAMP - 1), "294276-12-31 23:59:59.999999+00");
        assert_eq!(utc(END_TIMESTAMP), "timestamptz `9223371331200000000` is outside PostgreSQL's range");
        assert_eq!(utc(i64::MIN), "-infinity");
        assert_eq!(timestamp_parameter(DAY, Zone::None), Ok("2000-01-02 00:00:00".into()));
    }

    #[test]
    fn times_with_zone() {
        let timetz = |microseconds: i64, west: i32| {
            let mut out = String::new();
            write_timetz(&mut out, &[&microseconds.to_be_bytes()[..], &west.to_be_bytes()].concat()).unwrap();
            out
        };
        assert_eq!(timetz(0, 0), "00:00:00+00");
        assert_eq!(timetz(SECOND, -20_700), "00:00:01+05:45");
        assert_eq!(timetz(0, 3_601), "00:00:00-01:00:01");
    }

    #[test]
    fn intervals() {
        let check = |months, days, microseconds, shown: &str, parameter: &str| {
            let interval = Interval { microseconds, days, months };
            let mut out = String::new();
            write_interval(&mut out, &interval);
            assert_eq!((out.as_str(), interval_parameter(interval).as_str()), (shown, parameter));
        };
        check(0, 0, 0, "00:00:00", "+0 mons +0 days +00:00:00");
        check(14, -3, 14_706 * SECOND, "1 year 2 mons -3 days +04:05:06", "+14 mons -3 days +04:05:06");
        check(-1, 1, 0, "-1 mons +1 day", "-1 mons +1 days +00:00:00");
        check(0, 0, -1, "-00:00:00.000001", "+0 mons +0 days -00:00:00.000001");
        check(0, 0, i64::MIN, "-2562047788:00:54.775808", "+0 mons +0 days -9223372036854775808 microseconds");
        check(0, 0, i64::MAX, "2562047788:00:54.775807", "+0 mons +0 days +2562047788:00:54.775807");
        check(
            i32::MIN,
            i32::MIN,
            0,
            "-178956970 years -8 mons -2147483648 days",
            "-2147483648 mons -2147483648 days +00:00:00",
        );
        check(i32::MAX, i32::MAX, i64::MAX, "infinity", "infinity");
        check(i32::MIN, i32::MIN, i64::MIN, "-infinity", "-infinity");
    }
}
