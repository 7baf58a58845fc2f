//! Owns the list of all numbers of all KPIs: what each is about, how it is told, and what it sees.
//!
//! Readings where the text of rules.md §1.3 leaves room:
//!
//! - A window that reaches beyond now ends now: a clock that is not due yet is pending.
//! - Pending is what ran at the end of the window and was not due, so that a past window has the same
//!   number whenever it is asked for. A clock that stands still is not due.
//! - K01, K03 and K06 are milliseconds as the clock counts: open time of the calendar, wall time where
//!   the target is one (telephone, chat). A run without its answer has no value and is pending.
//! - K01 to K03: the first response to a complaint is its acknowledgement (A17).
//! - K04: a case counts once in a window, where it first ended or where it stands ended. Ended well
//!   are `confirmed`, `unconfirmed` and `resolved`; a first end that was reopened is not one. Confirmed
//!   is what the customer last said: by `confirm`, in the contact, by thanks or to a callback.
//! - K05: of cases first settled. A customer who never answered (`no_response`) got no resolution.
//!   Picking up the telephone begins a contact and says nothing yet.
//! - K07: the PROMISE clock judges. A promise renewed before its due is kept; while the customer is
//!   waited for it stands still.
//! - K08: the customer's word on the result, whatever it is; a thank-you that settles is one.
//! - K09: the last score of a case, where it was given. Asked is every case that first ended, but those
//!   withdrawn: no flow sends surveys yet, the question is put with the answer.
//! - K10: complaints by where they were registered, over contacts by where they were closed, so one case
//!   need not be in both. What was withdrawn or converted was no complaint. The cause is the assessed
//!   one, the claimed one before.
//! - K11: the whole time; what was extended before its due counts by the new one. K12: of complaints
//!   closed, but not those withdrawn, copied, refused or converted.
//! - K14 and K15 are callbacks' own, and of those that somebody could have begun: each counts by its own
//!   due. Suppressed and cancelled ones count nowhere; a customer who refused or was not reached was
//!   not called back, and says nothing of being on time. One that is still decided on is pending for K14.
//! - K15's best hour is the one with the highest share of attempts that connected, grouped by hour.
//! - K13: a settled case is reopened within its window or not at all.
//! - K16: judged as a clock of 48 hours is. Opened is the case again (another round, too), a complaint or
//!   an improvement that the case starts, or a link that somebody adds. A score that a callback tells
//!   is the callback's to recover, and counts there.
//! - K17: a transfer is wrong that its department gives back. That the customer is asked again for what
//!   intake requires cannot happen: the transfer is refused without it (§3.1 #6), and a complaint's
//!   question says that nobody holds the answer (§3.2 #27).
//! - K18: of cases opened. A third round is a matter of complexity.
//! - K19: who closed is the member of the staff who did, or who last spoke to the customer before the
//!   customer or a timer did.
//! - K25: an item ends on its day, by the version in force at the beginning of the window, or the first
//!   one where none was yet; it is complete once its class is on file.
//! - K25, new staff: judged at the due or with the last module, whichever is earlier, as a clock is. Whoever
//!   left before the due counts nowhere.
//! - K26: of enrolments whose class is over, but those excused, declined or left; an absence that is not
//!   decided on is pending. A notice was in time that no process owner had to allow.
//! - K27: the first attempt with a regrade of it. Whoever left counts nowhere.
//! - K28: L2 is what further attempts added to the first score: there is no examination before a class.
//! - K29: the clock of the file. A class that is not closed by decision has everything that belongs there.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::record::Record;
use super::{callbacks, cases, complaints, lessons, training};
use crate::kernel::instant::Instant;
use crate::kernel::title::Title;

