//! `list_templates`: what a new revision can be made from.

use super::Global;
use super::print::Printer;
use super::project::configuration;
use crate::authoring::template;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// List the templates for `init` and `revision`.
#[derive(Args)]
pub struct ListTemplates {}

impl ListTemplates {
    pub(super) fn run(global: &Global, printer: &Printer) {
        // Without a project there are still the built-in ones.
        let folder = configuration(global).map_or_else(|_| PathBuf::from("templates"), |(config, _)| config.templates);
        let listed = template::list_templates(&folder);
        if printer.json {
            let list: Vec<_> = listed.iter().map(|t| json!({ "name": t.name, "synopsis": t.synopsis })).collect();
            printer.json(&list);
        } else {
            printer.lines(["Available templates:".to_owned(), String::new()]);
            printer.lines(listed.iter().map(|t| format!("{} - {}", t.name, t.synopsis)));
        }
    }
}
