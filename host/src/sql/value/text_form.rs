//! The text of any built-in type from its binary form, as the server prints it with its default settings and in UTC. For
//! results that travel as text. Nothing here asks a server: names behind oids stay numbers, and what needs a locale or a
//! parser of its own is an error that says so.

mod container;
mod geometry;
mod network;

use super::reader::Reader;
use super::{Error, datetime, float, interval, numeric, push, push_hex, versioned_text, write_text_like, write_uuid};
use postgres_types::{Kind, Type};

/// Bytes a column's text may have: as much as a guest's memory by default. Text can be ten thousand times its binary
/// form (`1e131071`), so a limit on what the server sends is none on this.
pub const LIMIT: usize = 256 * 1024 * 1024;

/// Arrays in rows in ranges …: nobody has more, and each level may double the quotes and backslashes of the one below.
const MAX_DEPTH: usize = 12;

/// Appends the text of a value that is not NULL. `limit` is for all of `out`.
pub fn write(out: &mut String, ty: &Type, bytes: &[u8], limit: usize) -> Result<(), Error> {
    Writer { limit, depth: 0 }.write(out, ty, bytes)
}

/// What every level of a nested value is held to.
#[derive(Debug, Clone, Copy)]
struct Writer {
    limit: usize,
    depth: usize,
}

impl Writer {
    fn write(self, out: &mut String, ty: &Type, bytes: &[u8]) -> Result<(), Error> {
        if self.depth > MAX_DEPTH {
            return Err(Error::Malformed("a value is nested more than 12 deep"));
        }
        if !write_simple(out, ty, bytes)? {
            let inner = Self { depth: self.depth + 1, ..self };
            match ty.kind() {
                Kind::Enum(_) => write_text_like(out, ty.oid(), bytes)?,
                Kind::Domain(base) => inner.write(out, base, bytes)?,
                Kind::Array(element) => inner.write_array(out, ty, element, bytes)?,
                Kind::Range(bound) => inner.write_range(out, bound, bytes)?,
                Kind::Multirange(bound) => inner.write_multirange(out, bound, bytes)?,
                Kind::Composite(fields) => inner.write_row(out, fields, bytes)?,
                _ if *ty == Type::RECORD => inner.write_row(out, &[], bytes)?,
                _ => return Err(Error::NoTextForm(ty.name().to_owned())),
            }
        }
        if out.len() > self.limit { Err(Error::TooLarge { limit: self.limit }) } else { Ok(()) }
    }
}

/// Types that are made of no other type; false where it is none of them.
fn write_simple(out: &mut String, ty: &Type, bytes: &[u8]) -> Result<bool, Error> {
    let mut wire = Reader::new(bytes);
    match *ty {
        Type::BOOL => out.push(if wire.boolean()? { 't' } else { 'f' }),
        Type::INT2 => push(out, format_args!("{}", wire.i16()?)),
        Type::INT4 => push(out, format_args!("{}", wire.i32()?)),
        Type::INT8 => push(out, format_args!("{}", wire.i64()?)),
        Type::FLOAT4 => float::write_f32(out, f32::from_be_bytes(wire.array()?)),
        Type::FLOAT8 => float::write_f64(out, wire.f64()?),
        Type::DATE => datetime::write_date(out, wire.i32()?),
        Type::TIME => datetime::write_time(out, wire.i64()?),
        Type::TIMESTAMP => datetime::write_timestamp(out, wire.i64()?, datetime::Zone::None),
        Type::TIMESTAMPTZ => datetime::write_timestamp(out, wire.i64()?, datetime::Zone::Utc),
        Type::INTERVAL => datetime::write_interval(out, &interval(&mut wire)?),
        Type::OID
        | Type::XID
        | Type::CID
        | Type::REGPROC
        | Type::REGPROCEDURE
        | Type::REGOPER
        | Type::REGOPERATOR
        | Type::REGCLASS
        | Type::REGTYPE
        | Type::REGROLE
        | Type::REGNAMESPACE
        | Type::REGCONFIG
        | Type::REGDICTIONARY
        | Type::REGCOLLATION => push(out, format_args!("{}", wire.u32()?)),
        Type::XID8 => push(out, format_args!("{}", wire.u64()?)),
        Type::PG_LSN => push(out, format_args!("{:X}/{:X}", wire.u32()?, wire.u32()?)),
        Type::TID => push(out, format_args!("({},{})", wire.u32()?, wire.u16()?)),
        Type::PG_SNAPSHOT | Type::TXID_SNAPSHOT => write_snapshot(out, &mut wire)?,
        Type::BIT | Type::VARBIT => write_bits(out, &mut wire)?,
        Type::TS_VECTOR => write_lexemes(out, &mut wire)?,
        Type::POINT => geometry::write_point(out, &mut wire)?,
        Type::LSEG => geometry::write_segment(out, &mut wire)?,
        Type::BOX => geometry::write_box(out, &mut wire)?,
        Type::LINE => geometry::write_line(out, &mut wire)?,
        Type::CIRCLE => geometry::write_circle(out, &mut wire)?,
        Type::PATH => geometry::write_path(out, &mut wire)?,
        Type::POLYGON => geometry::write_polygon(out, &mut wire)?,
        Type::MACADDR | Type::MACADDR8 => return network::write_mac(out, ty, bytes).map(|()| true),
        Type::INET | Type::CIDR => return network::write_address(out, bytes).map(|()| true),
        Type::NUMERIC => return numeric::write(out, bytes).map(|()| true),
        Type::UUID => return write_uuid(out, bytes).map(|()| true),
        Type::TIMETZ => return datetime::write_timetz(out, bytes).map(|()| true),
        Type::BYTEA => {
            out.push_str("\\x");
            for byte in bytes {
                push_hex(out, *byte);
            }
            return Ok(true);
        }
        Type::JSONB | Type::JSONPATH => {
            out.push_str(versioned_text(bytes)?);
            return Ok(true);
        }
        Type::JSON => {
            out.push_str(wire.text()?);
            return Ok(true);
        }
        _ if super::kind_of_type(ty) == super::Kind::TextLike => {
            return write_text_like(out, ty.oid(), bytes).map(|()| true);
        }
        _ => return Ok(false),
    }
    wire.finish()?;
    Ok(true)
}

