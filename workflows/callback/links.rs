//! Owns what a callback starts and tells elsewhere: its source, complaints, questions, and tasks.

use serde_json::{Map, Value, json};

use super::event::Dispose;
use super::{Callback, Cx};
use crate::kernel::actor::Role;
use crate::kernel::effect::Spawn;
use crate::kernel::fact::Related;
use crate::workflows::links;
use crate::workflows::row::{Pass, guard, object};

/// What an unsatisfied customer said becomes a complaint.
const LOW_SCORE: &str = "low_score";
/// What a missed call was about is asked on.
const FOLLOW_UP: &str = "follow_up";

/// The source.
impl Callback {
    /// What the customer said, to the case that it is about.
    pub(super) fn tell_source(&self, cx: &mut Cx<'_>) {
        let (Some(source), Some(resolved)) = (&self.source_case, self.resolved) else { return };
        let mut said = object(json!({ "resolved": resolved, "callback": self.case.case_no }));
        said.extend(self.score.map(|score| ("score".to_owned(), json!(score))));
        said.extend(self.comment.iter().map(|comment| ("comment".to_owned(), json!(comment))));
        cx.send(source.clone(), "satisfaction_recorded", said);
    }

    /// Row 18: only what is settled can be reopened.
    pub(super) fn reopen_source(&mut self, ruling: &Dispose, cx: &mut Cx<'_>) -> Pass {
        let Some(source) = &self.source_case else {
            return Err(guard("no_source", "it is about no case; accepted is another decision"));
        };
        let Some(found) = cx.fact::<Option<Related>>("case") else {
            return Err(guard("fact_missing", "the case that it is about was not read"));
        };
        let state = found.map_or_else(|| "gone".to_owned(), |found| found.state);
        if !state.starts_with("settled.") {
            let reason = format!("`{source}` is {state}; accepted is a settled case, or another decision");
            return Err(guard("source_not_settled", reason));
        }
        cx.send(source.clone(), "reopen", object(json!({ "reason": ruling.note })));
        Ok(())
    }
}

/// Other flows.
impl Callback {
    fn start(rule: &str, workflow: &str, link: &str, payload: Map<String, Value>, cx: &mut Cx<'_>) {
        cx.spawn(Spawn {
            rule: rule.to_owned(),
            index: 1,
            workflow: workflow.to_owned(),
            link: link.to_owned(),
            payload,
            child: None,
            due: None,
            lapses: None,
        });
    }

    /// Row 19: the complaint knows this callback as its cause.
    pub(super) fn complain(&mut self, cx: &mut Cx<'_>) -> Pass {
        let said = match (&self.comment, self.score) {
            (Some(comment), _) => json!(comment),
            (None, Some(score)) => json!(format!("score {score} in callback {}", self.case.case_no)),
            (None, None) => json!(format!("not solved, in callback {}", self.case.case_no)),
        };
        let payload = object(json!({
            "customer_id": self.case.customer_id,
            "customer_tier": self.case.customer_tier,
            "channel": self.case.channel,
            "facts": said,
            "happened_at": self.answered_at.unwrap_or(cx.now),
            "subjects": [],
            "remedy_sought": "to be asked / 待询问",
            "evidence": [],
            "source_case": self.case.case_no,
            "cause_claimed": "other",
            "chain_depth": self.case.chain_depth,
        }));
        Self::start(LOW_SCORE, "complaint", "caused_by", payload, cx);
        Ok(())
    }

    /// Row 19a: the chain has become too long (X12).
    pub(super) fn ask_management(&mut self, cx: &mut Cx<'_>) -> Pass {
        let case_no = cx.id.to_string();
        cx.task("management_review", &case_no, None, Role::ProcessOwner);
        Ok(())
    }

    /// Row 21b, and row 20 where an improvement was decided on.
    pub(super) fn improve(&mut self, cx: &mut Cx<'_>) -> Pass {
        let case_no = cx.id.to_string();
        cx.task("improvement_action", &case_no, None, Role::QaInspector);
        Ok(())
    }

    /// Row 17a: what the customer called about is a question.
    pub(super) fn ask_on(&self, cx: &mut Cx<'_>) {
        let body_ref = format!("case:{}", self.case.case_no);
        let mut question = links::question(&self.case, &body_ref, cx);
        let origin = self.source_case.as_ref().unwrap_or(&self.case.case_no);
        question.insert("follow_up_of".into(), json!(origin));
        Self::start(FOLLOW_UP, "consultation", "follow_up_of", question, cx);
    }
}
