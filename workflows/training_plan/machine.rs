//! Owns where a yearly plan is: the table of arrows (§3.4.1), what each checks, and how the kernel sees it.
//!
//! # Why
//! One timer waits for the item that is due next, and is armed again for the one after it: a timer for
//! each of two hundred items would be written with every step of the plan.

use serde_json::json;
use statig::prelude::*;

use super::event::{Amend, DraftPlan, Event, Item, ItemStatus, Items, Status};
use super::policy::{DayOfYear, Policy};
use super::{Cx, ITEM_DUE, Plan, YEAR_END, samples};
use crate::kernel::actor::Role;
use crate::kernel::case::Handle;
use crate::kernel::common::{Common, check_second};
use crate::kernel::effect::Spawn;
use crate::kernel::fact::{Fact, Related};
use crate::kernel::instant::Instant;
use crate::kernel::outcome::Refusal;
use crate::kernel::sla::timing::Target;
use crate::kernel::step::Machine;
use crate::workflows::row::{Arrow, DONE, Pass, duty, guard, input, object};
use crate::workflows::training::classes::SESSION;
use crate::workflows::training::desk::calendar_days;
use crate::workflows::training::{self, Scopes, force_close, internal_machine, leave_scopes, not_started};

/// The submission.
const SUBMIT: &str = "submit";
/// The approval.
const APPROVE: &str = "approve";

const SCOPES: Scopes = &[(ITEM_DUE, &["active"]), (YEAR_END, &["draft", "pending_approval", "active"])];

#[state_machine(
    initial = "State::draft()",
    context_identifier = "cx",
    visibility = "pub",
    state(derive(Debug, Clone, PartialEq)),
    superstate(derive(Debug))
)]
impl Plan {
    #[state]
    fn draft(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::EditItems(edit) => self.edit(edit).stay(cx, "2"),
            Event::Submit(_) => self.submit(cx).to(cx, "3", State::pending_approval()),
            Event::Timer(timer) if timer.0 == YEAR_END => DONE.to(cx, "11", State::closed()),
            _ => Self::open(cx, event),
        }
    }

    #[state]
    fn pending_approval(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Approve(_) => self.approve(cx).to(cx, "4", State::active()),
            Event::Reject(_) => DONE.to(cx, "5", State::draft()),
            Event::Timer(timer) if timer.0 == YEAR_END => DONE.to(cx, "11", State::closed()),
            _ => Self::open(cx, event),
        }
    }

    #[state]
    fn active(&mut self, cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Amend(change) => self.amend(change, cx).stay(cx, "6"),
            Event::Timer(timer) if timer.0 == ITEM_DUE => self.draft_class(cx).stay(cx, "7"),
            Event::ItemStatus(told) => self.item_status(told, cx).stay(cx, "8"),
            Event::CloseYear(_) => self.close_year(cx).to(cx, "9", State::closed()),
            Event::Timer(timer) if timer.0 == YEAR_END => DONE.to(cx, "10", State::closed()),
            _ => Self::open(cx, event),
        }
    }

    #[state]
    fn closed(event: &Event) -> Outcome<State> {
        let _ = event;
        Super
    }
}

impl Plan {
    /// What every open state does alike.
    fn open(cx: &mut Cx<'_>, event: &Event) -> Outcome<State> {
        match event {
            Event::Common(Common::ForceClosed(end)) => force_close(end, cx).to(cx, "12", State::closed()),
            _ => Super,
        }
    }

    /// Row 1.
    fn begin(draft: &DraftPlan, cx: &mut Cx<'_>) -> Result<Self, Refusal> {
        numbered(&draft.items)?;
        let ends = end_of(cx.policy.year_end, draft.year + 1, cx);
        if ends <= cx.now {
            let reason = format!("{} is over since {ends}; accepted is a later year", draft.year);
            return Err(input("year_over", reason));
        }
        let Some(open) = cx.fact::<Option<Related>>("open_case") else {
            return Err(guard("fact_missing", "it was not read whether the year has a plan"));
        };
        if let Some(open) = open {
            return Err(guard(
                "plan_exists",
                format!("{} has the plan `{}`; accepted is one", draft.year, open.id),
            ));
        }
        cx.rule("1");
        cx.arm(YEAR_END, ends);
        let fresh = |item: &Item| Item { session: None, status: Status::Open, ..item.clone() };
        Ok(Self {
            case: training::opened(None, &cx.policy.desk.queue, cx),
            year: draft.year,
            external_ref: draft.year.to_string(),
            version: 1,
            submit_due: end_of(cx.policy.submit_due, draft.year - 1, cx),
            approve_due: end_of(cx.policy.approve_due, draft.year - 1, cx),
            items: draft.items.iter().map(fresh).collect(),
            submitter: None,
            classes: 0,
        })
    }

