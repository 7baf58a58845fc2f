//! The laws of commands: what was acknowledged, refused or left open, and what the journal made of it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::{Evidence, Findings};
use crate::cli::torture::history::{Asked, Command, Got, Receipt, Record};
use crate::cli::torture::truth::Version;
use crate::engine::key_digest;
use crate::kernel::id::InstanceId;

/// Everything that was sent and answered under one key.
struct Sent<'a> {
    command: &'a Arc<Command>,
    digest: String,
    tries: Vec<&'a Record>,
}

impl Sent<'_> {
    /// When it was first begun.
    fn begun(&self) -> u64 {
        self.tries.iter().map(|record| record.begun).min().unwrap_or(0)
    }

    /// The first answer that acknowledged it, with the moment at which it was whole.
    fn acknowledged(&self) -> Option<(u64, &Receipt)> {
        let done = self.tries.iter().filter_map(|record| match &record.got {
            Got::Done(receipt) => Some((record.ended, receipt)),
            _ => None,
        });
        done.min_by_key(|(ended, _)| *ended)
    }

    /// When its outcome was first left open.
    fn left_open(&self) -> Option<u64> {
        let open = self.tries.iter().filter(|record| matches!(record.got, Got::Lost(_)));
        open.map(|record| record.begun).min()
    }

    fn what(&self) -> String {
        let Command { event, key, actor, .. } = &**self.command;
        format!("`{event}` under key `{key}` of {actor}")
    }
}

/// Checks the laws of commands.
pub fn check(evidence: &Evidence<'_>, found: &mut Findings) {
    let sent = by_key(evidence.records);
    for sent in &sent {
        once(evidence, sent, found);
        deaf_disk(evidence, sent, found);
    }
    nothing_invented(evidence, &sent, found);
    real_time_order(&sent, found);
    no_mistakes(evidence, found);
    clock(evidence, found);
}

fn by_key(records: &[Record]) -> Vec<Sent<'_>> {
    let mut keys: BTreeMap<(&str, &str), Sent<'_>> = BTreeMap::new();
    for record in records {
        let Asked::Command(command) = &record.asked else { continue };
        let new = || Sent { command, digest: key_digest(&command.actor, &command.key), tries: Vec::new() };
        keys.entry((&command.actor, &command.key)).or_insert_with(new).tries.push(record);
    }
    keys.into_values().collect()
}

fn once(evidence: &Evidence<'_>, sent: &Sent<'_>, found: &mut Findings) {
    const LAW: &str = "acknowledged_once";
    let stands: &[(InstanceId, u64)] = evidence.truth.keys.get(&sent.digest).map_or(&[], Vec::as_slice);
    let instance = stands.first().map(|(id, _)| id).or(sent.command.instance.as_ref());
    if stands.len() > 1 {
        found.add(
            LAW,
            instance,
            format!("{} stands {} times: {stands:?}", sent.what(), stands.len()),
            "once".into(),
        );
    }
    if let Some((_, first)) = sent.acknowledged() {
        found.checked.acknowledged += 1;
        for record in &sent.tries {
            match &record.got {
                Got::Done(again) if again != first => {
                    let expected = format!("the first answer: {first:?}");
                    found.add(LAW, instance, format!("{} was answered {again:?}", sent.what()), expected);
                }
                _ => {}
            }
        }
        match evidence.truth.version(&first.instance, first.seq) {
            Some(version) if tells(version, sent, first) => {}
            stored => {
                let stored = stored.map(|v| (v.position, &v.event, &v.state, v.recorded_at, &v.key));
                let seen = format!("the journal has {stored:?} there");
                found.add(
                    LAW,
                    Some(&first.instance),
                    seen,
                    format!("{} as answered: {first:?}", sent.what()),
                );
            }
        }
        return;
    }
    let open = sent.left_open();
    if open.is_some() {
        found.checked.open += 1;
    } else {
        found.checked.refused += 1;
    }
    // A refusal that came after the outcome was left open tells that it was not carried out either.
    let refused = sent.tries.iter().find_map(|record| match &record.got {
        Got::Refused(refusal) if open.is_none_or(|open| refusal.is_final() && record.begun > open) => {
            Some(refusal)
        }
        _ => None,
    });
    if let (Some(refusal), false) = (refused, stands.is_empty()) {
        let seen = format!("{} stands in the journal: {stands:?}", sent.what());
        found.add(
            LAW,
            instance,
            seen,
            format!("nothing done: it was refused by {} {}", refusal.status, refusal.code),
        );
    }
}

