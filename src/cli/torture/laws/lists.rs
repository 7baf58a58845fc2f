//! The laws of lists: a listing holds what its filter fits, once, and nothing else.

use std::collections::{BTreeMap, HashSet};

use super::{Evidence, Findings};
use crate::cli::torture::history::{Asked, Filter, Got, Record, RowSeen};
use crate::cli::torture::truth::Version;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;

const LAW: &str = "lists_are_true";

/// The pages of one listing, in order.
struct Listing<'a> {
    filter: &'a Filter,
    pages: Vec<(&'a Record, u64, &'a [RowSeen])>,
    complete: bool,
}

/// Checks the laws of lists.
pub fn check(evidence: &Evidence<'_>, found: &mut Findings) {
    for listing in listings(evidence.records) {
        rows(evidence, &listing, found);
        if listing.complete {
            found.checked.lists += 1;
            missing(evidence, &listing, found);
        }
    }
}

fn listings(records: &[Record]) -> Vec<Listing<'_>> {
    let mut all: BTreeMap<u64, Listing<'_>> = BTreeMap::new();
    for record in records {
        let (Asked::Page(filter, number), Got::Rows { position, rows, last }) = (&record.asked, &record.got)
        else {
            continue;
        };
        let new = || Listing { filter, pages: Vec::new(), complete: false };
        let listing = all.entry(*number).or_insert_with(new);
        listing.pages.push((record, *position, rows));
        listing.complete |= last;
    }
    let mut all: Vec<_> = all.into_values().collect();
    all.iter_mut().for_each(|listing| listing.pages.sort_by_key(|(record, ..)| record.begun));
    all
}

/// Every row is the instance at the page's position, fits the filter, and comes once.
fn rows(evidence: &Evidence<'_>, listing: &Listing<'_>, found: &mut Findings) {
    let mut met: BTreeMap<&InstanceId, Option<Instant>> = BTreeMap::new();
    for (record, position, rows) in &listing.pages {
        for row in *rows {
            let version = evidence.truth.at(&row.instance, *position);
            let right = version.is_some_and(|version| {
                version.seq == row.seq
                    && version.state == row.state
                    && fits(listing.filter, version, record.ceiling)
            });
            let due = version.and_then(|version| version.first_due);
            if !right {
                let seen = format!("{:?} lists {row:?} at position {position}", listing.filter);
                let stored = version.map(|v| (v.seq, &v.state, &v.owner, v.first_due));
                found.add(LAW, Some(&row.instance), seen, format!("the journal says {stored:?}"));
            }
            // What has another due meanwhile may stand at both places.
            let moves = *listing.filter == Filter::Overdue;
            if met.insert(&row.instance, due).is_some_and(|before| !moves || before == due) {
                let seen = format!("{:?} lists it twice", listing.filter);
                found.add(LAW, Some(&row.instance), seen, "once".into());
            }
        }
    }
}

/// What fitted from the first page's position to the last one's is in the listing.
fn missing(evidence: &Evidence<'_>, listing: &Listing<'_>, found: &mut Findings) {
    let listed: HashSet<&InstanceId> =
        listing.pages.iter().flat_map(|(_, _, rows)| rows.iter().map(|row| &row.instance)).collect();
    let positions = || listing.pages.iter().map(|(_, position, _)| *position);
    let (Some(first), Some(last)) = (positions().min(), positions().max()) else { return };
    let floor = listing.pages.iter().map(|(record, ..)| record.floor).min().unwrap_or_default();
    for (id, versions) in &evidence.truth.instances {
        if listed.contains(id) {
            continue;
        }
        let from = versions.partition_point(|version| version.position <= first);
        let until = versions.partition_point(|version| version.position <= last);
        let Some(from) = from.checked_sub(1) else { continue };
        let throughout = &versions[from..until];
        let stays = throughout.iter().all(|version| version.first_due == throughout[0].first_due);
        let fit = throughout.iter().all(|version| fits(listing.filter, version, floor));
        if fit && (stays || *listing.filter != Filter::Overdue) {
            let seen = format!("{:?} at positions {first} to {last} lacks it", listing.filter);
            let stored =
                throughout.iter().map(|v| (v.seq, &v.state, &v.owner, v.first_due)).collect::<Vec<_>>();
            found.add(LAW, Some(id), seen, format!("listed: it is {stored:?}"));
        }
    }
}

fn fits(filter: &Filter, version: &Version, now: Instant) -> bool {
    if version.workflow.starts_with('$') {
        return false;
    }
    match filter {
        Filter::State(workflow, state) => {
            let below = version.state.strip_prefix(state.as_str());
            version.workflow == *workflow
                && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        }
        Filter::Owner(owner) => version.owner.as_ref() == Some(owner),
        Filter::Customer(customer) => version.customer.as_ref() == Some(customer),
        Filter::Overdue => version.first_due.is_some_and(|due| due < now),
    }
}
