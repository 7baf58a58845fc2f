//! Owns what the customer says: in the call, by the questionnaire, and after the end.

use serde_json::json;

use super::event::Record;
use super::measure::{Grade, Kind};
use super::{Callback, Cx};
use crate::kernel::actor::Role;
use crate::kernel::case::Satisfaction;
use crate::kernel::common::Intent;
use crate::workflows::links;
use crate::workflows::row::{Pass, by_staff, guard, input};

impl Callback {
    /// What `word` says; where it says too little, [`Callback::record`] refuses it.
    pub(super) fn grade(&self, word: &Record, cx: &Cx<'_>) -> Grade {
        let satisfaction = &cx.policy.satisfaction;
        match word.score {
            None if self.kind == Kind::MissedCall => Grade::Unscored,
            Some(score) if score > satisfaction.low && self.is_resolved(word) => {
                if score > satisfaction.neutral { Grade::Positive } else { Grade::Neutral }
            }
            Some(_) | None => Grade::Low,
        }
    }

    fn is_resolved(&self, word: &Record) -> bool {
        word.resolved.unwrap_or(self.source_case.is_none())
    }

    /// Whoever calls writes it down; else the customer answers the questionnaire.
    fn may_answer(&self, cx: &Cx<'_>) -> Pass {
        if by_staff(cx) {
            self.held(cx)
        } else if self.locked_by.is_some() {
            Err(guard("link_locked", "the questionnaire is locked while somebody calls the customer"))
        } else {
            Ok(())
        }
    }

    /// Row 15, and what every answer leaves behind.
    pub(super) fn record(&mut self, word: &Record, cx: &mut Cx<'_>) -> Pass {
        self.may_answer(cx)?;
        self.take(word, cx)?;
        self.tell_source(cx);
        Ok(())
    }

    /// Keeps what the customer says.
    fn take(&mut self, word: &Record, cx: &Cx<'_>) -> Pass {
        cx.policy.satisfaction.on_scale(word.score)?;
        if word.score.is_none() && self.kind != Kind::MissedCall {
            return Err(input("score_required", "`score` is required but for a missed call"));
        }
        if word.resolved.is_none() && self.source_case.is_some() {
            return Err(input("resolved_required", "`resolved` is required of what is about a case"));
        }
        let resolved = Some(self.is_resolved(word));
        self.answered_at = Some(cx.now);
        self.score = word.score;
        self.resolved = resolved;
        self.usage.clone_from(&word.usage);
        self.comment.clone_from(&word.comment);
        self.answers.clone_from(&word.answers);
        self.suggestions.clone_from(&word.suggestions);
        self.case.satisfaction =
            Some(Satisfaction { score: word.score, resolved, round: self.case.round, callback: None });
        Ok(())
    }

    /// Row 16: a suggestion is looked at.
    pub(super) fn record_neutral(&mut self, word: &Record, cx: &mut Cx<'_>) -> Pass {
        self.record(word, cx)?;
        if !self.suggestions.is_empty() {
            let case_no = cx.id.to_string();
            cx.task("suggestion", &case_no, None, Role::Supervisor);
        }
        Ok(())
    }

    /// Row 17: a supervisor decides.
    pub(super) fn record_low(&mut self, word: &Record, cx: &mut Cx<'_>) -> Pass {
        self.record(word, cx)?;
        cx.notify("role:supervisor", "low_score", json!({ "score": self.score, "resolved": self.resolved }));
        Ok(())
    }

    /// Row 17a: a missed call that was returned; what is not solved is asked on.
    pub(super) fn record_unscored(&mut self, word: &Record, cx: &mut Cx<'_>) -> Pass {
        self.may_answer(cx)?;
        self.take(word, cx)?;
        if self.resolved == Some(false) {
            self.ask_on(cx);
        }
        Ok(())
    }

    /// An answer through the link after the end (§3.3): a fact, told to the source; a low one is a task.
    pub(super) fn answered_late(&mut self, word: &Record, cx: &mut Cx<'_>) -> Pass {
        if self.answered_at.is_some() {
            return Err(guard("already_answered", "the questionnaire was answered; accepted is one answer"));
        }
        let until = self.questionnaire_at.map(|at| cx.calendar.due(at, cx.policy.satisfaction.link_ttl));
        if until.is_none_or(|until| cx.now > until) {
            let told = until.map_or_else(|| "never sent".to_owned(), |until| format!("open until {until}"));
            return Err(guard("link_locked", format!("the questionnaire was {told}; it is locked now")));
        }
        let low = self.grade(word, cx) == Grade::Low || !self.is_resolved(word);
        self.take(word, cx)?;
        self.tell_source(cx);
        if low {
            let case_no = cx.id.to_string();
            cx.task("low_score", &case_no, None, Role::Supervisor);
        }
        let message_ref = format!("event:record@{}", cx.now);
        links::late(&message_ref, if low { Intent::Dissatisfied } else { Intent::Thanks }, cx);
        Ok(())
    }
}
