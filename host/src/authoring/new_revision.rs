//! A new revision's file: its id, its text from a template, and writing it without ever touching a file that exists. The
//! parents are ids that the caller has resolved.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::Error;
use super::slug::file_name;
use super::template::{self, MERGE_TEMPLATE, revision_template};
use crate::graph;
use crate::versions::{FrontMatter, Language, Versions, front_matter};

/// File systems allow 255 bytes in a name.
const MAX_FILE_NAME: usize = 255;

/// A revision that is not written yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRevision {
    /// Its id, from [`new_id`] or the user.
    pub id: String,
    /// What it is about.
    pub message: String,
    /// Ids of the parents: none for a new base, several for a merge.
    pub parents: Vec<String>,
    /// Labels to declare.
    pub branch_labels: Vec<String>,
    /// Ids and labels of revisions that must be applied before.
    pub depends_on: Vec<String>,
    /// What it is written in.
    pub language: Language,
    /// When, from [`now`].
    pub created: String,
}

/// A new id, as Alembic's look: 12 hex digits.
pub fn new_id() -> Result<String, Error> {
    let mut random = [0; 6];
    getrandom::fill(&mut random).map_err(Error::Random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The time to the second, for `created`.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl NewRevision {
    /// The file's name.
    pub fn file_name(&self) -> String {
        file_name(&self.id, &self.message, self.language.extension())
    }

    /// What its front matter will say.
    pub fn front_matter(&self) -> FrontMatter {
        FrontMatter {
            revision: self.id.clone(),
            down_revision: self.parents.clone(),
            depends_on: self.depends_on.clone(),
            branch_labels: self.branch_labels.clone(),
            message: self.message.clone(),
            created: Some(self.created.clone()),
            options: front_matter::Options::default(),
        }
    }

    /// As the graph will see it, so that label clashes and cycles are found before anything is written.
    pub fn graph_revision(&self, folder: &Path) -> graph::Revision {
        graph::Revision {
            id: self.id.clone(),
            down_revision: self.parents.clone(),
            depends_on: self.depends_on.clone(),
            branch_labels: self.branch_labels.clone(),
            message: self.message.clone(),
            created: Some(self.created.clone()),
            path: folder.join(self.file_name()).display().to_string(),
            irreversible: false,
            of_plugin: false,
        }
    }

    /// The file's text. A project's template is checked: what it makes must read back as what it was given.
    pub fn render(&self, templates: &Path) -> Result<String, Error> {
        // A merge does nothing, so it needs no language; one that was asked for with another extension keeps it.
        let merge = self.parents.len() > 1 && self.language == Language::Sql;
        let name = if merge { MERGE_TEMPLATE.to_owned() } else { revision_template(self.language) };
        let template = template::find(&name, templates)?;
        let front = self.front_matter();
        let values = minijinja::context! {
            front_matter => front_matter::render(&front, self.language).trim_end(),
            revision => &self.id,
            revises => self.parents.join(", "),
            down_revision => &self.parents,
            depends_on => &self.depends_on,
            branch_labels => &self.branch_labels,
            message => &self.message,
            create_date => &self.created,
            comment => self.language.comment().unwrap_or_default(),
        };
        let mut text = template.fill(values, templates)?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        let wrong = |source| Error::TemplateFrontMatter { path: templates.join(&name), source };
        let read = front_matter::parse(text.as_bytes(), self.language).map_err(|bad| wrong(Some(bad)))?;
        // A template may add options, a lower limit for all say; the rest is not its to change.
        let same = FrontMatter { options: front_matter::Options::default(), ..read } == front;
        if same { Ok(text) } else { Err(wrong(None)) }
    }

    /// Writes the file into `folder`, which is created where it is missing, and says where it is.
    pub fn write(&self, folder: &Path, templates: &Path, existing: &Versions) -> Result<PathBuf, Error> {
        self.check_id(existing)?;
        let text = self.render(templates)?;
        let path = folder.join(self.file_name());
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists { path: path.clone() },
            _ => Error::Io { action: "create", path: path.clone(), source },
        };
        fs::create_dir_all(folder).map_err(|source| Error::Io { action: "create", path: folder.to_owned(), source })?;
        let mut file = fs::File::create_new(&path).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(|source| {
            // Half a revision would stop every later command; the disk is full, so removing is all there is to do.
            drop(fs::remove_file(&path));
            Error::Io { action: "write", path: path.clone(), source }
        })?;
        Ok(path)
    }

    /// What the graph has no reason to refuse: an id that is taken, or whose file would not be found again.
    fn check_id(&self, existing: &Versions) -> Result<(), Error> {
        if let Some(file) = existing.find(&self.id) {
            return Err(Error::DuplicateRevision { id: self.id.clone(), path: file.path.clone() });
        }
        let bad = |reason| Err(Error::BadId { id: self.id.chars().take(40).collect(), reason });
        if self.id.contains(['/', '\\', '\0']) {
            return bad("it begins a file name, which holds no `/` and no `\\`");
        }
        if self.id.starts_with(['.', '#']) || self.id.starts_with("__init__") || self.id.starts_with("README") {
            return bad("files whose names begin so are no revisions");
        }
        if self.file_name().len() > MAX_FILE_NAME {
            return bad("the file name would be longer than 255 bytes");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::versions::read_source;

    fn new(language: Language) -> NewRevision {
        NewRevision {
            id: "3f2a9c1d7e04".into(),
            message: "add \"last\" login".into(),
            parents: vec!["1b07c2aa9e11".into()],
            branch_labels: vec![],
            depends_on: vec![],
            language,
            created: "2026-11-22T14:10:00Z".into(),
        }
    }

    fn none() -> Versions {
        Versions { revisions: Vec::new() }
    }

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("wmigrate-new-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn sql_text() {
        let want = "-- /// wmigrate
-- revision = \"3f2a9c1d7e04\"
-- down_revision = \"1b07c2aa9e11\"
-- message = \"add \\\"last\\\" login\"
-- created = 2026-11-22T14:10:00Z
-- ///

-- wmigrate:upgrade
-- What brings the change: statements, each ended by a semicolon.

-- wmigrate:downgrade
-- What takes it back, last thing first.
";
        assert_eq!(new(Language::Sql).render(Path::new("/nowhere")).unwrap(), want);
    }

    #[test]
    fn every_language_is_written_and_loaded_again() {
        for language in Language::ALL.into_iter().filter(|language| *language != Language::Wasm) {
            let folder = Folder::new(language.name());
            let mut revision = new(language);
            revision.branch_labels = vec!["net".into()];
            revision.depends_on = vec!["other".into(), "another".into()];
            revision.message = "two\nlines {{ revision }} */ --".into();
            let path = revision.write(&folder.0, Path::new("/nowhere"), &none()).unwrap();
            let loaded = Versions::load(std::slice::from_ref(&folder.0), None).unwrap();
            assert_eq!(loaded.graph_revisions(), [revision.graph_revision(&folder.0).into()]);
            assert!(read_source(&loaded.revisions[0]).unwrap().text().unwrap().contains("pgrade"));
            let again = revision.write(&folder.0, Path::new("/nowhere"), &none()).unwrap_err();
            assert_eq!(again.to_string(), format!("`{}` exists already", path.display()));
            let known = revision.write(&folder.0, Path::new("/nowhere"), &loaded).unwrap_err();
            assert_eq!(known.kind(), Some("duplicate_revision"));
        }
    }

    #[test]
    fn a_merge_has_its_own_template() {
        let mut merge = new(Language::Sql);
        merge.parents.push("other".into());
        let text = merge.render(Path::new("/nowhere")).unwrap();
        assert!(
            text.contains("-- down_revision = [\"1b07c2aa9e11\", \"other\"]\n") && text.contains("Joins branches"),
            "{text}"
        );
    }

    #[test]
    fn a_projects_template_must_keep_the_front_matter() {
        let folder = Folder::new("template");
        let check = |text: &str| {
            fs::write(folder.0.join("revision.sql"), text).unwrap();
            new(Language::Sql)
                .render(&folder.0)
                .map_err(|error| error.to_string().replace(folder.0.to_str().unwrap(), "T"))
        };
        assert!(
            check("-- licence\n{{ front_matter }}\n-- by {{ revises }}").unwrap().ends_with("-- by 1b07c2aa9e11\n")
        );
        let lost = Err("template `T/revision.sql` makes a file without the front matter it was given".to_owned());
        assert_eq!(check("SELECT 1;"), lost);
        assert_eq!(check("-- /// wmigrate\n-- revision = \"x\"\n-- ///\n"), lost);
    }

    #[test]
    fn ids_that_could_not_be_found_again() {
        let check = |id: &str, want: &str| {
            let revision = NewRevision { id: id.into(), ..new(Language::Sql) };
            let error = revision.write(Path::new("/nowhere"), Path::new("/nowhere"), &none()).unwrap_err();
            assert_eq!(error.to_string(), format!("revision id `{id}` cannot be used: {want}"));
        };
        check("../a", "it begins a file name, which holds no `/` and no `\\`");
        check(".a", "files whose names begin so are no revisions");
        check("README1", "files whose names begin so are no revisions");
    }

    #[test]
    fn ids_are_12_hex_digits_and_differ() {
        let (one, two) = (new_id().unwrap(), new_id().unwrap());
        assert!(one.len() == 12 && one.chars().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase()), "{one}");
        assert_ne!(one, two);
        assert_eq!(now().len(), "2026-11-22T14:10:00Z".len());
    }
}
