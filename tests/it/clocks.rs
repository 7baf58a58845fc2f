//! Clocks over HTTP: how they stand, why they are due when they are, and lists by due.

use careflow::kernel::actor::Role;
use serde_json::{Value, json};

use crate::lists::listed;
use crate::rig::{Caller, Closed, Rig, at, question, solution};

/// A server with the people of a consultation.
struct Desk {
    rig: Rig,
    ann: Caller,
    gateway: Caller,
}

impl Desk {
    async fn at(time: &str) -> Self {
        let rig = Rig::at(time).await;
        let (ann, gateway) = (rig.caller("ann", Role::Agent).await, rig.caller("mail", Role::Gateway).await);
        Self { rig, ann, gateway }
    }

    /// An accepted case that was answered in a first word, so that only its resolution is open.
    async fn responded(&self, customer: &str) -> String {
        let id = self.gateway.submit(question(customer)).await;
        self.ann.sent(&id, "accept", json!({})).await;
        self.ann.sent(&id, "respond", json!({ "message_ref": "mail/2", "human": true })).await;
        id
    }

    async fn ask(&self, id: &str) {
        let ask = json!({ "message_ref": "mail/3", "questions": ["订单号?"] });
        self.ann.sent(id, "request_info", ask).await;
    }

    async fn reply(&self, id: &str) {
        self.gateway.sent(id, "customer_reply", json!({ "message_ref": "mail/4", "intent": "info" })).await;
    }

    async fn clocks(&self, id: &str, query: &str) -> Value {
        self.ann.get(&format!("/v1/instances/{id}/clocks{query}")).await.expect(200)
    }

    async fn explained(&self, id: &str, clock: &str, query: &str) -> Value {
        self.ann.get(&format!("/v1/instances/{id}/clocks/{clock}/explain{query}")).await.expect(200)
    }
}

/// The clock `name` of a list of clocks.
fn clock<'c>(list: &'c Value, name: &str) -> &'c Value {
    let clocks = list["clocks"].as_array().unwrap();
    clocks.iter().find(|clock| clock["clock"] == name).unwrap_or_else(|| panic!("no `{name}` in {list}"))
}

/// Kind, local from and local to of each piece.
fn pieces(derivation: &Value) -> Vec<String> {
    let local = |time: &Value| {
        let utc = time.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        utc.with_timezone(&chrono_tz::Asia::Shanghai).format("%dT%H:%M").to_string()
    };
    let pieces = derivation["pieces"].as_array().unwrap().iter();
    pieces
        .map(|piece| {
            format!("{} {} {}", piece["kind"].as_str().unwrap(), local(&piece["from"]), local(&piece["to"]))
        })
        .collect()
}

