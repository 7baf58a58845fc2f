//! Real logs, replayed whole; skipped with a line where the data is not present.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use careflow::app::{self, Store};
use careflow::config::Config;
use careflow::import::report::Report;
use careflow::import::{Import, Imported};
use careflow::index::{Index, List, Range};
use careflow::kernel::common::Verdict;
use careflow::time::WallTime;

use crate::rig::sample_data;

fn data(file: &str) -> Option<PathBuf> {
    let path = sample_data().map(|folder| folder.join(file)).filter(|path| path.exists());
    if path.is_none() {
        println!("skipped: `{file}` is not present");
    }
    path
}

async fn import(mapping: &str, log: PathBuf) -> Report {
    let dir = tempfile::tempdir().unwrap();
    import_into(Config { data: dir.path().join("data"), definitions: None }, mapping, log).await
}

/// The shipped definitions in `dir`, each `(from, to)` replaced in the one of `workflow`.
fn definitions(dir: &Path, workflow: &str, edits: &[(&str, &str)]) -> PathBuf {
    let definitions = dir.join("definitions");
    std::fs::create_dir(&definitions).unwrap();
    for (name, mut text) in app::shipped_files() {
        if text.contains(&format!("\nworkflow: {workflow}\n")) {
            for (from, to) in edits {
                assert_eq!(text.matches(from).count(), 1, "{from}");
                text = text.replace(from, to);
            }
        }
        std::fs::write(definitions.join(name.replace('/', "-")), text).unwrap();
    }
    definitions
}

async fn import_into(config: Config, mapping: &str, log: PathBuf) -> Report {
    let mapping = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mappings").join(mapping);
    let import = Import { config, mapping, log, batch: None };
    match import.run(&WallTime, &|_, _| {}).await {
        Ok(Imported::Ran(report)) => *report,
        other => panic!("{other:?}"),
    }
}

/// Everything that the text says of exceptions, as (expected, state, cause, cases).
fn exceptions(report: &Report) -> Vec<(&str, &str, &str, usize)> {
    let all = report.expected.exceptions.iter();
    all.map(|e| (e.expected.as_str(), e.state.as_str(), e.cause.as_str(), e.cases.len())).collect()
}

