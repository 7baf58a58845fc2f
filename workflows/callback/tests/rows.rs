//! Owns the effects of the rows (§3.3): what each causes beside moving the callback.

use super::drive::Drive;

/// Rule; what leads to the state before, the event last; state after; effects.
struct Row(&'static str, &'static str, &'static str, &'static [&'static str]);

const QUEUED: &str = "plan:complaint timer:WINDOW_OPEN";
const CLAIMED: &str = "plan:complaint timer:WINDOW_OPEN claim:agent";
const CONNECTED: &str = "plan:complaint timer:WINDOW_OPEN claim:agent attempt_result:connected";
const TWICE: &str =
    "attempt_result:no_answer timer:RETRY_AT claim:agent attempt_result:no_answer timer:RETRY_AT claim:agent";

const WRITTEN: &str = "notify customer questionnaire";
const TOLD: &str = "send satisfaction_recorded";
const RETRY: &str = "open.attempting.retry_wait";
const NEGATIVE: &str = "closed.completed_negative";

/// `Q` stands for a callback that waits for somebody, `C` for one that is being called, `T` for a customer on the
/// line, `N` for two attempts without an answer and a third that begins.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row("1", "plan:complaint", "planned", &["arm WINDOW_OPEN"]),
    Row("2", "plan:opted_out", "closed.suppressed", &[]),
    Row("3", "Q", "open.queued", &["arm EXPIRE"]),
    Row("4", "C", "open.attempting.contacting", &["cancel EXPIRE", "arm LOCK"]),
    Row("5", "T", "open.connected", &["arm LOCK"]),
    Row("6", "C attempt_result:busy", RETRY, &["arm RETRY_AT", "cancel LOCK", "arm EXPIRE"]),
    Row("7", "C attempt_result:no_answer", RETRY, &["arm RETRY_AT", "cancel LOCK", "arm EXPIRE"]),
    Row("8", "C attempt_result:wrong_number", "open.queued", &["task profile_contact agent", "cancel LOCK", "arm EXPIRE"]),
    Row("8", "C attempt_result:channel_closed", "open.queued", &["cancel LOCK", "arm EXPIRE"]),
    Row("8a", "C attempt_result:channel_closed claim:agent attempt_result:wrong_number", "open.fallback", &["task profile_contact agent", WRITTEN, "cancel LOCK", "arm FALLBACK_EXPIRE"]),
    Row("9", "C attempt_result:rejected", "closed.refused", &["cancel LOCK"]),
    Row("10", "C N attempt_result:no_answer", "open.fallback", &[WRITTEN, "cancel LOCK", "arm FALLBACK_EXPIRE"]),
    Row("11", "C release:agent", "open.queued", &["cancel LOCK", "arm EXPIRE"]),
    Row("11a", "C timer:LOCK", "open.queued", &["arm EXPIRE"]),
    Row("12", "C attempt_result:busy timer:RETRY_AT", "open.queued", &["arm EXPIRE"]),
    Row("13", "T schedule:customer", "open.attempting.appointed", &["cancel LOCK", "arm APPOINTMENT", "arm EXPIRE"]),
    Row("13a", "T release:agent", RETRY, &["arm RETRY_AT", "cancel LOCK", "arm EXPIRE"]),
    Row("13b", "C N attempt_result:connected release:agent", "open.fallback", &[WRITTEN, "cancel LOCK", "arm FALLBACK_EXPIRE"]),
    Row("13c", "T timer:LOCK", RETRY, &["arm RETRY_AT", "arm EXPIRE"]),
    Row("13d", "C N attempt_result:connected timer:LOCK", "open.fallback", &[WRITTEN, "arm FALLBACK_EXPIRE"]),
    Row("14", "T schedule:customer timer:APPOINTMENT", "open.queued", &["arm APPOINTMENT_MISSED", "notify owner appointment_near", "arm EXPIRE"]),
    Row("14a", "T schedule:customer timer:APPOINTMENT timer:APPOINTMENT_MISSED", "open.queued", &["notify role:supervisor appointment_missed"]),
    Row("15", "T record:positive", "closed.completed_positive", &[TOLD, "cancel LOCK"]),
    Row("16", "T record:neutral", "closed.completed_neutral", &[TOLD, "task suggestion supervisor", "cancel LOCK"]),
    Row("17", "T record:low", "open.reviewing", &[TOLD, "notify role:supervisor low_score", "cancel LOCK", "arm RECOVERY_HALF", "arm RECOVERY"]),
    Row("17a", "plan:missed timer:WINDOW_OPEN claim:agent attempt_result:connected record:unscored", "closed.completed_neutral", &["spawn consultation follow_up", "cancel LOCK"]),
    Row("18", "T record:low dispose:reopens", NEGATIVE, &["send reopen", "cancel RECOVERY_HALF", "cancel RECOVERY"]),
    Row("19", "T record:low dispose:complains", NEGATIVE, &["spawn complaint low_score", "cancel RECOVERY_HALF", "cancel RECOVERY"]),
    Row("19a", "plan:deep timer:WINDOW_OPEN claim:agent attempt_result:connected record:low dispose:complains", NEGATIVE, &["task management_review process_owner", "cancel RECOVERY_HALF", "cancel RECOVERY"]),
    Row("20", "T record:low dispose:improves", NEGATIVE, &["task improvement_action qa_inspector", "cancel RECOVERY_HALF", "cancel RECOVERY"]),
    Row("20", "T record:low dispose:explains", NEGATIVE, &["cancel RECOVERY_HALF", "cancel RECOVERY"]),
    Row("21", "T record:worst timer:RECOVERY_HALF", NEGATIVE, &["spawn complaint low_score", "cancel RECOVERY"]),
    Row("21", "plan:deep timer:WINDOW_OPEN claim:agent attempt_result:connected record:worst timer:RECOVERY_HALF", NEGATIVE, &["task management_review process_owner", "cancel RECOVERY"]),
    Row("21a", "T record:low timer:RECOVERY_HALF", "open.reviewing", &["notify role:supervisor low_score_undecided"]),
    Row("21b", "T record:low timer:RECOVERY_HALF timer:RECOVERY", NEGATIVE, &["task improvement_action qa_inspector"]),
    Row("22", "C N attempt_result:busy timer:FALLBACK_EXPIRE", "closed.unreachable", &[]),
    Row("22a", "plan:complaint contact_fixed:phone", "planned", &[]),
    Row("22a", "Q contact_fixed:phone", "open.queued", &[]),
    Row("22b", "C attempt_result:channel_closed claim:agent attempt_result:wrong_number contact_fixed:phone", "open.queued", &["cancel FALLBACK_EXPIRE", "arm EXPIRE"]),
    Row("22c", "C N attempt_result:wrong_number contact_fixed:phone", "open.fallback", &[WRITTEN]),
    Row("23", "plan:complaint opt_out:survey", "closed.refused", &["count opted_out", "cancel WINDOW_OPEN"]),
    Row("23", "T opt_out:survey", "closed.refused", &["count opted_out", "cancel LOCK"]),
    Row("23a", "T record:low opt_out:survey", "open.reviewing", &["count opted_out"]),
    Row("24", "plan:complaint cancel:supervisor", "closed.cancelled", &["cancel WINDOW_OPEN"]),
    Row("24", "C attempt_result:busy cancel:supervisor", "closed.cancelled", &["cancel EXPIRE", "cancel RETRY_AT"]),
    Row("24a", "T record:low subject_erased:customer", "closed.cancelled", &["cancel RECOVERY_HALF", "cancel RECOVERY"]),
    Row("24b", "Q subject_restricted:customer", "closed.cancelled", &["cancel EXPIRE"]),
    Row("24c", "plan:complaint force_closed:approved", "closed.cancelled", &["cancel WINDOW_OPEN"]),
    Row("25", "Q timer:EXPIRE", "closed.expired", &["notify role:supervisor callback_expired"]),
    Row("X4", "C N attempt_result:busy timer:FALLBACK_EXPIRE record:written", "closed.unreachable", &[TOLD]),
    Row("X4", "C N attempt_result:busy timer:FALLBACK_EXPIRE record:written_low", "closed.unreachable", &[TOLD, "task low_score supervisor"]),
];

fn steps(text: &str) -> Vec<&str> {
    let spelled = |word| match word {
        "Q" => QUEUED.split(' ').collect(),
        "C" => CLAIMED.split(' ').collect(),
        "T" => CONNECTED.split(' ').collect(),
        "N" => TWICE.split(' ').collect(),
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
fn nothing_runs_in_a_closed_callback() {
    for row in ROWS.iter().filter(|row| row.2.starts_with("closed.")) {
        let drive = Drive::after(&steps(row.1));
        let instance = drive.instance.as_ref().unwrap();
        assert!(instance.timers.is_empty(), "{}", row.1);
        assert!(instance.clocks.values().all(|clock| clock.run.is_none()), "{}", row.1);
        assert_eq!(drive.data().locked_by, None, "{}", row.1);
    }
}
