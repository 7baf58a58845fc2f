//! Owns what is seen of a customer: complaints that repeat, silence, calls that come again, and the profile.

use chrono::Datelike;
use serde_json::json;

use super::event::{Rule, Seen, Watched};
use super::window::What;
use super::{Customer, Cx, DORMANT, Monitor, PERIODIC, PROFILE_ASKED, PROFILE_SAVED};
use crate::kernel::actor::Role;
use crate::kernel::case::{Channel, Priority, Tier};
use crate::kernel::fact::{Contact, Fact};
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;
use crate::workflows::callback::{self, Called};
use crate::workflows::row::{Pass, object};

/// The flow whose instances are contacts only where somebody was reached.
const CALLBACK: &str = "callback";
/// How a callback ends in which somebody was.
const REACHED: &str = "closed.completed";

/// A complaint that was registered now.
struct Complaint<'a> {
    case: &'a InstanceId,
    priority: Priority,
}

/// What the newest cases say of a customer.
struct Known {
    last: Instant,
    tier: Option<Tier>,
    restricted: bool,
}

/// The fact that tells when there were contacts with `customer`.
pub(super) fn contacts(customer: &str) -> Fact {
    Fact::Contacts { customer: customer.to_owned() }
}

/// The quarter of `at` on the calendar: `2026-Q1`.
fn quarter_of(at: Instant, cx: &Cx<'_>) -> String {
    let date = cx.calendar.date_at(at);
    format!("{}-Q{}", date.year(), date.month0() / 3 + 1)
}

const fn raised(priority: Priority) -> Option<Priority> {
    match priority {
        Priority::Low => Some(Priority::Normal),
        Priority::Normal => Some(Priority::High),
        Priority::High => Some(Priority::Urgent),
        Priority::Urgent => None,
    }
}

/// Whether `seen` shows that there is a contact with the customer.
pub(super) const fn is_contact(seen: &Seen) -> bool {
    matches!(seen, Seen::Contact { .. } | Seen::Complained { .. } | Seen::CustomerAdded)
}

/// What is told.
impl Monitor {
    /// Something was seen of a customer.
    pub(super) fn see_customer(&mut self, seen: &Seen, at: Instant, cx: &mut Cx<'_>) {
        match seen {
            Seen::Contact { channel, tier, .. } => self.touch(Some(*channel), Some(*tier), cx),
            Seen::Complained { case, channel, tier, priority } => {
                self.touch(Some(*channel), Some(*tier), cx);
                self.complained(&Complaint { case, priority: *priority }, at, cx);
            }
            Seen::NotComplained { case } => self.unsee(What::Complaint, case.as_str()),
            Seen::CustomerAdded => {
                self.touch(None, None, cx);
                cx.signal(PROFILE_ASKED);
            }
            Seen::InfoChanged => cx.signal(PROFILE_ASKED),
            Seen::ProfileSaved => cx.signal(PROFILE_SAVED),
            Seen::Upheld { .. }
            | Seen::UpheldNoMore { .. }
            | Seen::Scored { .. }
            | Seen::CriticalError { .. }
            | Seen::Enrolled { .. }
            | Seen::Unenrolled { .. }
            | Seen::Hired { .. }
            | Seen::Learnt { .. }
            | Seen::Left
            | Seen::Caused { .. }
            | Seen::CausedNoMore { .. }
            | Seen::TargetMissed { .. }
            | Seen::Due { .. } => self.not_of_this(cx),
        }
    }

    /// There is a contact: timers that do not run begin, and another tier has other times.
    fn touch(&mut self, channel: Option<Channel>, tier: Option<Tier>, cx: &mut Cx<'_>) {
        let customer = self.customer.get_or_insert_with(Customer::default);
        customer.channel = channel.or(customer.channel);
        let changed = tier.is_some_and(|tier| tier != customer.tier);
        customer.tier = tier.unwrap_or(customer.tier);
        let tier = customer.tier;
        if changed || !cx.runs(DORMANT) {
            cx.arm(DORMANT, cx.calendar.due(cx.now, *cx.policy.contact_gap.of(tier)));
        }
        if changed || !cx.runs(PERIODIC) {
            cx.arm(PERIODIC, cx.calendar.due(cx.now, *cx.policy.periodic.of(tier)));
        }
    }

