//! Owns the table of the specification (§3.1), row by row.

use std::collections::BTreeSet;

use super::drive::Drive;

/// Every row of the table, and the late events of closed cases.
const RULES: &str = "1 2 2a 2b 2c 3 3a 3b 4 4a 4b 5 5a 6 7 7a 8 9 9a 10 10a 10b 11 11a 12 13 13a 13b 13c \
    14 14a 15 16 17 17a 18 18a 19 20 20a 21 21a 21b 21c 21d 22 22a 23 23a 23b 23c 24 25 26 27 28 X4";

/// Rule; samples that lead to the state before, the event last; state before; state after; effects.
struct Row(&'static str, &'static str, &'static str, &'static str, &'static [&'static str]);

const RECEIVED: &str = "open.intake.received";
const ACCEPTED: &str = "open.intake.accepted";
const IN_PROGRESS: &str = "open.handling.in_progress";
const ESCALATED: &str = "open.handling.escalated";
const WITH_DEPARTMENT: &str = "open.handling.with_department";
const WAITING: &str = "open.waiting_customer";
const ANSWERED: &str = "open.answered";
const CONFIRMED: &str = "settled.confirmed";
const UNCONFIRMED: &str = "settled.unconfirmed";
const NO_RESPONSE: &str = "settled.no_response";

