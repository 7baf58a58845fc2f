//! The monitors (§3.0.5) over HTTP: what other flows tell them, what they do, and that they do it once.

use careflow::engine::replay::Replay;
use careflow::journal::Journal as _;
use careflow::kernel::actor::Role;
use careflow::kernel::id::InstanceId;
use careflow::kernel::table::EventTable;
use careflow::workflows::Registry;
use serde_json::{Value, json};

use crate::lists::listed;
use crate::reports::monthly;
use crate::rig::{Caller, Closed, Rig, at, due, question, solution};
use crate::rows::{self, Rows, SAME};
use crate::schedules::shown;
use crate::training::by_system;

const ROWS: Rows = &[
    ("observe", "• watching", "observe", "watching"),
    ("target_missed", "•", "observe", "watching"),
    ("duty", "•", "observe", "watching"),
    ("quality", "watching", "observe", SAME),
    ("train", "watching", "train", SAME),
    ("repeat_complainant", "watching dormant", "observe", "watching"),
    ("systemic_cause", "watching", "observe", SAME),
    ("in_touch", "watching", "timer DORMANT", SAME),
    ("dormant", "watching", "timer DORMANT", "dormant"),
    ("periodic", "watching", "timer PERIODIC", SAME),
    ("contact", "dormant", "observe", "watching"),
    ("observe", "dormant", "observe", SAME),
    ("force_closed", "watching dormant", "force_closed", "closed.stopped"),
    ("stopped", "closed.stopped", "observe", SAME),
];

#[test]
fn monitor_is_its_table() {
    let explored = rows::explored("monitor");
    rows::check(&explored, ROWS, &[]);
    insta::assert_snapshot!("state_by_event_table_of_the_monitor", EventTable::of(&explored).markdown());
}

/// A server and the people who work on complaints; `bo` is who customers complain of.
struct Desk {
    rig: Rig,
    customer: Caller,
    ann: Caller,
    sue: Caller,
    dora: Caller,
}

async fn desk() -> Desk {
    let rig = Rig::wednesday().await;
    Desk {
        customer: rig.caller("c-1", Role::Customer).await,
        ann: rig.caller("ann", Role::Agent).await,
        sue: rig.caller("sue", Role::Supervisor).await,
        dora: rig.caller("dora", Role::DeptHandler).await,
        rig,
    }
}

fn told() -> Value {
    json!({ "message_ref": "mail/4", "channel": "email", "told_recourse": true })
}

impl Desk {
    async fn registered(&self) -> String {
        let complaint = json!({
            "customer_id": "c-1", "channel": "email", "facts": "客服态度恶劣。",
            "happened_at": at("2026-03-10T09:00:00+08:00"), "subjects": [],
            "remedy_sought": "道歉", "evidence": ["mail/1"], "cause_claimed": "attitude",
        });
        let id = self.customer.begin("complaint", complaint).await;
        self.rig.engine.settle().await;
        id
    }

    /// A complaint that was upheld against `bo` and is settled.
    async fn upheld(&self) -> String {
        let id = self.registered().await;
        let expected = self.rig.time_in_hours(8);
        let word = json!({ "handler_contact": "tel:8001", "expected_by": expected, "message_ref": "mail/2" });
        self.ann.sent(&id, "acknowledge", word).await;
        let assessment = json!({
            "severity": "normal", "complexity": "simple", "safety": false, "cause": "attitude",
            "soothe_note": "已致歉并安抚",
        });
        self.ann.sent(&id, "assess", assessment).await;
        let ask = json!({ "department": "service", "handoff_note": "客户投诉服务态度，请调查。" });
        self.ann.sent(&id, "dispatch", ask).await;
        self.dora.sent(&id, "dept_accept", json!({})).await;
        let bo = json!({ "actor": { "id": "bo", "role": "agent" } });
        let found = json!({
            "finding": "upheld", "root_cause": "training", "systemic": false, "responsible": [bo], "evidence": [],
        });
        self.dora.sent(&id, "submit_findings", found).await;
        let plan = json!({ "actions": [{ "no": 1, "type": "apologise" }], "rationale": "依据调查结论" });
        self.dora.sent(&id, "propose", plan).await;
        self.ann.sent(&id, "communicate", told()).await;
        self.customer.sent(&id, "customer_accepts", json!({})).await;
        self.dora.sent(&id, "action_done", json!({ "action_no": 1, "evidence": "doc/3" })).await;
        self.confirmed(&id).await;
        id
    }

