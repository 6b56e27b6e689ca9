//! `plugin grant` and `plugin revoke`: rights in `wmigrate.toml`. The database follows with the plugin's next run.

use super::{Plugins, edit};
use crate::cli::Global;
use crate::cli::exit::CliError;
use crate::cli::print::Printer;
use crate::plugins::{Installed, Table};
use clap::Args;
use serde_json::json;

/// Rights of a plugin.
#[derive(Args)]
pub(super) struct Change {
    /// The plugin.
    name: String,
    /// `read public.author(id, name)`, `write …`, `reference …`, `extension …`; all that it asks for by default.
    #[arg(value_names = ["KIND", "OBJECT"], num_args = 0..)]
    rights: Vec<String>,
}

impl Change {
    pub(super) fn grant(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        self.change(global, printer, "granted", |installed, kind, object| {
            let list = list_of(installed, kind)?;
            match list {
                List::Tables(tables) => {
                    let table = parse(object)?;
                    if !tables.contains(&table) {
                        tables.push(table);
                    }
                }
                List::Names(names) => {
                    if !names.iter().any(|name| name == object) {
                        names.push(object.to_owned());
                    }
                }
            }
            Ok(())
        })
    }

    pub(super) fn revoke(&self, global: &Global, printer: &Printer) -> Result<(), CliError> {
        self.change(global, printer, "revoked", |installed, kind, object| {
            let gone = match list_of(installed, kind)? {
                List::Tables(tables) => {
                    let table = parse(object)?;
                    let before = tables.len();
                    tables.retain(|one| *one != table);
                    before != tables.len()
                }
                List::Names(names) => {
                    let before = names.len();
                    names.retain(|one| one != object);
                    before != names.len()
                }
            };
            if gone { Ok(()) } else { Err(CliError::usage(format!("`{kind} {object}` was not granted"))) }
        })
    }

    fn change(
        &self,
        global: &Global,
        printer: &Printer,
        done: &str,
        one: impl Fn(&mut Installed, &str, &str) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let plugins = Plugins::read(global)?;
        let mut installed = plugins.find(&self.name)?.clone();
        let rights = if self.rights.is_empty() {
            let package = plugins.package(&installed)?;
            let asked = package.manifest.request.rights();
            let lines = if done == "granted" { asked.beyond(&installed.rights()) } else { installed.rights().lines() };
            lines
                .iter()
                .filter_map(|line| line.split_once(' '))
                .map(|(kind, object)| (kind.to_owned(), object.to_owned()))
                .collect()
        } else {
            let pairs = self.rights.chunks(2).map(|pair| match pair {
                [kind, object] => Ok((kind.clone(), object.clone())),
                _ => Err(CliError::usage(format!("`{}` needs an object behind it", pair.join(" ")))),
            });
            pairs.collect::<Result<Vec<_>, _>>()?
        };
        for (kind, object) in &rights {
            one(&mut installed, kind, object)?;
        }
        installed
            .rights()
            .check(&plugins.config.database.schema)
            .map_err(|error| CliError::of(crate::cli::exit::Code::Policy, "plugin", &error))?;
        edit::write(&plugins.config, &self.name, Some(&installed))?;
        if printer.json {
            printer.json(&json!({ "name": self.name, "granted": installed.rights().lines() }));
        }
        for (kind, object) in rights {
            printer.talk(&format!("{done}: {kind} {object}"));
        }
        Ok(())
    }
}

enum List<'a> {
    Tables(&'a mut Vec<Table>),
    Names(&'a mut Vec<String>),
}

fn list_of<'a>(installed: &'a mut Installed, kind: &str) -> Result<List<'a>, CliError> {
    Ok(match kind {
        "read" => List::Tables(&mut installed.read),
        "write" => List::Tables(&mut installed.write),
        "reference" => List::Tables(&mut installed.reference),
        "extension" => List::Names(&mut installed.extensions),
        other => return Err(CliError::usage(format!("`{other}` is no right: read, write, reference or extension"))),
    })
}

fn parse(object: &str) -> Result<Table, CliError> {
    Table::parse(object).map_err(|error| CliError::usage(error.to_string()))
}
