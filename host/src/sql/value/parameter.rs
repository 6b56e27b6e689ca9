//! From the WIT's values to statement parameters. A value travels as text of unknown type, so that the server infers the
//! type of `$n` and reads the text as it reads a quoted literal; only `other` in binary form travels with its own type.

use super::{Error, datetime, float, numeric, push, push_hex, text_form};
use crate::bindings::Value;
use bytes::{BufMut as _, BytesMut};
use postgres_types::{Format, IsNull, Kind, ToSql, Type};
use std::borrow::Cow;

/// A parameter, ready to be sent. Long texts are borrowed from the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter<'a> {
    ty: Type,
    binary: bool,
    data: Option<Cow<'a, [u8]>>,
}

impl Parameter<'_> {
    /// The type to announce: unknown, or that of a binary value.
    #[must_use]
    pub fn pg_type(&self) -> Type {
        self.ty.clone()
    }

    /// Bytes it adds to the statement.
    #[must_use]
    pub fn size(&self) -> usize {
        self.data.as_ref().map_or(0, |data| data.len())
    }
}

impl ToSql for Parameter<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match &self.data {
            None => IsNull::Yes,
            Some(data) => {
                out.put_slice(data);
                IsNull::No
            }
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        if self.binary { Format::Binary } else { Format::Text }
    }

    postgres_types::to_sql_checked!();
}

/// A value as a parameter.
pub fn encode(value: &Value) -> Result<Parameter<'_>, Error> {
    if let Value::Other(other) = value
        && !other.text
    {
        return Ok(Parameter { ty: type_of(other.oid), binary: true, data: Some(Cow::Borrowed(&other.data)) });
    }
    let data = text_of(value)?.map(|text| match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    });
    Ok(Parameter { ty: Type::UNKNOWN, binary: false, data })
}

/// What stands between the quotes of the value's literal (see [`quote_literal`]); none for NULL.
pub fn to_literal_text(value: &Value) -> Result<Option<String>, Error> {
    Ok(text_of(value)?.map(Cow::into_owned))
}

/// A literal that means the same text whatever `standard_conforming_strings` says.
#[must_use]
pub fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

fn type_of(oid: u32) -> Type {
    // Name and kind of a user's type are not sent: the server looks at the oid alone.
    Type::from_oid(oid).unwrap_or_else(|| Type::new(String::new(), oid, Kind::Simple, String::new()))
}

fn text_of(value: &Value) -> Result<Option<Cow<'_, str>>, Error> {
    let text: Cow<'_, str> = match value {
        Value::Null => return Ok(None),
        Value::Boolean(true) => "t".into(),
        Value::Boolean(false) => "f".into(),
        Value::Int2(number) => number.to_string().into(),
        Value::Int4(number) => number.to_string().into(),
        Value::Int8(number) => number.to_string().into(),
        Value::Float4(number) => float::f32_parameter(*number).into(),
        Value::Float8(number) => float::f64_parameter(*number).into(),
        Value::Numeric(text) => checked_numeric(text)?.into(),
        Value::Text(text) | Value::Uuid(text) | Value::Json(text) | Value::Jsonb(text) => without_nul(text)?.into(),
        Value::Bytea(bytes) => bytea_text(bytes).into(),
        Value::Date(days) => datetime::date_parameter(*days)?.into(),
        Value::Time(microseconds) => datetime::time_parameter(*microseconds)?.into(),
        Value::Timestamp(microseconds) => datetime::timestamp_parameter(*microseconds, datetime::Zone::None)?.into(),
        Value::Timestamptz(microseconds) => datetime::timestamp_parameter(*microseconds, datetime::Zone::Utc)?.into(),
        Value::Interval(interval) => datetime::interval_parameter(*interval).into(),
        Value::TextArray(items) => text_array(items)?.into(),
        Value::Int8Array(items) => integer_array(items).into(),
        Value::Other(other) if other.text => {
            let text = std::str::from_utf8(&other.data).map_err(|_| Error::NotUtf8 { oid: other.oid })?;
            without_nul(text)?.into()
        }
        Value::Other(other) => {
            let ty = Type::from_oid(other.oid).ok_or_else(|| Error::NoTextForm(format!("oid {}", other.oid)))?;
            let mut text = String::new();
            text_form::write(&mut text, &ty, &other.data, text_form::LIMIT)?;
            text.into()
        }
    };
    Ok(Some(text))
}

fn without_nul(text: &str) -> Result<&str, Error> {
    if text.as_bytes().contains(&0) { Err(Error::NulInText) } else { Ok(text) }
}

