//! PostgreSQL values between the server's binary form and the WIT's `value`, both ways. Pure: bytes in, values out, no
//! connection. What a column's type is called, and which user types exist, is known to the caller.

pub mod array;
pub mod datetime;
pub mod float;
pub mod numeric;
pub mod parameter;
pub mod reader;
pub mod text_form;
pub mod vector;

use crate::bindings::{Interval, OtherValue, Value};
use postgres_types::Type;
use reader::Reader;

/// Why a value cannot cross.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Bytes from the server that are no value of the column's type.
    #[error("the server sent a value that cannot be read: {0}")]
    Malformed(&'static str),
    /// A type whose binary form is not known here.
    #[error("type `{0}` has no text form here: cast it to text")]
    NoTextForm(String),
    /// Text that grows far beyond the bytes it came from.
    #[error("the text of a result column is larger than {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// U+0000 in a text parameter.
    #[error("the text holds U+0000, which no PostgreSQL text can hold")]
    NulInText,
    /// A numeric parameter that is no number.
    #[error("`{0}` is not a numeric: write digits as in `-12.50` or `1e6`, or `NaN`, `Infinity`, `-Infinity`")]
    NotNumeric(String),
    /// A date or time parameter that PostgreSQL cannot hold.
    #[error("{type_name} `{value}` is outside PostgreSQL's range")]
    OutOfRange {
        /// The case of the value.
        type_name: &'static str,
        /// As the guest gave it.
        value: i64,
    },
    /// The text form of another value is not UTF-8.
    #[error("the text form of a value of type {oid} is not UTF-8")]
    NotUtf8 {
        /// The type given with the value.
        oid: u32,
    },
}

impl Error {
    /// The error kind a guest sees.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Malformed(_) | Self::NoTextForm(_) => "result",
            Self::TooLarge { .. } => "limit",
            Self::NulInText | Self::NotNumeric(_) | Self::OutOfRange { .. } | Self::NotUtf8 { .. } => "parameter",
        }
    }

    /// The nearest code PostgreSQL has.
    #[must_use]
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "22P03",
            Self::NoTextForm(_) => "42883",
            Self::TooLarge { .. } => "54000",
            Self::NulInText | Self::NotUtf8 { .. } => "22021",
            Self::NotNumeric(_) => "22P02",
            Self::OutOfRange { .. } => "22008",
        }
    }
}

/// How the values of a column are handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// boolean
    Bool,
    /// smallint
    Int2,
    /// integer
    Int4,
    /// bigint
    Int8,
    /// real
    Float4,
    /// double precision
    Float8,
    /// numeric
    Numeric,
    /// Types whose binary form is their text: text, varchar, char(n), name, xml, enums, citext.
    TextLike,
    /// bytea
    Bytea,
    /// date
    Date,
    /// time without time zone
    Time,
    /// timestamp without time zone
    Timestamp,
    /// timestamp with time zone
    Timestamptz,
    /// interval
    Interval,
    /// uuid
    Uuid,
    /// json
    Json,
    /// jsonb
    Jsonb,
    /// Arrays of text, varchar, char(n) and name.
    TextArray,
    /// bigint[]
    Int8Array,
    /// Everything else.
    Other,
}

/// The kind of a built-in type; none for a type of the user's or an extension's.
#[must_use]
pub fn kind_of(oid: u32) -> Option<Kind> {
    Some(match Type::from_oid(oid)? {
        Type::BOOL => Kind::Bool,
        Type::INT2 => Kind::Int2,
        Type::INT4 => Kind::Int4,
        Type::INT8 => Kind::Int8,
        Type::FLOAT4 => Kind::Float4,
        Type::FLOAT8 => Kind::Float8,
        Type::NUMERIC => Kind::Numeric,
        // `void` is what `SELECT f()` returns for many a function: zero bytes, so the empty text, as psql shows it.
        Type::TEXT
        | Type::VARCHAR
        | Type::BPCHAR
        | Type::NAME
        | Type::CHAR
        | Type::UNKNOWN
        | Type::XML
        | Type::CSTRING
        | Type::REFCURSOR
        | Type::PG_NODE_TREE
        | Type::VOID => Kind::TextLike,
        Type::BYTEA => Kind::Bytea,
        Type::DATE => Kind::Date,
        Type::TIME => Kind::Time,
        Type::TIMESTAMP => Kind::Timestamp,
        Type::TIMESTAMPTZ => Kind::Timestamptz,
        Type::INTERVAL => Kind::Interval,
        Type::UUID => Kind::Uuid,
        Type::JSON => Kind::Json,
        Type::JSONB => Kind::Jsonb,
        Type::TEXT_ARRAY | Type::VARCHAR_ARRAY | Type::BPCHAR_ARRAY | Type::NAME_ARRAY => Kind::TextArray,
        Type::INT8_ARRAY => Kind::Int8Array,
        _ => Kind::Other,
    })
}

