//! Owns the training season of the demo: yearly plans, and which classes there are.
//!
//! [`class`] tells how one class goes, [`trainee`] how somebody fares in it, and [`unplanned`] what is done
//! about classes and consequences that the system asks for.

mod class;
mod trainee;
pub(in crate::demo) mod unplanned;

use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate};
use serde_json::{Value, json};

use self::trainee::Part;
use crate::chance::Chance;
use crate::demo::people::{self, OWNER, TRAINING_ADMIN};
use crate::demo::plan::{Birth, Step};
use crate::demo::story::{HOUR_MS, Story, of_days};
use crate::kernel::calendar::Calendar;
use crate::kernel::date::Date;
use crate::kernel::instant::Instant;

/// The flow of yearly plans.
pub(in crate::demo) const PLAN: &str = "training_plan";
/// The flow of classes.
pub(in crate::demo) const CLASS: &str = "training_session";
/// The flow of enrolments.
pub(in crate::demo) const ENROLMENT: &str = "training_enrollment";
/// The flow of what follows for who failed or stayed away.
pub(in crate::demo) const CONSEQUENCE: &str = "consequence";
/// The flow of certificates.
pub(in crate::demo) const CERTIFICATE: &str = "certificate";
/// The flow of what a class was good for.
pub(in crate::demo) const REVIEW: &str = "effect_review";

/// The flow of monitors, which know who is new.
const MONITOR: &str = "monitor";

/// How a class comes about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// By an item of the yearly plan.
    Planned,
    /// By a draft of its own, of this type.
    Own(&'static str),
}

/// How far it comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Far {
    /// Its draft.
    Draft,
    /// It is not approved.
    Rejected,
    /// It is planned for a day.
    Scheduled,
    /// It is put off.
    Postponed,
    /// As far as time has gone.
    On,
}

/// What classes for new staff are called.
const ONBOARDING: &str = "onboarding";
/// What new staff learn.
const MODULES: [&str; 5] = ["culture", "product", "concept", "process", "communication"];

/// A class of the season.
struct Lesson {
    title: &'static str,
    competency: &'static str,
    how: How,
    mode: &'static str,
    /// Days from now on which it is taught: the working day on or after, or the last one before where it is near.
    days: &'static [i64],
    /// The hour of the day at which it begins, counted from the opening.
    hour: i64,
    examined: bool,
    mandatory: bool,
    far: Far,
    people: &'static [(&'static str, Part)],
}

const fn planned(
    title: &'static str,
    competency: &'static str,
    days: &'static [i64],
    people: &'static [(&'static str, Part)],
) -> Lesson {
    let (how, mode, far) = (How::Planned, "lecture", Far::On);
    Lesson { title, competency, how, mode, days, hour: 0, examined: true, mandatory: true, far, people }
}

const fn own(
    title: &'static str,
    (kind, mode): (&'static str, &'static str),
    days: &'static [i64],
    people: &'static [(&'static str, Part)],
) -> Lesson {
    let (how, competency, far) = (How::Own(kind), kind, Far::On);
    Lesson { title, competency, how, mode, days, hour: 5, examined: true, mandatory: false, far, people }
}

impl Lesson {
    const fn about(self, competency: &'static str) -> Self {
        Self { competency, ..self }
    }

    const fn until(self, far: Far) -> Self {
        Self { far, ..self }
    }

    /// Begins so many hours after the opening: holidays bring several to one day.
    const fn at(self, hour: i64) -> Self {
        Self { hour, ..self }
    }

    /// What it teaches; classes for new staff have all modules.
    fn competencies(&self) -> Vec<&'static str> {
        let modules = if self.competency == ONBOARDING { MODULES.as_slice() } else { &[] };
        [self.competency].into_iter().chain(modules.iter().copied()).collect()
    }

    const fn unexamined(self) -> Self {
        Self { examined: false, ..self }
    }
}

