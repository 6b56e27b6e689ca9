//! numeric: from the server's base-10000 digits to exact decimal text, and the grammar a numeric parameter must have.
//! Nothing here computes with numbers.

use super::reader::Reader;
use super::{Error, push};

/// The server's own bound on digits after the point: the field has 14 bits.
const MAX_SCALE: usize = 0x3fff;

/// Appends the decimal text of a numeric. At most 150 kB, from as little as ten bytes.
pub fn write(out: &mut String, bytes: &[u8]) -> Result<(), Error> {
    let mut wire = Reader::new(bytes);
    let digit_count = usize::from(wire.u16()?);
    let weight = isize::from(wire.i16()?);
    let sign = wire.u16()?;
    let scale = usize::from(wire.u16()?);
    let digits = wire.take(digit_count * 2)?;
    wire.finish()?;
    if scale > MAX_SCALE {
        return Err(Error::Malformed("a numeric has too many digits after the point"));
    }
    if digits.chunks_exact(2).any(|pair| u16::from_be_bytes([pair[0], pair[1]]) > 9_999) {
        return Err(Error::Malformed("a digit of a numeric is above 9999"));
    }
    let special = match sign {
        0x0000 | 0x4000 => None,
        0xc000 => Some("NaN"),
        0xd000 => Some("Infinity"),
        0xf000 => Some("-Infinity"),
        _ => return Err(Error::Malformed("a numeric has an unknown sign")),
    };
    if let Some(special) = special {
        out.push_str(special);
        return Ok(());
    }
    if sign == 0x4000 {
        out.push('-');
    }

    // Digits that are not sent, on either side, are zero.
    let digit = |place: isize| {
        let pair = usize::try_from(place).ok().and_then(|place| digits.get(place * 2..place * 2 + 2));
        pair.map_or(0, |pair| u16::from_be_bytes([pair[0], pair[1]]))
    };
    if weight < 0 {
        out.push('0');
    } else {
        push(out, format_args!("{}", digit(0)));
        (1..=weight).for_each(|place| push_digit(out, digit(place)));
    }
    if scale > 0 {
        out.push('.');
        let end = out.len() + scale;
        let mut place = weight + 1;
        while out.len() < end {
            push_digit(out, digit(place));
            place += 1;
        }
        out.truncate(end);
    }
    Ok(())
}

/// Whether the text is a number as every supported server reads it: no blanks, no hexadecimal, no underscores.
#[must_use]
pub fn is_numeric(text: &str) -> bool {
    if text.eq_ignore_ascii_case("nan") {
        return true;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.eq_ignore_ascii_case("infinity") || unsigned.eq_ignore_ascii_case("inf") {
        return true;
    }
    let (number, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent)
        })
}

fn push_digit(out: &mut String, digit: u16) {
    let mut rest = digit;
    for power in [1_000, 100, 10, 1] {
        out.push(char::from_digit(u32::from(rest / power), 10).expect("a digit of the wire is below 10000"));
        rest %= power;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(weight: i16, sign: u16, scale: u16, digits: &[u16]) -> Vec<u8> {
        let count = u16::try_from(digits.len()).unwrap();
        let head = [count.to_be_bytes(), weight.to_be_bytes(), sign.to_be_bytes(), scale.to_be_bytes()];
        head.into_iter().chain(digits.iter().map(|digit| digit.to_be_bytes())).flatten().collect()
    }

    fn check(bytes: &[u8], expected: &str) {
        let mut out = String::new();
        write(&mut out, bytes).unwrap();
        assert_eq!(out, expected);
    }

    #[test]
    fn digits_become_text() {
        check(&wire(0, 0, 0, &[]), "0");
        check(&wire(0, 0, 3, &[]), "0.000");
        check(&wire(0, 0x4000, 2, &[12, 5000]), "-12.50");
        check(&wire(1, 0, 0, &[1, 2]), "10002");
        check(&wire(2, 0, 0, &[1]), "100000000");
        check(&wire(-2, 0, 9, &[1230]), "0.000012300");
        check(&wire(0, 0xc000, 0, &[]), "NaN");
        check(&wire(0, 0xd000, 0, &[]), "Infinity");
        check(&wire(0, 0xf000, 0, &[]), "-Infinity");
    }

    #[test]
    fn the_largest_weight_and_scale_stay_bounded() {
        let mut out = String::new();
        write(&mut out, &wire(i16::MAX, 0, 0x3fff, &[1])).unwrap();
        assert_eq!(out.len(), 1 + 32_767 * 4 + 1 + MAX_SCALE);
    }

    #[test]
    fn malformed_numerics_are_errors() {
        let refused = |bytes: &[u8]| write(&mut String::new(), bytes).unwrap_err();
        assert_eq!(refused(&[0, 9, 0, 0, 0, 0, 0, 0]), Error::Malformed("it ends too early"));
        assert_eq!(refused(&wire(0, 0, 0, &[10_000])), Error::Malformed("a digit of a numeric is above 9999"));
        assert_eq!(refused(&wire(0, 1, 0, &[])), Error::Malformed("a numeric has an unknown sign"));
        let scale = Error::Malformed("a numeric has too many digits after the point");
        assert_eq!(refused(&wire(0, 0, 0xffff, &[])), scale);
    }

    #[test]
    fn grammar_of_a_parameter() {
        for good in ["0", "-12.50", "+1", ".5", "5.", "1e6", "1.5E-7", "NaN", "nan", "Infinity", "-inf"] {
            assert!(is_numeric(good), "{good}");
        }
        for bad in ["", "-", ".", "1e", "1e+", " 1", "1 ", "0x1f", "1_000", "1,5", "--1", "-NaN", "1e5.5", "١", "1'"] {
            assert!(!is_numeric(bad), "{bad}");
        }
    }
}