/// The kind of any type, where the driver has looked up what a user's type is made of.
#[must_use]
pub fn kind_of_type(ty: &Type) -> Kind {
    if let Some(kind) = kind_of(ty.oid()) {
        return kind;
    }
    match ty.kind() {
        postgres_types::Kind::Enum(_) => Kind::TextLike,
        postgres_types::Kind::Domain(base) => kind_of_type(base),
        // The one type of an extension that is text on the wire and text in everybody's mind.
        _ if ty.name() == "citext" => Kind::TextLike,
        _ => Kind::Other,
    }
}

/// A cell of a result as a value. `bytes` is its binary form, none for NULL.
pub fn decode(kind: Kind, oid: u32, bytes: Option<&[u8]>) -> Result<Value, Error> {
    let Some(bytes) = bytes else { return Ok(Value::Null) };
    let mut wire = Reader::new(bytes);
    let value = match kind {
        Kind::Bool => Value::Boolean(wire.boolean()?),
        Kind::Int2 => Value::Int2(wire.i16()?),
        Kind::Int4 => Value::Int4(wire.i32()?),
        Kind::Int8 => Value::Int8(wire.i64()?),
        Kind::Float4 => Value::Float4(f32::from_be_bytes(wire.array()?)),
        Kind::Float8 => Value::Float8(wire.f64()?),
        Kind::Date => Value::Date(wire.i32()?),
        Kind::Time => Value::Time(wire.i64()?),
        Kind::Timestamp => Value::Timestamp(wire.i64()?),
        Kind::Timestamptz => Value::Timestamptz(wire.i64()?),
        Kind::Interval => Value::Interval(interval(&mut wire)?),
        Kind::TextLike => return written(|out| write_text_like(out, oid, bytes)).map(Value::Text),
        Kind::Numeric => return written(|out| numeric::write(out, bytes)).map(Value::Numeric),
        Kind::Uuid => return written(|out| write_uuid(out, bytes)).map(Value::Uuid),
        Kind::Json => return Ok(Value::Json(wire.text()?.to_owned())),
        Kind::Jsonb => return Ok(Value::Jsonb(versioned_text(bytes)?.to_owned())),
        Kind::Bytea => return Ok(Value::Bytea(bytes.to_vec())),
        Kind::TextArray => return Ok(array::texts(bytes)?.map_or_else(|| other(oid, bytes), Value::TextArray)),
        Kind::Int8Array => return Ok(array::integers(bytes)?.map_or_else(|| other(oid, bytes), Value::Int8Array)),
        Kind::Other => return Ok(other(oid, bytes)),
    };
    wire.finish()?;
    Ok(value)
}

/// Bytes of memory a value takes: a numeric's text can be ten thousand times its binary form, so that a limit on what
/// the server sends does not hold what is made of it.
#[must_use]
pub fn size(value: &Value) -> usize {
    let owned = match value {
        Value::Null
        | Value::Boolean(_)
        | Value::Int2(_)
        | Value::Int4(_)
        | Value::Int8(_)
        | Value::Float4(_)
        | Value::Float8(_)
        | Value::Date(_)
        | Value::Time(_)
        | Value::Timestamp(_)
        | Value::Timestamptz(_)
        | Value::Interval(_) => 0,
        Value::Numeric(text) | Value::Text(text) | Value::Uuid(text) | Value::Json(text) | Value::Jsonb(text) => {
            text.len()
        }
        Value::Bytea(bytes) => bytes.len(),
        Value::TextArray(items) => {
            size_of_val(items.as_slice()) + items.iter().flatten().map(String::len).sum::<usize>()
        }
        Value::Int8Array(items) => size_of_val(items.as_slice()),
        Value::Other(other) => other.data.len(),
    };
    size_of::<Value>() + owned
}

fn written(write: impl FnOnce(&mut String) -> Result<(), Error>) -> Result<String, Error> {
    let mut text = String::new();
    write(&mut text)?;
    Ok(text)
}

/// Appends a value whose binary form is its text, with the one exception.
fn write_text_like(out: &mut String, oid: u32, bytes: &[u8]) -> Result<(), Error> {
    if oid == Type::CHAR.oid() {
        return write_char(out, bytes);
    }
    out.push_str(Reader::new(bytes).text()?);
    Ok(())
}

/// The `"char"` type: one byte, which may be no character at all.
fn write_char(out: &mut String, bytes: &[u8]) -> Result<(), Error> {
    match bytes {
        [0] => {}
        [byte] if byte.is_ascii() => out.push(char::from(*byte)),
        // As PostgreSQL 16 writes it, and reads it back.
        [byte] => push(out, format_args!("\\{byte:03o}")),
        _ => return Err(Error::Malformed("a \"char\" is not one byte")),
    }
    Ok(())
}

fn write_uuid(out: &mut String, bytes: &[u8]) -> Result<(), Error> {
    let bytes: [u8; 16] = bytes.try_into().map_err(|_| Error::Malformed("a uuid is not 16 bytes"))?;
    for (place, byte) in bytes.into_iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        push_hex(out, byte);
    }
    Ok(())
}

