//! `verify`: every byte of the journal checked, and the index compared with one built anew.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::directory::{self, DataArgs};
use super::failure::Failure;
use super::progress::{Progress, Unit};
use crate::app::{self, AppError, Store};
use crate::config::Config;
use crate::engine::catch_up;
use crate::engine::replay::{self, Replay, Replayed};
use crate::index::{Index, IndexError, sled};
use crate::journal::verify::{self, Report};
use crate::journal::{Commit, Journal, Position};
use crate::kernel::entry::Entry;
use crate::kernel::hash::Hash;
use crate::kernel::machine::Workflow;
use crate::workflows::Registry;

/// Most differing index keys that are named: enough to see a pattern; all are counted.
const KEYS_NAMED_MAX: usize = 20;
/// Commits read at a time: bounds memory beside the instances.
const COMMITS_AT_A_TIME: usize = 1_000;
/// The index built for the comparison, below the data directory; removed at the end.
const REBUILT: &str = "index.verify";

/// Proves that the history is as it was written, and that the index says what the history says.
///
/// Checks each line's checksum, the dense positions, the chain over all lines, each entry's hash
/// over its stored bytes, each instance's sequence and chain, and personal values against their
/// digests. With `--replay`, runs every recorded input through this binary's workflows again: same
/// inputs, facts, definitions and calendars must give the same states, data, clocks and effects.
/// Then builds an index from the journal and compares it with the stored one, key by key.
/// Needs the directory for itself: a copy of a running server's serves as well.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  careflow verify\n  careflow verify --replay\n  careflow verify --data ./copy --json"
)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Run every recorded input again too, and compare what it does with what was recorded.
    #[arg(long)]
    replay: bool,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// What became of the comparison of the index.
pub(super) enum IndexCheck {
    /// It says what the journal says.
    Same { keys: u64 },
    /// It does not.
    Differs { keys: u64, named: Vec<String> },
    /// It was not compared, and why.
    Skipped(String),
}

impl Args {
    /// Runs it.
    ///
    /// # Errors
    /// [`Failure::No`] where anything is not as it was written.
    pub async fn run(self) -> Result<(), Failure> {
        let config = self.data.existing()?;
        let journal = check_journal(&config).await?;
        let (index, replayed) = if journal.is_sound() {
            check_rest(&config, &journal, self.replay).await?
        } else {
            (IndexCheck::Skipped("the journal is damaged".into()), None)
        };
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{}", as_json(&journal, &index, replayed.as_ref()))?;
        } else {
            write!(out, "{}", as_text(&journal, &index, replayed.as_ref()))?;
        }
        verdict(&journal, &index, replayed.as_ref())
    }
}

async fn check_journal(config: &Config) -> Result<Report, Failure> {
    let dir = config.journal();
    let checked = tokio::task::spawn_blocking(move || {
        let bar = Progress::new("checking the journal", Unit::Bytes);
        let report = verify::directory(&dir, &mut |at| bar.set(at.bytes_done, at.bytes_total));
        bar.finish();
        report
    });
    Ok(checked.await.map_err(|error| Failure::Internal(error.to_string()))??)
}

/// Compares the index, and where it is asked for runs everything again meanwhile, on a thread of its own.
async fn check_rest(
    config: &Config,
    journal: &Report,
    replays: bool,
) -> Result<(IndexCheck, Option<Replayed>), Failure> {
    let skipped = match &journal.unfinished {
        Some(cut) => Some(format!("the next start will cut position {} on", cut.from)),
        None if config.index().is_dir() => None,
        None => Some("there is none; the next start builds it".into()),
    };
    if let (Some(why), false) = (&skipped, replays) {
        return Ok((IndexCheck::Skipped(why.clone()), None));
    }
    let store = directory::open(config).await?;
    let replaying = replays.then(|| {
        let (journal, runtime) = (store.journal.clone(), Handle::current());
        let registry = Registry::shipped();
        let replay = move || runtime.block_on(replay_journal(journal, registry.all()));
        tokio::task::spawn_blocking(replay)
    });
    let index = match skipped {
        Some(why) => Ok(IndexCheck::Skipped(why)),
        None => check_index(config, &store).await,
    };
    let replayed = match replaying {
        Some(replaying) => Some(replaying.await.map_err(|error| Failure::Internal(error.to_string()))?),
        None => None,
    };
    directory::close(&store).await?;
    Ok((index?, replayed.transpose()?))
}