fn write_bits(out: &mut String, wire: &mut Reader<'_>) -> Result<(), Error> {
    let bits = usize::try_from(wire.i32()?).map_err(|_| Error::Malformed("a bit string's length is negative"))?;
    let bytes = wire.take(bits.div_ceil(8))?;
    for place in 0..bits {
        let set = bytes[place / 8] & (0x80 >> (place % 8)) != 0;
        out.push(if set { '1' } else { '0' });
    }
    Ok(())
}

/// `xmin:xmax:xip,xip`
fn write_snapshot(out: &mut String, wire: &mut Reader<'_>) -> Result<(), Error> {
    let running = usize::try_from(wire.i32()?).map_err(|_| Error::Malformed("a count is negative"))?;
    push(out, format_args!("{}:{}:", wire.u64()?, wire.u64()?));
    for place in 0..running {
        let comma = if place > 0 { "," } else { "" };
        push(out, format_args!("{comma}{}", wire.u64()?));
    }
    Ok(())
}

/// `'cat':3A 'fat':2,11`
fn write_lexemes(out: &mut String, wire: &mut Reader<'_>) -> Result<(), Error> {
    for place in 0..wire.count(3)? {
        out.push_str(if place > 0 { " '" } else { "'" });
        for character in wire.zero_ended()?.chars() {
            if matches!(character, '\'' | '\\') {
                out.push(character);
            }
            out.push(character);
        }
        out.push('\'');
        for position in 0..wire.u16()? {
            let entry = wire.u16()?;
            let weight = match entry >> 14 {
                3 => "A",
                2 => "B",
                1 => "C",
                _ => "",
            };
            let separator = if position > 0 { ',' } else { ':' };
            push(out, format_args!("{separator}{}{weight}", entry & 0x3fff));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ty: &Type, bytes: &[u8], expected: &str) {
        let mut out = String::new();
        let shown = match write(&mut out, ty, bytes, 100) {
            Ok(()) => out,
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected, "{ty}");
    }

    #[test]
    fn simple_types() {
        check(&Type::BOOL, &[1], "t");
        check(&Type::OID, &[255, 255, 255, 255], "4294967295");
        check(&Type::PG_LSN, &[0, 0, 0, 0x16, 0xb3, 0x74, 0xd8, 0x48], "16/B374D848");
        check(&Type::TID, &[0, 0, 0, 1, 0, 2], "(1,2)");
        check(&Type::VARBIT, &[0, 0, 0, 10, 0b1010_0101, 0b0100_0000], "1010010101");
        check(&Type::VARBIT, &[0, 0, 0, 0], "");
        check(&Type::BYTEA, &[0, 0xff], "\\x00ff");
        check(&Type::TS_VECTOR, b"\0\0\0\x01it's\0\0\x02\xc0\x01\0\x05", "'it''s':1A,5");
        check(&Type::JSONPATH, b"\x01$.\"a\"", "$.\"a\"");
        check(
            &Type::TXID_SNAPSHOT,
            &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 7],
            "5:9:7",
        );
    }

    #[test]
    fn types_without_a_text_form_are_named() {
        check(&Type::MONEY, &[0; 8], "type `money` has no text form here: cast it to text");
        check(&Type::TSQUERY, &[0; 4], "type `tsquery` has no text form here: cast it to text");
    }

    #[test]
    fn absurd_sizes_are_errors() {
        let early = "the server sent a value that cannot be read: it ends too early";
        check(&Type::VARBIT, &[0x7f, 255, 255, 255], early);
        check(&Type::TXID_SNAPSHOT, &[[0x7f, 255, 255, 255].as_slice(), &[0; 16]].concat(), early);
        let count = "the server sent a value that cannot be read: a count is larger than what follows";
        check(&Type::TS_VECTOR, &[0x7f, 255, 255, 255], count);
        check(&Type::BYTEA, &[0; 50], "the text of a result column is larger than 100 bytes");
    }
}
