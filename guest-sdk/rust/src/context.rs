//! What this run is about. All of it is the same when the same revision is run again, and nothing fails.

use crate::Timestamptz;
use crate::raw::wmigrate::migration::context as host;

pub use host::Way as Direction;

/// The id of this revision.
pub fn revision() -> String {
    host::revision()
}

/// Which of the two functions is running.
pub fn direction() -> Direction {
    host::direction()
}

/// The value of `-x name=value`, or of the same key under `[x]` in `wmigrate.toml`.
pub fn x_argument(name: &str) -> Option<String> {
    host::x_argument(name)
}

/// The server's `server_version_num`, for example 170002.
pub fn server_version() -> u32 {
    host::server_version()
}

/// When the transaction began. The only clock there is.
pub fn now() -> Timestamptz {
    Timestamptz(host::now())
}

/// The text that came with the component, if it is an engine for scripts; none for an ordinary Rust revision.
pub fn payload() -> Option<String> {
    host::payload()
}