const CALLBACK: &str = "spawn callback post_resolution";
const FOLLOW_UP: &str = "spawn consultation follow_up";
const WROTE: &str = "notify owner customer_wrote";
const NOT_SATISFIED: &str = "notify owner not_satisfied";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row("1", "submit:mail", "•", RECEIVED, &[]),
    Row("1", "submit:call", "•", RECEIVED, &["arm RING"]),
    Row("2", "submit:mail accept:agent", RECEIVED, ACCEPTED, &[]),
    Row("2", "submit:mail assigned:person accept:agent", RECEIVED, ACCEPTED, &["cancel ACCEPT"]),
    Row("2a", "submit:mail accept:agent assigned:person accept:agent", ACCEPTED, ACCEPTED, &["cancel ACCEPT"]),
    Row("2a", "submit:mail respond:human assigned:queue accept:agent", IN_PROGRESS, IN_PROGRESS, &[]),
    Row("2a", "submit:mail request_info:asks assigned:queue accept:agent", WAITING, WAITING, &[]),
    Row("2a", "submit:mail answer:uncited assigned:queue accept:agent", ANSWERED, ANSWERED, &[]),
    Row("2b", "submit:mail record_details:type", RECEIVED, RECEIVED, &[]),
    Row("2b", "submit:mail answer:uncited record_details:type", ANSWERED, ANSWERED, &[]),
    Row("2c", "submit:call ring:rings", RECEIVED, RECEIVED, &[]),
    Row("2c", "submit:call accept:agent ring:rings", ACCEPTED, ACCEPTED, &[]),
    Row("3", "submit:call hang_up:hung_up", RECEIVED, "closed.abandoned", &["spawn callback missed_call", "cancel RING"]),
    Row("3", "submit:call accept:agent hang_up:hung_up", ACCEPTED, "closed.abandoned", &["spawn callback missed_call", "cancel RING"]),
    Row("3a", "submit:mail hang_up:hung_up", RECEIVED, RECEIVED, &[]),
    Row("3b", "submit:call answer_call:picked_up hang_up:hung_up", IN_PROGRESS, IN_PROGRESS, &[]),
    Row("3b", "submit:mail request_info:asks hang_up:hung_up", WAITING, WAITING, &[]),
    Row("3b", "submit:mail answer:uncited hang_up:hung_up", ANSWERED, ANSWERED, &[]),
    Row("3b", "submit:mail answer:in_contact hang_up:hung_up", CONFIRMED, CONFIRMED, &[]),
    Row("4", "submit:mail respond:human", RECEIVED, IN_PROGRESS, &[]),
    Row("4", "submit:mail accept:agent respond:promise", ACCEPTED, IN_PROGRESS, &[]),
    Row("4a", "submit:call answer_call:picked_up", RECEIVED, IN_PROGRESS, &["cancel RING"]),
    Row("4b", "submit:mail respond:human respond:promise", IN_PROGRESS, IN_PROGRESS, &[]),
    Row("4b", "submit:mail request_info:asks respond:human", WAITING, WAITING, &[]),
    Row("4b", "submit:mail answer:uncited respond:human", ANSWERED, ANSWERED, &[]),
    Row("4b", "submit:mail answer:in_contact respond:human", CONFIRMED, CONFIRMED, &[]),
    Row("5", "submit:mail respond:bot", RECEIVED, RECEIVED, &[]),
    Row("5", "submit:mail answer:in_contact respond:bot", CONFIRMED, CONFIRMED, &[]),
    Row("5a", "submit:mail auto_reply_sent:off_hours", RECEIVED, RECEIVED, &[]),
    Row("5a", "submit:mail answer:in_contact auto_reply_sent:off_hours", CONFIRMED, CONFIRMED, &[]),
    Row("6", "submit:mail accept:agent transfer_department:answer", ACCEPTED, WITH_DEPARTMENT, &["notify department:service question"]),
    Row("6", "submit:mail respond:human transfer_department:answer", IN_PROGRESS, WITH_DEPARTMENT, &["notify department:service question"]),
    Row("6", "submit:mail accept:agent escalate:senior transfer_department:answer", ESCALATED, WITH_DEPARTMENT, &["notify department:service question"]),
    Row("7", "submit:mail accept:agent transfer_department:verify department_reply:verified", WITH_DEPARTMENT, IN_PROGRESS, &["notify owner department_answered"]),
    Row("7", "submit:mail accept:agent transfer_department:answer department_reply:unverified", WITH_DEPARTMENT, IN_PROGRESS, &["notify owner department_answered"]),
    Row("7", "submit:mail accept:agent escalate:senior transfer_department:answer department_reply:verified", WITH_DEPARTMENT, ESCALATED, &["notify owner department_answered"]),
    Row("7a", "submit:mail accept:agent transfer_department:answer request_info:asks department_reply:verified", WAITING, WAITING, &["notify owner department_answered"]),
    Row("8", "submit:mail accept:agent transfer_department:answer department_return:not_ours", WITH_DEPARTMENT, IN_PROGRESS, &["notify owner department_returned"]),
    Row("8", "submit:mail accept:agent escalate:senior transfer_department:answer department_return:not_ours", WITH_DEPARTMENT, ESCALATED, &["notify owner department_returned"]),
    Row("9", "submit:mail accept:agent transfer_department:answer department_return:not_ours transfer_department:answer department_return:not_ours", WITH_DEPARTMENT, WITH_DEPARTMENT, &["notify role:supervisor arbitration"]),
    Row("9a", "submit:mail accept:agent transfer_department:answer department_return:not_ours transfer_department:answer department_return:not_ours arbitrate:names", WITH_DEPARTMENT, WITH_DEPARTMENT, &["notify department:sales question"]),
    Row("10", "submit:mail accept:agent escalate:senior", ACCEPTED, ESCALATED, &["notify role:senior_agent escalated"]),
    Row("10", "submit:mail respond:human escalate:senior", IN_PROGRESS, ESCALATED, &["notify role:senior_agent escalated"]),
    Row("10", "submit:mail accept:agent escalate:senior escalate:manager", ESCALATED, ESCALATED, &["notify role:dept_manager escalated"]),
    Row("10a", "submit:mail accept:agent transfer_department:answer escalate:senior", WITH_DEPARTMENT, WITH_DEPARTMENT, &["notify role:senior_agent escalated"]),
    Row("10b", "submit:mail escalate:system", RECEIVED, RECEIVED, &[]),
    Row("10b", "submit:mail accept:agent escalate:system", ACCEPTED, ACCEPTED, &[]),
    Row("10b", "submit:mail answer:uncited escalate:system", ANSWERED, ANSWERED, &[]),
    Row("11", "submit:mail respond:human progress_update:news", IN_PROGRESS, IN_PROGRESS, &[]),
    Row("11a", "submit:mail accept:agent escalate:senior progress_update:new_promise", ESCALATED, ESCALATED, &[]),
    Row("12", "submit:mail request_info:asks", RECEIVED, WAITING, &["arm INFO_REMIND", "arm INFO_EXPIRE"]),
    Row("12", "submit:mail accept:agent request_info:asks", ACCEPTED, WAITING, &["arm INFO_REMIND", "arm INFO_EXPIRE"]),
    Row("12", "submit:mail respond:human request_info:asks", IN_PROGRESS, WAITING, &["arm INFO_REMIND", "arm INFO_EXPIRE"]),
    Row("12", "submit:mail accept:agent escalate:senior request_info:asks", ESCALATED, WAITING, &["arm INFO_REMIND", "arm INFO_EXPIRE"]),
    Row("12", "submit:mail accept:agent transfer_department:answer request_info:asks", WITH_DEPARTMENT, WAITING, &["arm INFO_REMIND", "arm INFO_EXPIRE"]),
    Row("13", "submit:mail request_info:asks customer_reply:info", WAITING, IN_PROGRESS, &[WROTE, "cancel INFO_REMIND", "cancel INFO_EXPIRE"]),
    Row("13", "submit:mail accept:agent escalate:senior request_info:asks customer_reply:thanks", WAITING, ESCALATED, &[WROTE, "cancel INFO_REMIND", "cancel INFO_EXPIRE"]),
    Row("13", "submit:mail accept:agent transfer_department:answer request_info:asks customer_reply:unknown", WAITING, WITH_DEPARTMENT, &[WROTE, "cancel INFO_REMIND", "cancel INFO_EXPIRE"]),
    Row("13a", "submit:mail request_info:asks customer_reply:new_issue", WAITING, WAITING, &[FOLLOW_UP]),
    Row("13b", "submit:mail customer_reply:info", RECEIVED, RECEIVED, &[WROTE]),
    Row("13b", "submit:mail accept:agent transfer_department:answer customer_reply:dissatisfied", WITH_DEPARTMENT, WITH_DEPARTMENT, &[WROTE]),
    Row("13c", "submit:mail customer_reply:new_issue", RECEIVED, RECEIVED, &[FOLLOW_UP]),
    Row("13c", "submit:mail respond:human customer_reply:new_issue", IN_PROGRESS, IN_PROGRESS, &[FOLLOW_UP]),
    Row("14", "submit:mail request_info:asks timer:INFO_EXPIRE", WAITING, NO_RESPONSE, &["notify customer info_expired", "cancel INFO_REMIND", "arm REOPEN_WINDOW"]),
    Row("14a", "submit:mail request_info:asks timer:INFO_REMIND", WAITING, WAITING, &["arm INFO_REMIND", "notify customer info_reminder"]),
    Row("14a", "submit:mail request_info:asks timer:INFO_REMIND timer:INFO_REMIND", WAITING, WAITING, &["notify customer info_reminder"]),
    Row("15", "submit:mail answer:uncited", RECEIVED, ANSWERED, &["count uncited_answers", "task kb_draft senior_agent", "arm CONFIRM_REMIND", "arm CONFIRM_EXPIRE"]),
    Row("15", "submit:mail accept:agent transfer_department:answer answer:uncited", WITH_DEPARTMENT, ANSWERED, &["count uncited_answers", "task kb_draft senior_agent", "arm CONFIRM_REMIND", "arm CONFIRM_EXPIRE"]),
    Row("16", "submit:mail answer:in_contact", RECEIVED, CONFIRMED, &[CALLBACK, "arm REOPEN_WINDOW"]),
    Row("16", "submit:mail respond:human answer:in_contact", IN_PROGRESS, CONFIRMED, &[CALLBACK, "arm REOPEN_WINDOW"]),
    Row("17", "submit:mail answer:uncited confirm:satisfied", ANSWERED, CONFIRMED, &[CALLBACK, "cancel CONFIRM_REMIND", "cancel CONFIRM_EXPIRE", "arm REOPEN_WINDOW"]),
    Row("17a", "submit:mail answer:uncited customer_reply:thanks", ANSWERED, CONFIRMED, &[CALLBACK, "cancel CONFIRM_REMIND", "cancel CONFIRM_EXPIRE", "arm REOPEN_WINDOW"]),
    Row("18", "submit:mail answer:uncited confirm:unsatisfied", ANSWERED, IN_PROGRESS, &[NOT_SATISFIED, "cancel CONFIRM_REMIND", "cancel CONFIRM_EXPIRE"]),
    Row("18a", "submit:mail answer:uncited customer_reply:dissatisfied", ANSWERED, IN_PROGRESS, &[NOT_SATISFIED, "cancel CONFIRM_REMIND", "cancel CONFIRM_EXPIRE"]),
    Row("18a", "submit:mail answer:uncited customer_reply:unknown", ANSWERED, IN_PROGRESS, &[NOT_SATISFIED, "cancel CONFIRM_REMIND", "cancel CONFIRM_EXPIRE"]),
    Row("18a", "submit:mail answer:uncited customer_reply:info", ANSWERED, IN_PROGRESS, &[NOT_SATISFIED, "cancel CONFIRM_REMIND", "cancel CONFIRM_EXPIRE"]),
    Row("19", "submit:mail answer:uncited customer_reply:new_issue", ANSWERED, ANSWERED, &[FOLLOW_UP]),
    Row("19", "submit:mail answer:in_contact customer_reply:new_issue", CONFIRMED, CONFIRMED, &[FOLLOW_UP]),
    Row("20", "submit:mail answer:uncited timer:CONFIRM_EXPIRE", ANSWERED, UNCONFIRMED, &["spawn callback confirm_resolution", "cancel CONFIRM_REMIND", "arm REOPEN_WINDOW"]),
    Row("20a", "submit:mail answer:uncited timer:CONFIRM_REMIND", ANSWERED, ANSWERED, &["notify customer confirm_reminder"]),
    Row("21", "submit:mail answer:in_contact reopen:on_shift", CONFIRMED, IN_PROGRESS, &["send cancel", NOT_SATISFIED, "cancel REOPEN_WINDOW"]),
    Row("21", "submit:mail answer:uncited timer:CONFIRM_EXPIRE reopen:off_shift", UNCONFIRMED, IN_PROGRESS, &["send cancel", NOT_SATISFIED, "cancel REOPEN_WINDOW"]),
    Row("21", "submit:mail request_info:asks timer:INFO_EXPIRE reopen:on_shift", NO_RESPONSE, IN_PROGRESS, &[NOT_SATISFIED, "cancel REOPEN_WINDOW"]),
    Row("21a", "submit:mail answer:in_contact customer_reply:dissatisfied", CONFIRMED, IN_PROGRESS, &["send cancel", NOT_SATISFIED, "cancel REOPEN_WINDOW"]),
    Row("21b", "submit:mail answer:in_contact confirm:unsatisfied", CONFIRMED, IN_PROGRESS, &["send cancel", NOT_SATISFIED, "cancel REOPEN_WINDOW"]),
    Row("21c", "submit:mail answer:uncited timer:CONFIRM_EXPIRE confirm:satisfied", UNCONFIRMED, CONFIRMED, &["send cancel", CALLBACK]),
    Row("21c", "submit:mail answer:in_contact confirm:satisfied", CONFIRMED, CONFIRMED, &[]),
    Row("21c", "submit:mail request_info:asks timer:INFO_EXPIRE confirm:satisfied", NO_RESPONSE, CONFIRMED, &[CALLBACK]),
    Row("21d", "submit:mail answer:uncited timer:CONFIRM_EXPIRE satisfaction_recorded:resolved", UNCONFIRMED, CONFIRMED, &[]),
    Row("22", "submit:mail answer:in_contact customer_reply:thanks", CONFIRMED, CONFIRMED, &[]),
    Row("22a", "submit:mail answer:in_contact customer_reply:unknown", CONFIRMED, CONFIRMED, &["task classify_message agent"]),
    Row("22a", "submit:mail answer:in_contact customer_reply:info", CONFIRMED, CONFIRMED, &["task classify_message agent"]),
    Row("23", "submit:mail answer:in_contact timer:REOPEN_WINDOW", CONFIRMED, "closed.resolved", &[]),
    Row("23a", "submit:mail answer:uncited timer:CONFIRM_EXPIRE timer:REOPEN_WINDOW", UNCONFIRMED, "closed.unconfirmed", &[]),
    Row("23b", "submit:mail request_info:asks timer:INFO_EXPIRE timer:REOPEN_WINDOW", NO_RESPONSE, "closed.no_response", &[]),
    Row("23c", "submit:mail answer:in_contact customer_reply:unknown timer:REOPEN_WINDOW", CONFIRMED, IN_PROGRESS, &["notify owner unread_message", "send cancel", NOT_SATISFIED]),
    Row("24", "submit:mail accept:agent convert:complaint", ACCEPTED, "closed.converted", &["spawn complaint convert"]),
    Row("25", "submit:mail withdraw:customer", RECEIVED, "closed.withdrawn", &[]),
    Row("25", "submit:mail answer:uncited withdraw:customer", ANSWERED, "closed.withdrawn", &["cancel CONFIRM_REMIND", "cancel CONFIRM_EXPIRE"]),
    Row("26", "submit:mail mark_duplicate:of_open", RECEIVED, "closed.duplicate", &["send note_added"]),
    Row("27", "submit:mail mark_invalid:spam", RECEIVED, "closed.invalid", &["task qi_sample qa_inspector"]),
    Row("27", "submit:mail respond:human mark_invalid:spam", IN_PROGRESS, "closed.invalid", &["task qi_sample qa_inspector"]),
    Row("28", "submit:call force_closed:approved", RECEIVED, "closed.forced", &["cancel RING"]),
    Row("28", "submit:mail answer:in_contact force_closed:approved", CONFIRMED, "closed.forced", &["send cancel", "cancel REOPEN_WINDOW"]),
    Row("X4", "submit:mail withdraw:customer customer_reply:dissatisfied", "closed.withdrawn", "closed.withdrawn", &[FOLLOW_UP]),
    Row("X4", "submit:mail withdraw:customer customer_reply:thanks", "closed.withdrawn", "closed.withdrawn", &[]),
    Row("X4", "submit:mail withdraw:customer reopen:on_shift", "closed.withdrawn", "closed.withdrawn", &[FOLLOW_UP]),
    Row("X4", "submit:mail withdraw:customer confirm:satisfied", "closed.withdrawn", "closed.withdrawn", &[]),
    Row("X4", "submit:mail withdraw:customer confirm:unsatisfied", "closed.withdrawn", "closed.withdrawn", &[FOLLOW_UP]),
    Row("X4", "submit:mail withdraw:customer late_inbound:unknown", "closed.withdrawn", "closed.withdrawn", &[FOLLOW_UP]),
    Row("X4", "submit:mail mark_duplicate:of_open customer_reply:unknown", "closed.duplicate", "closed.duplicate", &["send customer_reply"]),
    Row("X4", "submit:mail mark_duplicate:of_open customer_reply:thanks", "closed.duplicate", "closed.duplicate", &[]),
];

