//! Whole lives of cases over HTTP: cut at each commit and resumed, and each command sent twice.
//!
//! What is cut is compared with the same life left alone: every entry of every case in it, but for salts and hashes.

use std::collections::BTreeMap;

use careflow::kernel::actor::Role;
use careflow::kernel::id::InstanceId;
use careflow::kernel::instant::Instant;
use serde_json::{Value, json};

use crate::conventions::{assert_replayed, keyed};
use crate::reports::monthly;
use crate::rig::{Caller, Rig, at, question, solution};

/// What happens next. Cases go by names; what is not started by name is found by it.
pub enum Step {
    /// Somebody starts a case of a flow, called so.
    Starts(&'static str, &'static str, &'static str, Value),
    /// Somebody sends the case called so an event.
    Sends(&'static str, &'static str, &'static str, Value),
    /// The clock shows this time.
    Until(&'static str),
}

/// A life of one case, or of several that belong together.
pub struct Story {
    /// Who takes part; the first reads how it ends.
    pub people: &'static [(&'static str, Role)],
    /// Who works for whom.
    pub managers: &'static [(&'static str, &'static str)],
    pub steps: Vec<Step>,
    /// The states at its end.
    pub ends: &'static [(&'static str, &'static str)],
}

/// Steps of the one case of a story.
fn of_case(sent: Vec<(&'static str, &'static str, Value)>) -> Vec<Step> {
    sent.into_iter().map(|(who, event, payload)| Step::Sends(who, "case", event, payload)).collect()
}

/// Who sends what; the plan is rejected once, so that the second round is told too.
fn complaint_story() -> Story {
    let told = || json!({ "message_ref": "mail/4", "channel": "email", "told_recourse": true });
    let found = || json!({ "finding": "partly", "root_cause": "training", "systemic": true, "responsible": [], "evidence": [] });
    let plan = |kind: &str| json!({ "actions": [{ "no": 1, "type": kind }], "rationale": "依据调查结论" });
    let sent = vec![
        (
            "ann",
            "acknowledge",
            json!({ "handler_contact": "tel:8001", "expected_by": at("2026-03-12T18:00:00+08:00"), "message_ref": "mail/2" }),
        ),
        (
            "ann",
            "assess",
            json!({ "severity": "normal", "complexity": "simple", "safety": false, "cause": "attitude", "soothe_note": "已安抚" }),
        ),
        ("ann", "dispatch", json!({ "department": "service", "handoff_note": "客户投诉服务态度，请调查。" })),
        ("dora", "dept_accept", json!({})),
        ("dora", "submit_findings", found()),
        ("dora", "propose", plan("explain")),
        ("ann", "communicate", told()),
        ("c-1", "customer_rejects", json!({ "reason": "解释不够" })),
        ("dora", "dept_accept", json!({})),
        (
            "dora",
            "request_info",
            json!({ "message_ref": "mail/5", "questions": ["何时？"], "not_already_held": true }),
        ),
        ("ann", "customer_reply", json!({ "message_ref": "mail/6", "intent": "info" })),
        ("dora", "submit_findings", found()),
        ("dora", "propose", plan("apologise")),
        ("ann", "communicate", told()),
        ("c-1", "customer_accepts", json!({})),
        ("dora", "action_done", json!({ "action_no": 1, "evidence": "doc/3" })),
        ("c-1", "confirm", json!({ "satisfied": true, "score": 5 })),
    ];
    let mut steps = vec![Step::Starts("case", "c-1", "complaint", complaint())];
    steps.extend(of_case(sent));
    steps.push(Step::Until("2026-03-27T00:00:00+08:00"));
    Story {
        people: &[("ann", Role::Agent), ("dora", Role::DeptHandler), ("c-1", Role::Customer)],
        managers: &[],
        steps,
        ends: &[("case", "closed.satisfied")],
    }
}

fn complaint() -> Value {
    json!({
        "customer_id": "c-1", "channel": "email", "facts": "客服态度恶劣。",
        "happened_at": at("2026-03-10T09:00:00+08:00"), "subjects": [{ "kind": "actor", "id": "bo" }],
        "remedy_sought": "道歉", "cause_claimed": "attitude",
    })
}

/// A callback that is tried on two days, appointed, and ends with a customer who complains.
fn callback_story() -> Story {
    let plan = json!({
        "type": "periodic", "customer_id": "c-1", "channel_pref": ["phone", "email"],
        "window_from": at("2026-03-11T10:05:00+08:00"), "script_id": "s-1", "language": "zh-CN",
    });
    let claim = || Step::Sends("ann", "case", "claim", json!({}));
    let call = |outcome: &str| {
        let result = json!({ "outcome": outcome, "channel": "phone", "seconds": 20 });
        Step::Sends("ann", "case", "attempt_result", result)
    };
    let wish = json!({ "at": at("2026-03-12T20:30:00+08:00"), "by": "customer" });
    let word = json!({ "score": 2, "comment": "等了太久", "suggestions": ["快一点"] });
    let steps = vec![
        Step::Starts("case", "ann", "callback", plan),
        Step::Until("2026-03-11T10:05:00+08:00"),
        claim(),
        Step::Sends("ann", "case", "release", json!({})),
        claim(),
        call("busy"),
        Step::Until("2026-03-11T10:35:00+08:00"),
        claim(),
        call("no_answer"),
        Step::Until("2026-03-12T09:00:00+08:00"),
        claim(),
        call("connected"),
        Step::Sends("ann", "case", "schedule", wish),
        Step::Until("2026-03-12T20:30:00+08:00"),
        claim(),
        call("connected"),
        Step::Sends("ann", "case", "record", word),
        Step::Until("2026-03-13T20:30:00+08:00"),
        Step::Sends("sue", "case", "dispose", json!({ "decision": "new_complaint", "note": "客户要求投诉" })),
    ];
    Story {
        people: &[("ann", Role::Agent), ("sue", Role::Supervisor)],
        managers: &[],
        steps,
        ends: &[("case", "closed.completed_negative")],
    }
}

/// A question that is escalated, given to a department, asked back, answered three times and reopened.
fn consultation_story() -> Story {
    let escalated = json!({
        "level": "senior", "reason": "超出一线范围", "promised_by": at("2026-03-11T17:00:00+08:00"),
        "told_customer": true,
    });
    let given = json!({
        "department": "technology", "purpose": "answer", "handoff_note": "客户已提供全部信息，请答复。",
        "expected_by": at("2026-03-12T17:00:00+08:00"),
    });
    let unsatisfied = json!({ "satisfied": false, "score": 2, "comment": "问题仍在" });
    let mut steps = vec![Step::Starts("case", "c-1", "consultation", question("c-1"))];
    steps.extend(of_case(vec![
        ("ann", "accept", json!({})),
        ("ann", "escalate", escalated),
        ("ann", "progress_update", json!({ "message_ref": "mail/3" })),
        ("ann", "transfer_department", given),
        ("dora", "department_reply", json!({ "answer_ref": "doc/1", "verified": true })),
        ("ann", "request_info", json!({ "message_ref": "mail/4", "questions": ["订单号？"] })),
        ("gate", "customer_reply", json!({ "message_ref": "mail/5", "intent": "info" })),
        ("ann", "answer", solution()),
        ("c-1", "confirm", unsatisfied),
        ("ann", "answer", solution()),
    ]));
    steps.push(Step::Until("2026-03-16T18:00:00+08:00"));
    steps.extend(of_case(vec![
        ("c-1", "reopen", json!({ "reason": "又出现了" })),
        ("ann", "answer", solution()),
        ("c-1", "confirm", json!({ "satisfied": true, "score": 5 })),
    ]));
    steps.push(Step::Until("2026-03-26T00:00:00+08:00"));
    Story {
        people: &[
            ("ann", Role::Agent),
            ("c-1", Role::Customer),
            ("dora", Role::DeptHandler),
            ("gate", Role::Gateway),
        ],
        managers: &[],
        steps,
        ends: &[("case", "closed.resolved")],
    }
}

/// A customer whom another system tells of, until nobody watches any more.
fn monitor_story() -> Story {
    let say = |what: &str| {
        Step::Starts("case", "crm", "monitor", json!({ "watched": { "customer": "c-9" }, "seen": what }))
    };
    let end = json!({ "reason": "测试客户", "approver": { "id": "sue", "role": "supervisor" } });
    let steps = vec![
        say("customer_added"),
        Step::Until("2026-03-12T18:00:01+08:00"),
        say("profile_saved"),
        say("info_changed"),
        Step::Sends("olga", "case", "force_closed", end),
    ];
    Story {
        people: &[("ann", Role::Agent), ("crm", Role::Gateway), ("olga", Role::ProcessOwner)],
        managers: &[],
        steps,
        ends: &[("case", "closed.stopped")],
    }
}

/// A monthly summary, which its schedule begins.
fn report_story() -> Story {
    let kept = json!({ "figures": { "consultations": 120, "resolved": "97.5" }, "query": "period 2026-03" });
    let mut counted = kept.clone();
    counted["hash"] = json!(careflow::kernel::canonical::hash(&kept).unwrap().to_string());
    let steps = vec![
        Step::Until("2026-04-01T01:00:00+08:00"),
        Step::Sends("olga", "report", "freeze", counted),
        Step::Sends("olga", "report", "sign_off", json!({})),
    ];
    Story {
        people: &[("ann", Role::Agent), ("olga", Role::ProcessOwner)],
        managers: &[],
        steps,
        ends: &[("report", "closed.signed_off")],
    }
}

/// What an entry says, but for salts and the hashes over them.
fn essence(history: &[Value]) -> Vec<Value> {
    let told = |record: &Value| {
        let entry = &record["entry"];
        json!([
            entry["instance"],
            entry["seq"],
            entry["event"],
            entry["rule"],
            entry["to"],
            entry["recorded_at"],
            entry["clocks"]
        ])
    };
    history.iter().map(told).collect()
}

/// A story as it is lived.
struct Life {
    rig: Rig,
    callers: BTreeMap<&'static str, Caller>,
    reader: &'static str,
    /// The ids of cases by name.
    known: BTreeMap<&'static str, String>,
    /// Whether it is cut at each commit, and each command sent twice.
    broken: bool,
}

impl Life {
    async fn begin(story: &Story, broken: bool) -> Self {
        let rig = Rig::wednesday().await;
        let mut callers = BTreeMap::new();
        for (name, role) in story.people {
            callers.insert(*name, rig.caller(name, *role).await);
        }
        let root = rig.caller("root", Role::Administrator).await;
        for (person, manager) in story.managers {
            let works_for = json!({ "active": true, "on_shift": true, "manager": manager });
            root.put(&format!("/v1/actors/{person}"), &works_for).await.expect(200);
        }
        Self { rig, callers, reader: story.people[0].0, known: BTreeMap::new(), broken }
    }

