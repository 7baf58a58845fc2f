//! KPIs over HTTP and on the command line: the numbers, the cases behind them, and who reads them.

use serde_json::{Value, json};

use careflow::kernel::actor::Role;

use crate::cli_rig::Place;
use crate::rig::{Caller, Rig, at, question, solution};

struct Desk {
    rig: Rig,
    customer: Caller,
    gateway: Caller,
    ann: Caller,
    sue: Caller,
}

async fn desk() -> Desk {
    let rig = Rig::wednesday().await;
    Desk {
        customer: rig.caller("c-1", Role::Customer).await,
        gateway: rig.caller("mail-gateway", Role::Gateway).await,
        ann: rig.caller("ann", Role::Agent).await,
        sue: rig.caller("sue", Role::Supervisor).await,
        rig,
    }
}

impl Desk {
    async fn answered(&self, id: &str) {
        self.ann.sent(id, "respond", json!({ "message_ref": "mail/2", "human": true })).await;
    }

    /// One number of a window.
    async fn number(&self, kpi: &str, name: &str, window: &str) -> Value {
        let path = format!("/v1/reports/kpis?workflow=consultation&kpi={kpi}&{window}");
        let report = self.sue.get(&path).await.expect(200);
        let lines = report["kpis"].as_array().unwrap();
        lines.iter().find(|line| line["measure"] == name).unwrap_or_else(|| panic!("{report}")).clone()
    }

    /// The ids behind a number.
    async fn behind(&self, kpi: &str, query: &str) -> Vec<String> {
        let path = format!("/v1/reports/kpis/{kpi}/instances?workflow=consultation&{query}");
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.sue.get(&format!("{path}&limit=1{cursor}")).await.expect(200);
            let rows = page["instances"].as_array().unwrap();
            ids.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => {
                    assert_eq!(page["cases"], ids.len());
                    return ids;
                }
            }
        }
    }
}

const MARCH: &str = "from=2026-03-01&to=2026-04-01";

#[tokio::test]
async fn scenario_49_open_unanswered_overdue_cases_are_missed_and_others_pending_at_month_end() {
    let desk = desk().await;
    let on_time = desk.customer.submit(question("c-1")).await;
    desk.rig.until("2026-03-11T11:00:00+08:00").await;
    desk.answered(&on_time).await;
    let late = desk.customer.submit(question("c-1")).await;
    desk.rig.until("2026-03-12T11:00:00+08:00").await;
    desk.answered(&late).await;
    desk.rig.until("2026-03-31T10:00:00+08:00").await;
    let overdue = desk.customer.submit(question("c-1")).await;
    desk.rig.until("2026-03-31T17:30:00+08:00").await;
    let pending = desk.customer.submit(question("c-1")).await;

    desk.rig.until("2026-04-01T00:00:00+08:00").await;
    let march = desk.number("K02", "on_time", MARCH).await;
    let told = json!({ "n": 3, "numerator": 1, "denominator": 3, "pending": 1, "rate": "33.33", "target": "95", "status": "alarm" });
    for (name, value) in told.as_object().unwrap() {
        assert_eq!(&march[name], value, "{name} in {march}");
    }
    assert_eq!(desk.behind("K02", &format!("{MARCH}&part=numerator")).await, std::slice::from_ref(&on_time));
    assert_eq!(desk.behind("K02", &format!("{MARCH}&part=missed")).await, [late.clone(), overdue.clone()]);
    assert_eq!(desk.behind("K02", &format!("{MARCH}&part=pending")).await, [pending]);
    assert_eq!(desk.behind("K02", MARCH).await, [on_time, late, overdue]);

    desk.rig.until("2026-04-01T09:15:00+08:00").await;
    desk.answered(&desk.behind("K02", &format!("{MARCH}&part=pending")).await[0]).await;
    assert_eq!(desk.number("K02", "on_time", MARCH).await, march, "a past month stays as it is");
    let april = desk.number("K02", "on_time", "from=2026-04-01&to=2026-05-01").await;
    assert_eq!((&april["numerator"], &april["n"], &april["status"]), (&json!(1), &json!(1), &json!("ok")));
    let this_month = desk.number("K02", "on_time", "").await;
    assert_eq!(this_month, april, "the month that holds now");
    let by_month = desk.number("K02", "on_time", "from=2026-03-01&to=2026-05-01&group_by=month").await;
    assert_eq!(
        (&by_month["groups"]["2026-03"]["n"], &by_month["groups"]["2026-04"]["n"]),
        (&json!(3), &json!(1))
    );
}

