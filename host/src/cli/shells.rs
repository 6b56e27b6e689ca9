//! `completions` and `man`: what a packager or a shell wants.

use super::exit::{CliError, Code};
use super::print::Printer;
use clap::Args;
use std::path::PathBuf;

/// Print a completion script for a shell.
#[derive(Args)]
pub struct Completions {
    /// Which shell.
    shell: clap_complete::Shell,
}

/// Print the manual page, or write one a command into a folder.
#[derive(Args)]
pub struct Man {
    /// Write `wmigrate.1`, `wmigrate-upgrade.1` … here instead.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Completions {
    pub(super) fn run(&self, printer: &Printer) {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::command(), "wmigrate", &mut script);
        printer.lines(String::from_utf8_lossy(&script).lines());
    }
}

impl Man {
    pub(super) fn run(&self, printer: &Printer) -> Result<(), CliError> {
        let failed = |error: std::io::Error| {
            CliError::new(Code::Failed, "output", format!("the manual cannot be written: {error}"))
        };
        if let Some(folder) = &self.out {
            std::fs::create_dir_all(folder).map_err(failed)?;
            return clap_mangen::generate_to(super::command(), folder).map_err(failed);
        }
        let mut page = Vec::new();
        clap_mangen::Man::new(super::command()).render(&mut page).map_err(failed)?;
        printer.lines(String::from_utf8_lossy(&page).lines());
        Ok(())
    }
}
