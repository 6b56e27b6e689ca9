//! TypeScript revisions: types are blanked out, and what is left is JavaScript with every line and column where it was. Types are
//! not checked; editors do that with the declarations that lie beside the revisions.

use super::Finding;
use std::sync::{Arc, Mutex};
use swc_common::SourceMap;
use swc_common::errors::{DiagnosticBuilder, Emitter, Handler};
use swc_common::sync::Lrc;
use swc_ts_fast_strip::{ErrorCode, Options, TsError};

/// Bytes of a text. What is larger was made by a bundler, which takes the types away itself.
const TEXT: usize = 256 << 10;

/// Stack for each byte of the text: the parser calls itself for what is nested, and `!!!…` nests with every byte. What is not
/// needed is address space and nothing else.
const STACK_A_BYTE: usize = 8 << 10;

/// How deep brackets may be nested: deeper than anybody writes.
const DEPTH: usize = 500;

/// The JavaScript in a text of TypeScript.
pub(super) fn erase(text: &str) -> Result<String, Finding> {
    if let Some(place) = too_deep(text) {
        let (line, column) = place_of(text, place);
        let message = format!("brackets are nested more than {DEPTH} deep");
        return Err(Finding { line, column, message, hint: "take it apart".to_owned() });
    }
    if text.len() > TEXT {
        let message = format!("it has {} bytes; at most {TEXT} are read as TypeScript", text.len());
        let hint = "make a folder of the revision, with a `bundle.js` that a bundler has made of it".to_owned();
        return Err(Finding { line: 1, column: 1, message, hint });
    }
    let stack = STACK_A_BYTE * text.len().max(1 << 10);
    std::thread::scope(|scope| {
        let parse = std::thread::Builder::new().stack_size(stack).spawn_scoped(scope, || strip(text));
        match parse.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(stripped)) => stripped,
            Ok(Err(_)) => Err(whole("the TypeScript parser failed, which is a bug of wmigrate's")),
            Err(error) => Err(whole(&format!("no thread to read it on: {error}"))),
        }
    })
}

fn whole(message: &str) -> Finding {
    let hint = "write it as JavaScript".to_owned();
    Finding { line: 1, column: 1, message: message.to_owned(), hint }
}

fn strip(text: &str) -> Result<String, Finding> {
    let sources = Lrc::new(SourceMap::default());
    let said = Said::default();
    let handler = Handler::with_emitter(true, false, Box::new(said.clone()));
    let options = Options { module: Some(true), ..options() };
    let found = swc_ts_fast_strip::operate(&sources, &handler, text.to_owned(), options);
    let error = match found {
        Ok(output) => return Ok(output.code),
        Err(error) => error,
    };
    let said = said.first.lock().expect("no holder of this lock panics").take();
    let (message, place) = said.unwrap_or_else(|| (error.message.clone(), None));
    let (line, column) = place.map_or((1, 1), |place| place_of(text, place));
    Err(Finding { line, column, message: plain(&message), hint: hint(&error) })
}

/// All that the crate has a default for.
fn options() -> Options {
    serde_json::from_str("{}").expect("each option may be left out")
}

fn hint(error: &TsError) -> String {
    match error.code {
        ErrorCode::UnsupportedSyntax => {
            "types are taken away and nothing is put in their place: write `enum`, `namespace` and parameter properties as JavaScript has them"
        }
        _ => "correct the source",
    }
    .to_owned()
}

/// The parser's messages are sentences for a page; ours are parts of a line.
fn plain(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A message, and the byte it is about.
type Sentence = (String, Option<usize>);

/// Keeps the first thing that is said, with the byte it is about.
#[derive(Clone, Default)]
struct Said {
    first: Arc<Mutex<Option<Sentence>>>,
}

impl Emitter for Said {
    fn emit(&mut self, diagnostic: &mut DiagnosticBuilder<'_>) {
        // Positions count from 1 over all files, and there is one file.
        let place = diagnostic.span.primary_span().map(|span| (span.lo.0 as usize).saturating_sub(1));
        let mut first = self.first.lock().expect("no holder of this lock panics");
        first.get_or_insert_with(|| (diagnostic.message(), place));
    }
}

/// The first bracket that is too deep. It may be in a string or a comment: such a text is refused all the same.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' | b'<' => depth += 1,
            b')' | b']' | b'}' | b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH {
            return Some(place);
        }
    }
    None
}

/// Line and column of a byte, in characters from 1.
fn place_of(text: &str, at: usize) -> (u32, u32) {
    let before = &text[..text.floor_char_boundary(at.min(text.len()))];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_leave_blanks() {
        let check = |text: &str, expected: &str| assert_eq!(erase(text).as_deref(), Ok(expected), "{text}");
        check("const a: number = 1;", "const a         = 1;");
        check("let b = x as unknown as string;\n", "let b = x                     ;\n");
        check("type T = { a: 1 };\nexport const c = 2;", ";                 \nexport const c = 2;");
        check("import { sql, type Row } from \"wmigrate\";", "import { sql,          } from \"wmigrate\";");
        check("import type { Row } from \"wmigrate\";\nsql;", ";                                   \nsql;");
        check(
            "export function up(this: void, a?: string): void {}",
            "export function up(            a         )       {}",
        );
        check("const d = <T,>(x: T): x is T => x!;", "const d =     (x   )         => x ;");
        check("const e = y satisfies Z;\n", "const e = y            ;\n");
    }

    #[test]
    fn what_cannot_be_erased_says_where() {
        let check = |text: &str, line: u32, column: u32, message: &str| {
            let finding = erase(text).expect_err("must fail");
            assert_eq!((finding.line, finding.column), (line, column), "{finding:?}");
            assert!(finding.message.contains(message) && !finding.message.contains('\n'), "{finding:?}");
        };
        check("const a: number = ;", 1, 19, "Expression expected");
        check("\n  enum Colour { Red }", 2, 3, "enum");
        check("class A { constructor(private x: number) {} }", 1, 31, "parameter propert");
        check("namespace N { export const a = 1; }", 1, 1, "namespace");
        check(&"(".repeat(100_000), 1, 501, "nested more than 500 deep");
        check(&format!("let ü = {}", "[".repeat(501)), 1, 509, "nested");
    }

    #[test]
    fn nothing_hostile_ends_the_process() {
        for text in [
            "!".repeat(TEXT),
            "a=>".repeat(80_000),
            "a?b:".repeat(60_000),
            "if(a)".repeat(50_000),
            "x".repeat(TEXT + 1),
            "x=".repeat(100_000),
            "- ".repeat(TEXT / 2),
            "`${".repeat(400),
            "a.".repeat(100_000),
            "await ".repeat(40_000),
            format!("type T = {}A", "keyof ".repeat(40_000)),
            format!("type T = A{}", "|A".repeat(50_000)),
            format!("type T = {}", "A extends B ? C : ".repeat(14_000)),
            format!("let a = 1{}", "+1".repeat(100_000)),
        ] {
            // Only that it returns.
            let _ = erase(&text).is_ok();
        }
    }
}
