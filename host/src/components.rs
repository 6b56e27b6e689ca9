//! From a revision's file to code that can be run: the engine and payload of a script, the built component of a compiled
//! language, or the component itself.
//!
//! What a revision *is* has one digest whatever its form: blake3 over its code, its metadata and its payload. Line endings
//! and a byte order mark are not part of it. Beside it stands the digest of the source, so that "the same source, built by
//! another compiler" can be told from "edited".

mod error;
mod granted;

pub use error::Error;
pub use granted::Granted;

use crate::authoring::language::{self, Finding, Order, script, sql};
use crate::config::Config;
use crate::engines::{self, Engine};
use crate::graph::{Direction, Plan};
use crate::plugins::Installed;
use crate::runtime::{CacheNote, Code, Runtime};
use crate::versions::lock_file::LockFile;
use crate::versions::section::{self, Metadata};
use crate::versions::{self, Content, File, FrontMatter, Language, TransactionMode, Versions};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What the command line says about all revisions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy {
    /// Build nothing, and hold every revision against the lock file.
    pub locked: bool,
    /// Limits given as flags.
    pub limits: versions::Limits,
}

/// A revision's code and data.
#[derive(Clone)]
pub struct Component {
    /// The revision.
    pub revision: String,
    /// Its file, for messages.
    pub path: PathBuf,
    /// What it is: see the head of this file.
    pub digest: String,
    /// blake3 of its source; of its digest's parts where there is none.
    pub source: String,
    /// The script, where an engine runs it.
    pub payload: Option<Arc<str>>,
    /// Engine or toolchain, for the lock file.
    pub built_with: String,
    /// The component's bytes.
    pub bytes: Bytes,
    /// blake3 of the code alone: the name in the compile cache.
    pub code_digest: String,
    /// What it may use up.
    pub granted: Granted,
    /// Whether its steps are committed one by one.
    pub durable: bool,
    /// The plugin that it belongs to.
    pub plugin: Option<Arc<str>>,
}

/// Bytes of a component.
#[derive(Clone)]
pub enum Bytes {
    /// An engine, and the folder of those that were added.
    Engine(&'static Engine, PathBuf),
    /// An engine's, out of a bundle.
    Shared(Arc<[u8]>),
    /// Its own.
    Own(Arc<[u8]>),
}

impl Bytes {
    /// The bytes. Those of an engine that was added are read now.
    pub fn get(&self) -> Result<Cow<'_, [u8]>, engines::Error> {
        Ok(match self {
            Self::Engine(engine, folder) => engine.load(folder)?,
            Self::Shared(bytes) | Self::Own(bytes) => Cow::Borrowed(bytes),
        })
    }
}

impl Component {
    /// Whether its step is one transaction of the host's session.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.durable && self.plugin.is_none()
    }

    /// What goes into the log: the component's digest and its source's.
    #[must_use]
    pub fn log_digest(&self) -> String {
        format!("{} {}", self.digest, self.source)
    }
}

/// The components of a history.
pub struct Components {
    versions: Arc<Versions>,
    by_id: HashMap<String, usize>,
    shared: Arc<Shared>,
}

/// By digest and stack.
type Loaded = HashMap<(String, u64), Arc<Mutex<Option<Code>>>>;

struct Shared {
    policy: Policy,
    lock: LockFile,
    /// `.wmigrate/build`: components built here.
    build: PathBuf,
    config: Config,
    /// Compiled engines: each is loaded once a run.
    engines: Mutex<Loaded>,
}

/// The work of making one revision ready. Owned, so that it can be done on another thread.
pub struct Job {
    versions: Arc<Versions>,
    index: usize,
    shared: Arc<Shared>,
}

impl Components {
    /// Opens the components of `versions`.
    pub fn open(config: &Config, versions: Arc<Versions>, policy: Policy) -> Result<Self, Error> {
        let by_id =
            versions.revisions.iter().enumerate().map(|(index, file)| (file.revision.id.clone(), index)).collect();
        let shared = Shared {
            policy: Policy { locked: policy.locked || config.build.locked, ..policy },
            lock: LockFile::read(&config.lock_file())?,
            build: config.state_folder().join("build"),
            config: config.clone(),
            engines: Mutex::default(),
        };
        Ok(Self { versions, by_id, shared: Arc::new(shared) })
    }

    /// What a revision is granted of which nobody says anything.
    #[must_use]
    pub fn granted_to_most(config: &Config, flags: versions::Limits) -> Granted {
        Granted::by([flags, config.limits])
    }

