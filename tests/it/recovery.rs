//! What is on disk decides: a lost index, a damaged journal, a torn end, erased personal values, people who leave.

use std::path::PathBuf;

use careflow::index::Index;
use careflow::journal::verify;
use careflow::kernel::actor::Role;
use serde_json::{Value, json};

use crate::rig::{Caller, Closed, Rig, question, solution};

/// A server with a few cases behind it.
async fn worked() -> (Rig, Vec<String>) {
    let rig = Rig::wednesday().await;
    let (customer, ann) = (rig.caller("c-1", Role::Customer).await, rig.caller("ann", Role::Agent).await);
    let mut ids = Vec::new();
    for number in 0..4 {
        let id = customer.submit(question("c-1")).await;
        ann.sent(&id, "accept", json!({})).await;
        if number > 0 {
            ann.sent(&id, "answer", solution()).await;
        }
        if number > 1 {
            let reply = json!({ "message_ref": "mail/3", "intent": "new_issue" });
            ann.sent(&id, "customer_reply", reply).await;
        }
        ids.push(id);
    }
    rig.until("2026-03-13T09:00:00+08:00").await;
    (rig, ids)
}

/// Every key and value of the index.
fn dump(closed: &Closed) -> Vec<(Vec<u8>, Vec<u8>)> {
    let store = closed.open();
    let mut rows = Vec::new();
    store.index.dump(&mut |key, value| rows.push((key.to_vec(), value.to_vec()))).unwrap();
    rows
}

fn remove_index(closed: &Closed) {
    std::fs::remove_dir_all(closed.config.index()).unwrap();
}

