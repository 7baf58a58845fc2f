//! The training flows' machines against the numbered rows of their specification (§3.4): exploration
//! shows every row, and nothing that is not in a row.

use careflow::kernel::table::EventTable;

use crate::rows::{self, Rows, SAME};

/// A flow, its rows, and timers (state, timer) that its table arms before the state that waits for them.
struct Flow {
    name: &'static str,
    rows: Rows,
    early: &'static [(&'static str, &'static str)],
}

/// Compares what is explored of the flow with its rows, and keeps its state × event table.
#[track_caller]
fn check(flow: &Flow) {
    let explored = rows::explored(flow.name);
    rows::check(&explored, flow.rows, flow.early);
    insta::assert_snapshot!(
        format!("state_by_event_table_of_the_{}", flow.name),
        EventTable::of(&explored).markdown()
    );
}

const CERTIFICATE: Flow = Flow {
    name: "certificate",
    rows: &[
        ("1", "•", "issue", "valid"),
        ("2", "valid", "timer EXPIRING", "expiring"),
        ("3", "valid expiring expired", "renewed_by", "closed.renewed"),
        ("4", "expiring", "timer EXPIRY", "expired"),
        ("5", "expired", "timer SKILL_LOSS", SAME),
        ("6", "expired", "timer LAPSE", "closed.lapsed"),
        ("7", "valid expiring expired", "revoke", "closed.revoked"),
        ("8", "valid expiring expired", "force_closed", "closed.revoked"),
    ],
    // Armed by row 1, and due after EXPIRING whatever happens.
    early: &[("valid", "EXPIRY")],
};

const CONSEQUENCE: Flow = Flow {
    name: "consequence",
    rows: &[
        ("1", "•", "open_consequence", "proposing"),
        ("2", "proposing", "propose", "hearing"),
        ("3", "proposing", "propose", "closed.none"),
        ("4", "hearing", "state_view", "deciding"),
        ("5", "hearing", "timer HEARING_END", "deciding"),
        ("6", "deciding", "decide", "decided"),
        ("7", "deciding", "decide", "closed.none"),
        ("8", "proposing hearing deciding", "timer LAPSE", "closed.none"),
        ("9", "decided", "appeal", "appealed"),
        ("10", "decided", "timer APPEAL_END", "closed.recorded"),
        ("11", "appealed", "review_appeal", "closed.recorded"),
        ("12", "appealed", "review_appeal", "closed.none"),
        ("13", "appealed", "timer LAPSE", "closed.none"),
        ("14", "proposing hearing deciding decided appealed", "force_closed", "closed.none"),
    ],
    early: &[],
};

const EFFECT_REVIEW: Flow = Flow {
    name: "effect_review",
    rows: &[
        ("1", "•", "open_review", "l3_pending"),
        ("2", "l3_pending", "record_l3", "l4_pending"),
        ("3", "l3_pending", "timer L3_DUE", SAME),
        ("4", "l3_pending", "timer L3_END", "l4_pending"),
        ("5", "l4_pending", "timer L4_DUE", SAME),
        ("6", "l4_pending", "record_l4", "closed.done"),
        ("7", "l4_pending", "record_l4", "closed.incomplete"),
        ("8", "l4_pending", "timer L4_END", "closed.incomplete"),
        ("9", "l3_pending l4_pending", "force_closed", "closed.incomplete"),
    ],
    early: &[],
};

const PLAN: Flow = Flow {
    name: "training_plan",
    rows: &[
        ("1", "•", "draft_plan", "draft"),
        ("2", "draft", "edit_items", SAME),
        ("3", "draft", "submit", "pending_approval"),
        ("4", "pending_approval", "approve", "active"),
        ("5", "pending_approval", "reject", "draft"),
        ("6", "active", "amend", SAME),
        ("7", "active", "timer ITEM_DUE", SAME),
        ("8", "active", "item_status", SAME),
        ("9", "active", "close_year", "closed"),
        ("10", "active", "timer YEAR_END", "closed"),
        ("11", "draft pending_approval", "timer YEAR_END", "closed"),
        ("12", "draft pending_approval active", "force_closed", "closed"),
    ],
    early: &[],
};