    /// Row 2.
    fn edit(&mut self, edit: &Items) -> Pass {
        numbered(&edit.items)?;
        self.take_items(&edit.items);
        Ok(())
    }

    /// New items; what became of those that stay is the plan's own to say.
    fn take_items(&mut self, items: &[Item]) {
        let before = std::mem::take(&mut self.items);
        let known = |item: &Item| before.iter().find(|old| old.no == item.no).cloned();
        self.items = items
            .iter()
            .map(|item| {
                let old = known(item);
                let (session, status) = old.map(|old| (old.session, old.status)).unwrap_or_default();
                // An item that is open again becomes a class again.
                let session = session.filter(|_| status != Status::Open);
                Item { session, status, ..item.clone() }
            })
            .collect();
    }

    /// Row 3.
    fn submit(&mut self, cx: &Cx<'_>) -> Pass {
        complete(&self.items)?;
        self.submitter = Some(Handle::from(cx.actor));
        Ok(())
    }

    /// Row 4.
    fn approve(&self, cx: &mut Cx<'_>) -> Pass {
        if self.submitter.as_ref().is_some_and(|submitter| submitter.id == cx.actor.id) {
            return Err(duty(
                "own_proposal",
                "nobody approves an own proposal; accepted is another process_owner",
            ));
        }
        self.arm_next(cx);
        Ok(())
    }

    /// Row 6 (S2-101). What a class was drafted for stays in the plan.
    fn amend(&mut self, change: &Amend, cx: &mut Cx<'_>) -> Pass {
        if change.approver.role != Role::ProcessOwner {
            let reason = format!("`{}` is no approver; accepted is a process_owner", change.approver.role);
            return Err(input("approver_role", reason));
        }
        numbered(&change.items)?;
        complete(&change.items)?;
        check_second(&change.approver, cx);
        let dropped = self
            .items
            .iter()
            .find(|old| old.status != Status::Open && !change.items.iter().any(|item| item.no == old.no));
        if let Some(dropped) = dropped {
            let reason = format!("item {} has a class; accepted are items with it", dropped.no);
            return Err(guard("item_in_use", reason));
        }
        self.take_items(&change.items);
        self.version += 1;
        self.arm_next(cx);
        Ok(())
    }

    /// The open item that becomes a class next, and when.
    fn next_item(&self, cx: &Cx<'_>) -> Option<(Instant, usize)> {
        let lead = calendar_days(cx.policy.item_lead).map_or(0, i64::from);
        let due = |item: &Item| Some(cx.calendar.start_of(item.time?.plus_days(-lead).0));
        let waits = |item: &Item| item.status == Status::Open && item.session.is_none();
        let open = self.items.iter().enumerate().filter(|(_, item)| waits(item));
        open.filter_map(|(at, item)| Some((due(item)?, at))).min()
    }

    fn arm_next(&self, cx: &mut Cx<'_>) {
        match self.next_item(cx) {
            Some((due, _)) => cx.arm(ITEM_DUE, due),
            None => cx.cancel(ITEM_DUE),
        }
    }

    /// Row 7.
    fn draft_class(&mut self, cx: &mut Cx<'_>) -> Pass {
        let Some((_, at)) = self.next_item(cx) else { return Ok(()) };
        self.classes += 1;
        let (rule, index) = ("item".to_owned(), self.classes);
        let child = Spawn::child_of(cx.id, &rule, index);
        let class = &cx.policy.class;
        let item = &mut self.items[at];
        let payload = json!({
            "title": item.content, "type": class.kind, "mode": item.mode, "competencies": [item.goal],
            "sittings": [], "capacity": class.capacity, "budget": item.budget,
            "assessment": class.assessment, "mandatory": class.mandatory,
            "plan_item": { "plan": self.case.case_no, "no": item.no },
        });
        item.session = Some(child.clone());
        item.status = Status::Spawned;
        cx.spawn(Spawn {
            rule,
            index,
            workflow: SESSION.to_owned(),
            link: "spawned".to_owned(),
            payload: object(payload),
            child: Some(child),
            due: None,
            lapses: None,
        });
        self.arm_next(cx);
        Ok(())
    }