/// jsonb and jsonpath: their text after a version byte, which has been 1 ever since.
fn versioned_text(bytes: &[u8]) -> Result<&str, Error> {
    match bytes {
        [1, text @ ..] => Reader::new(text).text(),
        _ => Err(Error::Malformed("jsonb or jsonpath of an unknown version")),
    }
}

fn interval(wire: &mut Reader<'_>) -> Result<Interval, Error> {
    Ok(Interval { microseconds: wire.i64()?, days: wire.i32()?, months: wire.i32()? })
}

fn other(oid: u32, bytes: &[u8]) -> Value {
    Value::Other(OtherValue { oid, text: false, data: bytes.to_vec() })
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    std::fmt::Write::write_fmt(out, text).expect("writing to a String does not fail");
}

fn push_hex(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ty: &Type, bytes: &[u8], expected: &Result<Value, Error>) {
        let kind = kind_of(ty.oid()).expect("a built-in type");
        assert_eq!(decode(kind, ty.oid(), Some(bytes)), *expected, "{ty}");
    }

    #[test]
    fn cells_become_values() {
        check(&Type::BOOL, &[1], &Ok(Value::Boolean(true)));
        check(&Type::INT2, &[0xff, 0xfe], &Ok(Value::Int2(-2)));
        check(&Type::INT4, &[0, 0, 1, 0], &Ok(Value::Int4(256)));
        check(&Type::INT8, &[0x80, 0, 0, 0, 0, 0, 0, 0], &Ok(Value::Int8(i64::MIN)));
        check(&Type::FLOAT8, &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0], &Ok(Value::Float8(1.5)));
        check(&Type::DATE, &[0x7f, 0xff, 0xff, 0xff], &Ok(Value::Date(i32::MAX)));
        check(&Type::TEXT, "grün".as_bytes(), &Ok(Value::Text("grün".into())));
        check(&Type::CHAR, &[0], &Ok(Value::Text(String::new())));
        check(&Type::CHAR, &[200], &Ok(Value::Text("\\310".into())));
        check(&Type::VOID, &[], &Ok(Value::Text(String::new())));
        check(&Type::JSONB, b"\x01{}", &Ok(Value::Jsonb("{}".into())));
        check(&Type::BYTEA, &[0, 255], &Ok(Value::Bytea(vec![0, 255])));
        check(
            &Type::INTERVAL,
            &[0, 0, 0, 0, 0, 0, 0, 3, 255, 255, 255, 254, 0, 0, 0, 1],
            &Ok(Value::Interval(Interval { microseconds: 3, days: -2, months: 1 })),
        );
        check(
            &Type::UUID,
            &[0xa0, 0xee, 0xbc, 0x99, 0x9c, 0x0b, 0x4e, 0xf8, 0xbb, 0x6d, 0x6b, 0xb9, 0xbd, 0x38, 0x0a, 0x11],
            &Ok(Value::Uuid("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11".into())),
        );
        let pair = vec![0, 0, 0, 1, 0, 2];
        check(&Type::TID, &pair, &Ok(Value::Other(OtherValue { oid: 27, text: false, data: pair.clone() })));
    }

    #[test]
    fn null_is_null_in_every_kind() {
        assert_eq!(decode(Kind::Int4, Type::INT4.oid(), None), Ok(Value::Null));
        assert_eq!(decode(Kind::Other, 99_999, None), Ok(Value::Null));
    }

    #[test]
    fn malformed_cells_are_errors() {
        check(&Type::BOOL, &[2], &Err(Error::Malformed("a boolean is neither 0 nor 1")));
        check(&Type::INT4, &[0, 0, 0], &Err(Error::Malformed("it ends too early")));
        check(&Type::INT4, &[0, 0, 0, 0, 0], &Err(Error::Malformed("bytes are left over")));
        check(&Type::TEXT, &[0xff], &Err(Error::Malformed("a text is not UTF-8")));
        check(&Type::TEXT, b"a\0b", &Err(Error::Malformed("a text holds U+0000")));
        check(&Type::JSONB, b"\x02{}", &Err(Error::Malformed("jsonb or jsonpath of an unknown version")));
        check(&Type::UUID, &[0; 15], &Err(Error::Malformed("a uuid is not 16 bytes")));
    }

    #[test]
    fn kinds_of_user_types() {
        assert_eq!(kind_of(16_400), None);
        let labels = postgres_types::Kind::Enum(vec!["a".into()]);
        let mood = Type::new("mood".into(), 16_400, labels, "public".into());
        assert_eq!(kind_of_type(&mood), Kind::TextLike);
        let domain = Type::new("d".into(), 16_401, postgres_types::Kind::Domain(Type::INT8), "public".into());
        assert_eq!(kind_of_type(&domain), Kind::Int8);
        let row = Type::new("r".into(), 16_402, postgres_types::Kind::Composite(vec![]), "public".into());
        assert_eq!(kind_of_type(&row), Kind::Other);
    }
}
