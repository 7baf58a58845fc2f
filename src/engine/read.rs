//! Owns what is read: instances, lists, histories, the feed, what is registered and counted.
//!
//! Reads see the published state only. A position that is told with what was read comes from the index
//! itself, for a group is visible there a moment before the writer says that it is published: a position
//! told from elsewhere could be older than what stands beside it, and than one told before.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;

use super::schedule::SCHEDULE;
use super::{ArmedTimer, Due, Engine, Recorded, TimerPage};
use crate::index::{IndexError, List, Page, Range};
use crate::journal::{Commit, ReadError};
use crate::kernel::calendar::Calendar;
use crate::kernel::definition::Definition;
use crate::kernel::entry::Position;
use crate::kernel::explore::Exploration;
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;
use crate::kernel::kpi::Record;
use crate::kernel::machine::Workflow;

/// Commits looked at in one read of the feed.
const FEED_READ: usize = 256;
/// How often a read of several parts is tried until no group came in between. Such a read takes a small
/// part of the time between two groups: with four tries next to none is overtaken each time.
const STILL_TRIES: usize = 4;

impl Engine {
    /// The published instance exactly as it was at the position beside it.
    ///
    /// An instance whose last commit is no later than the position before the read was like this
    /// at that position, and one that is absent was absent. Else a group came in between, and the read
    /// is done again: only an instance that changes with each group could hold it up.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn instance(&self, id: &InstanceId) -> Result<(Option<Arc<Instance>>, Position), IndexError> {
        loop {
            let position = self.position();
            let found = self.shared.index.get(id)?;
            if found.as_ref().is_none_or(|instance| instance.position <= position) {
                return Ok((found, position));
            }
        }
    }

    /// What `read`, a read of several parts, finds at one position, which it is told and which stands
    /// beside the result.
    ///
    /// Where a group came in between at every one of [`STILL_TRIES`], it is the last result with the position
    /// after it: nothing in it is newer, and only what that group changed can be missing.
    pub(super) fn still<T>(&self, mut read: impl FnMut(Position) -> T) -> (T, Position) {
        let mut before = self.position();
        for _ in 1..STILL_TRIES {
            let found = read(before);
            let after = self.position();
            if after == before {
                return (found, after);
            }
            before = after;
        }
        (read(before), self.position())
    }

    /// A page of the merged lists.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn page(&self, lists: &[List], range: &Range, limit: usize) -> Result<Page, IndexError> {
        self.shared.index.page(lists, range, limit)
    }

    /// The last position that reads see; it never goes back.
    pub fn position(&self) -> Position {
        self.shared.index.applied()
    }

    /// Entries of `instance` with seq after `after`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`ReadError`]; found damage also stops the writer.
    pub async fn history(
        &self,
        instance: &Instance,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        let mut found = Vec::new();
        let mut next = Some(instance.position);
        while let Some(position) = next {
            let commits = self.read_at(position).await?;
            let mut here: Vec<Recorded> = Vec::new();
            next = None;
            for (position, commit) in commits {
                for (recorded, prev_position) in records(position, &commit)? {
                    if recorded.entry.instance == instance.id && recorded.entry.seq <= instance.seq {
                        if here.is_empty() {
                            next = prev_position;
                        }
                        here.push(recorded);
                    }
                }
            }
            let reached = here.first().is_none_or(|first| first.entry.seq <= after + 1);
            found.extend(here.into_iter().rev().filter(|recorded| recorded.entry.seq > after));
            if reached {
                break;
            }
        }
        found.reverse();
        found.truncate(limit);
        Ok(found)
    }

    /// The entries of `id` in the commit at `position`, each with the position of the one before.
    pub(super) async fn entries_of(
        &self,
        id: &InstanceId,
        position: Position,
    ) -> Result<Vec<(Recorded, Option<Position>)>, ReadError> {
        let mut found = Vec::new();
        for (position, commit) in self.read_at(position).await? {
            let own = records(position, &commit)?.into_iter();
            found.extend(own.filter(|(recorded, _)| recorded.entry.instance == *id));
        }
        Ok(found)
    }

    pub(super) async fn read_at(&self, position: Position) -> Result<Vec<(Position, Commit)>, ReadError> {
        let read = self.shared.journal.get(&[position]).await;
        self.note_damage(read)
    }

    /// Damage that a reader found stops the writer: nothing is added to a journal that is not whole.
    pub(super) fn note_damage<T>(&self, read: Result<T, ReadError>) -> Result<T, ReadError> {
        if let Err(error @ ReadError::Damaged { .. }) = &read {
            self.shared.found_damage(&error.to_string());
        }
        read
    }

    /// Entries of commits after `after`, in order, waiting up to `wait` for the first; and the last
    /// position looked at, from which to go on. A commit is never split: a few entries more than
    /// `limit` are possible.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn changes(
        &self,
        after: Position,
        limit: usize,
        wait: Duration,
    ) -> Result<(Vec<Recorded>, Position), ReadError> {
        let mut published = self.shared.published.subscribe();
        // Either way the answer is what is there: entries, or none within `wait`.
        tokio::time::timeout(wait, published.wait_for(|position| *position > after)).await.ok();
        let end = self.position();
        if let Some(found) = self.shared.recent.after(after, end, limit) {
            let last = found.last().map_or(after.min(end), |recorded| recorded.position);
            return Ok((found, last));
        }
        let mut found = Vec::new();
        let mut last = after.min(end);
        while last < end && found.len() < limit {
            let read = self.shared.journal.read(last + 1, FEED_READ.min(limit - found.len())).await;
            let commits = self.note_damage(read)?;
            if commits.is_empty() {
                break;
            }
            for (position, commit) in commits.into_iter().take_while(|(position, _)| *position <= end) {
                found.extend(records(position, &commit)?.into_iter().map(|(recorded, _)| recorded));
                last = position;
            }
        }
        Ok((found, last))
    }

    /// The registered workflows.
    pub fn workflows(&self) -> &[Arc<dyn Workflow>] {
        &self.shared.listed
    }

    /// A registered workflow.
    pub fn workflow(&self, name: &str) -> Option<&Arc<dyn Workflow>> {
        self.shared.workflows.get(name)
    }

    /// The definition that new instances of a workflow get.
    pub fn definition(&self, workflow: &str) -> Option<Arc<Definition>> {
        self.shared.catalog().current(workflow).cloned()
    }

    /// Every published definition of a workflow, oldest version first, with the YAML text it came from.
    pub fn definitions(&self, workflow: &str) -> Vec<(Arc<Definition>, Arc<str>)> {
        self.shared.catalog().versions(workflow)
    }

    /// The definition that an instance is pinned to.
    pub fn pinned(&self, instance: &Instance) -> Option<Arc<Definition>> {
        self.shared.catalog().definition(&instance.pins.definition).cloned()
    }

    /// What exploration finds of a workflow; computed by the first asker.
    pub fn exploration(&self, workflow: &str) -> Option<Arc<Exploration>> {
        self.shared.exploration(workflow)
    }

    /// The events that the state of `instance` accepts from people, by name.
    pub fn accepted_events(&self, instance: &Instance) -> Vec<String> {
        self.shared.accepted_events(instance)
    }

    /// The next timer of each instance where it is due at or before `until`, of at most `limit` instances
    /// after the cursor; and the cursor to go on from, where there may be more. A page is in due order,
    /// and pages follow in the order in which the engine has something to do: a timer comes a page early
    /// where a parked send or a pending link of its instance is due before it.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn timers(&self, after: Option<&Due>, until: Instant, limit: usize) -> Result<TimerPage, IndexError> {
        let (page, position) = self.still(|_| self.timers_now(after, until, limit));
        let (timers, next) = page?;
        Ok(TimerPage { timers, next, position })
    }

    fn timers_now(
        &self,
        after: Option<&Due>,
        until: Instant,
        limit: usize,
    ) -> Result<(Vec<ArmedTimer>, Option<Due>), IndexError> {
        let rows = self.shared.index.due(after, until, limit)?;
        let next = rows.last().filter(|_| rows.len() >= limit).cloned();
        let mut found = Vec::new();
        for (_, id) in rows {
            let Some(instance) = self.shared.index.get(&id)? else { continue };
            // Schedules have a list of their own.
            if instance.workflow == SCHEDULE {
                continue;
            }
            // The row may stand earlier, at a parked send or a link that lapses.
            let first = instance.timers.iter().min_by_key(|(name, timer)| (timer.due, name.as_str()));
            let first = first.filter(|(_, timer)| timer.due <= until);
            if let Some((name, timer)) = first.map(|(name, timer)| (name.clone(), timer.clone())) {
                found.push(ArmedTimer { instance, name, timer });
            }
        }
        found.sort_by_key(|armed| armed.timer.due);
        Ok((found, next))
    }

    /// Tells the KPI record of each instance of `workflows` that can count in the `window` (from, and to
    /// without it), in any order and a few more; answers the position that all were read at.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn kpis(
        &self,
        workflows: &[&str],
        window: (Instant, Instant),
        each: &mut dyn FnMut(&Record),
    ) -> Result<Position, IndexError> {
        self.shared.index.kpis(workflows, window, each)
    }

    /// What reports compare KPIs of `workflow` with, by the definition that new instances get.
    pub fn kpi_targets(&self, workflow: &str) -> BTreeMap<String, String> {
        let targets = |definition: &Definition| {
            self.workflow(workflow).map(|flow| flow.kpi_targets(definition.policy.as_ref()))
        };
        self.definition(workflow).and_then(|definition| targets(&definition)).unwrap_or_default()
    }

    /// The time zone of the calendar that new instances of `workflow` count on.
    pub fn zone(&self, workflow: &str) -> Option<Tz> {
        let catalog = self.shared.catalog();
        let definition = catalog.current(workflow)?;
        Some(catalog.current_calendar(&definition.calendar)?.1.zone())
    }

    /// The calendars that new instances get, by name.
    pub fn calendars(&self) -> Vec<Arc<Calendar>> {
        self.shared.catalog().current_calendars().cloned().collect()
    }

    /// When there is next something to do that no event brings: a timer, a parked send, a link that lapses.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn next_due(&self) -> Result<Option<Instant>, IndexError> {
        let first = self.shared.index.due(None, Instant::from_millis(i64::MAX), 1)?;
        Ok(first.first().map(|(due, _)| *due))
    }

    /// How many instances are in each (workflow, state), system objects left out.
    pub fn census(&self) -> BTreeMap<(String, String), u64> {
        let mut census = self.shared.index.census();
        census.retain(|(workflow, _), _| !workflow.starts_with('$'));
        census
    }

    /// The moment now, by the injected time source.
    pub fn now(&self) -> Instant {
        self.shared.time.now()
    }
}

/// The entries of one commit, read and checked, with the position of each instance's entry before.
pub(super) fn records(
    position: Position,
    commit: &Commit,
) -> Result<Vec<(Recorded, Option<Position>)>, ReadError> {
    let private = commit.private.clone();
    commit
        .entries
        .iter()
        .map(|stored| {
            let entry =
                stored.verify().map_err(|e| ReadError::Damaged { position, reason: e.to_string() })?;
            let (entry, hash, private) = (Arc::new(entry), stored.hash, private.clone());
            Ok((Recorded { position, entry, hash, private }, stored.prev_position))
        })
        .collect()
}
