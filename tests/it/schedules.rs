//! Schedules over HTTP: what fires when, through downtime, overlap and clock changes.

use careflow::kernel::actor::Role;
use serde_json::{Value, json};

use crate::conventions::{assert_replayed, keyed};
use crate::definitions::{edit, write_shipped};
use crate::lists::listed;
use crate::rig::{Caller, Closed, Rig, at};

const DEFINITION: &str = "consultation/definition.yaml";

/// A schedule `check` of the consultation that differs from the usual one in some lines.
pub fn check(changes: &[(&str, &str)]) -> String {
    let mut text = String::from(
        "
schedules:
  - name: check
    title: { en: Check, zh: 检查 }
    cron: 0 9 * * *
    zone: Asia/Shanghai
    catch_up: all
    overlap: allow
    start:
      payload:
        customer_id: house
        channel: api
        subject: check {number} of {date}
        body_ref: check/{date}
        category: other
        problem_type: check
",
    );
    for (from, to) in changes {
        assert!(text.contains(from), "`{from}` is no part of the schedule");
        text = text.replacen(from, to, 1);
    }
    text
}

/// Publishes version `version` of the consultation's definition with `schedules` at its end.
pub fn publish(closed: &mut Closed, version: u32, schedules: &str) {
    let path = write_shipped(closed).join(DEFINITION);
    edit(closed, DEFINITION, &[("version: 1", &format!("version: {version}"))]);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, text + schedules).unwrap();
}

/// A server at `time` with the schedule `check`.
async fn scheduled(time: &str, changes: &[(&str, &str)]) -> Rig {
    let mut closed = Rig::at(time).await.close().await;
    publish(&mut closed, 2, &check(changes));
    closed.start().await.unwrap()
}

/// The schedule called `name` as it is shown.
pub async fn shown(caller: &Caller, name: &str) -> Value {
    let list = caller.get("/v1/schedules").await.expect(200);
    let found = list["schedules"].as_array().unwrap().iter().find(|schedule| schedule["name"] == name);
    found.unwrap_or_else(|| panic!("no `{name}` in {list}")).clone()
}

/// The firings of `check`, oldest first.
async fn firings(caller: &Caller) -> Vec<Value> {
    let id = shown(caller, "check").await["id"].clone();
    let path = format!("/v1/schedules/{}/firings?limit=200", id.as_str().unwrap());
    let mut page = caller.get(&path).await.expect(200)["firings"].as_array().unwrap().clone();
    page.reverse();
    page
}

/// Of each firing: fire time, outcome, code.
fn told(firings: &[Value]) -> Vec<(&str, &str, Option<&str>)> {
    firings
        .iter()
        .map(|firing| {
            (
                firing["scheduled_for"].as_str().unwrap(),
                firing["outcome"].as_str().unwrap(),
                firing["code"].as_str(),
            )
        })
        .collect()
}

async fn command(caller: &Caller, what: &str, reason: &str) -> crate::rig::Response {
    let id = shown(caller, "check").await["id"].as_str().unwrap().to_owned();
    caller.post(&format!("/v1/schedules/{id}/{what}"), &json!({ "reason": reason })).await
}

#[tokio::test]
async fn a_schedule_fires_once_at_its_time_and_its_instance_names_it() {
    let rig = scheduled("2026-03-11T08:00:00+08:00", &[]).await;
    let ann = rig.caller("ann", Role::Agent).await;
    let nine = at("2026-03-11T09:00:00+08:00");
    assert_eq!(shown(&ann, "check").await["next"], json!(nine));
    rig.until("2026-03-11T08:59:59.999+08:00").await;
    assert!(listed(&ann, "customer=house").await.is_empty());
    rig.until("2026-03-11T09:30:00+08:00").await;

    let schedule = shown(&ann, "check").await;
    assert_eq!((&schedule["fired"], &schedule["next"]), (&json!(1), &json!(at("2026-03-12T09:00:00+08:00"))));
    let started = listed(&ann, "customer=house").await;
    assert_eq!(json!(started), json!([schedule["last"]["started"]]));
    assert_eq!(told(&firings(&ann).await), [(nine.as_str(), "started", None)]);
    let case = ann.instance(&started[0]).await;
    assert_eq!((&case["parent"], &case["created"]), (&schedule["id"], &json!(nine)));
    assert_eq!(
        (&case["data"]["subject"], &case["data"]["body_ref"]),
        (&json!("check 1 of 2026-03-11"), &json!("check/2026-03-11"))
    );
    let entry = ann.history(&started[0]).await[0]["entry"].clone();
    assert_eq!((&entry["actor"]["kind"], &entry["cause"]["kind"]), (&json!("schedule"), &json!("parent")));
}