#[tokio::test]
async fn scenario_07_bot_answers_at_once_and_k03_counts_the_person() {
    let desk = desk().await;
    let id = desk.customer.submit(question("c-1")).await;
    desk.rig.until("2026-03-11T10:00:03+08:00").await;
    desk.gateway.sent(&id, "respond", json!({ "message_ref": "mail/2", "human": false })).await;
    desk.rig.until("2026-03-11T14:00:00+08:00").await;
    desk.answered(&id).await;
    let wait = desk.number("K03", "wait", MARCH).await;
    assert_eq!((&wait["n"], &wait["mean_ms"], wait.get("rate")), (&json!(1), &json!(3 * 3_600_000), None));
    let on_time = desk.number("K02", "on_time", &format!("{MARCH}&group_by=channel")).await;
    assert_eq!((&on_time["groups"]["email"]["rate"], &on_time["rate"]), (&json!("0.00"), &json!("0.00")));
}

#[tokio::test]
async fn scenario_14_case_that_nobody_confirmed_is_resolved_as_staff_say_only() {
    let desk = desk().await;
    let id = desk.customer.submit(question("c-1")).await;
    desk.ann.sent(&id, "answer", solution()).await;
    let nothing = desk.number("K04", "confirmed", MARCH).await;
    assert_eq!((&nothing["n"], nothing.get("rate"), nothing.get("status")), (&json!(0), None, None));
    desk.rig.until("2026-03-16T18:00:00+08:00").await;
    assert_eq!(desk.ann.state(&id).await, "settled.unconfirmed");
    let claimed = desk.number("K04", "claimed", MARCH).await;
    let confirmed = desk.number("K04", "confirmed", MARCH).await;
    assert_eq!((&claimed["rate"], &confirmed["rate"]), (&json!("100.00"), &json!("0.00")));
    assert_eq!((claimed.get("status"), &confirmed["status"]), (None, &json!("alarm")));
    assert_eq!(desk.behind("K04", &format!("{MARCH}&measure=confirmed&part=missed")).await, [id]);
}

#[tokio::test]
async fn what_is_asked_wrong_is_refused_with_what_is_accepted() {
    let desk = desk().await;
    let report = "/v1/reports/kpis";
    for (path, said) in [
        (report.to_owned(), "`workflow` is needed; accepted are consultation"),
        (format!("{report}?workflow=x"), "there is no workflow `x`"),
        (
            format!("{report}?workflow=consultation&kpi=K02,K99"),
            "`K99` is no KPI of `consultation`; accepted are K01, K02",
        ),
        (format!("{report}?workflow=consultation&from=March"), "`March` is neither a date like"),
        (format!("{report}?workflow=consultation&zone=Moon"), "`Moon` is not a time zone"),
        (format!("{report}?workflow=consultation&group_by=mood"), "accepted are flow, channel"),
        (format!("{report}?workflow=consultation&retargets=no"), "accepted are `counted` and `left_out`"),
        (format!("{report}?workflow=consultation&from=2026-04-01&to=2026-03-01"), "is not after `from`"),
        (format!("{report}/K99/instances?workflow=consultation"), "`K99` is no KPI"),
        (
            format!("{report}/K04/instances?workflow=consultation&measure=x"),
            "accepted are claimed, confirmed",
        ),
        (
            format!("{report}/K04/instances?workflow=consultation&part=x"),
            "accepted are denominator, numerator",
        ),
        (
            format!("{report}/K01/instances?workflow=consultation&part=missed"),
            "`K01` has no such part; accepted are denominator, pending",
        ),
        (format!("{report}/K01/instances?workflow=consultation&group=email"), "accepted together only"),
    ] {
        let answer = desk.sue.get(&path).await;
        assert_eq!(answer.problem(400), "invalid_query", "{path}");
        assert!(answer.text.contains(said), "{path}: {}", answer.text);
    }
    let page = desk.sue.get(&format!("{report}/K02/instances?workflow=consultation&cursor=x")).await;
    assert_eq!(page.problem(400), "invalid_cursor");
    for caller in [&desk.ann, &desk.customer, &desk.gateway] {
        for path in [report.to_owned(), format!("{report}/K02/instances")] {
            let answer = caller.get(&format!("{path}?workflow=consultation")).await;
            assert_eq!(answer.problem(403), "role_not_allowed");
        }
    }
    let auditor = desk.rig.caller("aud", Role::Auditor).await;
    let told = auditor
        .get("/v1/reports/kpis?workflow=consultation&from=2026-03-01T00:00:00Z&zone=UTC")
        .await
        .expect(200);
    assert_eq!(
        (&told["from"], &told["to"]),
        (&json!(at("2026-03-01T00:00:00Z")), &json!(at("2026-04-01T00:00:00Z")))
    );
    assert_eq!(told["kpis"].as_array().unwrap().len(), 27);
}