    /// The job of making `revision` ready. It is one of the history's.
    #[must_use]
    pub fn job(&self, revision: &str) -> Job {
        let index = *self.by_id.get(revision).expect("a plan names only revisions of the history");
        Job { versions: Arc::clone(&self.versions), index, shared: Arc::clone(&self.shared) }
    }

    /// What can be known to be wrong with the revisions of a plan before any of them runs. `together` is the flag that makes
    /// one transaction of all.
    pub fn check(&self, plan: &Plan, together: Option<&'static str>) -> Result<(), Error> {
        match together {
            // A plugin's dry run is one transaction too, of its own session.
            Some("--dry-run") if self.is_of_one_plugin(plan) => {}
            Some(mode) => self.refuse_plugins(plan, mode)?,
            None => {}
        }
        for step in plan.steps.iter().filter(|step| step.direction != Direction::Stamp) {
            let job = self.job(&step.revision);
            let file = job.file();
            let revision = step.revision.clone();
            if let (true, Some(mode)) = (job.is_durable(), together) {
                return Err(Error::Durable { revision, mode });
            }
            job.granted()?;
            let down = step.direction == Direction::Downgrade;
            // What is wrong with a text shows before anything runs; that of JavaScript and Python only their engines know.
            let is_checked = matches!(file.language, Language::Sql | Language::Ts);
            if !(is_checked || (file.language.is_script() && down)) {
                continue;
            }
            let (payload, _) = job.script()?;
            let has_downgrade = match file.language {
                Language::Sql => sql::has_downgrade(&payload),
                // A function has its name in the text, whatever way it is written.
                _ => payload.contains("downgrade"),
            };
            if down && !has_downgrade {
                let marker = file.language == Language::Sql;
                return Err(Error::NoDowngrade { revision, path: file.path.clone(), marker });
            }
        }
        Ok(())
    }

    /// A plugin's statements are for its own session: they are no part of one transaction of the host's, nor of a script.
    pub fn refuse_plugins(&self, plan: &Plan, mode: &'static str) -> Result<(), Error> {
        for step in plan.steps.iter().filter(|step| step.direction != Direction::Stamp) {
            if let Some(plugin) = &self.job(&step.revision).file().plugin {
                return Err(Error::OfPlugin { revision: step.revision.clone(), plugin: plugin.to_string(), mode });
            }
        }
        Ok(())
    }

    fn is_of_one_plugin(&self, plan: &Plan) -> bool {
        let mut plugins = plan.steps.iter().map(|step| self.job(&step.revision).plugin());
        plugins.next().flatten().is_some_and(|first| plugins.all(|other| other.as_ref() == Some(&first)))
    }

    /// Whether the sources of what is applied are still those that ran. `ran` are the digests of the log.
    pub fn check_applied<'a>(
        &self,
        ran: &HashMap<String, String>,
        applied: impl Iterator<Item = &'a str>,
    ) -> Result<(), Error> {
        for revision in applied {
            let (Some(digest), Some(_)) = (ran.get(revision), self.by_id.get(revision)) else { continue };
            let job = self.job(revision);
            if job.verdict(digest)? == Verdict::Edited {
                return Err(Error::Changed { revision: revision.to_owned(), path: job.file().path.clone() });
            }
        }
        Ok(())
    }
}

/// How a revision's file stands to what ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The same.
    Same,
    /// The same but for line endings, which are not part of a revision.
    LineEndings,
    /// The same source, built to other bytes: another compiler, SDK or engine.
    Rebuilt,
    /// Another source.
    Edited,
}

impl Job {
    /// The plugin that it is of.
    #[must_use]
    pub fn plugin(&self) -> Option<Arc<str>> {
        self.file().plugin.clone()
    }