#[tokio::test]
async fn nothing_fires_twice_after_a_restart_or_a_lost_index() {
    let rig = scheduled("2026-03-11T08:00:00+08:00", &[]).await;
    rig.until("2026-03-11T09:00:00+08:00").await;
    let closed = rig.close().await;
    std::fs::remove_dir_all(closed.config.index()).unwrap();
    let rig = closed.start().await.unwrap().restart().await;
    rig.engine.settle().await;
    let ann = rig.caller("ann", Role::Agent).await;
    assert_eq!(firings(&ann).await.len(), 1);
    assert_eq!(listed(&ann, "customer=house").await.len(), 1);
    assert_eq!(shown(&ann, "check").await["next"], json!(at("2026-03-12T09:00:00+08:00")));
    rig.until("2026-03-12T09:00:00+08:00").await;
    assert_eq!(firings(&ann).await.len(), 2);
}

/// What becomes of the fire times of 12, 13 and 14 March, when no server ran.
async fn caught_up(catch_up: &str) -> (Vec<Value>, usize) {
    let rig = scheduled("2026-03-11T10:00:00+08:00", &[("catch_up: all", catch_up)]).await;
    let closed = rig.close().await;
    closed.time.set(careflow::kernel::instant::Instant::parse("2026-03-14T12:00:00+08:00").unwrap());
    let rig = closed.start().await.unwrap();
    rig.engine.settle().await;
    let ann = rig.caller("ann", Role::Agent).await;
    assert_eq!(shown(&ann, "check").await["next"], json!(at("2026-03-15T09:00:00+08:00")));
    let fired = firings(&ann).await;
    let started = listed(&ann, "customer=house").await.len();
    rig.until("2026-03-15T09:00:00+08:00").await;
    assert_eq!(firings(&ann).await.len(), fired.len() + 1, "the next fire time is like any other");
    (fired, started)
}

#[tokio::test]
async fn missed_fire_times_follow_the_definition() {
    let [first, second, last] = ["12", "13", "14"].map(|day| at(&format!("2026-03-{day}T09:00:00+08:00")));
    let missed = json!({ "from": first, "to": last, "count": 3 });

    let (skipped, started) = caught_up("catch_up: skip").await;
    assert_eq!(told(&skipped), [(last.as_str(), "skipped", Some("missed"))]);
    assert_eq!((&skipped[0]["missed"], started), (&missed, 0));

    let (one, started) = caught_up("catch_up: one").await;
    assert_eq!(told(&one), [(last.as_str(), "started", None)]);
    assert_eq!((&one[0]["missed"], started), (&missed, 1));

    let (all, started) = caught_up("catch_up: all").await;
    let expected = [&first, &second, &last].map(|time| (time.as_str(), "started", None));
    assert_eq!(told(&all), expected);
    assert_eq!((all[0].get("missed"), started), (None, 3));
}

#[tokio::test]
async fn an_unfinished_instance_keeps_the_next_from_starting_where_the_definition_says_so() {
    let rig = scheduled("2026-03-11T08:00:00+08:00", &[("overlap: allow", "overlap: skip")]).await;
    let (ann, root) = (rig.caller("ann", Role::Agent).await, rig.caller("root", Role::Administrator).await);
    rig.until("2026-03-12T09:30:00+08:00").await;
    let fired = firings(&ann).await;
    let times = ["11", "12"].map(|day| at(&format!("2026-03-{day}T09:00:00+08:00")));
    assert_eq!(
        told(&fired),
        [(times[0].as_str(), "started", None), (times[1].as_str(), "skipped", Some("overlap"))]
    );
    let open = fired[0]["started"].as_str().unwrap();
    assert!(fired[1]["reason"].as_str().unwrap().contains(open), "{}", fired[1]);
    let refused = command(&root, "run", "now").await;
    assert_eq!(refused.problem(409), "overlap");
    assert_eq!(ann.sent(open, "withdraw", json!({ "evidence_ref": "mail/3" })).await, "closed.withdrawn");
    rig.until("2026-03-13T09:30:00+08:00").await;
    assert_eq!(told(&firings(&ann).await)[2].1, "started");
}

