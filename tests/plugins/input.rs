//! Bad packages and bad surroundings: each is refused in words, and nothing of it runs.

use std::{fs, io::Write as _, process::Stdio};

use super::{App, Manifest, NOTES, sql};
use crate::support::{Output, running::assert_says};

fn add(app: &App, package: &str) -> Output {
    app.project.wmigrate(["plugin", "add", package, "--yes"])
}

fn good() -> String {
    sql("CREATE TABLE notes.note (id int);", "DROP TABLE notes.note;")
}

#[test]
fn a_package_with_one_bit_altered() {
    let app = App::new();
    let package = app.with_plugin(&NOTES, &[("sql", &good())]);
    let mut bytes = fs::read(&package).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&package, &bytes).unwrap();
    assert_says(&add(&app, &package), 12, &["is not what its digest says", "nothing of it was run"]);
    assert_says(&app.upgrade("notes"), 12, &["is not what its digest says"]);
}

#[test]
fn another_package_than_the_one_that_was_added() {
    let app = App::new();
    let package = app.with_plugin(&NOTES, &[("sql", &good())]);
    app.package(&NOTES, &[("sql", &sql("CREATE TABLE notes.other (id int);", "SELECT 1;"))]);
    assert_says(
        &app.upgrade("notes"),
        12,
        &[
            "the plugin `notes` is not run",
            "is another package than the one in wmigrate.lock",
            &format!("wmigrate plugin add {package}"),
        ],
    );
}

#[test]
fn a_signature_counts_where_the_policy_says_so() {
    let app = App::new();
    let package = app.package(&NOTES, &[("sql", &good())]);
    let config = fs::read_to_string(app.project.folder.join("wmigrate.toml")).unwrap();
    app.project.write("wmigrate.toml", format!("{config}\n[trust]\nunsigned = \"refuse\"\n"));
    assert_says(
        &add(&app, &package),
        14,
        &["the plugin `notes` is not run: its signature does not count", "there is none: `", "[trust.keys]"],
    );
    // A key that signed something else.
    fs::write(format!("{package}.minisig"), include_str!("other.minisig")).unwrap();
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    app.project.write(
        "wmigrate.toml",
        format!("{config}\n[trust]\nunsigned = \"refuse\"\n[trust.keys]\nsomebody = \"{key}\"\n"),
    );
    assert_says(&add(&app, &package), 14, &["it was not made by `somebody`"]);
    fs::write(format!("{package}.minisig"), "no signature").unwrap();
    assert_says(&add(&app, &package), 12, &["is no signature of minisign's"]);
    // The right one.
    let key = super::sign(&package);
    app.project
        .write("wmigrate.toml", format!("{config}\n[trust]\nunsigned = \"refuse\"\n[trust.keys]\nacme = \"{key}\"\n"));
    assert!(app.project.ok(["plugin", "add", &package, "--yes"]).contains("signed    by `acme`"));
    assert_says(&app.upgrade("notes"), 0, &[]);
    app.project.ok(["plugin", "verify"]);
    // Another package of the same name under the same signature.
    let signature = fs::read(format!("{package}.minisig")).unwrap();
    let other = app.package(&Manifest { version: "1.1", ..NOTES }, &[("sql", &sql("SELECT 2;", "SELECT 1;"))]);
    fs::write(format!("{other}.minisig"), signature).unwrap();
    assert_says(&add(&app, &other), 14, &["it was not made by `acme`"]);
    // A key that does not count any more.
    app.project.write(
        "wmigrate.toml",
        fs::read_to_string(app.project.folder.join("wmigrate.toml")).unwrap().replace("acme = ", "# acme = "),
    );
    assert_says(&app.upgrade("notes"), 14, &["the plugin `notes` is not run: its signature does not count"]);
}

#[cfg(not(feature = "oci"))]
#[test]
fn a_registry_where_there_is_no_client_for_one() {
    let app = App::new();
    let reference = "oci://registry.example/acme/notes:1.0";
    let says = ["this wmigrate was built without the feature `oci`", "wmigrate plugin add FILE"];
    assert_says(&add(&app, reference), 2, &says);
    assert_says(&app.project.wmigrate(["plugin", "pull", reference]), 2, &says);
}

