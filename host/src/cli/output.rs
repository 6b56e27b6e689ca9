//! Files that a command is asked to write: whole, or not at all.

use super::exit::{CliError, Code};
use std::ffi::OsString;
use std::io;
use std::path::Path;

/// Writes a file and the folders above it. Whoever reads it meanwhile has the old one.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let failed = |error: io::Error| not_written(path, &error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".part");
    let scratch = path.with_file_name(name);
    std::fs::write(&scratch, bytes).and_then(|()| std::fs::rename(&scratch, path)).map_err(failed)
}

/// The error of a path that cannot be written.
pub(super) fn not_written(path: &Path, error: &io::Error) -> CliError {
    CliError::new(Code::Failed, "output", format!("`{}` cannot be written: {error}", path.display()))
}
