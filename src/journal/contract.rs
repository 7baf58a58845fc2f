//! Owns what every journal must do; each implementation runs all of it.

use std::sync::Arc;
use std::time::Duration;

use super::file::{FileJournal, Options, Sync};
use super::memory::MemoryJournal;
use super::samples::Story;
use super::{
    AppendError, COMMIT_ENTRIES_MAX, Commit, Fence, GROUP_COMMITS_MAX, Journal, LINE_BYTES_MAX, Position,
    Tail,
};
use crate::kernel::hash::Hash;

/// A journal of one implementation, fresh and opened again after it was let go of.
trait Subject: Sized {
    fn fresh() -> Self;
    fn journal(&self) -> Arc<dyn Journal>;
    fn reopened(self) -> Self;
}

impl Subject for MemoryJournalSubject {
    fn fresh() -> Self {
        Self(Arc::default())
    }

    fn journal(&self) -> Arc<dyn Journal> {
        Arc::<MemoryJournal>::clone(&self.0)
    }

    fn reopened(self) -> Self {
        Self(Arc::new(self.0.reopen()))
    }
}

struct MemoryJournalSubject(Arc<MemoryJournal>);

struct FileJournalSubject {
    journal: Arc<FileJournal>,
    dir: tempfile::TempDir,
}

/// Small enough that these tests pass over several segments.
const SMALL: Options = Options { segment_bytes: 8 * 1024, fill_bytes: 2 * 1024, sync: Sync::EveryGroup };

impl Subject for FileJournalSubject {
    fn fresh() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = FileJournal::open(dir.path(), SMALL, 0).unwrap();
        Self { journal: Arc::new(journal), dir }
    }

    fn journal(&self) -> Arc<dyn Journal> {
        Arc::<FileJournal>::clone(&self.journal)
    }

    fn reopened(self) -> Self {
        drop(Arc::try_unwrap(self.journal).ok().expect("the test let go of the journal"));
        let (journal, opened) = FileJournal::open(self.dir.path(), SMALL, 0).unwrap();
        assert_eq!(opened.cut, None);
        Self { journal: Arc::new(journal), dir: self.dir }
    }
}

const fn after(after: Position) -> Fence {
    Fence { epoch: 1, after }
}

fn hashes(commits: &[Commit]) -> Vec<Vec<Hash>> {
    commits.iter().map(|commit| commit.entries.iter().map(|stored| stored.hash).collect()).collect()
}

fn numbered(rows: Vec<(Position, Commit)>) -> (Vec<Position>, Vec<Commit>) {
    rows.into_iter().unzip()
}

async fn positions_are_dense_and_read_back<S: Subject>() {
    let subject = S::fresh();
    let journal = subject.journal();
    let mut story = Story::default();
    let mut all = Vec::new();
    for size in [1, 5, 2, 40] {
        let mut group = story.many(size);
        group.push(story.family("a", 2));
        group.push(story.next("a", &["王"]));
        let last = journal.append(after(all.len() as u64), &group).await.unwrap();
        all.extend(group);
        assert_eq!(last, all.len() as u64);
    }
    let (positions, commits) = numbered(journal.read(1, 1000).await.unwrap());
    assert_eq!(positions, (1..=all.len() as u64).collect::<Vec<_>>());
    assert_eq!(hashes(&commits), hashes(&all));
    assert_eq!(commits[2].private, all[2].private);
    assert!(!commits[2].private.is_empty());
}

async fn reads_begin_and_end_anywhere<S: Subject>() {
    let subject = S::fresh();
    let journal = subject.journal();
    let all = Story::default().many(60);
    journal.append(after(0), &all[..30]).await.unwrap();
    journal.append(after(30), &all[30..]).await.unwrap();
    for (from, limit, expected) in
        [(0, 2, 1..=2), (1, 1, 1..=1), (29, 4, 29..=32), (60, 9, 60..=60), (58, 100, 58..=60)]
    {
        let (positions, _) = numbered(journal.read(from, limit).await.unwrap());
        assert_eq!(positions, expected.collect::<Vec<_>>(), "from {from}, limit {limit}");
    }
    assert!(journal.read(61, 5).await.unwrap().is_empty());
    assert!(journal.read(1, 0).await.unwrap().is_empty());
    let (positions, commits) = numbered(journal.get(&[60, 99, 1, 31, 0, 1]).await.unwrap());
    assert_eq!(positions, [60, 1, 31, 1]);
    assert_eq!(hashes(&commits[2..3]), hashes(&all[30..31]));
}

async fn tail_carries_the_chain_of_all_hashes<S: Subject>() {
    let subject = S::fresh();
    let journal = subject.journal();
    assert_eq!(journal.tail().await.unwrap(), Tail { last: 0, chain: Hash::ZERO });
    let mut story = Story::default();
    let group = [story.next("a", &[]), story.family("a", 1)];
    journal.append(after(0), &group).await.unwrap();
    let mut chain = Hash::ZERO;
    for hashes in hashes(&group) {
        let mut parts: Vec<&[u8]> = vec![chain.bytes()];
        parts.extend(hashes.iter().map(|hash| &hash.bytes()[..]));
        chain = Hash::of(&parts);
    }
    assert_eq!(journal.tail().await.unwrap(), Tail { last: 2, chain });
}