fn checked_numeric(text: &str) -> Result<&str, Error> {
    /// Enough of a wrong number to recognise it.
    const SHOWN: usize = 40;
    if numeric::is_numeric(text) {
        return Ok(text);
    }
    let shown: String = text.chars().take(SHOWN).collect();
    let dots = if shown.len() < text.len() { "…" } else { "" };
    Err(Error::NotNumeric(format!("{}{dots}", shown.escape_debug())))
}

fn bytea_text(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 + 2 * bytes.len());
    out.push_str("\\x");
    for byte in bytes {
        push_hex(&mut out, *byte);
    }
    out
}

/// Every element is quoted: then none is NULL, a brace or a blank by accident.
fn text_array(items: &[Option<String>]) -> Result<String, Error> {
    let mut out = String::from("{");
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        let Some(item) = item else {
            out.push_str("NULL");
            continue;
        };
        out.push('"');
        for character in without_nul(item)?.chars() {
            if matches!(character, '"' | '\\') {
                out.push('\\');
            }
            out.push(character);
        }
        out.push('"');
    }
    out.push('}');
    Ok(out)
}

fn integer_array(items: &[Option<i64>]) -> String {
    let mut out = String::from("{");
    for (place, item) in items.iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        match item {
            Some(number) => push(&mut out, format_args!("{comma}{number}")),
            None => push(&mut out, format_args!("{comma}NULL")),
        }
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::{Interval, OtherValue};

    fn check(value: &Value, expected: &str) {
        let shown = match to_literal_text(value) {
            Ok(Some(text)) => text,
            Ok(None) => "NULL".into(),
            Err(error) => format!("{} {}: {error}", error.kind(), error.sqlstate()),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn values_become_text() {
        check(&Value::Null, "NULL");
        check(&Value::Boolean(true), "t");
        check(&Value::Int2(i16::MIN), "-32768");
        check(&Value::Int8(i64::MIN), "-9223372036854775808");
        check(&Value::Float4(0.1), "0.1");
        check(&Value::Float8(f64::INFINITY), "Infinity");
        check(&Value::Numeric("-0.00".into()), "-0.00");
        check(&Value::Text("it's \\ x".into()), "it's \\ x");
        check(&Value::Bytea(vec![0, 0x1f, 0xff]), "\\x001fff");
        check(&Value::Date(0), "2000-01-01");
        check(&Value::Timestamptz(0), "2000-01-01 00:00:00+00");
        check(&Value::Interval(Interval { microseconds: -1, days: 2, months: 0 }), "+0 mons +2 days -00:00:00.000001");
        let items = ["a", "NULL", "", " {,} ", "q\"b\\"].map(|item| Some(item.to_owned()));
        check(&Value::TextArray([None].into_iter().chain(items).collect()), r#"{NULL,"a","NULL",""," {,} ","q\"b\\"}"#);
        check(&Value::Int8Array(vec![Some(-1), None]), "{-1,NULL}");
        check(&Value::Int8Array(vec![]), "{}");
        check(&Value::Other(OtherValue { oid: 3904, text: true, data: b"[1,2)".to_vec() }), "[1,2)");
        check(&Value::Other(OtherValue { oid: 3220, text: false, data: vec![0, 0, 0, 1, 0, 0, 0, 0x0a] }), "1/A");
    }

    #[test]
    fn values_that_do_not_fit_are_errors() {
        let nul = "parameter 22021: the text holds U+0000, which no PostgreSQL text can hold";
        check(&Value::Text("a\0b".into()), nul);
        check(&Value::Jsonb("\0".into()), nul);
        check(&Value::TextArray(vec![Some("\0".into())]), nul);
        check(&Value::Date(i32::MIN + 1), "parameter 22008: date `-2147483647` is outside PostgreSQL's range");
        let number = "parameter 22P02: `1; x` is not a numeric: write digits as in `-12.50` or `1e6`, or `NaN`, \
                      `Infinity`, `-Infinity`";
        check(&Value::Numeric("1; x".into()), number);
        let broken = OtherValue { oid: 25, text: true, data: vec![0xff] };
        check(&Value::Other(broken), "parameter 22021: the text form of a value of type 25 is not UTF-8");
        let user = OtherValue { oid: 99_999, text: false, data: vec![] };
        check(&Value::Other(user), "result 42883: type `oid 99999` has no text form here: cast it to text");
    }

    #[test]
    fn only_binary_values_have_a_type() {
        let other = Value::Other(OtherValue { oid: 99_999, text: false, data: vec![7] });
        let parameter = encode(&other).unwrap();
        assert_eq!((parameter.pg_type().oid(), parameter.binary, parameter.size()), (99_999, true, 1));
        let text = Value::Text("x".into());
        let parameter = encode(&text).unwrap();
        assert_eq!((parameter.pg_type(), parameter.binary, parameter.size()), (Type::UNKNOWN, false, 1));
    }

    #[test]
    fn literals() {
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal("\\x00'"), "E'\\\\x00'''");
    }
}
