//! Owns what the training flows 培训 share: their context, their upkeep, and how people get into a class.
//!
//! The story of all six. A yearly plan (`training_plan`) has items; each becomes a class
//! (`training_session`); each person in it is an enrolment (`training_enrollment`). Who passes gets a
//! `certificate`, whose end asks for another class. Who fails for good or stays away is no case for a
//! machine to punish: people decide in a `consequence`, with a hearing and an appeal (A13). What a
//! class was good for is looked at months later (`effect_review`).
//!
//! They tell each other what happened by sends, never by reading each other's data in a handler: what
//! a guard must know of another instance is a fact.

pub mod classes;
pub mod desk;
#[cfg(test)]
pub(crate) mod tests;

use crate::kernel::case::{Handle, InternalCase, Link, LinkType, Owner};
use crate::kernel::common::{ForceClosed, check_second};
use crate::kernel::fact::{Fact, Superiors};
use crate::kernel::id::InstanceId;
use crate::kernel::machine::Cx;
use crate::kernel::outcome::Refusal;
use crate::workflows::row::{Pass, duty};

/// One organisation on one server.
const TENANT: &str = "default";

/// The context of a case that starts now, about `subject` where it is one person's.
pub fn opened<P>(subject: Option<&Handle>, queue: &str, cx: &Cx<'_, P>) -> InternalCase {
    InternalCase {
        case_no: cx.id.clone(),
        policy_version: cx.version,
        calendar_id: cx.calendar.name().to_owned(),
        tenant: TENANT.to_owned(),
        subject_id: subject.map(|subject| subject.id.clone()),
        owner: Owner::Queue(queue.to_owned()),
        opened_at: cx.now,
        links: Vec::new(),
        chain_depth: 0,
        restricted: None,
        erased: None,
    }
}

/// The same case, started by `parent`.
#[must_use]
pub fn started_by(mut case: InternalCase, parent: &InstanceId) -> InternalCase {
    Link { kind: LinkType::Spawned, id: parent.clone() }.add_to(&mut case.links);
    case
}

/// Timers with the states in which they may run.
pub type Scopes = &'static [(&'static str, &'static [&'static str])];

/// Cancels what must not run in the state `path` (flows.md §3.0.2: leaving all of its states cancels a timer).
pub fn leave_scopes<P>(scopes: Scopes, path: &str, cx: &mut Cx<'_, P>) {
    for (timer, states) in scopes {
        if !states.contains(&path) {
            cx.cancel(timer);
        }
    }
}

/// Whom `person` works for.
pub fn superiors_of(person: &Handle) -> Fact {
    Fact::Superiors { actors: vec![person.id.clone()] }
}

/// Passes the direct supervisor of `person`; any supervisor but the person where nobody is named as that.
///
/// # Errors
/// `own_case`, `not_direct_supervisor`.
pub fn by_direct_supervisor<P>(person: &Handle, cx: &mut Cx<'_, P>) -> Pass {
    if cx.actor.id == person.id {
        return Err(duty("own_case", "nobody decides on own training; accepted is the direct supervisor"));
    }
    let Some(superiors) = cx.fact::<Superiors>("superiors") else { return Ok(()) };
    let direct = superiors.get(&person.id).and_then(|above| above.first());
    match direct.filter(|direct| **direct != cx.actor.id) {
        Some(direct) => {
            let reason = format!("`{}` works for `{direct}`; accepted is that supervisor", person.id);
            Err(duty("not_direct_supervisor", reason))
        }
        None => Ok(()),
    }
}

/// The row of `force_closed`: two people decide.
///
/// # Errors
/// None: a missing second person is refused through `cx`.
pub fn force_close<P>(end: &ForceClosed, cx: &mut Cx<'_, P>) -> Pass {
    check_second(&end.approver, cx);
    Ok(())
}

/// How a person is addressed by notices.
pub fn person(handle: &Handle) -> String {
    format!("person:{}", handle.id)
}

/// The parts of a [`Machine`](crate::kernel::step::Machine) that are alike in all training flows: `SCOPES`,
/// `samples` and `desk` are looked up where it stands.
macro_rules! internal_machine {
    ($about:literal) => {
        type Case = $crate::kernel::case::InternalCase;
        type Events = Event;
        type Policy = Policy;

        fn common(event: $crate::kernel::common::Common) -> Event {
            Event::Common(event)
        }

        fn as_common(event: &Event) -> Option<&$crate::kernel::common::Common> {
            if let Event::Common(common) = event { Some(common) } else { None }
        }

        fn timer(name: &str) -> Event {
            Event::Timer($crate::kernel::machine::TimerName(name.to_owned()))
        }

        fn case(&self) -> &$crate::kernel::case::InternalCase {
            &self.case
        }

        fn case_mut(&mut self) -> &mut $crate::kernel::case::InternalCase {
            &mut self.case
        }

        fn check(policy: &Policy) -> Vec<$crate::kernel::fault::Fault> {
            policy.check()
        }

        fn queue(&self, policy: &Policy) -> String {
            policy.desk.queue.clone()
        }

        fn upgrade(
            from: u32,
            _state: &str,
            _data: serde_json::Value,
        ) -> Result<(String, serde_json::Value), String> {
            let released = "was never released; this binary reads version 1";
            Err(format!("data version {from} of {} {released}", $about))
        }

        fn samples() -> Vec<$crate::kernel::machine::Sample> {
            samples::samples()
        }
    };
}
pub(crate) use internal_machine;

/// Takes down in `cx` why an instance does not start.
pub fn not_started<T, P>(refusal: Refusal, cx: &mut Cx<'_, P>) -> Option<T> {
    cx.refuse(refusal.kind, refusal.code, refusal.reason);
    None
}
