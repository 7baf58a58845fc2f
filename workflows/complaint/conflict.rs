//! Owns conflicts of interest: nobody handles a complaint about themselves or about a superior.
//!
//! Every event of the staff is asked for it, the common ones too, and so is whoever an event
//! names as handler, owner or member of a panel.

use super::event::Event;
use super::measure::{Subject, SubjectKind};
use super::{Complaint, Cx};
use crate::kernel::actor::Actor;
use crate::kernel::case::Owner;
use crate::kernel::common::Common;
use crate::kernel::fact::{Fact, Superiors};
use crate::workflows::row::{Pass, by_staff, duty, guard};

impl Complaint {
    /// The fact that [`Complaint::keep_out`] needs: whom the sender and those named work for.
    pub(super) fn conflict_facts(data: Option<&Self>, event: &Event, actor: &Actor) -> Vec<Fact> {
        let subjects = match (data, event) {
            (Some(data), _) => &data.subjects,
            (None, Event::Register(register)) => &register.subjects,
            (None, _) => return Vec::new(),
        };
        if !actor.role.is_staff() || persons(subjects).next().is_none() {
            return Vec::new();
        }
        let mut actors = vec![actor.id.clone()];
        for named in named(event) {
            if !actors.contains(&named) {
                actors.push(named);
            }
        }
        vec![Fact::Superiors { actors }]
    }

    /// Refuses a sender, or somebody named, who is among `subjects` or works for one of them.
    pub(super) fn keep_out(subjects: &[Subject], named: &[String], cx: &mut Cx<'_>) -> Pass {
        if !by_staff(cx) || persons(subjects).next().is_none() {
            return Ok(());
        }
        let Some(superiors) = cx.fact::<Superiors>("superiors") else {
            return Err(guard("fact_missing", "whom the sender works for was not read"));
        };
        let sender = cx.actor.id.clone();
        for who in std::iter::once(&sender).chain(named) {
            let above = superiors.get(who).map_or(&[][..], Vec::as_slice);
            for subject in persons(subjects) {
                if subject == who {
                    let reason = format!("`{who}` is a subject of the complaint; accepted is somebody else");
                    return Err(duty("conflict_of_interest", reason));
                }
                if above.iter().any(|superior| superior == subject) {
                    let reason = format!(
                        "`{who}` works for `{subject}`, a subject of the complaint; accepted is somebody else"
                    );
                    return Err(duty("conflict_of_interest", reason));
                }
            }
        }
        Ok(())
    }

    /// The same for `event` on this complaint.
    pub(super) fn keep_out_of(&self, event: &Event, cx: &mut Cx<'_>) -> Pass {
        Self::keep_out(&self.subjects, &named(event), cx)
    }
}

fn persons(subjects: &[Subject]) -> impl Iterator<Item = &String> {
    subjects.iter().filter(|subject| subject.kind == SubjectKind::Actor).map(|subject| &subject.id)
}

/// Whom `event` gives a part in the complaint.
fn named(event: &Event) -> Vec<String> {
    match event {
        Event::Dispatch(ask) => ask.handler.iter().map(|handler| handler.id.clone()).collect(),
        Event::ReviewDecision(ruling) => ruling.panel.iter().map(|member| member.id.clone()).collect(),
        Event::Common(Common::Assigned(assigned)) => match &assigned.to {
            Owner::Person(handle) => vec![handle.id.clone()],
            Owner::Queue(_) => Vec::new(),
        },
        Event::Common(Common::HandoverRequested(request)) => vec![request.to.id.clone()],
        _ => Vec::new(),
    }
}