#[tokio::test]
async fn clocks_tell_how_they_stand_at_the_moment_of_asking() {
    let desk = Desk::at("2026-03-11T11:30:00+08:00").await;
    let id = desk.gateway.submit(question("c-1")).await;
    desk.rig.until("2026-03-11T13:30:00+08:00").await;
    let list = desk.clocks(&id, "").await;
    assert_eq!((&list["seq"], &list["at"]), (&json!(1), &json!(at("2026-03-11T13:30:00+08:00"))));
    let frt = clock(&list, "FRT");
    assert_eq!(frt["title"], json!({ "en": "First response", "zh": "首次响应" }));
    assert_eq!(
        (&frt["status"], &frt["cycle"], &frt["breached"]),
        (&json!("running"), &json!(1), &json!(false))
    );
    assert_eq!(
        (&frt["target"], &frt["due"]),
        (&json!("2 business hours"), &json!(at("2026-03-11T14:30:00+08:00")))
    );
    assert_eq!((&frt["elapsed_ms"], &frt["run"]["total_ms"]), (&json!(3_600_000), &json!(7_200_000)));
    assert_eq!((&frt["run"]["consumed"], &frt["run"]["calendar"]), (&json!(50), &json!("cn")));
    let next = json!({
        "level": 80, "kind": "warning", "notify": ["owner", "role:supervisor"],
        "at": at("2026-03-11T14:06:00+08:00"),
    });
    assert_eq!(frt["run"]["next"], next);
    let summary = json!([
        { "clock": "FRT", "status": "running", "due": at("2026-03-11T14:30:00+08:00"), "consumed": 50 },
        { "clock": "RES", "status": "running", "due": at("2026-03-13T11:30:00+08:00"), "consumed": 6 },
    ]);
    assert_eq!(desk.ann.instance(&id).await["clocks"], summary);
    assert_eq!(desk.ann.get("/v1/instances").await.expect(200)["instances"][0]["clocks"], summary);

    desk.rig.until("2026-03-11T15:00:00+08:00").await;
    let frt = desk.clocks(&id, "").await["clocks"][0].clone();
    assert_eq!(
        (&frt["breached"], &frt["level"], &frt["run"]["next"]["level"]),
        (&json!(true), &json!(100), &json!(150))
    );
    desk.ann.sent(&id, "accept", json!({})).await;
    desk.ann.sent(&id, "respond", json!({ "message_ref": "mail/2", "human": true })).await;
    let list = desk.clocks(&id, "").await;
    let frt = clock(&list, "FRT");
    assert_eq!((&frt["status"], frt.get("run")), (&json!("breached"), None));
    assert_eq!(
        frt["ended"],
        json!([{
            "cycle": 1, "start": at("2026-03-11T11:30:00+08:00"), "ended": at("2026-03-11T15:00:00+08:00"),
            "target": "2 business hours", "due": at("2026-03-11T14:30:00+08:00"), "elapsed_ms": 9_000_000,
            "verdict": "breached", "level": 100, "corrected": false,
        }])
    );
    assert_eq!(frt["older"], json!({ "met": 0, "breached": 0, "cancelled": 0 }));
}

