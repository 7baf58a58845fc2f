//! The report: its rows, and the monthly feedback summary from its schedule to its signature (S0-13).

use careflow::kernel::actor::Role;
use careflow::kernel::canonical;
use careflow::kernel::table::EventTable;
use serde_json::json;

use crate::lists::listed;
use crate::rig::{Caller, Rig, at, due, question, solution};
use crate::rows::{self, Rows};
use crate::schedules::shown;

/// Every row with a rule: rule, from, event, to.
const ROWS: Rows = &[
    ("report_due", "•", "report_due", "open.pending"),
    ("freeze", "open.pending", "freeze", "open.frozen"),
    ("sign_off", "open.frozen", "sign_off", "closed.signed_off"),
    ("DUE", "open.pending", "timer DUE", "open.pending"),
    ("DUE", "open.frozen", "timer DUE", "open.frozen"),
    ("force_closed", "open.pending", "force_closed", "closed.forced"),
    ("force_closed", "open.frozen", "force_closed", "closed.forced"),
];

#[test]
fn exploration_shows_every_row_of_the_report_and_no_other() {
    let explored = rows::explored("report");
    rows::check(&explored, ROWS, &[]);
    insta::assert_snapshot!("state_by_event_table_of_the_report", EventTable::of(&explored).markdown());
}

/// The one monthly summary among the reports that began.
pub async fn monthly(caller: &Caller) -> String {
    let mut found = Vec::new();
    for id in listed(caller, "workflow=report").await {
        if caller.instance(&id).await["data"]["report"] == "monthly_feedback" {
            found.push(id);
        }
    }
    let [id] = <[String; 1]>::try_from(found).expect("a month has one summary");
    id
}

#[tokio::test]
async fn the_monthly_summary_is_due_on_the_fifth_working_day_and_is_frozen_and_signed() {
    let rig = Rig::at("2026-07-31T12:00:00+08:00").await;
    let (ann, owner) = (rig.caller("ann", Role::Agent).await, rig.caller("olga", Role::ProcessOwner).await);
    let schedule = shown(&ann, "monthly_feedback").await;
    assert_eq!(
        (&schedule["report"], &schedule["zone"]),
        (&json!("monthly_feedback"), &json!("Asia/Shanghai"))
    );
    assert_eq!(schedule["next"], json!(at("2026-08-01T01:00:00+08:00")));
    rig.until("2026-08-01T01:00:00+08:00").await;

    let id = &monthly(&ann).await;
    let report = ann.instance(id).await;
    assert_eq!(report["state"], "open.pending");
    assert_eq!(report["data"]["period_from"], json!(at("2026-07-01T00:00:00+08:00")));
    assert_eq!(report["data"]["period_to"], json!(at("2026-08-01T00:00:00+08:00")));
    // August begins on a Saturday: the fifth working day is Friday the 7th.
    assert_eq!(due(&report, "DUE"), at("2026-08-07T18:00:00+08:00"));
    assert_eq!(report["data"]["due"], json!(at("2026-08-07T18:00:00+08:00")));

    let kept = json!({ "figures": { "consultations": 120, "resolved": "97.5" }, "query": "period 2026-07" });
    let mut counted = kept.clone();
    counted["hash"] = json!(canonical::hash(&kept).unwrap().to_string());
    assert_eq!(owner.refused(id, "sign_off", json!({}), 409).await, "event_not_accepted");
    let mut wrong = counted.clone();
    wrong["figures"]["consultations"] = json!(121);
    assert_eq!(owner.refused(id, "freeze", wrong, 422).await, "wrong_hash");
    assert_eq!(ann.refused(id, "freeze", counted.clone(), 403).await, "role_not_allowed");
    assert_eq!(owner.sent(id, "freeze", counted.clone()).await, "open.frozen");
    assert_eq!(owner.refused(id, "freeze", counted, 409).await, "event_not_accepted");
    assert_eq!(owner.sent(id, "sign_off", json!({})).await, "closed.signed_off");
    let signed = ann.instance(id).await;
    assert_eq!(signed["data"]["frozen"]["figures"], kept["figures"]);
    assert_eq!((&signed["data"]["signed_by"]["id"], signed["data"].get("late")), (&json!("olga"), None));
    assert_eq!(signed["timers"], json!([]));
}

#[tokio::test]
async fn a_summary_that_nobody_signs_in_time_is_late() {
    let rig = Rig::at("2026-07-31T12:00:00+08:00").await;
    let ann = rig.caller("ann", Role::Agent).await;
    rig.until("2026-08-07T18:00:00+08:00").await;
    let id = monthly(&ann).await;
    let report = ann.instance(&id).await;
    assert_eq!((&report["state"], &report["data"]["late"]), (&json!("open.pending"), &json!(true)));
    let effects = ann.history(&id).await.pop().unwrap()["entry"]["effects"].clone();
    assert_eq!(
        (&effects[0]["task"], &effects[0]["assignee_role"]),
        (&json!("report_overdue"), &json!("process_owner"))
    );
}

