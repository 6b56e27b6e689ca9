//! A new project: `wmigrate.toml`, an empty `versions/` with its guide, and the ignore line for `.wmigrate/`. All or
//! nothing: what was there before is looked at first, and a failure half-way takes back what was made.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::Error;
use crate::config;

const CONFIG: &str = include_str!("templates/wmigrate.toml");
const VERSIONS_README: &str = include_str!("templates/versions_readme.md");
const VERSIONS: &str = "versions";

/// Makes a project in `folder` and says which files were written, in that order.
///
/// 1. Refuse where there is a `wmigrate.toml`, or a `versions` folder that is not empty.
/// 2. Write the guide and the configuration, neither over anything.
/// 3. Add the ignore line last: it is the only file that may be the user's own.
pub fn init(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let config = folder.join(config::FILE_NAME);
    let versions = folder.join(VERSIONS);
    if config.symlink_metadata().is_ok() {
        return Err(Error::Exists { path: config });
    }
    match fs::read_dir(&versions) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(Error::NotEmpty { path: versions });
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => {
            return Err(Error::Io { action: "read", path: versions, source });
        }
    }
    fs::create_dir_all(&versions).map_err(|source| Error::Io { action: "create", path: versions.clone(), source })?;
    let mut written = Vec::new();
    let result = create(versions.join("README.md"), VERSIONS_README, &mut written)
        .and_then(|()| create(config, CONFIG, &mut written))
        .and_then(|()| ignore(folder, &mut written));
    if let Err(error) = result {
        // The reason is what the user needs; a leftover would only be refused by name at the next try.
        for path in &written {
            drop(fs::remove_file(path));
        }
        drop(fs::remove_dir(&versions));
        return Err(error);
    }
    Ok(written)
}

fn create(path: PathBuf, text: &str, written: &mut Vec<PathBuf>) -> Result<(), Error> {
    let failed = |source| Error::Io { action: "create", path: path.clone(), source };
    let mut file = fs::File::create_new(&path).map_err(failed)?;
    let done = file.write_all(text.as_bytes()).map_err(failed);
    written.push(path);
    done
}

/// Adds our line to `.gitignore`, which may hold others already.
fn ignore(folder: &Path, written: &mut Vec<PathBuf>) -> Result<(), Error> {
    let path = folder.join(".gitignore");
    let line = format!("{}/", config::STATE_FOLDER);
    let failed = |source| Error::Io { action: "write", path: path.clone(), source };
    let before = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return create(path, &format!("{line}\n"), written);
        }
        Err(source) => return Err(failed(source)),
    };
    let same = |ignored: &str| ignored.trim().trim_start_matches('/').trim_end_matches('/') == config::STATE_FOLDER;
    if before.lines().any(same) {
        return Ok(());
    }
    let gap = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    let mut file = fs::File::options().append(true).open(&path).map_err(failed)?;
    file.write_all(format!("{gap}{line}\n").as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::config::Config;
    use crate::versions::limits;
    use crate::versions::{Limits, Versions};

    fn with_folder(name: &str, test: impl FnOnce(&Path)) {
        let folder = std::env::temp_dir().join(format!("wmigrate-init-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        test(&folder);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_new_project_loads() {
        with_folder("new", |folder| {
            let written = init(&folder.join("deep/er")).unwrap();
            let folder = folder.join("deep/er");
            assert_eq!(written, ["versions/README.md", "wmigrate.toml", ".gitignore"].map(|name| folder.join(name)));
            let config = Config::load(Some(&folder), &BTreeMap::new()).unwrap();
            assert_eq!(config.database.url.as_deref(), Some("embedded"));
            assert_eq!(Versions::load(&config.versions, None).unwrap().revisions.len(), 0);
            assert_eq!(fs::read_to_string(folder.join(".gitignore")).unwrap(), ".wmigrate/\n");
        });
    }

    #[test]
    fn nothing_is_touched_where_something_is() {
        with_folder("refused", |folder| {
            fs::create_dir(folder.join("versions")).unwrap();
            fs::write(folder.join("versions/a.sql"), "mine").unwrap();
            let refused = init(folder).unwrap_err().to_string();
            assert_eq!(
                refused,
                format!("folder `{}` exists already and is not empty", folder.join("versions").display())
            );
            assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
            fs::remove_file(folder.join("versions/a.sql")).unwrap();
            fs::write(folder.join("wmigrate.toml"), "mine").unwrap();
            let refused = init(folder).unwrap_err().to_string();
            assert_eq!(refused, format!("`{}` exists already", folder.join("wmigrate.toml").display()));
            assert_eq!(fs::read_to_string(folder.join("wmigrate.toml")).unwrap(), "mine");
        });
    }

    #[test]
    fn a_failure_half_way_leaves_nothing() {
        with_folder("failed", |folder| {
            fs::create_dir(folder.join(".gitignore")).unwrap();
            assert!(init(folder).is_err());
            assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
        });
    }

    #[test]
    fn an_ignore_file_keeps_its_lines() {
        let check = |before: &str, want: &str| {
            with_folder("ignore", |folder| {
                fs::write(folder.join(".gitignore"), before).unwrap();
                init(folder).unwrap();
                assert_eq!(fs::read_to_string(folder.join(".gitignore")).unwrap(), want);
            });
        };
        check("/target", "/target\n.wmigrate/\n");
        check("/target\n", "/target\n.wmigrate/\n");
        check("/.wmigrate\n", "/.wmigrate\n");
    }

    /// The comments promise defaults: taken out of their comments they must be read, and be the defaults.
    #[test]
    fn the_commented_keys_are_real_and_complete() {
        let uncommented: String = CONFIG
            .lines()
            .map(|line| line.strip_prefix('#').filter(|key| !key.starts_with(' ')).unwrap_or(line))
            .map(|line| format!("{line}\n"))
            .collect();
        let parse = |text: &str| Config::parse(text, PathBuf::from("/p/wmigrate.toml"), &BTreeMap::new()).unwrap();
        let (all, none) = (parse(&uncommented), parse(""));
        assert_eq!(all.versions, none.versions);
        assert_eq!(all.database.schema, none.database.schema);
        assert!(all.database.pg_bin.is_some());
        assert_eq!(all.lock_wait, none.lock_wait);
        assert_eq!(all.build, none.build);
        assert_eq!(all.templates, none.templates);
        assert_eq!(all.x["tenant"], "acme");
        assert!(all.revisions.contains_key("3f2a9c1d7e04"));
        assert_eq!(all.limits.entries().iter().map(|(key, _)| *key).collect::<Vec<_>>(), limits::KEYS);
        assert_eq!(all.limits.memory, Some(256 << 20));
        assert_eq!(all.limits.lock_timeout, Some(Duration::from_secs(2)));
        assert_eq!(none.limits, Limits::default());
        assert_eq!((all.backfill.workers, all.backfill.lag_size), (Some(1), Some(64 << 20)));
        assert_eq!((all.backfill.throttle, none.backfill.throttle), (Some(true), None));
        for key in limits::KEYS {
            assert!(CONFIG.contains(&format!("WMIGRATE_LIMITS_{}\n", key.to_uppercase())), "{key}");
        }
    }
}