/// The one segment of a small journal and its lines.
fn journal(closed: &Closed) -> (PathBuf, Vec<String>) {
    let files = std::fs::read_dir(closed.config.journal()).unwrap().map(|file| file.unwrap().path());
    let segments = files.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    let [path] = segments.collect::<Vec<_>>().try_into().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// Writes lines in place of a segment's text; what they leave free is filled as the journal fills it.
fn rewrite(path: &PathBuf, text: &str) {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(usize::try_from(std::fs::metadata(path).unwrap().len()).unwrap().max(bytes.len()), b'\n');
    std::fs::write(path, bytes).unwrap();
}

fn position_of(line: &str) -> Option<u64> {
    serde_json::from_str::<Value>(line).unwrap().get("p")?.as_u64()
}

/// The line with another text behind its checksum.
fn resealed(line: &str, change: impl FnOnce(&str) -> String) -> String {
    let covered_from = "{\"crc\":\"00000000\"".len();
    let rest = change(&line[covered_from..]);
    format!("{{\"crc\":\"{:08x}\"{rest}", crc32fast::hash(rest.as_bytes()))
}

async fn readings(caller: &Caller, ids: &[String]) -> Vec<Value> {
    let mut found = Vec::new();
    for id in ids {
        found.push(caller.instance(id).await);
        found.push(json!(caller.history(id).await));
    }
    found
}

#[tokio::test]
async fn a_deleted_index_is_rebuilt_as_it_was() {
    let (rig, ids) = worked().await;
    let mut audit = rig.caller("audit", Role::Auditor).await;
    let before = readings(&audit, &ids).await;
    let closed = rig.close().await;
    let rows = dump(&closed);
    assert!(rows.len() > 30, "{}", rows.len());
    remove_index(&closed);
    let rig = closed.start().await.unwrap();
    rig.address().clone_into(&mut audit.address);
    assert_eq!(readings(&audit, &ids).await, before);
    let closed = rig.close().await;
    assert!(dump(&closed) == rows, "the rebuilt index differs");
}

#[tokio::test]
async fn a_changed_byte_refuses_the_start_and_names_the_position() {
    let (rig, _) = worked().await;
    let closed = rig.close().await;
    let (path, lines) = journal(&closed);
    let whole = std::fs::read(&path).unwrap();
    for number in [0, lines.len() / 2, lines.len() - 2] {
        let position = position_of(&lines[number]).unwrap();
        let mut changed = lines.clone();
        changed[number] = changed[number].replacen("\"seq\":", "\"sep\":", 1);
        assert_ne!(changed[number], lines[number]);
        rewrite(&path, &format!("{}\n", changed.join("\n")));
        let refusal = closed.refusal().await;
        assert!(refusal.contains(&format!("journal damaged at position {position}:")), "{refusal}");
    }
    std::fs::write(&path, whole).unwrap();
    assert!(closed.start().await.is_ok(), "nothing was cut or changed by the refusals");
}

#[tokio::test]
async fn an_entry_changed_together_with_its_checksum_is_found_too() {
    let (rig, _) = worked().await;
    let closed = rig.close().await;
    let (path, mut lines) = journal(&closed);
    let number = lines.len() - 3;
    let position = position_of(&lines[number]).unwrap();
    lines[number] = resealed(&lines[number], |rest| rest.replacen("\"seq\":", "\"seq\": ", 1));
    rewrite(&path, &format!("{}\n", lines.join("\n")));
    let report = verify::directory(&closed.config.journal(), &mut |_| ()).unwrap();
    assert_eq!(report.problems.first().map(|problem| problem.position), Some(position));
    remove_index(&closed);
    let refusal = closed.refusal().await;
    assert!(refusal.contains(&format!("position {position}")), "{refusal}");
}

#[tokio::test]
async fn a_torn_last_commit_is_cut_and_said_and_its_command_can_be_sent_again() {
    let (rig, ids) = worked().await;
    let mut ann = rig.caller("ann", Role::Agent).await;
    let before = ann.instance(&ids[0]).await;
    let path = format!("/v1/instances/{}/events", ids[0]);
    let note = json!({ "event": "note_added", "payload": { "text_ref": "n/1", "visibility": "internal" } });
    let key = [("idempotency-key", "n-1")];
    let lost = ann.post_with(&path, &note, &key).await;
    let position = lost.json()["position"].as_u64().unwrap();
    let closed = rig.close().await;
    let (segment, lines) = journal(&closed);
    let torn = lines.iter().position(|line| position_of(line) == Some(position)).unwrap();
    // A power cut: half of the line was written, no closing line, and the index is not to be trusted.
    let kept = format!("{}\n{}", lines[..torn].join("\n"), &lines[torn][..lines[torn].len() / 2]);
    rewrite(&segment, &kept);
    let refusal = closed.refusal().await;
    assert!(
        refusal.contains(&format!("damaged at position {position}")),
        "the index has applied it: {refusal}"
    );
    remove_index(&closed);
    let cut = closed.open().journal_opened.cut.expect("the end of the journal is cut");
    assert_eq!(cut.from, position);
    assert!(cut.bytes > 0 && !cut.reason.is_empty(), "{cut:?}");
    let rig = closed.start().await.unwrap();
    rig.address().clone_into(&mut ann.address);
    assert_eq!(ann.instance(&ids[0]).await, before);
    let again = ann.post_with(&path, &note, &key).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, None), "{}", again.text);
    assert_eq!(again.json()["seq"], lost.json()["seq"]);
}

#[tokio::test]
async fn blanked_personal_values_leave_every_hash_valid_and_are_read_as_sealed() {
    let (rig, ids) = worked().await;
    let (mut ann, mut root) =
        (rig.caller("ann", Role::Agent).await, rig.caller("root", Role::Administrator).await);
    let masked = readings(&root, &ids).await;
    assert_eq!(ann.instance(&ids[0]).await["data"]["subject"], question("c-1")["subject"]);
    let closed = rig.close().await;
    let sound = verify::directory(&closed.config.journal(), &mut |_| ()).unwrap();
    let (path, lines) = journal(&closed);
    let mut blanked = 0;
    let lines: Vec<String> = lines
        .iter()
        .map(|line| match line.split_once("],\"private\":[") {
            None => line.clone(),
            Some((_, _)) => {
                blanked += 1;
                resealed(line, |rest| format!("{}]}}", rest.split_once("],\"private\":[").unwrap().0))
            }
        })
        .collect();
    assert!(blanked >= 8, "{blanked}");
    rewrite(&path, &format!("{}\n", lines.join("\n")));
    remove_index(&closed);
    let after = verify::directory(&closed.config.journal(), &mut |_| ()).unwrap();
    assert!(after.is_sound(), "{:?}", after.problems);
    assert_eq!((after.chain, after.entries, after.last), (sound.chain, sound.entries, sound.last));
    let rig = closed.start().await.unwrap();
    for caller in [&mut ann, &mut root] {
        rig.address().clone_into(&mut caller.address);
    }
    assert_eq!(readings(&root, &ids).await, masked);
    let case = ann.instance(&ids[0]).await;
    assert!(case["data"]["subject"]["$p"].is_string(), "{case}");
    let history = ann.history(&ids[0]).await;
    assert!(history.iter().all(|record| record.get("personal").is_none()));
    assert_eq!(ann.sent(&ids[0], "answer", solution()).await, "open.answered", "the case goes on");
}