/// The flow of callbacks.
const CALLBACK: &str = "callback";
/// The flow of complaints.
const COMPLAINT: &str = "complaint";
/// Flows whose closed cases are service contacts (K10); some are not there yet.
pub const CONTACTS: [&str; 4] = ["consultation", "tech_support", "after_sales", "order_support"];
/// Flows that serve no customer.
const INTERNAL: [&str; 8] = [
    training::PLAN,
    training::CLASS,
    training::ENROLMENT,
    training::REVIEW,
    "consequence",
    "certificate",
    training::MONITOR,
    "report",
];

/// A window of time, and when it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// From.
    pub from: Instant,
    /// To, without it.
    pub until: Instant,
    /// Now.
    pub now: Instant,
    /// Whether breaches that only a new target made count (R10).
    pub retargets: Retargets,
    /// The zone of civil days.
    pub zone: Tz,
}

/// Whether breaches that only a new target made count (R10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retargets {
    /// Like all others.
    #[default]
    Counted,
    /// Not at all.
    LeftOut,
}

impl Frame {
    /// Whether the window holds `at`.
    pub fn holds(&self, at: Instant) -> bool {
        (self.from..self.until).contains(&at)
    }

    /// Its end, and now where that is earlier.
    pub fn end(&self) -> Instant {
        self.until.min(self.now)
    }
}

/// What a measure sees of a record at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// In numerator and denominator.
    Yes,
    /// In the denominator only.
    No,
    /// In the numerator only (K10).
    Above,
    /// In the denominator only, and nothing is wrong with it (K10).
    Below,
    /// So many times took so many milliseconds together.
    Took {
        /// How many.
        n: u32,
        /// Milliseconds.
        ms: i64,
    },
    /// A value in ten-thousandths.
    Worth(i64),
    /// Not decided yet.
    Pending,
}

/// What is told of a measure's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numerator and denominator.
    Rate,
    /// Numerator and denominator of different things: so many in a hundred, and nothing is missed.
    Ratio,
    /// Mean and percentiles of milliseconds.
    Times,
    /// The mean of milliseconds.
    Mean,
    /// The mean of values that are no times: scores, rounds, attempts.
    Average,
}

impl Kind {
    /// Whether it has numerator and denominator.
    pub const fn is_rate(self) -> bool {
        match self {
            Self::Rate | Self::Ratio => true,
            Self::Times | Self::Mean | Self::Average => false,
        }
    }

    /// Whether it is told in milliseconds.
    pub const fn is_time(self) -> bool {
        match self {
            Self::Times | Self::Mean => true,
            Self::Rate | Self::Ratio | Self::Average => false,
        }
    }
}

/// Which instances a measure is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// Whatever a customer is served in, but the callbacks about it.
    Cases,
    /// Where customers score: cases, and the callbacks about them.
    Scored,
    /// 投诉
    Complaints,
    /// 回访
    Callbacks,
    /// 年度培训计划
    Plans,
    /// 培训班次
    Classes,
    /// 培训报名
    Enrolments,
    /// 效果跟踪
    Reviews,
    /// 新员工: monitors that know of a hire.
    Staff,
}

impl About {
    /// Whether instances of `workflow` are.
    pub fn holds(self, workflow: &str) -> bool {
        match self {
            Self::Cases => workflow != CALLBACK && !INTERNAL.contains(&workflow),
            Self::Scored => !INTERNAL.contains(&workflow),
            Self::Complaints => workflow == COMPLAINT,
            Self::Callbacks => workflow == CALLBACK,
            Self::Plans => workflow == training::PLAN,
            Self::Classes => workflow == training::CLASS,
            Self::Enrolments => workflow == training::ENROLMENT,
            Self::Reviews => workflow == training::REVIEW,
            Self::Staff => workflow == training::MONITOR,
        }
    }
}

/// One number of a KPI.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// The KPI: `K02`.
    pub kpi: &'static str,
    /// The number within it: `on_time`.
    pub name: &'static str,
    /// What is told of it.
    pub kind: Kind,
    /// Under which name a policy may say what this number should reach.
    pub target: Option<&'static str>,
    /// Which instances it is about.
    pub about: About,
    english: &'static str,
    chinese: &'static str,
    see: See,
    /// What it sees of the service contacts that it is set against.
    contact: Option<See>,
}

