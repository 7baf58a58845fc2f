//! Owns where a certificate is: the table of arrows (§3.4.5), what each checks, and how the kernel sees it.

use serde_json::json;
use statig::prelude::*;

use super::event::{Event, Issue, RenewedBy, Revoke};
use super::policy::{Policy, SkillLoss};
use super::{Certificate, Cx, EXPIRING, EXPIRY, LAPSE, SKILL_LOSS, reference, samples};
use crate::kernel::actor::Role;
use crate::kernel::case::{Link, LinkType};
use crate::kernel::common::{Common, check_second};
use crate::kernel::fact::{Fact, Related};
use crate::kernel::instant::Instant;
use crate::kernel::step::Machine;
use crate::workflows::row::{Arrow, Pass, duty, input, object};
use crate::workflows::training::classes::{self, Booking, Kind, Source, Waiting};
use crate::workflows::training::desk::calendar_days;
use crate::workflows::training::{
    self, Scopes, force_close, internal_machine, leave_scopes, not_started, person,
};

const SCOPES: Scopes = &[
    (EXPIRING, &["valid"]),
    (EXPIRY, &["valid", "expiring"]),
    (SKILL_LOSS, &["expired"]),
    (LAPSE, &["expired"]),
];

#[state_machine(
    initial = "State::valid()",
    context_identifier = "cx",
    visibility = "pub",
    state(derive(Debug, Clone, PartialEq)),
    superstate(derive(Debug))
)]
impl Certificate {
    #[state]
    fn valid(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Timer(timer) if timer.0 == EXPIRING => self.recertify(cx).to(cx, "2", State::expiring()),
            _ => self.held(cx, event),
        }
    }

    #[state]
    fn expiring(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Timer(timer) if timer.0 == EXPIRY => self.expire(cx).to(cx, "4", State::expired()),
            _ => self.held(cx, event),
        }
    }

    #[state]
    fn expired(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Timer(timer) if timer.0 == SKILL_LOSS => self.lose_skill(cx).stay(cx, "5"),
            Event::Timer(timer) if timer.0 == LAPSE => self.lapse(cx).to(cx, "6", State::closed_lapsed()),
            _ => self.held(cx, event),
        }
    }

    #[state(superstate = "closed")]
    fn closed_renewed(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    #[state(superstate = "closed")]
    fn closed_revoked(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    #[state(superstate = "closed")]
    fn closed_lapsed(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }

    #[superstate]
    fn closed(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }
}

impl Certificate {
    /// What every open state does alike.
    fn held(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::RenewedBy(newer) => self.renew(newer).to(cx, "3", State::closed_renewed()),
            Event::Revoke(order) => self.revoke(order, cx).to(cx, "7", State::closed_revoked()),
            Event::Common(Common::ForceClosed(end)) => {
                force_close(end, cx).to(cx, "8", State::closed_revoked())
            }
            _ => Super,
        }
    }

    /// Row 1.
    fn begin(issue: &Issue, cx: &mut Cx<'_>) -> Option<Self> {
        if issue.valid_to < issue.valid_from {
            let reason =
                format!("`valid_to` {} lies before `valid_from` {}", issue.valid_to, issue.valid_from);
            return not_started(
                input("empty_period", format!("{reason}; accepted is that date or a later one")),
                cx,
            );
        }
        cx.rule("1");
        let open = cx.fact::<Option<Related>>("open_case")?;
        let renews = issue.renews.clone().or_else(|| open.map(|open| open.id));
        let case = training::opened(Some(&issue.holder), &cx.policy.desk.queue, cx);
        let mut certificate = Self {
            case: training::started_by(case, &issue.enrollment),
            holder: issue.holder.clone(),
            kind: issue.kind.clone(),
            external_ref: reference(&issue.holder, &issue.kind),
            enrollment: issue.enrollment.clone(),
            valid_from: issue.valid_from,
            valid_to: issue.valid_to,
            renews,
            replaced_by: None,
        };
        certificate.arm(cx);
        Some(certificate)
    }

    fn arm(&mut self, cx: &mut Cx<'_>) {
        if let Some(old) = &self.renews {
            Link { kind: LinkType::Renews, id: old.clone() }.add_to(&mut self.case.links);
            cx.send(old.clone(), "renewed_by", object(json!({ "certificate": self.case.case_no })));
        }
        let before = calendar_days(cx.policy.expiring).map_or(0, i64::from);
        cx.arm(EXPIRING, cx.calendar.end_of(self.valid_to.plus_days(-before).0));
        cx.arm(EXPIRY, cx.calendar.end_of(self.valid_to.0));
    }

    /// Row 2: the holder is sent to learn again, once for each period.
    fn recertify(&self, cx: &mut Cx<'_>) -> Pass {
        let template = &cx.policy.recert;
        let draft = json!({
            "title": self.kind, "type": Kind::Recert, "mode": template.mode, "competencies": [self.kind],
            "sittings": [], "capacity": template.capacity, "budget": template.budget,
            "assessment": template.assessment, "mandatory": true,
        });
        let who = Waiting { trainee: self.holder.clone(), source: Source::Monitor };
        let booking = Booking { rule: "recertify", index: 1, who, except: None, draft: object(draft) };
        classes::book(booking, cx);
        cx.notify(&person(&self.holder), "certificate_expiring", json!({ "valid_to": self.valid_to }));
        Ok(())
    }

    /// Row 3.
    fn renew(&mut self, newer: &RenewedBy) -> Pass {
        self.replaced_by = Some(newer.certificate.clone());
        Ok(())
    }

    /// Row 4.
    fn expire(&self, cx: &mut Cx<'_>) -> Pass {
        for whom in [person(&self.holder), "role:supervisor".to_owned()] {
            let values = json!({ "holder": self.holder.id, "kind": self.kind, "valid_to": self.valid_to });
            cx.notify(&whom, "certificate_expired", values);
        }
        let after = calendar_days(cx.policy.skill_loss).map_or(0, i64::from);
        cx.arm(SKILL_LOSS, self.end_after(after, 0, cx));
        cx.arm(LAPSE, self.end_after(0, cx.policy.lapse_months, cx));
        Ok(())
    }

    fn end_after(&self, days: i64, months: u32, cx: &Cx<'_>) -> Instant {
        cx.calendar.end_of(self.valid_to.plus_months(months).plus_days(days).0)
    }

    /// Row 5.
    fn lose_skill(&self, cx: &mut Cx<'_>) -> Pass {
        let values = json!({ "holder": self.holder.id, "kind": self.kind });
        cx.notify("role:supervisor", "skill_lost", values);
        if cx.policy.skill_loss_mode == SkillLoss::Remove {
            cx.task("remove_skill_tag", &self.external_ref, None, Role::TrainingAdmin);
        }
        Ok(())
    }

    /// Row 6.
    fn lapse(&self, cx: &mut Cx<'_>) -> Pass {
        cx.notify(&person(&self.holder), "certificate_lapsed", json!({ "kind": self.kind }));
        Ok(())
    }

    /// Row 7.
    fn revoke(&self, order: &Revoke, cx: &mut Cx<'_>) -> Pass {
        if order.approver.role != Role::ProcessOwner {
            let reason = format!("`{}` is no approver; accepted is a process_owner", order.approver.role);
            return Err(input("approver_role", reason));
        }
        check_second(&order.approver, cx);
        if order.approver.id == self.holder.id || cx.actor.id == self.holder.id {
            return Err(duty("own_certificate", "nobody decides on an own certificate; accepted are others"));
        }
        cx.notify(&person(&self.holder), "certificate_revoked", json!({ "kind": self.kind }));
        Ok(())
    }
}

