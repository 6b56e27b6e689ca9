//! Packages in OCI registries: there and back, and registries that mean harm. `cargo test --features oci --test it plugins::oci`

use super::{App, NOTES, sql};
use crate::support::project::names_in;
use crate::support::registry::{Answers, Registry, answering};
use crate::support::running::assert_says;
use std::fs;

fn revision() -> String {
    sql("CREATE TABLE notes.note (id int);", "DROP TABLE notes.note;")
}

#[test]
fn a_package_goes_there_and_comes_back() {
    let Some(registry) = Registry::start() else { return };
    let mut app = App::new();
    let package = app.package(&NOTES, &[("sql", &revision())]);
    let key = super::sign(&package);
    let config = fs::read_to_string(app.project.folder.join("wmigrate.toml")).unwrap();
    app.project
        .write("wmigrate.toml", format!("{config}\n[trust]\nunsigned = \"refuse\"\n[trust.keys]\nacme = \"{key}\"\n"));
    let reference = format!("oci://{}/acme/notes:1.0", registry.host);
    // Nobody comes in without the login, and what the login is stays unsaid.
    let outside = app.project.wmigrate(["plugin", "push", &package, &reference]);
    assert_says(&outside, 1, &["the registry of `oci://127.0.0.1:", "cannot be used", "docker login"]);
    app.project.set("DOCKER_CONFIG", &registry.login(false).display().to_string());
    let outside = app.project.wmigrate(["plugin", "push", &package, &reference]);
    assert_says(&outside, 1, &["cannot be used"]);
    assert!(!outside.stderr.contains("YXV0") && !outside.stderr.contains("open"), "{}", outside.stderr);
    app.project.set("DOCKER_CONFIG", &registry.login(true).display().to_string());

    let pinned = app.project.ok(["plugin", "push", &package, &reference]);
    let pinned = pinned.trim();
    assert!(pinned.starts_with(&format!("oci://{}/acme/notes@sha256:", registry.host)), "{pinned}");
    let whole = fs::read(&package).unwrap();
    fs::remove_file(&package).unwrap();
    fs::remove_file(format!("{package}.minisig")).unwrap();

    let added = app.project.ok(["plugin", "add", pinned, "--yes"]);
    assert!(added.contains("signed    by `acme`"), "{added}");
    let folder = app.project.folder.join("plugins");
    assert_eq!(names_in(&folder), ["notes-1.0.wmigrate", "notes-1.0.wmigrate.minisig"]);
    assert_eq!(fs::read(folder.join("notes-1.0.wmigrate")).unwrap(), whole);
    assert_says(&app.upgrade("notes"), 0, &["Running upgrade  -> notes1, a step"]);
    app.project.ok(["plugin", "pull", &reference, "-o", "elsewhere.wmigrate"]);
    assert_eq!(fs::read(app.project.folder.join("elsewhere.wmigrate")).unwrap(), whole);

    // What is there under that name is not written over by another.
    fs::write(folder.join("notes-1.0.wmigrate"), "something else").unwrap();
    assert_says(&app.project.wmigrate(["plugin", "pull", &reference]), 1, &["is there, and is another package"]);
    assert_eq!(fs::read(folder.join("notes-1.0.wmigrate")).unwrap(), b"something else");

    let missing = format!("oci://{}/acme/notes:2.0", registry.host);
    assert_says(&app.project.wmigrate(["plugin", "pull", &missing]), 1, &["cannot be used"]);
}

#[test]
fn a_registry_that_gives_other_bytes() {
    let Some(registry) = Registry::start() else { return };
    let mut app = App::new();
    app.project.set("DOCKER_CONFIG", &registry.login(true).display().to_string());
    let package = app.package(&NOTES, &[("sql", &revision())]);
    let reference = format!("oci://{}/acme/notes:1.0", registry.host);
    app.project.ok(["plugin", "push", &package, &reference]);
    let blobs = registry.folder.join("store/docker/registry/v2/blobs/sha256");
    let whole = fs::read(&package).unwrap();
    let mut altered = 0;
    for blob in fs::read_dir(&blobs).unwrap().flat_map(|one| fs::read_dir(one.unwrap().path()).unwrap()) {
        let data = blob.unwrap().path().join("data");
        let mut bytes = fs::read(&data).unwrap();
        if bytes == whole {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&data, bytes).unwrap();
            altered += 1;
        }
    }
    assert_eq!(altered, 1);
    assert_says(&app.project.wmigrate(["plugin", "add", &reference, "--yes"]), 1, &["cannot be used", "digest"]);
    assert!(!app.project.folder.join("plugins").exists());
    assert!(!fs::read_to_string(app.project.folder.join("wmigrate.toml")).unwrap().contains("notes"));
}

#[test]
fn what_is_no_package_is_not_kept() {
    const PACKAGE: &str = "application/vnd.wmigrate.package.v1";
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    let manifest = |layer: &str, size: u64| {
        format!(
            "{{ \"schemaVersion\": 2, \"mediaType\": \"{MANIFEST}\", \
             \"config\": {{ \"mediaType\": \"application/x\", \"digest\": \"sha256:{0}\", \"size\": 2 }}, \
             \"layers\": [{{ \"mediaType\": \"{layer}\", \"digest\": \"sha256:{0}\", \"size\": {size} }}] }}",
            "0".repeat(64)
        )
        .into_bytes()
    };
    let host = answering(Answers::from([
        ("/v2/a/image/manifests/1", (MANIFEST, manifest("application/vnd.oci.image.layer.v1.tar", 2))),
        ("/v2/a/giant/manifests/1", (MANIFEST, manifest(PACKAGE, 1 << 40))),
        ("/v2/a/liar/manifests/1", (MANIFEST, manifest(PACKAGE, 10))),
        (
            "/v2/a/liar/blobs/sha256:0000000000000000000000000000000000000000000000000000000000000000",
            ("application/octet-stream", vec![0; 1 << 20]),
        ),
        ("/v2/a/noise/manifests/1", (MANIFEST, b"no JSON".to_vec())),
    ]));
    let app = App::new();
    for (name, says) in [
        ("image", "is no package of a plugin: its type is `application/x`"),
        ("giant", "has a layer of 1099511627776 bytes; at most 268435456 are taken"),
        ("liar", "has a layer of "),
        ("noise", "cannot be used"),
        ("nothing", "cannot be used"),
    ] {
        let reference = format!("oci://{host}/a/{name}:1");
        assert_says(&app.project.wmigrate(["plugin", "add", &reference, "--yes"]), 1, &[says]);
    }
    let long = format!("oci://{host}/a/Image:1");
    for bad in ["oci://", "oci://notes", "oci://acme/notes:1.0", &long] {
        assert_says(&app.project.wmigrate(["plugin", "pull", bad]), 2, &["names nothing in a registry"]);
    }
    assert!(!app.project.folder.join("plugins").exists());
}