#[test]
fn an_older_version_and_another_publisher() {
    let app = App::new();
    app.with_plugin(&Manifest { version: "1.10", ..NOTES }, &[("sql", &good())]);
    assert_says(&app.upgrade("notes"), 0, &[]);
    let older = app.package(&Manifest { version: "1.9", ..NOTES }, &[("sql", &good())]);
    assert_says(&add(&app, &older), 14, &["the plugin `notes` 1.9 is not added: its version 1.10 was"]);
    let other = app.package(&Manifest { version: "2.0", publisher: "Mallory", ..NOTES }, &[("sql", &good())]);
    assert_says(
        &add(&app, &other),
        14,
        &["the plugin `notes` of Mallory is not added: there is a plugin of that name, of Acme"],
    );
    // The database remembers too, where the lock file was lost.
    fs::write(app.project.folder.join("wmigrate.lock"), "version = 1\n").unwrap();
    assert_says(&add(&app, &older), 0, &[]);
    app.project.psql("DELETE FROM wmigrate.version; INSERT INTO wmigrate.version VALUES ('a1')");
    assert_says(&app.upgrade("notes"), 14, &["the database has seen its version 1.10", "wmigrate plugin add FILE"]);
    fs::write(app.project.folder.join("wmigrate.lock"), "version = 1\n").unwrap();
    assert_says(&add(&app, &other), 0, &[]);
    assert_says(&app.upgrade("notes"), 14, &["the database has a plugin of that name, of Acme"]);
}

#[test]
fn what_nobody_can_ask_for() {
    let app = App::new();
    let author = crate::support::Project::without_database();
    author.sql("n1", "", "x", "SELECT 1;", "SELECT 1;");
    let pack = |request: &str| {
        author.write(
            "plugin.toml",
            format!("name = \"notes\"\nversion = \"1\"\npublisher = \"Acme\"\n[request]\n{request}\n"),
        );
        author.wmigrate(["plugin", "pack", "-o", "notes.wmigrate"])
    };
    assert_says(
        &pack("read = [\"pg_catalog.pg_authid\"]"),
        1,
        &["`pg_catalog.pg_authid` is in the schema `pg_catalog`, of which nothing is granted to a plugin"],
    );
    assert_says(&pack("write = [\"wmigrate.version\"]"), 1, &["is in the schema `wmigrate`"]);
    assert_says(&pack("superuser = true"), 1, &["unknown field `superuser`"]);
    assert!(!author.folder.join("notes.wmigrate").exists());
    drop(app);
}

#[test]
fn revisions_that_do_not_fit() {
    let app = App::new();
    // One that depends on what the application does not have.
    let author = crate::support::Project::without_database();
    author.write("plugin.toml", "name = \"notes\"\nversion = \"1\"\npublisher = \"Acme\"\n");
    let pack = |front: &str, out: &str| {
        author.write(
            "versions/n1_x.sql",
            format!(
                "-- /// wmigrate\n-- revision = \"n1\"\n{front}-- message = \"x\"\n-- ///\n{}",
                sql("SELECT 1;", "SELECT 1;")
            ),
        );
        author.wmigrate(["plugin", "pack", "-o", out])
    };
    let out = app.project.folder.join("bad.wmigrate").display().to_string();
    assert_says(&pack("-- depends_on = \"a9\"\n", &out), 0, &[]);
    assert_says(&add(&app, &out), 10, &["revision `n1`", "names `a9` in depends_on, which is not present"]);
    assert_says(
        &pack("-- down_revision = \"a1\"\n", &out),
        14,
        &["has the down_revision `a1`, which is not in the package"],
    );
    assert_says(
        &pack("-- branch_labels = \"app\"\n", &out),
        14,
        &["has the label `app`: the label of a plugin's line is its name"],
    );
    assert_says(&pack("-- transaction = \"none\"\n", &out), 14, &["a plugin's revision is one transaction"]);
    // Two plugins with one revision id.
    assert_says(&pack("-- depends_on = \"a1\"\n", &out), 0, &[]);
    assert_says(&add(&app, &out), 0, &[]);
    author.write("plugin.toml", "name = \"other\"\nversion = \"1\"\npublisher = \"Acme\"\n");
    let other = app.project.folder.join("other.wmigrate").display().to_string();
    assert_says(&pack("-- depends_on = \"a1\"\n", &other), 0, &[]);
    assert_says(&add(&app, &other), 10, &["`n1`"]);
    assert!(!app.project.ok(["plugin", "list"]).contains("other"));
}

