//! The engine behind every revision written in plain SQL: takes the whole text of the file, keeps the sections of the
//! running direction, and hands them to `sql.script`. It neither splits nor reads SQL: that is the host's work.
//! Without the standard library and without formatting, because it is loaded for every SQL revision there is.

#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;
use bindings::wmigrate::migration::context::{self, Way};
use bindings::wmigrate::migration::sql;
use bindings::{Error, Guest};

#[allow(unreachable_pub, reason = "generated; documented in the WIT package")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit/0.1.0",
        world: "revision",
    });
}

struct Engine;

impl Guest for Engine {
    fn upgrade() -> Result<(), Error> {
        run(Way::Upgrade)
    }

    fn downgrade() -> Result<(), Error> {
        run(Way::Downgrade)
    }
}

bindings::export!(Engine with_types_in bindings);

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: lol_alloc::LockedAllocator<lol_alloc::LeakingAllocator> =
    lol_alloc::LockedAllocator::new(lol_alloc::LeakingAllocator::new());

/// Only for want of memory; the host names that limit itself.
#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

#[allow(clippy::result_large_err, reason = "the record as the bindings want it")]
fn run(way: Way) -> Result<(), Error> {
    match context::payload() {
        Some(text) => sql::script(&sections(&text, way)).map(drop),
        None => Err(Error {
            kind: "usage".into(),
            sqlstate: "55000".into(),
            message: "this component holds no SQL: its section `wmigrate:payload` is missing".into(),
            detail: None,
            hint: None,
            position: None,
            fields: Vec::new(),
        }),
    }
}

/// The sections of one direction. Every other line is left empty, so that the lines of an error are those of the
/// file. A file without any marker is an upgrade as a whole.
///
/// A marker is a line that holds nothing but `-- wmigrate:upgrade` or `-- wmigrate:downgrade`, blanks around it
/// allowed, wherever it stands: also inside a string or a comment, since nothing here reads SQL.
fn sections(text: &str, way: Way) -> String {
    // A mark of the byte order would hide a marker on the first line, and means nothing to the server.
    let text = text.strip_prefix("\u{feff}").unwrap_or(text);
    let any = lines(text).any(|line| marker(line).is_some());
    let mut running = !any && way == Way::Upgrade;
    let mut kept = String::with_capacity(text.len());
    for line in lines(text) {
        let marker = marker(line);
        if let Some(section) = marker {
            running = section == way;
        }
        if running && marker.is_none() {
            kept.push_str(line);
        } else if line.ends_with("\n") {
            kept.push('\n');
        }
    }
    kept
}

/// `split_inclusive('\n')`, whose search for a character can panic, in the compiler's eyes, with formatted numbers:
/// 3 kB of them.
fn lines(mut text: &str) -> impl Iterator<Item = &str> {
    core::iter::from_fn(move || {
        let end = text.bytes().position(|byte| byte == b'\n').map_or(text.len(), |place| place + 1);
        let (line, rest) = text.split_at_checked(end)?;
        text = rest;
        (!line.is_empty()).then_some(line)
    })
}

fn marker(line: &str) -> Option<Way> {
    match line.trim_ascii().strip_prefix("-- wmigrate:")? {
        "upgrade" => Some(Way::Upgrade),
        "downgrade" => Some(Way::Downgrade),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, upgrade: &str, downgrade: &str) {
        assert_eq!(sections(text, Way::Upgrade), upgrade);
        assert_eq!(sections(text, Way::Downgrade), downgrade);
    }

    #[test]
    fn sections_keep_their_lines() {
        let text = "-- front\n-- wmigrate:upgrade\nA;\nB;\n-- wmigrate:downgrade\nC;\n";
        check(text, "\n\nA;\nB;\n\n\n", "\n\n\n\n\nC;\n");
    }

    #[test]
    fn several_sections_of_a_direction_are_one_script() {
        let text =
            "-- wmigrate:upgrade\nA;\n-- wmigrate:downgrade\nB;\n-- wmigrate:upgrade\nC;\n-- wmigrate:downgrade\nD;";
        check(text, "\nA;\n\n\n\nC;\n\n", "\n\n\nB;\n\n\n\nD;");
    }

    #[test]
    fn without_markers_all_is_upgrade() {
        check("A;\nB;", "A;\nB;", "\n");
        check("", "", "");
    }

    #[test]
    fn text_before_the_first_marker_belongs_to_nothing() {
        check("X;\n-- wmigrate:downgrade\nA;\n", "\n\n\n", "\n\nA;\n");
    }

    #[test]
    fn markers_stand_alone_on_their_line() {
        check("\u{feff}\t-- wmigrate:upgrade \r\nA;\r\n", "\nA;\r\n", "\n\n");
        check("--wmigrate:upgrade\n-- wmigrate:upgrade now\n", "--wmigrate:upgrade\n-- wmigrate:upgrade now\n", "\n\n");
    }
}
