//! libpq's service file: named groups of connection parameters in `~/.pg_service.conf` or `PGSYSCONFDIR`.

use super::Error;
use super::parameters::Parameters;
use std::io;
use std::path::{Path, PathBuf};

/// Fills the gaps from the service that is asked for, if one is.
pub(super) fn fill(given: &mut Parameters, env: &dyn Fn(&str) -> Option<String>) -> Result<(), Error> {
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    let Some(name) = given.get("service").map(str::to_owned).or_else(|| set("PGSERVICE")) else {
        return Ok(());
    };
    let user = given.get("servicefile").map(str::to_owned).or_else(|| set("PGSERVICEFILE")).map(PathBuf::from);
    let user = user.or_else(|| Some(Path::new(&set("HOME")?).join(".pg_service.conf")));
    let system = set("PGSYSCONFDIR").map(|dir| Path::new(&dir).join("pg_service.conf"));
    let files: Vec<PathBuf> = user.into_iter().chain(system).collect();
    for path in &files {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => {
                return Err(Error::Read { path: path.clone(), source });
            }
        };
        if fill_from(given, &text, &name, path)? {
            return Ok(());
        }
    }
    Err(Error::Service { name, files })
}

fn fill_from(given: &mut Parameters, text: &str, service: &str, path: &Path) -> Result<bool, Error> {
    let mut inside = false;
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            if inside {
                return Ok(true);
            }
            inside = name.strip_suffix(']') == Some(service);
        } else if inside {
            let (name, value) =
                line.split_once('=').ok_or_else(|| Error::ServiceLine { path: path.to_owned(), line: index + 1 })?;
            given.fill(name.trim(), value.trim().to_owned())?;
        }
    }
    Ok(inside)
}