    async fn cut(mut self) -> Self {
        self.rig = self.rig.restart().await;
        for caller in self.callers.values_mut() {
            self.rig.address().clone_into(&mut caller.address);
        }
        self
    }

    /// Posts, and where the life is broken ends the server and posts the same again.
    async fn post(mut self, who: &str, path: &str, body: &Value, key: &str) -> (Self, Value) {
        let sent = keyed(&self.callers[who], path, body, key).await;
        assert!([200, 201].contains(&sent.status), "{body}: {}", sent.text);
        if self.broken {
            // What the command makes others do may be done or not by now.
            self = self.cut().await;
            assert_replayed(&sent, &keyed(&self.callers[who], path, body, key).await);
        }
        self.rig.engine.settle().await;
        (self, sent.json())
    }

    /// Commits of the known cases so far.
    fn commits(&self) -> u64 {
        let instances =
            self.known.values().map(|id| self.rig.engine.instance(&InstanceId::parse(id).unwrap()));
        instances.map(|found| found.unwrap().0.map_or(0, |instance| instance.seq)).sum()
    }

    /// Moves the clock, and cuts after each due at which a known case went on.
    async fn until(mut self, time: &str) -> Self {
        let to = Instant::parse(time).unwrap();
        while let Some(due) = self.rig.engine.next_due().unwrap().filter(|due| *due <= to && self.broken) {
            let before = self.commits();
            self.rig.until_instant(due.max(careflow::time::TimeSource::now(self.rig.time.as_ref()))).await;
            if self.commits() != before {
                self = self.cut().await;
            }
        }
        self.rig.until(time).await;
        self
    }

