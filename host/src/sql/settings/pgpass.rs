//! `.pgpass`: lines of `host:port:database:user:password`, `*` for any, `\` before a `:` or `\`. As in libpq the first
//! line that fits wins, and a file that others can read is not used.

use super::{Host, Secret};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The folder libpq is built with: `.pgpass` calls a socket there `localhost`.
const DEFAULT_SOCKET_DIRS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// The password for each host, and a warning if the file cannot be used.
pub(super) fn look_up(path: &Path, hosts: &[Host], dbname: &str, user: &str) -> (Vec<Option<Secret>>, Option<String>) {
    let none = || vec![None; hosts.len()];
    let Ok(metadata) = std::fs::metadata(path) else {
        return (none(), None);
    };
    let name = path.display();
    if !metadata.is_file() {
        return (none(), Some(format!("password file {name} is not a plain file")));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        let warning = format!("password file {name} is not used: others can read it (chmod 600 {name})");
        return (none(), Some(warning));
    }
    match std::fs::read_to_string(path) {
        Ok(text) => (hosts.iter().map(|host| password(&text, host, dbname, user)).collect(), None),
        Err(error) => (none(), Some(format!("password file {name} cannot be read: {error}"))),
    }
}

fn password(text: &str, host: &Host, dbname: &str, user: &str) -> Option<Secret> {
    let (host, port) = match host {
        Host::Tcp { name, port, .. } => (name.clone(), port),
        Host::Unix { dir, port } if DEFAULT_SOCKET_DIRS.iter().any(|default| dir == Path::new(default)) => {
            ("localhost".to_owned(), port)
        }
        Host::Unix { dir, port } => (dir.to_string_lossy().into_owned(), port),
    };
    let wanted = [&host, &port.to_string(), dbname, user];
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line.strip_suffix('\r').unwrap_or(line));
        let [tests @ .., (_, password)] = fields.as_slice() else {
            return None;
        };
        let fits = tests.len() == wanted.len()
            && tests.iter().zip(wanted).all(|((raw, field), wanted)| raw == "*" || field == wanted);
        (fits && !password.is_empty()).then(|| Secret::new(password.clone()))
    })
}

/// The five fields, each as written and with its escapes undone. The last one takes the rest of the line.
fn fields(line: &str) -> Vec<(String, String)> {
    let mut fields = vec![(String::new(), String::new())];
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        let last = fields.len() == 5;
        let Some((raw, field)) = fields.last_mut() else { break };
        match c {
            ':' if !last => fields.push((String::new(), String::new())),
            '\\' => {
                let escaped = characters.next().unwrap_or('\\');
                raw.extend(['\\', escaped]);
                field.push(escaped);
            }
            _ => {
                raw.push(c);
                field.push(c);
            }
        }
    }
    fields
}
