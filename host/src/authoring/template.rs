//! The templates of new files: the built-in ones, those a project puts in their place, and filling them in. What they
//! are filled in with is `new_revision`'s.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use minijinja::{Environment, Value};

use super::Error;
use crate::versions::Language;

/// A template is a page of text.
const MAX_TEMPLATE: u64 = 1024 * 1024;
/// What ships with the tool: file name, what `list_templates` says of it, text.
const BUILT_IN: [(&str, &str, &str); 10] = [
    ("revision.sql", "Plain SQL under two markers; no toolchain needed.", include_str!("templates/revision.sql")),
    ("revision.js", "JavaScript with two functions; no toolchain needed.", include_str!("templates/revision.js")),
    ("revision.ts", "TypeScript, its types taken away; no toolchain needed.", include_str!("templates/revision.ts")),
    (
        "revision.py",
        "Python with two functions; needs `wmigrate engine add python`.",
        include_str!("templates/revision.py"),
    ),
    ("revision.rs", "Rust with typed rows and `?`; built by cargo.", include_str!("templates/revision.rs")),
    ("revision.go", "Go with ordinary errors; built by go.", include_str!("templates/revision.go")),
    ("revision.c", "C with one header; built by zig or clang.", include_str!("templates/revision.c")),
    ("revision.cpp", "C++ with the same header; built by zig or clang.", include_str!("templates/revision.cpp")),
    ("revision.zig", "Zig with error unions; built by zig.", include_str!("templates/revision.zig")),
    ("merge.sql", "Joins branches, for `wmigrate merge`.", include_str!("templates/merge.sql")),
];

/// One line of `list_templates`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What `--lang` takes, or `merge`.
    pub name: String,
    /// What it is.
    pub synopsis: String,
    /// The project has its own.
    pub overridden: bool,
}

/// A template's text and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// File name, such as `revision.sql`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The template's file name for a new revision in this language.
pub fn revision_template(language: Language) -> String {
    format!("revision.{}", language.extension())
}

/// The template's file name for a merge.
pub const MERGE_TEMPLATE: &str = "merge.sql";

/// The project's template of this name, else the built-in one.
pub fn find(name: &str, folder: &Path) -> Result<Template, Error> {
    let path = folder.join(name);
    let failed = |source| Error::Io { action: "read", path: path.clone(), source };
    let text = match fs::File::open(&path) {
        Ok(file) => {
            let mut text = String::new();
            file.take(MAX_TEMPLATE).read_to_string(&mut text).map_err(failed)?;
            text
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let built_in = BUILT_IN.iter().find(|(built_in, _, _)| *built_in == name);
            let missing = || Error::NoTemplate { name: name.to_owned(), folder: folder.to_owned() };
            built_in.ok_or_else(missing)?.2.to_owned()
        }
        Err(source) => return Err(failed(source)),
    };
    Ok(Template { name: name.to_owned(), text })
}

/// Names and one-line synopses, the project's additions last.
pub fn list_templates(folder: &Path) -> Vec<Listed> {
    let language = |file: &str| match file.split_once('.') {
        Some(("revision", extension)) => Language::from_name(extension).map(|language| language.short().to_owned()),
        Some((name, "sql")) if file == MERGE_TEMPLATE => Some(name.to_owned()),
        Some(_) | None => None,
    };
    let mut listed: Vec<Listed> = BUILT_IN
        .iter()
        .filter_map(|(file, synopsis, _)| {
            let overridden = folder.join(file).is_file();
            Some(Listed { name: language(file)?, synopsis: (*synopsis).to_owned(), overridden })
        })
        .collect();
    let mut own: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| language(entry.ok()?.file_name().to_str()?))
        .filter(|name| listed.iter().all(|listed| listed.name != *name))
        .collect();
    own.sort_unstable();
    listed.extend(own.into_iter().map(|name| Listed {
        name,
        synopsis: "The project's own.".to_owned(),
        overridden: true,
    }));
    listed
}

impl Template {
    /// Fills it in. A variable it has no value for is an error, since a slip would be written into the history.
    pub fn fill(&self, values: Value, folder: &Path) -> Result<String, Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        let filled = environment.render_named_str(&self.name, &self.text, values);
        filled.map_err(|source| Error::Template { path: folder.join(&self.name), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_by_the_name_lang_takes() {
        let listed = list_templates(Path::new("/nowhere"));
        let names: Vec<_> = listed.iter().map(|template| template.name.as_str()).collect();
        assert_eq!(names, ["sql", "js", "ts", "py", "rust", "go", "c", "cpp", "zig", "merge"]);
        assert!(listed.iter().all(|template| !template.overridden));
    }

    #[test]
    fn the_projects_own_go_first() {
        let folder = std::env::temp_dir().join(format!("wmigrate-templates-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("revision.sql"), "mine\n").unwrap();
        fs::write(folder.join("revision.py"), "").unwrap();
        fs::write(folder.join("notes.txt"), "").unwrap();
        assert_eq!(find("revision.sql", &folder).unwrap().text, "mine\n");
        assert_eq!(find("revision.js", &folder).unwrap().text, include_str!("templates/revision.js"));
        let listed = list_templates(&folder);
        let own: Vec<_> = listed.iter().filter(|listed| listed.overridden).map(|listed| &listed.name).collect();
        assert_eq!(own, ["sql", "py"]);
        let missing = find("revision.wasm", &folder).unwrap_err();
        assert_eq!(missing.to_string(), "there is no template `revision.wasm`");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn slips_in_a_template_are_errors() {
        let fill = |text: &str| {
            let template = Template { name: "revision.sql".to_owned(), text: text.to_owned() };
            template.fill(minijinja::context! { message => "m" }, Path::new("t")).map_err(|error| error.to_string())
        };
        assert_eq!(fill("{{ message }}\n"), Ok("m".to_owned()));
        let wrong = Err("template `t/revision.sql` is wrong".to_owned());
        assert_eq!(fill("{{ mesage }}"), wrong);
        assert_eq!(fill("{% if %}"), wrong);
    }
}
