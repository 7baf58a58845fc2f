//! Owns a segment's file: its name, where its commits lie, and what its end means after a crash.
//!
//! A segment is filled ahead with newline bytes, so its text ends where only
//! newlines (or zero bytes, which a crash while filling can leave) follow.

use memchr::{memchr, memmem, memrchr};

use super::line::{self, CommitLine, Line};
use crate::kernel::entry::Position;
use crate::kernel::hash::Hash;

/// What an unwritten byte holds.
pub(super) const FILL: u8 = b'\n';
/// Digits of a position in a file's name: enough for any, so names sort by position.
const NAME_DIGITS: usize = 20;
/// What follows them.
const NAME_END: &str = ".jsonl";

/// The file name of the segment that begins at `first`.
pub(super) fn name(first: Position) -> String {
    format!("{first:0NAME_DIGITS$}{NAME_END}")
}

/// The first position of the segment called `name`; none for other files.
pub(super) fn parse_name(name: &str) -> Option<Position> {
    let digits = name.strip_suffix(NAME_END)?;
    let shaped = digits.len() == NAME_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if shaped { digits.parse().ok() } else { None }
}

/// Where one commit's line lies in its segment, without its newline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Its first byte. A segment stays far below 4 GiB.
    pub at: u32,
    /// Its length; 0 where the line was not found.
    pub bytes: u32,
}

/// The first thing in a segment that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bad {
    /// The position that was expected there.
    pub position: Position,
    /// Where.
    pub offset: usize,
    /// What is wrong.
    pub reason: String,
}

/// What a segment holds up to its end, or up to the first bad line.
#[derive(Debug)]
pub(super) struct Scan {
    /// Where its commits lie, in order.
    pub extents: Vec<Extent>,
    /// Where the text ends.
    pub end: usize,
    /// The last position; one less than the segment's first where it has none.
    pub last: Position,
    /// The chain value there.
    pub chain: Hash,
    /// Whether a closing line is the last thing in it.
    pub closed: bool,
    /// The first bad line.
    pub bad: Option<Bad>,
}

/// Reads a segment from its beginning; `chain` is that of the commit before `first`.
pub(super) fn scan(bytes: &[u8], first: Position, chain: Hash) -> Scan {
    let mut scan = Scan { extents: Vec::new(), end: 0, last: first - 1, chain, closed: false, bad: None };
    let mut group = first;
    while let Some(text) = text_from(bytes, scan.end) {
        let step =
            if text == scan.end { scan.take(bytes, &mut group) } else { Err("bytes are missing".into()) };
        if let Err(reason) = step {
            scan.bad = Some(Bad { position: scan.last + 1, offset: scan.end, reason });
            break;
        }
    }
    scan
}

/// The first byte from `from` on that is not blank.
fn text_from(bytes: &[u8], from: usize) -> Option<usize> {
    bytes[from..].iter().position(|byte| *byte != FILL && *byte != 0).map(|skipped| from + skipped)
}

/// The end of the text in `bytes`: after it there are only blanks.
pub(super) fn text_end(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != FILL && *byte != 0).map_or(0, |last| last + 1)
}

impl Scan {
    /// Takes the line at `self.end`.
    fn take(&mut self, bytes: &[u8], group: &mut Position) -> Result<(), String> {
        let rest = &bytes[self.end..];
        let length = memchr(b'\n', rest).ok_or("the line has no end")?;
        match line::read(&rest[..length])? {
            Line::Commit(commit) => {
                follows(&commit, self.last, *group, &self.chain)?;
                *group = commit.place.group;
                self.last = commit.place.position;
                self.chain = commit.place.chain;
                self.extents.push(extent(self.end, length)?);
                self.closed = false;
            }
            Line::Closing { last, chain } => {
                if (last, chain) != (self.last, self.chain) {
                    return Err(format!("a closing line after position {last} stands after {}", self.last));
                }
                // What comes after a clean stop is a new group.
                *group = self.last + 1;
                self.closed = true;
            }
        }
        self.end += length + 1;
        Ok(())
    }
}

