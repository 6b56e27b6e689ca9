//! Writes `[plugins.<name>]` into `wmigrate.toml`, and leaves every other character of it as it was.

use crate::cli::exit::{CliError, Code};
use crate::cli::output;
use crate::config::Config;
use crate::plugins::{Installed, Table};
use toml_edit::{Array, DocumentMut, Item, value};

/// Sets what the file says of a plugin; `None` takes it out.
pub(super) fn write(config: &Config, name: &str, installed: Option<&Installed>) -> Result<(), CliError> {
    let failed = |message: String| CliError::new(Code::Failed, "configuration", message);
    let path = &config.file;
    let text =
        std::fs::read_to_string(path).map_err(|error| failed(format!("cannot read `{}`: {error}", path.display())))?;
    let text =
        edited(&text, name, installed).map_err(|error| failed(format!("`{}` is not TOML: {error}", path.display())))?;
    output::write(path, text.as_bytes())
}

fn edited(text: &str, name: &str, installed: Option<&Installed>) -> Result<String, toml_edit::TomlError> {
    let mut document: DocumentMut = text.parse()?;
    let plugins = document.entry("plugins").or_insert_with(|| {
        let mut table = toml_edit::Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let Some(plugins) = plugins.as_table_like_mut() else { return Ok(text.to_owned()) };
    match installed {
        None => {
            plugins.remove(name);
        }
        Some(installed) => {
            let entry = plugins.entry(name).or_insert_with(|| Item::Table(toml_edit::Table::new()));
            if let Some(table) = entry.as_table_like_mut() {
                fill(table, installed);
            }
        }
    }
    Ok(document.to_string())
}

fn fill(table: &mut dyn toml_edit::TableLike, installed: &Installed) {
    table.insert("package", value(installed.package.display().to_string()));
    match &installed.schema {
        Some(schema) => table.insert("schema", value(schema)),
        None => table.remove("schema"),
    };
    let lists: [(&str, Vec<String>); 4] = [
        ("read", texts(&installed.read)),
        ("write", texts(&installed.write)),
        ("reference", texts(&installed.reference)),
        ("extensions", installed.extensions.clone()),
    ];
    for (key, list) in lists {
        if list.is_empty() {
            table.remove(key);
        } else {
            table.insert(key, value(list.into_iter().collect::<Array>()));
        }
    }
    let limits = installed.limits.entries();
    if limits.is_empty() {
        table.remove("limits");
    } else {
        let mut inline = toml_edit::InlineTable::new();
        for (key, text) in limits {
            inline.insert(key, text.into());
        }
        table.insert("limits", value(inline));
    }
}

fn texts(tables: &[Table]) -> Vec<String> {
    tables.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_the_file_stays_as_it_is() {
        let before = "# Ours.\nversions = [ \"versions\" ] # Two spaces.\n\n[x]\na = 'b'\n";
        let installed = Installed {
            package: "plugins/notes.wmigrate".into(),
            read: vec![Table::parse("public.author(id)").unwrap()],
            ..Installed::default()
        };
        let after = edited(before, "notes", Some(&installed)).unwrap();
        let expected = format!(
            "{before}\n[plugins.notes]\npackage = \"plugins/notes.wmigrate\"\nread = [\"public.author(id)\"]\n"
        );
        assert_eq!(after, expected);
        assert_eq!(edited(&after, "notes", Some(&installed)).unwrap(), expected);
        assert_eq!(edited(&after, "notes", None).unwrap(), before);
    }
}
