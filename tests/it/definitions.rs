//! Definitions and calendars edited on disk: what running cases keep, what new ones get, what is refused.

use std::path::PathBuf;

use careflow::app::shipped_files;
use careflow::kernel::actor::Role;
use serde_json::json;

use crate::rig::{Caller, Closed, Rig, at, due, question, solution};

const DEFINITION: &str = "consultation/definition.yaml";
const CALENDAR: &str = "calendars/cn.yaml";

/// Writes the shipped files into a folder beside the data and lets the next start read them.
pub fn write_shipped(closed: &mut Closed) -> PathBuf {
    let folder = closed.folder().join("definitions");
    for (file, text) in shipped_files() {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    closed.config.definitions = Some(folder.clone());
    folder
}

/// Replaces each `from`, which must be there, in a file of the folder.
pub fn edit(closed: &Closed, file: &str, changes: &[(&str, &str)]) {
    let path = closed.config.definitions.as_ref().unwrap().join(file);
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "`{from}` is not in {file}");
        text = text.replacen(from, to, 1);
    }
    std::fs::write(path, text).unwrap();
}

/// An answered case.
async fn answered(ann: &Caller) -> String {
    let id = ann.submit(question("c-1")).await;
    ann.sent(&id, "accept", json!({})).await;
    ann.sent(&id, "answer", solution()).await;
    id
}

async fn confirm(ann: &Caller, id: &str) {
    let word = json!({ "satisfied": true, "recording_ref": "call/1" });
    assert_eq!(ann.sent(id, "confirm", word).await, "settled.confirmed");
}

const SECOND: &[(&str, &str)] =
    &[("version: 1", "version: 2"), ("reopen_window: 7 calendar days", "reopen_window: 3 calendar days")];

#[tokio::test]
async fn running_cases_keep_their_version_and_new_ones_get_the_new_one() {
    let rig = Rig::wednesday().await;
    let ann = rig.caller("ann", Role::Agent).await;
    let old = answered(&ann).await;
    let mut closed = rig.close().await;
    write_shipped(&mut closed);
    edit(&closed, DEFINITION, SECOND);
    let rig = closed.start().await.unwrap();
    let ann = rig.caller("ann", Role::Agent).await;
    let new = answered(&ann).await;
    for (id, version, window) in
        [(&old, 1, "2026-03-19T00:00:00+08:00"), (&new, 2, "2026-03-15T00:00:00+08:00")]
    {
        confirm(&ann, id).await;
        let case = ann.instance(id).await;
        assert_eq!(case["definition_version"], version);
        assert_eq!(case["data"]["case"]["policy_version"], version);
        assert_eq!(due(&case, "REOPEN_WINDOW"), at(window));
        let history = ann.history(id).await;
        let pins: Vec<_> = history.iter().map(|record| &record["entry"]["pins"]["definition"]).collect();
        assert!(pins[0].is_string() && pins[1..].iter().all(|pin| pin.is_null()), "{pins:?}");
    }
    let listed = ann.get("/v1/workflows/consultation/definitions").await.expect(200);
    let versions = listed["definitions"].as_array().unwrap();
    let told: Vec<_> = versions.iter().map(|row| (row["version"].clone(), row["in_force"].clone())).collect();
    assert_eq!(told, [(json!(1), json!(false)), (json!(2), json!(true))]);
    let text = |version: u32| {
        let (ann, path) = (ann.clone(), format!("/v1/workflows/consultation/definitions/{version}"));
        async move { ann.get(&path).await.text }
    };
    assert!(text(1).await.contains("reopen_window: 7 calendar days"));
    assert!(text(2).await.contains("reopen_window: 3 calendar days"));
    rig.until("2026-03-15T00:00:00+08:00").await;
    assert_eq!(ann.state(&new).await, "closed.resolved");
    assert_eq!(ann.state(&old).await, "settled.confirmed");
}

