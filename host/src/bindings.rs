//! The Rust side of `wit/0.1.0`, generated. Nothing here is hand-written but the short names.
//!
//! `sql` and `runtime` both use these types, so a value is converted once: between the wire and the WIT.

#![allow(missing_docs, reason = "generated from wit/, where each item is documented")]
#![allow(clippy::pedantic, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../wit/0.1.0",
    world: "revision",
    imports: { default: async | trappable },
    exports: { default: async },
    additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
});

pub use self::wmigrate::migration::backfill::{Batch, Spec as BackfillSpec, UpdateSpec as BackfillUpdate};
pub use self::wmigrate::migration::context::Way;
pub use self::wmigrate::migration::log::Level;
pub use self::wmigrate::migration::sql::{ColumnSet, RowSet};
pub use self::wmigrate::migration::types::{Cells, Column, Error as SqlError, Interval, OtherValue, Value, Vector};
