//! `export!`: from ordinary functions to the exports of the world. Runs around every revision, so it is also where
//! panics get their message into the log.

use crate::backfill::{self, Transforms};
use crate::raw::wmigrate::migration::{backfill::Batch, types::Vector};
use crate::{Result, log, raw};
use std::panic::{self, PanicHookInfo};

/// Makes two functions, `fn() -> Result<()>`, the `upgrade` and the `downgrade` of this revision. Once a revision.
///
/// A revision that rewrites rows in code also names its transforms, `fn(&Batch, &mut Output) -> Result<()>`:
///
/// ```
/// # use wmigrate_guest::prelude::*;
/// # fn upgrade() -> Result<()> { Ok(()) }
/// # fn downgrade() -> Result<()> { Ok(()) }
/// # fn split(_: &Batch, _: &mut Output) -> Result<()> { Ok(()) }
/// export!(upgrade, downgrade, transforms: { "split" => split });
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export {
    ($upgrade:path, $downgrade:path $(,)?) => {
        #[doc(hidden)]
        pub struct WmigrateRevision;

        impl $crate::raw::Guest for WmigrateRevision {
            fn upgrade() -> ::core::result::Result<(), $crate::raw::Error> {
                $crate::run($upgrade, &[])
            }
            fn downgrade() -> ::core::result::Result<(), $crate::raw::Error> {
                $crate::run($downgrade, &[])
            }
        }

        $crate::raw::export_revision!(WmigrateRevision with_types_in $crate::raw);
    };
    ($upgrade:path, $downgrade:path, transforms: { $($name:literal => $transform:path),+ $(,)? } $(,)?) => {
        #[doc(hidden)]
        pub struct WmigrateRevision;

        impl WmigrateRevision {
            const TRANSFORMS: $crate::backfill::Transforms = {
                ::core::assert!($crate::backfill::are_distinct(&[$($name),+]), "two transforms have the same name");
                &[$(($name, $transform)),+]
            };
        }

        impl $crate::raw::backfilling::Guest for WmigrateRevision {
            fn upgrade() -> ::core::result::Result<(), $crate::raw::Error> {
                $crate::run($upgrade, Self::TRANSFORMS)
            }
            fn downgrade() -> ::core::result::Result<(), $crate::raw::Error> {
                $crate::run($downgrade, Self::TRANSFORMS)
            }
            fn transform(
                batch: $crate::raw::backfilling::Batch,
            ) -> ::core::result::Result<::std::vec::Vec<$crate::raw::backfilling::Vector>, $crate::raw::Error> {
                $crate::run_transform(Self::TRANSFORMS, batch)
            }
        }

        $crate::raw::backfilling::export_backfilling_revision!(WmigrateRevision with_types_in $crate::raw::backfilling);
    };
}

/// What `upgrade` and `downgrade` of [`export!`](crate::export) do.
#[doc(hidden)]
#[allow(clippy::result_large_err, reason = "the record as the bindings want it")]
pub fn run(function: fn() -> Result<()>, transforms: Transforms) -> std::result::Result<(), raw::Error> {
    panic::set_hook(Box::new(panic_to_log));
    backfill::set_known(transforms);
    function().map_err(raw::Error::from)
}

/// What `transform` of [`export!`](crate::export) does.
#[doc(hidden)]
#[allow(clippy::result_large_err, reason = "the record as the bindings want it")]
pub fn run_transform(transforms: Transforms, batch: Batch) -> std::result::Result<Vec<Vector>, raw::Error> {
    panic::set_hook(Box::new(panic_to_log));
    backfill::apply(transforms, batch).map_err(raw::Error::from)
}

/// A trap carries no text: without this line a panic would be an `unreachable` without a place.
fn panic_to_log(panic: &PanicHookInfo<'_>) {
    let mut text = String::from("panicked");
    if let Some(place) = panic.location() {
        text.push_str(" at ");
        text.push_str(place.file());
        text.push(':');
        text.push_str(&place.line().to_string());
    }
    if let Some(message) = panic.payload_as_str() {
        text.push_str(": ");
        text.push_str(message);
    }
    log::warning(&text);
}