fn complaint(cause: &str) -> Value {
    json!({
        "customer_id": "c-1", "channel": "email", "facts": "等了很久", "happened_at": at("2026-03-10T09:00:00+08:00"),
        "subjects": [{ "kind": "product", "id": "p-1" }], "remedy_sought": "道歉", "evidence": ["msg/1"],
        "cause_claimed": cause,
    })
}

#[tokio::test]
async fn service_complaints_are_counted_over_the_contacts_that_were_closed() {
    let desk = desk().await;
    let mut closed = Vec::new();
    for _ in 0..2 {
        let id = desk.customer.submit(question("c-1")).await;
        desk.customer.sent(&id, "withdraw", json!({})).await;
        closed.push(id);
    }
    desk.customer.submit(question("c-1")).await;
    let mut registered = Vec::new();
    for cause in ["attitude", "price"] {
        registered.push(desk.customer.begin("complaint", complaint(cause)).await);
    }
    let mistaken = desk.customer.begin("complaint", complaint("attitude")).await;
    desk.customer.sent(&mistaken, "withdraw", json!({ "evidence_ref": "msg/2" })).await;
    desk.rig.until("2026-03-11T10:30:00+08:00").await;
    let report = "/v1/reports/kpis";
    let told = desk.sue.get(&format!("{report}?workflow=complaint&kpi=K10,K02&{MARCH}")).await.expect(200);
    let line = |name: &str| told["kpis"].as_array().unwrap().iter().find(|l| l["measure"] == name).unwrap();
    for (name, numerator, rate) in [
        ("service", 1, "50.00"),
        ("attitude", 1, "50.00"),
        ("competence", 0, "0.00"),
        ("overall", 2, "100.00"),
    ] {
        assert_eq!((&line(name)["numerator"], &line(name)["n"]), (&json!(numerator), &json!(2)), "{name}");
        assert_eq!(line(name)["rate"], rate);
    }
    assert_eq!(line("on_time")["pending"], 2, "contacts count in K10 alone");
    let behind = async |measure: &str, part: &str| {
        let path = format!("{report}/K10/instances?workflow=complaint&measure={measure}&part={part}&{MARCH}");
        let page = desk.sue.get(&path).await.expect(200);
        let rows = page["instances"].as_array().unwrap();
        let mut ids: Vec<_> = rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    closed.sort();
    assert_eq!(behind("overall", "denominator").await, closed);
    assert_eq!(behind("service", "numerator").await, registered[..1]);
    let path = format!("{report}/K10/instances?workflow=complaint&part=missed&{MARCH}");
    let refused = desk.sue.get(&path).await;
    assert_eq!(refused.problem(400), "invalid_query");
    assert!(refused.text.contains("accepted are denominator, numerator, pending"), "{}", refused.text);
}

#[tokio::test]
async fn several_flows_are_one_report_grouped_by_flow_department_and_agent() {
    let desk = desk().await;
    let id = desk.customer.submit(question("c-1")).await;
    desk.ann.sent(&id, "accept", json!({})).await;
    desk.answered(&id).await;
    let note = json!({
        "department": "finance", "purpose": "answer", "handoff_note": "客户的发票抬头开错，请处理。",
        "expected_by": at("2026-03-12T10:00:00+08:00"),
    });
    desk.ann.sent(&id, "transfer_department", note).await;
    let complained = desk.customer.begin("complaint", complaint("attitude")).await;
    desk.ann
        .sent(
            &complained,
            "acknowledge",
            json!({ "handler_contact": "ann", "expected_by": at("2026-03-12T18:00:00+08:00"), "message_ref": "m" }),
        )
        .await;
    let groups = async |workflow: &str, by: &str, kpi: &str| {
        let path = format!("/v1/reports/kpis?workflow={workflow}&kpi={kpi}&group_by={by}&{MARCH}");
        let report = desk.sue.get(&path).await.expect(200);
        assert_eq!((&report["group_by"], &report["zone"]), (&json!(by), &json!("Asia/Shanghai")));
        report["kpis"][0]["groups"].clone()
    };
    let by_flow = groups("consultation,complaint", "flow", "K02").await;
    for flow in ["consultation", "complaint"] {
        assert_eq!((&by_flow[flow]["n"], &by_flow[flow]["rate"]), (&json!(1), &json!("100.00")), "{flow}");
    }
    assert_eq!(groups("all", "flow", "K10").await["complaint"]["numerator"], 1);
    assert_eq!(groups("all", "agent", "K02").await["ann"]["n"], 2);
    assert_eq!(groups("consultation", "department", "K17").await["finance"]["rate"], "100.00");
    assert_eq!(groups("consultation", "tier", "K02").await["normal"]["n"], 1);
    for (query, accepted) in [
        ("workflow=consultation,x", "there is no workflow `x`; accepted are consultation, complaint"),
        ("workflow=", "and `all`"),
        ("workflow=training_plan&kpi=K02", "`K02` is no KPI of `training_plan`; accepted are K25"),
        ("workflow=all&group_by=mood", "accepted are flow, channel, tier"),
    ] {
        let refused = desk.sue.get(&format!("/v1/reports/kpis?{query}")).await;
        assert_eq!(refused.problem(400), "invalid_query", "{query}");
        assert!(refused.text.contains(accepted), "{query}: {}", refused.text);
    }
}

#[tokio::test]
async fn scores_of_the_month_are_a_mean_with_its_target_and_low_ones_are_taken_up() {
    let desk = desk().await;
    let mut scored = Vec::new();
    for score in [5, 2] {
        let id = desk.customer.submit(question("c-1")).await;
        desk.ann.sent(&id, "answer", solution()).await;
        let word = json!({ "satisfied": score > 2, "score": score });
        desk.customer.sent(&id, "confirm", word).await;
        scored.push(id);
    }
    let mean = desk.number("K09", "mean", MARCH).await;
    assert_eq!(
        (&mean["n"], &mean["mean"], &mean["target"], &mean["status"], mean.get("rate")),
        (&json!(2), &json!("3.50"), &json!("4.2"), &json!("alarm"), None)
    );
    assert_eq!(desk.number("K09", "top_two", MARCH).await["rate"], "50.00");
    assert_eq!(desk.number("K09", "low", MARCH).await["numerator"], 1);
    // Whoever is not satisfied is not at an end yet: one case was asked.
    assert_eq!(desk.number("K09", "response", MARCH).await["rate"], "100.00");
    let opened = desk.number("K16", "opened", MARCH).await;
    assert_eq!((&opened["numerator"], &opened["n"]), (&json!(1), &json!(1)), "another round began");
    assert_eq!(desk.number("K16", "recovered", MARCH).await["numerator"], 0);
    desk.ann.sent(&scored[1], "answer", solution()).await;
    desk.customer.sent(&scored[1], "confirm", json!({ "satisfied": true, "score": 4 })).await;
    assert_eq!(desk.number("K16", "recovered", MARCH).await["numerator"], 1);
    assert_eq!(desk.number("K09", "mean", MARCH).await["mean"], "4.50", "the last score of a case counts");
}

#[test]
fn report_is_the_same_beside_a_server_and_on_its_directory() {
    let place = Place::new();
    let server = place.serve();
    let window = ["--from", "2026-03-01", "--to", "2026-04-01", "--zone", "Asia/Shanghai"];
    let asked = [&["report", "kpis", "--kpi", "K02,K06"][..], &window, &["--json"]].concat();
    let beside = place.on_data(&asked).json();
    server.stop().done();
    let alone = place.on_data(&asked).json();
    assert_eq!((&beside["kpis"], &beside["from"]), (&alone["kpis"], &alone["from"]));
    assert_eq!(alone["kpis"][0]["target"], "95");
    let table = place.on_data(&[&["report", "kpis", "--lang", "zh"][..], &window].concat()).done();
    assert!(table.contains("K02 首次响应及时率") && table.contains("样本数"), "{table}");
    let refused = place.on_data(&["report", "kpis", "--group-by", "mood"]).failed(4);
    assert!(refused.contains("accepted are flow, channel"), "{refused}");
}
