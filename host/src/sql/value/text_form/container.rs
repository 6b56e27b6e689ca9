//! Text of values that hold values: arrays, ranges, multiranges and rows. Each has its own rules of what is quoted and
//! how; they are those of the server's output functions.

use super::Writer;
use crate::sql::value::array::Array;
use crate::sql::value::reader::Reader;
use crate::sql::value::{Error, push};
use postgres_types::{Field, Type};

const EMPTY: u8 = 0x01;
const LOWER_INCLUSIVE: u8 = 0x02;
const UPPER_INCLUSIVE: u8 = 0x04;
const LOWER_INFINITE: u8 = 0x08;
const UPPER_INFINITE: u8 = 0x10;

impl Writer {
    /// `{a,"b c",NULL}`, `[0:1]={…}` where a lower bound is not 1, `{{…},{…}}` with several dimensions.
    pub(super) fn write_array(self, out: &mut String, ty: &Type, element: &Type, bytes: &[u8]) -> Result<(), Error> {
        let mut array = Array::new(bytes)?;
        if array.element != element.oid() {
            return Err(Error::Malformed("an array's elements are not of its type"));
        }
        if matches!(*ty, Type::INT2_VECTOR | Type::OID_VECTOR) {
            return self.write_old_vector(out, element, array);
        }
        if array.is_empty() {
            out.push_str("{}");
            return Ok(());
        }
        if array.dimensions.iter().any(|dimension| dimension.lower != 1) {
            for dimension in &array.dimensions {
                let length = i64::try_from(dimension.length).map_err(|_| Error::Malformed("an array is too large"))?;
                let last = i64::from(dimension.lower).saturating_add(length - 1);
                push(out, format_args!("[{}:{last}]", dimension.lower));
            }
            out.push('=');
        }
        let delimiter = if *element == Type::BOX { ';' } else { ',' };
        // Elements in one brace of each dimension, innermost first: a brace opens and closes at multiples of these.
        let mut sizes = Vec::new();
        let mut size = 1_usize;
        for dimension in array.dimensions.iter().rev() {
            size *= dimension.length;
            sizes.push(size);
        }
        for place in 0..array.len() {
            if place > 0 {
                out.push(delimiter);
            }
            sizes.iter().filter(|size| place % **size == 0).for_each(|_| out.push('{'));
            match array.next_element()? {
                None => out.push_str("NULL"),
                Some(bytes) => {
                    let start = out.len();
                    self.write(out, element, bytes)?;
                    let text = &out[start..];
                    let special = |c: char| matches!(c, '"' | '\\' | '{' | '}') || c == delimiter || is_space(c);
                    if text.is_empty() || text.eq_ignore_ascii_case("null") || text.contains(special) {
                        quote(out, start, |_| '\\');
                    }
                }
            }
            sizes.iter().filter(|size| (place + 1) % **size == 0).for_each(|_| out.push('}'));
        }
        array.finish()
    }

    /// int2vector and oidvector: numbers with blanks between.
    fn write_old_vector(self, out: &mut String, element: &Type, mut array: Array<'_>) -> Result<(), Error> {
        for place in 0..array.len() {
            if place > 0 {
                out.push(' ');
            }
            let bytes = array.next_element()?.ok_or(Error::Malformed("a vector of numbers holds NULL"))?;
            self.write(out, element, bytes)?;
        }
        array.finish()
    }

    /// `[1,5)`, `empty`, `(,"2024-01-01 00:00:00"]`
    pub(super) fn write_range(self, out: &mut String, bound: &Type, bytes: &[u8]) -> Result<(), Error> {
        let mut wire = Reader::new(bytes);
        let flags = wire.u8()?;
        if flags & EMPTY != 0 {
            out.push_str("empty");
            return wire.finish();
        }
        out.push(if flags & LOWER_INCLUSIVE != 0 { '[' } else { '(' });
        if flags & LOWER_INFINITE == 0 {
            self.write_bound(out, bound, &mut wire)?;
        }
        out.push(',');
        if flags & UPPER_INFINITE == 0 {
            self.write_bound(out, bound, &mut wire)?;
        }
        out.push(if flags & UPPER_INCLUSIVE != 0 { ']' } else { ')' });
        wire.finish()
    }

    /// `{[1,3),[5,9)}`. The driver says what the bounds are of, not which range it is.
    pub(super) fn write_multirange(self, out: &mut String, bound: &Type, bytes: &[u8]) -> Result<(), Error> {
        let mut wire = Reader::new(bytes);
        out.push('{');
        for place in 0..wire.count(5)? {
            if place > 0 {
                out.push(',');
            }
            let bytes = wire.sized()?.ok_or(Error::Malformed("a range in a multirange is NULL"))?;
            self.write_range(out, bound, bytes)?;
        }
        out.push('}');
        wire.finish()
    }

