//! The console in a real browser: Chromium, driven through the pages as people use them.
//!
//! # Why
//! What a page does is only seen where it is shown: whether the policy lets its own script run, whether a label
//! belongs to its field, whether a hostile text stays text. Chromium comes from the system's packages;
//! what drives it and what checks accessibility from npm, as pinned in `tests/browser/`. Without them the tests
//! say so and pass, and fail where `CI` is set. `CAREFLOW_SHOTS=DIR` keeps a picture of every checked page.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use careflow::engine::{Command as Sent, Target};
use careflow::kernel::actor::Role;
use careflow::workflows::Registry;
use serde_json::{Value, json};

use crate::openapi::{kept, or_skipped, run};
use crate::rig::{Caller, Rig, at, question, solution};
use crate::scenarios_callback::{child, plan};
use crate::scenarios_complaint::{Desk, complaint, desk, told};
use crate::training::{START, School, school};

const DRIVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/drive.mjs");
const PACKAGE: &str = include_str!("../browser/package.json");
const PACKAGE_LOCK: &str = include_str!("../browser/package-lock.json");
const AXE: &str = "node_modules/axe-core/axe.min.js";
/// Where Debian and its like put it.
const CHROMIUM: &str = "/usr/bin/chromium";

/// The folder with what drives the browser.
static BROWSER: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let why = "the console in a browser needs Chromium (install the package `chromium`), \
        Node 20 or later (`nodejs`, `npm`) and the npm registry";
    or_skipped(why, browser())
});

fn browser() -> Result<PathBuf, String> {
    if !PathBuf::from(chromium()).is_file() {
        return Err(format!("there is no `{}`; the variable CHROMIUM names another", chromium()));
    }
    let version = run(Command::new("node").arg("--version"))?;
    let drive = fs::read_to_string(DRIVE).unwrap();
    kept("browser-node", &format!("{version}{PACKAGE_LOCK}{drive}"), |folder| {
        fs::write(folder.join("package.json"), PACKAGE).unwrap();
        fs::write(folder.join("package-lock.json"), PACKAGE_LOCK).unwrap();
        let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        let made = run(Command::new("npm").args(npm).current_dir(folder))?;
        fs::copy(folder.join(AXE), folder.join("axe.min.js")).unwrap();
        fs::write(folder.join("drive.mjs"), drive.as_bytes()).unwrap();
        Ok(made)
    })
}

fn chromium() -> String {
    std::env::var("CHROMIUM").unwrap_or_else(|_| CHROMIUM.to_owned())
}

/// How the browser is set up.
#[derive(Clone, Copy, Default)]
struct Look {
    chinese: bool,
    dark: bool,
    phone: bool,
    scriptless: bool,
}

/// Runs the steps in a fresh browser and answers what each told; panics where a page did anything wrong.
/// None where there is no browser.
async fn drive(rig: &Rig, look: Look, steps: Vec<Value>) -> Option<Vec<Value>> {
    let folder = tokio::task::spawn_blocking(|| BROWSER.clone()).await.unwrap()?;
    // As `serve` does after its start: a page of a flow waits until its code is explored.
    let engine = rig.engine.clone();
    let explore = move || engine.workflows().iter().for_each(|flow| drop(engine.exploration(flow.name())));
    tokio::task::spawn_blocking(explore).await.unwrap();
    let plan = json!({
        "url": format!("http://{}", rig.address()), "steps": steps,
        "locale": if look.chinese { "zh-CN" } else { "en-US" },
        "dark": look.dark, "phone": look.phone, "script": !look.scriptless,
        "shots": std::env::var("CAREFLOW_SHOTS").ok(),
    });
    let told = tokio::task::spawn_blocking(move || {
        let mut node = Command::new("node")
            .arg(folder.join("drive.mjs"))
            .env("CHROMIUM", chromium())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        node.stdin.take().unwrap().write_all(plan.to_string().as_bytes()).unwrap();
        node.wait_with_output().unwrap()
    });
    let told = told.await.unwrap();
    let told: Value = serde_json::from_slice(&told.stdout).expect("the driver tells JSON");
    let problems = told["problems"].as_array().unwrap();
    assert!(problems.is_empty(), "{problems:#?}\nafter {:#?}", told["results"]);
    Some(told["results"].as_array().unwrap().clone())
}

fn token(caller: &Caller) -> &str {
    caller.token.as_deref().unwrap()
}

