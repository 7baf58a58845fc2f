//! Owns the effects of the rows (§3.2): what each causes beside moving the complaint.

use super::drive::Drive;

/// Rule; what leads to the state before, the event last; state after; effects.
struct Row(&'static str, &'static str, &'static str, &'static [&'static str]);

const ASSESSED: &str = "register:mail acknowledge:agent assess:minor";
const FOUND: &str = "dispatch:service dept_accept:takes submit_findings:upheld";
const TOLD: &str = "resolve_on_spot:explains communicate:tells";

const DISPATCHED: &str = "open.investigating.dispatched";
const IN_PROGRESS: &str = "open.investigating.in_progress";
const CALLBACK: &str = "spawn callback post_complaint";
const FOLLOW_UP: &str = "spawn consultation follow_up";
const AGAIN: &str = "notify owner not_satisfied";
const ASKED: &str = "notify department:service complaint";
const WROTE: &str = "notify owner customer_wrote";
const READY: &str = "notify owner plan_ready";

/// `A` stands for an assessed complaint, `F` for the findings on it, `T` for a plan that was told.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row("1", "register:mail", "open.intake.registered", &[]),
    Row("2", "register:mail acknowledge:agent", "open.assessing", &[]),
    Row("3", "register:mail reject_intake:abusive", "closed.rejected", &[]),
    Row("4", "register:mail acknowledge:agent assess:critical", "open.assessing", &["notify role:process_owner safety_complaint"]),
    Row("5", "A resolve_on_spot:explains", "open.communicating", &[READY]),
    Row("6", "A dispatch:service", DISPATCHED, &[ASKED]),
    Row("7", "A dispatch:service dept_accept:takes", IN_PROGRESS, &[]),
    Row("8", "A dispatch:service dept_return:not_ours", "open.assessing", &["notify owner department_returned"]),
    Row("9", "A dispatch:service dept_return:not_ours dispatch:service dept_accept:takes dept_return:not_ours", "open.investigating.arbitration", &["notify role:supervisor arbitration"]),
    Row("10", "A dispatch:service dept_return:not_ours dispatch:service dept_return:not_ours arbitrate:names", DISPATCHED, &["notify department:sales complaint"]),
    Row("11", "A F", IN_PROGRESS, &[]),
    Row("12", "A F propose:free", "open.communicating", &[READY]),
    Row("13", "A F propose:costly", "open.pending_approval", &[]),
    Row("14", "A F propose:costly approve:owner", "open.communicating", &[READY]),
    Row("15", "A F propose:costly return_proposal:owner", IN_PROGRESS, &["notify department:service proposal_returned"]),
    Row("16", "A request_review:customer review_decision:proposes return_proposal:owner", "open.assessing", &["notify owner proposal_returned"]),
    Row("17", "A T", "open.communicating", &["arm CONFIRM_REMIND", "arm CONFIRM_EXPIRE"]),
    Row("18", "A F propose:costly approve:owner communicate:tells customer_accepts:customer", "open.executing", &["task after_sales_order dept_handler", "cancel CONFIRM_REMIND", "cancel CONFIRM_EXPIRE", "arm ACTION_DUE"]),
    Row("19", "A T customer_accepts:customer", "open.awaiting_confirmation", &["arm CONFIRM_REMIND", "arm CONFIRM_EXPIRE"]),
    Row("20", "A F propose:free communicate:tells customer_rejects:customer", DISPATCHED, &[ASKED, AGAIN, "cancel CONFIRM_REMIND", "cancel CONFIRM_EXPIRE"]),
    Row("20a", "A T customer_accepts:customer confirm:unsatisfied", "open.assessing", &[AGAIN, "cancel CONFIRM_REMIND", "cancel CONFIRM_EXPIRE"]),
    Row("22a", "A F propose:costly approve:owner communicate:tells customer_accepts:customer action_done:first", "open.executing", &[]),
    Row("22", "A F propose:free communicate:tells customer_accepts:customer action_done:first", "open.awaiting_confirmation", &["cancel ACTION_DUE", "arm CONFIRM_REMIND", "arm CONFIRM_EXPIRE"]),
    Row("23", "A F propose:free communicate:tells customer_accepts:customer timer:ACTION_DUE", "open.executing", &["notify role:dept_manager action_overdue"]),
    Row("24", "A T customer_accepts:customer confirm:satisfied", "settled.satisfied", &[CALLBACK, "cancel CONFIRM_REMIND", "cancel CONFIRM_EXPIRE", "arm REOPEN_WINDOW"]),
    Row("25", "A T timer:CONFIRM_EXPIRE", "open.communicating", &["arm CONFIRM_EXPIRE", "task contact_customer agent", "notify role:supervisor not_confirmed"]),
    Row("25a", "A T timer:CONFIRM_REMIND", "open.communicating", &["notify customer confirm_reminder"]),
    Row("25b", "A contact_attempt:busy", "open.assessing", &[]),
    Row("26", "A T contact_attempt:no_answer contact_attempt:busy contact_attempt:busy declare_unreachable:notice", "settled.unreachable", &["cancel CONFIRM_REMIND", "cancel CONFIRM_EXPIRE", "arm REOPEN_WINDOW"]),
    Row("27", "A request_info:asks", "open.waiting_customer", &["arm INFO_REMIND", "arm INFO_EXPIRE"]),
    Row("28", "A request_info:asks customer_reply:thanks", "open.assessing", &[WROTE, "cancel INFO_REMIND", "cancel INFO_EXPIRE"]),
    Row("28a", "A request_info:asks timer:INFO_EXPIRE", "open.assessing", &["notify owner info_expired", "cancel INFO_REMIND"]),
    Row("28b", "A request_info:asks timer:INFO_REMIND", "open.waiting_customer", &["arm INFO_REMIND", "notify customer info_reminder"]),
    Row("28c", "A request_info:asks suspend:litigation customer_reply:info", "open.suspended", &[WROTE]),
    Row("28d", "A customer_reply:new_issue", "open.assessing", &[WROTE, FOLLOW_UP]),
    Row("28e", "A request_info:asks customer_reply:new_issue", "open.waiting_customer", &[FOLLOW_UP]),
    Row("28f", "A progress_update:news", "open.assessing", &[]),
    Row("29", "A request_info:asks request_review:customer", "open.review", &["cancel INFO_REMIND", "cancel INFO_EXPIRE"]),
    Row("30", "A request_review:customer review_decision:proposes", "open.pending_approval", &[]),
    Row("31", "A T request_review:customer review_decision:upholds", "open.communicating", &[READY]),
    Row("31a", "A request_review:customer review_decision:refers", "closed.referred", &[]),
    Row("32", "A request_review:customer close_without_agreement:notice", "closed.no_agreement", &["task improvement_action qa_inspector"]),
    Row("32a", "A T request_review:customer review_decision:upholds communicate:tells close_without_agreement:notice", "closed.no_agreement", &["task improvement_action qa_inspector", "cancel CONFIRM_REMIND", "cancel CONFIRM_EXPIRE"]),
    Row("33", "A request_review:customer refer_external:customer", "closed.referred", &[]),
    Row("33a", "A T request_review:customer review_decision:upholds refer_external:customer", "closed.referred", &[]),
    Row("34", "A suspend:litigation", "open.suspended", &["arm SUSPEND_END"]),
    Row("34a", "A suspend:litigation resume:manager", "open.assessing", &["cancel SUSPEND_END"]),
    Row("34b", "A suspend:litigation timer:SUSPEND_END", "open.assessing", &["notify owner suspension_over"]),
    Row("35", "A extend:first", "open.assessing", &[]),
    Row("36", "A withdraw:customer", "closed.withdrawn", &[]),
    Row("37", "A mark_duplicate:of_open", "closed.duplicate", &["send note_added"]),
    Row("38", "A T customer_accepts:customer confirm:satisfied reopen:customer", "open.assessing", &["send cancel", AGAIN, "cancel REOPEN_WINDOW"]),
    Row("38b", "A T customer_accepts:customer confirm:satisfied customer_reply:dissatisfied", "open.assessing", &["send cancel", AGAIN, "cancel REOPEN_WINDOW"]),
    Row("38d", "A T customer_accepts:customer confirm:satisfied confirm:unsatisfied", "open.assessing", &["send cancel", AGAIN, "cancel REOPEN_WINDOW"]),
    Row("38f", "A T customer_accepts:customer confirm:satisfied confirm:satisfied", "settled.satisfied", &[]),
    Row("38h", "A T customer_accepts:customer confirm:satisfied customer_reply:unknown", "settled.satisfied", &["task classify_message agent"]),
    Row("38i", "A T customer_accepts:customer confirm:satisfied customer_reply:thanks", "settled.satisfied", &[]),
    Row("38j", "A T customer_accepts:customer confirm:satisfied customer_reply:new_issue", "settled.satisfied", &[FOLLOW_UP]),
    Row("39", "A T customer_accepts:customer confirm:satisfied timer:REOPEN_WINDOW", "closed.satisfied", &[]),
    Row("39b", "A T customer_accepts:customer confirm:satisfied customer_reply:info timer:REOPEN_WINDOW", "settled.satisfied", &["arm REOPEN_WINDOW", "notify role:supervisor unread_message"]),
    Row("40", "A convert:consultation", "closed.converted", &["spawn consultation convert"]),
    Row("41", "A force_closed:approved", "closed.forced", &[]),
    Row("X4", "A withdraw:customer customer_reply:dissatisfied", "closed.withdrawn", &["spawn complaint follow_up"]),
    Row("X4", "A withdraw:customer reopen:customer", "closed.withdrawn", &["spawn complaint follow_up"]),
    Row("X4", "A withdraw:customer confirm:satisfied", "closed.withdrawn", &[]),
    Row("X4", "A withdraw:customer late_inbound:unknown", "closed.withdrawn", &[FOLLOW_UP]),
    Row("X4", "A mark_duplicate:of_open customer_reply:unknown", "closed.duplicate", &["send customer_reply"]),
];

fn steps(text: &str) -> Vec<&str> {
    let spelled = |word| match word {
        "A" => ASSESSED.split(' ').collect(),
        "F" => FOUND.split(' ').collect(),
        "T" => TOLD.split(' ').collect(),
        step => vec![step],
    };
    text.split(' ').flat_map(spelled).collect()
}

#[test]
fn every_row_does_what_the_table_says() {
    for Row(rule, way, to, effects) in ROWS {
        let steps = steps(way);
        let (last, before) = steps.split_last().unwrap();
        let mut drive = Drive::after(before);
        let change = drive.take(last);
        assert_eq!((change.rule, change.to.as_str()), (Some(*rule), *to), "{way}");
        assert_eq!(drive.summaries(), *effects, "{way}");
    }
}

#[test]
fn nothing_runs_in_a_closed_complaint() {
    for row in ROWS.iter().filter(|row| row.2.starts_with("closed.")) {
        let drive = Drive::after(&steps(row.1));
        let instance = drive.instance.as_ref().unwrap();
        assert!(instance.timers.is_empty(), "{}", row.1);
        assert!(instance.clocks.values().all(|clock| clock.run.is_none()), "{}", row.1);
    }
}