    async fn confirmed(&self, id: &str) {
        let word = json!({ "satisfied": true, "score": 5 });
        assert_eq!(self.customer.sent(id, "confirm", word).await, "settled.satisfied");
        self.rig.engine.settle().await;
    }

    async fn monitor(&self, key: &str) -> Value {
        self.sue.instance(&named(key)).await
    }
}

fn named(key: &str) -> String {
    InstanceId::keyed("monitor", key).to_string()
}

/// The tasks of an instance, oldest first, with their roles.
async fn tasks(caller: &Caller, id: &str) -> Vec<(String, String)> {
    let history = caller.history(id).await;
    let effects = history.iter().filter_map(|recorded| recorded["entry"]["effects"].as_array()).flatten();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    effects
        .filter(|effect| effect["kind"] == "task")
        .map(|task| (text(&task["task"]), text(&task["assignee_role"])))
        .collect()
}

/// Runs every recorded entry again; answers what came out otherwise.
async fn differences(closed: &Closed) -> Vec<String> {
    let store = closed.open();
    let registry = Registry::shipped();
    let mut replay = Replay::new(registry.all()).unwrap();
    for (position, commit) in store.journal.read(1, 1_000_000).await.unwrap() {
        replay.take(position, &commit).unwrap();
    }
    assert!(replay.found.run > 0);
    replay.found.differences
}

#[tokio::test]
async fn scenario_45_agent_with_three_upheld_complaints_has_exactly_one_remedial_enrolment() {
    let desk = desk().await;
    let mut cases = vec![desk.upheld().await, desk.upheld().await];
    assert!(listed(&desk.sue, "workflow=training_session").await.is_empty(), "two are not three");
    cases.push(desk.upheld().await);
    let classes = listed(&desk.sue, "workflow=training_session").await;
    let [class] = classes.as_slice() else { panic!("one class: {classes:?}") };
    let monitor = desk.monitor("agent:bo").await;
    assert_eq!(monitor["data"]["fired"][0]["sources"], json!(cases), "the history names what made it fire");
    let fired = desk.sue.events(&named("agent:bo")).await;
    assert_eq!(fired, ["observe", "observe", "observe", "train"]);
    // Another one in the same month, and one that is opened again and settled once more.
    desk.upheld().await;
    let again = json!({ "satisfied": false, "score": 1 });
    desk.customer.sent(&cases[0], "confirm", again).await;
    desk.rig.engine.settle().await;
    assert_eq!(listed(&desk.sue, "workflow=training_session").await.len(), 1);

    // The class is planned: whoever waits is enrolled, once.
    let (admin, owner) = (
        desk.rig.caller("admin", Role::TrainingAdmin).await,
        desk.rig.caller("olga", Role::ProcessOwner).await,
    );
    admin.sent(class, "submit", json!({})).await;
    owner.sent(class, "approve", json!({})).await;
    let sitting = json!({
        "no": 1, "start": at("2026-03-26T09:00:00+08:00"), "end": at("2026-03-26T11:00:00+08:00"),
        "place": "A301", "mandatory": true,
    });
    let plan = json!({
        "sittings": [sitting], "lecturer": { "person": { "id": "tom", "role": "trainer" } },
        "organiser": "service_dept",
    });
    admin.sent(class, "schedule", plan).await;
    desk.rig.engine.settle().await;
    let enrolments = listed(&admin, "workflow=training_enrollment").await;
    let [enrolment] = enrolments.as_slice() else { panic!("one enrolment: {enrolments:?}") };
    let told = admin.instance(enrolment).await["data"].clone();
    assert_eq!(
        (&told["trainee"]["id"], &told["source"], &told["type"]),
        (&json!("bo"), &json!("monitor"), &json!("remedial"))
    );
    assert_eq!(desk.monitor("agent:bo").await["data"]["remedial"]["enrollment"], json!(enrolment));

    // A lost index, and a re-execution of every entry, come to the same.
    let closed = desk.rig.close().await;
    assert_eq!(differences(&closed).await, [""; 0]);
    std::fs::remove_dir_all(closed.config.index()).unwrap();
    let rig = closed.start().await.unwrap();
    rig.engine.settle().await;
    let admin = rig.caller("admin", Role::TrainingAdmin).await;
    assert_eq!(listed(&admin, "workflow=training_enrollment").await, enrolments);
    assert_eq!(listed(&admin, "workflow=training_session").await, classes);
}

