//! Rewriting the rows of a table in batches. The host cuts the table into ranges of its key and notes progress; the
//! revision says what is read and written, with [`Backfill`], and computes the new values, in a transform.
//!
//! ```no_run
//! use wmigrate_guest::prelude::*;
//!
//! fn upgrade() -> Result<()> {
//!     let rows = Backfill::new("split names", "contact")
//!         .read(["full_name", "phone"])
//!         .write(["first_name", "last_name", "phone_digits"])
//!         .filter("first_name IS NULL")
//!         .run("split")?;
//!     info!("{rows} names split");
//!     Ok(())
//! }
//!
//! fn downgrade() -> Result<()> {
//!     Ok(())
//! }
//!
//! fn split(batch: &Batch, out: &mut Output) -> Result<()> {
//!     batch.map_rows(out, |(name, phone): (&str, Option<&str>)| {
//!         let (first, last) = name.trim().rsplit_once(' ').ok_or("a name of one word")?;
//!         let digits = phone.map(|phone| phone.replace(|c: char| !c.is_ascii_digit(), ""));
//!         Ok((first.trim_end(), last, digits))
//!     })
//! }
//!
//! export!(upgrade, downgrade, transforms: { "split" => split });
//! # fn main() {}
//! ```
//!
//! A transform is pure: it runs in an instance of its own, where [`log`](crate::log), [`context::revision`] and
//! [`context::payload`] answer, and any other call ends it. Each row that comes in goes out, in the same order.
//!
//! | column | read as | written as |
//! |---|---|---|
//! | `boolean` | `bool` | `bool` |
//! | `smallint`, `integer`, `bigint` | `i16`, `i32`, `i64`, or a wider one | exactly that type |
//! | `real`, `double precision` | `f32`, `f64`, or the wider one | exactly that type |
//! | `date`, `time`, `timestamp`, `timestamptz` | [`Date`], [`Time`], [`Timestamp`], [`Timestamptz`] | the same |
//! | `bytea` | `&[u8]` | `&[u8]`, `Vec<u8>` |
//! | every other type, in its text form | `&str` | `&str`, `String`, `Cow<str>`, `char`, [`Numeric`], [`Uuid`], [`Json`] |
//!
//! `Option` of them where a cell may be NULL. Text may be written into a column of any type. Whether the type written
//! is that of the column only the host can tell.
//!
//! [`context::revision`]: crate::context::revision
//! [`context::payload`]: crate::context::payload
//! [`Date`]: crate::Date
//! [`Time`]: crate::Time
//! [`Timestamp`]: crate::Timestamp
//! [`Timestamptz`]: crate::Timestamptz
//! [`Numeric`]: crate::Numeric
//! [`Uuid`]: crate::Uuid
//! [`Json`]: crate::Json

mod batch;
mod failures;
mod job;
mod output;
mod read;
mod row;
mod shape;
#[cfg(test)]
mod tests;
mod transforms;
mod write;
mod zeros;

pub use batch::Batch;
pub use job::Backfill;
pub use output::Output;
pub use read::ReadCell;
pub use row::{BatchRows, ReadRow, WriteRow};
pub use transforms::Transform;
#[doc(hidden)]
pub use transforms::{Transforms, are_distinct};
pub(crate) use transforms::{apply, set_known};
pub use write::WriteCell;
