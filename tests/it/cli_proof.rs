//! `export`, `verify`, `rebuild`: what an auditor and an operator do with the history.

use serde_json::Value;

use crate::cli_rig::Place;

/// The first offset of `needle` after `from`.
fn find(bytes: &[u8], needle: &[u8], from: usize) -> usize {
    let found = bytes[from..].windows(needle.len()).position(|window| window == needle);
    from + found.unwrap()
}

#[test]
fn export_is_the_same_beside_a_server_and_on_its_directory() {
    let place = Place::new();
    let server = place.serve();
    let beside = place.on_data(&["export"]).done();
    server.stop().done();
    let alone = place.on_data(&["export"]).done();
    assert_eq!(alone, beside);
    let lines: Vec<Value> = alone.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() >= 4, "{alone}");
    assert!(lines.is_sorted_by_key(|line| line["position"].as_u64()));

    let last = lines.last().unwrap()["position"].to_string();
    assert_eq!(place.on_data(&["export", "--after", &last]).done(), "");
    let tokens = place.on_data(&["export", "--workflow", "$token"]).done();
    assert_eq!(tokens.lines().count(), 1, "{tokens}");
    let id = lines[0]["entry"]["instance"].as_str().unwrap();
    let one = place.on_data(&["export", "--instance", id]).done();
    assert!(one.lines().all(|line| line.contains(id)) && !one.is_empty());
}

#[test]
fn exported_entry_hashes_to_the_hash_beside_it() {
    use careflow::kernel::hash::Hash;
    let place = Place::served();
    let out = place.text("history.jsonl");
    place.on_data(&["export", "--out", &out]).done();
    let text = std::fs::read_to_string(&out).unwrap();
    for line in text.lines() {
        let entry = line.split_once("\"entry\":").unwrap().1.rsplit_once(",\"hash\":\"").unwrap();
        assert_eq!(Hash::of(&[entry.0.as_bytes()]).to_string(), entry.1.trim_end_matches("\"}"));
    }
    assert!(!place.path("history.jsonl.partial").exists());
}

#[test]
fn verify_is_content_with_what_a_server_left() {
    let place = Place::served();
    let checked = place.on_data(&["verify", "--json"]);
    assert_eq!(checked.code, 0, "{checked:?}");
    let report = checked.json();
    assert_eq!((&report["ok"], &report["index"]["same"]), (&Value::Bool(true), &Value::Bool(true)));
    assert!(!place.path("data/index.verify").exists());
    // Looking changes nothing: the chain is the same again.
    let again = place.on_data(&["verify", "--json"]).json();
    assert_eq!(again["journal"]["chain"], report["journal"]["chain"]);
}

#[test]
fn verify_names_the_position_of_a_flipped_byte() {
    let place = Place::served();
    let segment = place.segment();
    let mut bytes = std::fs::read(&segment).unwrap();
    let second = find(&bytes, b"\n", 0) + 1;
    let at = find(&bytes, b"\"event\":\"", second) + b"\"event\":\"".len();
    bytes[at] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let ended = place.on_data(&["verify"]);
    assert!(ended.out.contains("position 2: "), "{}", ended.out);
    let error = ended.failed(1);
    assert!(error.contains("the first at position 2"), "{error}");
    let report = place.on_data(&["verify", "--json"]).json();
    assert_eq!((&report["ok"], &report["journal"]["problems"][0]["position"]), (&false.into(), &2.into()));
}

#[test]
fn server_does_not_start_over_damage() {
    let place = Place::served();
    let segment = place.segment();
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = find(&bytes, b"\"event\":\"", 0) + b"\"event\":\"".len();
    bytes[at] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let error = place.on_data(&["serve", "--listen", "127.0.0.1:0"]).failed(3);
    assert!(error.contains("damaged at position 1"), "{error}");
    assert_eq!(std::fs::read(&segment).unwrap(), bytes, "nothing is repaired over damage");
}

#[test]
fn rebuild_and_verify_are_refused_while_a_server_runs_by_its_process() {
    let place = Place::new();
    let server = place.serve();
    for arguments in [["rebuild"], ["verify"]] {
        let error = place.on_data(&arguments).failed(3);
        assert!(error.contains(&format!("in use by process {}", server.pid())), "{error}");
    }
    server.stop().done();
}

#[test]
fn rebuilt_index_says_what_the_journal_says() {
    let place = Place::served();
    std::fs::remove_dir_all(place.path("data/index")).unwrap();
    let skipped = place.on_data(&["verify"]).done();
    assert!(skipped.contains("index: not compared"), "{skipped}");
    place.on_data(&["rebuild"]).done();
    assert_eq!(place.on_data(&["verify", "--json"]).json()["index"]["same"], true);
    let server = place.serve();
    assert!(!server.said.contains("cft_"), "the token is still known: {}", server.said);
    server.stop().done();
}
