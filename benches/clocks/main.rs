//! Costs of business time, clocks and KPIs: due times near and far, what clocks add to a step, reports.
//!
//! Each row stands beside a limit of the same run: a search in a plain sorted list for calendars,
//! the same steps without clocks for steps, a sum over plain numbers for reports. Run with
//! `cargo bench --bench clocks`.

mod calendars;
mod kpis;
mod steps;
mod table;

use std::collections::{BTreeMap, HashMap};

use careflow::app;
use careflow::definition::file::Content;
use careflow::kernel::definition::Definition;
use careflow::workflows::Registry;

use steps::Flow;

fn main() {
    let registry = Registry::shipped();
    let sources = app::sources(registry.all(), None).expect("the shipped files are right");
    let mut calendars_by_name = HashMap::new();
    let mut found = None;
    for source in sources {
        match source.content {
            Content::Calendar(calendar) => {
                calendars_by_name.insert(calendar.name().to_owned(), calendar);
            }
            Content::Definition(definition) if definition.workflow == "consultation" => {
                found = Some(definition);
            }
            Content::Definition(_) => {}
        }
    }
    let definition = found.expect("the consultation ships");
    let calendar = &calendars_by_name[&definition.calendar];
    let workflow =
        registry.all().iter().find(|workflow| workflow.name() == "consultation").expect("it ships");
    println!("| what | median | limit of the same run | ratio |\n| --- | --- | --- | --- |");
    calendars::calendars(calendar);
    let bare = Definition { clocks: BTreeMap::new(), ..definition.clone() };
    let flow = Flow { workflow: workflow.as_ref(), definition: &definition, calendar };
    let without = Flow { definition: &bare, ..flow }.step();
    let with = flow.step();
    table::row("a step of a consultation with all clocks", with, "without clocks", without);
    kpis::kpis(&flow);
    println!("\nclocks add {:.1} µs to a step", (with - without) / 1_000.0);
}
