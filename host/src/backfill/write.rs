//! How rows go back: binary COPY into a temporary table, and one UPDATE from it. Checks first that what a transform handed
//! over is an answer at all.

use super::range::Range;
use super::rows::Read;
use super::target::{OutputColumn, Target};
use super::{Error, Fault};
use crate::bindings::{Cells, Vector};
use crate::sql::value::Kind;
use crate::sql::value::vector::width_of;
use crate::sql::{CallError, Connection};
use bytes::{BufMut as _, Bytes, BytesMut};
use std::collections::HashMap;
use std::ops::Range as Rows;
use tokio_postgres::Statement;

/// How the cells of a column travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    /// As text, which the server reads.
    Text,
    /// In the column's own binary form, of so many bytes.
    Fixed(usize),
    /// bytea.
    Bytes,
}

/// Tables that are kept. A transform mostly answers in one way, or in two where a column may be all NULL.
const TABLES: usize = 16;

/// The temporary tables of one session: one for each way in which cells may come.
#[derive(Default)]
pub(super) struct Writer {
    copies: HashMap<Vec<Form>, (String, Statement)>,
}

/// What a transform gave, known to be in order.
pub(super) struct Checked {
    vectors: Vec<Vector>,
    forms: Vec<Form>,
}

/// When the temporary tables are emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Emptied {
    /// At the end of the transaction, which writes once.
    OnCommit,
    /// After each write.
    AtOnce,
}

/// Holds what a transform gave against what was asked for.
pub(super) fn check(vectors: Vec<Vector>, output: &[OutputColumn], rows: usize) -> Result<Checked, Fault> {
    let wrong = |message: String| Err(Fault::Shape(format!("the transform {message}")));
    if vectors.len() != output.len() {
        return wrong(format!("returned {} columns, and `output` has {}", vectors.len(), output.len()));
    }
    let mut forms = Vec::with_capacity(output.len());
    for (vector, column) in vectors.iter().zip(output) {
        let name = &column.shown;
        let count = match (&vector.cells, width_of(column.kind)) {
            (Cells::Text(text), _) => {
                if !text.is_empty() && !text.ends_with('\0') {
                    return wrong(format!("returned a text for `{name}` that does not end with U+0000"));
                }
                forms.push(Form::Text);
                text.bytes().filter(|byte| *byte == 0).count()
            }
            (Cells::Fixed(bytes), Some(width)) => {
                if bytes.len() % width != 0 {
                    return wrong(format!(
                        "returned {} bytes for `{name}`, whose values have {width} each",
                        bytes.len()
                    ));
                }
                forms.push(Form::Fixed(width));
                bytes.len() / width
            }
            (Cells::Bytes(cells), None) if column.kind == Kind::Bytea => {
                forms.push(Form::Bytes);
                cells.len()
            }
            (Cells::Fixed(_), None) => {
                return wrong(format!(
                    "returned fixed-width cells for `{name}`, which is {}: text is taken",
                    column.type_name
                ));
            }
            (Cells::Bytes(_), _) => {
                return wrong(format!("returned bytes for `{name}`, which is {}: text is taken", column.type_name));
            }
        };
        if count != rows {
            return wrong(format!("returned {count} values for `{name}`, and got {rows} rows"));
        }
        if !vector.nulls.is_empty() && vector.nulls.len() != rows {
            return wrong(format!("returned {} marks for NULL for `{name}`, and got {rows} rows", vector.nulls.len()));
        }
        if vector.nulls.iter().any(|mark| *mark > 1) {
            return wrong(format!("returned a mark for NULL for `{name}` that is neither 0 nor 1"));
        }
    }
    Ok(Checked { vectors, forms })
}

impl Writer {
    /// Writes the rows `rows` of `read`, all of which lie in `range`. Says how many the server has changed: a trigger or row
    /// security may keep it from some.
    pub(super) async fn write(
        &mut self,
        connection: &Connection,
        target: &Target,
        range: &Range,
        (read, rows): (&Read, Rows<usize>),
        checked: &Checked,
        emptied: Emptied,
    ) -> Result<u64, CallError> {
        let (table, copy) = self.table(connection, target, &checked.forms).await?;
        let data = tuples(target.key.len(), read, rows, checked);
        connection.copy_in(&copy, data).await?;
        let changed = connection.run(&update(target, range, &table, &checked.forms)).await?;
        if emptied == Emptied::AtOnce {
            connection.run_all(&format!("TRUNCATE {table}")).await?;
        }
        Ok(changed)
    }

