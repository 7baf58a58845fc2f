//! Owns how a class comes about: draft, approval, sittings, notice, who is in it, and its putting off.

use serde_json::{Value, json};

use super::event::{Draft, Enroll, Organiser, PublishNotice, Schedule};
use super::{Cx, Enrolled, POSTPONE_END, START_LATE, START_LOST, Session};
use crate::kernel::actor::Role;
use crate::kernel::case::Handle;
use crate::kernel::common::ForceClosed;
use crate::kernel::effect::Spawn;
use crate::kernel::fact::{Fact, Glimpse};
use crate::kernel::money::Money;
use crate::kernel::outcome::Refusal;
use crate::workflows::row::{Pass, by_system, duty, guard, input, object, system_only};
use crate::workflows::training::classes::{Exam, Lecturer, SESSION, Sitting, Source, Waiting};
use crate::workflows::training::desk::working_days;
use crate::workflows::training::{self, force_close};

/// The rule by which a class takes somebody in; its uses are counted.
const ENROLLMENT: &str = "enrollment";
/// Endings that leave a place to somebody else.
const LEFT: [&str; 3] = ["closed.excused", "closed.declined", "closed.withdrawn"];
/// States in which a lecturer is bound.
const TEACHING: &[&str] =
    &["preparing.scheduled", "preparing.notified", "delivering.in_session", "delivering.between"];

/// An item of a plan, as far as a class asks for it.
#[derive(serde::Deserialize)]
struct Item {
    no: u32,
    budget: Money,
}

/// The draft.
impl Session {
    /// Row 1.
    pub(super) fn begin(draft: &Draft, cx: &mut Cx<'_>) -> Result<Self, Refusal> {
        if !draft.waiting.is_empty() && !by_system(cx) {
            return Err(system_only("waiting"));
        }
        let sittings = in_order(&draft.sittings)?;
        cx.rule("1");
        let case = training::opened(None, &cx.policy.desk.queue, cx);
        let case = match &draft.plan_item {
            Some(item) => training::started_by(case, &item.plan),
            None => case,
        };
        let mut session = Self {
            case,
            title: draft.title.clone(),
            kind: draft.kind,
            mode: draft.mode,
            competencies: draft.competencies.clone(),
            sittings,
            lecturer: draft.lecturer.clone(),
            organiser: draft.organiser,
            capacity: draft.capacity,
            free: 0,
            budget: draft.budget.clone(),
            assessment: draft.assessment.clone(),
            mandatory: draft.mandatory || cx.policy.mandatory_types.contains(&draft.kind),
            plan_item: draft.plan_item.clone(),
            submitter: None,
            waiting: draft.waiting.clone(),
            notice_at: None,
            notice: None,
            postponed_at: None,
            enrolments: std::collections::BTreeMap::new(),
            ended_at: None,
            assessment_open: false,
            closes: None,
            survey_closed: false,
            survey_n: 0,
            record_ref: None,
            incomplete: false,
        };
        session.count_free();
        Ok(session)
    }

    /// The fact that tells whether the class is planned.
    pub(super) fn plan_fact(&self) -> Option<Fact> {
        let item = self.plan_item.as_ref()?;
        Some(Fact::Other { id: item.plan.clone(), members: &["/items"] })
    }

    /// Whether an approved plan has this class, within its budget (rows 2 and 2a).
    pub(super) fn is_planned(&self, cx: &mut Cx<'_>) -> bool {
        let Some(wanted) = &self.plan_item else { return false };
        let Some(plan) = cx.fact::<Option<Glimpse>>("other").flatten() else { return false };
        let items: Vec<Item> = plan.get("/items").unwrap_or_default();
        let item = items.into_iter().find(|item| item.no == wanted.no);
        plan.state == "active" && item.is_some_and(|item| within(&self.budget, &item.budget))
    }

    /// Rows 2 and 2a.
    pub(super) fn submit(&mut self, cx: &Cx<'_>) -> Pass {
        self.submitter = Some(Handle::from(cx.actor));
        Ok(())
    }

