//! Owns what must hold between what clients saw and what the journal says: pure, so that forged histories test it.
//!
//! | law | what it says |
//! |---|---|
//! | `acknowledged_once` | a command that was acknowledged stands in the journal exactly once, as it was answered; one whose outcome is open at most once; one that was refused never |
//! | `nothing_invented` | every entry that names a client is a command that the client sent |
//! | `real_time_order` | what was answered before something else was sent stands before it |
//! | `reads_see_writes` | no answer tells an older position than one that ended before it began |
//! | `reads_are_true` | what an answer tells of an instance is what the journal says at its position |
//! | `histories_are_true` | histories and the feed hold the journal's entries, none left out |
//! | `lists_are_true` | a listing holds what its filter fits, once, and nothing else |
//! | `timers_once` | a timer fires once for each arming, as it was armed, and never early; none that is due is left |
//! | `sends_once` | an event between instances arrives once; none is left |
//! | `clock` | entries are not recorded later than the server's clock ever showed, nor out of order |
//! | `deaf_disk` | nothing new is acknowledged on a disk that fails |
//! | `no_mistakes` | the server answers no 500, does not panic, and every answer has the shape it should have |

mod commands;
mod lists;
mod reads;
#[cfg(test)]
mod tests;
mod timers;

use super::history::Record;
use super::truth::Truth;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;

/// Most violations of one law in a round that are told; all are counted.
const TOLD_MAX: usize = 5;

/// Something that may not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The law that it breaks.
    pub law: &'static str,
    /// The instance, where it is about one.
    pub instance: Option<InstanceId>,
    /// What was seen.
    pub seen: String,
    /// What would have been right.
    pub expected: String,
}

/// Everything that is known of a round.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// What clients saw.
    pub records: &'a [Record],
    /// What the journal says.
    pub truth: &'a Truth,
    /// Whose entries must be commands that stand in the records.
    pub people: &'a [String],
    /// From when until when the disk failed every write or every sync, by the order of records.
    pub deaf: &'a [(u64, u64)],
    /// Whether reads of stored data may fail.
    pub storage_fails: bool,
    /// When the clock was at rest, with time enough for all that was due.
    pub rest: Option<Instant>,
}

/// Violations as they are found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Those that are told.
    pub told: Vec<Violation>,
    /// How many there are.
    pub total: u64,
    /// What was checked.
    pub checked: Checked,
}

/// How much was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Commands that were acknowledged.
    pub acknowledged: u64,
    /// Commands whose outcome stayed open.
    pub open: u64,
    /// Commands that were refused.
    pub refused: u64,
    /// Reads of instances, histories and the feed.
    pub reads: u64,
    /// Whole listings.
    pub lists: u64,
    /// Timers that fired.
    pub timers: u64,
    /// Entries of the journal.
    pub entries: u64,
}

impl Findings {
    /// Adds a violation.
    pub fn add(&mut self, law: &'static str, instance: Option<&InstanceId>, seen: String, expected: String) {
        self.total += 1;
        if self.told.iter().filter(|told| told.law == law).count() < TOLD_MAX {
            self.told.push(Violation { law, instance: instance.cloned(), seen, expected });
        }
    }
}

/// Checks every law.
pub fn check(evidence: &Evidence<'_>) -> Findings {
    let mut found = Findings::default();
    found.checked.entries = evidence.truth.entries.len() as u64;
    commands::check(evidence, &mut found);
    reads::check(evidence, &mut found);
    lists::check(evidence, &mut found);
    timers::check(evidence, &mut found);
    found
}