    async fn table(
        &mut self,
        connection: &Connection,
        target: &Target,
        forms: &[Form],
    ) -> Result<(String, Statement), CallError> {
        if let Some(known) = self.copies.get(forms) {
            return Ok(known.clone());
        }
        if self.copies.len() == TABLES {
            self.drop_tables(connection).await?;
        }
        let table = format!("pg_temp.wmigrate_backfill_{}", self.copies.len());
        // One that a rollback has spared is as it was; IF EXISTS would tell the revision so when there is none.
        let (_, found) = connection.raw_rows(&format!("SELECT pg_catalog.to_regclass('{table}') IS NOT NULL")).await?;
        if found.first().is_some_and(|row| row.get(0)) {
            connection.run_all(&format!("DROP TABLE {table}")).await?;
        }
        connection.run_all(&create(target, &table, forms)).await?;
        let copy = connection.prepare_copy(&format!("COPY {table} FROM STDIN (FORMAT binary)")).await?;
        self.copies.insert(forms.to_vec(), (table.clone(), copy.clone()));
        Ok((table, copy))
    }

    /// Forgets the temporary tables: each is made anew when it is needed.
    pub(super) fn forget(&mut self) {
        self.copies.clear();
    }

    /// Takes the temporary tables away, where the session is a revision's.
    pub(super) async fn drop_tables(&mut self, connection: &Connection) -> Result<(), CallError> {
        for (table, _) in std::mem::take(&mut self.copies).into_values() {
            connection.run_all(&format!("DROP TABLE {table}")).await?;
        }
        Ok(())
    }
}

fn create(target: &Target, table: &str, forms: &[Form]) -> String {
    let keys = target.key.iter().enumerate().map(|(number, key)| format!("k{number} {}", key.type_name));
    let cells = target.output.iter().zip(forms).enumerate().map(|(number, (column, form))| match form {
        Form::Text => format!("c{number} pg_catalog.text"),
        Form::Fixed(_) | Form::Bytes => format!("c{number} {}", column.type_name),
    });
    let columns = keys.chain(cells).collect::<Vec<_>>().join(", ");
    format!("CREATE TEMPORARY TABLE {} ({columns}) ON COMMIT DELETE ROWS", table.trim_start_matches("pg_temp."))
}

fn update(target: &Target, range: &Range, table: &str, forms: &[Form]) -> String {
    let sets: Vec<_> = target
        .output
        .iter()
        .zip(forms)
        .enumerate()
        .map(|(number, (column, form))| match form {
            Form::Text if !column.takes_text => {
                format!("{} = wmigrate_new.c{number}::{}", column.name, column.type_name)
            }
            Form::Text | Form::Fixed(_) | Form::Bytes => format!("{} = wmigrate_new.c{number}", column.name),
        })
        .collect();
    let joined: Vec<_> = target
        .key_columns()
        .iter()
        .enumerate()
        .map(|(number, column)| format!("{column} = wmigrate_new.k{number}"))
        .collect();
    format!(
        "UPDATE {} SET {} FROM {table} AS wmigrate_new WHERE {} AND {}",
        target.table,
        sets.join(", "),
        joined.join(" AND "),
        // The temporary table has no statistics; this keeps the server from reading the whole of the other one.
        target.within(range)
    )
}

/// As binary COPY has them.
fn tuples(keys: usize, read: &Read, rows: Rows<usize>, checked: &Checked) -> Bytes {
    const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
    let cells: usize = checked.vectors.iter().map(size).sum();
    let fields = keys + checked.vectors.len();
    let mut out = BytesMut::with_capacity(HEADER.len() + 2 + cells + rows.len() * (2 + 4 * fields + 8 * keys));
    out.put_slice(HEADER);
    let mut columns: Vec<Cursor<'_>> = checked.vectors.iter().zip(&checked.forms).map(Cursor::new).collect();
    for (place, row) in rows.enumerate() {
        out.put_i16(i16::try_from(fields).unwrap_or(i16::MAX));
        for column in 0..keys {
            put(&mut out, read.cell(row, column));
        }
        for column in &mut columns {
            column.put(&mut out, place);
        }
    }
    out.put_i16(-1);
    out.freeze()
}

fn size(vector: &Vector) -> usize {
    match &vector.cells {
        Cells::Text(text) => text.len(),
        Cells::Fixed(bytes) => bytes.len(),
        Cells::Bytes(cells) => cells.iter().map(Vec::len).sum(),
    }
}

fn put(out: &mut BytesMut, cell: Option<&[u8]>) {
    match cell {
        Some(bytes) => {
            out.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
            out.put_slice(bytes);
        }
        None => out.put_i32(-1),
    }
}

/// Goes down a column. Its shape has been checked.
struct Cursor<'a> {
    nulls: &'a [u8],
    cells: Walk<'a>,
}

