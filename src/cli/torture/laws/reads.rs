//! The laws of reads: instances, histories, the feed, and what refusals tell of an instance.

use super::{Evidence, Findings};
use crate::cli::torture::history::{Asked, EntrySeen, Got, Record, Seen};
use crate::kernel::id::InstanceId;

/// Entries that a history or the feed was asked for.
pub const ENTRIES_ASKED: usize = 200;

/// Checks the laws of reads.
pub fn check(evidence: &Evidence<'_>, found: &mut Findings) {
    see_writes(evidence, found);
    for record in evidence.records {
        match (&record.asked, &record.got) {
            (Asked::Instance(id), Got::Seen(seen)) => is_true(evidence, id, seen, found),
            (Asked::History(id), Got::Entries { position, seq: Some(seq), entries }) => {
                history(evidence, id, (*position, *seq), entries, found);
            }
            (Asked::Changes(after), Got::Entries { position, seq: None, entries }) => {
                feed(evidence, (*after, *position), entries, found);
            }
            _ => {}
        }
    }
}

/// Reads in the order of their sending, against the highest position that any answer had told by then.
fn see_writes(evidence: &Evidence<'_>, found: &mut Findings) {
    const LAW: &str = "reads_see_writes";
    let told = |record: &Record| match &record.got {
        Got::Done(receipt) => Some(receipt.position),
        got => got.position(),
    };
    let mut ends: Vec<(u64, u64)> =
        evidence.records.iter().filter_map(|record| Some((record.ended, told(record)?))).collect();
    ends.sort_unstable();
    let mut ends = ends.into_iter().peekable();
    let mut records: Vec<&Record> = evidence.records.iter().collect();
    records.sort_by_key(|record| record.begun);
    let mut known = 0;
    for record in records {
        while let Some((_, position)) = ends.next_if(|(ended, _)| *ended < record.begun) {
            known = known.max(position);
        }
        if let Some(position) = record.got.position().filter(|position| *position < known) {
            let seen = format!("{:?} was answered at position {position}", record.asked);
            found.add(LAW, None, seen, format!("{known} or later, which an earlier answer told"));
        }
        if let (Got::Refused(refusal), Asked::Command(command) | Asked::DryRun(command)) =
            (&record.got, &record.asked)
            && let (Some(seq), Some(id)) = (refusal.seq, &command.instance)
            && let Some(version) = evidence.truth.at(id, known).filter(|version| version.seq > seq)
        {
            let seen = format!("`{}` was refused at sequence {seq}", command.event);
            let expected = format!("{} or later: position {known} had been told", version.seq);
            found.add(LAW, Some(id), seen, expected);
        }
    }
}

fn is_true(evidence: &Evidence<'_>, id: &InstanceId, seen: &Seen, found: &mut Findings) {
    const LAW: &str = "reads_are_true";
    found.checked.reads += 1;
    let Some(version) = evidence.truth.at(id, seen.position) else {
        let told = format!("sequence {} at position {}", seen.seq, seen.position);
        return found.add(LAW, Some(id), told, "nothing: the journal has none there".into());
    };
    if version.seq != seen.seq {
        let told = format!("sequence {} at position {}", seen.seq, seen.position);
        return found.add(LAW, Some(id), told, format!("sequence {}", version.seq));
    }
    let differs =
        |((name, expected), (_, seen)): (&(&'static str, _), &(_, _))| (expected != seen).then_some(*name);
    let wrong: Vec<&str> = version.members.iter().zip(&seen.members).filter_map(differs).collect();
    if !wrong.is_empty() {
        let told =
            format!("another {} at sequence {}, position {}", wrong.join(", "), seen.seq, seen.position);
        found.add(LAW, Some(id), told, "what the journal makes of it".into());
    }
}

fn history(
    evidence: &Evidence<'_>,
    id: &InstanceId,
    (position, seq): (u64, u64),
    entries: &[EntrySeen],
    found: &mut Findings,
) {
    found.checked.reads += 1;
    let expected = evidence.truth.at(id, position).map_or(0, |version| version.seq);
    let versions = evidence.truth.instances.get(id).map_or(&[][..], Vec::as_slice);
    let right: Vec<EntrySeen> = versions
        .iter()
        .take_while(|version| version.seq <= expected)
        .take(ENTRIES_ASKED)
        .map(|version| EntrySeen {
            position: version.position,
            instance: id.clone(),
            seq: version.seq,
            hash: version.hash.to_string(),
        })
        .collect();
    compare(&format!("the history at position {position}, sequence {seq}"), entries, &right, Some(id), found);
    if seq != expected {
        let seen = format!("sequence {seq} of a history at position {position}");
        found.add("histories_are_true", Some(id), seen, format!("sequence {expected}"));
    }
}

fn feed(evidence: &Evidence<'_>, (after, position): (u64, u64), entries: &[EntrySeen], found: &mut Findings) {
    found.checked.reads += 1;
    let all = &evidence.truth.entries;
    let from = all.partition_point(|(at, ..)| *at <= after);
    let until = all.partition_point(|(at, ..)| *at <= position);
    let right: Vec<EntrySeen> = all[from..until.max(from)]
        .iter()
        .filter_map(|(at, id, seq)| {
            let version =
                evidence.truth.version(id, *seq).filter(|version| !version.workflow.starts_with('$'))?;
            Some(EntrySeen { position: *at, instance: id.clone(), seq: *seq, hash: version.hash.to_string() })
        })
        .collect();
    compare(&format!("the feed after {after} up to {position}"), entries, &right, None, found);
}

fn compare(
    what: &str,
    seen: &[EntrySeen],
    right: &[EntrySeen],
    id: Option<&InstanceId>,
    found: &mut Findings,
) {
    if seen == right {
        return;
    }
    let at = seen.iter().zip(right).take_while(|(seen, right)| seen == right).count();
    let told = format!("{what} has {} entries, at place {at} {:?}", seen.len(), seen.get(at));
    let expected = format!("{} entries, there {:?}", right.len(), right.get(at));
    found.add("histories_are_true", id, told, expected);
}
