//! From the core module that a compiler makes to a component: what it imports and exports gets the types of our world. A
//! module that says by itself which world it is for (Rust's does) is wrapped as it is.

use super::wit;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as WASI, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER,
};
use wasmparser::{ExternalKind, Parser, Payload};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding};
use wit_parser::Resolve;

/// The compiled module is no revision.
#[derive(Debug, thiserror::Error)]
#[error("the compiled module is no revision: {0}")]
pub struct Error(String);

impl Error {
    /// The causes of an `anyhow` error are in its alternate form, and on lines of their own.
    fn new(error: impl std::fmt::Display) -> Self {
        Self(format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// Wraps a module; refuses what is no revision.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, Error> {
    let edges = Edges::of(module).map_err(Error::new)?;
    let typed = if edges.is_typed { module.to_vec() } else { with_types(without_debug(module)?, &edges)? };
    let mut encoder = ComponentEncoder::default().validate(true).module(&typed).map_err(Error::new)?;
    if edges.imports.iter().any(|(from, _)| from == WASI) {
        encoder = encoder.adapter(WASI, ADAPTER).map_err(Error::new)?;
    }
    let component = encoder.encode().map_err(Error::new)?;
    // A module without any of our marks becomes an empty component without complaint.
    let decoded = wit_component::decode(&component).map_err(Error::new)?;
    if let DecodedWasm::Component(resolve, world) = &decoded {
        let exports = resolve.worlds[*world].exports.keys().map(|key| resolve.name_world_key(key));
        must_export(&exports.collect::<Vec<_>>())?;
    }
    Ok(component)
}

fn must_export(exports: &[String]) -> Result<(), Error> {
    match ["upgrade", "downgrade"].iter().find(|wanted| !exports.iter().any(|export| export == *wanted)) {
        Some(missing) => Err(Error(format!("it does not export `{missing}`"))),
        None => Ok(()),
    }
}

/// What a module wants and gives.
#[derive(Default)]
struct Edges {
    imports: Vec<(String, String)>,
    exports: Vec<String>,
    /// A section of it says which world it is for.
    is_typed: bool,
}

impl Edges {
    fn of(module: &[u8]) -> wasmparser::Result<Self> {
        let mut edges = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import?;
                        edges.imports.push((import.module.to_owned(), import.name.to_owned()));
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        if export.kind == ExternalKind::Func {
                            edges.exports.push(export.name.to_owned());
                        }
                    }
                }
                Payload::CustomSection(custom) => edges.is_typed |= custom.name().starts_with("component-type"),
                _ => {}
            }
        }
        Ok(edges)
    }

    /// The world of its exports.
    fn world(&self) -> &'static str {
        if self.exports.iter().any(|export| export == "transform") { "backfilling-revision" } else { "revision" }
    }
}

/// The module without the debug information that libraries bring along, which is ten times their code. Names stay.
fn without_debug(module: &[u8]) -> Result<Vec<u8>, Error> {
    let mut kept = Vec::with_capacity(module.len());
    let mut at = 0;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(Error::new)?;
        let end = match &payload {
            Payload::Version { range, .. } => range.end,
            payload => match payload.as_section() {
                Some((_, range)) => range.end,
                None => continue,
            },
        };
        let is_debug = matches!(&payload, Payload::CustomSection(custom) if custom.name().starts_with(".debug_"));
        if !is_debug {
            kept.extend_from_slice(&module[at..end]);
        }
        at = end;
    }
    Ok(kept)
}

/// The module with the types of our world in it.
fn with_types(mut module: Vec<u8>, edges: &Edges) -> Result<Vec<u8>, Error> {
    must_export(&edges.exports)?;
    let ours = |from: &str| from == WASI || from.starts_with("wmigrate:migration/");
    if let Some((from, name)) = edges.imports.iter().find(|(from, _)| !ours(from)) {
        return Err(Error(format!(
            "it imports `{name}` from `{from}`, and there is only what the package of `wmigrate wit` offers"
        )));
    }
    let mut resolve = Resolve::default();
    let package = resolve.push_str("wmigrate.wit", &wit::PACKAGE).map_err(Error::new)?;
    let world = resolve.select_world(&[package], Some(edges.world())).map_err(Error::new)?;
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).map_err(Error::new)?;
    Ok(module)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(module: &[u8]) -> String {
        let error = componentize(module).expect_err("must fail").to_string();
        assert!(!error.contains('\n'), "{error}");
        error.strip_prefix("the compiled module is no revision: ").expect("it says so").to_owned()
    }

    fn wat(text: &str) -> Vec<u8> {
        wat::parse_str(text).expect("WAT")
    }

    const EXPORTS: &str = "(memory (export \"memory\") 1) (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable) \
         (func (export \"upgrade\") (result i32) unreachable) (func (export \"downgrade\") (result i32) unreachable)";

    #[test]
    fn a_plain_module_gets_the_types_of_the_world() {
        let component = componentize(&wat(&format!("(module {EXPORTS})"))).expect("a revision");
        assert!(wasmparser::Parser::is_component(&component));
        let with_wasi = "(import \"wasi_snapshot_preview1\" \"proc_exit\" (func (param i32)))";
        let component = componentize(&wat(&format!("(module {with_wasi} {EXPORTS})"))).expect("a revision");
        assert!(String::from_utf8_lossy(&component).contains("wasi:cli/exit@0.2."));
        let transform = "(func (export \"transform\") (param i32 i32 i32 i32 i32 i32 i32) (result i32) unreachable)";
        let component = componentize(&wat(&format!("(module {EXPORTS} {transform})"))).expect("a revision");
        let DecodedWasm::Component(resolve, world) = wit_component::decode(&component).expect("a component") else {
            panic!("a component");
        };
        assert_eq!(resolve.worlds[world].exports.len(), 3);
    }

    #[test]
    fn debug_information_goes_and_names_stay() {
        let module =
            wat(&format!("(module $mine {EXPORTS} (@custom \".debug_info\" \"xyzzy\") (@custom \"other\" \"kept\"))"));
        let stripped = without_debug(&module).expect("a module");
        let text = String::from_utf8_lossy(&stripped);
        assert!(!text.contains("xyzzy") && text.contains("kept") && text.contains("mine"), "{text}");
        assert!(componentize(&stripped).is_ok());
    }

    #[test]
    fn what_is_no_revision_says_why() {
        for bytes in [&b""[..], b"\0asm", b"hello, world"] {
            refused(bytes);
        }
        assert_eq!(refused(&wat("(module)")), "it does not export `upgrade`");
        assert_eq!(refused(&wat("(module (func (export \"upgrade\")))")), "it does not export `downgrade`");
        let foreign = wat(&format!("(module (import \"env\" \"socket\" (func)) {EXPORTS})"));
        assert_eq!(
            refused(&foreign),
            "it imports `socket` from `env`, and there is only what the package of `wmigrate wit` offers"
        );
        let unknown = wat(&format!("(module (import \"wmigrate:migration/sql@0.1.0\" \"drop-all\" (func)) {EXPORTS})"));
        assert!(refused(&unknown).contains("drop-all"));
        let wrong =
            wat(&format!("(module {} )", EXPORTS.replace("\"upgrade\") (result i32)", "\"upgrade\") (result f32)")));
        assert!(refused(&wrong).contains("upgrade"), "{}", refused(&wrong));
    }
}