const SESSION: Flow = Flow {
    name: "training_session",
    rows: &[
        ("1", "•", "draft", "preparing.draft"),
        ("2", "draft", "submit", "preparing.approved"),
        ("2a", "draft", "submit", "preparing.pending_approval"),
        ("3", "pending_approval", "approve", "preparing.approved"),
        ("3a", "pending_approval", "reject", "cancelled"),
        ("4", "approved", "schedule", "preparing.scheduled"),
        ("4a", "postponed", "schedule", "preparing.scheduled"),
        ("5", "scheduled", "publish_notice", "preparing.notified"),
        ("5a", "scheduled notified", "enroll", SAME),
        ("6", "scheduled notified", "postpone", "postponed"),
        ("7", "preparing.* postponed", "cancel", "cancelled"),
        ("7a", "postponed", "timer POSTPONE_END", "cancelled"),
        ("8", "notified between", "start_sitting", "delivering.in_session"),
        ("9", "in_session", "end_sitting", "delivering.between"),
        ("9a", "in_session", "end_sitting", "evaluating.assessing"),
        ("9b", "in_session", "end_sitting", "reviewing"),
        ("9c", "in_session", "timer SITTING_END", SAME),
        ("10", "scheduled notified", "timer START_LATE", SAME),
        ("10a", "scheduled notified", "timer START_LOST", "postponed"),
        ("10b", "between", "timer START_LATE", SAME),
        ("10c", "between", "timer START_LOST", SAME),
        ("10d", "between", "timer START_LOST", "evaluating.assessing"),
        ("10e", "between", "timer START_LOST", "reviewing"),
        ("11", "assessing", "open_assessment", SAME),
        ("11a", "assessing retaking reviewing", "enrollment_changed", SAME),
        ("11b", "assessing", "close_assessment", "evaluating.retaking"),
        ("11c", "assessing", "close_assessment", "reviewing"),
        ("11d", "assessing", "timer ASSESS_END", "evaluating.retaking"),
        ("11e", "assessing", "timer ASSESS_END", "reviewing"),
        ("11f", "assessing", "timer ASSESS_END", SAME),
        ("12", "retaking", "enrollment_changed", "reviewing"),
        ("12a", "retaking", "timer RETAKE_END", "reviewing"),
        ("12b", "assessing retaking reviewing", "timer SURVEY_CLOSE", SAME),
        ("12c", "assessing retaking reviewing", "close_survey", SAME),
        ("13", "reviewing", "review", "archiving"),
        ("13a", "archiving", "enrollment_changed", SAME),
        ("14", "archiving", "archive", "archived"),
        ("15", "preparing.* postponed", "force_closed", "cancelled"),
        ("16", "delivering.* evaluating.* reviewing archiving", "force_closed", "archived"),
        ("17", "preparing.* postponed delivering.*", "enrollment_changed", SAME),
        // Not numbered in §3.4.2: who waits for a class that is not scheduled yet (§3.0.5).
        ("waiting", "draft pending_approval approved", "enroll", SAME),
    ],
    early: &[],
};

