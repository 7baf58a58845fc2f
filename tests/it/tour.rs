//! The README: its tour, exactly as printed, and its generated tables.

use std::path::Path;
use std::process::{Command, Stdio};

use careflow::kernel::actor::Role;

use crate::rig::{Rig, WEDNESDAY};

const README: &str = include_str!("../../README.md");

/// The tour's commands: the one block marked `sh tour`.
fn tour() -> &'static str {
    let (_, rest) = README.split_once("```sh tour\n").expect("the README has a tour");
    rest.split_once("\n```").expect("the tour ends").0
}

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

/// Runs the tour against a server at `time` and answers what it printed.
async fn take_tour(time: &str) -> Option<String> {
    if !has("curl") {
        assert!(std::env::var_os("CI").is_none(), "the tour needs curl: install the package `curl`");
        eprintln!("skipped: the tour needs curl (install the package `curl`)");
        return None;
    }
    let rig = Rig::at(time).await;
    let control = rig.control().await;
    let work = tempfile::tempdir().unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_careflow"));
    std::fs::create_dir_all(work.path().join("target/release")).unwrap();
    std::os::unix::fs::symlink(binary, work.path().join("target/release/careflow")).unwrap();
    let script = format!("set -eu\n{}\n", tour());
    let (folder, url) = (work.path().to_owned(), format!("http://{}", rig.address()));
    let data = rig.config.data.clone();
    let run = move || {
        Command::new("bash")
            .args(["-c", &script])
            .current_dir(folder)
            .env("CAREFLOW_URL", url)
            .env("CAREFLOW_DATA", data)
            .output()
            .unwrap()
    };
    let done = tokio::task::spawn_blocking(run).await.unwrap();
    drop(control);
    let (out, err) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
    assert!(done.status.success(), "{out}\n{err}");
    assert!(err.is_empty(), "{err}");
    let picture = std::fs::read_to_string(work.path().join("consultation.svg")).unwrap();
    assert!(picture.starts_with("<svg"), "{picture:.100}");
    let agent = rig.caller("bo", Role::Agent).await;
    let list = agent.get("/v1/instances?workflow=consultation").await.expect(200);
    assert_eq!(list["instances"].as_array().unwrap().len(), 1);
    assert_eq!(list["instances"][0]["state"], "settled.confirmed");
    Some(out)
}

#[tokio::test(flavor = "multi_thread")]
async fn tour_works_on_a_wednesday_at_ten() {
    let Some(printed) = take_tour(WEDNESDAY).await else { return };
    assert!(printed.contains("\"code\":\"event_not_accepted\""), "{printed}");
    assert!(printed.contains("\"to\":\"open.answered\""), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tour_works_on_a_holiday() {
    take_tour("2026-10-01T10:00:00+08:00").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tour_works_past_the_end_of_the_calendar() {
    take_tour("2031-01-01T03:00:00+08:00").await;
}

/// The part of the README between the marks of `name`.
fn generated(name: &str) -> &'static str {
    let begin = format!("<!-- {name}: generated from ");
    let (_, rest) = README.split_once(begin.as_str()).unwrap_or_else(|| panic!("the README has no {name}"));
    let (_, rest) = rest.split_once("compared by a test -->\n").expect("the mark says that it is compared");
    let end = format!("<!-- end of {name} -->");
    rest.split_once(end.as_str()).unwrap_or_else(|| panic!("{name} has no end")).0
}

#[test]
fn table_of_problem_codes_is_the_programs_own() {
    let table = careflow::api::responses::table();
    assert_eq!(generated("problem codes"), table, "copy the right-hand side into the README");
}

#[test]
fn tables_of_metrics_are_the_programs_own() {
    let tables = careflow::metrics::families::tables();
    assert_eq!(generated("metrics"), tables, "copy the right-hand side into the README");
}

#[test]
fn table_of_limits_is_the_programs_own() {
    let table = careflow::cli::serve::limits::table();
    assert_eq!(generated("limits"), table, "copy the right-hand side into the README");
}
