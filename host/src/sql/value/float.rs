//! real and double precision as text: the shortest digits that read back as the same number. The server's spelling for
//! text forms, a plainer one for parameters.

use super::push;

/// Appends a double as the server prints it: `1e+15`, `0.0001`, `Infinity`.
pub fn write_f64(out: &mut String, value: f64) {
    if !value.is_finite() {
        return write_special(out, value);
    }
    // From this exponent on the server writes scientific notation: the digits a double holds for certain.
    let rounded = |count| format!("{value:.count$e}");
    let digits = server_digits(&format!("{value:e}"), 15, rounded, |text| text.parse() == Ok(value));
    write_digits(out, &digits, 15);
}

/// Appends a real as the server prints it.
pub fn write_f32(out: &mut String, value: f32) {
    if !value.is_finite() {
        return write_special(out, f64::from(value));
    }
    let rounded = |count| format!("{value:.count$e}");
    let digits = server_digits(&format!("{value:e}"), 6, rounded, |text| text.parse() == Ok(value));
    write_digits(out, &digits, 6);
}

/// The text of a double as a parameter. Whole numbers that a double holds exactly are plain digits, which an integer
/// column reads too.
#[must_use]
pub fn f64_parameter(value: f64) -> String {
    let mut out = String::new();
    if value.is_finite() {
        write_digits(&mut out, &format!("{value:e}"), 17);
    } else {
        write_special(&mut out, value);
    }
    out
}

/// The text of a real as a parameter.
#[must_use]
pub fn f32_parameter(value: f32) -> String {
    let mut out = String::new();
    if value.is_finite() {
        write_digits(&mut out, &format!("{value:e}"), 17);
    } else {
        write_special(&mut out, f64::from(value));
    }
    out
}

fn write_special(out: &mut String, value: f64) {
    out.push_str(match () {
        () if value.is_nan() => "NaN",
        () if value > 0.0 => "Infinity",
        () => "-Infinity",
    });
}

/// Where Rust and the server choose other digits: of two equally near the server takes the even one, and digits exactly
/// half-way to the neighbouring number (`1e23`) are none for it, since a reader might round the other way.
///
/// `rounded` gives the number with so many digits after the first; up to `certain` digits there is no choice to make.
fn server_digits(
    shortest: &str,
    certain: u32,
    rounded: impl Fn(usize) -> String,
    reads_back: impl Fn(&str) -> bool,
) -> String {
    /// Far below the distance of any decimal of 17 digits from a boundary that it does not hit.
    const NUDGE: usize = 60;
    let (mantissa, exponent) = shortest.split_once('e').expect("Rust's `{:e}` writes an exponent");
    let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let small = exponent.parse::<i32>().is_ok_and(|exponent| exponent.unsigned_abs() < certain);
    if small && u32::try_from(fraction).is_ok_and(|fraction| fraction < certain) {
        return shortest.to_owned();
    }
    let inside = |text: &str| {
        let (mantissa, exponent) = text.split_once('e')?;
        let digits: u64 = mantissa.trim_start_matches('-').replace('.', "").parse().ok()?;
        let sign = if mantissa.starts_with('-') { "-" } else { "" };
        let places = i32::try_from(mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len())).ok()?;
        let exponent = exponent.parse::<i32>().ok()? - places;
        let above = format!("{sign}{digits}.{:0<NUDGE$}1e{exponent}", "");
        let below = format!("{sign}{}.{:9<NUDGE$}e{exponent}", digits.checked_sub(1)?, "");
        Some(reads_back(&above) && reads_back(&below))
    };
    // 17 digits are always enough.
    (fraction..17).map(rounded).find(|text| inside(text) == Some(true)).unwrap_or_else(|| shortest.to_owned())
}

/// `scientific` is Rust's `-1.25e-7`; exponents from -4 up to `plain_below` are written without one.
fn write_digits(out: &mut String, scientific: &str, plain_below: i32) {
    let (mantissa, exponent) = scientific.split_once('e').expect("Rust's `{:e}` writes an exponent");
    let exponent: i32 = exponent.parse().expect("Rust's `{:e}` writes a number after the e");
    let digits = mantissa.strip_prefix('-').unwrap_or(mantissa);
    if digits.len() < mantissa.len() {
        out.push('-');
    }
    if !(-4..plain_below).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return push(out, format_args!("{digits}e{sign}{:02}", exponent.unsigned_abs()));
    }
    let (first, rest) = digits.split_once('.').unwrap_or((digits, ""));
    match usize::try_from(exponent) {
        Ok(whole) if rest.len() > whole => {
            push(out, format_args!("{first}{}.{}", &rest[..whole], &rest[whole..]));
        }
        Ok(whole) => push(out, format_args!("{first}{rest:0<whole$}")),
        Err(_) => {
            out.push_str("0.");
            (exponent + 1..0).for_each(|_| out.push('0'));
            out.push_str(first);
            out.push_str(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: f64, expected: &str) {
        let mut out = String::new();
        write_f64(&mut out, value);
        assert_eq!(out, expected);
    }

    #[test]
    fn doubles_as_the_server_prints_them() {
        check(0.0, "0");
        check(-0.0, "-0");
        check(0.1, "0.1");
        check(-12.5, "-12.5");
        check(123_456.0, "123456");
        check(0.0001, "0.0001");
        check(0.000_012_345, "1.2345e-05");
        check(100_000_000_000_000.0, "100000000000000");
        check(1e15, "1e+15");
        check(f64::MAX, "1.7976931348623157e+308");
        check(5e-324, "5e-324");
        check(1e22, "1e+22");
        check(1e23, "9.999999999999999e+22");
        check(-7.6e22, "-7.600000000000001e+22");
        check(f64::NAN, "NaN");
        check(f64::NEG_INFINITY, "-Infinity");
    }

    #[test]
    fn reals_as_the_server_prints_them() {
        let text = |value: f32| {
            let mut out = String::new();
            write_f32(&mut out, value);
            out
        };
        assert_eq!(text(0.1), "0.1");
        assert_eq!(text(1e6), "1e+06");
        assert_eq!(text(123_456.0), "123456");
        assert_eq!(text(-1_112_143.2), "-1.1121432e+06");
        assert_eq!(text(91_749_904.0), "9.1749904e+07");
        assert_eq!(text(f32::INFINITY), "Infinity");
    }

    #[test]
    fn whole_numbers_are_plain_digits_in_a_parameter() {
        assert_eq!(f64_parameter(9_007_199_254_740_992.0), "9007199254740992");
        assert_eq!(f64_parameter(1e17), "1e+17");
        assert_eq!(f64_parameter(-5.0), "-5");
        assert_eq!(f64_parameter(f64::NAN), "NaN");
        assert_eq!(f32_parameter(1e6), "1000000");
        assert_eq!(f32_parameter(f32::NEG_INFINITY), "-Infinity");
    }
}
