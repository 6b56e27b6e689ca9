//! The languages a revision may be written in: names, file extensions, comment signs and the main file of a folder.
//! How each is built is not here.

/// What a revision is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Plain SQL.
    Sql,
    /// JavaScript.
    Js,
    /// TypeScript.
    Ts,
    /// Python.
    Py,
    /// Rust.
    Rust,
    /// Go.
    Go,
    /// C.
    C,
    /// C++.
    Cpp,
    /// Zig.
    Zig,
    /// An already built component.
    Wasm,
}

impl Language {
    /// All of them, in the order in which users are told.
    pub const ALL: [Self; 10] =
        [Self::Sql, Self::Js, Self::Ts, Self::Py, Self::Rust, Self::Go, Self::C, Self::Cpp, Self::Zig, Self::Wasm];

    /// The language of a file name; none for a name that is no revision's.
    pub fn of_file(name: &str) -> Option<Self> {
        // Type declarations lie beside TypeScript and JavaScript for the editor's sake.
        if name.ends_with(".d.ts") {
            return None;
        }
        let (_, extension) = name.rsplit_once('.')?;
        Self::ALL.into_iter().find(|language| language.extension() == extension)
    }

    /// The language a user names with `--lang`: its name or its extension.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        Self::ALL.into_iter().find(|language| language.extension() == name || language.name() == name)
    }

    /// Lower-case name for `--lang` and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Js => "javascript",
            Self::Ts => "typescript",
            Self::Py => "python",
            Self::Rust => "rust",
            Self::Go => "go",
            Self::C => "c",
            Self::Cpp => "c++",
            Self::Zig => "zig",
            Self::Wasm => "wasm",
        }
    }

    /// The name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sql => "SQL",
            Self::Js => "JavaScript",
            Self::Ts => "TypeScript",
            Self::Py => "Python",
            Self::Rust => "Rust",
            Self::Go => "Go",
            Self::C => "C",
            Self::Cpp => "C++",
            Self::Zig => "Zig",
            Self::Wasm => "component",
        }
    }

    /// What `--lang` takes, as short as it may be.
    pub fn short(self) -> &'static str {
        match self {
            Self::Js | Self::Ts | Self::Py | Self::Cpp => self.extension(),
            other => other.name(),
        }
    }

    /// Whether an engine runs it.
    pub fn is_script(self) -> bool {
        matches!(self, Self::Sql | Self::Js | Self::Ts | Self::Py)
    }

    /// Whether a toolchain makes its component. The others are scripts, which an engine runs, or a component already.
    pub fn is_compiled(self) -> bool {
        matches!(self, Self::Rust | Self::Go | Self::C | Self::Cpp | Self::Zig)
    }

    /// File extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Js => "js",
            Self::Ts => "ts",
            Self::Py => "py",
            Self::Rust => "rs",
            Self::Go => "go",
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::Zig => "zig",
            Self::Wasm => "wasm",
        }
    }

    /// What begins a line comment; none for a component, whose metadata is a custom section.
    pub fn comment(self) -> Option<&'static str> {
        match self {
            Self::Sql => Some("--"),
            Self::Py => Some("#"),
            Self::Js | Self::Ts | Self::Rust | Self::Go | Self::C | Self::Cpp | Self::Zig => Some("//"),
            Self::Wasm => None,
        }
    }

    /// The file of a revision's folder that holds the front matter; none where a folder makes no sense.
    pub fn main_file(self) -> Option<&'static str> {
        match self {
            Self::Js => Some("index.js"),
            Self::Ts => Some("index.ts"),
            Self::Py => Some("main.py"),
            Self::Rust => Some("src/lib.rs"),
            Self::Go => Some("main.go"),
            Self::C => Some("main.c"),
            Self::Cpp => Some("main.cpp"),
            Self::Zig => Some("main.zig"),
            Self::Sql | Self::Wasm => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn file_names() {
        assert_eq!(Language::of_file("3f2a_add.sql"), Some(Language::Sql));
        assert_eq!(Language::of_file("3f2a_v1.2.rs"), Some(Language::Rust));
        assert_eq!(Language::of_file("3f2a_add.sql.orig"), None);
        assert_eq!(Language::of_file("wmigrate.d.ts"), None);
        assert_eq!(Language::of_file("Makefile"), None);
    }

    #[test]
    fn names_for_lang() {
        assert_eq!(Language::from_name("Rust"), Some(Language::Rust));
        assert_eq!(Language::from_name("rs"), Some(Language::Rust));
        assert_eq!(Language::from_name("js"), Some(Language::Js));
        assert_eq!(Language::from_name("c++"), Some(Language::Cpp));
        for language in Language::ALL {
            assert_eq!(Language::from_name(language.short()), Some(language));
        }
        assert_eq!(Language::from_name("perl"), None);
    }
}
