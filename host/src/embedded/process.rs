//! Looks at the server's process through `postmaster.pid`, and never believes that file alone: a process number may have
//! been given to somebody else since. Sends the one signal that stops a server.

use std::{fs, path::Path, process::Command};

use rustix::process::{Pid, Signal, kill_process};

/// What `postmaster.pid` says about a process that really is the server of this data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Postmaster {
    pub(super) pid: i32,
    pub(super) phase: Phase,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not yet taking connections.
    Starting,
    /// Taking connections.
    Ready,
    /// On its way out.
    Stopping,
}

/// The live server of this data folder, if there is one.
pub(super) fn postmaster(data: &Path) -> Option<Postmaster> {
    let found = parse(&fs::read_to_string(data.join("postmaster.pid")).ok()?)?;
    works_in(found.pid, data).then_some(found)
}

/// Asks for a fast shutdown: sessions are ended, data is written.
pub(super) fn interrupt(pid: i32) -> std::io::Result<()> {
    let pid = Pid::from_raw(pid).ok_or(std::io::ErrorKind::InvalidInput)?;
    Ok(kill_process(pid, Signal::INT)?)
}

/// The file's first line is the process, its eighth how far the server is. A server that is not that far yet has
/// written fewer lines.
fn parse(file: &str) -> Option<Postmaster> {
    // A negative number would be a process group: it stands for the single-user server, which is not ours.
    let pid = file.lines().next()?.trim().parse().ok().filter(|pid| *pid > 1)?;
    let phase = match file.lines().nth(7).map(str::trim) {
        Some("ready" | "standby") => Phase::Ready,
        Some("stopping") => Phase::Stopping,
        Some(_) | None => Phase::Starting,
    };
    Some(Postmaster { pid, phase })
}

/// Is that process a server of this data folder? PostgreSQL changes into its data folder, which `/proc` shows; without
/// `/proc` the command line has to do, where we always put the folder. A zombie has neither.
fn works_in(pid: i32, data: &Path) -> bool {
    if Path::new("/proc/self/cwd").exists() {
        return fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == data);
    }
    let output = Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(&format!("-D {} ", data.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_file_is_read_line_by_line() {
        let check = |file: &str, expected: Option<(i32, Phase)>| {
            assert_eq!(parse(file).map(|found| (found.pid, found.phase)), expected);
        };
        let full = |status: &str| format!("4242\n/data\n1700000000\n5432\n/sock\n\n  123 4\n{status}\n");
        check(&full("ready   "), Some((4242, Phase::Ready)));
        check(&full("standby "), Some((4242, Phase::Ready)));
        check(&full("starting"), Some((4242, Phase::Starting)));
        check(&full("stopping"), Some((4242, Phase::Stopping)));
        check("4242\n/data\n", Some((4242, Phase::Starting)));
        check("", None);
        check("-17\n", None);
        check("1\n", None);
        check("x\n", None);
    }

    #[test]
    fn a_process_elsewhere_is_not_the_server() {
        let folder = std::env::temp_dir().join(format!("wmigrate-pid-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("postmaster.pid"), format!("{}\n", std::process::id())).unwrap();
        assert_eq!(postmaster(&folder), None);
        fs::remove_dir_all(&folder).unwrap();
    }
}
