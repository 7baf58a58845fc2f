//! Imports of small logs: every row is accounted for, and what was imported stands still until released.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use careflow::app::{self, Store};
use careflow::config::Config;
use careflow::engine::batch::Phase;
use careflow::engine::{Command, CommandError, Engine, Target};
use careflow::import::report::Report;
use careflow::import::{Import, ImportError, Imported, release};
use careflow::index::{List, Range};
use careflow::kernel::actor::{Actor, Role};
use careflow::kernel::common::Verdict;
use careflow::kernel::instance::Instance;
use careflow::kernel::instant::Instant;
use careflow::time::ManualTime;
use careflow::workflows::Registry;
use serde_json::Map;

const NOW: &str = "2026-01-01T00:00:00Z";

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path)
}

fn clock(at: &str) -> ManualTime {
    ManualTime::at(Instant::parse(at).unwrap())
}

struct Place {
    _dir: tempfile::TempDir,
    config: Config,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { data: dir.path().join("data"), definitions: None };
        Self { _dir: dir, config }
    }

    async fn import(&self, name: &str) -> Result<Imported, ImportError> {
        let (mapping, log) = match name {
            "helpdesk" => ("mappings/helpdesk-it.yaml", "logs/helpdesk-small.csv"),
            "complaints" => ("mappings/complaints-cfpb.yaml", "logs/complaints-small.csv"),
            "training" => ("mappings/training-oulad.yaml", "logs/oulad-small.csv"),
            "bank" => ("mappings/callback-campaign-bank.yaml", "logs/bank-small.csv"),
            _ => ("mappings/incidents-servicenow.yaml", "logs/incidents-small.csv"),
        };
        let (mapping, log) = (file(mapping), file(log));
        let import = Import { config: self.config.clone(), mapping, log, batch: None };
        import.run(&clock(NOW), &|_, _| {}).await
    }

    async fn ran(&self, name: &str) -> Report {
        match self.import(name).await {
            Ok(Imported::Ran(report)) => *report,
            other => panic!("{other:?}"),
        }
    }

    async fn engine(&self, at: &str) -> (Store, Engine) {
        let store = Store::open(&self.config).unwrap();
        let sources = app::sources(Registry::shipped().all(), None).unwrap();
        let engine = store.engine(sources, Arc::new(clock(at)), Box::new(|_, _| {})).await.unwrap();
        (store, engine)
    }
}

