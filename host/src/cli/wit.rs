//! `wit`: the contract, for whoever builds a component with tools of their own.

use super::exit::CliError;
use super::output;
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
        wit::FILES.iter().try_for_each(|(name, text)| output::write(&folder.join(name), text.as_bytes()))
    }
}