const ENROLLMENT: Flow = Flow {
    name: "training_enrollment",
    rows: &[
        ("0", "•", "nominate", "nominated"),
        ("1", "nominated", "notify", "notified"),
        ("2", "notified", "confirm_attendance", "confirmed"),
        ("2a", "notified confirmed", "decline", "closed.declined"),
        ("2b", "notified confirmed", "timer REMINDER", SAME),
        ("3", "notified confirmed", "request_leave", "leave_pending"),
        ("4", "leave_pending", "approve_leave", "closed.excused"),
        ("4a", "leave_pending", "deny_leave", "confirmed"),
        ("4b", "leave_pending", "timer SITTING_START", "confirmed"),
        ("5", "notified confirmed leave_pending attending", "check_in", "attending"),
        ("5a", "attending", "check_out", SAME),
        ("5b", "notified confirmed leave_pending attending", "sitting_ended", SAME),
        ("5c", "notified confirmed leave_pending attending", "mark_absent", SAME),
        ("6", "attending", "session_ended", "attended"),
        ("6a", "attending", "session_ended", "absent"),
        ("7", "notified confirmed leave_pending", "session_ended", "absent"),
        ("7a", "nominated", "session_ended", "closed.excused"),
        ("8", "absent", "explain_absence", SAME),
        ("8a", "absent", "approve_leave", "closed.excused"),
        ("8b", "absent", "accept_explanation", "closed.excused"),
        ("8c", "absent", "timer ABSENCE_DECIDE", "closed.excused"),
        ("9", "absent", "reject_explanation", "closed.absent_unexcused"),
        ("9a", "absent", "timer EXPLAIN_END", "closed.absent_unexcused"),
        ("10", "attending", "session_ended", "closed.attended_only"),
        ("11", "attended", "assessment_opened", "assessing"),
        ("11a", "assessing", "start_attempt", SAME),
        ("11b", "assessing", "submit_attempt", SAME),
        ("12", "assessing", "grade", "closed.passed"),
        ("13", "assessing", "grade", "failed"),
        ("13a", "assessing", "timer ATTEMPT_END", "failed"),
        ("13b", "assessing", "timer ATTEMPT_END", SAME),
        ("14", "assessing", "grade", "failed_last"),
        ("14a", "assessing", "timer ATTEMPT_END", "failed_last"),
        ("15", "failed", "schedule_retake", "retake_scheduled"),
        ("15a", "retake_scheduled", "timer RETAKE_AT", "assessing"),
        ("15b", "retake_scheduled", "timer RETAKE_AT", SAME),
        ("16", "failed retake_scheduled failed_last", "appeal", SAME),
        ("16a", "failed retake_scheduled failed_last", "regrade", "closed.passed"),
        ("16b", "failed retake_scheduled", "regrade", SAME),
        ("16c", "failed_last", "regrade", "closed.failed_final"),
        ("17", "failed", "timer RETAKE_LIMIT", "failed_last"),
        ("17a", "failed_last", "timer APPEAL_END", "closed.failed_final"),
        ("18", UNDONE, "withdraw", "closed.withdrawn"),
        ("18a", UNDONE, "force_closed", "closed.withdrawn"),
        ("18b", "nominated notified confirmed leave_pending", "session_cancelled", "closed.excused"),
        ("18c", "notified confirmed leave_pending", "session_postponed", "nominated"),
        ("18d", "nominated", "session_postponed", SAME),
        (
            "19",
            "attended absent assessing failed retake_scheduled failed_last closed.*",
            "answer_survey",
            SAME,
        ),
    ],
    // Armed by row 1; of the three states it runs in, leave alone waits for it.
    early: &[("notified", "SITTING_START"), ("confirmed", "SITTING_START")],
};

/// Every state of an enrolment that is not at its end.
const UNDONE: &str = "nominated notified confirmed leave_pending attending attended absent assessing failed \
    retake_scheduled failed_last";

#[test]
fn training_plan_is_its_table() {
    check(&PLAN);
}

#[test]
fn training_session_is_its_table() {
    check(&SESSION);
}

#[test]
fn training_enrollment_is_its_table() {
    check(&ENROLLMENT);
}

#[test]
fn certificate_is_its_table() {
    check(&CERTIFICATE);
}

#[test]
fn consequence_is_its_table() {
    check(&CONSEQUENCE);
}

#[test]
fn effect_review_is_its_table() {
    check(&EFFECT_REVIEW);
}