/// How a measure looks at a record.
pub type See = fn(&Record, &Frame, &mut dyn FnMut(Instant, Seen));

/// The measures of the flow `workflow`, in the order of the KPIs.
pub fn measures(workflow: &str) -> Vec<Measure> {
    measures_of(&[workflow])
}

/// The measures of any of `workflows`, in the order of the KPIs.
pub fn measures_of(workflows: &[&str]) -> Vec<Measure> {
    let is_of = |measure: &&Measure| workflows.iter().any(|workflow| measure.about.holds(workflow));
    MEASURES.iter().filter(is_of).copied().collect()
}

/// Every measure of every flow, in the order of the KPIs.
pub const MEASURES: [Measure; 56] = [
    of(About::Cases, "K01", "response", Kind::Times, cases::response)
        .called("First response time", "首次响应时长"),
    of(About::Cases, "K02", "on_time", Kind::Rate, cases::on_time)
        .called("First responses on time", "首次响应及时率")
        .aimed(),
    of(About::Cases, "K03", "wait", Kind::Mean, cases::wait).called("Mean response time", "平均响应时长"),
    of(About::Cases, "K04", "claimed", Kind::Rate, cases::claimed)
        .called("Resolved, as staff say", "解决率(客服口径)"),
    of(About::Cases, "K04", "confirmed", Kind::Rate, cases::confirmed)
        .called("Resolved, as customers say", "解决率(客户确认)")
        .aimed(),
    of(About::Cases, "K05", "strict", Kind::Rate, cases::one_exchange)
        .called("Resolved in one exchange", "问题一次解决率(一次沟通)"),
    of(About::Cases, "K05", "answered_first", Kind::Rate, cases::answered_first)
        .called("Answered at once", "问题一次解决率(首次即答复)"),
    of(About::Cases, "K06", "working", Kind::Times, cases::resolution)
        .called("Time to resolution", "解决时长"),
    of(About::Cases, "K06", "wall", Kind::Times, cases::resolution_wall)
        .called("Time to resolution, as customers see it", "解决时长(客户视角)"),
    of(About::Cases, "K07", "kept", Kind::Rate, cases::kept).called("Promises kept", "承诺兑现率").aimed(),
    of(About::Cases, "K08", "closed_loop", Kind::Rate, cases::closed_loop)
        .called("Closed loop", "闭环率")
        .aimed(),
    of(About::Cases, "K09", "mean", Kind::Average, cases::score_mean)
        .called("Mean score", "满意度均分")
        .aimed(),
    of(About::Cases, "K09", "top_two", Kind::Rate, cases::score_good)
        .called("Scores of 4 and 5", "满意率(4–5 分)"),
    of(About::Cases, "K09", "low", Kind::Rate, cases::score_low)
        .called("Scores of 1 and 2", "低分率(1–2 分)"),
    of(About::Cases, "K09", "response", Kind::Rate, cases::score_given)
        .called("Asked customers who scored", "评价回收率"),
    of(About::Complaints, "K10", "service", Kind::Ratio, complaints::of_service)
        .called("Complaints about the service", "服务投诉率")
        .over_contacts(),
    of(About::Complaints, "K10", "attitude", Kind::Ratio, complaints::of_attitude)
        .called("Complaints about attitude", "服务投诉率(态度)")
        .over_contacts(),
    of(About::Complaints, "K10", "competence", Kind::Ratio, complaints::of_competence)
        .called("Complaints about competence", "服务投诉率(专业能力)")
        .over_contacts(),
    of(About::Complaints, "K10", "response_time", Kind::Ratio, complaints::of_response_time)
        .called("Complaints about response times", "服务投诉率(响应时间)")
        .over_contacts(),
    of(About::Complaints, "K10", "overall", Kind::Ratio, complaints::of_any_cause)
        .called("Complaints of any cause", "投诉率(全部原因)")
        .over_contacts(),
    of(About::Complaints, "K11", "on_time", Kind::Rate, complaints::complaint_on_time)
        .called("Complaints on time", "投诉及时办结率"),
    of(About::Complaints, "K12", "satisfied", Kind::Rate, complaints::complaint_satisfied)
        .called("Complaints satisfied", "投诉满意率"),
    of(About::Complaints, "K12", "rounds", Kind::Average, complaints::rounds)
        .called("Mean rounds", "平均办理轮次"),
    of(About::Complaints, "K12", "one_round", Kind::Rate, complaints::one_round)
        .called("Satisfied in one round", "一轮办结率"),
    of(About::Cases, "K13", "reopened", Kind::Rate, cases::reopened).called("Reopened", "重开率"),
    of(About::Cases, "K13", "repeated", Kind::Rate, cases::repeated).called("Repeats another case", "重复率"),
    of(About::Callbacks, "K14", "called_back", Kind::Rate, callbacks::called_back)
        .called("Called back", "回访率"),
    of(About::Callbacks, "K14", "complaints", Kind::Rate, callbacks::called_back_on_complaints)
        .called("Called back on complaints", "投诉回访率")
        .aimed_by("K14.complaints"),
    of(About::Callbacks, "K14", "others", Kind::Rate, callbacks::called_back_on_others)
        .called("Called back on other matters", "其他回访率")
        .aimed(),
    of(About::Callbacks, "K15", "on_time", Kind::Rate, callbacks::callback_on_time)
        .called("Callbacks on time", "回访及时率"),
    of(About::Callbacks, "K15", "reached", Kind::Rate, callbacks::reached)
        .called("Customers reached", "接通率(按客户)"),
    of(About::Callbacks, "K15", "connected", Kind::Rate, callbacks::connected)
        .called("Attempts that connected", "接通率(按次)"),
    of(About::Scored, "K16", "opened", Kind::Rate, cases::low_opened)
        .called("Low scores taken up within 48 hours", "低分及时跟进率"),
    of(About::Cases, "K16", "recovered", Kind::Rate, cases::low_recovered)
        .called("Low scores recovered", "低分挽回率"),
    of(About::Cases, "K17", "accurate", Kind::Rate, cases::handed_well)
        .called("Accurate transfers", "信息传递准确率"),
    of(About::Cases, "K18", "escalated", Kind::Rate, cases::escalated).called("Escalated", "升级率"),
    of(About::Cases, "K18", "senior", Kind::Rate, cases::senior)
        .called("Escalated to senior support", "升级至高级支持"),
    of(About::Cases, "K18", "supervisor", Kind::Rate, cases::supervisor)
        .called("Escalated to a supervisor", "升级至主管"),
    of(About::Cases, "K18", "manager", Kind::Rate, cases::manager)
        .called("Escalated to a manager", "升级至负责人"),
    of(About::Cases, "K18", "complexity", Kind::Rate, cases::complexity)
        .called("Escalated by people", "因复杂升级"),
    of(About::Cases, "K18", "breach", Kind::Rate, cases::breach)
        .called("Escalated by a breach", "因超时升级"),
    of(About::Cases, "K19", "owned", Kind::Rate, cases::owned)
        .called("Stood by to the end", "首问负责履行率")
        .aimed(),
    of(About::Plans, "K25", "completion", Kind::Rate, lessons::completed)
        .called("Planned training on file", "培训计划完成率"),
    of(About::Staff, "K25", "onboarded", Kind::Rate, lessons::onboarded)
        .called("New staff with all modules in time", "新员工入职培训覆盖率"),
    of(About::Enrolments, "K26", "attended", Kind::Rate, lessons::attended).called("Attendance", "出勤率"),
    of(About::Enrolments, "K26", "unexcused", Kind::Rate, lessons::unexcused)
        .called("Absent without excuse", "无故缺席率"),
    of(About::Classes, "K26", "notice", Kind::Rate, lessons::noticed)
        .called("Notices in time", "通知提前量达标率"),
    of(About::Enrolments, "K27", "first", Kind::Rate, lessons::first_try)
        .called("Passed at the first attempt", "首次合格率"),
    of(About::Enrolments, "K27", "final", Kind::Rate, lessons::passed).called("Passed", "最终合格率"),
    of(About::Enrolments, "K27", "attempts", Kind::Average, lessons::attempts)
        .called("Mean attempts", "平均考核次数"),
    of(About::Enrolments, "K28", "l1", Kind::Average, lessons::questionnaire)
        .called("Trainees' questionnaires", "学员问卷均分"),
    of(About::Enrolments, "K28", "l2", Kind::Average, lessons::learnt)
        .called("Points gained by further attempts", "补考提分"),
    of(About::Reviews, "K28", "l3", Kind::Average, lessons::behaves)
        .called("Change in work after a class", "行为改变"),
    of(About::Reviews, "K28", "l4", Kind::Average, lessons::results)
        .called("Change in results after a class", "结果改变"),
    of(About::Classes, "K29", "on_time", Kind::Rate, lessons::filed_on_time)
        .called("Classes on file in time", "归档及时率")
        .aimed(),
    of(About::Classes, "K29", "complete", Kind::Rate, lessons::filed_whole)
        .called("Complete files", "档案完整率"),
];