/// Checks that `commit` continues the line of position `last`, of a group begun at `group`, with `chain`.
pub(super) fn follows(
    commit: &CommitLine<'_>,
    last: Position,
    group: Position,
    chain: &Hash,
) -> Result<(), String> {
    let place = &commit.place;
    if place.position != last + 1 {
        return Err(format!("position {} stands where {} belongs", place.position, last + 1));
    }
    if place.group != group && place.group != place.position {
        return Err(format!("the line names a group of {} that never began", place.group));
    }
    if commit.chain_after(chain) != place.chain {
        return Err("the line does not continue the chain of the one before".into());
    }
    Ok(())
}

fn extent(at: usize, bytes: usize) -> Result<Extent, String> {
    let number = |n: usize| u32::try_from(n).map_err(|_| "the segment is longer than 4 GiB".to_owned());
    Ok(Extent { at: number(at)?, bytes: number(bytes)? })
}

/// Why the bad line is damage; none where a power cut before any answer explains it.
///
/// A valid line of a later group proves that the bad one was synced (each group is
/// written after the sync of the one before); a valid line that repeats an earlier
/// or the expected position is left by no power cut at all.
pub(super) fn damage(bytes: &[u8], bad: &Bad) -> Option<String> {
    let expected = bad.position;
    let mut from = bad.offset;
    // Lines are looked for at their openings, not after newlines: a changed
    // newline must not hide the line behind it.
    while let Some(found) = memmem::find(&bytes[from..], line::OPENING) {
        let start = from + found;
        from = start + 1;
        let Some(length) = memchr(b'\n', &bytes[start..]) else { break };
        match line::read(&bytes[start..start + length]) {
            Ok(Line::Commit(commit)) => {
                let place = commit.place;
                if place.group > expected {
                    return Some(format!("{}, though a later group begins at {}", bad.reason, place.group));
                }
                if place.position <= expected {
                    return Some(bad.reason.clone());
                }
            }
            Ok(Line::Closing { last, .. }) if last >= expected => {
                return Some(format!("{}, though a clean stop came after position {last}", bad.reason));
            }
            Ok(Line::Closing { .. }) | Err(_) => {}
        }
    }
    None
}

/// Where the commits of positions `first..=last` lie, however damaged the bytes between them are.
///
/// Cheaper than [`scan`]: nothing is checked here that the reader of a line checks
/// anyway. A line out of order is believed only where its checksum holds.
pub(super) fn locate(bytes: &[u8], first: Position, last: Position) -> Vec<Extent> {
    let count = usize::try_from(last + 1 - first).unwrap_or(0);
    let mut extents = vec![Extent::default(); count];
    let mut expected = first;
    let mut at = 0;
    while at < bytes.len() {
        let length = memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
        let text = &bytes[at..at + length];
        if let Some(position) = line::claimed_position(text)
            && (first..=last).contains(&position)
            && (position == expected || line::checksum_holds(text))
            && let Ok(found) = extent(at, length)
            && let Some(slot) = usize::try_from(position - first).ok().and_then(|i| extents.get_mut(i))
        {
            *slot = found;
            expected = position + 1;
        }
        at += length + 1;
    }
    extents
}

