//! The temporary folder of this test process and the watcher that clears it. Rust has no `atexit`, and a test run may be
//! killed, so a small shell waits for the end of a pipe that only we hold open: when it ends, so did we.

use std::{
    fs::{self, DirBuilder},
    io::Write,
    os::unix::{
        fs::{DirBuilderExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// Stops the servers below `$1`, then removes the folder. A pid file names the process; where there is a `/proc`, its
/// working folder proves that it is still that one.
const WATCHER: &str = r#"
trap '' INT TERM HUP
read -r _ || true
find "$1" \( -name postmaster.pid -o -name pgbouncer.pid \) 2>/dev/null | while read -r file; do
    pid=$(head -n 1 "$file") && [ "$pid" -gt 1 ] || continue
    if [ -d /proc/self ]; then
        case "$(readlink "/proc/$pid/cwd")" in "$1"/*) ;; *) continue ;; esac
    fi
    kill -INT "$pid" 2>/dev/null || continue
    tries=0
    while [ -f "$file" ] && kill -0 "$pid" 2>/dev/null && [ $tries -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -9 "$pid" 2>/dev/null
done
rm -rf "$1"
"#;

struct Root {
    path: PathBuf,
    /// Held open until this process is gone.
    _pipe: ChildStdin,
}

/// The folder of this test process. Everybody may pass through it: as root, servers run as another user.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<Root> = OnceLock::new();
    let root = ROOT.get_or_init(|| {
        // Not TMPDIR: its name may be too long for a socket.
        let path = PathBuf::from(format!("/tmp/wmigrate-test-{}", std::process::id()));
        DirBuilder::new().mode(0o711).create(&path).expect("the test folder's name is free");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o711)).unwrap();
        let path = path.canonicalize().unwrap();
        let keep = std::env::var_os("WMIGRATE_TEST_KEEP").is_some_and(|value| !value.is_empty());
        let script = if keep { "read -r _" } else { WATCHER };
        if keep {
            eprintln!("keeping `{}` and the servers in it", path.display());
        }
        #[expect(clippy::zombie_processes, reason = "it outlives us: that is what it is for")]
        let mut watcher = Command::new("sh")
            .args(["-c", script, "watcher"])
            .arg(&path)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("`sh` runs");
        Root { path, _pipe: watcher.stdin.take().expect("the pipe was asked for") }
    });
    &root.path
}

/// A new empty folder that everybody may pass through.
pub fn new_folder(kind: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let folder = root().join(format!("{kind}{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Asserts that a page of `docs/` is what a test makes of its tables, or writes it.
#[track_caller]
pub fn assert_document(name: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if std::env::var_os("WMIGRATE_UPDATE_DOCS").is_some() {
        write(&path, wanted);
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(found == wanted, "docs/{name} is stale: WMIGRATE_UPDATE_DOCS=1 writes it anew");
}

/// Writes a file, with the folders above it.
pub fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("a file is in a folder")).unwrap();
    fs::File::create(path).and_then(|mut file| file.write_all(text.as_ref())).unwrap();
}
