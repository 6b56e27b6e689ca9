//! Parses, runs, renders the error, sets the exit code. Everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    wmigrate::cli::main(std::env::args_os())
}
