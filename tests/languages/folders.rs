//! Revisions that are folders, `tests/languages/folders/*`: several files, packages that were vendored or bundled, nothing fetched.

use std::{fs, path::Path};

use super::{is_here, with_python};
use crate::support::{Project, project::front_matter, running::assert_says};

const FOLDERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/languages/folders");

fn copy(project: &Project, from: &Path, to: &str) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{to}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            copy(project, &entry.path(), &name);
        } else {
            project.write(&name, fs::read(entry.path()).unwrap());
        }
    }
}

/// Each fills `initials` and empties it again.
fn fills_in(project: &Project, language: &str) {
    project.psql("CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, initials text)");
    project.psql("INSERT INTO people VALUES (1, 'Ada King Lovelace'), (2, 'Plato')");
    copy(project, &Path::new(FOLDERS).join(language), "versions/b0d1_initials");
    let up = project.wmigrate(["upgrade", "head"]);
    if !is_here(&up, language) {
        return;
    }
    assert_says(&up, 0, &["Running upgrade  -> b0d1, initials"]);
    let initials = "SELECT string_agg(initials, ' ' ORDER BY id) FROM people";
    assert_eq!(project.psql(initials), "AKL P");
    project.ok(["downgrade", "base"]);
    assert_eq!(project.psql(initials), "");
}

/// `bundle.js` is what `esbuild` made of `index.ts` and of a package in `CommonJS`, as docs/languages/javascript.md has it.
#[test]
fn typescript_that_was_bundled() {
    let project = Project::new();
    project
        .write("versions/b0d1_initials/node_modules/initials/index.js", "throw new Error('no part of the revision');");
    fills_in(&project, "ts");
}

#[test]
fn python_with_a_package() {
    fills_in(&with_python(), "py");
}

#[test]
fn go_with_a_vendored_module() {
    fills_in(&Project::new(), "go");
}

#[test]
fn c_in_several_files() {
    fills_in(&Project::new(), "c");
}

#[test]
fn zig_in_several_files() {
    fills_in(&Project::new(), "zig");
}

const GO_SLEEPS: &str = r#"package main

import (
	"errors"
	"time"
	"wmigrate"
)

func main() { wmigrate.Export(upgrade, downgrade) }

func upgrade() error {
	before := time.Now()
	time.Sleep(time.Hour)
	select {
	case <-time.After(time.Minute):
	case <-make(chan int):
	}
	if time.Now().UnixMicro() != before.UnixMicro() {
		return errors.New("the day went on")
	}
	return nil
}

func downgrade() error { return nil }
"#;

const PYTHON_SLEEPS: &str = "import time


def upgrade():
    before = time.time()
    time.sleep(3600)
    assert time.time() == before


def downgrade():
    pass
";

/// A guest's scheduler waits for its clock, which counts calls otherwise.
#[test]
fn sleep_takes_no_time() {
    for (language, comment, text) in [("go", "//", GO_SLEEPS), ("py", "#", PYTHON_SLEEPS)] {
        let project = with_python();
        project.revision("a0", "sleep", language, &format!("{}{text}", front_matter(comment, "a0", "", "sleep", "")));
        let up = project.wmigrate(["upgrade", "head"]);
        if is_here(&up, language) {
            assert_says(&up, 0, &["Running upgrade  -> a0, sleep"]);
        }
    }
}
