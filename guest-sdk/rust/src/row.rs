//! Rows of a result: read whole into a tuple, or cell by cell by name or place. Says which column it was when a cell
//! is not what the revision expected.

use crate::raw::wmigrate::migration::sql::RowSet;
use crate::raw::wmigrate::migration::types::Column;
use crate::{Error, FromValue, Result, Value};
use std::rc::Rc;

/// The rows of a result, an iterator over [`Row`].
pub struct Rows {
    columns: Rc<[Column]>,
    rows: std::vec::IntoIter<Vec<Value>>,
}

impl Rows {
    /// The columns of the result, also when it has no rows.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }
}

impl From<RowSet> for Rows {
    fn from(set: RowSet) -> Self {
        Self { columns: set.columns.into(), rows: set.rows.into_iter() }
    }
}

impl Iterator for Rows {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let cells = self.rows.next()?;
        Some(Row { columns: Rc::clone(&self.columns), cells })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl ExactSizeIterator for Rows {}

/// One row of a result.
pub struct Row {
    columns: Rc<[Column]>,
    cells: Vec<Value>,
}

impl Row {
    /// The whole row as a tuple with one element a column, up to twelve: `let (id, name): (i64, String) = row.read()?`.
    /// `Option` where a cell may be NULL.
    pub fn read<T: FromRow>(self) -> Result<T> {
        T::from_row(self)
    }

    /// One cell, copied, by the column's name or its place counted from 0: `row.get::<i64>("id")?`.
    pub fn get<T: FromValue>(&self, column: impl ColumnIndex) -> Result<T> {
        let place = column.place(&self.columns)?;
        let cell = self.cells.get(place).cloned().unwrap_or(Value::Null);
        self.convert(place, cell)
    }

    /// The columns of the result.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The cells as they came, in the order of the columns.
    #[must_use]
    pub fn into_values(self) -> Vec<Value> {
        self.cells
    }

    /// Moves a cell out and converts it.
    fn take<T: FromValue>(&mut self, place: usize) -> Result<T> {
        let cell = self.cells.get_mut(place).map_or(Value::Null, |cell| std::mem::replace(cell, Value::Null));
        self.convert(place, cell)
    }

    fn convert<T: FromValue>(&self, place: usize, cell: Value) -> Result<T> {
        let null = matches!(cell, Value::Null);
        T::from_value(cell).ok_or_else(|| mismatch(self.columns.get(place), null, T::NAME))
    }
}

/// What a whole row can be read into: tuples of one to twelve elements.
pub trait FromRow: Sized {
    /// Reads the row.
    fn from_row(row: Row) -> Result<Self>;
}

/// What names a column of a row: `&str` and `usize`.
pub trait ColumnIndex {
    /// The place in the row, counted from 0.
    fn place(&self, columns: &[Column]) -> Result<usize>;
}

impl ColumnIndex for usize {
    fn place(&self, columns: &[Column]) -> Result<usize> {
        if *self < columns.len() { Ok(*self) } else { Err(no_column(&self.to_string())) }
    }
}

impl ColumnIndex for &str {
    fn place(&self, columns: &[Column]) -> Result<usize> {
        columns.iter().position(|column| column.name == *self).ok_or_else(|| no_column(self))
    }
}

macro_rules! tuples {
    ($($count:literal: $($name:ident $place:literal),+;)+) => { $(
        impl<$($name: FromValue),+> FromRow for ($($name,)+) {
            fn from_row(mut row: Row) -> Result<Self> {
                if row.cells.len() != $count {
                    return Err(wrong_width($count, row.cells.len()));
                }
                Ok(($(row.take::<$name>($place)?,)+))
            }
        }
    )+ };
}

tuples! {
    1: A 0;
    2: A 0, B 1;
    3: A 0, B 1, C 2;
    4: A 0, B 1, C 2, D 3;
    5: A 0, B 1, C 2, D 3, E 4;
    6: A 0, B 1, C 2, D 3, E 4, F 5;
    7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
    9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8;
    10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9;
    11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10;
    12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11;
}

// The messages are out of line and put together without `format!`, which keeps small revisions small.

#[cold]
fn mismatch(column: Option<&Column>, null: bool, wanted: &str) -> Error {
    let (name, type_name) = column.map_or(("", ""), |column| (&*column.name, &*column.type_name));
    if null {
        let message = ["column `", name, "` is NULL: read it as `Option<", wanted, ">`"].concat();
        return Error::result("22004", message);
    }
    let message = ["column `", name, "` is ", type_name, ", which does not fit `", wanted, "`"].concat();
    Error::result("42804", message)
}

#[cold]
fn no_column(name: &str) -> Error {
    Error::result("42703", ["the result has no column `", name, "`"].concat())
}

#[cold]
fn wrong_width(wanted: usize, found: usize) -> Error {
    let message = ["the result has ", &found.to_string(), " columns, read as ", &wanted.to_string()].concat();
    Error::result("42804", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        let column = |name: &str, type_name: &str| Column { name: name.into(), oid: 0, type_name: type_name.into() };
        Rows::from(RowSet {
            columns: vec![column("id", "bigint"), column("name", "text")],
            rows: vec![vec![Value::Int8(7), Value::Text("a".into())], vec![Value::Int8(8), Value::Null]],
        })
    }

    fn check<T: FromRow + PartialEq + std::fmt::Debug>(place: usize, expected: Result<T, &str>) {
        let read = rows().nth(place).expect("a row").read::<T>();
        match (read, expected) {
            (Ok(read), expected) => assert_eq!(Ok(read), expected),
            (Err(error), expected) => assert_eq!(Err(error.message()), expected),
        }
    }

    #[test]
    fn tuples_are_read_or_say_which_column() {
        check::<(i64, String)>(0, Ok((7, "a".into())));
        check::<(i64, Option<String>)>(1, Ok((8, None)));
        check::<(i64, String)>(1, Err("column `name` is NULL: read it as `Option<String>`"));
        check::<(i32, String)>(0, Err("column `id` is bigint, which does not fit `i32`"));
        check::<(i64,)>(0, Err("the result has 2 columns, read as 1"));
    }

    #[test]
    fn cells_are_read_by_name_and_place() {
        let row = rows().next().expect("a row");
        assert_eq!(row.get::<i64>("id").ok(), Some(7));
        assert_eq!(row.get::<String>(1).ok().as_deref(), Some("a"));
        assert_eq!(row.get::<i64>("ID").expect_err("no such column").message(), "the result has no column `ID`");
        assert_eq!(row.get::<i64>(2).expect_err("no such column").sqlstate(), "42703");
    }
}
