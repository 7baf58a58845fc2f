//! A stopped index whose files were changed behind its back: bytes, lengths, whole files.
//!
//! Opening never panics and finds every change: the index is made anew.
//! `CAREFLOW_TEST_SCALE` multiplies the damages.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::contract::{all, made};
use super::memory::MemoryIndex;
use super::opening::STORE;
use super::sled::{Distrust, Opened, Options, SledIndex};
use super::{Batch, Index};
use crate::seeded::{Dice, scale};

/// Instances of the index: several segments of sled's log.
const INSTANCES: u32 = 240;
/// Those of them that came since sled wrote its last snapshot: only what came since is read at opening.
const RECENT: u32 = 20;
/// Damages of a kind, at the usual scale.
const DAMAGES: u64 = 60;

/// The batches of instance `number`: it starts with a large text, and moves.
fn lives(number: u32) -> Vec<Batch> {
    let position = u64::from(number) * 2 + 1;
    let mut started = made::started(number);
    started.data_mut()["text"] = made::filler(1_000 + usize::try_from(number).expect("small") * 37 % 9_000);
    let moved = made::moved(&started, |next| {
        made::give(next, "li");
        made::arm(next, "ack", i64::from(number));
    });
    let mut batches =
        vec![made::batch(position, None, &started), made::batch(position + 1, Some(&started), &moved)];
    batches[1].counts.push(made::raise("moves", "all", 1));
    batches
}

fn apply(index: &dyn Index, numbers: std::ops::Range<u32>) {
    numbers.flat_map(lives).for_each(|batch| index.apply(batch).expect("applies"));
}

fn open(dir: &Path) -> (SledIndex, Opened) {
    let options = Options { cache_bytes: 16 << 20, decoded_bytes: 0, ..Options::default() };
    SledIndex::open(dir, options, "boot-1").expect("opens or begins anew")
}

/// A stopped index as it lies on the disk, and what it holds.
struct Stopped {
    files: BTreeMap<PathBuf, Vec<u8>>,
    rows: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Stopped once in between, so that there are a snapshot and a log after it.
static STOPPED: LazyLock<Stopped> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a directory");
    for numbers in [0..INSTANCES - RECENT, INSTANCES - RECENT..INSTANCES] {
        let (index, _) = open(dir.path());
        apply(&index, numbers);
        index.close().expect("closes");
    }
    let twin = MemoryIndex::new();
    apply(&twin, 0..INSTANCES);
    let mut files = BTreeMap::new();
    read_below(dir.path(), dir.path(), &mut files);
    Stopped { files, rows: all(&twin) }
});

fn read_below(root: &Path, dir: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(dir).expect("lists") {
        let path = entry.expect("lists").path();
        if path.is_dir() {
            read_below(root, &path, files);
        } else {
            files.insert(path.strip_prefix(root).expect("below").to_owned(), fs::read(&path).expect("reads"));
        }
    }
}

impl Stopped {
    /// The files of the storage; the mark beside it has tests of its own.
    fn stored(&self) -> Vec<&PathBuf> {
        self.files.keys().filter(|path| path.starts_with(STORE)).collect()
    }

    /// A copy in which one file has other bytes, or is gone.
    fn damaged(&self, path: &Path, bytes: Option<&[u8]>) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, whole) in &self.files {
            let to = dir.path().join(name);
            fs::create_dir_all(to.parent().expect("below")).expect("makes");
            match bytes {
                Some(bytes) if name == path => fs::write(to, bytes).expect("writes"),
                None if name == path => {}
                Some(_) | None => fs::write(to, whole).expect("writes"),
            }
        }
        dir
    }
}

/// Opens a damaged index: it is made anew, and works.
fn made_anew(dir: &Path, what: &str) {
    let opened = catch_unwind(AssertUnwindSafe(|| open(dir)));
    let (index, opened) = opened.unwrap_or_else(|_| panic!("{what}: opening panicked"));
    assert!(matches!(opened, Opened::Rebuild(Distrust::Unsealed(_))), "{what}: {opened:?}");
    assert_eq!(index.applied(), 0, "{what}");
    apply(&index, 0..3);
    let twin = MemoryIndex::new();
    apply(&twin, 0..3);
    assert!(all(&index) == all(&twin), "{what}: the new index does not work");
}

/// Damages one file after the other, as `damage` draws it; answers how often.
fn each_file(damage: impl Fn(&[u8], &mut Dice) -> Option<Vec<u8>>) -> u64 {
    let mut damaged = 0;
    for path in STOPPED.stored() {
        let whole = &STOPPED.files[path];
        for number in 0..DAMAGES * scale() {
            let Some(bytes) = damage(whole, &mut Dice::of(number)).filter(|bytes| bytes != whole) else {
                continue;
            };
            let dir = STOPPED.damaged(path, Some(&bytes));
            made_anew(dir.path(), &format!("`{}`, number {number}", path.display()));
            damaged += 1;
        }
    }
    damaged
}

#[test]
fn a_whole_index_is_trusted() {
    let dir = STOPPED.damaged(Path::new(""), None);
    let (index, opened) = open(dir.path());
    assert_eq!(opened, Opened::Trusted);
    assert!(all(&index) == STOPPED.rows);
}

#[test]
fn a_changed_byte_of_any_file_is_found() {
    let damaged = each_file(|whole, dice| {
        let mut bytes = whole.to_owned();
        let at = dice.index(bytes.len().max(1));
        *bytes.get_mut(at)? ^= u8::try_from(1 + dice.below(255)).expect("a byte");
        Some(bytes)
    });
    assert!(damaged >= 2 * DAMAGES, "only {damaged}");
}

#[test]
fn a_file_of_any_other_length_is_found() {
    let damaged = each_file(|whole, dice| Some(whole[..dice.index(whole.len().max(1))].to_owned()));
    assert!(damaged >= 2 * DAMAGES, "only {damaged}");
}

#[test]
fn zeroed_and_moved_blocks_are_found() {
    const BLOCK: usize = 4_096;
    let damaged = each_file(|whole, dice| {
        let mut bytes = whole.to_owned();
        let block = |dice: &mut Dice| dice.index(whole.len().div_ceil(BLOCK).max(1)) * BLOCK;
        let (from, to) = (block(dice), block(dice));
        let length = BLOCK.min(whole.len() - from).min(whole.len() - to);
        let filled = if dice.one_in(2) { vec![0; length] } else { whole[from..from + length].to_owned() };
        bytes[to..to + length].copy_from_slice(&filled);
        Some(bytes)
    });
    assert!(damaged >= DAMAGES, "only {damaged}");
}

#[test]
fn a_missing_file_is_found() {
    for path in STOPPED.stored() {
        let dir = STOPPED.damaged(path, None);
        made_anew(dir.path(), &path.display().to_string());
    }
}

#[test]
fn a_file_that_was_not_there_is_found_unless_it_is_half_a_snapshot() {
    let dir = STOPPED.damaged(Path::new(""), None);
    fs::write(dir.path().join(STORE).join("snap.00000000000000FF.generating"), b"half").expect("writes");
    assert_eq!(open(dir.path()).1, Opened::Trusted);
    let dir = STOPPED.damaged(Path::new(""), None);
    fs::write(dir.path().join(STORE).join("snap.00000000000000FF"), b"whole").expect("writes");
    made_anew(dir.path(), "another snapshot");
}
