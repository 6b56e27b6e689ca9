//! How revisions in C, C++ and Zig are built: with Zig, which brings a compiler and libraries for all three, or with a clang that
//! knows wasm. The SDK is one header, and one file for Zig.

use super::workshop::{self, Workshop, clear, copy_source, write_if_changed};
use super::{Built, Error, Order};
use crate::authoring::component::componentize;
use crate::versions::Language;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The SDK as this binary carries it.
pub(in crate::authoring) const HEADER: &str = include_str!("../../../../guest-sdk/c/wmigrate.h");
const ZIG_MODULE: &str = include_str!("../../../../guest-sdk/c/wmigrate.zig");

const NO_C: &str = "no compiler for C and C++ that can make wasm found: `pip install ziglang` brings one (on Debian also `apt-get install clang lld`)";
const NO_ZIG: &str = "no Zig found: `pip install ziglang` brings one, or ziglang.org/download";

/// Headers that a compiler brings by itself. With any other, a C library has to be linked, which Zig builds at its first use.
const FREE: [&str; 11] = [
    "float.h",
    "iso646.h",
    "limits.h",
    "stdalign.h",
    "stdarg.h",
    "stdatomic.h",
    "stdbool.h",
    "stddef.h",
    "stdint.h",
    "stdnoreturn.h",
    "wmigrate.h",
];

/// Where the SDK lies beside the package, as the compiler is told.
const SDK: &str = "../sdk";
const MODULE: &str = "../module.wasm";

/// Builds one revision.
///
/// 1. Find a compiler.
/// 2. Lay out the SDK and beside it a copy of the source, which is compiled there by relative names: no path gets into the bytes.
/// 3. Run it.
pub(super) fn build(language: Language, order: &Order<'_>) -> Result<Built, Error> {
    let compiler = Compiler::find(language)?;
    let workshop = Workshop::enter(&order.build_dir.join("c"))?;
    let package = workshop.folder.join("package");
    let sdk = workshop.folder.join("sdk");
    write_if_changed(&sdk.join("wmigrate.h"), HEADER.as_bytes())?;
    write_if_changed(&sdk.join("wmigrate.zig"), ZIG_MODULE.as_bytes())?;
    clear(&package, "")?;
    let copied = copy_source(order.source, &package)?;
    let files = files(language, order.source, &copied)?;
    let mut command = compiler.command(language, &files, needs_library(&package, &copied)?);
    workshop::clean_environment(
        &mut command,
        &["CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "CFLAGS", "CXXFLAGS", "ZIG_"],
    );
    command.env("ZIG_LOCAL_CACHE_DIR", workshop.folder.join("cache"));
    if std::env::var_os("HOME").is_none() {
        // Else the libraries are kept there, once a machine.
        command.env("ZIG_GLOBAL_CACHE_DIR", workshop.folder.join("cache"));
    }
    command.current_dir(&package);
    let warnings =
        workshop::run(&mut command, order.source, |messages| name_as_author(messages, order.source, &files))?;
    let component = componentize(&workshop::read_module(&workshop.folder.join("module.wasm"), order.source)?)?;
    Ok(Built { component, toolchain: compiler.version, warnings })
}

/// What is compiled of the files that were copied: the main file first, then the further ones of a folder by name.
fn files(language: Language, source: &Path, copied: &[PathBuf]) -> Result<Vec<String>, Error> {
    if !source.is_dir() {
        return Ok(vec![workshop::file_name(source)?.to_owned()]);
    }
    let main = language.main_file().unwrap_or_default();
    // Zig follows imports by itself.
    let others = copied.iter().filter(|path| {
        language != Language::Zig && has_extension(path, &[language.extension()]) && *path != Path::new(main)
    });
    let mut others: Vec<String> = others
        .map(|path| path.to_str().map(str::to_owned).ok_or_else(|| Error::NotAFile { path: source.join(path) }))
        .collect::<Result<_, _>>()?;
    others.sort_unstable();
    Ok([vec![main.to_owned()], others].concat())
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted))
}