    /// Its file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.versions.revisions[self.index]
    }

    /// Whether its steps are committed one by one.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.file().front.transaction == TransactionMode::None
    }

    fn source(&self) -> Result<versions::Source, Error> {
        let file = self.file();
        versions::read_source(file).map_err(|cause| Error::Versions { revision: file.revision.id.clone(), cause })
    }

    /// What the engine of a script gets, checked, and the digest of its source.
    fn script(&self) -> Result<(String, String), Error> {
        let file = self.file();
        let source = self.source()?;
        let Content::Text(text) = source.content else { unreachable!("only a component's source is not text") };
        let payload = script::checked(file, text, !self.is_durable()).map_err(|error| script_error(file, error))?;
        Ok((payload, source.digest))
    }

    /// What a script is, for an engine of this digest.
    fn identity_of_script(&self, engine: &str, source: &versions::Source) -> Result<String, Error> {
        let file = self.file();
        let text = source.text().unwrap_or_default().to_owned();
        let payload = script::payload(file, text).map_err(|error| script_error(file, error))?;
        Ok(section::identity(engine, &metadata_of(file), Some(&payload)))
    }

    /// The digest of what would run, as the log has it; none where it would have to be built first.
    #[must_use]
    pub fn known_digest(&self) -> Option<String> {
        let file = self.file();
        match Engine::of(file.language) {
            Some(engine) => {
                let source = self.source().ok()?;
                let digest = self.identity_of_script(engine.digest(), &source).ok()?;
                Some(format!("{digest} {}", source.digest))
            }
            None if file.language == Language::Wasm => self.assemble().ok().map(|component| component.log_digest()),
            None => {
                let source = self.source().ok()?.digest;
                let (_, digest) = identity_of_component(&self.built(&source)?).ok()?;
                Some(format!("{digest} {source}"))
            }
        }
    }

    /// Compares the file with the digest that the log has. Builds nothing.
    pub fn verdict(&self, ran: &str) -> Result<Verdict, Error> {
        let file = self.file();
        let (ran_component, ran_source) = ran.split_once(' ').unwrap_or((ran, ""));
        let (digest, source, had_crlf) = if file.language == Language::Wasm {
            let component = self.assemble()?;
            (Some(component.digest), component.source, false)
        } else {
            let source = self.source()?;
            if source.digest != ran_source && !ran_source.is_empty() {
                return Ok(Verdict::Edited);
            }
            let digest = match Engine::of(file.language) {
                Some(engine) => Some(self.identity_of_script(engine.digest(), &source)?),
                None => self
                    .built(&source.digest)
                    .and_then(|bytes| identity_of_component(&bytes).ok())
                    .map(|(_, identity)| identity),
            };
            (digest, source.digest, source.had_crlf)
        };
        Ok(match digest {
            _ if source != ran_source && !ran_source.is_empty() => Verdict::Edited,
            Some(digest) if digest != ran_component => Verdict::Rebuilt,
            Some(_) | None if had_crlf => Verdict::LineEndings,
            Some(_) | None => Verdict::Same,
        })
    }

    /// Gets the code, building it where that is needed and allowed.
    pub fn assemble(&self) -> Result<Component, Error> {
        let file = self.file();
        let revision = &file.revision.id;
        let unusable = |cause: String| Error::Component { revision: revision.clone(), path: file.path.clone(), cause };
        let component = match (file.language, Engine::of(file.language)) {
            (_, Some(engine)) => {
                let (payload, source) = self.script()?;
                let engines = self.shared.config.engines.clone();
                engine.check(&engines).map_err(|cause| Error::Engine {
                    revision: revision.clone(),
                    path: file.path.clone(),
                    cause,
                })?;
                Component {
                    revision: revision.clone(),
                    path: file.path.clone(),
                    digest: section::identity(engine.digest(), &metadata_of(file), Some(&payload)),
                    source,
                    payload: Some(payload.into()),
                    built_with: engine.version(),
                    bytes: Bytes::Engine(engine, engines),
                    code_digest: engine.digest().to_owned(),
                    granted: self.granted()?,
                    durable: self.is_durable(),
                    plugin: file.plugin.clone(),
                }
            }
            (Language::Wasm, None) if file.bundled.is_some() => self.unpacked()?,
            (Language::Wasm, None) => {
                let Content::Component(bytes) = self.source()?.content else {
                    unreachable!("a component's source is its bytes")
                };
                let wrong = |error: section::Error| unusable(error.to_string());
                let (code_digest, digest) = identity_of_component(&bytes).map_err(wrong)?;
                Component {
                    revision: revision.clone(),
                    path: file.path.clone(),
                    source: digest.clone(),
                    digest,
                    payload: section::payload(&bytes).map_err(wrong)?.map(Into::into),
                    built_with: "component".to_owned(),
                    code_digest,
                    bytes: Bytes::Own(bytes.into()),
                    granted: self.granted()?,
                    durable: self.is_durable(),
                    plugin: file.plugin.clone(),
                }
            }
            (language, None) if language.is_compiled() => self.compiled()?,
            (language, None) => {
                return Err(unusable(format!(
                    "this version does not build {}; build it to a component and put that here",
                    language.name()
                )));
            }
        };
        self.hold_against_lock(&component)?;
        Ok(component)
    }

    /// Compiles, or takes what is compiled already.
    pub fn code(
        &self,
        runtime: &Runtime,
        component: &Component,
    ) -> Result<(Code, Option<CacheNote>), crate::runtime::Error> {
        let load = |bytes: &[u8]| match component.plugin {
            Some(_) => runtime.load_apart(&component.code_digest, bytes),
            None => runtime.load(&component.code_digest, bytes),
        };
        if let Bytes::Own(bytes) = &component.bytes {
            return load(bytes);
        }
        let slot = {
            let mut engines = self.shared.engines.lock().expect("no holder of this lock panics");
            Arc::clone(engines.entry((component.code_digest.clone(), runtime.stack())).or_default())
        };
        // Held while the engine is loaded: whoever else needs it waits instead of compiling it again.
        let mut slot = slot.lock().expect("no holder of this lock panics");
        if let Some(code) = slot.as_ref() {
            return Ok((code.clone(), None));
        }
        if let Some(code) = runtime.cached(&component.code_digest)? {
            *slot = Some(code.clone());
            return Ok((code, None));
        }
        let bytes = component.bytes.get().map_err(|error| crate::runtime::Error::NoCode(error.to_string()))?;
        let (code, note) = load(&bytes)?;
        *slot = Some(code.clone());
        Ok((code, note))
    }

    /// What the bundle holds of it.
    fn unpacked(&self) -> Result<Component, Error> {
        let file = self.file();
        let bundled = file.bundled.as_ref().expect("the caller has asked");
        let entry = bundled.entry();
        let payload = bundled.bundle.payload(entry);
        let code = bundled.bundle.code(entry);
        Ok(Component {
            revision: file.revision.id.clone(),
            path: file.path.clone(),
            digest: entry.component.clone(),
            source: entry.source.clone(),
            // A script is run by code that others are run by too.
            bytes: if payload.is_some() { Bytes::Shared(code) } else { Bytes::Own(code) },
            payload: payload.map(Into::into),
            built_with: entry.built_with.clone(),
            code_digest: entry.code.clone(),
            granted: self.granted()?,
            durable: self.is_durable(),
            plugin: file.plugin.clone(),
        })
    }

    fn granted(&self) -> Result<Granted, Error> {
        let file = self.file();
        let Config { revisions, limits, plugins, .. } = &self.shared.config;
        let own = revisions.get(&file.revision.id).copied().unwrap_or_default();
        let plugin = file.plugin.as_ref().and_then(|name| plugins.get(&**name)).map(Installed::limits);
        Granted::by([self.shared.policy.limits, own, plugin.unwrap_or_default(), *limits])
            .lowered_to(&file.front.limits)
            .map_err(|key| Error::AsksMore { revision: file.revision.id.clone(), path: file.path.clone(), key })
    }

    /// A compiled language: what was built from this very source, or a build of it now.
    fn compiled(&self) -> Result<Component, Error> {
        let file = self.file();
        let revision = file.revision.id.clone();
        let source = self.source()?;
        let (bytes, built_with) = match self.built(&source.digest) {
            Some(bytes) => {
                let known = self.shared.lock.revisions.get(&revision).filter(|entry| entry.source == source.digest);
                (bytes, known.map_or_else(|| "another machine".to_owned(), |entry| entry.built_with.clone()))
            }
            None if self.shared.policy.locked => {
                return Err(Error::NotLocked {
                    revision,
                    path: file.path.clone(),
                    difference: "has no component built from this source, and `--locked` builds nothing",
                });
            }
            None => self.build(&source.digest)?,
        };
        let unusable = |error: section::Error| Error::Component {
            revision: revision.clone(),
            path: file.path.clone(),
            cause: error.to_string(),
        };
        let (code_digest, digest) = identity_of_component(&bytes).map_err(unusable)?;
        Ok(Component {
            path: file.path.clone(),
            digest,
            source: source.digest,
            payload: None,
            built_with,
            code_digest,
            bytes: Bytes::Own(bytes.into()),
            granted: self.granted()?,
            durable: self.is_durable(),
            plugin: file.plugin.clone(),
            revision,
        })
    }

    /// The component that was built from a source of this digest: here, or committed beside the sources.
    fn built(&self, source: &str) -> Option<Vec<u8>> {
        let name = built_name(source);
        let committed = self.file().path.parent().map(|folder| folder.join(versions::BUILT).join(&name));
        [Some(self.shared.build.join(&name)), committed]
            .into_iter()
            .flatten()
            .filter(|path| std::fs::metadata(path).is_ok_and(|meta| meta.len() <= versions::MAX_COMPONENT))
            .find_map(|path| std::fs::read(path).ok())
            // The file's name is only a claim; its metadata must be this revision's.
            .filter(|bytes| section::metadata(bytes).is_ok_and(|meta| meta.revision == self.file().revision.id))
    }

    fn build(&self, source: &str) -> Result<(Vec<u8>, String), Error> {
        let file = self.file();
        let failed = |cause: Box<dyn std::error::Error + Send + Sync>, hint| Error::Build {
            revision: file.revision.id.clone(),
            path: file.path.clone(),
            cause,
            hint,
        };
        let dependencies = file.front.dependencies.as_deref().unwrap_or_default().parse().map_err(|error| {
            let error: toml::de::Error = error;
            failed(Box::new(error), None)
        })?;
        let order = Order {
            revision: &file.revision.id,
            source: file.folder.as_deref().unwrap_or(&file.path),
            build_dir: &self.shared.build,
            dependencies: &dependencies,
        };
        let built = language::build(file.language, &order).map_err(|error| failed(Box::new(error), None))?;
        let stamped = section::stamp(&built.component, &metadata_of(file), None)
            .map_err(|error| failed(Box::new(error), None))?;
        keep(&self.shared.build, &built_name(source), &stamped).map_err(|error| failed(Box::new(error), None))?;
        Ok((stamped, built.toolchain))
    }

    /// How the file differs from the lock file, if that has it. Builds nothing.
    pub fn locked_difference(&self) -> Result<Option<&'static str>, Error> {
        let file = self.file();
        let Some(entry) = self.shared.lock.revisions.get(&file.revision.id) else { return Ok(None) };
        if file.language == Language::Wasm {
            self.assemble()?;
            return Ok(None);
        }
        let source = self.source()?;
        Ok((source.digest != entry.source)
            .then_some("the source is not the one in wmigrate.lock: run `wmigrate build`"))
    }

    fn hold_against_lock(&self, component: &Component) -> Result<(), Error> {
        if self.file().plugin.is_some() {
            // Its package is locked as a whole, and was looked at when it was loaded.
            return Ok(());
        }
        let entry = self.shared.lock.revisions.get(&component.revision);
        let differs = |difference| {
            Err(Error::NotLocked { revision: component.revision.clone(), path: component.path.clone(), difference })
        };
        match entry {
            // A component without source is what the lock file says, or it is not run.
            Some(entry) if self.file().language == Language::Wasm && entry.component != component.digest => {
                differs("is another component than the one in wmigrate.lock")
            }
            _ if !self.shared.policy.locked => Ok(()),
            None => differs("is not in wmigrate.lock"),
            Some(entry) if entry.source != component.source => differs("has another source than wmigrate.lock says"),
            Some(entry) if entry.component != component.digest => {
                differs("is built to another component than wmigrate.lock says")
            }
            Some(_) => Ok(()),
        }
    }
}

