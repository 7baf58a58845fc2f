//! `token` and `actor`: beside a running server and on its directory.

use crate::cli_rig::{Place, get};

#[test]
fn token_made_beside_a_running_server_opens_it_until_it_is_revoked() {
    let place = Place::new();
    let server = place.serve();
    let made = place.on_data(&["token", "create", "--role", "agent", "--actor", "u-17", "--json"]).json();
    let (secret, id) = (made["secret"].as_str().unwrap(), made["token"]["id"].as_str().unwrap());
    assert!(get(server.address(), "/v1/actors", Some(secret)).starts_with("HTTP/1.1 200"));
    assert!(place.on_data(&["token", "list"]).done().contains("u-17  agent"));
    place.on_data(&["token", "revoke", id]).done();
    assert!(get(server.address(), "/v1/actors", Some(secret)).starts_with("HTTP/1.1 401"));
    server.stop().done();
}

#[test]
fn token_made_on_the_directory_stands_alone_on_the_output_and_opens_the_next_server() {
    let place = Place::served();
    let printed = place.on_data(&["token", "create", "--role", "gateway", "--service"]).done();
    let secret = printed.strip_suffix('\n').unwrap();
    assert!(secret.starts_with("cft_") && !secret.contains(char::is_whitespace), "{printed}");
    let server = place.serve();
    assert!(get(server.address(), "/v1/actors", Some(secret)).starts_with("HTTP/1.1 200"));
    server.stop().done();
}

#[test]
fn refusal_is_told_with_its_reason_both_ways() {
    let place = Place::new();
    let server = place.serve();
    let create = ["token", "create", "--role", "system"];
    let beside = place.on_data(&create).failed(4);
    server.stop().done();
    assert_eq!(place.on_data(&create).failed(4), beside);
    let unknown = place.on_data(&["token", "revoke", "0000-0000000000000000"]).failed(4);
    assert!(unknown.contains("there is no token"), "{unknown}");
}

#[test]
fn what_is_not_said_of_an_actor_stays() {
    let place = Place::served();
    place.on_data(&["actor", "set", "u-17", "--on-shift", "--department", "billing"]).done();
    let moved = place.on_data(&["actor", "set", "u-17", "--department", "claims"]).json();
    assert_eq!(moved["on_shift"], true);
    let off = place.on_data(&["actor", "set", "u-17", "--off-shift"]).json();
    assert_eq!((off["on_shift"].as_bool(), off["department"].as_str()), (Some(false), Some("claims")));
    let gone = place.on_data(&["actor", "deactivate", "u-17", "--successor", "u-3"]).json();
    assert_eq!(gone["active"], false);
    let missing = place.on_data(&["actor", "deactivate", "u-99", "--successor", "u-3"]).failed(4);
    assert!(missing.contains("there is no actor `u-99`"), "{missing}");
}

#[test]
fn directory_that_no_server_made_is_named_and_not_made() {
    let place = Place::new();
    for arguments in [&["token", "list"][..], &["export"], &["verify"], &["rebuild"]] {
        let error = place.on_data(arguments).failed(3);
        assert!(error.contains("holds no journal"), "{error}");
    }
    assert!(!place.path("data").exists());
}
