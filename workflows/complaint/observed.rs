//! Owns what a complaint tells monitors (§3.0.5): that it is there, whose fault it was, and why it came about.

use super::event::Responsible;
use super::measure::{Finding, SubjectKind};
use super::{Complaint, Cx};
use crate::kernel::actor::Role;
use crate::kernel::case::Handle;
use crate::workflows::monitor::event::{Seen, Watched};
use crate::workflows::monitor::observing::observe;

/// Ends at which what was found stands.
const JUDGED: [&str; 5] =
    ["settled.satisfied", "settled.unreachable", "closed.no_agreement", "closed.referred", "closed.forced"];
/// Ends of what was no complaint of its own.
const NONE: [&str; 2] = ["closed.duplicate", "closed.converted"];

impl Complaint {
    fn customer(&self) -> Watched {
        Watched::Customer(self.case.customer_id.clone())
    }

    /// The customer has complained.
    pub(super) fn tell_registered(&self, cx: &mut Cx<'_>) {
        if !cx.policy.observed {
            return;
        }
        let case = &self.case;
        let seen = Seen::Complained {
            case: case.case_no.clone(),
            channel: case.channel,
            tier: case.customer_tier,
            priority: case.priority,
        };
        observe(&self.customer(), &seen, cx.now, cx);
    }

    /// The complaint has come to `path`.
    pub(super) fn tell_end(&self, path: &str, cx: &mut Cx<'_>) {
        if !cx.policy.observed {
            return;
        }
        let case = || self.case.case_no.clone();
        if NONE.contains(&path) {
            observe(&self.customer(), &Seen::NotComplained { case: case() }, cx.now, cx);
        } else if JUDGED.contains(&path) {
            self.tell_found(&Seen::Upheld { case: case() }, &Seen::Caused { case: case() }, cx);
        }
    }

    /// What was found no longer stands.
    pub(super) fn tell_reopened(&self, cx: &mut Cx<'_>) {
        if cx.policy.observed {
            let case = || self.case.case_no.clone();
            self.tell_found(&Seen::UpheldNoMore { case: case() }, &Seen::CausedNoMore { case: case() }, cx);
        }
    }

    fn tell_found(&self, of_agents: &Seen, of_cause: &Seen, cx: &mut Cx<'_>) {
        let Some(found) = &self.findings else { return };
        if found.finding == Finding::Upheld {
            for agent in self.responsible(&found.responsible) {
                observe(&Watched::Agent(agent), of_agents, cx.now, cx);
            }
        }
        if let Some(cause) = &found.root_cause {
            observe(&Watched::Cause(cause.clone()), of_cause, cx.now, cx);
        }
    }

    /// The people who are responsible; where nobody was named, those whom the complaint is about.
    fn responsible(&self, named: &[Responsible]) -> Vec<Handle> {
        if named.is_empty() {
            let people = self.subjects.iter().filter(|subject| subject.kind == SubjectKind::Actor);
            return people.map(|subject| Handle { id: subject.id.clone(), role: Role::Agent }).collect();
        }
        let person = |one: &Responsible| match one {
            Responsible::Actor(handle) => Some(handle.clone()),
            Responsible::Dept(_) => None,
        };
        named.iter().filter_map(person).collect()
    }
}