#[tokio::test]
async fn a_paused_schedule_rests_until_it_is_resumed() {
    let rig = scheduled("2026-03-11T08:00:00+08:00", &[]).await;
    let (ann, root) = (rig.caller("ann", Role::Agent).await, rig.caller("root", Role::Administrator).await);
    assert_eq!(command(&ann, "pause", "why not").await.problem(403), "role_not_allowed");
    assert_eq!(command(&root, "pause", " ").await.problem(422), "invalid_body");
    assert_eq!(command(&root, "resume", "early").await.problem(409), "not_paused");
    let id = shown(&ann, "check").await["id"].as_str().unwrap().to_owned();
    let (pause, reason) = (format!("/v1/schedules/{id}/pause"), json!({ "reason": "搬家" }));
    let paused = keyed(&root, &pause, &reason, "p-1").await;
    assert_replayed(&paused, &keyed(&root, &pause, &reason, "p-1").await);
    assert_eq!(keyed(&root, &pause, &json!({ "reason": "else" }), "p-1").await.problem(409), "key_reused");
    assert_eq!(command(&root, "pause", "again").await.problem(409), "already_paused");
    let schedule = shown(&ann, "check").await;
    assert_eq!((&schedule["state"], schedule.get("next")), (&json!("paused"), None));
    assert_eq!((&schedule["paused"]["by"], &schedule["paused"]["reason"]), (&json!("root"), &json!("搬家")));

    rig.until("2026-03-13T12:00:00+08:00").await;
    let rig = rig.restart().await;
    let (ann, root) = (rig.caller("ann", Role::Agent).await, rig.caller("root", Role::Administrator).await);
    assert!(firings(&ann).await.is_empty());
    command(&root, "resume", "搬完").await.expect(200);
    let schedule = shown(&ann, "check").await;
    assert_eq!(
        (&schedule["state"], &schedule["next"]),
        (&json!("active"), &json!(at("2026-03-14T09:00:00+08:00")))
    );
    rig.until("2026-03-14T09:00:00+08:00").await;
    assert_eq!(told(&firings(&ann).await), [(at("2026-03-14T09:00:00+08:00").as_str(), "started", None)]);
}

#[tokio::test]
async fn a_run_by_hand_leaves_the_next_fire_time_as_it_is() {
    let rig = scheduled("2026-03-11T08:00:00+08:00", &[]).await;
    let (ann, root) = (rig.caller("ann", Role::Agent).await, rig.caller("root", Role::Administrator).await);
    let id = shown(&ann, "check").await["id"].as_str().unwrap().to_owned();
    let (run, reason) = (format!("/v1/schedules/{id}/run"), json!({ "reason": "asked for" }));
    assert_eq!(ann.post(&run, &reason).await.problem(403), "role_not_allowed");
    let ran = keyed(&root, &run, &reason, "r-1").await;
    assert_replayed(&ran, &keyed(&root, &run, &reason, "r-1").await);
    let schedule = shown(&ann, "check").await;
    assert_eq!((&schedule["fired"], &schedule["next"]), (&json!(1), &json!(at("2026-03-11T09:00:00+08:00"))));
    assert_eq!(schedule["last"]["run_by"], "root");
    assert_eq!(json!(listed(&ann, "customer=house").await), json!([schedule["last"]["started"]]));
    rig.until("2026-03-11T09:00:00+08:00").await;
    let fired = firings(&ann).await;
    let times = ["08", "09"].map(|hour| at(&format!("2026-03-11T{hour}:00:00+08:00")));
    assert_eq!(told(&fired), [(times[0].as_str(), "started", None), (times[1].as_str(), "started", None)]);
    assert_eq!((&fired[0]["number"], &fired[1]["number"]), (&json!(1), &json!(2)));
}

#[tokio::test]
async fn a_refused_start_is_recorded_and_the_schedule_goes_on() {
    let one = [("problem_type: check", "problem_type: check\n        external_ref: monthly")];
    let rig = scheduled("2026-03-11T08:00:00+08:00", &one).await;
    let (ann, root) = (rig.caller("ann", Role::Agent).await, rig.caller("root", Role::Administrator).await);
    rig.until("2026-03-12T12:00:00+08:00").await;
    let fired = firings(&ann).await;
    assert_eq!(told(&fired)[1].1, "refused");
    assert_eq!(fired[1]["code"], "already_open");
    assert!(fired[1]["reason"].as_str().unwrap().contains("`monthly` is open already"), "{}", fired[1]);
    let position = rig.engine.position();
    assert_eq!(command(&root, "run", "now").await.problem(409), "already_open");
    assert_eq!(rig.engine.position(), position, "a refused run changes nothing");
    let open = fired[0]["started"].as_str().unwrap();
    ann.sent(open, "withdraw", json!({ "evidence_ref": "mail/3" })).await;
    rig.until("2026-03-13T12:00:00+08:00").await;
    assert_eq!(told(&firings(&ann).await)[2].1, "started");
}

