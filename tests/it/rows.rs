//! What every flow's machine is held against: the numbered rows of its specification, and its table.

use std::collections::BTreeSet;

use careflow::app;
use careflow::definition::file::Content;
use careflow::kernel::explore::{CONFIGURATIONS_MAX, Exploration, Explorer};
use careflow::kernel::machine::{SAMPLES_AT, Workflow};
use careflow::workflows::Registry;

/// The target of a row that stays where it is.
pub const SAME: &str = "same";

/// Rule, from, event, to. `x.*` is every leaf below x, and a leaf is named by its last part or its whole
/// path; several are separated by spaces, targets by `|`.
pub type Rows = &'static [(&'static str, &'static str, &'static str, &'static str)];

/// Rule, from, event, to, of leaves by their whole paths.
type Arrow = (String, String, String, String);

/// What the samples of a shipped flow reach.
pub fn explored(workflow: &str) -> Exploration {
    let registry = Registry::shipped();
    let sources = app::sources(registry.all(), None).unwrap();
    let definition = sources.iter().find_map(|source| match &source.content {
        Content::Definition(definition) if definition.workflow == workflow => Some(definition),
        Content::Definition(_) | Content::Calendar(_) => None,
    });
    let calendar = sources.iter().find_map(|source| match &source.content {
        Content::Calendar(calendar) if calendar.name() == "cn" => Some(calendar),
        Content::Definition(_) | Content::Calendar(_) => None,
    });
    let machine = registry.get(workflow).unwrap().as_ref();
    let explorer = Explorer {
        workflow: machine,
        definition: definition.unwrap(),
        calendar: calendar.unwrap(),
        now: SAMPLES_AT,
        configurations_max: CONFIGURATIONS_MAX,
    };
    let explored = explorer.explore();
    accepted_is_what_was_found(machine, &explored);
    explored
}

/// What answers say that a state accepts is what exploration finds; `CAREFLOW_STORE=1` writes it anew.
fn accepted_is_what_was_found(machine: &dyn Workflow, explored: &Exploration) {
    let name = machine.name();
    if std::env::var_os("CAREFLOW_STORE").is_some() {
        let path = format!("{}/workflows/{name}/accepted.json", env!("CARGO_MANIFEST_DIR"));
        let text = serde_json::to_string_pretty(&explored.accepted).unwrap();
        std::fs::write(path, format!("{text}\n")).unwrap();
    }
    let told = machine.accepted().expect("a shipped flow says what it accepts");
    assert_eq!(*told, explored.accepted, "{name}: `CAREFLOW_STORE=1 cargo test rows` writes it anew");
}

/// The leaves that a word of the table stands for.
fn leaves(word: &str, explored: &Exploration) -> Vec<String> {
    let paths = || explored.states.iter().map(|spec| spec.path.clone());
    // A leaf alone on its level is named by its whole path, and no other is meant.
    if word == "•" || paths().any(|path| path == word) {
        return vec![word.to_owned()];
    }
    let fits = |path: &String| match word.strip_suffix('*') {
        Some(parent) => path.starts_with(parent) || path.contains(&format!(".{parent}")),
        None => path.ends_with(&format!(".{word}")),
    };
    let found: Vec<String> = paths().filter(fits).collect();
    assert!(!found.is_empty(), "`{word}` names no leaf");
    found
}

fn specified(rows: Rows, explored: &Exploration) -> BTreeSet<Arrow> {
    let mut arrows = BTreeSet::new();
    for (rule, from, event, to) in rows {
        for from in from.split_whitespace().flat_map(|word| leaves(word, explored)) {
            for to in to.split('|') {
                let to = if to == SAME { from.clone() } else { leaf(to, explored) };
                arrows.insert(((*rule).into(), from.clone(), (*event).into(), to));
            }
        }
    }
    arrows
}

/// The one leaf that a target names.
fn leaf(word: &str, explored: &Exploration) -> String {
    let [leaf] = <[String; 1]>::try_from(leaves(word, explored)).expect("a target is one leaf");
    leaf
}

fn shown(arrows: impl Iterator<Item = Arrow>) -> String {
    arrows.map(|(rule, from, event, to)| format!("  #{rule} {from} --{event}--> {to}\n")).collect()
}

/// Compares what is explored with the rows: each is shown, nothing else is, every state is reached and has a
/// way to its end. `early` are timers (state, timer) that a table arms before the state that waits for them.
#[track_caller]
pub fn check(explored: &Exploration, rows: Rows, early: &[(&str, &str)]) {
    let specified = specified(rows, explored);
    let numbered = explored.rows.iter().filter_map(|row| Some((row.rule?, row)));
    let found: BTreeSet<Arrow> = numbered
        .map(|(rule, row)| (rule.into(), row.from.clone(), row.event.clone(), row.to.clone()))
        .collect();
    let missing = shown(specified.difference(&found).cloned());
    let beyond = shown(found.difference(&specified).cloned());
    assert!(missing.is_empty() && beyond.is_empty(), "missing:\n{missing}beyond the rows:\n{beyond}");
    let unnumbered = explored.rows.iter().filter(|row| row.rule.is_none() && row.from != row.to);
    assert_eq!(unnumbered.count(), 0, "a row without a number is a common event that changes no state");
    assert!(!explored.truncated, "{}", explored.configurations);
    assert!(explored.unreachable.is_empty(), "{:?}", explored.unreachable);
    assert!(explored.dead_ends.is_empty(), "{:?}", explored.dead_ends);
    assert!(explored.stuck.is_empty(), "{:?}", explored.stuck);
    assert!(explored.unused_samples.is_empty(), "{:?}", explored.unused_samples);
    assert!(explored.refused_follows.is_empty(), "{:?}", explored.refused_follows);
    assert_eq!(explored.reached.len(), explored.states.len());
    let early = early.iter().map(|(state, timer)| ((*state).to_owned(), (*timer).to_owned()));
    assert_eq!(explored.lapsing, early.collect(), "timers that lapse without effect");
}