    /// `(1,"a b",)`. The wire names each field's type; `fields` is what the driver knows of them, empty for `record`.
    pub(super) fn write_row(self, out: &mut String, fields: &[Field], bytes: &[u8]) -> Result<(), Error> {
        let mut wire = Reader::new(bytes);
        out.push('(');
        for place in 0..wire.count(8)? {
            if place > 0 {
                out.push(',');
            }
            let oid = wire.u32()?;
            let known = fields.get(place).map(|field| field.type_().clone()).filter(|ty| ty.oid() == oid);
            let ty = known.or_else(|| Type::from_oid(oid)).ok_or_else(|| Error::NoTextForm(format!("oid {oid}")))?;
            let Some(bytes) = wire.sized()? else { continue };
            let start = out.len();
            self.write(out, &ty, bytes)?;
            let special = |c: char| matches!(c, '"' | '\\' | '(' | ')' | ',') || is_space(c);
            if out.len() == start || out[start..].contains(special) {
                quote(out, start, |doubled| doubled);
            }
        }
        out.push(')');
        wire.finish()
    }

    fn write_bound(self, out: &mut String, bound: &Type, wire: &mut Reader<'_>) -> Result<(), Error> {
        let bytes = wire.sized()?.ok_or(Error::Malformed("a bound of a range is NULL"))?;
        let start = out.len();
        self.write(out, bound, bytes)?;
        let special = |c: char| matches!(c, '"' | '\\' | '(' | ')' | '[' | ']' | ',') || is_space(c);
        if out.len() == start || out[start..].contains(special) {
            quote(out, start, |doubled| doubled);
        }
        Ok(())
    }
}

/// Puts what stands from `start` on in quotes; `escape` says what goes before a quote or backslash.
fn quote(out: &mut String, start: usize, escape: impl Fn(char) -> char) {
    let text = out.split_off(start);
    out.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push(escape(character));
        }
        out.push(character);
    }
    out.push('"');
}

/// C's `isspace`.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t'..='\r')
}

#[cfg(test)]
mod tests {
    use super::super::write;
    use super::*;
    use postgres_types::Kind;

    fn sized(bytes: &[u8]) -> Vec<u8> {
        [&i32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
    }

    fn words(words: &[i32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn check(ty: &Type, bytes: &[u8], expected: &str) {
        let mut out = String::new();
        let shown = match write(&mut out, ty, bytes, 10_000) {
            Ok(()) => out,
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected, "{ty}");
    }

    #[test]
    fn arrays() {
        let texts = ["a", "", "Null", "b c", "q\"\\", "ü,"].map(|text| sized(text.as_bytes())).concat();
        check(&Type::TEXT_ARRAY, &[words(&[1, 0, 25, 6, 1]), texts].concat(), r#"{a,"","Null","b c","q\"\\","ü,"}"#);
        check(&Type::INT4_ARRAY, &words(&[0, 0, 23]), "{}");
        check(&Type::INT4_ARRAY, &words(&[1, 1, 23, 2, -1, -1, 4, 7]), "[-1:0]={NULL,7}");
        check(&Type::INT4_ARRAY, &words(&[3, 0, 23, 2, 1, 1, 1, 2, 1, 4, 1, 4, 2, 4, 3, 4, 4]), "{{{1,2}},{{3,4}}}");
        check(&Type::OID_VECTOR, &words(&[1, 0, 26, 2, 0, 4, 7, 4, 8]), "7 8");
        check(&Type::INT2_VECTOR, &words(&[1, 0, 21, 0, 0]), "");
        let wrong = "the server sent a value that cannot be read: an array's elements are not of its type";
        check(&Type::INT4_ARRAY, &words(&[1, 0, 25, 1, 1, -1]), wrong);
    }

    #[test]
    fn ranges() {
        check(&Type::INT4_RANGE, &[1], "empty");
        check(&Type::INT4_RANGE, &[&[2][..], &words(&[4, 1, 4, 5])].concat(), "[1,5)");
        check(&Type::INT4_RANGE, &[0x18], "(,)");
        let midnight = [&[0x08][..], &sized(&[0; 8])].concat();
        check(&Type::TS_RANGE, &midnight, "(,\"2000-01-01 00:00:00\")");
        let one = sized(&[&[2][..], &words(&[4, 1, 4, 5])].concat());
        check(&Type::INT4MULTI_RANGE, &[words(&[2]), one.clone(), one].concat(), "{[1,5),[1,5)}");
    }

    #[test]
    fn rows() {
        let row = [words(&[3, 23, 4, 7, 25]), sized(b"a \"b\""), words(&[25, -1])].concat();
        check(&Type::RECORD, &row, r#"(7,"a ""b""",)"#);
        let user = [words(&[1, 99_999]), sized(b"x")].concat();
        check(&Type::RECORD, &user, "type `oid 99999` has no text form here: cast it to text");
        let mood = Type::new("mood".into(), 99_999, Kind::Enum(vec![]), String::new());
        let fields = vec![Field::new("m".into(), mood)];
        check(&Type::new("r".into(), 99_998, Kind::Composite(fields), String::new()), &user, "(x)");
    }

    #[test]
    fn deep_nesting_ends() {
        let mut bytes = sized(&words(&[0]));
        for _ in 0..20 {
            bytes = sized(&[words(&[1, 2249]), bytes].concat());
        }
        let deep = "the server sent a value that cannot be read: a value is nested more than 12 deep";
        check(&Type::RECORD, &bytes[4..], deep);
    }
}