#[tokio::test]
async fn a_case_runs_from_the_journals_copy_when_the_file_is_gone() {
    let rig = Rig::wednesday().await;
    let mut closed = rig.close().await;
    write_shipped(&mut closed);
    edit(&closed, DEFINITION, SECOND);
    let rig = closed.start().await.unwrap();
    let id = answered(&rig.caller("ann", Role::Agent).await).await;
    let mut closed = rig.close().await;
    closed.config.definitions = None;
    let rig = closed.start().await.unwrap();
    let ann = rig.caller("ann", Role::Agent).await;
    confirm(&ann, &id).await;
    assert_eq!(due(&ann.instance(&id).await, "REOPEN_WINDOW"), at("2026-03-15T00:00:00+08:00"));
    let next = ann.submit(question("c-1")).await;
    assert_eq!(ann.instance(&next).await["definition_version"], 1, "the shipped file is in force again");
}

#[tokio::test]
async fn a_version_with_other_content_is_refused_with_what_differs() {
    let rig = Rig::wednesday().await;
    let mut closed = rig.close().await;
    write_shipped(&mut closed);
    edit(&closed, DEFINITION, &SECOND[1..]);
    let refusal = closed.refusal().await;
    assert!(
        refusal.contains("version 1 of `consultation` is published and says something else"),
        "{refusal}"
    );
    assert!(refusal.contains("raise `version`"), "{refusal}");
    assert!(
        refusal.contains("/policy/reopen_window: \"7 calendar days\" became \"3 calendar days\""),
        "{refusal}"
    );
    edit(&closed, DEFINITION, &SECOND[..1]);
    closed.start().await.expect("a raised version is published");
}

#[tokio::test]
async fn another_layout_and_other_comments_are_the_same_version() {
    let rig = Rig::wednesday().await;
    let mut closed = rig.close().await;
    write_shipped(&mut closed);
    edit(&closed, DEFINITION, &[("version: 1", "# ours\nversion:   1")]);
    let position = {
        let store = closed.open();
        careflow::index::Index::applied(store.index.as_ref())
    };
    let rig = closed.start().await.unwrap();
    assert_eq!(rig.engine.position(), position, "nothing is published anew");
}

#[tokio::test]
async fn wrong_files_refuse_the_start_with_everything_wrong_in_one_report() {
    let rig = Rig::wednesday().await;
    let mut closed = rig.close().await;
    write_shipped(&mut closed);
    let wrong = [
        ("escalate_round: 3", "escalate_round: 1"),
        ("nrt_phone: 2 business hours", "nrt_fone: 2 business hours"),
        ("  accept: [agent]", "  accept: [agnet]"),
    ];
    edit(&closed, DEFINITION, &wrong);
    edit(&closed, CALENDAR, &[("zone: Asia/Shanghai", "zone: Asia/Shanghigh")]);
    let refusal = closed.refusal().await;
    for part in ["escalate_round", "nrt_fone", "agnet", "Asia/Shanghigh", "definition.yaml:", "cn.yaml:"] {
        assert!(refusal.contains(part), "`{part}` is not in:\n{refusal}");
    }
    let count = refusal.lines().last().unwrap();
    assert!(count.ends_with(" errors") && count != "1 errors", "{refusal}");
    let back: Vec<(&str, &str)> = wrong.iter().map(|(right, wrong)| (*wrong, *right)).collect();
    edit(&closed, DEFINITION, &back);
    edit(&closed, CALENDAR, &[("zone: Asia/Shanghigh", "zone: Asia/Shanghai")]);
    assert!(closed.start().await.is_ok(), "nothing was published of the wrong files");
}