#[tokio::test]
async fn due_is_explained_in_the_words_of_both_languages() {
    let desk = Desk::at("2026-03-11T11:30:00+08:00").await;
    let id = desk.gateway.submit(question("c-1")).await;
    let told = desk.explained(&id, "FRT", "").await;
    let begin = format!(
        "Started Wed 2026-03-11 11:30 (`submit`, entry 1); 2 business hours on calendar cn (version {}), \
         definition version {}. Counted 11:30–12:00 (0:30 of 2:00). Closed 12:00–13:00 (break). \
         Counted 13:00–14:30 (2:00 of 2:00). Due Wed 2026-03-11 14:30.",
        told["cal_ver"], told["policy_ver"]
    );
    assert!(told["text"].as_str().unwrap().starts_with(&begin), "{}", told["text"]);
    assert_eq!((&told["calendar"], &told["zone"]), (&json!("cn"), &json!("Asia/Shanghai")));
    assert_eq!(
        pieces(&told),
        ["counted 11T11:30 11T12:00", "closed 11T12:00 11T13:00", "counted 11T13:00 11T14:30"]
    );
    assert_eq!(told["pieces"][1]["reason"], "break");
    let zh = desk.explained(&id, "FRT", "?lang=zh").await;
    assert_eq!(zh["sentences"], told["sentences"], "both languages, whichever is asked for");
    assert!(zh["text"].as_str().unwrap().contains("到期 2026-03-11 周三 14:30。"), "{}", zh["text"]);
    let points: Vec<(u64, &str)> = told["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| (point["level"].as_u64().unwrap(), point["at"].as_str().unwrap()))
        .collect();
    let expected = [
        (80, at("2026-03-11T14:06:00+08:00")),
        (100, at("2026-03-11T14:30:00+08:00")),
        (150, at("2026-03-11T15:30:00+08:00")),
        (200, at("2026-03-11T16:30:00+08:00")),
    ];
    assert_eq!(points, expected.each_ref().map(|(level, at)| (*level, at.as_str())));
    assert_eq!(pieces(&told["points"][3]), ["counted 11T14:30 11T16:30"]);
}

#[tokio::test]
async fn paused_and_retargeted_clock_is_explained_with_the_entries_that_did_it() {
    let desk = Desk::at("2026-03-11T10:00:00+08:00").await;
    let id = desk.responded("c-1").await;
    desk.rig.until("2026-03-11T11:00:00+08:00").await;
    desk.ask(&id).await;
    desk.rig.until("2026-03-11T14:00:00+08:00").await;
    desk.reply(&id).await;
    let before = desk.ann.instance(&id).await["seq"].clone();
    desk.rig.until("2026-03-11T15:00:00+08:00").await;
    let told = desk.explained(&id, "RES", "").await;
    assert_eq!(told["due"], at("2026-03-13T12:00:00+08:00"));
    desk.ann.sent(&id, "priority_changed", json!({ "to": "urgent", "reason": "停产" })).await;

    let told = desk.explained(&id, "RES", "").await;
    assert_eq!(told["due"], at("2026-03-11T17:00:00+08:00"));
    assert_eq!(told["due"], clock(&desk.clocks(&id, "").await, "RES")["due"]);
    assert_eq!(
        pieces(&told),
        [
            "counted 11T10:00 11T11:00",
            "paused 11T11:00 11T14:00",
            "counted 11T14:00 11T17:00",
            "retargeted 11T15:00 11T15:00",
        ]
    );
    let seq_of = async |event: &str| {
        let history = desk.ann.history(&id).await;
        let found = history.iter().rfind(|recorded| recorded["entry"]["event"] == event).unwrap();
        found["entry"]["seq"].clone()
    };
    let pause = &told["pieces"][1];
    assert_eq!(pause["by"], json!({ "event": "request_info", "seq": seq_of("request_info").await }));
    assert_eq!(
        pause["resumed_by"],
        json!({ "event": "customer_reply", "seq": seq_of("customer_reply").await })
    );
    let retargeted = seq_of("clock_retargeted").await;
    assert_eq!(
        told["retargets"],
        json!([{
            "at": at("2026-03-11T15:00:00+08:00"), "by": { "event": "clock_retargeted", "seq": retargeted },
            "from": "16 business hours", "to": "4 business hours", "cause": "priority",
            "due_old": at("2026-03-13T12:00:00+08:00"), "due": at("2026-03-11T17:00:00+08:00"),
        }])
    );
    let text = told["text"].as_str().unwrap();
    let stood = "Stood still 11:00–14:00 (`request_info`, entry";
    let became = "At Wed 2026-03-11 15:00 16 business hours became 4 business hours because of the priority";
    assert!(text.contains(stood) && text.contains(became), "{text}");

    let earlier = desk.explained(&id, "RES", &format!("?as_of={before}")).await;
    assert_eq!(earlier["due"], at("2026-03-13T12:00:00+08:00"));
    assert_eq!((&earlier["retargets"], &earlier["target"]), (&json!([]), &json!("16 business hours")));
    let asked = seq_of("request_info").await;
    let paused = desk.explained(&id, "RES", &format!("?as_of={asked}")).await;
    assert_eq!((&paused["status"], paused.get("due")), (&json!("paused"), None));
    assert_eq!(paused["pieces"][1].get("to"), None, "the pause lasts");
    let list = desk.clocks(&id, &format!("?as_of={asked}")).await;
    let res = clock(&list, "RES");
    assert_eq!((&list["at"], &list["seq"]), (&json!(at("2026-03-11T11:00:00+08:00")), &asked));
    assert_eq!(
        (&res["status"], res.get("due"), &res["elapsed_ms"]),
        (&json!("paused"), None, &json!(3_600_000))
    );
    assert_eq!(res["run"]["paused_since"], at("2026-03-11T11:00:00+08:00"));
    let first = desk.clocks(&id, "?as_of=1").await;
    let names: Vec<&Value> =
        first["clocks"].as_array().unwrap().iter().map(|clock| &clock["clock"]).collect();
    assert_eq!(names, ["FRT", "RES"]);
    assert_eq!(clock(&first, "FRT")["status"], "running");

    for seq in ["0", "99"] {
        for path in ["clocks", "clocks/RES/explain"] {
            let refused = desk.ann.get(&format!("/v1/instances/{id}/{path}?as_of={seq}")).await;
            assert_eq!(refused.problem(400), "invalid_query");
            assert!(refused.text.contains("accepted is 1 to"), "{}", refused.text);
        }
    }
    let refused = desk.ann.get(&format!("/v1/instances/{id}/clocks/RES/explain?cycle=2")).await;
    assert_eq!(refused.problem(404), "unknown_clock");
}

#[tokio::test]
async fn each_run_of_a_clock_is_explained_on_its_own() {
    let desk = Desk::at("2026-03-11T10:00:00+08:00").await;
    let id = desk.responded("c-1").await;
    for hour in [11, 13] {
        desk.rig.until(&format!("2026-03-11T{hour}:00:00+08:00")).await;
        let said = json!({ "message_ref": "mail/5", "intent": "info" });
        desk.gateway.sent(&id, "customer_reply", said).await;
        desk.rig.until(&format!("2026-03-11T{hour}:30:00+08:00")).await;
        desk.ann.sent(&id, "respond", json!({ "message_ref": "mail/6", "human": true })).await;
    }
    let first = desk.explained(&id, "NRT", "?cycle=1").await;
    assert_eq!((&first["start"], &first["status"]), (&json!(at("2026-03-11T11:00:00+08:00")), &json!("met")));
    assert_eq!((&first["elapsed_ms"], &first["ended_by"]["event"]), (&json!(1_800_000), &json!("respond")));
    let last = desk.explained(&id, "NRT", "").await;
    assert_eq!((&last["cycle"], &last["start"]), (&json!(2), &json!(at("2026-03-11T13:00:00+08:00"))));
    let list = desk.clocks(&id, "").await;
    assert_eq!(clock(&list, "NRT")["ended"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn case_becomes_overdue_by_time_passing_alone() {
    let desk = Desk::at("2026-03-11T10:00:00+08:00").await;
    let late = desk.gateway.submit(question("c-1")).await;
    let waiting = desk.responded("c-2").await;
    desk.ask(&waiting).await;
    let done = desk.responded("c-3").await;
    desk.ann.sent(&done, "answer", solution()).await;
    let overdue = async || listed(&desk.ann, "overdue=true").await;
    let due = at("2026-03-11T12:00:00+08:00");
    for (time, expected) in [
        ("2026-03-11T11:59:59.999+08:00", vec![]),
        ("2026-03-11T12:00:00+08:00", vec![]),
        ("2026-03-11T12:00:00.001+08:00", vec![late.clone()]),
    ] {
        desk.rig.time.set(careflow::kernel::instant::Instant::parse(time).unwrap());
        assert_eq!(overdue().await, expected, "{time}");
    }
    assert_eq!(listed(&desk.ann, &format!("due_before={due}")).await, Vec::<String>::new());
    let after = at("2026-03-11T12:00:00.001+08:00");
    assert_eq!(listed(&desk.ann, &format!("due_before={after}")).await, std::slice::from_ref(&late));
    let by_due = listed(&desk.ann, "sort=due").await;
    assert_eq!(by_due, std::slice::from_ref(&late), "what stands still has no due");
    desk.rig.until("2026-03-16T12:00:00+08:00").await;
    assert_eq!(overdue().await, [late], "a case that waits for its customer is not overdue");
    assert_eq!(desk.ann.state(&waiting).await, "open.waiting_customer");
}

#[tokio::test]
async fn list_by_due_follows_what_moves_a_due_and_outlives_a_rebuild() {
    let desk = Desk::at("2026-03-11T10:00:00+08:00").await;
    let mut made = Vec::new();
    for number in 0..6 {
        desk.rig.until(&format!("2026-03-11T10:{number}0:00+08:00")).await;
        made.push(desk.responded(&format!("c-{number}")).await);
    }
    assert_eq!(listed(&desk.ann, "sort=due").await, made);
    let turned: Vec<String> = made.iter().rev().cloned().collect();
    assert_eq!(listed(&desk.ann, "sort=-due").await, turned);
    let urgent = json!({ "to": "urgent", "reason": "停产" });
    desk.ann.sent(&made[5], "priority_changed", urgent).await;
    desk.ask(&made[0]).await;
    let order = [&made[5], &made[1], &made[2], &made[3], &made[4]];
    let paged = async |query: &str, caller: &Caller| {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = caller.get(&format!("/v1/instances?{query}{cursor}")).await.expect(200);
            for row in page["instances"].as_array().unwrap() {
                found.push(row["id"].as_str().unwrap().to_owned());
            }
            match page.get("next_cursor") {
                Some(next) => cursor = format!("&cursor={}", next.as_str().unwrap()),
                None => return found,
            }
        }
    };
    for limit in [1, 2, 50] {
        assert_eq!(
            paged(&format!("sort=due&limit={limit}"), &desk.ann).await.iter().collect::<Vec<_>>(),
            order
        );
    }
    let some = "sort=due&limit=1&workflow=consultation&state=open&owner=ann&created_from=2026-03-11T10:30:00%2B08:00";
    assert_eq!(paged(some, &desk.ann).await, [&made[5], &made[3], &made[4]].map(Clone::clone));
    assert_eq!(listed(&desk.ann, "sort=due&customer=c-3").await, [made[3].clone()]);
    assert_eq!(listed(&desk.ann, "sort=due&priority=urgent").await, [made[5].clone()]);
    let soon = at("2026-03-12T00:00:00+08:00");
    assert_eq!(listed(&desk.ann, &format!("due_before={soon}")).await, [made[5].clone()]);

    let Desk { rig, ann, .. } = desk;
    let closed: Closed = rig.close().await;
    std::fs::remove_dir_all(closed.config.index()).unwrap();
    let rig = closed.start().await.unwrap();
    let ann = Caller { address: rig.address().to_owned(), ..ann };
    assert_eq!(paged("sort=due&limit=2", &ann).await.iter().collect::<Vec<_>>(), order);
}

#[tokio::test]
async fn list_by_use_takes_declared_levels_only() {
    let desk = Desk::at("2026-03-11T10:00:00+08:00").await;
    let first = desk.gateway.submit(question("c-1")).await;
    desk.rig.until("2026-03-11T10:30:00+08:00").await;
    let second = desk.gateway.submit(question("c-2")).await;
    let used = async |level: u32| listed(&desk.ann, &format!("consumed_at_least={level}")).await;
    desk.rig.until("2026-03-11T11:35:59.999+08:00").await;
    assert_eq!((used(50).await, used(80).await), (vec![first.clone(), second.clone()], vec![]));
    desk.rig.until("2026-03-11T11:36:00+08:00").await;
    assert_eq!(used(80).await, std::slice::from_ref(&first));
    desk.rig.until("2026-03-11T14:00:00+08:00").await;
    assert_eq!(used(100).await, [first.clone(), second.clone()]);
    assert_eq!(used(150).await, std::slice::from_ref(&first));
    assert_eq!(listed(&desk.ann, "overdue=true&consumed_at_least=150").await, [first]);
    let refused = desk.ann.get("/v1/instances?consumed_at_least=70").await;
    assert_eq!(refused.problem(400), "invalid_query");
    assert_eq!(refused.json()["accepted"], json!(["50", "80", "100", "150", "200"]));
}

#[tokio::test]
async fn orders_and_times_that_do_not_fit_are_refused() {
    let desk = Desk::at("2026-03-11T10:00:00+08:00").await;
    for (query, code, says) in [
        ("overdue=true&sort=created", "unsupported_sort", "\"accepted\":[\"due\",\"-due\"]"),
        ("due_before=soon", "invalid_query", "`due_before`"),
        ("overdue=yes", "invalid_query", "overdue"),
        ("sort=due&external_ref=a", "invalid_query", "needs `workflow`"),
    ] {
        let refused = desk.ann.get(&format!("/v1/instances?{query}")).await;
        assert_eq!(refused.problem(400), code, "{query}");
        assert!(refused.text.contains(says), "{query}: {}", refused.text);
    }
}

#[tokio::test]
async fn customer_sees_clocks_of_own_cases_and_nothing_of_others() {
    let desk = Desk::at("2026-03-11T10:00:00+08:00").await;
    let (own, other) =
        (desk.gateway.submit(question("c-1")).await, desk.gateway.submit(question("c-2")).await);
    let customer = desk.rig.caller("c-1", Role::Customer).await;
    desk.rig.until("2026-03-11T15:00:00+08:00").await;
    let page = customer.get("/v1/instances?overdue=true").await.expect(200);
    assert_eq!((page["instances"].as_array().unwrap().len(), &page["scanned"]), (1, &json!(1)));
    assert_eq!(page["instances"][0]["id"], own);
    assert_eq!(listed(&customer, "overdue=false").await, Vec::<String>::new());
    assert_eq!(customer.get("/v1/instances?sort=due").await.problem(400), "unsupported_sort");
    let path = |id: &str, rest: &str| format!("/v1/instances/{id}/clocks{rest}");
    assert_eq!(customer.get(&path(&own, "")).await.status, 200);
    assert_eq!(customer.get(&path(&other, "")).await.problem(404), "unknown_instance");
    for history in ["?as_of=1", "/FRT/explain"] {
        assert_eq!(customer.get(&path(&own, history)).await.problem(403), "role_not_allowed");
    }
}

#[tokio::test]
async fn receipts_and_dry_runs_tell_what_an_event_does_to_clocks() {
    let desk = Desk::at("2026-03-11T10:00:00+08:00").await;
    let id = desk.gateway.submit(question("c-1")).await;
    desk.ann.sent(&id, "accept", json!({})).await;
    let said = json!({ "event": "respond", "payload": { "message_ref": "mail/2", "human": true } });
    let path = format!("/v1/instances/{id}/events");
    let tried = desk.ann.post(&format!("{path}?dry_run=true"), &said).await.expect(200);
    let stopped = json!([{
        "clock": "FRT", "cycle": 1, "fact": "stopped", "at": at("2026-03-11T10:00:00+08:00"),
        "verdict": "met", "elapsed_ms": 0,
    }]);
    assert_eq!(tried["clocks"], stopped);
    assert_eq!(desk.ann.post(&path, &said).await.expect(200)["clocks"], stopped);
}

#[tokio::test]
async fn workflow_shows_its_clocks() {
    let desk = Desk::at("2026-03-11T10:00:00+08:00").await;
    let flow = desk.ann.get("/v1/workflows/consultation").await.expect(200);
    let res = clock(&flow, "RES");
    assert_eq!(
        (&res["title"]["zh"], &res["target"], &res["cycle"]),
        (&json!("办结"), &json!("res"), &json!("again"))
    );
    assert_eq!(res["start_on"], json!(["submit", "reopened"]));
    assert_eq!((&res["stop_on"], &res["cancel_on"]), (&json!(["enter settled"]), &json!([])));
    assert_eq!(res["pause_in"], json!(["open.waiting_customer", "open.answered"]));
    let at = json!([
        { "level": 50, "kind": "escalation", "notify": ["owner"], "min_target": "4 business hours" },
        { "level": 80, "kind": "warning", "notify": ["owner", "role:supervisor"] },
        { "level": 100, "kind": "breach", "notify": ["role:supervisor"], "action": "note_and_reassign", "escalate": "supervisor" },
        { "level": 150, "kind": "escalation", "notify": ["role:dept_manager"], "escalate": "manager" },
        { "level": 200, "kind": "escalation", "notify": ["role:process_owner"] },
    ]);
    assert_eq!(res["points"], at);
}
