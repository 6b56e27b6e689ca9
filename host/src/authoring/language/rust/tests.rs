//! Builds real revisions, so these need a Rust for wasm and take a while; the package and its manifest have tests of
//! their own.

use super::*;
use std::fs;
use std::sync::OnceLock;

const REVISION: &str = r#"// /// wmigrate
// revision = "3f2a"
// ///
use wmigrate_guest::prelude::*;

fn upgrade() -> Result<()> {
    for row in sql::query("SELECT id, name FROM plugin", &[])? {
        let (id, name): (i64, Option<String>) = row.read()?;
        sql::execute("UPDATE plugin SET name = $1 WHERE id = $2", params![name, id])?;
    }
    Ok(())
}

fn downgrade() -> Result<()> {
    sql::script("SELECT 1")?;
    Ok(())
}

export!(upgrade, downgrade);
"#;

/// One build folder for all tests of a run, as a project has one for all its revisions.
fn build_dir() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| scratch("shared"))
}

fn scratch(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("wmigrate-rust-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn build_text(build_dir: &Path, file: &str, text: &str) -> Result<Built, Error> {
    let source = scratch("versions").join(file);
    fs::write(&source, text).expect("written");
    build(&Order { source: &source, revision: file, dependencies: &toml::Table::new(), build_dir })
}

#[test]
fn the_same_source_gives_the_same_bytes_in_every_folder() {
    let (one, other) = (scratch("one"), scratch("other/and/deeper"));
    let first = build_text(&one, "3f2a_names.rs", REVISION).expect("built");
    let second = build_text(&other, "3f2a_names.rs", REVISION).expect("built");
    assert!(first.toolchain.starts_with("rustc 1."), "{}", first.toolchain);
    assert_eq!(first.warnings, "");
    assert!(first.component == second.component, "the bytes differ");
    let text = String::from_utf8_lossy(&first.component);
    assert!(!text.contains(&*one.to_string_lossy()), "a path of the machine is in the component");
    assert!(first.component.len() <= 40_000, "{} bytes", first.component.len());
}

#[test]
fn another_revision_in_between_changes_nothing() {
    let first = build_text(build_dir(), "3f2b_names.rs", REVISION).expect("built");
    let other = build_text(build_dir(), "3f2c_other.rs", &REVISION.replace("SELECT 1", "SELECT 2")).expect("built");
    let again = build_text(build_dir(), "3f2b_names.rs", REVISION).expect("built");
    assert!(first.component == again.component && first.component != other.component);
}

#[test]
fn what_does_not_compile_is_named_as_the_author_knows_it() {
    let error = build_text(build_dir(), "4a_wrong.rs", &REVISION.replace("i64", "Sixtyfour")).expect_err("must fail");
    let text = error.to_string();
    let place = format!("--> {}:8:", scratch("versions").join("4a_wrong.rs").display());
    assert!(text.contains("cannot find type `Sixtyfour`"), "{text}");
    assert!(text.contains(&place), "{text}");
    assert!(!text.contains("/package"), "{text}");
}

#[test]
fn a_library_that_exports_nothing_is_no_revision() {
    let error = build_text(build_dir(), "5a_empty.rs", "").expect_err("must fail");
    assert!(error.to_string().starts_with("the compiled module is no revision: "), "{error}");
}

#[test]
fn a_folder_is_built_with_its_own_manifest_and_modules() {
    let folder = scratch("6a_folder");
    fs::create_dir_all(folder.join("src")).expect("a folder");
    let manifest = "[package]\nname = \"mine\"\nedition = \"2021\"\n[dependencies]\nwmigrate-guest = \"0.1\"\n";
    fs::write(folder.join("Cargo.toml"), manifest).expect("written");
    fs::write(folder.join("src/lib.rs"), format!("mod words;\n{}", REVISION.replace("\"SELECT 1\"", "words::ONE")))
        .expect("written");
    let words = folder.join("src/words.rs");
    let dependencies = toml::Table::new();
    let order = Order { source: &folder, revision: "6a", dependencies: &dependencies, build_dir: build_dir() };
    fs::write(&words, "pub const ONE: &str = \"SELECT 'from the module'\";").expect("written");
    let built = build(&order).expect("built");
    assert!(String::from_utf8_lossy(&built.component).contains("from the module"));
    assert!(!folder.join("target").exists() && !folder.join("Cargo.lock").exists());

    fs::write(&words, "pub const ONE: &str = 1;").expect("written");
    let text = build(&order).expect_err("must fail").to_string();
    assert!(text.contains(&format!("--> {}:1:", words.display())), "{text}");
}