    /// Row 3.
    pub(super) fn approve(&self, cx: &Cx<'_>) -> Pass {
        if self.submitter.as_ref().is_some_and(|submitter| submitter.id == cx.actor.id) {
            return Err(duty(
                "own_proposal",
                "nobody approves an own proposal; accepted is another process_owner",
            ));
        }
        Ok(())
    }

    /// Row 3a.
    pub(super) fn reject(&self, cx: &mut Cx<'_>) -> Pass {
        self.tell_plan("open", cx);
        Ok(())
    }

    /// Tells the plan where its item stands.
    pub(super) fn tell_plan(&self, status: &str, cx: &mut Cx<'_>) {
        if let Some(item) = &self.plan_item {
            cx.send(item.plan.clone(), "item_status", object(json!({ "no": item.no, "status": status })));
        }
    }
}

/// Sittings.
impl Session {
    /// The fact that tells who else is taught by the lecturer.
    pub(super) fn clash_fact(schedule: &Schedule) -> Fact {
        Fact::Among {
            workflow: SESSION,
            states: TEACHING,
            holding: vec![("/lecturer", json!(schedule.lecturer))],
            members: &["/sittings"],
        }
    }

    /// Row 4.
    pub(super) fn schedule(&mut self, plan: &Schedule, cx: &mut Cx<'_>) -> Pass {
        let sittings = in_order(&plan.sittings)?;
        if let Some(passed) = sittings.first().filter(|first| first.start <= cx.now) {
            let reason = format!("sitting {} begins {}; accepted is a time ahead", passed.no, passed.start);
            return Err(input("time_passed", reason));
        }
        if self.assessment.kind == Exam::None && self.assessment.justification.is_none() {
            let reason =
                "a class without assessment needs a `justification` in its draft; accepted is another draft";
            return Err(guard("not_justified", reason));
        }
        self.no_clash(&plan.lecturer, &sittings, cx)?;
        self.set_sittings(sittings, plan.lecturer.clone(), plan.organiser);
        self.arm_start(cx);
        for Waiting { trainee, source } in std::mem::take(&mut self.waiting) {
            cx.follow("enroll", object(json!({ "trainee": trainee, "source": source })));
        }
        self.count_free();
        Ok(())
    }

    fn set_sittings(&mut self, sittings: Vec<Sitting>, lecturer: Lecturer, organiser: Organiser) {
        self.sittings = sittings;
        self.lecturer = Some(lecturer);
        self.organiser = Some(organiser);
    }

    fn no_clash(&self, lecturer: &Lecturer, sittings: &[Sitting], cx: &mut Cx<'_>) -> Pass {
        let Some(others) = cx.fact::<Vec<Glimpse>>("among") else { return Ok(()) };
        for other in others.iter().filter(|other| other.id != self.case.case_no) {
            let busy: Vec<Sitting> = other.get("/sittings").unwrap_or_default();
            let clash = |mine: &&Sitting| busy.iter().any(|it| it.start < mine.end && mine.start < it.end);
            if let Some(mine) = sittings.iter().find(clash) {
                let who = json!(lecturer);
                let reason = format!("{who} teaches `{}` during sitting {}", other.id, mine.no);
                return Err(guard(
                    "trainer_clash",
                    format!("{reason}; accepted is another time or lecturer"),
                ));
            }
        }
        Ok(())
    }

    /// Row 4a.
    pub(super) fn schedule_again(&mut self, plan: &Schedule, cx: &mut Cx<'_>) -> Pass {
        let until = cx.calendar.due(self.postponed_at.unwrap_or(cx.now), cx.policy.postpone_max);
        if let Some(late) = plan.sittings.iter().find(|sitting| sitting.no == 1 && sitting.start > until) {
            let reason = format!("the class is postponed until {until} at most; `start` is {}", late.start);
            return Err(input("postponed_too_long", reason));
        }
        self.schedule(plan, cx)
    }

    /// The sitting that comes next, or runs.
    pub(super) fn next(&self) -> Option<&Sitting> {
        self.sittings.iter().find(|sitting| sitting.held.is_none())
    }

    /// Waits for the start of the next sitting.
    pub(super) fn arm_start(&self, cx: &mut Cx<'_>) {
        if let Some(next) = self.next() {
            cx.arm(START_LATE, cx.calendar.due(next.start, cx.policy.session_late));
            cx.arm(START_LOST, cx.calendar.due(next.start, cx.policy.session_lost));
        }
    }
}