#[tokio::test]
async fn third_complaint_of_a_customer_is_raised_and_told_to_a_supervisor() {
    let desk = desk().await;
    let (first, _, third) = (desk.registered().await, desk.registered().await, desk.registered().await);
    let priority = async |id: &str| desk.sue.instance(id).await["data"]["case"]["priority"].clone();
    assert_eq!((priority(&first).await, priority(&third).await), (json!("normal"), json!("high")));
    let monitor = named("customer:c-1");
    let listed = desk.monitor("customer:c-1").await["data"]["customer"]["watch_listed"].clone();
    assert_eq!(listed, json!(at(crate::rig::WEDNESDAY)));
    let expected = [("repeat_complainant".to_owned(), "supervisor".to_owned())];
    assert_eq!(tasks(&desk.sue, &monitor).await, expected);
    let fourth = desk.registered().await;
    assert_eq!((priority(&fourth).await, tasks(&desk.sue, &monitor).await.len()), (json!("normal"), 1));
    let data = desk.monitor("customer:c-1").await["data"].to_string();
    assert!(!data.contains("恶劣"), "no more of the person than the pseudonym: {data}");
}

#[tokio::test]
async fn five_complaints_with_one_cause_ask_for_an_improvement() {
    let desk = desk().await;
    for _ in 0..4 {
        desk.upheld().await;
    }
    let monitor = named("cause:training");
    assert_eq!(tasks(&desk.sue, &monitor).await, []);
    desk.upheld().await;
    assert_eq!(
        tasks(&desk.sue, &monitor).await,
        [("improvement_action".to_owned(), "qa_inspector".to_owned())]
    );
}

#[tokio::test]
async fn archived_question_is_told_once_for_a_customer_and_with_its_score_for_the_agent() {
    let rig = Rig::wednesday().await;
    let (customer, ann) = (rig.caller("c-1", Role::Customer).await, rig.caller("ann", Role::Agent).await);
    let mut cases = Vec::new();
    for score in [4, 2] {
        let id = customer.submit(question("c-1")).await;
        ann.sent(&id, "accept", json!({})).await;
        ann.sent(&id, "answer", solution()).await;
        customer.sent(&id, "confirm", json!({ "satisfied": true, "score": score })).await;
        rig.engine.settle().await;
        assert_eq!(
            ann.get(&format!("/v1/instances/{}", named("agent:ann"))).await.status,
            404,
            "not archived yet"
        );
        cases.push(id);
    }
    rig.until("2026-03-20T10:00:00+08:00").await;
    assert_eq!(ann.state(&cases[1]).await, "closed.resolved");
    let scores = ann.instance(&named("agent:ann")).await["data"]["scores"].clone();
    assert_eq!(scores, json!([{ "month": "2026-03", "n": 2, "sum": 6 }]));
    let known = ann.instance(&named("customer:c-1")).await;
    assert_eq!(
        (&known["state"], &known["seq"]),
        (&json!("watching"), &json!(2)),
        "both were archived at one moment, before the first word arrived"
    );
    // The end of the ninetieth day for a normal customer, from the archive on.
    assert_eq!(due(&known, "PERIODIC"), at("2026-06-18T00:00:00+08:00"));
}

