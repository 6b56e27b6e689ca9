//! The contract as this binary carries it: the package `wmigrate:migration@0.1.0`, file by file and as one text.

use std::sync::LazyLock;

/// The files of the package, the one with its head first.
pub const FILES: &[(&str, &str)] = &[
    ("types.wit", include_str!("../../../wit/0.1.0/types.wit")),
    ("sql.wit", include_str!("../../../wit/0.1.0/sql.wit")),
    ("log.wit", include_str!("../../../wit/0.1.0/log.wit")),
    ("context.wit", include_str!("../../../wit/0.1.0/context.wit")),
    ("backfill.wit", include_str!("../../../wit/0.1.0/backfill.wit")),
    ("world.wit", include_str!("../../../wit/0.1.0/world.wit")),
];

/// All of it as one file, which every tool that reads WIT takes as it is.
pub static PACKAGE: LazyLock<String> = LazyLock::new(|| {
    let texts: Vec<_> = FILES.iter().map(|(_, text)| text.trim_end()).collect();
    texts.join("\n\n") + "\n"
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_says_what_all_of_them_say() {
        let mut resolve = wit_parser::Resolve::default();
        let package = resolve.push_str("wmigrate.wit", &PACKAGE).expect("it is WIT");
        let package = &resolve.packages[package];
        assert_eq!(package.name.to_string(), crate::versions::section::WORLD);
        let names: Vec<_> = package.interfaces.keys().chain(package.worlds.keys()).map(String::as_str).collect();
        let expected = ["types", "sql", "log", "context", "backfill", "host", "revision", "backfilling-revision"];
        assert_eq!(names, expected);
    }

    #[test]
    fn no_file_is_missing() {
        let folder = [env!("CARGO_MANIFEST_DIR"), "../wit/0.1.0"].iter().collect::<std::path::PathBuf>();
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect();
        found.sort_unstable();
        let mut carried: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        carried.sort_unstable();
        assert_eq!(carried, found);
    }
}