/// The classes around now.
const LESSONS: &[Lesson] = &[
    planned(
        "投诉处理与安抚技巧",
        "complaint_handling",
        &[-100],
        &[
            ("li.na", Part::Passes(92)),
            ("wang.wei", Part::Passes(85)),
            ("zhang.min", Part::Second(74, 88)),
            ("chen.jie", Part::Passes(90)),
            ("emma.clark", Part::Passes(95)),
        ],
    ),
    own(
        "新员工入职培训 / onboarding",
        (ONBOARDING, "course"),
        &[-70, -68],
        &[
            ("liu.yang", Part::Passes(83)),
            ("emma.clark", Part::Passes(97)),
            ("oliver.stone", Part::Revoked(91)),
        ],
    ),
    planned(
        "退款流程",
        "refunds",
        &[-27],
        &[
            ("li.na", Part::Passes(96)),
            ("wang.wei", Part::Second(71, 86)),
            ("zhang.min", Part::Fails),
            ("chen.jie", Part::Absent),
            ("liu.yang", Part::Explains),
            ("emma.clark", Part::Passes(88)),
            ("fang.lin", Part::Appeals(78, 82)),
        ],
    ),
    own(
        "高级支持晋升培训 / senior support",
        ("promotion", "case"),
        &[-16],
        &[("li.na", Part::Passes(90)), ("emma.clark", Part::Passes(87)), ("wang.wei", Part::Second(77, 84))],
    )
    .about("senior_support"),
    own(
        "客户案例分享会 / cases of the quarter",
        ("in_service", "sharing"),
        &[-8],
        &[
            ("li.na", Part::Passes(0)),
            ("chen.jie", Part::Passes(0)),
            ("fang.lin", Part::Passes(0)),
            ("zhang.min", Part::Declines),
        ],
    )
    .unexamined()
    .at(0),
    own(
        "新员工入职培训（二）/ onboarding, second class",
        (ONBOARDING, "course"),
        &[-14],
        &[("sun.qi", Part::Passes(91)), ("zhou.yan", Part::Passes(84))],
    )
    .at(2),
    planned(
        "产品知识更新",
        "product_knowledge",
        &[-6],
        &[
            ("li.na", Part::Passes(91)),
            ("wang.wei", Part::Second(75, 84)),
            ("chen.jie", Part::Passes(89)),
            ("emma.clark", Part::Absent),
            ("oliver.stone", Part::Passes(94)),
            ("zhang.min", Part::Waits),
        ],
    )
    .at(2),
    own(
        "新工单系统培训 / the new desk",
        ("in_service", "online_test"),
        &[-1, 1],
        &[("wang.wei", Part::Passes(90)), ("zhang.min", Part::Passes(90)), ("liu.yang", Part::Passes(90))],
    )
    .at(2),
    planned(
        "电话沟通技巧",
        "telephone",
        &[6],
        &[
            ("li.na", Part::Passes(90)),
            ("wang.wei", Part::Passes(90)),
            ("zhang.min", Part::Passes(90)),
            ("chen.jie", Part::Leave(false)),
            ("liu.yang", Part::Leave(true)),
        ],
    ),
    planned(
        "隐私与数据保护",
        "privacy",
        &[15],
        &[("li.na", Part::Passes(90)), ("emma.clark", Part::Passes(90)), ("fang.lin", Part::Passes(90))],
    )
    .until(Far::Scheduled),
    planned("投诉升级演练", "escalation", &[24], &[]).until(Far::Draft),
    own(
        "行业服务标准研讨 / service standards",
        ("in_service", "expert"),
        &[4],
        &[("li.na", Part::Passes(0))],
    )
    .until(Far::Postponed),
    own("境外服务考察 / a visit abroad", ("in_service", "secondment"), &[12], &[]).until(Far::Rejected),
];

/// Who was hired, and how many days ago: one of them learns all modules too late.
const HIRED: [(&str, i64); 5] =
    [("liu.yang", -84), ("emma.clark", -82), ("oliver.stone", -82), ("zhou.yan", -52), ("sun.qi", -33)];

/// Days from now of items whose classes are still far.
const LATER: [(i64, &str, &str); 2] = [(48, "年度投诉复盘", "review"), (80, "新产品发布培训", "launch")];

/// The season as it is told.
pub(in crate::demo) struct Season<'a> {
    calendar: &'a Calendar,
    now: Instant,
    chance: Chance,
    /// What happens.
    pub steps: Vec<Step>,
    /// What the cases of the season start themselves, and as which case that goes on.
    pub births: Vec<Birth>,
    /// How many cases there are so far.
    pub cases: usize,
}

/// A yearly plan that is told.
struct Year {
    case: usize,
    approved: Instant,
    items: Vec<Value>,
}