#[tokio::test]
async fn the_figures_of_a_summary_are_those_that_the_kpi_report_tells() {
    let rig = Rig::at("2026-07-15T10:00:00+08:00").await;
    let (ann, owner) = (rig.caller("ann", Role::Agent).await, rig.caller("olga", Role::ProcessOwner).await);
    for confirms in [true, false] {
        let id = ann.submit(question("c-1")).await;
        ann.sent(&id, "accept", json!({})).await;
        ann.sent(&id, "answer", solution()).await;
        if confirms {
            let word = json!({ "satisfied": true, "recording_ref": "call/1" });
            ann.sent(&id, "confirm", word).await;
        }
    }
    rig.until("2026-08-01T01:00:00+08:00").await;
    assert_eq!(rig.engine.count_reports().await.unwrap(), 3, "two departments have theirs");
    assert_eq!(rig.engine.count_reports().await.unwrap(), 0, "it is frozen once");
    for id in listed(&ann, "workflow=report").await {
        let report = owner.instance(&id).await;
        if report["data"].get("dept").is_some() {
            assert_eq!(report["data"]["frozen"]["figures"], json!({}), "no department was given a case");
        }
    }
    let id = monthly(&ann).await;
    let report = owner.instance(&id).await;
    assert_eq!(report["state"], "open.frozen");
    let frozen = &report["data"]["frozen"];
    let asked = json!({ "figures": frozen["figures"], "query": frozen["query"] });
    assert_eq!(frozen["hash"], json!(canonical::hash(&asked).unwrap().to_string()));
    let path = "/v1/reports/kpis?workflow=consultation&from=2026-07-01&to=2026-08-01&zone=Asia/Shanghai";
    let told = owner.get(path).await.expect(200);
    let lines = told["kpis"].as_array().unwrap();
    assert_eq!(lines.len(), 27, "{lines:?}");
    for line in lines {
        let name = format!("{}.{}", line["kpi"].as_str().unwrap(), line["measure"].as_str().unwrap());
        let counted = &frozen["figures"]["consultation"]["kpis"][&name];
        for part in ["n", "numerator", "pending", "rate", "mean", "mean_ms", "p50_ms", "p90_ms"] {
            let known = |value: &serde_json::Value| value.get(part).cloned().filter(|value| !value.is_null());
            assert_eq!(known(counted), known(line), "{name} {part}");
        }
    }
    assert_eq!(frozen["figures"]["consultation"]["about"][0]["category"], "pre_sale");
    assert_eq!(frozen["figures"]["consultation"]["about"][0]["n"], 2);
    let kpis = &frozen["figures"]["consultation"]["kpis"];
    assert_eq!(kpis["K07.kept"]["rate"], json!(null), "nothing counts: null, never 0 or 100 %");
    assert_eq!(kpis["K04.confirmed"]["by"]["channel"]["email"], json!({ "n": 2, "rate": "50.00" }));
    assert_eq!(kpis["K04.confirmed"]["by"]["agent"]["ann"]["n"], 2);
    assert_eq!(kpis["K04.confirmed"]["by"]["tier"]["normal"]["n"], 2);
    let missed = frozen["missed"].as_array().unwrap();
    let row = json!({
        "workflow": "consultation", "kpi": "K04", "measure": "confirmed", "target": "90", "actual": "50.00", "n": 2,
    });
    assert!(missed.contains(&row), "{missed:?}");
    let below = lines.iter().filter(|line| line["status"] == "alarm").count();
    let of_flow = |flow: &str| missed.iter().filter(|row| row["workflow"] == flow).count();
    assert_eq!(of_flow("consultation"), below, "{missed:?}");
    // The callbacks of July that nobody made (K14).
    assert_eq!((of_flow("callback"), missed.len()), (1, below + 1), "{missed:?}");
}

#[tokio::test]
async fn a_department_reports_on_the_cases_that_it_was_given() {
    let rig = Rig::at("2026-07-15T10:00:00+08:00").await;
    let ann = rig.caller("ann", Role::Agent).await;
    for department in ["sales", "service", "sales"] {
        let id = ann.submit(question("c-1")).await;
        ann.sent(&id, "accept", json!({})).await;
        let note = json!({
            "department": department, "purpose": "answer", "handoff_note": "客户的发票抬头开错，请处理。",
            "expected_by": at("2026-07-16T10:00:00+08:00"),
        });
        ann.sent(&id, "transfer_department", note).await;
    }
    rig.until("2026-08-01T01:00:00+08:00").await;
    assert_eq!(rig.engine.count_reports().await.unwrap(), 3);
    let mut told = Vec::new();
    for id in listed(&ann, "workflow=report").await {
        let data = ann.instance(&id).await["data"].clone();
        let frozen = &data["frozen"];
        let transfers = frozen["figures"]["consultation"]["kpis"]["K17.accurate"]["n"].clone();
        let query = frozen["query"].as_str().unwrap().split(" from ").next().unwrap().to_owned();
        told.push((data.get("dept").cloned(), transfers, query));
    }
    told.sort_by_key(|(_, _, query)| query.clone());
    let (sales, service) = ("kpis of the department `sales`", "kpis of the department `service`");
    let expected = [
        (None, json!(3), "kpis".to_owned()),
        (Some(json!("sales")), json!(2), sales.to_owned()),
        (Some(json!("service")), json!(1), service.to_owned()),
    ];
    assert_eq!(told, expected);
}
