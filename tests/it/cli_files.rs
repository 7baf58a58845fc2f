//! What commands do with files: help, check, definitions, schemas, pictures.

use crate::cli_rig::{Place, careflow, committed};

#[test]
fn help_lists_every_command_and_exit_code() {
    let help = careflow(&["--help"]).done();
    let commands = [
        "serve",
        "check",
        "export",
        "verify",
        "rebuild",
        "definition",
        "token",
        "actor",
        "calendar",
        "diagram",
        "table",
        "schema",
        "openapi",
    ];
    for command in commands {
        assert!(help.contains(&format!("\n  {command} ")), "{command} in {help}");
        let own = careflow(&[command, "--help"]).done();
        assert!(own.contains("Usage: careflow") && own.contains("Example"), "{own}");
    }
    for code in ["0   done", "1   the answer", "2   ", "3   ", "4   ", "70  "] {
        assert!(help.contains(code), "{code} in {help}");
    }
}

#[test]
fn wrong_arguments_end_with_2_and_say_what_would_be_accepted() {
    for (arguments, says) in [
        (&["fly"][..], "unrecognized subcommand"),
        (&["token", "create", "--role", "boss"], "roles are customer, gateway, agent"),
        (&["schema", "invoice"], "schemas are definition, calendar, mapping, consultation"),
        (&["diagram", "invoice"], "workflows are consultation"),
        (&["serve", "--listen", "nowhere"], "invalid"),
        (&["schema", "--log", "=="], "is no log filter"),
    ] {
        let error = careflow(arguments).failed(2);
        assert!(error.contains(says), "{arguments:?}: {error}");
    }
}

#[test]
fn written_definitions_are_clean_and_are_not_overwritten() {
    let place = Place::new();
    let flows = place.text("flows");
    let written = careflow(&["definition", "write", &flows]).done();
    assert!(written.contains("flows/workflows/consultation/definition.yaml"), "{written}");
    let checked = careflow(&["check", &flows]).done();
    assert!(checked.contains("definition of consultation version 1, no findings"), "{checked}");
    assert!(checked.contains("calendar cn version"), "{checked}");

    let definition = place.path("flows/workflows/consultation/definition.yaml");
    std::fs::write(&definition, "mine").unwrap();
    let refused = careflow(&["definition", "write", &flows]).failed(1);
    assert!(refused.contains("consultation/definition.yaml` says something else already"), "{refused}");
    assert_eq!(std::fs::read_to_string(&definition).unwrap(), "mine");
    careflow(&["definition", "write", &flows, "--force"]).done();
    careflow(&["check", &flows]).done();
}

#[test]
fn check_tells_every_finding_with_its_position() {
    let place = Place::new();
    let flows = place.text("flows");
    careflow(&["definition", "write", &flows]).done();
    let definition = place.path("flows/workflows/consultation/definition.yaml");
    let text = std::fs::read_to_string(&definition).unwrap();
    let line = 1 + text.lines().position(|line| line == "calendar: cn").unwrap();
    std::fs::write(&definition, text.replace("calendar: cn\n", "calendar: nowhere\n")).unwrap();
    std::fs::write(place.path("flows/workflows/calendars/cn.yaml"), "name: cn\nzone: Mars/Base\n").unwrap();

    let ended = careflow(&["check", &flows]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.out.contains(&format!("definition.yaml:{line}:11: /calendar: `nowhere` is no calendar here")),
        "{}",
        ended.out
    );
    assert!(ended.out.contains("cn.yaml:2:7: /zone"), "{}", ended.out);

    let ended = careflow(&["check", &flows, "--json"]);
    assert_eq!((ended.code, &ended.json()["ok"]), (1, &serde_json::json!(false)));
    let findings = ended.json()["findings"].as_array().unwrap().clone();
    assert!(findings.iter().any(|finding| finding["line"] == line && finding["path"] == "/calendar"));
}

#[test]
fn one_file_is_checked_together_with_the_shipped_ones() {
    let place = Place::new();
    careflow(&["definition", "write", &place.text("flows")]).done();
    let definition = place.text("flows/workflows/consultation/definition.yaml");
    let checked = careflow(&["check", &definition, "--json"]).json();
    assert_eq!(checked["files"].as_array().unwrap().len(), 1, "{checked}");
    assert_eq!(checked["files"][0]["name"], "consultation");
}

#[test]
fn check_of_a_file_that_is_not_there_is_no_finding() {
    let place = Place::new();
    careflow(&["check", &place.text("nothing.yaml")]).failed(3);
}

#[test]
fn committed_schemas_are_those_of_the_binary() {
    let place = Place::new();
    let written = careflow(&["schema", "--write", &place.text("schemas")]).done();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    assert_eq!(written.lines().count(), std::fs::read_dir(folder).unwrap().count(), "{written}");
    for path in written.lines() {
        let name = std::path::Path::new(path).file_name().unwrap().to_str().unwrap();
        let fresh = std::fs::read_to_string(path).unwrap();
        assert!(
            fresh == committed(&format!("schemas/{name}")),
            "schemas/{name} is stale: run `careflow schema --write schemas`"
        );
    }
    let document = careflow(&["openapi"]).done();
    assert_eq!(document, committed("schemas/openapi.json"));
    assert_eq!(careflow(&["schema", "consultation"]).done(), committed("schemas/consultation.schema.json"));
}

#[test]
fn a_workflow_is_drawn_in_each_form() {
    assert!(careflow(&["diagram", "consultation"]).done().starts_with("<svg "));
    assert!(careflow(&["diagram", "consultation", "--format", "mermaid"]).done().contains("stateDiagram"));
    let data = careflow(&["diagram", "consultation", "--format", "json"]).json();
    assert_eq!(data["title"]["zh"], "咨询");
    assert!(careflow(&["diagram", "consultation", "--lang", "zh"]).done().contains("咨询"));
    let table = careflow(&["table", "consultation"]).done();
    assert!(table.contains("| event "), "{table}");
}
