//! Owns the composition: the only file that chooses a journal and an index.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Config, Tuning};
use crate::definition::file::{Reader, Source, name_of, read_all};
use crate::definition::report::Report;
use crate::engine::{Engine, OpenError, Parts};
use crate::index::IndexError;
use crate::index::sled::{self, SledIndex};
use crate::journal::file::{self, FileJournal, Shaping};
use crate::journal::{Position, ReadError};
use crate::kernel::machine::Workflow;
use crate::rejected::{Rejected, Ring};
use crate::time::TimeSource;
use crate::workflows::{CALENDARS, DEFINITIONS, Registry};

/// Why the program cannot go on with a directory.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The journal does not open.
    #[error(transparent)]
    Journal(#[from] file::OpenError),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The index does not open.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Definitions are wrong.
    #[error("{0}")]
    Definitions(Report),
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] OpenError),
    /// A file or directory cannot be used.
    #[error("{path}: {reason}")]
    File {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
    /// A workflow's own schema is wrong: a fault of the program.
    #[error("{0}")]
    Program(String),
}

/// Bytes of the records whose instances a batch keeps decoded, which take about five times that: nobody else is
/// served meanwhile, and its cases come again and again.
const BATCH_DECODED_BYTES: usize = 64 * 1024 * 1024;

/// An opened directory.
pub struct Store {
    /// The truth.
    pub journal: Arc<FileJournal>,
    /// What is derived.
    pub index: Arc<SledIndex>,
    /// What opening the journal found.
    pub journal_opened: file::Opened,
    /// Whether the index is kept, or why it is built anew.
    pub index_opened: sled::Opened,
    /// The ring of refused events.
    pub rejected: Arc<Ring>,
    queue_max: usize,
    is_batch: bool,
}

/// Told how many commits of how many are applied to the index.
pub type Progress = Box<dyn Fn(Position, Position) + Send + Sync>;

impl Store {
    /// Opens the directory, making it where it does not exist. Blocks while it reads.
    ///
    /// # Errors
    /// [`AppError`].
    pub fn open(config: &Config) -> Result<Self, AppError> {
        Self::open_tuned(config, &Tuning::default())
    }

    /// As [`Store::open`], for a server that is tuned.
    ///
    /// # Errors
    /// [`AppError`].
    pub fn open_tuned(config: &Config, tuning: &Tuning) -> Result<Self, AppError> {
        Self::open_with(config, file::Options::default(), tuning, None)
    }

    /// As [`Store::open_tuned`], with the journal on a disk that behaves as `shaping` says.
    ///
    /// # Errors
    /// [`AppError`].
    pub fn open_shaped(config: &Config, tuning: &Tuning, shaping: Arc<Shaping>) -> Result<Self, AppError> {
        Self::open_with(config, file::Options::default(), tuning, Some(shaping))
    }

    /// As [`Store::open`], with a journal laid out otherwise.
    ///
    /// # Errors
    /// [`AppError`].
    pub fn open_laid_out(config: &Config, options: file::Options) -> Result<Self, AppError> {
        Self::open_with(config, options, &Tuning::default(), None)
    }

    /// As [`Store::open`], for a batch that acknowledges nothing before it ends: what is written
    /// reaches stable storage with the clean stop. Its engine is for [`on_one_thread`].
    ///
    /// # Crash safety
    /// A killed process loses nothing; a power cut before the clean stop may leave a journal that is
    /// refused as damaged.
    ///
    /// # Errors
    /// [`AppError`].
    pub fn open_for_batch(config: &Config) -> Result<Self, AppError> {
        let options = file::Options { sync: file::Sync::AtClose, ..file::Options::default() };
        Self::open_with(config, options, &Tuning::default(), None)
    }

    fn open_with(
        config: &Config,
        options: file::Options,
        tuning: &Tuning,
        shaping: Option<Arc<Shaping>>,
    ) -> Result<Self, AppError> {
        make_dir(&config.data)?;
        // The index is opened before the journal takes its lock: asked first, the lock names the process.
        unused(config)?;
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let cache_bytes = tuning.index_cache * 1024 * 1024;
        let is_batch = options.sync == file::Sync::AtClose;
        let mut index = sled::Options { cache_bytes, ..sled::Options::default() };
        if is_batch {
            index.decoded_bytes = BATCH_DECODED_BYTES;
        }
        let (index, index_opened) = SledIndex::open(&config.index(), index, boot.trim())?;
        let (dir, reached) = (config.journal(), index.reached());
        let (journal, journal_opened) = match shaping {
            None => FileJournal::open(&dir, options, reached)?,
            Some(shaping) => FileJournal::open_shaped(shaping, &dir, options, reached)?,
        };
        let (journal, index) = (Arc::new(journal), Arc::new(index));
        let rejected = Arc::new(Ring::at(&config.rejected()));
        let queue_max = usize::try_from(tuning.queue_max).unwrap_or(usize::MAX);
        Ok(Self { journal, index, journal_opened, index_opened, rejected, queue_max, is_batch })
    }