#[tokio::test]
async fn a_process_owner_moves_one_case_to_the_new_version() {
    let rig = Rig::wednesday().await;
    let ann = rig.caller("ann", Role::Agent).await;
    let (moved, left) = (answered(&ann).await, answered(&ann).await);
    let mut closed = rig.close().await;
    write_shipped(&mut closed);
    edit(&closed, DEFINITION, SECOND);
    let rig = closed.start().await.unwrap();
    let (ann, owner) = (rig.caller("ann", Role::Agent).await, rig.caller("pia", Role::ProcessOwner).await);
    let unknown = json!({ "from": 1, "to": 3 });
    assert_eq!(owner.refused(&moved, "policy_migrated", unknown, 422).await, "unknown_version");
    let from = json!({ "from": 2, "to": 2 });
    assert_eq!(owner.refused(&moved, "policy_migrated", from, 409).await, "version_differs");
    let migration = json!({ "from": 1, "to": 2 });
    assert_eq!(ann.refused(&moved, "policy_migrated", migration.clone(), 403).await, "role_not_allowed");
    assert_eq!(owner.sent(&moved, "policy_migrated", migration).await, "open.answered");
    for (id, version, window) in
        [(&moved, 2, "2026-03-15T00:00:00+08:00"), (&left, 1, "2026-03-19T00:00:00+08:00")]
    {
        confirm(&ann, id).await;
        let case = ann.instance(id).await;
        assert_eq!(case["definition_version"], version);
        assert_eq!(case["data"]["case"]["policy_version"], version);
        assert_eq!(due(&case, "REOPEN_WINDOW"), at(window));
    }
}

#[tokio::test]
async fn an_amended_calendar_counts_for_new_cases_and_for_running_ones_from_then_on() {
    let rig = Rig::wednesday().await;
    let ann = rig.caller("ann", Role::Agent).await;
    let old = answered(&ann).await;
    let mut closed = rig.close().await;
    let folder = write_shipped(&mut closed);
    // The definitions that the folder does not name are the shipped ones.
    std::fs::remove_file(folder.join(DEFINITION)).unwrap();
    let friday = "  fri: [\"09:00-12:00\", \"13:00-18:00\"]\n";
    let saturday = format!("{friday}  sat: [\"09:00-12:00\"]\n");
    edit(&closed, CALENDAR, &[("version: 1", "version: 2"), (friday, &saturday)]);
    let rig = closed.start().await.unwrap();
    let ann = rig.caller("ann", Role::Agent).await;
    let new = answered(&ann).await;
    for (id, third_day) in [(&old, "2026-03-14T12:00:00+08:00"), (&new, "2026-03-14T12:00:00+08:00")] {
        assert_eq!(due(&ann.instance(id).await, "CONFIRM_EXPIRE"), at(third_day));
    }
    let entries = ann.history(&old).await;
    let pins: Vec<_> = entries.iter().map(|record| record["entry"]["pins"]["calendar"].clone()).collect();
    let amended = entries.iter().position(|record| record["entry"]["event"] == "calendar_amended").unwrap();
    let told: Vec<usize> = (0..pins.len()).filter(|number| pins[*number].is_string()).collect();
    assert_eq!(told, [0, amended], "entries tell what they were evaluated with where that is new");
    assert_ne!(pins[amended], pins[0]);
    let new = ann.history(&new).await;
    assert_eq!(new[0]["entry"]["pins"]["calendar"], pins[amended]);
    assert_eq!(new[0]["entry"]["pins"]["definition"], entries[0]["entry"]["pins"]["definition"]);
}

#[tokio::test]
async fn a_calendar_version_with_other_content_is_refused_with_what_differs() {
    let rig = Rig::wednesday().await;
    let mut closed = rig.close().await;
    write_shipped(&mut closed);
    edit(&closed, CALENDAR, &[("wed: [\"09:00-12:00\"", "wed: [\"08:00-12:00\"")]);
    let refusal = closed.refusal().await;
    assert!(refusal.contains("version 1 of `cn` is published and says something else"), "{refusal}");
    assert!(refusal.contains("/weekly/wed/0: \"09:00-12:00\" became \"08:00-12:00\""), "{refusal}");
}
