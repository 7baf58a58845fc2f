//! Owns what an enrolment tells and starts elsewhere: its class, the next class, certificate, consequence.

use serde_json::json;

use super::event::AnswerSurvey;
use super::{Cx, Enrollment};
use crate::kernel::date::Date;
use crate::kernel::effect::Spawn;
use crate::kernel::fact::{Fact, Glimpse};
use crate::workflows::monitor::event::{Seen, Watched};
use crate::workflows::monitor::observing::observe;
use crate::workflows::row::{Pass, guard, object};
use crate::workflows::training::classes::{self, Booking, Kind, Waiting};

/// What a class to come is drafted like.
const LIKE: &[&str] = &["/mode", "/competencies", "/capacity", "/budget"];
/// States in which a class has taught somebody what it teaches.
const LEARNT: [&str; 2] = ["closed.passed", "closed.attended_only"];
/// States in which another attempt can be taken.
const CAN_RETAKE: [&str; 2] = ["failed", "retake_scheduled"];

impl Enrollment {
    /// Tells the class where the enrolment stands, unless the class itself brought it there.
    pub(super) fn report(&self, cx: &mut Cx<'_>) {
        let payload = json!({
            "enrollment": self.case.case_no,
            "status": self.status,
            "can_retake": CAN_RETAKE.contains(&self.status.as_str()),
            "final": self.status.starts_with("closed."),
            "surveyed": self.survey.is_some(),
        });
        cx.send(self.session.clone(), "enrollment_changed", object(payload));
    }

    /// While a remedial enrolment is open, no monitor asks for another (§3.0.5); what somebody new learns
    /// counts for the first weeks (S2-94).
    pub(super) fn tell_monitor(&self, cx: &mut Cx<'_>) {
        if !cx.policy.observed {
            return;
        }
        let enrollment = self.case.case_no.clone();
        let seen = if self.kind == Kind::Onboarding && LEARNT.contains(&self.status.as_str()) {
            Seen::Learnt { enrollment, competencies: self.competencies.clone() }
        } else if self.kind != Kind::Remedial {
            return;
        } else if self.status.starts_with("closed.") {
            Seen::Unenrolled { enrollment }
        } else if self.status == "nominated" && self.notice_at.is_none() {
            Seen::Enrolled { enrollment }
        } else {
            return;
        };
        observe(&Watched::Agent(self.trainee.clone()), &seen, cx.now, cx);
    }

    /// The facts that a booking of the next class needs.
    pub(super) fn next_class(&self) -> [Fact; 2] {
        let own = Fact::Other { id: self.session.clone(), members: LIKE };
        [own, classes::coming(vec![("/title", json!(self.title))])]
    }

    /// Brings the trainee into the next class of this title.
    pub(super) fn book_next(&mut self, cx: &mut Cx<'_>) {
        let Some(class) = cx.fact::<Option<Glimpse>>("other") else { return };
        let like = |pointer: &str| class.as_ref().and_then(|class| class.data.get(pointer).cloned());
        let draft = json!({
            "title": self.title, "type": self.kind, "mode": like("/mode"),
            "competencies": like("/competencies"), "sittings": [], "capacity": like("/capacity"),
            "budget": like("/budget"), "assessment": self.assessment, "mandatory": self.mandatory,
        });
        self.bookings += 1;
        let booking = Booking {
            rule: "next_session",
            index: self.bookings,
            who: Waiting { trainee: self.trainee.clone(), source: self.source },
            except: Some(self.session.clone()),
            draft: object(draft),
        };
        classes::book(booking, cx);
    }

    /// Who passes a certified class is certified from today on.
    pub(super) fn certify(&self, cx: &mut Cx<'_>) {
        let Some(kind) = self.certifies.as_ref().filter(|_| cx.policy.certified.contains(&self.kind)) else {
            return;
        };
        let from = Date(cx.calendar.date_at(cx.now));
        let payload = json!({
            "holder": self.trainee, "kind": kind, "enrollment": self.case.case_no,
            "valid_from": from, "valid_to": from.plus_months(cx.policy.cert_months).plus_days(-1),
        });
        self.start("certificate", payload, cx);
    }

    pub(super) fn open_consequence(&self, cause: &str, cx: &mut Cx<'_>) {
        let payload = json!({ "enrollment": self.case.case_no, "employee": self.trainee, "cause": cause });
        self.start("consequence", payload, cx);
    }

    fn start(&self, workflow: &str, payload: serde_json::Value, cx: &mut Cx<'_>) {
        cx.spawn(Spawn {
            rule: workflow.to_owned(),
            index: 1,
            workflow: workflow.to_owned(),
            link: "spawned".to_owned(),
            payload: object(payload),
            child: None,
            due: None,
            lapses: None,
        });
    }

    /// Row 19.
    pub(super) fn answer_survey(&mut self, answer: &AnswerSurvey, cx: &mut Cx<'_>) -> Pass {
        if self.survey.is_some() {
            return Err(guard("answered", "the survey is answered; once is accepted"));
        }
        let class = cx.fact::<Option<Glimpse>>("other").flatten();
        if class.is_none_or(|class| class.get("/survey_closed").unwrap_or(false)) {
            return Err(guard("survey_closed", "the survey is closed"));
        }
        self.survey = Some(answer.items.clone());
        self.report(cx);
        Ok(())
    }
}