    /// Starts an engine on the opened directory.
    ///
    /// # Errors
    /// [`AppError`].
    ///
    /// # Panics
    /// Where the directory was opened for a batch, outside of [`on_one_thread`].
    pub async fn engine(
        &self,
        sources: Vec<Source>,
        time: Arc<dyn TimeSource>,
        progress: Progress,
    ) -> Result<Engine, AppError> {
        let workflows = Registry::shipped().all().to_vec();
        let (journal, index) = (self.journal.clone(), self.index.clone());
        let ring = self.rejected.clone();
        let rejected = Box::new(move |refused: &Rejected| ring.add(refused));
        let parts = Parts { journal, index, workflows, sources, time, progress, rejected };
        Ok(match self.is_batch {
            false => Engine::open_with(parts, self.queue_max).await?,
            true => Engine::open_here(parts, self.queue_max).await?,
        })
    }
}

/// Runs a batch on the caller's thread, with the writer of its engine beside it.
pub async fn on_one_thread<T>(batch: impl Future<Output = T>) -> T {
    tokio::task::LocalSet::new().run_until(batch).await
}

/// Says whether the directory could be opened: no process has it open.
///
/// # Errors
/// [`AppError::Journal`] with the process that has.
pub fn unused(config: &Config) -> Result<(), AppError> {
    let journal = config.journal();
    if journal.is_dir() { Ok(file::unused(&journal)?) } else { Ok(()) }
}

/// How fast the journal is checked in the background.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Bytes checked at a time.
    pub piece_bytes: usize,
    /// Pause before each piece.
    pub pause: Duration,
}

impl Pace {
    /// Bytes checked at a time: some tens of milliseconds of one core.
    const PIECE_BYTES: u32 = 8 * 1024 * 1024;

    /// So many kibibytes a second.
    pub fn of(kibibytes: u64) -> Self {
        let pause = f64::from(Self::PIECE_BYTES / 1024) / kibibytes.max(1) as f64;
        Self { piece_bytes: Self::PIECE_BYTES as usize, pause: Duration::from_secs_f64(pause) }
    }
}

/// Checks the sealed segments round after round; damage stops the engine.
pub async fn scrub(journal: Arc<FileJournal>, engine: Engine, pace: Pace) {
    loop {
        tokio::time::sleep(pace.pause).await;
        match journal.scrub(pace.piece_bytes).await {
            Ok(scrubbed) => {
                if scrubbed.round_done && scrubbed.bytes > 0 {
                    tracing::debug!("every sealed segment of the journal was checked");
                }
            }
            Err(error @ ReadError::Damaged { .. }) => {
                engine.found_damage(&error.to_string());
                return;
            }
            Err(ReadError::Io(reason)) => tracing::warn!(reason, "the journal could not be checked"),
        }
    }
}

/// An empty index in `directory`, for a comparison.
///
/// # Errors
/// [`AppError::Index`].
pub fn scratch_index(directory: &Path) -> Result<SledIndex, AppError> {
    // Without a boot id it is trusted by nobody: left behind, it is never taken for a real one.
    Ok(SledIndex::open(directory, sled::Options::default(), "")?.0)
}

fn make_dir(path: &Path) -> Result<(), AppError> {
    // Personal values lie in the journal: the directory is its owner's alone.
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(path).map_err(|error| unusable(path, &error))
}

fn unusable(path: &Path, error: &std::io::Error) -> AppError {
    AppError::File { path: path.display().to_string(), reason: error.to_string() }
}

/// The definitions and calendars that new instances get: those of `directory`, and the shipped ones
/// for whatever it does not name.
///
/// # Errors
/// Everything wrong with all files in one report.
pub fn sources(workflows: &[Arc<dyn Workflow>], directory: Option<&Path>) -> Result<Vec<Source>, AppError> {
    let reader = Reader::new(workflows).map_err(|e| AppError::Program(e.to_string()))?;
    let files = directory.map(yaml_files).transpose()?.unwrap_or_default();
    read_all(&reader, &completed(files)).map_err(AppError::Definitions)
}

/// `files`, and after them the shipped ones for every workflow and calendar that none of them names.
pub fn completed(mut files: Vec<(String, String)>) -> Vec<(String, String)> {
    let own: Vec<_> = files.iter().filter_map(|(_, text)| name_of(text)).collect();
    let missing = |(_, text): &(String, String)| name_of(text).is_none_or(|name| !own.contains(&name));
    files.extend(shipped_files().into_iter().filter(missing));
    files
}

/// The definitions and calendars embedded in the binary: file name below `workflows/`, and text.
pub fn shipped_files() -> Vec<(String, String)> {
    let shipped = DEFINITIONS.iter().chain(CALENDARS);
    shipped.map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect()
}

/// Every `*.yaml` below `directory`, sorted by path.
///
/// # Errors
/// A directory or file that cannot be read, or no such file at all.
pub fn yaml_files(directory: &Path) -> Result<Vec<(String, String)>, AppError> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(next) = waiting.pop() {
        let entries = std::fs::read_dir(&next).map_err(|error| unusable(&next, &error))?;
        for entry in entries {
            let path = entry.map_err(|error| unusable(&next, &error))?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
                let text = std::fs::read_to_string(&path).map_err(|error| unusable(&path, &error))?;
                found.push((path.display().to_string(), text));
            }
        }
    }
    if found.is_empty() {
        let reason = "holds no `*.yaml`; `careflow definition write DIR` writes the shipped ones".into();
        return Err(AppError::File { path: directory.display().to_string(), reason });
    }
    found.sort();
    Ok(found)
}
