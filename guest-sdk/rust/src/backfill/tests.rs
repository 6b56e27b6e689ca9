//! Batches from end to end: read, written, refused. No host is called.

use super::{Batch, Output};
use crate::raw::wmigrate::migration::backfill as host;
use crate::raw::wmigrate::migration::types::{Cells, Vector};
use crate::{Error, Numeric, Result, Timestamptz};

fn contacts() -> Batch {
    Batch::of(&["name", "age"], [(Some("Ada King"), 36_i32), (None, 1), (Some(""), -2)]).expect("right")
}

/// What a transform that must fail says, and the rows that it names.
#[track_caller]
fn check(batch: &Batch, transform: impl FnOnce(&Batch, &mut Output) -> Result<()>, message: &str, rows: &[&str]) {
    let error = batch.apply(transform).expect_err("must fail");
    let named = error.record().fields.iter().map(|(field, row)| (field.as_str(), row.as_str()));
    assert_eq!((error.message(), named.collect::<Vec<_>>()), (message, rows.iter().map(|row| ("row", *row)).collect()));
}

#[test]
fn rows_are_read_as_they_were_written() {
    let batch = contacts();
    let rows: Vec<(Option<&str>, i64)> = batch.rows().expect("right").collect();
    assert_eq!(rows, [(Some("Ada King"), 36), (None, 1), (Some(""), -2)]);
    let ages: Vec<i32> = batch.column("age").expect("right").collect();
    assert_eq!(ages, [36, 1, -2]);

    let row = (true, -2_i16, 1.5_f32, Timestamptz(i64::MIN), &[0_u8, 255][..], None::<f64>);
    let batch = Batch::of(&["a", "b", "c", "d", "e", "f"], [row]).expect("right");
    let read: (bool, i32, f64, Timestamptz, &[u8], Option<f64>) = batch.rows().expect("right").next().expect("one");
    assert_eq!(read, (true, -2, 1.5, Timestamptz(i64::MIN), &[0, 255][..], None));
}

#[test]
fn cells_cross_in_the_form_of_the_contract() {
    let nulls = |marks: &[u8]| marks.to_vec();
    let text = |text: &str| Cells::Text(text.into());
    let vector = |nulls, cells| Vector { nulls, cells };
    let batch = contacts();
    let ages = [36_i32, 1, -2].iter().flat_map(|age| age.to_le_bytes()).collect();
    let expected = [vector(nulls(&[0, 1, 0]), text("Ada King\0\0\0")), vector(nulls(&[]), Cells::Fixed(ages))];
    assert_eq!(batch.vectors(), expected);

    let numbers = |_: &Batch, out: &mut Output| {
        out.push((None::<Numeric>, "ü"))?;
        out.push((Some(Numeric("1.10".into())), ""))?;
        out.push((None::<Numeric>, "c"))
    };
    let expected = [vector(nulls(&[1, 0, 1]), text("\x001.10\0\0")), vector(nulls(&[]), text("ü\0\0c\0"))];
    assert_eq!(batch.apply(numbers).expect("right").vectors(), expected);
}

#[test]
fn a_column_that_does_not_fit_is_named() {
    let batch = contacts();
    let read = |batch: &Batch, _: &mut Output| batch.rows::<(&str, i32)>().map(drop);
    check(&batch, read, "column `name` is NULL: read it as `Option<&str>`", &["1"]);
    let read = |batch: &Batch, _: &mut Output| batch.rows::<(Option<&str>, i16)>().map(drop);
    check(&batch, read, "column `age` is integer, which does not fit `i16`: read it as `i32`", &[]);
    let read = |batch: &Batch, _: &mut Output| batch.rows::<i32>().map(drop);
    check(&batch, read, "the batch has 2 columns, read as 1", &[]);
    let read = |batch: &Batch, _: &mut Output| batch.column::<&str>("Name").map(drop);
    check(&batch, read, "the result has no column `Name`", &[]);
}

#[test]
fn rows_that_fail_are_named_once_each() {
    let batch = Batch::of(&["n"], ["1", "x", "3", "4", "y"]).expect("right");
    let parse = |batch: &Batch, out: &mut Output| batch.map_rows(out, |n: &str| Ok(n.parse::<i64>()?));
    check(&batch, parse, "invalid digit found in string", &["1", "4"]);
    let zero = |batch: &Batch, out: &mut Output| batch.map_rows(out, |n: &str| Ok((n, n.replace(['3', 'y'], "\0"))));
    check(&batch, zero, "the text for output column 2 holds U+0000, which no PostgreSQL text can", &["2", "4"]);
    let named = |batch: &Batch, out: &mut Output| {
        let fails = |n: &str| if n == "3" { Err(Error::in_row(2, "no threes")) } else { Ok(1) };
        batch.map_rows(out, fails)
    };
    check(&batch, named, "no threes", &["2"]);

    let many = Batch::of(&["n"], 0..1000).expect("right");
    let error = many.apply(|batch, out| batch.map_rows(out, |_: i32| Err::<i32, _>("no".into()))).expect_err("fails");
    assert_eq!(error.record().fields.len(), 100);
}

#[test]
fn each_row_goes_out_once_and_in_one_shape() {
    let batch = contacts();
    let none = |_: &Batch, _: &mut Output| Ok(());
    check(&batch, none, "the transform wrote 0 of 3 rows: each row that comes in must go out", &[]);
    let four = |_: &Batch, out: &mut Output| (0..4).try_for_each(|n| out.push(n));
    check(&batch, four, "more rows written than the 3 that came in: each row goes out once", &[]);
    let two_shapes = |_: &Batch, out: &mut Output| {
        out.push((1, "a"))?;
        out.push((1_i64, "a"))
    };
    let message = "a row of (bigint, text) after one of (integer, text): all rows must have the same types";
    check(&batch, two_shapes, message, &[]);
}

#[test]
fn a_host_that_sends_too_little_is_not_believed() {
    let sent = |rows, vectors| {
        let columns = contacts().columns().to_vec();
        Batch::from(host::Batch { transform: String::new(), rows, columns, vectors })
    };
    let read = |batch: &Batch, _: &mut Output| batch.rows::<(Option<&str>, i32)>().map(drop);
    let vectors = contacts().vectors().to_vec();
    let message = "the host sent column `name` with another number of values than rows";
    check(&sent(4, vectors.clone()), read, message, &[]);
    check(&sent(3, Vec::new()), read, "the batch has no column 0", &[]);
    let mut marked = vectors;
    marked[0].nulls.pop();
    check(&sent(3, marked), read, message, &[]);
}