async fn what_was_acknowledged_is_there_when_opened_anew<S: Subject>() {
    let mut subject = S::fresh();
    let mut story = Story::default();
    let mut last = 0;
    for close in [false, true, false, true] {
        let journal = subject.journal();
        last = journal.append(after(last), &story.many(25)).await.unwrap();
        let tail = journal.tail().await.unwrap();
        if close {
            journal.close().await.unwrap();
        }
        drop(journal);
        subject = subject.reopened();
        assert_eq!(subject.journal().tail().await.unwrap(), tail);
    }
    assert_eq!(subject.journal().read(1, 1000).await.unwrap().len(), 100);
}

async fn writer_that_lost_its_place_is_fenced<S: Subject>() {
    let subject = S::fresh();
    let journal = subject.journal();
    let mut story = Story::default();
    let group = story.many(3);
    journal.append(Fence { epoch: 2, after: 0 }, &group).await.unwrap();
    for (epoch, after, since) in [(2, 1, 2), (2, 0, 1), (2, 9, 4), (1, 3, 1)] {
        let refused = journal.append(Fence { epoch, after }, &group).await;
        assert!(matches!(refused, Err(AppendError::Fenced(p)) if p == since), "{epoch} {after}: {refused:?}");
    }
    assert_eq!(journal.tail().await.unwrap().last, 3);
    journal.append(Fence { epoch: 2, after: 3 }, &story.many(1)).await.unwrap();
}

async fn group_over_a_limit_is_refused_whole<S: Subject>() {
    let subject = S::fresh();
    let journal = subject.journal();
    let mut story = Story::default();
    let small = story.next("a", &[]);
    let long = story.next("a", &[&"x".repeat(LINE_BYTES_MAX)]);
    let bytes = match journal.append(after(0), &[small.clone(), long]).await {
        Err(AppendError::TooLarge { bytes }) => bytes,
        other => panic!("a line over the limit was answered with {other:?}"),
    };
    assert!(bytes > LINE_BYTES_MAX);
    let wide = story.family("a", u32::try_from(COMMIT_ENTRIES_MAX).unwrap());
    let mut broken = small.clone();
    let text = small.entries[0].entry.replacen(',', ",\n", 1);
    broken.entries[0].entry = text.into();
    let many = vec![small.clone(); GROUP_COMMITS_MAX + 1];
    for group in [vec![wide], vec![broken], vec![Commit::default()], many] {
        let refused = journal.append(after(0), &group).await;
        assert!(matches!(refused, Err(AppendError::Refused(_))), "{refused:?}");
    }
    assert_eq!(journal.append(after(0), &[]).await.unwrap(), 0);
    assert_eq!(journal.append(after(0), &[small]).await.unwrap(), 1, "nothing of the others was kept");
}

async fn largest_commit_is_taken<S: Subject>() {
    let subject = S::fresh();
    let journal = subject.journal();
    let probe = Story::default().next("a", &["x"]);
    let mut line = Vec::new();
    let place = super::line::Place { position: 1, group: 1, chain: Hash::ZERO };
    super::line::write_commit(&mut line, &place, &probe);
    let most = "x".repeat(LINE_BYTES_MAX - line.len() + 1);
    let commit = Story::default().next("a", &[&most]);
    journal.append(after(0), std::slice::from_ref(&commit)).await.unwrap();
    assert_eq!(journal.get(&[1]).await.unwrap()[0].1.private, commit.private);
    let over = Story::default().next("a", &[&format!("{most}x")]);
    let refused = journal.append(after(1), &[over]).await;
    assert!(matches!(refused, Err(AppendError::TooLarge { bytes }) if bytes == LINE_BYTES_MAX + 1));
}

async fn watch_wakes_when_the_position_is_durable<S: Subject>() {
    let subject = S::fresh();
    let journal = subject.journal();
    assert_eq!(journal.watch(0).await, 0);
    let waiting = {
        let journal = subject.journal();
        tokio::spawn(async move { journal.watch(3).await })
    };
    let mut story = Story::default();
    journal.append(after(0), &story.many(2)).await.unwrap();
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    journal.append(after(2), &story.many(2)).await.unwrap();
    // The limit only ends a test that would hang.
    let seen = tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap().unwrap();
    assert_eq!(seen, 4);
}

async fn closed_journal_refuses_and_still_reads<S: Subject>() {
    let subject = S::fresh();
    let journal = subject.journal();
    let mut story = Story::default();
    journal.append(after(0), &story.many(2)).await.unwrap();
    journal.close().await.unwrap();
    journal.close().await.unwrap();
    let refused = journal.append(after(2), &story.many(1)).await;
    assert!(matches!(refused, Err(AppendError::Refused(_))));
    assert_eq!(journal.read(1, 9).await.unwrap().len(), 2);
    assert_eq!(journal.tail().await.unwrap().last, 2);
}

macro_rules! contract {
    ($($rule:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $rule() {
                super::$rule::<super::MemoryJournalSubject>().await;
            })*
        }
        mod file {
            $(#[tokio::test]
            async fn $rule() {
                super::$rule::<super::FileJournalSubject>().await;
            })*
        }
    };
}

contract! {
    positions_are_dense_and_read_back
    reads_begin_and_end_anywhere
    tail_carries_the_chain_of_all_hashes
    what_was_acknowledged_is_there_when_opened_anew
    writer_that_lost_its_place_is_fenced
    group_over_a_limit_is_refused_whole
    largest_commit_is_taken
    watch_wakes_when_the_position_is_durable
    closed_journal_refuses_and_still_reads
}
