//! The `WMIGRATE_*` variables, each of which goes before a key of the file. The table in [`Config`]'s documentation says
//! which; this is where they are applied.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Config, Error};
use crate::versions::limits;

const X_PREFIX: &str = "WMIGRATE_X_";

/// A variable's value; an empty one is none, as compose files and CI systems set them.
pub(super) fn get<'a>(env: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    env.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

/// Lets every variable that is set go before the file.
pub(super) fn apply(config: &mut Config, env: &BTreeMap<String, String>) -> Result<(), Error> {
    let text = |name: &str| get(env, name);
    if let Some(folders) = text("WMIGRATE_VERSIONS") {
        config.versions = std::env::split_paths(folders).filter(|path| !path.as_os_str().is_empty()).collect();
    }
    if let Some(url) = text("WMIGRATE_DATABASE_URL").or_else(|| text("DATABASE_URL")) {
        config.database.url = Some(url.to_owned());
    }
    if let Some(schema) = text("WMIGRATE_DATABASE_SCHEMA") {
        schema.clone_into(&mut config.database.schema);
    }
    if let Some(folder) = text("WMIGRATE_PG_BIN") {
        config.database.pg_bin = Some(PathBuf::from(folder));
    }
    if let Some(wait) = text("WMIGRATE_LOCK_WAIT") {
        config.lock_wait = limits::duration_from(wait).map_err(|bad| wrong("WMIGRATE_LOCK_WAIT", &bad.to_string()))?;
    }
    if let Some(locked) = text("WMIGRATE_BUILD_LOCKED") {
        config.build.locked =
            truth(locked).ok_or_else(|| wrong("WMIGRATE_BUILD_LOCKED", "`true` or `false` is wanted"))?;
    }
    if let Some(cargo) = text("WMIGRATE_BUILD_CARGO") {
        config.build.cargo = PathBuf::from(cargo);
    }
    if let Some(folder) = text("WMIGRATE_TEMPLATES_FOLDER") {
        config.templates = PathBuf::from(folder);
    }
    for key in limits::KEYS {
        let name = format!("WMIGRATE_LIMITS_{}", key.to_uppercase());
        if let Some(value) = text(&name) {
            config.limits.set(key, value).map_err(|bad| wrong(&name, &bad.to_string()))?;
        }
    }
    for key in super::backfill::KEYS {
        let name = format!("WMIGRATE_BACKFILL_{}", key.to_uppercase());
        if let Some(value) = text(&name) {
            config.backfill.set(key, value).map_err(|bad| wrong(&name, &bad))?;
        }
    }
    for (name, value) in env {
        if let Some(key) = name.strip_prefix(X_PREFIX).filter(|key| !key.is_empty()) {
            config.x.insert(key.to_lowercase(), value.clone());
        }
    }
    Ok(())
}

pub(super) fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn wrong(name: &str, message: &str) -> Error {
    Error::Value { place: format!("variable `{name}`"), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::parse;
    use super::*;

    const FILE: &str = "versions = [\"v\"]\n[database]\nurl = \"embedded\"\n[x]\ntenant = \"a\"\n";

    #[test]
    fn every_variable_goes_before_the_file() {
        let env = [
            ("WMIGRATE_VERSIONS", "one:two"),
            ("WMIGRATE_DATABASE_URL", "postgres://h/d"),
            ("DATABASE_URL", "postgres://other/d"),
            ("WMIGRATE_DATABASE_SCHEMA", "mig"),
            ("WMIGRATE_PG_BIN", "/pg"),
            ("WMIGRATE_LOCK_WAIT", "5 s"),
            ("WMIGRATE_BUILD_LOCKED", "1"),
            ("WMIGRATE_BUILD_CARGO", "/bin/cargo"),
            ("WMIGRATE_TEMPLATES_FOLDER", "t"),
            ("WMIGRATE_LIMITS_HOST_CALLS", "7"),
            ("WMIGRATE_BACKFILL_WORKERS", "3"),
            ("WMIGRATE_BACKFILL_MAX_QUARANTINE", "0"),
            ("WMIGRATE_BACKFILL_THROTTLE", "off"),
            ("WMIGRATE_BACKFILL_LAG_SIZE", "1 MiB"),
            ("WMIGRATE_BACKFILL_LAG_TIME", "5 s"),
            ("WMIGRATE_X_TENANT", "b"),
        ];
        let config = parse(FILE, &env).unwrap();
        assert_eq!(config.versions, [PathBuf::from("one"), PathBuf::from("two")]);
        assert_eq!(config.database.url.as_deref(), Some("postgres://h/d"));
        assert_eq!(config.database.schema, "mig");
        assert_eq!(config.database.pg_bin, Some(PathBuf::from("/pg")));
        assert_eq!(config.lock_wait, Duration::from_secs(5));
        assert!(config.build.locked);
        assert_eq!(config.build.cargo, PathBuf::from("/bin/cargo"));
        assert_eq!(config.templates, PathBuf::from("t"));
        assert_eq!(config.limits.host_calls, Some(7));
        let backfill = config.backfill;
        assert_eq!((backfill.workers, backfill.max_quarantine, backfill.throttle), (Some(3), Some(0), Some(false)));
        assert_eq!((backfill.lag_size, backfill.lag_time), (Some(1 << 20), Some(Duration::from_secs(5))));
        assert_eq!(config.x["tenant"], "b");
    }

    #[test]
    fn database_url_goes_before_the_file_and_an_empty_one_is_none() {
        let url = |env: &[(&str, &str)]| parse(FILE, env).unwrap().database.url.unwrap();
        assert_eq!(url(&[("DATABASE_URL", "postgres://other/d")]), "postgres://other/d");
        assert_eq!(url(&[("DATABASE_URL", "")]), "embedded");
        assert_eq!(url(&[("WMIGRATE_DATABASE_URL", ""), ("DATABASE_URL", "postgres://o/d")]), "postgres://o/d");
    }

    #[test]
    fn wrong_ones_are_named() {
        let check = |name: &str, value: &str, want: &str| {
            assert_eq!(parse("", &[(name, value)]).unwrap_err().to_string(), want);
        };
        check(
            "WMIGRATE_BUILD_LOCKED",
            "maybe",
            "variable `WMIGRATE_BUILD_LOCKED` is wrong: `true` or `false` is wanted",
        );
        check(
            "WMIGRATE_LIMITS_CPU",
            "10",
            "variable `WMIGRATE_LIMITS_CPU` is wrong: `10` is not a duration: a whole number and one of ms, s, min, h, as in `10 s`",
        );
    }
}