#[tokio::test]
async fn silent_customer_is_planned_to_be_called_periodically_and_then_for_silence() {
    let rig = Rig::wednesday().await;
    let (customer, ann) = (rig.caller("c-1", Role::Customer).await, rig.caller("ann", Role::Agent).await);
    let id = customer.submit(question("c-1")).await;
    ann.sent(&id, "accept", json!({})).await;
    ann.sent(&id, "answer", solution()).await;
    customer.sent(&id, "confirm", json!({ "satisfied": true, "score": 5 })).await;
    rig.until("2026-10-01T10:00:00+08:00").await;
    let monitor = named("customer:c-1");
    assert_eq!(ann.state(&monitor).await, "dormant");
    let history = ann.history(&monitor).await;
    let effects = history.iter().filter_map(|recorded| recorded["entry"]["effects"].as_array()).flatten();
    let planned: Vec<_> = effects
        .filter(|effect| effect["kind"] == "spawn")
        .map(|spawn| (spawn["workflow"].clone(), spawn["rule"].clone(), spawn["index"].clone()))
        .collect();
    let callback = |rule: &str, index: u32| (json!("callback"), json!(rule), json!(index));
    assert_eq!(planned, [callback("periodic", 1), callback("dormant", 1)]);
    // The next word of the customer wakes the monitor.
    let again = customer.submit(question("c-1")).await;
    ann.sent(&again, "accept", json!({})).await;
    ann.sent(&again, "answer", solution()).await;
    customer.sent(&again, "confirm", json!({ "satisfied": true, "score": 5 })).await;
    rig.until("2026-10-20T10:00:00+08:00").await;
    assert_eq!(ann.state(&monitor).await, "watching");
}

#[tokio::test]
async fn profile_is_asked_for_by_another_system_and_late_after_a_working_day() {
    let rig = Rig::wednesday().await;
    let (crm, ann) = (rig.caller("crm", Role::Gateway).await, rig.caller("ann", Role::Agent).await);
    let start = "/v1/workflows/monitor/instances";
    let say = |what: &str| json!({ "payload": { "watched": { "customer": "c-9" }, "seen": what } });
    let started = crm.post(start, &say("customer_added")).await.expect(201);
    assert_eq!(started["instance"], json!(named("customer:c-9")));
    let mine = json!({ "payload": { "watched": { "customer": "c-9" }, "seen": { "scored": {
        "case": started["instance"], "score": 1 } } } });
    assert_eq!(crm.post(start, &mine).await.problem(403), "not_yours_to_tell");
    rig.until("2026-03-12T18:00:01+08:00").await;
    let events = ann.events(&named("customer:c-9")).await;
    assert!(events.contains(&"sla_breached".to_owned()), "{events:?}");
    let expected = [("complete_profile".to_owned(), "agent".to_owned())];
    assert_eq!(tasks(&ann, &named("customer:c-9")).await, expected);
    // A second start is a word to the monitor that is there.
    let saved = crm.post(start, &say("profile_saved")).await.expect(201);
    assert_eq!(saved["instance"], started["instance"]);
    for what in ["info_changed", "profile_saved"] {
        crm.post(start, &say(what)).await.expect(201);
    }
    rig.until("2026-03-20T18:00:00+08:00").await;
    assert_eq!(tasks(&ann, &named("customer:c-9")).await.len(), 1, "what was saved in time is no breach");
}

#[tokio::test]
async fn whoever_is_hired_learns_five_modules_in_time_or_is_a_task_of_the_training_desk() {
    let rig = Rig::wednesday().await;
    let (hr, olga) = (rig.caller("hr", Role::Gateway).await, rig.caller("olga", Role::ProcessOwner).await);
    let start = "/v1/workflows/monitor/instances";
    let say = |who: &str, seen: Value| json!({ "payload": { "watched": { "agent": { "id": who, "role": "agent" } }, "seen": seen } });
    let hired = |on: &str| json!({ "hired": { "on": on } });
    for (who, on) in [("nia", "2026-03-02"), ("bea", "2026-03-09"), ("leo", "2026-03-02")] {
        hr.post(start, &say(who, hired(on))).await.expect(201);
    }
    let twice = hr.post(start, &say("nia", hired("2026-03-03"))).await;
    assert_eq!(twice.problem(409), "hired_before");
    let class = InstanceId::derive("test", &["class"]);
    let modules = ["culture", "product", "concept", "process", "communication"];
    let learnt = json!({ "learnt": { "enrollment": class, "competencies": modules } });
    assert_eq!(hr.post(start, &say("nia", learnt.clone())).await.problem(403), "not_yours_to_tell");
    by_system(&rig, "monitor", say("nia", learnt)["payload"].clone()).await;
    hr.post(start, &say("leo", json!("left"))).await.expect(201);
    rig.until("2026-04-02T10:00:00+08:00").await;
    assert_eq!(tasks(&olga, &named("agent:bea")).await, [], "the thirtieth day is the 8th of April");
    rig.until("2026-04-09T10:00:00+08:00").await;
    let expected = [("complete_onboarding".to_owned(), "training_admin".to_owned())];
    assert_eq!(tasks(&olga, &named("agent:bea")).await, expected);
    for quiet in ["nia", "leo"] {
        assert_eq!(tasks(&olga, &named(&format!("agent:{quiet}"))).await, [], "{quiet}");
    }
    let asked = "/v1/reports/kpis?workflow=monitor&kpi=K25&from=2026-03-01&to=2026-05-01&group_by=agent";
    let report = olga.get(asked).await.expect(200);
    let number = &report["kpis"][0];
    assert_eq!((&number["kpi"], &number["measure"]), (&json!("K25"), &json!("onboarded")), "{report}");
    assert_eq!((&number["n"], &number["rate"]), (&json!(2), &json!("50.00")), "{report}");
}