    /// The case called `name`: a child of one that is known, where it is not known itself.
    async fn find(&mut self, name: &'static str) -> String {
        if let Some(id) = self.known.get(name) {
            return id.clone();
        }
        let reader = self.callers[self.reader].clone();
        let listed = async |flow: &str| {
            let page = reader.get(&format!("/v1/instances?workflow={flow}")).await.expect(200);
            let rows: Vec<Value> = page["instances"].as_array().unwrap().clone();
            let [only] = <[Value; 1]>::try_from(rows).expect("there is one");
            only["id"].as_str().unwrap().to_owned()
        };
        let id = match name {
            "report" => monthly(&reader).await,
            "class" => {
                let plan = reader.instance(&self.known["plan"]).await;
                plan["data"]["items"][0]["session"].as_str().unwrap().to_owned()
            }
            "certificate" | "consequence" | "effect_review" => listed(name).await,
            trainee => {
                let class = reader.instance(&self.known["class"]).await;
                let enrolments = class["data"]["enrolments"].as_object().unwrap().clone();
                let mut own = enrolments.iter().filter(|(_, one)| one["trainee"]["id"] == trainee);
                own.next().unwrap_or_else(|| panic!("no enrolment of {trainee}")).0.clone()
            }
        };
        self.known.insert(name, id.clone());
        id
    }
}

/// Tells the story; where `broken`, each command is sent twice and the server restarted after it.
pub async fn lived(story: Story, broken: bool) -> Vec<Value> {
    let mut life = Life::begin(&story, broken).await;
    for (number, step) in story.steps.into_iter().enumerate() {
        let key = format!("step-{number}");
        life = match step {
            Step::Until(time) => life.until(time).await,
            Step::Starts(name, who, workflow, payload) => {
                let path = format!("/v1/workflows/{workflow}/instances");
                let (mut life, told) = life.post(who, &path, &json!({ "payload": payload }), &key).await;
                life.known.insert(name, told["instance"].as_str().unwrap().to_owned());
                life
            }
            Step::Sends(who, name, event, payload) => {
                let path = format!("/v1/instances/{}/events", life.find(name).await);
                let body = json!({ "event": event, "payload": payload });
                life.post(who, &path, &body, &key).await.0
            }
        };
    }
    let reader = life.callers[life.reader].clone();
    let mut told = Vec::new();
    for (name, state) in story.ends {
        let id = life.find(name).await;
        assert_eq!(reader.state(&id).await, *state, "{name}");
        told.extend(essence(&reader.history(&id).await));
    }
    told
}

#[tokio::test]
async fn consultation_cut_at_each_commit_with_each_command_sent_twice_has_the_same_history() {
    assert_eq!(lived(consultation_story(), true).await, lived(consultation_story(), false).await);
}

#[tokio::test]
async fn complaint_cut_at_each_commit_with_each_command_sent_twice_has_the_same_history() {
    assert_eq!(lived(complaint_story(), true).await, lived(complaint_story(), false).await);
}

#[tokio::test]
async fn callback_cut_at_each_commit_with_each_command_sent_twice_has_the_same_history() {
    assert_eq!(lived(callback_story(), true).await, lived(callback_story(), false).await);
}

#[tokio::test]
async fn monitor_cut_at_each_commit_with_each_command_sent_twice_has_the_same_history() {
    assert_eq!(lived(monitor_story(), true).await, lived(monitor_story(), false).await);
}

#[tokio::test]
async fn report_cut_at_each_commit_with_each_command_sent_twice_has_the_same_history() {
    assert_eq!(lived(report_story(), true).await, lived(report_story(), false).await);
}