enum Walk<'a> {
    Text(&'a [u8]),
    Fixed(&'a [u8], usize),
    Bytes(&'a [Vec<u8>]),
}

impl<'a> Cursor<'a> {
    fn new((vector, form): (&'a Vector, &Form)) -> Self {
        let cells = match (&vector.cells, form) {
            (Cells::Text(text), _) => Walk::Text(text.as_bytes()),
            (Cells::Fixed(bytes), Form::Fixed(width)) => Walk::Fixed(bytes, *width),
            (Cells::Fixed(bytes), Form::Text | Form::Bytes) => Walk::Fixed(bytes, 1),
            (Cells::Bytes(cells), _) => Walk::Bytes(cells),
        };
        Self { nulls: &vector.nulls, cells }
    }

    fn put(&mut self, out: &mut BytesMut, place: usize) {
        let null = self.nulls.get(place).is_some_and(|mark| *mark == 1);
        match &mut self.cells {
            Walk::Text(rest) => {
                let end = memchr(rest);
                let cell = &rest[..end];
                *rest = rest.get(end + 1..).unwrap_or_default();
                put(out, (!null).then_some(cell));
            }
            Walk::Fixed(bytes, width) => {
                let cell = &bytes[place * *width..(place + 1) * *width];
                if null {
                    out.put_i32(-1);
                } else {
                    out.put_i32(i32::try_from(*width).unwrap_or(8));
                    // Ours are little-endian, the server's big-endian.
                    out.extend(cell.iter().rev());
                }
            }
            Walk::Bytes(cells) => put(out, (!null).then_some(cells[place].as_slice())),
        }
    }
}

/// The next zero byte.
fn memchr(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len())
}

/// Fewer rows were changed than were sent.
pub(super) fn kept_out(sent: usize, changed: u64) -> Error {
    let message =
        format!("{sent} rows were sent and {changed} were changed: a trigger or row security keeps the others out");
    Error::Record(super::usage(message, Some("run with a role that sees all rows, or disable the trigger for the job")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: Kind, type_name: &str) -> OutputColumn {
        OutputColumn {
            name: "\"a\"".to_owned(),
            shown: "a".to_owned(),
            type_name: type_name.to_owned(),
            kind,
            takes_text: kind == Kind::TextLike,
        }
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        let check = |kind: Kind, nulls: &[u8], cells: Cells, expected: &str| {
            let vector = Vector { nulls: nulls.to_vec(), cells };
            let found = match check(vec![vector], &[column(kind, "numeric")], 2) {
                Ok(_) => String::new(),
                Err(fault) => fault.record().message,
            };
            let expected =
                if expected.is_empty() { String::new() } else { format!("the transform returned {expected}") };
            assert_eq!(found, expected);
        };
        let text = |text: &str| Cells::Text(text.to_owned());
        check(Kind::TextLike, &[], text("a\0b\0"), "");
        check(Kind::Numeric, &[0, 1], text("1\0\0"), "");
        check(Kind::TextLike, &[], text("a\0"), "1 values for `a`, and got 2 rows");
        check(Kind::TextLike, &[], text("a\0b\0c\0"), "3 values for `a`, and got 2 rows");
        check(Kind::TextLike, &[], text("a\0b"), "a text for `a` that does not end with U+0000");
        check(Kind::Int4, &[], Cells::Fixed(vec![0; 8]), "");
        check(Kind::Int4, &[], Cells::Fixed(vec![0; 7]), "7 bytes for `a`, whose values have 4 each");
        check(Kind::Int4, &[], Cells::Fixed(vec![0; 4]), "1 values for `a`, and got 2 rows");
        check(
            Kind::Numeric,
            &[],
            Cells::Fixed(vec![0; 8]),
            "fixed-width cells for `a`, which is numeric: text is taken",
        );
        check(Kind::Bytea, &[], Cells::Bytes(vec![vec![], vec![1]]), "");
        check(Kind::TextLike, &[], Cells::Bytes(vec![]), "bytes for `a`, which is numeric: text is taken");
        check(Kind::TextLike, &[1], text("a\0b\0"), "1 marks for NULL for `a`, and got 2 rows");
        check(Kind::TextLike, &[1, 2], text("a\0b\0"), "a mark for NULL for `a` that is neither 0 nor 1");
        let two = check_columns(0);
        assert_eq!(two, "the transform returned 0 columns, and `output` has 1");
    }

    fn check_columns(count: usize) -> String {
        let vectors = (0..count).map(|_| Vector { nulls: vec![], cells: Cells::Text("\0".to_owned()) }).collect();
        check(vectors, &[column(Kind::TextLike, "text")], 1)
            .err()
            .map(|fault| fault.record().message)
            .unwrap_or_default()
    }
}