/// The length of the whole lines in `bytes`, the last newline included.
pub(super) fn whole_lines(bytes: &[u8]) -> usize {
    memrchr(b'\n', bytes).map_or(0, |last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::line::Place;
    use crate::journal::samples::Story;

    /// Lines of the given groups' sizes, and where each begins.
    fn segment(groups: &[u64]) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut starts, mut chain, mut position) = (Vec::new(), Vec::new(), Hash::ZERO, 0);
        let mut story = Story::default();
        for size in groups {
            let group = position + 1;
            for _ in 0..*size {
                let commit = story.next("a", &[]);
                position += 1;
                chain = line::chain(&chain, commit.entries.iter().map(|entry| entry.hash));
                starts.push(bytes.len());
                line::write_commit(&mut bytes, &Place { position, group, chain }, &commit);
            }
        }
        (bytes, starts)
    }

    #[test]
    fn names_read_back_and_other_files_are_none() {
        assert_eq!(name(1), "00000000000000000001.jsonl");
        assert_eq!(parse_name(&name(u64::MAX)), Some(u64::MAX));
        for other in ["1.jsonl", "lock", "manifest.json", "0000000000000000000a.jsonl"] {
            assert_eq!(parse_name(other), None);
        }
    }

    #[test]
    fn whole_segment_scans_to_its_end() {
        let (mut bytes, starts) = segment(&[1, 3]);
        let end = bytes.len();
        bytes.extend_from_slice(&[FILL; 100]);
        let scan = scan(&bytes, 1, Hash::ZERO);
        assert_eq!((scan.last, scan.end, scan.bad, scan.closed), (4, end, None, false));
        let at: Vec<usize> = scan.extents.iter().map(|extent| extent.at as usize).collect();
        assert_eq!(at, starts);
        assert_eq!(locate(&bytes, 1, 4), scan.extents);
    }

    #[test]
    fn changed_newline_does_not_hide_the_group_behind_it() {
        let (mut bytes, starts) = segment(&[1, 1]);
        bytes[starts[1] - 1] = b' ';
        let bad = scan(&bytes, 1, Hash::ZERO).bad.unwrap();
        assert_eq!(bad.position, 1);
        assert!(damage(&bytes, &bad).is_some());
    }

    #[test]
    fn missing_block_within_the_last_group_is_no_damage() {
        let (mut bytes, starts) = segment(&[2, 4]);
        bytes[starts[3]..starts[4]].fill(FILL);
        let bad = scan(&bytes, 1, Hash::ZERO).bad.unwrap();
        assert_eq!((bad.position, bad.offset), (4, starts[3]));
        assert_eq!(damage(&bytes, &bad), None);
    }

    #[test]
    fn missing_block_before_the_last_group_is_damage() {
        let (mut bytes, starts) = segment(&[4, 1]);
        bytes[starts[2]..starts[3]].fill(FILL);
        let bad = scan(&bytes, 1, Hash::ZERO).bad.unwrap();
        assert_eq!(bad.position, 3);
        assert!(damage(&bytes, &bad).is_some());
    }

    #[test]
    fn repeated_line_is_damage_even_in_the_last_group() {
        let (mut bytes, starts) = segment(&[3]);
        let again = bytes[starts[1]..starts[2]].to_vec();
        bytes.extend_from_slice(&again);
        let bad = scan(&bytes, 1, Hash::ZERO).bad.unwrap();
        assert_eq!(bad.position, 4);
        assert!(damage(&bytes, &bad).is_some());
    }

    #[test]
    fn removed_commit_breaks_the_chain_even_where_positions_are_made_dense() {
        let mut story = Story::default();
        let commits = story.many(3);
        let (mut bytes, mut chain) = (Vec::new(), Hash::ZERO);
        for (i, commit) in commits.iter().enumerate() {
            chain = line::chain(&chain, commit.entries.iter().map(|entry| entry.hash));
            if i != 1 {
                let position = if i == 0 { 1 } else { 2 };
                line::write_commit(&mut bytes, &Place { position, group: position, chain }, commit);
            }
        }
        let bad = scan(&bytes, 1, Hash::ZERO).bad.unwrap();
        assert_eq!(bad.position, 2);
        assert!(damage(&bytes, &bad).is_some());
    }

    #[test]
    fn commits_around_a_damaged_line_are_still_located() {
        let (mut bytes, starts) = segment(&[1, 1, 1, 1]);
        let whole = locate(&bytes, 1, 4);
        bytes[starts[1] + 20] = b'x';
        let found = locate(&bytes, 1, 4);
        assert_eq!(found[1], Extent::default());
        assert_eq!((found[0], found[2], found[3]), (whole[0], whole[2], whole[3]));
    }
}