/// Nothing is dropped: each row is in exactly one count.
fn all_rows_are_counted(report: &Report) {
    assert_eq!(report.rows, report.accepted + report.skipped + report.refused.len() as u64, "{report}");
    let of_rules: u64 = report.rules.iter().map(|rule| rule.rows).sum();
    assert_eq!(of_rules, report.rows, "{report}");
    assert!(report.refused.iter().all(|r| r.line > 1 && !r.case.is_empty() && !r.reason.is_empty()));
    assert_eq!(report.states.values().sum::<u64>(), report.cases + report.children);
    assert!(report.lapsed.is_empty() && report.undelivered.is_empty(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn helpdesk_cases_end_where_their_last_row_says() {
    let Some(log) = data("helpdesk-it/events.csv") else { return };
    let report = import("helpdesk-it.yaml", log).await;
    all_rows_are_counted(&report);
    assert_eq!((report.rows, report.cases), (6_884, 1_895), "{report}");
    assert_eq!((report.accepted, report.skipped, report.refused.len()), (6_692, 0, 192), "{report}");
    assert_eq!((report.expected.matched, report.expected.cases), (1_796, 1_895), "{report}");
    assert_eq!(report.expected.percent(), "94.7");
    let silent = "rule 14 (timer INFO_EXPIRE), then rule 23b (timer REOPEN_WINDOW)";
    assert_eq!(exceptions(&report), [("resolved", "closed.no_response", silent, 99)], "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn incidents_end_where_their_last_row_says() {
    let Some(log) = data("incidents-servicenow/events.csv") else { return };
    let report = import("incidents-servicenow.yaml", log).await;
    all_rows_are_counted(&report);
    assert_eq!((report.rows, report.cases), (3_010, 452), "{report}");
    assert_eq!((report.accepted, report.skipped, report.refused.len()), (2_484, 429, 97), "{report}");
    assert_eq!(report.moved.len(), 2, "{report}");
    assert_eq!((report.expected.matched, report.expected.cases), (421, 452), "{report}");
    assert_eq!(report.expected.percent(), "93.1");
    let silent = "rule 14 (timer INFO_EXPIRE), then rule 23b (timer REOPEN_WINDOW)";
    assert_eq!(exceptions(&report), [("closed", "closed.no_response", silent, 31)], "{report}");
}

/// Always open, in Boston.
const BOSTON: &str = r#"name: boston
version: 1
title: { en: Around the clock in Boston, zh: 波士顿全天 }
zone: America/New_York
weekly:
  mon: ["00:00-24:00"]
  tue: ["00:00-24:00"]
  wed: ["00:00-24:00"]
  thu: ["00:00-24:00"]
  fri: ["00:00-24:00"]
  sat: ["00:00-24:00"]
  sun: ["00:00-24:00"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_boston_are_on_time_or_overdue_as_the_city_says() {
    let Some(log) = data("service-requests-boston311/cases.csv") else { return };
    let dir = tempfile::tempdir().unwrap();
    let definitions = dir.path().join("definitions");
    std::fs::create_dir(&definitions).unwrap();
    let (_, shipped) =
        app::shipped_files().into_iter().find(|(name, _)| name.contains("consultation")).unwrap();
    std::fs::write(
        definitions.join("consultation.yaml"),
        shipped.replace("calendar: cn", "calendar: boston"),
    )
    .unwrap();
    std::fs::write(definitions.join("boston.yaml"), BOSTON).unwrap();
    let config = Config { data: dir.path().join("data"), definitions: Some(definitions) };
    let report = import_into(config.clone(), "boston311.yaml", log.clone()).await;
    all_rows_are_counted(&report);
    assert_eq!((report.rows, report.cases), (25_845, 15_024), "{report}");
    assert_eq!((report.accepted, report.skipped, report.refused.len()), (10_821, 15_024, 0), "{report}");
    assert_eq!((report.expected.matched, report.expected.cases), (15_024, 15_024), "{report}");

    let store = Store::open(&config).unwrap();
    let mut classes: BTreeMap<(&str, bool), Vec<String>> = BTreeMap::new();
    let mut rows = csv::Reader::from_path(log).unwrap();
    for row in rows.deserialize::<BTreeMap<String, String>>() {
        let row = row.unwrap();
        let case = &row["case_enquiry_id"];
        let list = List::ExternalRef { workflow: "consultation".into(), reference: case.clone() };
        let found = store.index.page(&[list], &Range::default(), 2).unwrap().rows;
        let [instance] = &found[..] else { panic!("{case}: {} cases", found.len()) };
        let clock = &instance.clocks["RES"];
        let overdue = match (&clock.run, clock.ended.last()) {
            (Some(run), _) => run.is_breached(),
            (None, ended) => ended.unwrap().verdict == Some(Verdict::Breached),
        };
        // Times without a zone compare as the text that they are.
        let (target, closed) = (&row["target_dt"], &row["closed_dt"]);
        let flagged = row["ontime_status"] == "OVERDUE";
        let class = match (target.as_str(), closed.as_str()) {
            ("", _) => "the city gave no time",
            (_, "") => "open",
            (target, closed) if (closed > target) == flagged => "closed",
            _ => "the flag contradicts the times",
        };
        classes.entry((class, overdue == flagged)).or_default().push(case.clone());
    }
    let count = |class: &str, agrees: bool| classes.get(&(class, agrees)).map_or(0, Vec::len);
    // Without an exception where the city gave a time and its flag agrees with it.
    assert_eq!((count("closed", true), count("closed", false)), (7_833, 0));
    assert_eq!(
        count("the flag contradicts the times", true) + count("the flag contradicts the times", false),
        0
    );
    // Open when the data ends: due in the hours between the city's look and the end of the import.
    assert_eq!(count("open", true), 2_835);
    assert_eq!(
        classes[&("open", false)],
        ["101001578663", "101001664417"],
        "due on the morning of 2016-01-13"
    );
    // Flagged on time for want of a time; the policy's own target is another promise.
    let untold = count("the city gave no time", true) + count("the city gave no time", false);
    assert_eq!(untold, 4_354);

    let kpi = |kpi: &str, name: &str| report.kpis.iter().find(|k| k.kpi == kpi && k.measure == name).unwrap();
    let resolved = kpi("K04", "confirmed");
    assert_eq!((resolved.numerator, resolved.n), (Some(10_821), 10_821), "{report}");
    assert_eq!(kpi("K06", "wall").n, 10_821);
    assert!(
        report.to_string().contains("K04 Resolved, as customers say: 100.00 % (10821 of 10821)"),
        "{report}"
    );
}

/// How often each code was the reason for a refusal of `event`.
fn codes(report: &Report, event: &str) -> BTreeMap<String, usize> {
    let mut codes = BTreeMap::new();
    for refused in report.refused.iter().filter(|refused| refused.event == event) {
        *codes.entry(refused.code.clone()).or_default() += 1;
    }
    codes
}

/// The bureau's rule: fifteen days from the day on which the company has it. What the company answers is the
/// department's proposal, so DEPT is its clock. It counts working days, and on a calendar that is always open
/// every day is one.
const BUREAU: [(&str, &str); 2] = [
    ("\ncalendar: cn\n", "\ncalendar: always\n"),
    (
        "dept: { minor: 3 working days, normal: 3 working days, major: 2 working days, critical: 1 working day }",
        "dept: { minor: 15 working days, normal: 15 working days, major: 15 working days, critical: 15 working days }",
    ),
];

/// Every third row of `log`, as a log in `dir`: a debug build takes long for all of them.
fn third(log: &Path, dir: &Path) -> PathBuf {
    let file = dir.join("log.csv");
    let mut rows = csv::Reader::from_path(log).unwrap();
    let mut part = csv::Writer::from_path(&file).unwrap();
    part.write_record(rows.headers().unwrap()).unwrap();
    for row in rows.records().step_by(3) {
        part.write_record(&row.unwrap()).unwrap();
    }
    part.flush().unwrap();
    file
}

/// Counted with Python's csv module in every third of the file's 3,830 rows: 1,277. Two were sent before they were
/// received. Of the other 1,275, 145 are in progress and 11 were never answered, none of them disputed; 1,119 were
/// answered, 21 of them late; of those 211 were disputed, 874 not, and 34 have no word. The last word is
/// of 2024-12-10, and 107 of those in progress were sent less than fifteen days before.
#[tokio::test(flavor = "multi_thread")]
async fn complaints_are_late_where_the_bureau_says_so_and_come_again_where_they_are_disputed() {
    let Some(log) = data("complaints-cfpb/complaints.csv") else { return };
    let dir = tempfile::tempdir().unwrap();
    let log = third(&log, dir.path());
    let definitions = definitions(dir.path(), "complaint", &BUREAU);
    let config = Config { data: dir.path().join("data"), definitions: Some(definitions) };
    let report = import_into(config.clone(), "complaints-cfpb.yaml", log.clone()).await;

    // Each received and sent, then the answers and the consumers' words; a refused row is one.
    assert_eq!((report.read, report.rows), (1_277, 2 * 1_275 + 1_119 + 211 + 874 + 2), "{report}");
    assert_eq!((report.accepted, report.skipped), (1_275 + 1_119 + 211 + 874, 1_275), "{report}");
    assert_eq!(report.cases, 1_275, "{report}");
    assert_eq!(codes(&report, ""), [("time_order".to_owned(), 2)].into(), "{report}");
    assert!(report.moved.is_empty() && report.lapsed.is_empty() && report.undelivered.is_empty(), "{report}");
    let sent = |event: &str| report.events[event];
    assert_eq!((sent("propose"), sent("customer_rejects"), sent("customer_accepts")), (1_119, 211, 874));
    assert_eq!((report.expected.matched, report.expected.cases), (1_275, 1_275), "{report}");
    // In the second round, and never answered.
    assert_eq!(report.states["open.investigating.dispatched"], 211, "{report}");
    assert_eq!(report.states["open.investigating.in_progress"], 145 + 11, "{report}");

    let store = Store::open(&config).unwrap();
    let mut classes: BTreeMap<(String, String, &str), usize> = BTreeMap::new();
    let mut backwards = Vec::new();
    let mut rows = csv::Reader::from_path(log).unwrap();
    let header = rows.headers().unwrap().clone();
    for row in rows.records() {
        let row = row.unwrap();
        let line = row.position().unwrap().line();
        let row: BTreeMap<String, String> = row.deserialize(Some(&header)).unwrap();
        if row["date_sent_to_company"] < row["date_received"] {
            backwards.push(line);
            continue;
        }
        let list = List::Customer(format!("consumer-{}-{line}", row["source"]));
        let found = store.index.page(&[list], &Range::default(), 10).unwrap().rows;
        let clock = &found.iter().find(|case| case.workflow == "complaint").unwrap().clocks["DEPT"];
        // The first answer's clock: a second round has one of its own.
        let stands = match (clock.ended.first(), &clock.run) {
            (Some(ended), _) if ended.verdict == Some(Verdict::Breached) => "late",
            (Some(_), _) => "in time",
            (None, Some(run)) if run.is_breached() => "overdue",
            (None, _) => "not due",
        };
        let response = &row["company_response"];
        let answered = if response.starts_with("Closed") { "answered" } else { response };
        *classes.entry((answered.to_owned(), row["timely_response"].clone(), stands)).or_default() += 1;
    }
    assert_eq!(report.refused.iter().map(|refused| refused.line).collect::<Vec<_>>(), backwards, "{report}");
    let expected = [
        (("In progress", "Yes", "not due"), 107),
        // The flow waits for an answer, not for a word that there will be one.
        (("In progress", "Yes", "overdue"), 38),
        (("Untimely response", "No", "overdue"), 11),
        (("answered", "No", "late"), 21),
        (("answered", "Yes", "in time"), 1_098),
    ];
    let expected = expected.map(|((a, b, c), count)| ((a.to_owned(), b.to_owned(), c), count));
    assert_eq!(classes, expected.into(), "{report}");

    let kpi = |name: &str| report.kpis.iter().find(|k| k.kpi == "K12" && k.measure == name).unwrap();
    // Closed with a satisfied consumer; those of the last fifteen days are settled only, and there are none.
    assert_eq!((kpi("satisfied").numerator, kpi("satisfied").n), (Some(874), 874), "{report}");
    assert_eq!((kpi("one_round").numerator, kpi("one_round").n), (Some(874), 874), "{report}");
}

/// Most of a course in one class: it is divided.
const CLASS_MAX: usize = 50;

/// Reads a table as rows of column: value.
fn table(file: &str) -> Option<Vec<BTreeMap<String, String>>> {
    let rows = csv::Reader::from_path(data(file)?).unwrap().into_deserialize();
    Some(rows.map(Result::unwrap).collect())
}

/// The three tables as one log, as the mapping describes it: of the one course `module`.
fn joined(module: &str) -> Option<String> {
    let of = |row: &BTreeMap<String, String>| row["code_module"] == module;
    let assessments = table("training-oulad/assessments.csv")?;
    let enrolments: Vec<_> = table("training-oulad/enrolments.csv")?.into_iter().filter(of).collect();
    let submissions = table("training-oulad/submissions.csv")?;
    let by_work: BTreeMap<_, _> =
        submissions.iter().map(|row| ((&row["id_assessment"], &row["id_student"]), row)).collect();
    let mut log = "class,kind,code_module,code_presentation,id_assessment,due,day,id_student,num_of_prev_attempts,score\n".to_owned();
    for assessment in assessments.iter().filter(|row| of(row)) {
        let (id, presentation) = (&assessment["id_assessment"], &assessment["code_presentation"]);
        let takers = enrolments.iter().filter(|row| row["code_presentation"] == *presentation);
        for (at, row) in takers.enumerate() {
            let (class, due) = (at / CLASS_MAX + 1, &assessment["date"]);
            let mut put = |kind: &str, day: &str, rest: &str| {
                log.push_str(&format!(
                    "{id}/{class},{kind},{module},{presentation},{id},{due},{day},{rest}\n"
                ));
            };
            if at % CLASS_MAX == 0 {
                put("class", "-210", ",,");
            }
            let (student, before) = (&row["id_student"], &row["num_of_prev_attempts"]);
            put("enrolment", &row["date_registration"], &format!("{student},{before},"));
            if let Some(work) = by_work.get(&(id, student)) {
                put("submission", &work["date_submitted"], &format!("{student},,{}", work["score"]));
            }
        }
    }
    Some(log)
}

/// Derived from the tables with Python, by the days of the mapping's rules and weekdays alone. The course AAA
/// has 622 registrations and three assessments in each of its two years: 1,866 enrolments in 39 classes
/// of 50 at most. Three registered less than a week before the due day. Of the other 1,863, 90 are of
/// repeaters, 73 handed in nothing, one has no score and is late; 1,370 handed in by the due day
/// (1,351 with 40 or more, 19 with less) and 419 later: 359 within thirteen days, in time for a retake
/// (345 and 14), 15 on the fourteenth, too late for one to be planned, and 45 when nothing was left.
///
/// The mapping expects something of the 39 classes, of the 73 who handed in nothing and of the one without
/// a score. The last is late, so it stands elsewhere. The three who registered late handed in with a score.
#[tokio::test(flavor = "multi_thread")]
async fn a_course_passes_fails_retakes_and_is_late_as_its_records_say() {
    let Some(log) = joined("AAA") else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log.csv");
    std::fs::write(&file, log).unwrap();
    let config = Config { data: dir.path().join("data"), definitions: None };
    let report = import_into(config, "training-oulad.yaml", file).await;

    let of_rules: u64 = report.rules.iter().map(|rule| rule.rows).sum();
    assert_eq!(
        (of_rules, report.accepted + report.skipped + report.refused.len() as u64),
        (report.rows, report.rows)
    );
    assert_eq!((report.cases, report.events["enroll"]), (39, 1_863), "{report}");
    assert_eq!(codes(&report, "enroll"), [("event_not_accepted".to_owned(), 3)].into(), "{report}");
    assert_eq!(codes(&report, "schedule_retake"), [("retake_gap".to_owned(), 15)].into(), "{report}");
    assert_eq!(codes(&report, "start_attempt"), [("event_not_accepted".to_owned(), 45)].into(), "{report}");
    let graded = |rule: &str| -> u64 {
        let rule = report.rules.iter().find(|count| count.rule == rule).unwrap();
        let won = rule.alternatives.iter().filter(|won| won.alternative.contains("grade"));
        won.map(|won| won.rows).sum()
    };
    assert_eq!(
        (graded("handed in") + graded("handed in before, taken now"), graded("retaken")),
        (1_370, 359),
        "{report}"
    );
    assert_eq!(report.events["schedule_retake"], 359, "{report}");
    let state = |state: &str| report.states.get(state).copied().unwrap_or(0);
    assert_eq!(state("closed.passed"), 1_351 + 345, "{report}");
    // Nothing, too low, too low again, too late twice, and without a score.
    assert_eq!(state("closed.failed_final"), 73 + 19 + 14 + 15 + 45 + 1, "{report}");
    // Nobody decided what follows from it, so nothing does.
    assert_eq!(state("closed.none"), 167, "{report}");
    assert_eq!((state("reviewing"), report.unfinished), (39, 39), "{report}");
    assert_eq!((report.expected.matched, report.expected.cases), (39 + 73, 39 + 73 + 1), "{report}");
    assert_eq!(report.expected.unsaid, 1_866 - 73 - 1, "{report}");
    let never = &report.expected.exceptions[0];
    assert_eq!((never.expected.as_str(), never.state.as_str()), ("never graded", "closed.failed_final"));
    assert!(report.moved.is_empty() && report.undelivered.is_empty(), "{report}");
    // The start of a sitting finds nobody whose leave is undecided.
    assert_eq!(report.lapsed.keys().collect::<Vec<_>>(), ["SITTING_START"], "{report}");
}

/// Counted in the file with Python's csv module. Of 2,060 clients 866 were called once, 521 twice, 279 three
/// times, 151 four times and 243 more often; so 1,194 have a second call, 673 a third and 394 a fourth. Of those who
/// were called three times at most 188 agreed and 1,478 did not, of the others 24 and 370.
#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_reaches_clients_by_its_third_call_or_not_at_all() {
    let Some(log) = data("callback-campaign-bank/contacts.csv") else { return };
    let report = import("callback-campaign-bank.yaml", log.clone()).await;
    all_rows_are_counted(&report);
    // Planned, the calls in vain, those that are not replayed, and the last.
    assert_eq!(report.rows, 2_060 + (1_194 + 673 + 394) + 243 + 2_060, "{report}");
    assert_eq!((report.cases, report.skipped), (2_060, 2_060 + 243), "{report}");
    assert_eq!(report.accepted, (1_194 + 673 + 394) + 1_666, "{report}");
    // More than the policy's three: the client was let go when the last call came.
    let mut rows = csv::Reader::from_path(log).unwrap();
    let header = rows.headers().unwrap().clone();
    let often = |row: csv::StringRecord| -> Option<u64> {
        let fields: BTreeMap<String, String> = row.deserialize(Some(&header)).unwrap();
        let calls: u32 = fields["campaign"].parse().unwrap();
        (calls > 3).then(|| row.position().unwrap().line())
    };
    let often: Vec<u64> = rows.records().map(Result::unwrap).filter_map(often).collect();
    assert_eq!(report.refused.iter().map(|refused| refused.line).collect::<Vec<_>>(), often, "{report}");
    assert_eq!(codes(&report, "claim"), [("event_not_accepted".to_owned(), 394)].into(), "{report}");
    assert!(report.refused.iter().all(|refused| refused.state == "closed.unreachable"), "{report}");

    let states = [("closed.completed_positive", 188), ("closed.refused", 1_478), ("closed.unreachable", 394)];
    assert_eq!(report.states, states.map(|(state, count)| (state.to_owned(), count)).into(), "{report}");
    assert_eq!((report.expected.matched, report.expected.cases), (1_666, 2_060), "{report}");
    let late = "rule 22 (timer FALLBACK_EXPIRE)";
    let lost =
        [("did not agree", "closed.unreachable", late, 370), ("agreed", "closed.unreachable", late, 24)];
    assert_eq!(exceptions(&report), lost, "{report}");
    assert_eq!(report.unfinished, 0, "{report}");

    let kpi = |name: &str| report.kpis.iter().find(|k| k.kpi == "K15" && k.measure == name).unwrap();
    assert_eq!((kpi("reached").numerator, kpi("reached").n), (Some(188), 2_060), "{report}");
    let calls = 1_194 + 673 + 394 + 1_666;
    assert_eq!((kpi("connected").numerator, kpi("connected").n), (Some(188), calls), "{report}");
}