/// Where a built component lies: named by its source, so that a stale one is simply not found.
#[must_use]
pub fn built_name(source: &str) -> String {
    format!("{}.wasm", source.get(..32).unwrap_or(source))
}

/// The digest of its code, and its identity.
fn identity_of_component(bytes: &[u8]) -> Result<(String, String), section::Error> {
    let code = section::code_digest(bytes)?.to_hex().to_string();
    let identity = section::identity(&code, &section::metadata(bytes)?, section::payload(bytes)?);
    Ok((code, identity))
}

/// What is stamped on a revision, and part of its identity.
#[must_use]
pub fn metadata_of(file: &File) -> Metadata {
    let revision = &file.revision;
    Metadata::new(&FrontMatter {
        revision: revision.id.clone(),
        down_revision: revision.down_revision.clone(),
        depends_on: revision.depends_on.clone(),
        branch_labels: revision.branch_labels.clone(),
        message: revision.message.clone(),
        created: revision.created.clone(),
        options: file.front.clone(),
    })
}

fn script_error(file: &File, error: script::Error) -> Error {
    let Finding { line, column, message, hint } = match error {
        script::Error::Finding(finding) => finding,
        script::Error::Versions(cause) => return Error::Versions { revision: file.revision.id.clone(), cause },
    };
    Error::Script { revision: file.revision.id.clone(), path: file.path.clone(), line, column, message, hint }
}

fn keep(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let scratch = folder.join(format!("{name}.{}.part", std::process::id()));
    std::fs::write(&scratch, bytes)?;
    std::fs::rename(&scratch, folder.join(name))
}
