//! `export!`: from two ordinary functions to the two exports of the world. Runs around every revision, so it is also
//! where panics get their message into the log.

use crate::{Result, log, raw};
use std::panic::{self, PanicHookInfo};

/// Makes two functions, `fn() -> Result<()>`, the `upgrade` and the `downgrade` of this revision. Once a revision.
#[macro_export]
macro_rules! export {
    ($upgrade:path, $downgrade:path $(,)?) => {
        #[doc(hidden)]
        pub struct WmigrateRevision;

        impl $crate::raw::Guest for WmigrateRevision {
            fn upgrade() -> ::core::result::Result<(), $crate::raw::Error> {
                $crate::run($upgrade)
            }
            fn downgrade() -> ::core::result::Result<(), $crate::raw::Error> {
                $crate::run($downgrade)
            }
        }

        $crate::raw::export_revision!(WmigrateRevision with_types_in $crate::raw);
    };
}

/// What the exports of [`export!`](crate::export) do.
#[doc(hidden)]
#[allow(clippy::result_large_err, reason = "the record as the bindings want it")]
pub fn run(function: fn() -> Result<()>) -> std::result::Result<(), raw::Error> {
    panic::set_hook(Box::new(panic_to_log));
    function().map_err(raw::Error::from)
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