/// Runs every recorded input again (R12), while what comes next is read; keeps the instances in memory.
async fn replay_journal(
    journal: Arc<dyn Journal>,
    workflows: &[Arc<dyn Workflow>],
) -> Result<Replayed, Failure> {
    let mut replay = Replay::new(workflows).map_err(Failure::Internal)?;
    let last = journal.tail().await.map_err(AppError::from)?.last;
    let bar = Progress::new("running the history again", Unit::Commits);
    let read = |from| tokio::spawn(read(journal.clone(), from));
    let mut at = 0;
    let mut reading = read(1);
    while at < last {
        let commits = reading.await.map_err(|error| Failure::Internal(error.to_string()))??;
        let missing = || Failure::Internal(format!("the journal ends at {at}, before position {last}"));
        at = commits.last().map(|(position, ..)| *position).ok_or_else(missing)?;
        reading = read(at + 1);
        for (position, commit, entries) in &commits {
            replay.take_read(*position, commit, entries).map_err(Failure::Internal)?;
        }
        bar.set(at, last);
    }
    bar.finish();
    Ok(replay.found)
}

/// Commits with their entries.
type Commits = Vec<(Position, Commit, Vec<Entry>)>;

/// The next commits from the position `from` on.
async fn read(journal: Arc<dyn Journal>, from: Position) -> Result<Commits, Failure> {
    let commits = journal.read(from, COMMITS_AT_A_TIME).await.map_err(AppError::from)?;
    let entries = |(position, commit)| {
        let entries = replay::entries(position, &commit).map_err(Failure::Internal)?;
        Ok((position, commit, entries))
    };
    commits.into_iter().map(entries).collect()
}

async fn check_index(config: &Config, store: &Store) -> Result<IndexCheck, Failure> {
    if let sled::Opened::Rebuild(why) = &store.index_opened {
        return Ok(IndexCheck::Skipped(format!("{why}; the next start builds it anew")));
    }
    let bar = Progress::new("building an index to compare", Unit::Commits);
    let compared = compare(config, store, &|done, of| bar.set(done, of)).await;
    bar.finish();
    compared
}

/// Compares the stored index with one made from the journal, both brought up to its end.
///
/// # Errors
/// A journal or an index that cannot be read.
pub(super) async fn compare(
    config: &Config,
    store: &Store,
    show: &(dyn Fn(Position, Position) + Send + Sync),
) -> Result<IndexCheck, Failure> {
    let temporary = Temporary(config.data.join(REBUILT));
    temporary.remove();
    let rebuilt = app::scratch_index(&temporary.0)?;
    let tail = store.journal.tail().await.map_err(AppError::from)?;
    let both: [&dyn Index; 2] = [store.index.as_ref(), &rebuilt];
    for index in both {
        catch_up(store.journal.as_ref(), index, tail, show).await.map_err(AppError::from)?;
    }
    Ok(differences(store.index.as_ref(), &rebuilt).map_err(AppError::from)?)
}

/// Compares key by key, keeping a hash of each value in memory.
fn differences(stored: &dyn Index, rebuilt: &dyn Index) -> Result<IndexCheck, IndexError> {
    let mut expected: HashMap<Vec<u8>, Hash> = HashMap::new();
    rebuilt.dump(&mut |key, value| {
        expected.insert(key.to_vec(), Hash::of(&[value]));
    })?;
    let (mut keys, mut differing, mut named) = (0, 0, Vec::new());
    let mut note = |key: &[u8], what: &str| {
        differing += 1;
        if named.len() < KEYS_NAMED_MAX {
            named.push(format!("`{}` {what}", key.escape_ascii()));
        }
    };
    stored.dump(&mut |key, value| {
        keys += 1;
        match expected.remove(key) {
            Some(hash) if hash == Hash::of(&[value]) => {}
            Some(_) => note(key, "says something else"),
            None => note(key, "should not be there"),
        }
    })?;
    let mut missing: Vec<_> = expected.into_keys().collect();
    missing.sort();
    missing.iter().for_each(|key| note(key, "is missing"));
    Ok(if differing == 0 {
        IndexCheck::Same { keys }
    } else {
        IndexCheck::Differs { keys: differing, named }
    })
}

/// A directory that is gone when this is.
struct Temporary(PathBuf);

impl Temporary {
    fn remove(&self) {
        let path: &Path = &self.0;
        // Where it cannot be removed, opening an index in it says so.
        std::fs::remove_dir_all(path).ok();
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        self.remove();
    }
}

fn verdict(journal: &Report, index: &IndexCheck, replayed: Option<&Replayed>) -> Result<(), Failure> {
    if let Some(first) = journal.problems.first() {
        let (count, position) = (journal.problems_total, first.position);
        return Err(Failure::No(format!(
            "{count} {} found in the journal, the first at position {position}",
            if count == 1 { "problem was" } else { "problems were" }
        )));
    }
    if let Some(different) = replayed.map(|found| found.different).filter(|different| *different > 0) {
        return Err(Failure::No(format!("{different} entries do something else when they are run again")));
    }
    match index {
        IndexCheck::Same { .. } | IndexCheck::Skipped(_) => Ok(()),
        IndexCheck::Differs { keys, .. } => Err(Failure::No(format!(
            "the index differs from the journal in {keys} keys; `careflow rebuild` makes it anew"
        ))),
    }
}