    /// A customer with many complaints goes on the watch list, once in a quarter (S2-48).
    fn complained(&mut self, complaint: &Complaint<'_>, at: Instant, cx: &mut Cx<'_>) {
        let policy = &cx.policy.complaints;
        if !self.sight((What::Complaint, complaint.case.as_str()), at, policy.within, cx) {
            return;
        }
        let sources = self.sources(What::Complaint);
        let enough = sources.len() >= policy.count as usize;
        if !enough || !self.fire(Rule::RepeatComplainant, &quarter_of(cx.now, cx), sources.clone(), cx) {
            return;
        }
        cx.rule("repeat_complainant");
        if let Some(customer) = &mut self.customer {
            customer.watch_listed = Some(cx.now);
        }
        let values = json!({ "customer_id": self.case.subject_id, "complaints": sources });
        cx.notify("role:supervisor", "watch_list", values);
        cx.task("repeat_complainant", self.case.case_no.as_str(), None, Role::Supervisor);
        if let Some(to) = raised(complaint.priority) {
            let change = json!({ "to": to, "reason": "repeat complainant" });
            cx.send(complaint.case.clone(), "priority_changed", object(change));
        }
    }
}

/// What time brings.
impl Monitor {
    /// What the newest cases say; nothing where they were not read, and the event is refused.
    fn known(&self, cx: &mut Cx<'_>) -> Option<Known> {
        let contacts: Vec<Contact> = cx.fact("contacts")?;
        let at = |contact: &Contact| match contact.workflow.as_str() {
            CALLBACK => contact.state.starts_with(REACHED).then_some(contact.at),
            _ if contact.state.starts_with("closed.") || contact.state.starts_with("settled.") => {
                Some(contact.at)
            }
            // Whoever waits for an answer is in touch.
            _ => Some(cx.now),
        };
        Some(Known {
            last: contacts.iter().filter_map(at).max().unwrap_or(self.case.opened_at),
            tier: contacts.iter().find(|contact| contact.workflow != CALLBACK).map(|contact| contact.tier),
            restricted: self.case.restricted.is_some() || contacts.iter().any(|contact| contact.restricted),
        })
    }

    /// Whether the customer was not heard of for too long; the timer waits on where there was a contact.
    pub(super) fn is_silent(&mut self, cx: &mut Cx<'_>) -> bool {
        let Some(known) = self.known(cx) else { return false };
        let customer = self.customer.get_or_insert_with(Customer::default);
        customer.tier = known.tier.unwrap_or(customer.tier);
        let due = cx.calendar.due(known.last, *cx.policy.contact_gap.of(customer.tier));
        if due > cx.now {
            cx.arm(DORMANT, due);
            return false;
        }
        true
    }

    /// Calls a customer who was not heard of, once for each gap (S2-49, S3-8).
    pub(super) fn call_silent(&mut self, cx: &mut Cx<'_>) -> Pass {
        let Some(known) = self.known(cx) else { return Ok(()) };
        if !known.restricted && self.fire(Rule::Dormant, &known.last.to_string(), Vec::new(), cx) {
            let customer = self.customer.get_or_insert_with(Customer::default);
            customer.gaps += 1;
            let index = customer.gaps;
            self.call("dormant", index, cx);
        }
        Ok(())
    }

    /// Calls again, as the customer's tier has it, and waits for the next time (S2-22, S2-46).
    pub(super) fn call_again(&mut self, cx: &mut Cx<'_>) -> Pass {
        let Some(known) = self.known(cx) else { return Ok(()) };
        let customer = self.customer.get_or_insert_with(Customer::default);
        customer.tier = known.tier.unwrap_or(customer.tier);
        customer.periods += 1;
        let (tier, index) = (customer.tier, customer.periods);
        cx.arm(PERIODIC, cx.calendar.due(cx.now, *cx.policy.periodic.of(tier)));
        if !known.restricted {
            self.call("periodic", index, cx);
        }
        Ok(())
    }

    fn call(&self, rule: &str, index: u32, cx: &mut Cx<'_>) {
        let (Watched::Customer(id), Some(customer)) = (&self.watched, &self.customer) else { return };
        let policy = &cx.policy.callback;
        let window_from = cx.calendar.next_open(cx.now);
        let due_by = cx.calendar.due(window_from, policy.due);
        let lapses = cx.calendar.due(due_by, policy.grace);
        let called = Called {
            customer_id: id,
            tier: customer.tier,
            source: None,
            channel: customer.channel.unwrap_or(policy.channel),
            index,
            chain_depth: self.case.chain_depth,
        };
        let plan = callback::Plan { rule, window_from, due_by, lapses, language: &policy.language };
        cx.spawn(plan.to(&called));
    }
}