#[tokio::test]
async fn what_is_foretold_is_what_fires_also_around_clock_changes() {
    for (cron, start, count, local) in [
        ("cron: 30 2 * * *", "2026-03-07T12:00:00-05:00", 3, "2026-03-08T03:00:00-04:00"),
        ("cron: 30 1 * * *", "2026-10-31T12:00:00-04:00", 3, "2026-11-01T01:30:00-04:00"),
        ("cron: 0 */20 0-3 * * *", "2026-11-01T00:50:00-04:00", 6, "2026-11-01T01:00:00-04:00"),
    ] {
        let zone = ("zone: Asia/Shanghai", "zone: America/New_York");
        let rig = scheduled(start, &[("cron: 0 9 * * *", cron), zone]).await;
        let ann = rig.caller("ann", Role::Agent).await;
        let id = shown(&ann, "check").await["id"].as_str().unwrap().to_owned();
        let next = ann.get(&format!("/v1/schedules/{id}/next?n={count}")).await.expect(200);
        let times = next["times"].as_array().unwrap();
        assert_eq!((times.len(), &times[0]["local"]), (count, &json!(local)));
        let text = cron.strip_prefix("cron: ").unwrap().replace(' ', "%20");
        let path = format!("/v1/schedules/preview?cron={text}&zone=America/New_York&n={count}");
        assert_eq!(ann.get(&path).await.expect(200)["times"], next["times"]);
        rig.until(times[count - 1]["at"].as_str().unwrap()).await;
        let fired: Vec<Value> = firings(&ann).await.iter().map(|one| one["scheduled_for"].clone()).collect();
        let told: Vec<Value> = times.iter().map(|time| time["at"].clone()).collect();
        assert_eq!(fired, told, "{cron}");
    }
}

#[tokio::test]
async fn firings_are_paged_from_the_newest() {
    let rig = scheduled("2026-03-11T08:00:00+08:00", &[]).await;
    let (ann, root) = (rig.caller("ann", Role::Agent).await, rig.caller("root", Role::Administrator).await);
    for day in 11..16 {
        rig.until(&format!("2026-03-{day}T09:00:00+08:00")).await;
        // Entries that are no firings lie between.
        command(&root, "pause", "between").await.expect(200);
        command(&root, "resume", "between").await.expect(200);
    }
    let id = shown(&ann, "check").await["id"].as_str().unwrap().to_owned();
    let (mut numbers, mut before) = (Vec::new(), String::new());
    loop {
        let page = ann.get(&format!("/v1/schedules/{id}/firings?limit=2{before}")).await.expect(200);
        numbers.extend(page["firings"].as_array().unwrap().iter().map(|one| one["number"].as_u64().unwrap()));
        match page.get("next_before") {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
    for position in [1, 100_000] {
        let refused = ann.get(&format!("/v1/schedules/{id}/firings?before={position}")).await;
        assert_eq!(refused.problem(400), "invalid_query");
    }
}

#[tokio::test]
async fn what_cannot_be_told_says_what_is_accepted() {
    let rig = Rig::wednesday().await;
    let (ann, customer) = (rig.caller("ann", Role::Agent).await, rig.caller("c-1", Role::Customer).await);
    let preview = |query: &str| format!("/v1/schedules/preview?{query}");
    for (query, says) in [
        ("cron=61%20*%20*%20*%20*&zone=UTC", "`61` is refused as minute"),
        ("cron=0%200%2030%202%20*&zone=UTC", "never fires"),
        ("cron=@daily&zone=Mars", "`Mars` is not a time zone"),
        ("cron=@daily&zone=UTC&n=101", "accepted is 1 to 100"),
        ("cron=@daily", "zone"),
    ] {
        let refused = ann.get(&preview(query)).await;
        assert_eq!(refused.problem(400), "invalid_query");
        assert!(refused.json()["detail"].as_str().unwrap().contains(says), "{}", refused.text);
    }
    let daily = ann.get(&preview("cron=@daily&zone=Asia/Shanghai&n=1")).await.expect(200);
    assert_eq!(daily["times"][0]["local"], "2026-03-12T00:00:00+08:00");
    for path in ["/v1/schedules/nothing", "/v1/schedules/0000-0000000000000000/next"] {
        assert_eq!(ann.get(path).await.problem(404), "unknown_schedule");
    }
    let id = shown(&ann, "monthly_feedback").await["id"].as_str().unwrap().to_owned();
    let own = [format!("/v1/schedules/{id}"), "/v1/schedules".into(), preview("cron=@daily&zone=UTC")];
    for path in own {
        assert_eq!(customer.get(&path).await.problem(403), "role_not_allowed");
    }
    assert_eq!(ann.get(&format!("/v1/instances/{id}")).await.problem(404), "unknown_instance");
    let timers = ann.get("/v1/timers").await.expect(200);
    assert_eq!(timers["timers"], json!([]), "schedules have a list of their own");
}
