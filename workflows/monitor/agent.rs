//! Owns the quality of an agent's work: complaints, scores, critical errors, and the training that follows.

use chrono::Datelike;
use serde_json::json;

use super::event::{Rule, Seen, Train, Watched};
use super::window::What;
use super::{Cx, Monitor, Remedial, Scores};
use crate::kernel::case::Handle;
use crate::kernel::fact::Fact;
use crate::kernel::instant::Instant;
use crate::workflows::row::{Pass, input, object};
use crate::workflows::training::classes::{self, Booking, Kind, Source, Waiting};

/// Months of scores that are kept: what is told late may be of the month before.
const MONTHS_MAX: usize = 2;

/// The row of an observation that sends an agent to training.
const QUALITY: &str = "quality";

/// The fact that tells which remedial classes come.
pub(super) fn coming() -> Fact {
    classes::coming(vec![("/type", json!(Kind::Remedial))])
}

/// The month of `at` on the calendar: `2026-03`.
pub(super) fn month_of(at: Instant, cx: &Cx<'_>) -> String {
    let date = cx.calendar.date_at(at);
    format!("{}-{:02}", date.year(), date.month())
}

impl Monitor {
    /// Something was seen of an agent.
    pub(super) fn see_agent(&mut self, seen: &Seen, at: Instant, cx: &mut Cx<'_>) {
        let policy = &cx.policy.agent;
        match seen {
            Seen::Upheld { case } => {
                if self.sight((What::Upheld, case.as_str()), at, policy.upheld.within, cx) {
                    self.judge_sightings(Rule::UpheldComplaints, What::Upheld, policy.upheld.count, cx);
                }
            }
            Seen::UpheldNoMore { case } => self.unsee(What::Upheld, case.as_str()),
            Seen::CriticalError { inspection } => {
                if self.sight((What::CriticalError, inspection), at, policy.critical.within, cx) {
                    let count = policy.critical.count;
                    self.judge_sightings(Rule::CriticalErrors, What::CriticalError, count, cx);
                }
            }
            Seen::Scored { score, .. } => self.judge_score(*score, at, cx),
            Seen::Enrolled { enrollment } => {
                let (rule, since) =
                    self.remedial.take().map_or((None, cx.now), |asked| (asked.rule, asked.since));
                self.remedial = Some(Remedial { rule, since, enrollment: Some(enrollment.clone()) });
            }
            Seen::Unenrolled { enrollment } => {
                if self.remedial.as_ref().is_some_and(|open| open.enrollment.as_ref() == Some(enrollment)) {
                    self.remedial = None;
                }
            }
            Seen::Hired { on } => self.hire(*on, cx),
            Seen::Learnt { competencies, .. } => self.learn(competencies, at, cx),
            Seen::Left => self.leave(cx),
            Seen::Contact { .. }
            | Seen::Complained { .. }
            | Seen::NotComplained { .. }
            | Seen::CustomerAdded
            | Seen::InfoChanged
            | Seen::ProfileSaved
            | Seen::Caused { .. }
            | Seen::CausedNoMore { .. }
            | Seen::TargetMissed { .. }
            | Seen::Due { .. } => self.not_of_this(cx),
        }
    }

    fn judge_sightings(&mut self, rule: Rule, what: What, count: u32, cx: &mut Cx<'_>) {
        let sources = self.sources(what);
        if sources.len() >= count as usize {
            let month = month_of(cx.now, cx);
            self.ask_for_training(rule, &month, sources, cx);
        }
    }

    /// The mean of a month is below what the policy asks for, over enough scores.
    fn judge_score(&mut self, score: u8, at: Instant, cx: &mut Cx<'_>) {
        let month = month_of(at, cx);
        let place = self.scores.iter().position(|scores| scores.month == month).unwrap_or_else(|| {
            self.scores.push(Scores { month: month.clone(), n: 0, sum: 0 });
            self.scores.len() - 1
        });
        let scores = &mut self.scores[place];
        scores.n += 1;
        scores.sum += u32::from(score);
        let policy = &cx.policy.agent.scores;
        let low = scores.n >= policy.least && scores.sum * 10 < policy.below_tenths() * scores.n;
        self.scores.sort_by(|a, b| a.month.cmp(&b.month));
        let beyond = self.scores.len().saturating_sub(MONTHS_MAX);
        self.scores.drain(..beyond);
        if low {
            self.ask_for_training(Rule::LowScores, &month, Vec::new(), cx);
        }
    }

    /// None while a remedial enrolment of the agent is open, or one was asked for not long ago.
    fn ask_for_training(&mut self, rule: Rule, month: &str, sources: Vec<String>, cx: &mut Cx<'_>) {
        if self.in_training(cx) || !self.fire(rule, month, sources, cx) {
            return;
        }
        cx.rule(QUALITY);
        cx.follow("train", object(json!({ "rule": rule, "month": month })));
    }

    /// What was asked for and came to nothing, for its class was cancelled, blocks for some time only.
    fn in_training(&self, cx: &Cx<'_>) -> bool {
        self.remedial.as_ref().is_some_and(|remedial| {
            remedial.enrollment.is_some()
                || cx.now <= cx.calendar.due(remedial.since, cx.policy.agent.class.pending)
        })
    }

    /// Brings the agent into the next remedial class, or drafts one (the rule at the end of §3.0.5).
    pub(super) fn train(&mut self, order: &Train, cx: &mut Cx<'_>) -> Pass {
        let Watched::Agent(agent) = &self.watched else {
            return Err(input("no_agent", "an agent is trained; accepted is the monitor of one"));
        };
        let trainee: Handle = agent.clone();
        self.trainings += 1;
        self.remedial = Some(Remedial { rule: Some(order.rule), since: cx.now, enrollment: None });
        let class = &cx.policy.agent.class;
        let draft = json!({
            "title": class.title, "type": Kind::Remedial, "mode": class.template.mode,
            "competencies": class.competencies, "sittings": [], "capacity": class.template.capacity,
            "budget": class.template.budget, "assessment": class.template.assessment, "mandatory": true,
        });
        let booking = Booking {
            rule: "remedial",
            index: self.trainings,
            who: Waiting { trainee, source: Source::Monitor },
            except: None,
            draft: object(draft),
        };
        classes::book(booking, cx);
        Ok(())
    }
}
