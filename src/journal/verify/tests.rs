//! Tests of the full check: whatever is changed by a disk or by somebody who recomputes checksums is found.

use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::journal::disk::RealDisks;
use crate::journal::file::{Options, Sync};
use crate::journal::line::Place;
use crate::journal::samples::Story;
use crate::journal::{Commit, Fence, Journal};
use crate::kernel::entry::Stored;

const SMALL: Options = Options { segment_bytes: 12 * 1024, fill_bytes: 4 * 1024, sync: Sync::EveryGroup };

/// A journal of `groups`, one segment after the other.
async fn journal_of(groups: &[Vec<Commit>]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = FileJournal::open(dir.path(), SMALL, 0).unwrap();
    let mut after = 0;
    for group in groups {
        after = journal.append(Fence { epoch: 1, after }, group).await.unwrap();
    }
    journal.close().await.unwrap();
    dir
}

/// Groups with children and personal values that fill several segments.
fn groups() -> Vec<Vec<Commit>> {
    let mut story = Story::default();
    (0..12)
        .map(|_| {
            let mut group = story.many(3);
            group.push(story.family("a", 2));
            group.push(story.next("b", &["王", "13800000000"]));
            group
        })
        .collect()
}

fn check(dir: &TempDir) -> Report {
    directory(dir.path(), &mut |_| ()).unwrap()
}

/// Writes every segment anew with its lines passed through `change`, and the manifest to match.
fn rewrite(dir: &TempDir, mut change: impl FnMut(Place, Commit) -> Option<(Place, Commit)>) {
    let mut manifest = Manifest::read(dir.path()).unwrap().unwrap().unwrap();
    for first in recover::segments_in(dir.path()).unwrap() {
        let path = dir.path().join(segment::name(first));
        let bytes = fs::read(&path).unwrap();
        let mut out = Vec::new();
        for text in bytes.split(|byte| *byte == b'\n').filter(|text| !text.is_empty()) {
            match line::read(text).unwrap() {
                Line::Closing { last, chain } => line::write_closing(&mut out, last, &chain),
                Line::Commit(commit) => {
                    if let Some((place, commit)) = change(commit.place, commit.commit().unwrap()) {
                        line::write_commit(&mut out, &place, &commit);
                    }
                }
            }
        }
        fs::write(&path, &out).unwrap();
        if let Some(sealed) = manifest.sealed.iter_mut().find(|sealed| sealed.first == first) {
            sealed.bytes = out.len() as u64;
            sealed.end = manifest::end_hash(&mut File::open(&path).unwrap(), sealed.bytes).unwrap();
        }
    }
    manifest.write(&RealDisks, dir.path()).unwrap();
}

#[tokio::test]
async fn sound_journal_has_no_problems_and_its_numbers_are_told() {
    let dir = journal_of(&groups()).await;
    let mut steps = Vec::new();
    let report = directory(dir.path(), &mut |progress| steps.push(progress)).unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
    assert!(report.segments > 2);
    assert_eq!((report.commits, report.last, report.entries, report.instances), (60, 60, 84, 27));
    assert_eq!(report.unfinished, None);
    let end = steps.last().unwrap();
    assert_eq!(end.bytes_done, end.bytes_total);
    let (journal, _) = FileJournal::open(dir.path(), SMALL, 0).unwrap();
    let live = journal.verify(|_| ()).await.unwrap();
    assert_eq!((live.commits, live.chain, live.is_sound()), (60, report.chain, true));
    assert_eq!(live.chain, journal.tail().await.unwrap().chain);
}

#[tokio::test]
async fn blanking_every_private_map_leaves_all_hashes_valid() {
    let dir = journal_of(&groups()).await;
    let before = check(&dir);
    let mut blanked = 0;
    rewrite(&dir, |place, mut commit| {
        blanked += commit.private.len();
        commit.private = Arc::default();
        Some((place, commit))
    });
    assert_eq!(blanked, 24);
    let after = check(&dir);
    assert!(after.is_sound(), "{:?}", after.problems);
    assert_eq!((after.chain, after.entries), (before.chain, before.entries));
    let (journal, _) = FileJournal::open(dir.path(), SMALL, 0).unwrap();
    let rows = journal.read(1, 1000).await.unwrap();
    assert!(rows.iter().all(|(_, commit)| commit.private.is_empty()));
}

#[tokio::test]
async fn every_changed_byte_is_reported_at_its_position() {
    let dir = journal_of(&[groups().remove(0)]).await;
    let path = dir.path().join(segment::name(1));
    let whole = fs::read(&path).unwrap();
    let mut at = 0;
    for (line, text) in whole[..segment::text_end(&whole)].split(|byte| *byte == b'\n').enumerate() {
        for i in (at..at + text.len()).step_by(11) {
            let mut bytes = whole.clone();
            bytes[i] ^= 1;
            fs::write(&path, bytes).unwrap();
            let report = check(&dir);
            // A changed closing line loses no commit: the next opening cuts it.
            if line == 5 {
                assert_eq!(report.unfinished.unwrap().from, 6);
            } else {
                assert_eq!(report.problems.first().map(|problem| problem.position), Some(line as u64 + 1));
            }
        }
        at += text.len() + 1;
    }
}

