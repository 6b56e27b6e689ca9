//! The revision graph: which revisions there are, what a target means, and which steps lead to it. Pure: data in, data
//! out; no file, database, clock or component is touched, and nothing else of this crate is used. `versions` feeds it,
//! `cli` prints from it and `runner` carries out its plans.
//!
//! | question | file |
//! |---|---|
//! | what is a revision, which ids are legal | `revision` |
//! | how revisions hang together, heads, bases, branch labels | `map`, `labels`, `cycle` |
//! | what does a target such as `shop@head-2` name | `target`, `walk` |
//! | in which order are revisions visited | `order` |
//! | which revisions does a command select | `select` |
//! | which steps, which version rows after each | `plan`, `stamp`, `rows` |
//! | what may run while a durable revision is half-way | `half_done` |
//! | what `history`, `heads`, `current`, `branches`, `show` say | `history` |
//! | everything that can be wrong | `error` |
//!
//! Traversal order, label spreading and the meaning of targets follow Alembic (MIT licence, copyright 2009-2026 Michael
//! Bayer) so that its users find the same steps in the same order; the code is our own. The differences are deliberate
//! and few; `tests/oracle.rs` names each one.

mod cycle;
pub mod error;
pub mod half_done;
pub mod history;
mod labels;
pub mod map;
mod node_set;
mod order;
pub mod plan;
pub mod revision;
mod rows;
mod select;
mod stamp;
pub mod target;
mod walk;

pub use error::Error;
pub use half_done::HalfDone;
pub use map::Map;
pub use plan::{Direction, Plan, RowChange, Step};
pub use revision::Revision;
