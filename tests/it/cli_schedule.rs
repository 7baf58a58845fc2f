//! `schedule`: beside a running server, on its directory, and for an expression alone.

use crate::cli_rig::{Place, careflow};

#[test]
fn an_expression_is_foretold_without_a_directory() {
    let next = ["schedule", "next", "--cron", "30 2 * * *", "--zone", "America/New_York", "-n", "2"];
    let told = careflow(&[&next[..], &["--after", "2026-03-07T12:00:00-05:00"]].concat()).done();
    assert_eq!(
        told,
        "2026-03-08T07:00:00.000Z  2026-03-08T03:00:00-04:00\n2026-03-09T06:30:00.000Z  2026-03-09T02:30:00-04:00\n"
    );
    for (arguments, says) in [
        (&["schedule", "next", "--cron", "61 * * * *", "--zone", "UTC"][..], "`61` is refused as minute"),
        (&["schedule", "next", "--cron", "@daily", "--zone", "Mars"], "`Mars` is not a time zone"),
        (&["schedule", "next", "--cron", "@daily"], "--zone"),
        (&["schedule", "next"], "SCHEDULE"),
    ] {
        let error = careflow(arguments).failed(2);
        assert!(error.contains(says), "{arguments:?}: {error}");
    }
}

#[test]
fn a_schedule_is_listed_paused_resumed_and_run_by_its_name() {
    let place = Place::served();
    let listed = place.on_data(&["schedule", "list"]).done();
    assert!(listed.contains("active") && listed.contains("report/monthly_feedback\n"), "{listed}");
    let next = place.on_data(&["schedule", "next", "monthly_feedback", "-n", "3"]).done();
    assert_eq!(next.lines().filter(|line| line.ends_with("-01T01:00:00+08:00")).count(), 3, "{next}");

    let server = place.serve();
    place.on_data(&["schedule", "pause", "report/monthly_feedback", "--reason", "inventory"]).done();
    assert!(place.on_data(&["schedule", "list"]).done().contains("paused"));
    let twice = place.on_data(&["schedule", "pause", "monthly_feedback", "--reason", "again"]).failed(4);
    assert!(twice.contains("`monthly_feedback` is paused already"), "{twice}");
    let started = place.on_data(&["schedule", "run", "monthly_feedback", "--reason", "asked for"]).done();
    let monthly = || {
        let list = place.on_data(&["schedule", "list", "--json"]).json();
        let all = list["schedules"].as_array().unwrap();
        all.iter().find(|schedule| schedule["name"] == "monthly_feedback").unwrap().clone()
    };
    assert_eq!(monthly()["last"]["started"], started.trim_end());
    place.on_data(&["schedule", "resume", "monthly_feedback", "--reason", "done"]).done();
    assert_eq!(monthly()["state"], "active");
    server.stop().done();
    let unknown = place.on_data(&["schedule", "run", "yearly", "--reason", "x"]).failed(4);
    assert!(
        unknown.contains("there is no schedule `yearly`; there are ")
            && unknown.contains("`report/monthly_feedback`"),
        "{unknown}"
    );
}