fn tells(version: &Version, sent: &Sent<'_>, receipt: &Receipt) -> bool {
    version.key.as_ref() == Some(&sent.digest)
        && version.position == receipt.position
        && version.event == receipt.event
        && version.event == sent.command.event
        && version.state == receipt.to
        && version.recorded_at == receipt.recorded_at
}

fn nothing_invented(evidence: &Evidence<'_>, sent: &[Sent<'_>], found: &mut Findings) {
    let known: HashSet<&str> = sent.iter().map(|sent| sent.digest.as_str()).collect();
    for (id, versions) in &evidence.truth.instances {
        for version in versions.iter().filter(|version| evidence.people.contains(&version.actor)) {
            if !version.key.as_deref().is_some_and(|key| known.contains(key)) {
                let seen = format!("entry {} `{}` of {}", version.seq, version.event, version.actor);
                found.add("nothing_invented", Some(id), seen, "only what was sent".into());
            }
        }
    }
}

/// Commands in the order of their sending, against the highest position of what had been answered by then.
fn real_time_order(sent: &[Sent<'_>], found: &mut Findings) {
    let mut done: Vec<(u64, u64, &Receipt)> = sent
        .iter()
        .filter_map(|sent| sent.acknowledged().map(|(ended, receipt)| (sent.begun(), ended, receipt)))
        .collect();
    let mut ends: Vec<(u64, &Receipt)> = done.iter().map(|(_, ended, receipt)| (*ended, *receipt)).collect();
    ends.sort_by_key(|(ended, _)| *ended);
    done.sort_by_key(|(begun, ..)| *begun);
    let mut ends = ends.into_iter().peekable();
    let mut highest: Option<&Receipt> = None;
    for (begun, _, receipt) in done {
        while let Some((_, earlier)) = ends.next_if(|(ended, _)| *ended < begun) {
            if highest.is_none_or(|highest| highest.position < earlier.position) {
                highest = Some(earlier);
            }
        }
        if let Some(earlier) = highest.filter(|earlier| earlier.position >= receipt.position) {
            let seen = format!("`{}` stands at position {}", receipt.event, receipt.position);
            let expected = format!(
                "after position {}, which was answered to `{}` before it was sent",
                earlier.position, earlier.event
            );
            found.add("real_time_order", Some(&receipt.instance), seen, expected);
        }
    }
}

/// What was first sent to a disk that fails is not acknowledged as long as it fails.
fn deaf_disk(evidence: &Evidence<'_>, sent: &Sent<'_>, found: &mut Findings) {
    let begun = sent.begun();
    let Some((ended, receipt)) = sent.acknowledged() else { return };
    if let Some((_, until)) = evidence.deaf.iter().find(|(from, until)| *from < begun && begun < *until)
        && ended < *until
    {
        let seen = format!("{} was acknowledged at position {}", sent.what(), receipt.position);
        found.add("deaf_disk", Some(&receipt.instance), seen, "503: the disk failed".into());
    }
}

fn no_mistakes(evidence: &Evidence<'_>, found: &mut Findings) {
    for record in evidence.records {
        let told = match &record.got {
            Got::Refused(refusal) if refusal.status == 500 => {
                (refusal.problem != "storage" || !evidence.storage_fails).then(|| refusal.code.clone())
            }
            Got::Lost(reason) => {
                let odd = reason == "internal"
                    || reason.starts_with("no answer")
                    || reason.starts_with("an answer of");
                odd.then(|| reason.clone())
            }
            _ => None,
        };
        if let Some(told) = told {
            found.add(
                "no_mistakes",
                None,
                format!("{:?} was answered in life {}: {told}", record.asked, record.life),
                "an answer".into(),
            );
        }
    }
}

fn clock(evidence: &Evidence<'_>, found: &mut Findings) {
    const LAW: &str = "clock";
    for record in evidence.records {
        if let Got::Done(receipt) = &record.got
            && receipt.recorded_at > record.ceiling
        {
            let seen = format!("`{}` was recorded at {}", receipt.event, receipt.recorded_at);
            let expected = format!("not after {}: the clock never showed more", record.ceiling);
            found.add(LAW, Some(&receipt.instance), seen, expected);
        }
    }
    let mut last = None;
    for (position, id, seq) in &evidence.truth.entries {
        let Some(version) = evidence.truth.version(id, *seq) else { continue };
        if last.is_some_and(|last| version.recorded_at < last) {
            let seen = format!("position {position} was recorded at {}", version.recorded_at);
            found.add(LAW, Some(id), seen, "not before the position in front of it".into());
        }
        last = Some(version.recorded_at);
    }
}
