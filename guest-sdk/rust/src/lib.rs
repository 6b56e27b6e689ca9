//! Write [wmigrate](https://docs.rs/wmigrate) revisions in Rust. A revision is one short file: two functions, an
//! `export!`, and SQL in between; `wmigrate build` compiles it to a sandboxed WebAssembly component.
//!
//! ```no_run
//! // /// wmigrate
//! // revision = "3f2a9c1d7e04"
//! // down_revision = "1b07c2aa9e11"
//! // message = "split the author's name"
//! // ///
//! use wmigrate_guest::prelude::*;
//!
//! fn upgrade() -> Result<()> {
//!     sql::script(
//!         "ALTER TABLE author ADD COLUMN given_name text;
//!          ALTER TABLE author ADD COLUMN family_name text;",
//!     )?;
//!     let mut split = 0;
//!     for row in sql::query("SELECT id, name FROM author ORDER BY id", &[])? {
//!         let (id, name): (i64, Option<String>) = row.read()?;
//!         let Some((given, family)) = name.as_deref().and_then(|name| name.trim().rsplit_once(' ')) else {
//!             warning!("author {id} has no name that can be split");
//!             continue;
//!         };
//!         let update = "UPDATE author SET given_name = $1, family_name = $2 WHERE id = $3";
//!         split += sql::execute(update, params![given.trim_end(), family, id])?;
//!     }
//!     info!("{split} names split");
//!     Ok(())
//! }
//!
//! fn downgrade() -> Result<()> {
//!     sql::script("ALTER TABLE author DROP COLUMN given_name, DROP COLUMN family_name;")?;
//!     Ok(())
//! }
//!
//! export!(upgrade, downgrade);
//! # fn main() {}
//! ```
//!
//! What a revision can do is in [`sql`], [`backfill`], [`log`] and [`context`]; there are no files, no network and no
//! clock but [`context::now`]. An [`Error`] returned with `?` fails the revision with the server's SQLSTATE; a panic
//! ends it with the message and the line in the log. Everything here compiles on any target, so `cargo check`,
//! `cargo doc` and rust-analyzer work as usual, and so do tests of code that calls nothing of the host.
//!
//! # Many rows
//!
//! A table that is too large for a loop over [`sql::query`] is rewritten in batches: [`backfill::Backfill`] says which
//! rows, a transform computes their new values, and `export!` names it. A transform is tested without a database:
//!
//! ```
//! use wmigrate_guest::prelude::*;
//!
//! export!(upgrade, downgrade, transforms: { "split" => split });
//!
//! fn upgrade() -> Result<()> {
//!     let names = Backfill::new("split names", "author").read(["name"]).write(["given_name", "family_name"]);
//!     names.filter("name LIKE '_% _%'").run("split")?;
//!     Ok(())
//! }
//!
//! fn split(batch: &Batch, out: &mut Output) -> Result<()> {
//!     batch.map_rows(out, |name: &str| Ok(name.trim().rsplit_once(' ').ok_or("a name of one word")?))
//! }
//! # fn downgrade() -> Result<()> { Ok(()) }
//! # fn main() -> Result<()> {
//!
//! let authors = Batch::of(&["name"], ["Ada King Lovelace", "Alan Turing"])?;
//! let written = authors.apply(split)?;
//! let names: Vec<(&str, &str)> = written.rows()?.collect();
//! assert_eq!(names, [("Ada King", "Lovelace"), ("Alan", "Turing")]);
//!
//! // Rows that fail are named, and the host goes on with the others without them.
//! let error = Batch::of(&["name"], ["Alan Turing", "Plato"])?.apply(split).expect_err("one word");
//! assert_eq!((error.message(), error.field("row")), ("a name of one word", Some("1")));
//! # Ok(()) }
//! ```

/// The bindings as generated from the WIT package, for what this crate has no nicer form of.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated; documented in the WIT package")]
#[rustfmt::skip]
pub mod raw;

pub mod backfill;
pub mod context;
mod error;
mod export;
pub mod log;
mod row;
pub mod sql;
mod value;

pub use error::{Error, Result};
#[doc(hidden)]
pub use export::{run, run_transform};
pub use row::{ColumnIndex, FromRow, Row, Rows};
pub use value::{Date, FromValue, Interval, Json, Numeric, Time, Timestamp, Timestamptz, Uuid, Value};

/// Everything a revision needs: `use wmigrate_guest::prelude::*;`.
pub mod prelude {
    pub use crate::backfill::{Backfill, Batch, Output};
    pub use crate::{Date, Error, Interval, Json, Numeric, Result, Row, Time, Timestamp, Timestamptz, Uuid, Value};
    pub use crate::{bail, debug, ensure, export, info, notice, params, warning};
    pub use crate::{context, log, sql};
}
