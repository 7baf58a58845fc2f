//! Journal segments: a journal of a few groups, changed byte by byte as the input says, then opened.
//!
//! An input is a series of five bytes each: what, where (two bytes, modulo the length), how (two bytes);
//! one of odd length changes a journal that was stopped cleanly. One that begins with `{` is the segment itself.

use std::path::Path;
use std::sync::LazyLock;

use careflow::journal::file::{FileJournal, OpenError, Options};
use careflow::journal::{Commit, Fence, Journal, Position, ReadError};
use careflow::kernel::entry::Stored;
use careflow::kernel::hash::Hash;
use serde_json::value::RawValue;
use tempfile::TempDir;

const ENTRIES: &str = include_str!("../../data/stored/consultation-1/entries.jsonl");
/// Commits of each group of the journal that is changed.
const GROUPS: [usize; 4] = [1, 3, 1, 3];
/// Most changes: more leave nothing of the journal.
const CHANGES_MAX: usize = 24;
/// The list of segments.
const MANIFEST: &str = "manifest.json";
/// The first segment.
const SEGMENT: &str = "00000000000000000001.jsonl";

/// A journal before it is changed.
struct Made {
    manifest: Vec<u8>,
    /// As a crash leaves it, and as a clean stop does.
    segments: [Vec<u8>; 2],
    commits: Vec<Commit>,
}

static MADE: LazyLock<Made> = LazyLock::new(make);

#[derive(serde::Deserialize)]
struct Line {
    entry: Box<RawValue>,
}

