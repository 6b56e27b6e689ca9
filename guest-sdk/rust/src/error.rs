//! The one error of a revision. Wraps the record of the WIT package, so that what the server said leaves the sandbox
//! as it came in, and takes in strings and ordinary Rust errors through `?`.

use crate::raw;
use std::error::Error as StdError;
use std::fmt;

/// `Result` with this crate's [`Error`]; a second parameter says otherwise, as usual.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call, or the revision, failed.
///
/// `?` turns every [`std::error::Error`], `String` and `&str` into one, of kind `exception`. Therefore it does not
/// implement [`std::error::Error`] itself. The record is boxed: results of calls that went well stay small.
pub struct Error(Box<raw::Error>);

impl Error {
    /// An error of kind `exception` with SQLSTATE P0001, as `RAISE EXCEPTION` has in PL/pgSQL.
    pub fn new(message: impl Into<String>) -> Self {
        Self::with("exception", "P0001", message.into())
    }

    /// The same with another SQLSTATE.
    pub fn with_sqlstate(sqlstate: &str, message: impl Into<String>) -> Self {
        Self::with("exception", sqlstate, message.into())
    }

    /// Says which row of a batch it is about, counted from 0. The host tries that one alone, and the others again
    /// without it. [`Batch::map_rows`](crate::backfill::Batch::map_rows) does this by itself.
    #[must_use]
    pub fn in_row(row: usize, error: impl Into<Self>) -> Self {
        let mut error = error.into();
        error.add_row(row);
        error
    }

    /// Adds a hint: what the person who reads this may do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// `database`, `parameter`, `result`, `denied`, `limit`, `usage`, `exception`, or whatever comes later.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Five characters, for example `23505` for a violated unique constraint.
    #[must_use]
    pub fn sqlstate(&self) -> &str {
        &self.0.sqlstate
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// A further field: `schema`, `table`, `column`, `datatype`, `constraint`, `where`, `line` and so on.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The whole record: detail, hint and position too.
    #[must_use]
    pub fn record(&self) -> &raw::Error {
        &self.0
    }

    /// An error about a result that is not what the revision expected.
    pub(crate) fn result(sqlstate: &str, message: String) -> Self {
        Self::with("result", sqlstate, message)
    }

    /// An error about a call that cannot be meant.
    pub(crate) fn usage(sqlstate: &str, message: String) -> Self {
        Self::with("usage", sqlstate, message)
    }

    /// An error about a value that cannot be written.
    pub(crate) fn parameter(sqlstate: &str, message: String) -> Self {
        Self::with("parameter", sqlstate, message)
    }

    /// Names a row, beside those that are named already.
    pub(crate) fn add_row(&mut self, row: usize) {
        let row = row.to_string();
        if !self.0.fields.iter().any(|(field, value)| field == "row" && *value == row) {
            self.0.fields.push(("row".into(), row));
        }
    }

    fn with(kind: &str, sqlstate: &str, message: String) -> Self {
        Self(Box::new(raw::Error {
            kind: kind.into(),
            sqlstate: sqlstate.into(),
            message,
            detail: None,
            hint: None,
            position: None,
            fields: Vec::new(),
        }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())?;
        f.write_str(" (SQLSTATE ")?;
        f.write_str(self.sqlstate())?;
        f.write_str(")")
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Everything that fits into `Box<dyn Error>`: one rule for all errors *and* for strings.
impl<E: Into<Box<dyn StdError>>> From<E> for Error {
    fn from(error: E) -> Self {
        from_std(error.into())
    }
}

impl From<Error> for raw::Error {
    fn from(error: Error) -> Self {
        *error.0
    }
}

/// The record of a call that failed; public to the crate only, since `?` on it is the job of the wrappers.
pub(crate) fn from_host(error: raw::Error) -> Error {
    Error(Box::new(error))
}

fn from_std(error: Box<dyn StdError>) -> Error {
    let error = match error.downcast::<raw::Error>() {
        Ok(record) => return Error(record),
        Err(error) => error,
    };
    let mut made = Error::new(error.to_string());
    let mut cause = error.source();
    while let Some(inner) = cause {
        // The host prints `detail` on lines of its own, so causes are one a line.
        let detail = made.0.detail.get_or_insert_default();
        if !detail.is_empty() {
            detail.push('\n');
        }
        detail.push_str("caused by: ");
        detail.push_str(&inner.to_string());
        cause = inner.source();
    }
    made
}

/// Returns from the function with an [`Error`](crate::Error) whose message is formatted as `format!` does.
#[macro_export]
macro_rules! bail {
    ($($text:tt)+) => { return ::core::result::Result::Err($crate::Error::new(::std::format!($($text)+))) };
}

/// [`bail!`](crate::bail) unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            $crate::bail!($($text)+);
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(result: Result<()>, kind: &str, sqlstate: &str, message: &str) {
        let error = result.expect_err("must fail");
        assert_eq!((error.kind(), error.sqlstate(), error.message()), (kind, sqlstate, message));
    }

    #[test]
    fn question_mark_takes_what_fails() {
        fn number() -> Result<()> {
            "x".parse::<i64>()?;
            Ok(())
        }
        fn borrowed() -> Result<()> {
            None::<()>.ok_or("nothing there")?;
            Ok(())
        }
        fn owned() -> Result<()> {
            Err(String::from("out of cheese"))?
        }
        fn bailed() -> Result<()> {
            let left = 3;
            ensure!(left == 3, "not reached");
            bail!("{left} left")
        }
        check(number(), "exception", "P0001", "invalid digit found in string");
        check(borrowed(), "exception", "P0001", "nothing there");
        check(owned(), "exception", "P0001", "out of cheese");
        check(bailed(), "exception", "P0001", "3 left");
    }

    #[test]
    fn the_record_of_the_server_stays_whole() {
        let record = raw::Error {
            kind: "database".into(),
            sqlstate: "23505".into(),
            message: "duplicate key value".into(),
            detail: Some("Key (id)=(1) already exists.".into()),
            hint: None,
            position: Some(7),
            fields: vec![("constraint".into(), "plugin_pkey".into())],
        };
        fn raw_call(record: raw::Error) -> Result<()> {
            Err(record)?
        }
        for error in [from_host(record.clone()), raw_call(record.clone()).expect_err("must fail")] {
            assert_eq!(error.field("constraint"), Some("plugin_pkey"));
            assert_eq!(raw::Error::from(error), record);
        }
    }

    #[test]
    fn causes_become_the_detail() {
        #[derive(Debug)]
        struct Outer(std::num::ParseIntError);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bad port")
            }
        }
        impl StdError for Outer {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(&self.0)
            }
        }
        let error = Error::from(Outer("".parse::<i32>().expect_err("empty")));
        assert_eq!(error.record().detail.as_deref(), Some("caused by: cannot parse integer from empty string"));
    }
}