fn in_state(engine: &Engine, state: &str) -> Vec<Arc<Instance>> {
    let lists = [List::State { workflow: "consultation".into(), state: state.into() }];
    engine.page(&lists, &Range::default(), 100).unwrap().rows
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_accepted_skipped_or_refused_with_line_and_reason() {
    let report = Place::new().ran("helpdesk").await;
    assert_eq!((report.rows, report.accepted, report.skipped, report.cases), (19, 13, 0, 5), "{report}");
    let refused: Vec<_> = report
        .refused
        .iter()
        .map(|r| (r.line, r.event.as_str(), r.state.as_str(), r.code.as_str()))
        .collect();
    assert_eq!(
        refused,
        [
            (8, "accept", "closed.no_response", "event_not_accepted"),
            (9, "answer", "closed.no_response", "event_not_accepted"),
            (15, "", "", "no_rule"),
            (16, "", "", "time"),
            (17, "", "", "case"),
            (18, "", "", "future"),
        ],
        "{report}"
    );
    assert_eq!(report.moved.len(), 1);
    assert_eq!((report.moved[0].line, report.moved[0].case.as_str()), (14, "D"));
    assert!(report.to_string().contains("\nKPIs of the whole span\n  K01 First response time: "), "{report}");
    // The last row that was handled, and not the one in the future.
    assert_eq!(report.until.to_string(), "2024-03-25T09:00:00.000Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn timers_fire_between_rows_and_decide_which_alternative_wins() {
    let report = Place::new().ran("helpdesk").await;
    let won = |rule: &str| -> Vec<u64> {
        let rule = report.rules.iter().find(|count| count.rule == rule).unwrap();
        rule.alternatives.iter().map(|alternative| alternative.rows).collect()
    };
    // C was settled for want of an answer before it was resolved, so it is reopened and then answered.
    assert_eq!(won("resolved"), [2, 0, 1, 0, 0], "{report}");
    assert_eq!(won("taken in charge"), [4, 0, 0, 0, 0, 0], "{report}");
    assert_eq!(report.timers["INFO_EXPIRE"], 2);
    assert_eq!(report.timers["INFO_REMIND"], 4);
    assert_eq!(report.timers["CONFIRM_EXPIRE"], 2);
    assert_eq!(report.timers["REOPEN_WINDOW"], 2);
    let states: Vec<_> = report.states.iter().map(|(state, count)| (state.as_str(), *count)).collect();
    assert_eq!(
        states,
        [
            // The callback of the case that was archived without a confirmation; the other's is still to be made.
            ("closed.expired", 1),
            ("closed.no_response", 1),
            ("closed.unconfirmed", 1),
            ("open.answered", 1),
            ("open.intake.accepted", 1),
            ("open.queued", 1),
            ("settled.unconfirmed", 1)
        ]
    );
    assert_eq!((report.expected.matched, report.expected.cases), (3, 5));
    assert_eq!(report.expected.percent(), "60.0");
    let causes: Vec<_> =
        report.expected.exceptions.iter().map(|e| (e.cause.as_str(), e.cases.join(","))).collect();
    assert!(
        causes.contains(&("rule 14 (timer INFO_EXPIRE), then rule 23b (timer REOPEN_WINDOW)", "B".into())),
        "{causes:?}"
    );
    assert!(causes.contains(&("rule 2 (`accept`)", "D".into())), "{causes:?}");
    // Three cases and a callback.
    assert_eq!(report.unfinished, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn incidents_go_through_groups_vendors_callers_and_reopening() {
    let report = Place::new().ran("incidents").await;
    assert!(!report.has_refused(), "{report}");
    assert_eq!((report.accepted, report.skipped, report.cases), (15, 1, 2), "{report}");
    for (event, count) in
        [("transfer_department", 1), ("department_reply", 1), ("priority_changed", 1), ("answer", 3)]
    {
        assert_eq!(report.events[event], count, "{event}\n{report}");
    }
    assert_eq!((report.expected.matched, report.expected.cases), (2, 2), "{report}");
    // Nobody in the log calls back what was not confirmed: that callback has expired.
    assert_eq!(
        report.states.keys().collect::<Vec<_>>(),
        ["closed.expired", "closed.resolved", "closed.unconfirmed"]
    );
}

/// Rows of a report that were refused: line, event, state and code.
fn refused(report: &Report) -> Vec<(u64, &str, &str, &str)> {
    let all = report.refused.iter();
    all.map(|r| (r.line, r.event.as_str(), r.state.as_str(), r.code.as_str())).collect()
}

/// Cases by state.
fn states(report: &Report) -> Vec<(&str, u64)> {
    report.states.iter().map(|(state, count)| (state.as_str(), *count)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn complaints_are_answered_in_time_or_late_and_rejected_into_a_second_round() {
    let place = Place::new();
    let report = place.ran("complaints").await;
    // Lines 2–4 and 12 have four times each, 5 and 6 two, 8 three, 10 one that can be read; 11 has four.
    assert_eq!((report.rows, report.accepted, report.skipped, report.cases), (31, 16, 8, 8), "{report}");
    assert_eq!(
        refused(&report),
        [
            (7, "", "", "time_order"),
            (9, "", "", "time"),
            (10, "", "", "time"),
            (11, "register", "", "payload"),
            (11, "", "", "case_not_started"),
            (11, "", "", "case_not_started"),
            (11, "", "", "case_not_started"),
        ],
        "{report}"
    );
    let reason = &report.refused[0].reason;
    assert!(
        reason.contains("`date_sent_to_company` says 2016-01-12T15:00:00.000Z, which lies before"),
        "{reason}"
    );
    for (event, count) in [("propose", 5), ("customer_accepts", 2), ("customer_rejects", 2), ("confirm", 2)] {
        assert_eq!(report.events[event], count, "{event}\n{report}");
    }
    assert_eq!((report.expected.matched, report.expected.cases), (7, 9), "{report}");
    assert!(report.moved.is_empty() && report.lapsed.is_empty() && report.undelivered.is_empty(), "{report}");

    let (_store, engine) = place.engine(NOW).await;
    let found = |line: u64| {
        let lists = [List::Customer(format!("consumer-s-{line}"))];
        let page = engine.page(&lists, &Range::default(), 10).unwrap().rows;
        page.into_iter().find(|case| case.workflow == "complaint").unwrap()
    };
    let rounds = |line| found(line).data["case"]["round"].as_u64();
    assert_eq!([2, 3, 4, 12].map(rounds), [1, 2, 1, 2].map(Some));
    let answered = |line| {
        let clock = found(line).clocks["DEPT"].clone();
        clock.ended.first().and_then(|cycle| cycle.verdict)
    };
    assert_eq!([2, 3, 8, 12].map(answered), [Some(Verdict::Met); 4]);
    assert_eq!(answered(4), Some(Verdict::Breached));
    for (line, state) in [
        (2, "closed.satisfied"),
        (3, "open.investigating.dispatched"),
        (5, "open.investigating.in_progress"),
        (8, "open.communicating"),
        (10, "open.assessing"),
    ] {
        assert_eq!(found(line).state, state, "line {line}");
    }
    let unanswered = found(5).clocks["DEPT"].clone();
    assert!(unanswered.run.is_some_and(|run| run.is_breached()), "{report}");
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_called_until_they_agree_or_refuse_or_were_called_too_often() {
    let place = Place::new();
    let report = place.ran("bank").await;
    assert_eq!((report.rows, report.accepted, report.skipped, report.cases), (35, 17, 10, 9), "{report}");
    assert_eq!(
        refused(&report),
        [
            // A fourth call, and a ninth.
            (6, "claim", "closed.unreachable", "event_not_accepted"),
            (7, "claim", "closed.unreachable", "event_not_accepted"),
            // A month without a week, a day without calls, a letter, and no word of what came of it.
            (8, "", "", "time"),
            (9, "", "", "time"),
            (10, "plan", "", "payload"),
            (10, "", "", "case_not_started"),
            (11, "", "", "no_rule"),
            (12, "", "", "case"),
        ],
        "{report}"
    );
    assert_eq!(
        states(&report),
        [
            ("closed.completed_positive", 3),
            ("closed.expired", 2),
            ("closed.refused", 2),
            ("closed.unreachable", 2)
        ],
        "{report}"
    );
    assert_eq!(
        (report.expected.matched, report.expected.cases, report.expected.unsaid),
        (5, 9, 1),
        "{report}"
    );
    assert!(report.moved.is_empty() && report.lapsed.is_empty() && report.undelivered.is_empty(), "{report}");

    let (_store, engine) = place.engine(NOW).await;
    let tried = |client: u32| -> Vec<String> {
        let lists = [List::Customer(format!("client-{client}"))];
        let page = engine.page(&lists, &Range::default(), 10).unwrap().rows;
        let log = page[0].data["attempt_log"].as_array().unwrap();
        log.iter().map(|tried| format!("{} {}", tried["at"], tried["outcome"]).replace('"', "")).collect()
    };
    // By the clocks of Lisbon in summer: the last call lies on the day that the row says.
    assert_eq!(
        tried(4),
        [
            "2009-05-05T09:00:00.000Z no_answer",
            "2009-05-06T14:00:00.000Z no_answer",
            "2009-05-13T09:00:00.000Z rejected"
        ]
    );
    assert_eq!(tried(1), ["2009-03-16T10:00:00.000Z connected"]);
    assert_eq!(tried(6).len(), 3);
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn children_are_started_by_their_cases_and_take_the_rows_that_are_theirs() {
    let report = Place::new().ran("training").await;
    assert_eq!((report.rows, report.accepted, report.skipped, report.cases), (39, 26, 6, 1), "{report}");
    assert_eq!(
        refused(&report),
        [
            // Registered when the class was on already.
            (10, "enroll", "", "event_not_accepted"),
            (10, "", "", "case_not_started"),
            (11, "", "", "case_not_started"),
            (11, "", "", "case_not_started"),
            // Three weeks late: there is nothing left to retake.
            (17, "start_attempt", "closed.failed_final", "event_not_accepted"),
            // Of a class that the log has no row of.
            (20, "", "", "no_parent"),
            (20, "", "", "case_not_started"),
        ],
        "{report}"
    );
    // s1, s3, s6 and s7 passed, s3 and s7 by a retake; s2, s4 and s8 failed, and people decided on nothing.
    assert_eq!(
        states(&report),
        [
            ("assessing", 1),
            ("closed.failed_final", 3),
            ("closed.none", 3),
            ("closed.passed", 4),
            ("evaluating.assessing", 1)
        ],
        "{report}"
    );
    assert_eq!(report.children, 11, "{report}");
    assert_eq!(
        (report.events["enroll"], report.events["grade"], report.timers["RETAKE_AT"]),
        (8, 5, 2),
        "{report}"
    );
    // s4 by its timer; s9 is not graded, so its class waits.
    assert_eq!(
        (report.expected.matched, report.expected.cases, report.expected.unsaid),
        (2, 4, 7),
        "{report}"
    );
    // The start of the sitting finds nobody whose leave is undecided.
    assert_eq!(report.lapsed, [("SITTING_START".to_owned(), 8)].into(), "{report}");
    assert!(report.undelivered.is_empty(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_carries_its_origin_and_its_virtual_time() {
    let place = Place::new();
    let report = place.ran("helpdesk").await;
    let (_store, engine) = place.engine(NOW).await;
    let (found, _) = engine.changes(0, 10_000, std::time::Duration::ZERO).await.unwrap();
    let cases: Vec<_> = found.iter().filter(|r| !r.entry.workflow.starts_with('$')).collect();
    assert!(cases.len() > 30);
    for recorded in cases {
        assert_eq!(recorded.entry.origin.as_deref(), Some("helpdesk-it"));
        assert!(recorded.entry.recorded_at >= report.from && recorded.entry.recorded_at <= report.until);
        if let Some(careflow::kernel::entry::Cause::Timer { due, .. }) = &recorded.entry.cause {
            assert_eq!(recorded.entry.recorded_at, *due);
        }
    }
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_cases_stand_still_until_they_are_released() {
    let place = Place::new();
    place.ran("helpdesk").await;
    {
        let (_store, engine) = place.engine(NOW).await;
        engine.settle().await;
        let answered = in_state(&engine, "open.answered");
        assert_eq!(answered.len(), 1);
        let command = Command {
            target: Target::Instance(answered[0].id.clone()),
            event: "accept".into(),
            payload: Map::new(),
            actor: Actor::person("agent", Role::Agent),
            occurred_at: None,
            key: None,
            if_match: None,
            request_id: None,
            origin: None,
        };
        let refused = engine.submit(command).await.unwrap_err();
        assert!(matches!(&refused, CommandError::Held(batch) if batch == "helpdesk-it"), "{refused}");
        engine.stop().await.unwrap();
    }
    let released = release(&place.config, None, Arc::new(clock(NOW))).await.unwrap();
    assert_eq!(released, ("helpdesk-it".into(), Phase::Complete));
    let again = release(&place.config, Some("helpdesk-it"), Arc::new(clock(NOW))).await.unwrap();
    assert_eq!(again, ("helpdesk-it".into(), Phase::Released));
    let (_store, engine) = place.engine(NOW).await;
    assert_eq!(in_state(&engine, "open.answered").len(), 0);
    let moved = in_state(&engine, "settled.unconfirmed");
    let history = engine.history(&moved[0], 0, 100).await.unwrap();
    let last = history.last().unwrap();
    assert_eq!(last.entry.recorded_at, Instant::parse(NOW).unwrap());
    assert_eq!(last.entry.payload["catch_up"], true);
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_import_again_does_nothing_and_another_is_refused_by_name() {
    let place = Place::new();
    place.ran("helpdesk").await;
    let again = place.import("helpdesk").await.unwrap();
    assert_eq!(again, Imported::Before("helpdesk-it".into(), Phase::Complete));
    let other = place.import("incidents").await.unwrap_err();
    assert!(
        matches!(&other, ImportError::Occupied(said) if said.contains("holds batch `helpdesk-it`")),
        "{other}"
    );
    let other_log = Import {
        config: place.config.clone(),
        mapping: file("mappings/incidents-servicenow.yaml"),
        log: file("logs/incidents-small.csv"),
        batch: Some("helpdesk-it".into()),
    };
    let refused = other_log.run(&clock(NOW), &|_, _| {}).await.unwrap_err();
    assert!(refused.to_string().contains("of another log or mapping"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_import_is_refused_by_name() {
    let place = Place::new();
    let (store, engine) = place.engine("2024-03-04T08:00:00Z").await;
    engine.put_batch("helpdesk-it", "0", Phase::Running).await.unwrap();
    engine.stop().await.unwrap();
    drop((store, engine));
    for name in ["helpdesk", "incidents"] {
        let refused = place.import(name).await.unwrap_err().to_string();
        assert!(refused.contains("holds batch `helpdesk-it`, which was interrupted"), "{refused}");
    }
    let refused = release(&place.config, None, Arc::new(clock(NOW))).await.unwrap_err().to_string();
    assert!(refused.contains("interrupted"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_written_later_than_the_log_began_is_refused() {
    let place = Place::new();
    let (store, engine) = place.engine(NOW).await;
    engine.stop().await.unwrap();
    drop((store, engine));
    let refused = place.import("helpdesk").await.unwrap_err().to_string();
    assert!(
        refused.contains("was last written at 2026-01-01T00:00:00.000Z, after the first row"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_nothing_to_release_where_nothing_was_imported() {
    let place = Place::new();
    let refused = release(&place.config, None, Arc::new(clock(NOW))).await.unwrap_err();
    assert!(matches!(refused, ImportError::Release(_)), "{refused}");
    assert!(!place.config.data.exists());
}