/// Notice and people.
impl Session {
    /// Row 5.
    pub(super) fn publish(&mut self, notice: &PublishNotice, cx: &mut Cx<'_>) -> Pass {
        let lead = working_days(cx.policy.lead).unwrap_or(0);
        let earliest = cx.calendar.open_of(cx.calendar.working_day(cx.now, lead));
        let start = self.next().map(|sitting| sitting.start).unwrap_or_default();
        if start < earliest {
            let Some(owner) = &notice.urgent_by else {
                let reason = format!(
                    "the class begins {start}, less than {} after its notice; accepted is a start from {earliest} on, or a process_owner as `urgent_by`",
                    cx.policy.lead
                );
                return Err(guard("notice_too_late", reason));
            };
            if owner.role != Role::ProcessOwner {
                let reason = format!("`{}` allows no short notice; accepted is a process_owner", owner.role);
                return Err(input("urgent_by_role", reason));
            }
            crate::kernel::common::check_second(owner, cx);
        }
        self.notice_at = Some(cx.now);
        self.notice = Some(notice.message_ref.clone());
        let payload = json!({ "message_ref": notice.message_ref, "start": start });
        self.tell(|enrolled| !enrolled.is_final, "notify", &payload, cx);
        Ok(())
    }

    /// Sends an event to every enrolment that `whom` accepts.
    pub(super) fn tell(
        &self,
        whom: impl Fn(&Enrolled) -> bool,
        event: &str,
        payload: &Value,
        cx: &mut Cx<'_>,
    ) {
        for (id, _) in self.enrolments.iter().filter(|(_, enrolled)| whom(enrolled)) {
            cx.send(id.clone(), event, object(payload.clone()));
        }
    }

    pub(super) fn count_free(&mut self) {
        let taken = self.enrolments.values().filter(|enrolled| !LEFT.contains(&enrolled.status.as_str()));
        let taken = taken.count() + self.waiting.len();
        self.free = self.capacity.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX));
    }

    fn has_place_for(&self, wish: &Enroll, cx: &Cx<'_>) -> Pass {
        let own = cx.actor.id == wish.trainee.id;
        if cx.actor.role == Role::Trainee && !(own && wish.source == Source::Own) {
            return Err(duty("not_yourself", "a trainee enrolls oneself only, with the source `self`"));
        }
        let in_it = self
            .enrolments
            .values()
            .filter(|enrolled| !LEFT.contains(&enrolled.status.as_str()))
            .map(|enrolled| &enrolled.trainee)
            .chain(self.waiting.iter().map(|waiting| &waiting.trainee));
        if in_it.into_iter().any(|trainee| trainee.id == wish.trainee.id) {
            return Err(guard("enrolled_before", format!("`{}` is in the class already", wish.trainee.id)));
        }
        if self.free == 0 {
            return Err(guard("class_full", format!("the class takes {} and is full", self.capacity)));
        }
        Ok(())
    }

    /// Row 5a.
    pub(super) fn enroll(&mut self, wish: &Enroll, cx: &mut Cx<'_>) -> Pass {
        self.has_place_for(wish, cx)?;
        let index = u32::try_from(self.enrolments.len() + 1).unwrap_or(u32::MAX);
        let child = Spawn::child_of(cx.id, ENROLLMENT, index);
        let payload = json!({
            "session": self.case.case_no, "trainee": wish.trainee, "source": wish.source,
            "mandatory": self.mandatory, "assessment": self.assessment, "title": self.title,
            "type": self.kind, "certifies": self.competencies.first().unwrap_or(&self.title),
            "competencies": self.competencies,
        });
        cx.spawn(Spawn {
            rule: ENROLLMENT.to_owned(),
            index,
            workflow: "training_enrollment".to_owned(),
            link: "spawned".to_owned(),
            payload: object(payload),
            child: Some(child.clone()),
            due: None,
            lapses: None,
        });
        let enrolled = Enrolled {
            trainee: wish.trainee.clone(),
            status: "nominated".to_owned(),
            can_retake: false,
            is_final: false,
            surveyed: false,
        };
        self.enrolments.insert(child, enrolled);
        self.count_free();
        Ok(())
    }

    /// Row 5a where everybody is told already: whoever comes now is told at once.
    pub(super) fn enroll_and_notify(&mut self, wish: &Enroll, cx: &mut Cx<'_>) -> Pass {
        let index = u32::try_from(self.enrolments.len() + 1).unwrap_or(u32::MAX);
        self.enroll(wish, cx)?;
        let start = self.next().map(|sitting| sitting.start).unwrap_or_default();
        let payload = json!({ "message_ref": self.notice, "start": start });
        cx.send(Spawn::child_of(cx.id, ENROLLMENT, index), "notify", object(payload));
        Ok(())
    }

    /// §3.0.5: whoever must learn this waits until the class is scheduled.
    pub(super) fn wait(&mut self, wish: &Enroll, cx: &Cx<'_>) -> Pass {
        self.has_place_for(wish, cx)?;
        self.waiting.push(Waiting { trainee: wish.trainee.clone(), source: wish.source });
        self.count_free();
        Ok(())
    }
}