#[test]
fn every_row_does_what_the_table_says() {
    for Row(rule, steps, from, to, effects) in ROWS {
        let steps: Vec<&str> = steps.split_whitespace().collect();
        let (last, before) = steps.split_last().unwrap();
        let mut drive = Drive::after(before);
        let change = drive.take(last);
        let found = (change.rule, change.from.as_deref().unwrap_or("•"), change.to.as_str());
        assert_eq!(found, (Some(*rule), *from, *to), "{steps:?}");
        assert_eq!(drive.summaries(), *effects, "{steps:?}");
    }
}

#[test]
fn every_row_of_the_specification_is_in_the_table() {
    let tested: BTreeSet<&str> = ROWS.iter().map(|row| row.0).collect();
    let specified: BTreeSet<&str> = RULES.split_whitespace().collect();
    assert_eq!(tested, specified);
}

#[test]
fn every_state_is_reached() {
    let reached: BTreeSet<&str> = ROWS.iter().map(|row| row.3).collect();
    let workflow = super::drive::workflow();
    use crate::kernel::machine::Workflow as _;
    let declared: BTreeSet<&str> = workflow.states().iter().map(|spec| spec.path.as_str()).collect();
    assert_eq!(reached, declared);
}

#[test]
fn nothing_runs_in_a_closed_case() {
    for row in ROWS.iter().filter(|row| row.3.starts_with("closed.")) {
        let drive = Drive::after(&row.1.split_whitespace().collect::<Vec<_>>());
        assert!(drive.instance.as_ref().unwrap().timers.is_empty(), "{}", row.1);
    }
}