#[tokio::test]
async fn cases_of_a_person_who_leaves_go_back_to_their_queues_and_get_another_first_owner() {
    let rig = Rig::wednesday().await;
    let (ann, bo) = (rig.caller("ann", Role::Agent).await, rig.caller("bo", Role::Agent).await);
    let root = rig.caller("root", Role::Administrator).await;
    let mut general = question("c-1");
    general["category"] = json!("other");
    let (sales, general) = (ann.submit(question("c-1")).await, ann.submit(general).await);
    let (lent, foreign) = (ann.submit(question("c-2")).await, ann.submit(question("c-3")).await);
    let archived = ann.submit(question("c-4")).await;
    for id in [&sales, &general, &lent, &archived] {
        ann.sent(id, "accept", json!({})).await;
    }
    bo.sent(&foreign, "accept", json!({})).await;
    let sue = rig.caller("sue", Role::Supervisor).await;
    let to_bo = json!({ "to": { "person": { "id": "bo", "role": "agent" } }, "reason": "换班" });
    sue.sent(&lent, "assigned", to_bo).await;
    ann.sent(&archived, "mark_invalid", json!({ "reason": "spam" })).await;
    let untouched = (bo.instance(&foreign).await, bo.instance(&archived).await);

    let gone = json!({ "active": false, "on_shift": false, "successor": "sue" });
    let alone = json!({ "active": false, "on_shift": false });
    assert_eq!(root.put("/v1/actors/ann", &alone).await.problem(422), "invalid_body");
    assert_eq!(bo.put("/v1/actors/ann", &gone).await.problem(403), "role_not_allowed");
    let record = root.put("/v1/actors/ann", &gone).await.expect(200);
    assert_eq!(record, json!({ "id": "ann", "active": false, "on_shift": false }));
    for (id, owner) in [
        (&sales, json!({ "queue": "pre_sale" })),
        (&general, json!({ "queue": "general" })),
        (&lent, json!({ "person": { "id": "bo", "role": "agent" } })),
    ] {
        let case = bo.instance(id).await;
        assert_eq!(case["data"]["case"]["owner"], owner);
        assert_eq!(case["data"]["case"]["first_owner"], json!({ "id": "sue", "role": "supervisor" }));
        let history = bo.history(id).await;
        let taken = history.iter().find(|record| record["entry"]["event"] == "handover_accepted").unwrap();
        assert_eq!(taken["entry"]["payload"]["auto"], true);
        assert_eq!(taken["entry"]["cause"]["kind"], "send");
    }
    assert_eq!((bo.instance(&foreign).await, bo.instance(&archived).await), untouched);
    assert_eq!(ann.get("/v1/instances").await.problem(401), "wrong_token");
    let owned = bo.get("/v1/instances?owner=ann&state=open").await.expect(200);
    assert_eq!(owned["instances"], json!([]));

    let (position, before) = (rig.engine.position(), bo.events(&sales).await);
    root.put("/v1/actors/ann", &gone).await.expect(200);
    assert_eq!(bo.events(&sales).await, before, "the second time there is nothing left to take");
    assert!(rig.engine.position() <= position + 1);
    let rig = rig.restart().await;
    let sue = rig.caller("sue", Role::Supervisor).await;
    assert_eq!(sue.events(&sales).await, before, "nothing is delivered again");
}