fn send(id: &str, event: &str, payload: Value) -> Value {
    let mut step = json!({ "send": { "id": id, "event": event } });
    step["send"]["payload"] = payload;
    step
}

fn signed_in(caller: &Caller) -> Value {
    json!({ "sign_in": token(caller) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consultation_goes_from_intake_to_closure_by_two_roles() {
    let rig = Rig::wednesday().await;
    let (ann, customer) = (rig.caller("ann", Role::Agent).await, rig.caller("c-1", Role::Customer).await);
    let mut asked = question("c-1");
    asked["subject"] = json!("发票抬头怎么改?");
    let steps = vec![
        signed_in(&customer),
        json!({ "start": { "workflow": "consultation", "payload": asked } }),
        json!({ "sees": "Received" }),
        json!({ "sign_out": null }),
    ];
    let Some(told) = drive(&rig, Look::default(), steps).await else { return };
    let id = told[1]["id"].as_str().unwrap().to_owned();
    let steps = vec![
        signed_in(&ann),
        json!({ "goto": { "path": "/?queue=pre_sale" } }),
        json!({ "sees": id }),
        send(&id, "accept", json!({})),
        // Masked until revealed, and revealing is recorded.
        json!({ "lacks": "发票抬头怎么改?" }),
        json!({ "click": "form[action$='/reveal'] button" }),
        json!({ "sees": "发票抬头怎么改?" }),
        json!({ "goto": { "path": format!("/cases/{id}/send/answer") } }),
        json!({ "fill": { "message_ref": "mail/2", "score": 9 } }),
        json!({ "click": "form.card button.primary" }),
        json!({ "sees": "A whole number from 1 to 5 is accepted." }),
        json!({ "sees": "This is needed." }),
        send(&id, "answer", solution()),
        json!({ "sees": "Answered" }),
    ];
    let told = drive(&rig, Look::default(), steps).await.unwrap();
    assert!(told[12]["told"].as_str().unwrap().starts_with("The case will be in"), "{}", told[12]);
    let steps = vec![
        signed_in(&customer),
        send(&id, "confirm", json!({ "satisfied": true, "score": 5 })),
        json!({ "lacks_offer": { "id": id, "event": "accept" } }),
    ];
    drive(&rig, Look { chinese: true, ..Look::default() }, steps).await.unwrap();
    rig.engine.settle().await;
    assert!(ann.state(&id).await.starts_with("settled."), "{}", ann.state(&id).await);
    let auditor = rig.caller("olga", Role::Auditor).await;
    let changes = auditor.get("/v1/changes?after=0&limit=500").await.expect(200);
    let seen: Vec<&Value> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|record| record["entry"]["workflow"] == "$reveal")
        .collect();
    assert_eq!((seen.len(), &seen[0]["entry"]["actor"]["id"]), (1, &json!("ann")));
    assert!(seen[0]["entry"]["patch"].to_string().contains(&id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn complaint_of_an_unsatisfied_customer_goes_through_the_review() {
    let desk = desk().await;
    let Desk { rig, customer, ann, dora, .. } = &desk;
    let steps =
        vec![signed_in(customer), json!({ "start": { "workflow": "complaint", "payload": complaint() } })];
    let Some(told_) = drive(rig, Look::default(), steps).await else { return };
    let id = told_[1]["id"].as_str().unwrap().to_owned();
    desk.acknowledged(&id).await;
    let assess = json!({ "severity": "normal", "complexity": "simple", "safety": false, "cause": "attitude", "soothe_note": "已致歉" });
    let ask = json!({ "department": "service", "handoff_note": "客户投诉服务态度，请调查。" });
    let steps = vec![signed_in(ann), send(&id, "assess", assess), send(&id, "dispatch", ask)];
    drive(rig, Look::default(), steps).await.unwrap();
    let found = json!({ "finding": "upheld", "root_cause": "training", "systemic": false });
    let plan = json!({ "actions": [{ "no": 1, "type": "apologise" }, { "no": 2, "type": "explain" }], "rationale": "依据调查结论" });
    let steps = vec![
        signed_in(dora),
        send(&id, "dept_accept", json!({})),
        send(&id, "submit_findings", found),
        send(&id, "propose", plan),
    ];
    drive(rig, Look { chinese: true, ..Look::default() }, steps).await.unwrap();
    ann.sent(&id, "communicate", told()).await;
    let no = json!({ "reason": "没有诚意" });
    let steps = vec![signed_in(customer), send(&id, "customer_rejects", no.clone())];
    drive(rig, Look::default(), steps).await.unwrap();
    for _ in 0..2 {
        desk.plan_told(&id).await;
        customer.sent(&id, "customer_rejects", no.clone()).await;
    }
    assert_eq!(ann.state(&id).await, "open.review");
    let steps = vec![
        signed_in(ann),
        json!({ "goto": { "path": format!("/cases/{id}") } }),
        json!({ "sees": "Under review" }),
    ];
    drive(rig, Look::default(), steps).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callback_with_a_low_score_asks_for_what_follows() {
    let desk = desk().await;
    let Desk { rig, ann, sue, .. } = &desk;
    let steps =
        vec![signed_in(ann), json!({ "start": { "workflow": "callback", "payload": plan(json!({})) } })];
    let Some(told) = drive(rig, Look::default(), steps).await else { return };
    let id = told[1]["id"].as_str().unwrap().to_owned();
    rig.engine.settle().await;
    let steps = vec![
        signed_in(ann),
        send(&id, "claim", json!({})),
        send(&id, "attempt_result", json!({ "outcome": "connected", "channel": "phone", "seconds": 95 })),
        send(
            &id,
            "record",
            json!({ "score": 1, "resolved": true, "answers": { "q1": "no", "q2": "never" }, "comment": "很失望" }),
        ),
    ];
    drive(rig, Look::default(), steps).await.unwrap();
    rig.engine.settle().await;
    assert_eq!(ann.state(&id).await, "open.reviewing");
    let steps = vec![
        signed_in(sue),
        send(&id, "dispose", json!({ "decision": "new_complaint", "note": "客户同意立案" })),
        json!({ "sees": "Linked cases" }),
    ];
    drive(rig, Look::default(), steps).await.unwrap();
    let last = ann
        .history(&id)
        .await
        .into_iter()
        .rev()
        .find(|record| record["entry"]["event"] == "dispose")
        .unwrap();
    assert!(!child(&last["entry"]["effects"], "low_score").is_empty());
}

/// What a page fetched from the server beside itself, its stream of changes left out.
const FETCHED: &str = "performance.getEntriesByType('resource').filter((it) => it.transferSize > 0 \
    && !new URL(it.name).pathname.startsWith('/live')).map((it) => it.name)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_sign_in_a_page_is_one_round_trip() {
    let rig = Rig::wednesday().await;
    let ann = rig.caller("ann", Role::Agent).await;
    let steps = vec![
        json!({ "goto": { "path": "/sign-in" } }),
        json!({ "eval": FETCHED }),
        signed_in(&ann),
        json!({ "waits": "[data-live][data-open]" }),
        json!({ "eval": FETCHED }),
    ];
    let Some(told) = drive(&rig, Look::default(), steps).await else { return };
    assert!(told[1].as_array().unwrap().len() > 1, "style and script come with the sign-in: {}", told[1]);
    assert_eq!(told[4], json!([]), "the first page is all there after its own answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trainee_signs_up_and_is_examined() {
    let school = school().await;
    let School { rig, admin, tom, gus, .. } = &school;
    let (class, _) = school.scheduled(START).await;
    let bo = rig.caller("bo", Role::Trainee).await;
    let wish = json!({ "trainee": { "id": "bo", "role": "agent" }, "source": "self" });
    let steps = vec![
        signed_in(&bo),
        json!({ "form": { "path": format!("/cases/{class}/send/enroll"), "payload": wish } }),
    ];
    let Some(_) = drive(rig, Look::default(), steps).await else { return };
    rig.engine.settle().await;
    let enrolments = admin.instance(&class).await["data"]["enrolments"].clone();
    let own = enrolments
        .as_object()
        .unwrap()
        .iter()
        .find(|(_, one)| one["trainee"]["id"] == "bo")
        .unwrap()
        .0
        .clone();
    let steps = vec![signed_in(admin), send(&class, "publish_notice", json!({ "message_ref": "msg/1" }))];
    drive(rig, Look::default(), steps).await.unwrap();
    rig.until(START).await;
    tom.sent(&class, "start_sitting", json!({ "sitting_no": 1 })).await;
    let coming = json!({ "sitting_no": 1, "at": at(START), "method": "qr" });
    let steps = vec![signed_in(&bo), send(&own, "check_in", coming)];
    drive(rig, Look { phone: true, ..Look::default() }, steps).await.unwrap();
    rig.until("2026-03-19T11:00:00+08:00").await;
    tom.sent(&class, "end_sitting", json!({ "sitting_no": 1 })).await;
    rig.engine.settle().await;
    let steps = vec![signed_in(admin), send(&class, "open_assessment", json!({}))];
    drive(rig, Look::default(), steps).await.unwrap();
    rig.engine.settle().await;
    let steps = vec![signed_in(gus), send(&own, "grade", json!({ "score": 92, "rubric": "rubric/1" }))];
    drive(rig, Look::default(), steps).await.unwrap();
    rig.engine.settle().await;
    assert_eq!(bo.state(&own).await, "closed.passed");
}

/// A complaint and a consultation in the middle of their lives, and the tokens of who looks at them.
async fn inhabited() -> (Desk, String, String, Caller) {
    let desk = desk().await;
    let id = desk.customer.submit(question("c-1")).await;
    desk.ann.sent(&id, "accept", json!({})).await;
    let complaint = desk.customer.begin("complaint", complaint()).await;
    desk.acknowledged(&complaint).await;
    let roles = [Role::Auditor, Role::Supervisor, Role::ProcessOwner, Role::Administrator];
    let all = Caller {
        address: desk.rig.address().to_owned(),
        token: Some(desk.rig.token_with("olga", &roles).await),
    };
    (desk, id, complaint, all)
}

/// Every page, by a name for its picture.
fn every_page(id: &str, complaint: &str) -> Vec<(&'static str, String)> {
    vec![
        ("work", "/?queue=all".to_owned()),
        ("start", "/start".to_owned()),
        ("start-complaint", "/start/complaint".to_owned()),
        ("case", format!("/cases/{id}")),
        ("case-complaint", format!("/cases/{complaint}")),
        ("send", format!("/cases/{id}/send/answer")),
        ("send-assigned", format!("/cases/{id}/send/assigned")),
        ("entry", format!("/cases/{id}/entries/1")),
        ("why", format!("/cases/{id}/clocks/FRT")),
        ("flows", "/flows".to_owned()),
        ("flow", "/flows/complaint".to_owned()),
        ("flow-table", "/flows/complaint?show=table".to_owned()),
        ("flow-events", "/flows/complaint?show=events".to_owned()),
        ("flow-clocks", "/flows/complaint?show=clocks".to_owned()),
        ("flow-values", "/flows/complaint?show=values".to_owned()),
        ("definition", "/flows/complaint/definitions/1".to_owned()),
        ("schedules", "/schedules".to_owned()),
        ("calendars", "/calendars".to_owned()),
        ("calendar", "/calendars/cn?year=2026".to_owned()),
        ("reports", "/reports?workflow=consultation".to_owned()),
        ("reports-table", "/reports/table?workflow=consultation".to_owned()),
        ("behind", "/reports/kpis/K02?workflow=consultation".to_owned()),
        ("summaries", "/reports/summaries".to_owned()),
        ("audit", "/audit".to_owned()),
        ("audit-event", "/audit?event=accept".to_owned()),
        ("system", "/system".to_owned()),
        ("help", "/help".to_owned()),
        ("nothing", "/nothing-here".to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_accessible_in_both_languages_light_and_dark_and_on_a_phone() {
    let (desk, id, complaint, all) = inhabited().await;
    let looks = [
        ("en", Look::default()),
        ("zh-dark", Look { chinese: true, dark: true, ..Look::default() }),
        ("zh-phone", Look { chinese: true, phone: true, ..Look::default() }),
    ];
    for (look_name, look) in looks {
        let pages = every_page(&id, &complaint);
        let mut steps = vec![
            json!({ "goto": { "path": "/sign-in" } }),
            json!({ "check": format!("{look_name}-sign-in") }),
            signed_in(&all),
        ];
        for (name, path) in &pages {
            let status = if *name == "nothing" { 404 } else { 200 };
            steps.push(json!({ "goto": { "path": path, "status": status } }));
            steps.push(json!({ "check": format!("{look_name}-{name}") }));
        }
        let Some(told) = drive(&desk.rig, look, steps).await else { return };
        for page in told.iter().filter(|told| told["bytes"].is_u64()) {
            assert_eq!(page["lang"], if look.chinese { "zh-CN" } else { "en" }, "{page}");
            assert!(page["bytes"].as_u64().unwrap() < 150_000, "{page}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auditor_reads_a_history_down_to_the_stored_bytes_and_changes_nothing() {
    let (desk, id, _, _) = inhabited().await;
    let auditor = desk.rig.caller("olga", Role::Auditor).await;
    let history = auditor.history(&id).await;
    let steps = vec![
        signed_in(&auditor),
        json!({ "goto": { "path": format!("/cases/{id}") } }),
        json!({ "click": format!("a[href='/cases/{id}/entries/2']") }),
        json!({ "text": "pre" }),
        json!({ "sees": history[1]["hash"] }),
        json!({ "lacks_offer": { "id": id, "event": "answer" } }),
        json!({ "goto": { "path": format!("/cases/{id}/send/answer"), "status": 403 } }),
    ];
    let position = desk.rig.engine.position();
    let Some(told) = drive(&desk.rig, Look::default(), steps).await else { return };
    let shown: Value = serde_json::from_str(told[3].as_str().unwrap()).unwrap();
    assert_eq!(shown, history[1]["entry"]);
    assert_eq!(desk.rig.engine.position(), position);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_text_in_every_field_stays_text() {
    let rig = Rig::wednesday().await;
    let ann = rig.caller("ann", Role::Agent).await;
    let hostile = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}${alert(3)}";
    let mut asked = question("c-1");
    for name in ["subject", "body_ref", "problem_type", "customer_id", "external_ref", "impact_scope"] {
        asked[name] = json!(hostile);
    }
    let steps = vec![signed_in(&ann), json!({ "start": { "workflow": "consultation", "payload": asked } })];
    let Some(told) = drive(&rig, Look::default(), steps).await else { return };
    let id = told[1]["id"].as_str().unwrap().to_owned();
    let note = json!({ "text_ref": hostile, "visibility": "internal" });
    let answer = json!({ "message_ref": hostile, "solution_ref": hostile, "steps": [hostile], "confirmed_in_contact": false });
    let steps = vec![
        signed_in(&ann),
        send(&id, "accept", json!({})),
        send(&id, "note_added", note),
        json!({ "click": "form[action$='/reveal'] button" }),
        json!({ "sees": hostile }),
        send(&id, "answer", answer),
        json!({ "goto": { "path": format!("/?queue={}", "%3Cscript%3Ealert(4)%3C%2Fscript%3E") } }),
        json!({ "goto": { "path": "/?workflow=%22%3E%3Cscript%3Ealert(5)%3C/script%3E" } }),
        json!({ "goto": { "path": "/sign-in?next=javascript:alert(6)" } }),
        json!({ "goto": { "path": "/cases/%3Cscript%3Ealert(7)%3C%2Fscript%3E", "status": 404 } }),
        json!({ "eval": "document.querySelectorAll('main script, main img[src=x]').length" }),
    ];
    let told = drive(&rig, Look::default(), steps).await.unwrap();
    assert_eq!(told.last(), Some(&json!(0)));
    let mut wronged = complaint();
    for name in ["facts", "remedy_sought"] {
        wronged[name] = json!(hostile);
    }
    (wronged["evidence"], wronged["subjects"][0]["id"]) = (json!([hostile]), json!(hostile));
    let steps = vec![
        signed_in(&ann),
        json!({ "start": { "workflow": "complaint", "payload": wronged } }),
        json!({ "click": "form[action$='/reveal'] button" }),
        json!({ "sees": hostile }),
        json!({ "eval": "document.querySelectorAll('main script, main img[src=x]').length" }),
    ];
    let told = drive(&rig, Look::default(), steps).await.unwrap();
    assert_eq!(told.last(), Some(&json!(0)));
}

/// The path of every form that staff can open: of every start, and of every event of every flow that a sample
/// starts; of events that several flows take alike, once.
async fn every_form(rig: &Rig, staff: &[Role]) -> Vec<String> {
    let (mut paths, mut seen) = (Vec::new(), BTreeSet::new());
    for flow in Registry::shipped().all() {
        let definition = rig.engine.definition(flow.name()).unwrap();
        let allows = |event: &str| staff.iter().any(|role| definition.allows(event, *role));
        if allows(flow.start_event()) {
            paths.push(format!("/start/{}", flow.name()));
        }
        let starts = flow.samples().into_iter().filter(|sample| sample.event == flow.start_event());
        let mut id = None;
        for sample in starts {
            let command = Sent {
                target: Target::Start(flow.name().to_owned()),
                event: sample.event.to_owned(),
                payload: sample.payload,
                actor: sample.actor,
                occurred_at: None,
                key: None,
                if_match: None,
                request_id: None,
                origin: None,
            };
            id = id.or(rig.engine.submit(command).await.ok().map(|started| started.entry.instance.clone()));
        }
        let Some(id) = id else { continue };
        for spec in flow.events() {
            let is_new = seen.insert((spec.name, (spec.schema)().to_string()));
            if is_new && spec.name != flow.start_event() && allows(spec.name) {
                paths.push(format!("/cases/{id}/send/{}", spec.name));
            }
        }
    }
    paths
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_text_in_every_form_stays_text() {
    let rig = Rig::wednesday().await;
    let outside = [Role::System, Role::Customer, Role::Trainee, Role::Gateway];
    let staff: Vec<Role> = Role::ALL.into_iter().filter(|role| !outside.contains(role)).collect();
    let olga =
        Caller { address: rig.address().to_owned(), token: Some(rig.token_with("olga", &staff).await) };
    let paths = every_form(&rig, &staff).await;
    assert!(paths.len() > 80, "{paths:#?}");
    let text = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>";
    let hostile = |path: &String| json!({ "hostile": { "path": path, "text": text } });
    let steps = std::iter::once(signed_in(&olga)).chain(paths.iter().map(hostile)).collect();
    let Some(told) = drive(&rig, Look::default(), steps).await else { return };
    let filled: u64 = told.iter().filter_map(Value::as_u64).sum();
    assert!(filled > 200, "{filled} fields of {} forms", paths.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_without_javascript() {
    let rig = Rig::wednesday().await;
    let (ann, sue) = (rig.caller("ann", Role::Agent).await, rig.caller("sue", Role::Supervisor).await);
    let id = ann.submit(question("c-1")).await;
    let look = Look { scriptless: true, ..Look::default() };
    let steps = vec![
        signed_in(&sue),
        json!({ "goto": { "path": "/?queue=pre_sale" } }),
        json!({ "click": format!("input[value='{id}']") }),
        json!({ "click": "form[action='/assign'] button" }),
        json!({ "sees": "Chosen cases" }),
        json!({ "set": { "selector": "#to", "value": "ann" } }),
        json!({ "set": { "selector": "#reason", "value": "on shift" } }),
        json!({ "click": "form[action='/assign'] button" }),
        json!({ "sees": "What will happen" }),
        json!({ "click": "button[value=send]" }),
        json!({ "sees": "1 cases were assigned." }),
        json!({ "goto": { "path": "/?queue=all&heat=near" } }),
        json!({ "click": "details:has(#view) summary" }),
        json!({ "set": { "selector": "#view", "value": "Hot" } }),
        json!({ "click": "form[action='/views'] button" }),
        json!({ "sees": "The view is saved." }),
        json!({ "sees": "Hot" }),
    ];
    let Some(_) = drive(&rig, look, steps).await else { return };
    assert_eq!(sue.instance(&id).await["data"]["case"]["owner"]["person"]["id"], "ann");
    let steps = vec![signed_in(&ann), send(&id, "accept", json!({})), send(&id, "answer", solution())];
    drive(&rig, look, steps).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_page_follows_what_others_do() {
    let rig = Rig::wednesday().await;
    let (ann, customer) = (rig.caller("ann", Role::Agent).await, rig.caller("c-1", Role::Customer).await);
    let id = customer.submit(question("c-1")).await;
    let path = format!("/cases/{id}");
    // The page sends the event itself, beside its own form, as another program would.
    let other = format!(
        "fetch('/v1/instances/{id}/events', {{ method: 'POST', headers: {{ 'content-type': 'application/json', \
         authorization: 'Bearer {}' }}, body: '{{\"event\":\"accept\"}}' }}).then((answer) => answer.status)",
        token(&ann)
    );
    let steps = vec![
        signed_in(&ann),
        json!({ "goto": { "path": path } }),
        json!({ "sees": "Received" }),
        json!({ "waits": "[data-live][data-open=true]" }),
        json!({ "eval": other }),
        json!({ "sees": "Accepted" }),
    ];
    let Some(told) = drive(&rig, Look::default(), steps).await else { return };
    assert_eq!(told[4], 200);
}