/// Whether any of these files includes what only a C library has.
fn needs_library(package: &Path, copied: &[PathBuf]) -> Result<bool, Error> {
    for path in copied.iter().filter(|path| has_extension(path, &["c", "cpp", "h", "hpp"])) {
        let path = package.join(path);
        let text = fs::read(&path).map_err(|source| Error::Read { path, source })?;
        if includes(&String::from_utf8_lossy(&text)).any(|header| !FREE.contains(&header)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The names in `#include <…>`.
fn includes(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let rest = line.trim_start().strip_prefix('#')?.trim_start().strip_prefix("include")?.trim_start();
        rest.strip_prefix('<')?.split('>').next()
    })
}

enum Kind {
    Zig,
    Clang,
}

/// A compiler that can make wasm.
struct Compiler {
    kind: Kind,
    /// Program and arguments before all others.
    program: Vec<String>,
    /// For the lock file: `zig 0.17.1`.
    version: String,
}

impl Compiler {
    fn find(language: Language) -> Result<Self, Error> {
        for program in [vec!["zig"], vec!["python3", "-m", "ziglang"]] {
            if let Some(version) = answer(&program, "version") {
                let program = program.into_iter().map(str::to_owned).collect();
                return Ok(Self { kind: Kind::Zig, program, version: format!("zig {version}") });
            }
        }
        if language == Language::Zig {
            return Err(Error::NoToolchain(NO_ZIG));
        }
        let newest_first = (14..=30).rev().map(|number| format!("clang-{number}"));
        for clang in std::iter::once("clang".to_owned()).chain(newest_first) {
            let targets = answer(&[&clang], "--print-targets").unwrap_or_default();
            if targets.contains("wasm32") && can_link(&clang) {
                let version = answer(&[&clang], "--version").unwrap_or_default();
                let version = version.lines().next().unwrap_or_default().to_owned();
                return Ok(Self { kind: Kind::Clang, program: vec![clang], version });
            }
        }
        Err(Error::NoToolchain(NO_C))
    }

    fn command(&self, language: Language, files: &[String], library: bool) -> Command {
        let (program, before) = self.program.split_first().expect("a program has a name");
        let mut command = Command::new(match (&self.kind, language) {
            // Else the library of C++ is not linked.
            (Kind::Clang, Language::Cpp) => program.replacen("clang", "clang++", 1),
            _ => program.clone(),
        });
        command.args(before);
        if language == Language::Zig {
            command.args(["build-exe", "-target", "wasm32-freestanding", "-fno-entry", "-rdynamic", "-OReleaseSafe"]);
            command.args(["-freference-trace=12", "--color", "off", "--dep", "revision"]);
            command.arg(format!("-Mroot={SDK}/wmigrate.zig")).args(["--dep", "wmigrate=root"]);
            command.arg(format!("-Mrevision={}", files[0])).arg(format!("-femit-bin={MODULE}"));
            return command;
        }
        match (&self.kind, library) {
            (Kind::Zig, _) => {
                command.arg(if language == Language::C { "cc" } else { "c++" });
                command.args(if library {
                    &["-target", "wasm32-wasi", "-mexec-model=reactor"][..]
                } else {
                    &["-target", "wasm32-freestanding", "-nostdlib", "-Wl,--no-entry"]
                });
                // Names stay for backtraces, debug information does not.
                command.args(["-g", "-g0"]);
            }
            (Kind::Clang, true) => {
                command.args(["--target=wasm32-wasi", "-mexec-model=reactor", "-mbulk-memory", "-Wl,--stack-first"]);
            }
            (Kind::Clang, false) => {
                command.args(["--target=wasm32-unknown-unknown", "-ffreestanding", "-nostdlib", "-mbulk-memory"]);
                command.args(["-Wl,--no-entry", "-Wl,--stack-first"]);
            }
        }
        command.args(if language == Language::C {
            &["-std=gnu17"][..]
        } else {
            &["-std=c++20", "-fno-exceptions", "-fno-rtti"]
        });
        command.args(["-Os", "-Wall", "-Wextra", "-fno-color-diagnostics", "-fmacro-backtrace-limit=1"]);
        command.args(["-Wl,-z,stack-size=1048576", "-I", SDK, "-I", ".", "-o", MODULE]).args(files);
        command
    }
}

/// Debian installs a clang without its linker.
fn can_link(clang: &str) -> bool {
    let linker = clang.replacen("clang", "wasm-ld", 1);
    let at = answer(&[clang], "--print-prog-name=wasm-ld").unwrap_or_default();
    Path::new(&at).is_absolute()
        || answer(&["wasm-ld"], "--version").is_some()
        || answer(&[&linker], "--version").is_some()
}

/// What a program says to one argument; none if it is not there or does not work.
fn answer(program: &[&str], argument: &str) -> Option<String> {
    let (program, before) = program.split_first()?;
    let output = Command::new(program).args(before).arg(argument).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Compilers name files as they were given; the linker names objects that nobody has seen.
fn name_as_author(messages: &str, source: &Path, files: &[String]) -> String {
    let folder = if source.is_dir() { source } else { source.parent().unwrap_or(Path::new("")) };
    let shown = |name: &str| folder.join(name).display().to_string();
    let mut named: Vec<String> = Vec::new();
    for line in messages.lines() {
        let mut line = line.replace(&format!("{SDK}/"), "");
        for file in files {
            if line.starts_with(&format!("{file}:")) {
                line = line.replacen(file.as_str(), &shown(file), 1);
            }
            line = without_object(&line, file, &shown(file));
        }
        // The linker says all of it twice.
        if named.last() != Some(&line) {
            named.push(line);
        }
    }
    named.join("\n")
}

/// `…/name-6f7a05.o` or `…/name.o` becomes the source.
fn without_object(line: &str, file: &str, shown: &str) -> String {
    let stem = PathBuf::from(file).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let words = line.split(' ').map(|word| {
        let object = word.trim_end_matches(':');
        let name = object.rsplit('/').next().unwrap_or_default();
        let is_object = object.contains('/')
            && name.strip_suffix(".o").is_some_and(|name| {
                name == stem || name.rsplit_once('-').is_some_and(|(name, mark)| name == stem && mark.len() == 6)
            });
        if is_object { word.replacen(object, shown, 1) } else { word.to_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_linked_where_it_is_included() {
        let check = |text: &str, expected: &[&str]| assert_eq!(includes(text).collect::<Vec<_>>(), expected);
        check(
            "#include \"wmigrate.h\"\n  #  include <stdint.h>\n#include<string.h> // for memcpy\n",
            &["stdint.h", "string.h"],
        );
        check("int includes; // #include <x>\n", &[]);
    }

    #[test]
    fn messages_name_the_authors_file() {
        let check = |said: &str, expected: &str| {
            assert_eq!(name_as_author(said, Path::new("versions/3f_x.c"), &["3f_x.c".to_owned()]), expected);
        };
        check("3f_x.c:3:25: error: no", "versions/3f_x.c:3:25: error: no");
        check("../sdk/wmigrate.h:7:1: note: here", "wmigrate.h:7:1: note: here");
        check(
            "wasm-ld: error: /tmp/3f_x-6f7a05.o: undefined symbol: gone",
            "wasm-ld: error: versions/3f_x.c: undefined symbol: gone",
        );
        check(
            "wasm-ld: error: /c/zig/o/ab/3f_x.o: gone\nwasm-ld: error: /c/zig/o/ab/3f_x.o: gone",
            "wasm-ld: error: versions/3f_x.c: gone",
        );
    }
}
