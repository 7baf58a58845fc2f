//! Owns what the writer has to do that no message brings: due timers, undelivered sends, pending links.

use std::sync::Arc;

use super::{Executor, FAR, FULL_REST_MS};
use crate::kernel::id::InstanceId;
use crate::kernel::instance::Instance;
use crate::kernel::instant::Instant;

/// Rows read at a time when due work is loaded: bounds memory beside the sets themselves.
const LOAD_PAGE: usize = 10_000;

impl Executor {
    /// Reads what is due from the index.
    pub(super) fn load(&mut self) -> Result<(), String> {
        self.due.clear();
        self.sends.clear();
        self.links.clear();
        self.unread.clear();
        let mut after = None;
        loop {
            let page = self.shared.index.due(after.as_ref(), FAR, LOAD_PAGE).map_err(|e| e.to_string())?;
            let Some(last) = page.last().cloned() else { break };
            for (due, id) in page {
                // An origin is only known from the instance; without held imports nothing needs reading.
                let held = self.shared.rests(&id) || (self.shared.holds_any() && self.is_held(&id)?);
                if !held {
                    self.due.insert((due, id));
                }
            }
            after = Some(last);
        }
        let mut after: Option<InstanceId> = None;
        loop {
            let page = self.shared.index.sending(after.as_ref(), LOAD_PAGE).map_err(|e| e.to_string())?;
            let Some(last) = page.last().cloned() else { break };
            // Reading them all would hold up the first command for as long.
            self.unread.extend(page);
            after = Some(last);
        }
        // What is computed and not published yet is in no index.
        let staged: Vec<Arc<Instance>> = self.staged.values().cloned().collect();
        staged.iter().for_each(|instance| self.reschedule(None, instance));
        Ok(())
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
        if self.shared.holds(after.origin.as_deref()).is_some() || self.shared.rests(&after.id) {
            return;
        }
        if let Some(due) = after.next_due() {
            self.due.insert((due, after.id.clone()));
        }
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
        let due = self.due.first().map(|(at, _)| *at);
        let links = self.links.first().map(|(at, _)| *at);
        let sends = self.sends.first().map(|(at, _, _)| *at);
        let unread = (!self.unread.is_empty()).then(Instant::default);
        [due, links, sends, unread].into_iter().flatten().min()
    }
}