/// What puts a class off.
impl Session {
    /// Rows 6 and 10a.
    pub(super) fn postpone(&mut self, reason: &str, cx: &mut Cx<'_>) -> Pass {
        self.postponed_at = Some(cx.now);
        cx.arm(POSTPONE_END, cx.calendar.due(cx.now, cx.policy.postpone_max));
        let payload = json!({ "reason": reason });
        self.tell(|enrolled| !enrolled.is_final, "session_postponed", &payload, cx);
        Ok(())
    }

    /// Rows 7 and 7a.
    pub(super) fn cancel(&mut self, reason: &str, cx: &mut Cx<'_>) -> Pass {
        let payload = json!({ "reason": reason });
        self.tell(|enrolled| !enrolled.is_final, "session_cancelled", &payload, cx);
        self.end_enrolments("closed.excused");
        self.tell_plan("open", cx);
        Ok(())
    }

    /// The class is at its end and hears of no enrolment any more: what it has told them stands.
    fn end_enrolments(&mut self, status: &str) {
        for enrolled in self.enrolments.values_mut().filter(|enrolled| !enrolled.is_final) {
            status.clone_into(&mut enrolled.status);
            enrolled.is_final = true;
            enrolled.can_retake = false;
        }
        self.count_free();
    }

    /// Row 15.
    pub(super) fn force_cancel(&mut self, end: &ForceClosed, cx: &mut Cx<'_>) -> Pass {
        force_close(end, cx)?;
        self.cancel("closed by decision", cx)
    }

    /// Row 16.
    pub(super) fn force_archive(&mut self, end: &ForceClosed, cx: &mut Cx<'_>) -> Pass {
        force_close(end, cx)?;
        self.incomplete = true;
        let payload = json!({ "reason": end.reason, "approver": end.approver });
        self.tell(|enrolled| !enrolled.is_final, "force_closed", &payload, cx);
        self.end_enrolments("closed.withdrawn");
        Ok(())
    }
}

/// Whether `cost` is no more than `limit`, in its currency.
fn within(cost: &Money, limit: &Money) -> bool {
    cost.currency == limit.currency && cost.amount <= limit.amount
}

/// The sittings, none held yet: numbered from 1, one after the other.
fn in_order(sittings: &[Sitting]) -> Result<Vec<Sitting>, Refusal> {
    let mut planned: Vec<Sitting> = Vec::with_capacity(sittings.len());
    for (at, sitting) in sittings.iter().enumerate() {
        let before = planned.last().map_or(crate::kernel::instant::Instant::default(), |before| before.end);
        let numbered = usize::try_from(sitting.no).is_ok_and(|no| no == at + 1);
        if !numbered || sitting.end <= sitting.start || sitting.start < before {
            let reason = format!(
                "sitting {} from {} to {} is out of order; accepted are numbers from 1 and times that follow each other",
                sitting.no, sitting.start, sitting.end
            );
            return Err(input("sittings_order", reason));
        }
        planned.push(Sitting { held: None, ..sitting.clone() });
    }
    Ok(planned)
}
