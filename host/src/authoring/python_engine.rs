//! Builds Python's engine from what the binary carries, by `guest-sdk/engines/build-python.sh`: the same bytes on every machine. Only
//! the compiler is fetched, by pip, and held against its digest. Blocking, for a minute or more.

use super::language::{self, write_if_changed, write_sdk};
use super::wit;
use include_dir::{Dir, include_dir};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../guest-sdk/python");

/// What lies beside it in the repository.
const SCRIPTS: [(&str, &str); 3] = [
    ("build-python.sh", include_str!("../../../guest-sdk/engines/build-python.sh")),
    ("build-python.txt", include_str!("../../../guest-sdk/engines/build-python.txt")),
    ("still.c", include_str!("../../../guest-sdk/engines/still.c")),
];

/// Why it was not built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A tool is missing.
    #[error("the engine is built with `{0}`, which is not here")]
    Missing(&'static str),
    /// The build failed.
    #[error("the engine could not be built: {0}")]
    Failed(String),
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] language::Error),
}

/// Builds it in a folder that is made for it and taken away.
pub fn build(scratch: &Path) -> Result<Vec<u8>, Error> {
    for (program, argument) in [("python3", "--version"), ("cc", "--version")] {
        let asked = Command::new(program).arg(argument).stdin(Stdio::null()).output();
        if !asked.is_ok_and(|output| output.status.success()) {
            return Err(Error::Missing(program));
        }
    }
    let built = lay_out(scratch).and_then(|()| run(scratch));
    // What is left in a cache folder harms nobody.
    drop(fs::remove_dir_all(scratch));
    built
}

fn lay_out(scratch: &Path) -> Result<(), Error> {
    for (name, text) in SCRIPTS {
        write_if_changed(&scratch.join("guest-sdk/engines").join(name), text.as_bytes())?;
    }
    for (name, text) in wit::FILES {
        write_if_changed(&scratch.join("wit/0.1.0").join(name), text.as_bytes())?;
    }
    let is_source = |path: &Path| path.extension().is_some_and(|extension| extension == "py");
    Ok(write_sdk(&SDK, &scratch.join("guest-sdk/python"), &is_source)?)
}

fn run(scratch: &Path) -> Result<Vec<u8>, Error> {
    /// The end of what the tools said holds the reason.
    const SHOWN: usize = 4000;
    let out = scratch.join("python.wasm");
    let mut script = Command::new("sh");
    script.arg(scratch.join("guest-sdk/engines/build-python.sh")).arg(&out).stdin(Stdio::null());
    let output = script.output().map_err(|error| Error::Failed(format!("`sh` does not start: {error}")))?;
    if output.status.success() {
        return fs::read(&out).map_err(|source| language::Error::Read { path: out, source }.into());
    }
    let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    let from = said.ceil_char_boundary(said.len().saturating_sub(SHOWN));
    Err(Error::Failed(said[from..].trim().to_owned()))
}