#[test]
fn names_that_are_taken_in_the_database() {
    let app = App::new();
    app.with_plugin(&NOTES, &[("sql", &good())]);
    app.project.psql("CREATE SCHEMA notes");
    assert_says(
        &app.upgrade("notes"),
        14,
        &["the schema `notes` exists, and wmigrate did not make it", "under `[plugins.notes]`"],
    );
    app.project.psql("DROP SCHEMA notes");
    let role =
        app.project.psql("SELECT 'wm_' || oid || '_p_notes' FROM pg_database WHERE datname = current_database()");
    app.project.psql(&format!("DROP ROLE IF EXISTS {role}; CREATE ROLE {role}"));
    assert_says(&app.upgrade("notes"), 14, &[&format!("the role `{role}` exists, and wmigrate did not make it")]);
    app.project.psql(&format!("DROP ROLE {role}"));
    assert_says(&app.upgrade("notes"), 0, &[]);
}

#[test]
fn one_that_another_needs_stays() {
    let app = App::new();
    app.with_plugin(&NOTES, &[("sql", &good())]);
    let author = crate::support::Project::without_database();
    author.write("plugin.toml", "name = \"tags\"\nversion = \"1\"\npublisher = \"Acme\"\n");
    author.write(
        "versions/t1_x.sql",
        format!(
            "-- /// wmigrate\n-- revision = \"t1\"\n-- depends_on = \"notes1\"\n-- message = \"x\"\n-- ///\n{}",
            sql("SELECT 1;", "SELECT 1;")
        ),
    );
    let out = app.project.folder.join("tags.wmigrate").display().to_string();
    author.ok(["plugin", "pack", "-o", &out]);
    assert_says(&add(&app, &out), 0, &[]);
    let refused = app.project.wmigrate(["plugin", "remove", "notes", "--yes"]);
    assert_says(&refused, 14, &["`notes` is not removed: revision `t1` of the plugin `tags` depends on it"]);
    assert_says(&app.upgrade("tags"), 0, &["-> notes1, a step", "-> t1, x"]);
}

#[test]
fn an_operator_who_may_not_create_roles() {
    let app = App::new();
    app.with_plugin(&NOTES, &[("sql", &good())]);
    app.project.psql(&format!("ALTER ROLE {} NOCREATEROLE", app.admin));
    assert_says(
        &app.upgrade("notes"),
        14,
        &[
            "may not create roles, and without one of its own a plugin can be kept from nothing",
            &format!("ALTER ROLE \"{}\" CREATEROLE", app.admin),
            "the database is at `a1`",
        ],
    );
    app.project.psql(&format!("ALTER ROLE {} CREATEROLE", app.admin));
    assert_says(&app.upgrade("notes"), 0, &[]);
}

#[test]
fn a_place_where_every_role_may_create() {
    let app = App::new();
    app.with_plugin(&NOTES, &[("sql", &good())]);
    app.project.psql("GRANT CREATE ON SCHEMA public TO PUBLIC");
    assert_says(
        &app.upgrade("notes"),
        14,
        &["its role could create objects in SCHEMA public", "REVOKE CREATE ON SCHEMA public FROM PUBLIC"],
    );
}

/// Its components are compiled by a process of their own, which says what is wrong as ours would.
#[test]
fn a_component_that_is_none() {
    let app = App::new();
    let compile = |bytes: &[u8]| {
        let mut child = app.project.command(["compile-apart", "1048576"]);
        child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        child.wait_with_output().unwrap()
    };
    let good = compile(include_bytes!("../../guest-sdk/engines/sql.wasm"));
    assert!(good.status.success() && good.stdout.starts_with(b"\x7fELF"), "{}", String::from_utf8_lossy(&good.stderr));
    let bad = compile(b"\0asm\x0d\0\x01\0 and no more");
    assert_eq!(bad.status.code(), Some(1));
    assert!(
        bad.stdout.is_empty()
            && String::from_utf8_lossy(&bad.stderr).contains("it is not a valid WebAssembly component")
    );
}
