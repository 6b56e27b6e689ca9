//! SQL values and Rust types: `From` on the way in, [`FromValue`] on the way out, and newtypes for what Rust has no
//! type of. Only conversions that lose nothing; what is narrower than the column is an error, not a truncation.

pub use crate::raw::wmigrate::migration::types::{Interval, Value};

mod convert;
mod date;

pub use convert::FromValue;
pub use date::{Date, Time, Timestamp, Timestamptz};

/// `uuid` as text, lower case with hyphens; any form PostgreSQL reads is accepted as a parameter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub String);

/// `numeric` as decimal text, exact: also `NaN`, `Infinity`, `-Infinity`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Numeric(pub String);

/// `json` or `jsonb` as the server's text, untouched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Json(pub String);
