//! `serve`: from the checked definitions to a clean stop.

use std::os::unix::fs::PermissionsExt;

use crate::cli_rig::{Place, careflow, get};

#[test]
fn first_start_prints_one_token_that_works_and_the_second_prints_none() {
    let place = Place::new();
    let server = place.serve();
    let token = server.word_after("told this once: ").to_owned();
    assert!(get(server.address(), "/readyz", None).starts_with("HTTP/1.1 200"));
    assert!(get(server.address(), "/v1/tokens", Some(&token)).starts_with("HTTP/1.1 200"));
    assert!(get(server.address(), "/v1/tokens", Some("cft_wrong")).starts_with("HTTP/1.1 401"));
    let ended = server.stop();
    assert!(ended.err.contains("stopped cleanly"), "{}", ended.err);
    ended.done();

    let again = place.serve();
    assert!(!again.said.contains("cft_"), "{}", again.said);
    assert!(get(again.address(), "/v1/tokens", Some(&token)).starts_with("HTTP/1.1 200"));
    again.stop().done();
}

#[test]
fn control_socket_is_for_its_owner_and_gone_after_a_clean_stop() {
    let place = Place::new();
    let server = place.serve();
    let socket = place.path("data/control.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    server.stop().done();
    assert!(!socket.exists());
}

#[test]
fn server_starts_over_what_a_killed_one_left() {
    let place = Place::new();
    place.serve().kill();
    assert!(place.path("data/control.sock").exists());
    let server = place.serve();
    assert!(place.on_data(&["token", "list"]).done().contains("administrator"));
    server.stop().done();
}

#[test]
fn second_server_is_refused_and_leaves_the_first_ones_socket() {
    let place = Place::new();
    let server = place.serve();
    let refused = place.on_data(&["serve", "--listen", "127.0.0.1:0"]).failed(3);
    assert!(refused.contains(&format!("in use by process {}", server.pid())), "{refused}");
    assert!(place.on_data(&["token", "list"]).done().contains("administrator"));
    server.stop().done();
}

#[test]
fn wrong_definitions_start_nothing() {
    let place = Place::new();
    std::fs::create_dir(place.path("flows")).unwrap();
    std::fs::write(place.path("flows/consultation.yaml"), "workflow: consultation\nversion: 0\n").unwrap();
    let flows = place.text("flows");
    let error = place.on_data(&["serve", "--definitions", &flows]).failed(1);
    assert!(error.contains("consultation.yaml:2:10: /version"), "{error}");
    assert!(!place.path("data").exists());
}

#[test]
fn published_version_with_other_content_is_refused_with_the_difference() {
    let place = Place::served();
    careflow(&["definition", "write", &place.text("flows")]).done();
    let definition = place.path("flows/workflows/consultation/definition.yaml");
    let text = std::fs::read_to_string(&definition).unwrap();
    let changed = text.replace("title: { en: Consultation, zh: 咨询 }", "title: { en: Question, zh: 咨询 }");
    assert_ne!(text, changed);
    std::fs::write(&definition, changed).unwrap();
    let flows = place.text("flows");
    let error = place.on_data(&["serve", "--listen", "127.0.0.1:0", "--definitions", &flows]).failed(1);
    assert!(error.contains("/title/en: \"Consultation\" became \"Question\""), "{error}");
}

#[test]
fn address_in_use_is_told() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = place.on_data(&["serve", "--listen", &address]).failed(3);
    assert!(error.contains("cannot be listened on"), "{error}");
}
