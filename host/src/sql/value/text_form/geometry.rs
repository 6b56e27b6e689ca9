//! Text of the geometric types. All of them are doubles with punctuation.

use crate::sql::value::reader::Reader;
use crate::sql::value::{Error, float};

/// `(1,2)`
pub(super) fn write_point(out: &mut String, wire: &mut Reader<'_>) -> Result<(), Error> {
    out.push('(');
    write_pair(out, wire)?;
    out.push(')');
    Ok(())
}

/// `[(1,2),(3,4)]`
pub(super) fn write_segment(out: &mut String, wire: &mut Reader<'_>) -> Result<(), Error> {
    out.push('[');
    write_points(out, 2, wire)?;
    out.push(']');
    Ok(())
}

/// `(3,4),(1,2)`
pub(super) fn write_box(out: &mut String, wire: &mut Reader<'_>) -> Result<(), Error> {
    write_points(out, 2, wire)
}

/// `{1,-1,0}`
pub(super) fn write_line(out: &mut String, wire: &mut Reader<'_>) -> Result<(), Error> {
    out.push('{');
    write_pair(out, wire)?;
    out.push(',');
    float::write_f64(out, wire.f64()?);
    out.push('}');
    Ok(())
}

/// `<(1,2),3>`
pub(super) fn write_circle(out: &mut String, wire: &mut Reader<'_>) -> Result<(), Error> {
    out.push('<');
    write_point(out, wire)?;
    out.push(',');
    float::write_f64(out, wire.f64()?);
    out.push('>');
    Ok(())
}

/// `((1,2),(3,4))` closed, `[(1,2),(3,4)]` open
pub(super) fn write_path(out: &mut String, wire: &mut Reader<'_>) -> Result<(), Error> {
    let (start, end) = if wire.boolean()? { ('(', ')') } else { ('[', ']') };
    let count = wire.count(16)?;
    out.push(start);
    write_points(out, count, wire)?;
    out.push(end);
    Ok(())
}

/// `((1,2),(3,4),(5,6))`
pub(super) fn write_polygon(out: &mut String, wire: &mut Reader<'_>) -> Result<(), Error> {
    let count = wire.count(16)?;
    out.push('(');
    write_points(out, count, wire)?;
    out.push(')');
    Ok(())
}

fn write_points(out: &mut String, count: usize, wire: &mut Reader<'_>) -> Result<(), Error> {
    for place in 0..count {
        if place > 0 {
            out.push(',');
        }
        write_point(out, wire)?;
    }
    Ok(())
}

fn write_pair(out: &mut String, wire: &mut Reader<'_>) -> Result<(), Error> {
    float::write_f64(out, wire.f64()?);
    out.push(',');
    float::write_f64(out, wire.f64()?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::write;
    use postgres_types::Type;

    fn check(ty: &Type, head: &[u8], numbers: &[f64], expected: &str) {
        let mut bytes = head.to_vec();
        bytes.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        let mut out = String::new();
        write(&mut out, ty, &bytes, 1_000).unwrap();
        assert_eq!(out, expected);
    }

    #[test]
    fn shapes() {
        check(&Type::POINT, &[], &[1.0, -2.5], "(1,-2.5)");
        check(&Type::LSEG, &[], &[1.0, 2.0, 3.0, 4.0], "[(1,2),(3,4)]");
        check(&Type::BOX, &[], &[3.0, 4.0, 1.0, 2.0], "(3,4),(1,2)");
        check(&Type::LINE, &[], &[1.0, -1.0, 0.0], "{1,-1,0}");
        check(&Type::CIRCLE, &[], &[1.0, 2.0, 3.0], "<(1,2),3>");
        check(&Type::PATH, &[1, 0, 0, 0, 1], &[1.0, 2.0], "((1,2))");
        check(&Type::PATH, &[0, 0, 0, 0, 2], &[1.0, 2.0, 3.0, 4.0], "[(1,2),(3,4)]");
        check(&Type::POLYGON, &[0, 0, 0, 1], &[1.0, 2.0], "((1,2))");
    }

    #[test]
    fn absurd_counts_are_errors() {
        assert!(write(&mut String::new(), &Type::POLYGON, &[127, 255, 255, 255], 1_000).is_err());
        assert!(write(&mut String::new(), &Type::PATH, &[1, 0, 0, 0, 1, 0], 1_000).is_err());
    }
}
