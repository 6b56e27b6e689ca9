//! Compiling a stranger's component: in a process of its own, with an end to its time and memory. A component can be made so that
//! a compiler works for hours or takes all the memory there is, which no limit on the guest's run would see.

use super::engine::{Error, Runtime};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::io::{self, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The hidden command that does it.
pub const COMMAND: &str = "compile-apart";

/// Seconds of processor time. The largest engine known takes a tenth.
const SECONDS: u64 = 120;

/// Bytes of address space.
const MEMORY: u64 = 4 << 30;

/// Bytes of a component: as many as are read from a file.
const COMPONENT: u64 = 64 << 20;

/// Bytes of compiled code.
const CODE: u64 = 1 << 30;

/// Characters kept of what the process said.
const SAID: usize = 2000;

/// Compiles `component` for an engine with this stack.
pub(super) fn compile(component: &[u8], stack: u64) -> Result<Vec<u8>, Error> {
    let failed =
        |what: &str, error: &io::Error| Error::Engine(format!("{what} a process that compiles a plugin: {error}"));
    let program = std::env::current_exe().map_err(|error| failed("cannot find", &error))?;
    let mut child = Command::new(program)
        .args([COMMAND, &stack.to_string()])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed("cannot start", &error))?;
    let (mut input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (code, said) = std::thread::scope(|scope| {
        // It may end before it has read all: what it says then is the reason.
        scope.spawn(move || input.take().map(|mut input| input.write_all(component)));
        let said = scope.spawn(move || read(errors, SAID as u64 * 4));
        (read(output, CODE + 1), said.join().unwrap_or_default())
    });
    let ended = child.wait().map_err(|error| failed("cannot wait for", &error))?;
    if ended.success() && code.len() as u64 <= CODE {
        return Ok(code);
    }
    let said: String = String::from_utf8_lossy(&said).trim().chars().take(SAID).collect();
    Err(Error::Invalid(if ended.code().is_some() && !said.is_empty() {
        super::printable(said.trim_start_matches("error: "))
    } else {
        format!("compiling it took more than {SECONDS} s or {} GiB", MEMORY >> 30)
    }))
}

fn read(pipe: Option<impl io::Read>, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // What cannot be read is missing, and the code is then no code.
        drop(pipe.take(most).read_to_end(&mut bytes));
    }
    bytes
}

/// What the process does: reads a component, compiles it, writes the code. It connects to nothing and opens no file.
pub fn child(stack: u64, input: impl io::Read, mut output: impl io::Write) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    for (resource, most) in
        [(Resource::Cpu, SECONDS), (Resource::As, MEMORY), (Resource::Fsize, 0), (Resource::Core, 0)]
    {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).map_err(|error| text(&error))?;
    }
    let mut component = Vec::new();
    input.take(COMPONENT + 1).read_to_end(&mut component).map_err(|error| text(&error))?;
    if component.len() as u64 > COMPONENT {
        return Err(format!("it has more than {COMPONENT} bytes"));
    }
    let (cache, _) = super::Cache::open(None);
    let runtime =
        Runtime::new(Arc::new(cache), stack, Arc::new(AtomicBool::new(false))).map_err(|error| text(&error))?;
    let code = runtime.precompiled(&component).map_err(|error| text(&error))?;
    output.write_all(&code).map_err(|error| text(&error))
}
