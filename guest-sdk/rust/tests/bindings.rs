//! `src/raw.rs` and `src/raw/backfilling.rs` are what the generator of wit-bindgen makes of the WIT package. They are in the
//! repository so that nobody who builds a revision builds the generator first.
//!
//! After a change of `wit/`: `WMIGRATE_UPDATE_BINDINGS=1 cargo test --test bindings`.

use std::path::Path;
use wit_bindgen_core::{Files, WorldGenerator as _, wit_parser::Resolve};
use wit_bindgen_rust::{Opts, WithOption};

/// The interfaces that both worlds import: the second world uses the first one's types.
const SHARED: [&str; 5] = ["types", "sql", "log", "context", "backfill"];

#[test]
fn they_are_what_the_generator_writes() {
    let revision = Opts {
        export_macro_name: Some("export_revision".to_owned()),
        default_bindings_module: Some("wmigrate_guest::raw".to_owned()),
        additional_derive_attributes: vec!["PartialEq".to_owned()],
        // `batch` is used by the other world's export only, and its bindings are to find it here.
        generate_unused_types: true,
        ..options()
    };
    // The world with `transform`: its exports only, on the types above.
    let shared = SHARED.map(|name| {
        let here = format!("crate::raw::wmigrate::migration::{name}");
        (format!("wmigrate:migration/{name}@0.1.0"), WithOption::Path(here))
    });
    let backfilling = Opts {
        export_macro_name: Some("export_backfilling_revision".to_owned()),
        default_bindings_module: Some("wmigrate_guest::raw::backfilling".to_owned()),
        with: shared.to_vec(),
        ..options()
    };
    check("src/raw.rs", "/// The world with `transform`.\npub mod backfilling;\n\n", "revision", revision);
    check("src/raw/backfilling.rs", "", "backfilling-revision", backfilling);
}

fn options() -> Opts {
    Opts { format: true, pub_export_macro: true, ..Opts::default() }
}

fn generated(world: &str, options: Opts) -> String {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path("wit").expect("the WIT package");
    let world = resolve.select_world(&[package], Some(world)).expect("the world");
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).expect("generated");
    let (_, text) = files.iter().next().expect("one file");
    std::str::from_utf8(text).expect("text").lines().map(tabbed).collect()
}

/// Half of the text is indentation, which the host's binary carries.
fn tabbed(line: &str) -> String {
    let code = line.trim_start_matches(' ');
    let spaces = line.len() - code.len();
    "\t".repeat(spaces / 4) + &" ".repeat(spaces % 4) + code + "\n"
}

fn check(path: &str, head: &str, world: &str, options: Opts) {
    let code = generated(world, options);
    let text =
        format!("//! The bindings of the world `{world}`, as `tests/bindings.rs` has them written.\n\n{head}{code}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("WMIGRATE_UPDATE_BINDINGS").is_some() {
        std::fs::write(&path, &text).expect("written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "{} is not what the generator writes: see the head of this test", path.display());
}