impl Machine for Certificate {
    const WORKFLOW: &'static str = "certificate";
    const DATA_VERSION: u32 = 1;
    const START: &'static str = "issue";
    const TIMERS: &'static [&'static str] = &[EXPIRING, EXPIRY, SKILL_LOSS, LAPSE];
    const ACCEPTED: Option<&'static str> = Some(include_str!("accepted.json"));
    internal_machine!("a certificate");

    fn start(event: &Event, cx: &mut Cx<'_>) -> Option<Self> {
        let Event::Issue(issue) = event else { return None };
        Self::begin(issue, cx)
    }

    fn leaves() -> Vec<State> {
        vec![
            State::valid(),
            State::expiring(),
            State::expired(),
            State::closed_renewed(),
            State::closed_revoked(),
            State::closed_lapsed(),
        ]
    }

    fn arrived(&mut self, path: &str, cx: &mut Cx<'_>) {
        leave_scopes(SCOPES, path, cx);
    }

    fn facts(data: Option<&Self>, event: &Event) -> Vec<Fact> {
        match (data, event) {
            (None, Event::Issue(issue)) => {
                vec![Fact::OpenCase { external_ref: reference(&issue.holder, &issue.kind) }]
            }
            (Some(data), Event::Timer(timer)) if timer.0 == EXPIRING => vec![classes::coming(vec![
                ("/type", json!(Kind::Recert)),
                ("/competencies/0", json!(data.kind)),
            ])],
            (Some(_) | None, _) => Vec::new(),
        }
    }

    fn shape(&self) -> String {
        format!("renews={}", self.renews.is_some())
    }
}