#[tokio::test]
async fn missed_target_of_a_monthly_report_asks_for_an_improvement() {
    let rig = Rig::at("2026-07-31T12:00:00+08:00").await;
    let (ann, olga) = (rig.caller("ann", Role::Agent).await, rig.caller("olga", Role::ProcessOwner).await);
    rig.until("2026-08-01T01:00:00+08:00").await;
    let id = monthly(&ann).await;
    let missed = json!({ "rate": "87.50", "n": 40, "target": "90", "reached": false });
    let figures = json!({ "consultation": { "kpis": { "K04.confirmed": missed } } });
    let query = "by hand";
    let hash = careflow::kernel::canonical::hash(&json!({ "figures": figures, "query": query })).unwrap();
    let counted = json!({ "figures": figures, "query": query, "hash": hash.to_string() });
    assert_eq!(olga.sent(&id, "freeze", counted).await, "open.frozen");
    rig.engine.settle().await;
    let expected = [("improvement_action".to_owned(), "qa_inspector".to_owned())];
    assert_eq!(tasks(&ann, &named("kpi:K04")).await, expected);
}

#[tokio::test]
async fn shipped_schedules_are_shown_and_each_fires_once_at_its_time() {
    let rig = Rig::at("2026-09-30T12:00:00+08:00").await;
    let ann = rig.caller("ann", Role::Agent).await;
    let titles = [
        "quarterly_review",
        "service_report_sales",
        "service_report_service",
        "training_plan_draft",
        "training_plan_approval",
        "kb_review",
        "profile_review",
    ];
    for name in titles {
        let schedule = shown(&ann, name).await;
        assert_eq!(schedule["state"], "active", "{name}");
        for language in ["en", "zh"] {
            assert!(schedule["title"][language].is_string(), "{schedule}");
        }
    }
    rig.until("2026-10-01T01:00:00+08:00").await;
    let mut begun = Vec::new();
    for id in listed(&ann, "workflow=report").await {
        let data = ann.instance(&id).await["data"].clone();
        let owner = data["case"]["owner"]["queue"].as_str().unwrap().to_owned();
        begun.push((
            data["report"].as_str().unwrap().to_owned(),
            owner,
            data["due"].as_str().unwrap().to_owned(),
        ));
    }
    begun.sort();
    // The first week of October is off: its fifth working day is the 14th, its tenth the 21st.
    let (fifth, tenth) = (begun[0].2.clone(), begun[1].2.clone());
    assert!(fifth < tenth, "{begun:?}");
    let told: Vec<_> = begun.iter().map(|(name, owner, _)| (name.as_str(), owner.as_str())).collect();
    assert_eq!(
        told,
        [
            ("monthly_feedback", "quality"),
            ("quarterly_review", "quality"),
            ("service_report", "sales"),
            ("service_report", "service"),
        ]
    );
    rig.until("2026-12-31T23:00:00+08:00").await;
    let plan = named("duty:training_plan");
    let expected = [("draft_training_plan", "training_admin"), ("approve_training_plan", "process_owner")];
    let told = tasks(&ann, &plan).await;
    let told: Vec<_> = told.iter().map(|(task, role)| (task.as_str(), role.as_str())).collect();
    assert_eq!(told, expected);
    let due: Vec<_> = ann.instance(&plan).await["data"]["fired"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fired| fired["for"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(due, [at("2026-12-16T00:00:00+08:00"), at("2027-01-01T00:00:00+08:00")]);
}
