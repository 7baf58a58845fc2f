//! Owns what the writer has to do that no message brings: due timers, undelivered sends, pending links.

use std::sync::Arc;

use super::agenda::Agenda;
use super::{Executor, FAR, FULL_REST_MS};
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;

/// Rows read at a time when due work is loaded: bounds memory beside the sets themselves.
const LOAD_PAGE: usize = 10_000;
/// Timers read at a time: about 5 ms, which are felt once in so many. Tests read on all the time.
const TIMERS_PAGE: usize = if cfg!(test) { 3 } else { 4_096 };

impl Executor {
    /// Reads what is due from the index.
    pub(super) fn load(&mut self) -> Result<(), String> {
        self.due = Agenda::default();
        self.sends.clear();
        self.links.clear();
        self.unread.clear();
        let mut after: Option<InstanceId> = None;
        loop {
            let page = self.shared.index.sending(after.as_ref(), LOAD_PAGE).map_err(|e| e.to_string())?;
            let Some(last) = page.last().cloned() else { break };
            // Reading them all would hold up the first command for as long.
            self.unread.extend(page);
            after = Some(last);
        }
        self.read_timers()?;
        // What is computed and not published yet is in no index.
        let staged: Vec<Arc<Instance>> = self.staged.values().cloned().collect();
        staged.iter().for_each(|instance| self.reschedule(None, instance));
        Ok(())
    }

    /// Reads the next timers from the index until there is one that may fire, or none is left.
    fn read_timers(&mut self) -> Result<(), String> {
        while self.due.is_short() {
            let page = self.shared.index.due(self.due.after(), FAR, TIMERS_PAGE);
            let page = page.map_err(|e| e.to_string())?;
            self.due.read(page.last().cloned());
            for (due, id) in page {
                // An origin is only known from the instance; without held imports nothing needs reading.
                let held = self.shared.rests(&id) || (self.shared.holds_any() && self.is_held(&id)?);
                if !held {
                    self.due.insert((due, id));
                }
            }
            // The index does not have these yet, or has an older due: firing that one sets it right.
            let staged: Vec<_> = self.staged.values().filter(|one| self.is_awake(one)).cloned().collect();
            staged.iter().for_each(|one| self.due.put(one));
        }
        Ok(())
    }

    /// Whether its timers fire and its sends leave: it is part of no held import, and rests for no other reason.
    fn is_awake(&self, instance: &Instance) -> bool {
        self.shared.holds(instance.origin.as_deref()).is_none() && !self.shared.rests(&instance.id)
    }

    pub(super) fn is_held(&self, id: &InstanceId) -> Result<bool, String> {
        let instance = self.shared.index.get(id).map_err(|e| e.to_string())?;
        Ok(instance.is_some_and(|instance| self.shared.holds(instance.origin.as_deref()).is_some()))
    }

    pub(super) fn queue_sends(&mut self, sender: &Instance) {
        if self.shared.holds(sender.origin.as_deref()).is_some() {
            return;
        }
        for send in &sender.sends {
            let not_before = send.not_before.unwrap_or_default();
            self.sends.insert((not_before, sender.id.clone(), send.number));
        }
    }

    /// Notes when the pending links of `parent` need looking at.
    pub(in super::super) fn queue_links(&mut self, parent: &Instance) {
        if self.shared.holds(parent.origin.as_deref()).is_none()
            && let Some(at) = self.links_due(parent)
        {
            self.links.insert((at, parent.id.clone()));
        }
    }

    pub(super) fn reschedule(&mut self, before: Option<&Instance>, after: &Instance) {
        if let Some(due) = before.and_then(Instance::next_due) {
            self.due.remove(&(due, after.id.clone()));
        }
        if let Some(at) = before.and_then(|before| self.links_due(before)) {
            self.links.remove(&(at, after.id.clone()));
        }
        if !self.is_awake(after) {
            return;
        }
        self.due.put(after);
        self.queue_sends(after);
        self.queue_links(after);
    }

    /// Fires the earliest due timer, else reads what is to be delivered, else starts or ends the next
    /// pending links, else delivers the next send; false when nothing is due.
    pub(super) fn work_due(&mut self) -> bool {
        let now = self.shared.time.now();
        if self.rests_until != FAR {
            // A clock that was set back meanwhile does not make a second last for days.
            self.rests_until = self.rests_until.min(now.plus_millis(FULL_REST_MS));
        }
        if now < self.rests_until {
            return false;
        }
        if let Err(reason) = self.read_timers() {
            self.shared.halt(&reason);
            return false;
        }
        if let Some((due, id)) = self.due.first().cloned()
            && due <= now
        {
            self.fire_earliest(&id, due);
            return true;
        }
        if let Some(id) = self.unread.pop() {
            if let Some(sender) = self.newest(&id) {
                self.queue_sends(&sender);
                self.queue_links(&sender);
            }
            return true;
        }
        if let Some((at, parent)) = self.links.first().cloned()
            && at <= now
        {
            self.links.remove(&(at, parent.clone()));
            self.tend_links(&parent);
            return true;
        }
        if let Some((at, sender, number)) = self.sends.first().cloned()
            && at <= now
        {
            self.sends.remove(&(at, sender.clone(), number));
            self.deliver(&sender, number);
            return true;
        }
        false
    }

    /// When there is something to do that no message brings.
    pub(super) fn next_work(&self) -> Option<Instant> {
        let due =
            if self.due.is_short() { Some(Instant::default()) } else { self.due.first().map(|(at, _)| *at) };
        let links = self.links.first().map(|(at, _)| *at);
        let sends = self.sends.first().map(|(at, _, _)| *at);
        let unread = (!self.unread.is_empty()).then(Instant::default);
        [due, links, sends, unread].into_iter().flatten().min()
    }
}