fn options() -> Options {
    Options { segment_bytes: 256 * 1024, fill_bytes: 512, ..Options::default() }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn folder() -> TempDir {
    // Nothing here must outlive a power cut: memory does.
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder")
}

fn commits() -> Vec<Commit> {
    let stored = ENTRIES.lines().map(|line| {
        let line: Line = serde_json::from_str(line).expect("a stored entry");
        let hash = Hash::of(&[line.entry.get().as_bytes()]);
        Stored { entry: line.entry.get().into(), hash, prev_position: None }
    });
    let stored = stored.take(GROUPS.iter().sum());
    stored.map(|entry| Commit { entries: vec![entry], ..Commit::default() }).collect()
}

fn make() -> Made {
    let (folder, commits) = (folder(), commits());
    let read = |name: &str| std::fs::read(folder.path().join(name)).expect("a file of the journal");
    let segments = runtime().block_on(async {
        let (journal, _) = FileJournal::open(folder.path(), options(), 0).expect("a new journal opens");
        let (mut rest, mut after) = (&commits[..], 0);
        for group in GROUPS {
            let (now, later) = rest.split_at(group);
            after = journal.append(Fence { epoch: 0, after }, now).await.expect("a group is stored");
            rest = later;
        }
        let open = read(SEGMENT);
        journal.close().await.expect("it closes");
        [open, read(SEGMENT)]
    });
    Made { manifest: read(MANIFEST), segments, commits }
}

/// Whatever stands in a segment, opening it is right or refused: what can be read is what was written, from
/// the first position on; what is refused is left as it is and named; what was opened takes another group
/// and opens again to the same.
pub fn journal(input: &[u8]) {
    let made = &*MADE;
    let base = &made.segments[input.len() % made.segments.len()];
    let segment = if input.first() == Some(&b'{') { input.to_vec() } else { changed(base, input) };
    let folder = folder();
    let path = folder.path().join(SEGMENT);
    std::fs::write(folder.path().join(MANIFEST), &made.manifest).expect("a file");
    std::fs::write(&path, &segment).expect("a file");
    let applied = input.first().map_or(0, |byte| Position::from(byte >> 4).min(made.commits.len() as u64));
    runtime().block_on(async {
        match FileJournal::open(folder.path(), options(), applied) {
            Ok((journal, opened)) => {
                assert!(opened.last >= applied, "what the index has applied is gone: {opened:?}");
                if let Some(cut) = &opened.cut {
                    assert!(
                        cut.from > applied && cut.from == opened.last + 1 && !cut.reason.is_empty(),
                        "{cut:?}"
                    );
                    assert!(!opened.clean, "after a clean stop nothing is cut");
                }
                goes_on(folder.path(), journal, opened.last).await;
            }
            Err(OpenError::Damaged { position, reason }) => {
                assert!(position >= 1 && !reason.is_empty());
                assert!(std::fs::read(&path).expect("a file") == segment, "a refused journal was changed");
            }
            Err(other) => panic!("{other}"),
        }
    });
}

/// What `journal` holds: entries by position, or the first position that is damaged.
async fn held(journal: &FileJournal, last: Position) -> Vec<Vec<Hash>> {
    let mut found = Vec::new();
    for position in 1..=last {
        match journal.get(&[position]).await {
            Ok(commits) => {
                let (at, commit) = commits.first().expect("a position up to the last is there");
                assert_eq!(*at, position);
                // What the journal does not vouch for is the reader's to verify.
                let sound = commit.entries.iter().all(|entry| entry.verify().is_ok());
                found.push(if sound {
                    commit.entries.iter().map(|entry| entry.hash).collect()
                } else {
                    Vec::new()
                });
            }
            Err(ReadError::Damaged { position: at, .. }) => {
                assert_eq!(at, position);
                found.push(Vec::new());
            }
            Err(ReadError::Io(reason)) => panic!("{reason}"),
        }
    }
    found
}

async fn goes_on(folder: &Path, journal: FileJournal, last: Position) {
    let made = &MADE.commits;
    let before = held(&journal, last).await;
    for (position, entries) in before.iter().enumerate().filter(|(_, entries)| !entries.is_empty()) {
        let wrote = made.get(position).map(|commit| commit.entries.iter().map(|entry| entry.hash).collect());
        assert_eq!(Some(entries), wrote.as_ref(), "position {} is not what was written", position + 1);
    }
    let fence = Fence { epoch: 0, after: last };
    assert_eq!(journal.append(fence, &made[..1]).await.expect("an opened journal takes a group"), last + 1);
    journal.close().await.expect("it closes");
    drop(journal);
    let (again, opened) = FileJournal::open(folder, options(), last + 1).expect("it opens again");
    assert_eq!((opened.last, opened.clean, opened.cut), (last + 1, true, None));
    let after = held(&again, last).await;
    assert_eq!(after, before, "it opens to the same");
}

/// The segment after the changes that `input` lists.
fn changed(segment: &[u8], input: &[u8]) -> Vec<u8> {
    let mut bytes = segment.to_vec();
    for change in input.as_chunks::<5>().0.iter().take(CHANGES_MAX) {
        if bytes.is_empty() {
            break;
        }
        let at = usize::from(u16::from_be_bytes([change[1], change[2]])) % bytes.len();
        let (value, length) = (change[4], usize::from(u16::from_be_bytes([change[3], change[4]])));
        let end = (at + length % 4_096).min(bytes.len());
        match change[0] & 15 {
            0 => bytes[at] = value,
            1 => bytes[at] ^= 1 << (value & 7),
            2 => bytes[at..end].fill(0),
            3 => bytes[at..end].fill(b'\n'),
            4 => bytes.truncate(at),
            5 => bytes.insert(at, value),
            6 => drop(bytes.drain(at..end)),
            7 => bytes.extend_from_within(at..end),
            8 => bytes.copy_within(at..end, at / 2),
            9 => seal(&mut bytes, at),
            10 => swap_lines(&mut bytes, at, length),
            _ => {
                bytes[at] = value;
                seal(&mut bytes, at);
            }
        }
    }
    bytes
}

/// Where the line lies that `at` is in, its newline left out.
fn line_at(bytes: &[u8], at: usize) -> std::ops::Range<usize> {
    let from = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let to = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |newline| at + newline);
    from..to.max(from)
}

/// Gives a line the checksum of what it says now, so that what is behind the checksum is reached.
fn seal(bytes: &mut [u8], at: usize) {
    let line = line_at(bytes, at);
    let (digits, covered) = (line.start + 8, line.start + 17);
    if covered < line.end && bytes[line.start..].starts_with(b"{\"crc\":\"") {
        let checksum = format!("{:08x}", crc32fast::hash(&bytes[covered..line.end]));
        bytes[digits..digits + 8].copy_from_slice(checksum.as_bytes());
    }
}

fn swap_lines(bytes: &mut Vec<u8>, at: usize, other: usize) {
    let (one, two) = (line_at(bytes, at), line_at(bytes, other % bytes.len()));
    let (one, two) = if one.start <= two.start { (one, two) } else { (two, one) };
    if one.end > two.start {
        return;
    }
    let middle = bytes[one.end..two.start].to_vec();
    let swapped = [&bytes[two.clone()], &middle[..], &bytes[one.clone()]].concat();
    bytes.splice(one.start..two.end, swapped);
}