    /// Row 8. An item whose class does not come is open again; it becomes a class again when people amend
    /// the plan.
    fn item_status(&mut self, told: &ItemStatus, cx: &mut Cx<'_>) -> Pass {
        let Some(item) = self.items.iter_mut().find(|item| item.no == told.no) else {
            return Err(guard("unknown_item", format!("the plan has no item {}", told.no)));
        };
        item.status = told.status;
        if told.status == Status::Open {
            let task = format!("{}#{}", self.case.case_no, told.no);
            cx.task("plan_item_again", &task, None, Role::TrainingAdmin);
        }
        Ok(())
    }

    /// Row 9.
    fn close_year(&self, cx: &Cx<'_>) -> Pass {
        let over = end_of(DayOfYear { month: 12, day: 31 }, self.year, cx);
        if cx.now < over {
            return Err(guard(
                "year_runs",
                format!("{} runs until {over}; it is closed after that", self.year),
            ));
        }
        Ok(())
    }
}

/// The end of a day of `year`.
fn end_of(day: DayOfYear, year: i32, cx: &Cx<'_>) -> Instant {
    day.of(year).map(|date| cx.calendar.end_of(date.0)).unwrap_or_default()
}

/// Each item has a number of its own.
fn numbered(items: &[Item]) -> Pass {
    let twice = items.iter().enumerate().find(|(at, item)| items[..*at].iter().any(|old| old.no == item.no));
    match twice {
        Some((_, item)) => Err(input(
            "number_twice",
            format!("item {} is there twice; accepted is each number once", item.no),
        )),
        None => Ok(()),
    }
}

/// Each item has its five fields (S2-100).
fn complete(items: &[Item]) -> Pass {
    for item in items {
        let fields = [
            ("goal", item.goal.is_some()),
            ("content", item.content.is_some()),
            ("mode", item.mode.is_some()),
            ("time", item.time.is_some()),
            ("budget", item.budget.is_some()),
        ];
        let missing: Vec<&str> = fields.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect();
        if !missing.is_empty() {
            let reason =
                format!("item {} lacks {}; accepted are all five fields", item.no, missing.join(", "));
            return Err(guard("item_incomplete", reason));
        }
    }
    Ok(())
}

impl Machine for Plan {
    const WORKFLOW: &'static str = "training_plan";
    const DATA_VERSION: u32 = 1;
    const START: &'static str = "draft_plan";
    const TIMERS: &'static [&'static str] = &[ITEM_DUE, YEAR_END];
    const ACCEPTED: Option<&'static str> = Some(include_str!("accepted.json"));
    const TARGETS: &'static [&'static str] = &[SUBMIT, APPROVE];
    internal_machine!("a yearly plan");

    fn start(event: &Event, cx: &mut Cx<'_>) -> Option<Self> {
        let Event::DraftPlan(draft) = event else { return None };
        Self::begin(draft, cx).map_or_else(|refusal| not_started(refusal, cx), Some)
    }

    fn leaves() -> Vec<State> {
        vec![State::draft(), State::pending_approval(), State::active(), State::closed()]
    }

    fn arrived(&mut self, path: &str, cx: &mut Cx<'_>) {
        leave_scopes(SCOPES, path, cx);
    }

    fn target(&self, name: &str, _policy: &Policy) -> Option<Target> {
        match name {
            SUBMIT => Some(Target::At(self.submit_due)),
            APPROVE => Some(Target::At(self.approve_due)),
            _ => None,
        }
    }

    fn facts(data: Option<&Self>, event: &Event) -> Vec<Fact> {
        match (data, event) {
            (None, Event::DraftPlan(draft)) => vec![Fact::OpenCase { external_ref: draft.year.to_string() }],
            (Some(_) | None, _) => Vec::new(),
        }
    }

    fn shape(&self) -> String {
        let items: Vec<Status> = self.items.iter().map(|item| item.status).collect();
        let after_it = |item: &Item| item.time.is_some_and(|time| time.year() > self.year);
        let late = self.items.iter().any(after_it);
        format!("{items:?} complete={} late={late}", complete(&self.items).is_ok())
    }
}
