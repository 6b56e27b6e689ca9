//! Text of network addresses: inet, cidr, macaddr and macaddr8.

use crate::sql::value::reader::Reader;
use crate::sql::value::{Error, push, push_hex};
use postgres_types::Type;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The server's numbers of the families, the same on every system.
const V4: u8 = 2;
const V6: u8 = 3;

/// inet and cidr: `10.0.0.1/8`. A whole address has no `/32` or `/128`, unless it is a cidr.
pub(super) fn write_address(out: &mut String, bytes: &[u8]) -> Result<(), Error> {
    let mut wire = Reader::new(bytes);
    let (family, bits, is_cidr, length) = (wire.u8()?, wire.u8()?, wire.boolean()?, wire.u8()?);
    let whole = match (family, length) {
        (V4, 4) => {
            push(out, format_args!("{}", Ipv4Addr::from(wire.array::<4>()?)));
            32
        }
        (V6, 16) => {
            write_v6(out, wire.array()?);
            128
        }
        _ => return Err(Error::Malformed("an address is neither IPv4 nor IPv6")),
    };
    if is_cidr || bits != whole {
        push(out, format_args!("/{bits}"));
    }
    wire.finish()
}

/// `08:00:2b:01:02:03`
pub(super) fn write_mac(out: &mut String, ty: &Type, bytes: &[u8]) -> Result<(), Error> {
    let length = if *ty == Type::MACADDR { 6 } else { 8 };
    if bytes.len() != length {
        return Err(Error::Malformed("a MAC address has another length than its type"));
    }
    for (place, byte) in bytes.iter().enumerate() {
        if place > 0 {
            out.push(':');
        }
        push_hex(out, *byte);
    }
    Ok(())
}

/// As Rust writes it, save that the server shows `::1.2.3.4` for what Rust shows as `::102:304`.
fn write_v6(out: &mut String, bytes: [u8; 16]) {
    match bytes {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] if (a, b) != (0, 0) => {
            push(out, format_args!("::{}", Ipv4Addr::new(a, b, c, d)));
        }
        bytes => push(out, format_args!("{}", Ipv6Addr::from(bytes))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::write;
    use super::*;

    fn check(ty: &Type, bytes: &[u8], expected: &str) {
        let mut out = String::new();
        let shown = match write(&mut out, ty, bytes, 1_000) {
            Ok(()) => out,
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn addresses() {
        check(&Type::INET, &[2, 32, 0, 4, 10, 0, 0, 1], "10.0.0.1");
        check(&Type::INET, &[2, 8, 0, 4, 10, 0, 0, 1], "10.0.0.1/8");
        check(&Type::CIDR, &[2, 32, 1, 4, 10, 0, 0, 1], "10.0.0.1/32");
        let v6 = |address: &str| [&[3, 128, 0, 16][..], &address.parse::<Ipv6Addr>().unwrap().octets()].concat();
        for address in ["::", "::1", "2001:db8::1", "::ffff:1.2.3.4", "::1.2.3.4", "1:0:0:2::3"] {
            check(&Type::INET, &v6(address), address);
        }
        check(&Type::MACADDR, &[8, 0, 0x2b, 1, 2, 3], "08:00:2b:01:02:03");
        check(&Type::MACADDR8, &[8, 0, 0x2b, 1, 2, 3, 4, 5], "08:00:2b:01:02:03:04:05");
    }

    #[test]
    fn malformed_addresses_are_errors() {
        let neither = "the server sent a value that cannot be read: an address is neither IPv4 nor IPv6";
        check(&Type::INET, &[2, 32, 0, 16, 10, 0, 0, 1], neither);
        check(&Type::INET, &[9, 32, 0, 4, 10, 0, 0, 1], neither);
        let length = "the server sent a value that cannot be read: a MAC address has another length than its type";
        check(&Type::MACADDR, &[0; 8], length);
    }
}
