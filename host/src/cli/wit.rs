//! `wit`: the contract, for whoever builds a component with tools of their own.

use super::exit::{CliError, Code};
use super::print::Printer;
use crate::authoring::wit;
use clap::Args;
use std::path::PathBuf;

/// Print the WIT package that revisions are built against.
#[derive(Args)]
pub struct Wit {
    /// Write its files into this folder instead.
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Wit {
    pub(super) fn run(&self, printer: &Printer) -> Result<(), CliError> {
        let Some(folder) = &self.out else {
            printer.lines(wit::PACKAGE.lines());
            return Ok(());
        };
        let failed = |error: std::io::Error| {
            CliError::new(Code::Failed, "output", format!("`{}` cannot be written: {error}", folder.display()))
        };
        std::fs::create_dir_all(folder).map_err(failed)?;
        for (name, text) in wit::FILES {
            std::fs::write(folder.join(name), text).map_err(failed)?;
        }
        Ok(())
    }
}