fn as_json(journal: &Report, index: &IndexCheck, replayed: Option<&Replayed>) -> Value {
    let problems: Vec<Value> =
        journal.problems.iter().map(|p| json!({ "position": p.position, "what": p.what })).collect();
    let unfinished = journal.unfinished.as_ref();
    let unfinished =
        unfinished.map(|cut| json!({ "from": cut.from, "bytes": cut.bytes, "reason": cut.reason }));
    let index_view = match index {
        IndexCheck::Same { keys } => json!({ "same": true, "keys": keys }),
        IndexCheck::Differs { keys, named } => {
            json!({ "same": false, "differing_keys": keys, "differences": named })
        }
        IndexCheck::Skipped(why) => json!({ "skipped": why }),
    };
    let mut view = json!({
        "ok": verdict(journal, index, replayed).is_ok(),
        "journal": {
            "segments": journal.segments, "bytes": journal.bytes, "commits": journal.commits,
            "entries": journal.entries, "instances": journal.instances, "last": journal.last,
            "chain": journal.chain.to_string(), "unfinished": unfinished,
            "problems_total": journal.problems_total, "problems": problems,
        },
        "index": index_view,
    });
    if let Some(Replayed { run, passed_over, different, differences }) = replayed {
        view["replay"] = json!({
            "run": run, "passed_over": passed_over, "different": different, "differences": differences,
        });
    }
    view
}

fn as_text(journal: &Report, index: &IndexCheck, replayed: Option<&Replayed>) -> String {
    let Report { commits, entries, instances, bytes, segments, last, chain, .. } = journal;
    let mut text = format!(
        "journal: {commits} commits, {entries} entries of {instances} instances, {bytes} bytes in {segments} segments\n\
         chain at position {last}: {chain}\n"
    );
    for problem in &journal.problems {
        text.push_str(&format!("position {}: {}\n", problem.position, problem.what));
    }
    if let Some(cut) = &journal.unfinished {
        text.push_str(&format!(
            "an unacknowledged end of {} bytes at position {} will be cut at the next start: {}\n",
            cut.bytes, cut.from, cut.reason
        ));
    }
    match index {
        IndexCheck::Same { keys } => text.push_str(&format!("index: {keys} keys, as the journal says\n")),
        IndexCheck::Differs { named, .. } => {
            named.iter().for_each(|line| text.push_str(&format!("index: {line}\n")));
        }
        IndexCheck::Skipped(why) => text.push_str(&format!("index: not compared: {why}\n")),
    }
    if let Some(Replayed { run, passed_over, different, differences }) = replayed {
        text.push_str(&format!(
            "replay: {run} entries run again, {different} do something else now; {passed_over} have no workflow code to run\n"
        ));
        differences.iter().for_each(|line| text.push_str(&format!("replay: {line}\n")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::memory::MemoryIndex;
    use crate::index::{Batch, Raise};

    fn index(tallies: &[(&str, u64)]) -> MemoryIndex {
        let index = MemoryIndex::new();
        let instance = crate::kernel::id::InstanceId::derive("calls", &["one"]);
        let raise = |(key, by): &(&str, u64)| Raise {
            instance: instance.clone(),
            name: "calls".into(),
            key: (*key).to_owned(),
            by: *by,
        };
        let counts = tallies.iter().map(raise).collect();
        index.apply(Batch { position: 1, changes: Vec::new(), counts }).unwrap();
        index
    }

    fn named(stored: &MemoryIndex, rebuilt: &MemoryIndex) -> Vec<String> {
        match differences(stored, rebuilt).unwrap() {
            IndexCheck::Same { .. } | IndexCheck::Skipped(_) => Vec::new(),
            IndexCheck::Differs { named, .. } => named,
        }
    }

    #[test]
    fn each_way_in_which_a_key_differs_is_named() {
        let rebuilt = index(&[("a", 1), ("b", 1)]);
        assert!(named(&index(&[("a", 1), ("b", 1)]), &rebuilt).is_empty());
        assert!(named(&index(&[("a", 2), ("b", 1)]), &rebuilt)[0].ends_with("says something else"));
        assert!(named(&index(&[("a", 1)]), &rebuilt)[0].ends_with("is missing"));
        let more = index(&[("a", 1), ("b", 1), ("c", 1)]);
        assert!(named(&more, &rebuilt)[0].ends_with("should not be there"));
    }

    #[test]
    fn a_comparison_that_was_skipped_is_no_fault() {
        assert!(verdict(&Report::default(), &IndexCheck::Skipped("there is none".into()), None).is_ok());
    }
}