impl<'a> Season<'a> {
    /// The season as of `now`; its cases are counted from `cases` on.
    pub(in crate::demo) fn tell(calendar: &'a Calendar, now: Instant, chance: Chance, cases: usize) -> Self {
        let mut season = Self { calendar, now, chance, steps: Vec::new(), births: Vec::new(), cases };
        let mut years: BTreeMap<i32, Year> = BTreeMap::new();
        for lesson in LESSONS {
            let days = season.days(lesson);
            let (Some(first), How::Planned) = (days.first().copied(), lesson.how) else {
                season.class(lesson, &days, None);
                continue;
            };
            let year = season.year(&mut years, first.year());
            let budget = json!({ "amount": "800", "currency": "CNY" });
            let no = year.items.len() + 1;
            year.items.push(json!({
                "no": no, "goal": lesson.competency, "content": lesson.title, "mode": lesson.mode,
                "time": first, "budget": budget,
            }));
            let item = (year.case, no, year.approved);
            season.class(lesson, &days, Some(item));
        }
        for (days, content, goal) in LATER {
            let day = season.day(days);
            let year = season.year(&mut years, day.year());
            let budget = json!({ "amount": "1500", "currency": "CNY" });
            year.items.push(json!({
                "no": year.items.len() + 1, "goal": goal, "content": content, "mode": "case",
                "time": day, "budget": budget,
            }));
        }
        for (who, days) in HIRED {
            season.hire(who, days);
        }
        let next = calendar.date_at(now).year() + 1;
        let ahead = season.year(&mut years, next);
        if ahead.items.is_empty() {
            ahead.items.push(json!({
                "no": 1, "goal": "service_basics", "content": "新员工入职培训 / onboarding", "mode": "course",
                "time": NaiveDate::from_ymd_opt(next, 3, 10),
                "budget": { "amount": "2000", "currency": "CNY" },
            }));
        }
        for (year, told) in years {
            season.year_plan(year, &told);
        }
        season
    }

    /// The desk of human resources tells who begins.
    fn hire(&mut self, who: &str, days: i64) {
        let (case, day) = (self.next_case(), self.day(days));
        let mut story = self.story(case, self.calendar.open_of(day));
        let told = json!({
            "watched": { "agent": { "id": who, "role": "agent" } }, "seen": { "hired": { "on": Date(day) } },
        });
        story.start(MONITOR, "observe", people::gateway("hr"), told);
        self.keep(story);
    }

    fn next_case(&mut self) -> usize {
        self.cases += 1;
        self.cases - 1
    }

    /// A case that `parent` starts, about `about`.
    fn born(&mut self, parent: usize, workflow: &'static str, about: &str) -> usize {
        let case = self.next_case();
        self.births.push(Birth { parent, workflow, about: about.to_owned(), case });
        case
    }

    fn story(&mut self, case: usize, at: Instant) -> Story {
        Story::begin(case, at, &mut self.chance)
    }

    /// Keeps what has happened by now.
    fn keep(&mut self, story: Story) {
        let now = self.now;
        self.steps.extend(story.steps.into_iter().filter(|step| step.at <= now));
    }

    /// The working day so many days from now.
    fn day(&self, days: i64) -> NaiveDate {
        let mut date = self.calendar.date_at(self.now.plus_millis(of_days(1) * days));
        let near = (-3..0).contains(&days);
        while !self.calendar.is_working_day(date) {
            let other = if near { date.pred_opt() } else { date.succ_opt() };
            let Some(other) = other else { break };
            date = other;
        }
        date
    }

    /// The days of its sittings, each after the one before: holidays move several to one day.
    fn days(&self, lesson: &Lesson) -> Vec<NaiveDate> {
        let mut days: Vec<NaiveDate> = Vec::new();
        for wanted in lesson.days {
            let day = self.day(*wanted);
            let next = days.last().map(|last| self.calendar.working_day(self.calendar.open_of(*last), 1));
            days.push(next.map_or(day, |next| next.max(day)));
        }
        days
    }

    fn year<'y>(&mut self, years: &'y mut BTreeMap<i32, Year>, year: i32) -> &'y mut Year {
        let (calendar, cases) = (self.calendar, &mut self.cases);
        years.entry(year).or_insert_with(|| {
            *cases += 1;
            Year { case: *cases - 1, approved: on(calendar, year - 1, (12, 8)), items: Vec::new() }
        })
    }

    /// Drafted in November of the year before, submitted and approved before it begins; or drafted these days.
    fn year_plan(&mut self, year: i32, told: &Year) {
        let usual = on(self.calendar, year - 1, (11, 16));
        let early = self.calendar.next_open(self.now.plus_millis(-of_days(6)));
        let mut story = self.story(told.case, usual.min(early));
        let admin = || people::staff(TRAINING_ADMIN);
        story.start(PLAN, "draft_plan", admin(), json!({ "year": year, "items": told.items }));
        if usual <= early {
            story.at = on(self.calendar, year - 1, (11, 25));
            story.step("submit", admin(), json!({}));
            story.at = told.approved;
            story.step("approve", people::staff(OWNER), json!({ "comment": "同意 / agreed" }));
        }
        self.keep(story);
    }
}

/// Half past ten or so on the working day at or after a day of the year.
fn on(calendar: &Calendar, year: i32, (month, day): (u32, u32)) -> Instant {
    let date = NaiveDate::from_ymd_opt(year, month, day).unwrap_or_default();
    calendar.next_open(calendar.open_of(date)).plus_millis(HOUR_MS)
}

/// The civil day so many days later.
fn later(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_add_days(Days::new(days)).unwrap_or(date)
}