/// A measure without a title yet.
const fn of(about: About, kpi: &'static str, name: &'static str, kind: Kind, see: See) -> Measure {
    Measure { kpi, name, kind, target: None, about, english: "", chinese: "", see, contact: None }
}

impl PartialEq for Measure {
    fn eq(&self, other: &Self) -> bool {
        (self.kpi, self.name) == (other.kpi, other.name)
    }
}

impl Measure {
    const fn called(mut self, english: &'static str, chinese: &'static str) -> Self {
        self.english = english;
        self.chinese = chinese;
        self
    }

    /// The policy's target of the KPI is for this number.
    const fn aimed(mut self) -> Self {
        self.target = Some(self.kpi);
        self
    }

    /// It has a target of its own in the policy.
    const fn aimed_by(mut self, name: &'static str) -> Self {
        self.target = Some(name);
        self
    }

    /// What it should reach, where `targets` of policies say so.
    pub fn target_in<'t>(&self, targets: &'t BTreeMap<String, String>) -> Option<&'t String> {
        self.target.and_then(|name| targets.get(name))
    }

    /// It is set against the service contacts that were closed.
    const fn over_contacts(mut self) -> Self {
        self.contact = Some(complaints::contact);
        self
    }

    /// What people read.
    pub fn title(&self) -> Title {
        Title { en: self.english.to_owned(), zh: self.chinese.to_owned() }
    }

    /// How it looks at records of `workflow`; not at all where they are none of its business.
    pub fn eye(&self, workflow: &str) -> Option<See> {
        if self.about.holds(workflow) {
            return Some(self.see);
        }
        self.contact.filter(|_| CONTACTS.contains(&workflow))
    }

    /// Whether records of other flows belong to its numbers.
    pub const fn is_over_contacts(&self) -> bool {
        self.contact.is_some()
    }

    /// The flow in whose group `record` counts.
    pub fn flow<'r>(&self, record: &'r Record) -> &'r str {
        if self.contact.is_some() { COMPLAINT } else { &record.workflow }
    }
}

/// The names of the KPIs of any of `workflows`, in order.
pub fn kpis(workflows: &[&str]) -> Vec<&'static str> {
    let mut names: Vec<_> = measures_of(workflows).iter().map(|measure| measure.kpi).collect();
    names.dedup();
    names
}