#[tokio::test]
async fn all_problems_are_reported_and_the_list_is_bounded() {
    let dir = journal_of(&groups()).await;
    for first in recover::segments_in(dir.path()).unwrap() {
        let path = dir.path().join(segment::name(first));
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("noted", "noteD")).unwrap();
    }
    let report = check(&dir);
    assert_eq!(report.problems.len(), PROBLEMS_MAX);
    assert!(report.problems_total >= 60 + 84);
    assert_eq!(report.commits, 60, "what follows a problem is still checked");
}

/// The problems after `change` was applied with all checksums recomputed.
async fn found_after(
    change: impl FnMut(Place, Commit) -> Option<(Place, Commit)>,
) -> Vec<(Position, String)> {
    let dir = journal_of(&groups()).await;
    rewrite(&dir, change);
    check(&dir).problems.into_iter().map(|problem| (problem.position, problem.what)).collect()
}

#[tokio::test]
async fn changed_entry_is_found_by_its_hash() {
    let found = found_after(|place, mut commit| {
        if place.position == 7 {
            let text = commit.entries[0].entry.replace("noted", "moved");
            commit.entries[0].entry = text.into();
        }
        Some((place, commit))
    })
    .await;
    assert_eq!(found.len(), 1);
    assert!(found[0].0 == 7 && found[0].1.contains("does not match its hash"), "{found:?}");
}

#[tokio::test]
async fn changed_entry_with_its_hash_is_found_by_the_chain_and_its_successor() {
    let found = found_after(|place, mut commit| {
        if place.position == 7 {
            let mut entry = commit.entries[0].read().unwrap();
            entry.event = "moved".into();
            commit.entries[0] = Stored::seal(&entry, commit.entries[0].prev_position).unwrap();
        }
        Some((place, commit))
    })
    .await;
    assert!(found.iter().any(|(at, what)| *at == 7 && what.contains("chain")), "{found:?}");
    assert!(found.iter().any(|(at, what)| *at > 7 && what.contains("does not follow")), "{found:?}");
}

#[tokio::test]
async fn removed_commit_is_found() {
    let found = found_after(|place, commit| (place.position != 7).then_some((place, commit))).await;
    assert_eq!(found[0].0, 7, "{found:?}");
}

#[tokio::test]
async fn changed_personal_value_is_found_by_its_digest() {
    let found = found_after(|place, mut commit| {
        if place.position == 5 {
            Arc::make_mut(&mut commit.private).values_mut().next().unwrap().value = serde_json::json!("李");
        }
        Some((place, commit))
    })
    .await;
    assert_eq!(found.len(), 1);
    assert!(found[0].0 == 5 && found[0].1.contains("personal value"), "{found:?}");
}

#[tokio::test]
async fn wrong_previous_position_is_found() {
    let found = found_after(|place, mut commit| {
        if place.position == 9 {
            commit.entries[0].prev_position = Some(1);
        }
        Some((place, commit))
    })
    .await;
    assert_eq!(found, [(9, found[0].1.clone())]);
    assert!(found[0].1.contains("previous position"));
}

#[tokio::test]
async fn child_must_follow_its_parents_spawning_entry() {
    let mut story = Story::default();
    let mut commit = story.family("a", 1);
    let mut child = commit.entries[1].read().unwrap();
    child.prev = Hash::ZERO;
    commit.entries[1] = Stored::seal(&child, None).unwrap();
    let report = check(&journal_of(&[vec![commit]]).await);
    assert_eq!(report.problems.len(), 1);
    assert!(report.problems[0].what.contains("does not follow"));
}

#[tokio::test]
async fn missing_segment_and_manifest_are_reported() {
    let dir = journal_of(&groups()).await;
    let manifest = Manifest::read(dir.path()).unwrap().unwrap().unwrap();
    let second = manifest.sealed[1].first;
    fs::remove_file(dir.path().join(segment::name(second))).unwrap();
    let report = check(&dir);
    assert_eq!(report.problems[0].position, second);
    fs::remove_file(dir.path().join(manifest::NAME)).unwrap();
    assert!(!check(&dir).is_sound());
}

#[tokio::test]
async fn directory_in_use_is_not_checked() {
    let dir = journal_of(&groups()).await;
    let _journal = FileJournal::open(dir.path(), SMALL, 0).unwrap();
    assert!(matches!(directory(dir.path(), &mut |_| ()), Err(OpenError::Locked { .. })));
}
