use super::{Exploration, Explorer, Kind};
use crate::kernel::actor::Role;
use crate::kernel::toy::World;

fn explored() -> Exploration {
    World::new().explorer().explore()
}

/// Rows in one line each: `2 received accept/plain -> accepted [cancel ALARM]`.
fn lines(exploration: &Exploration) -> String {
    let mut text = String::new();
    for row in &exploration.rows {
        let target = match row.kind {
            Kind::Moved => row.to.as_str(),
            Kind::Stayed => "same",
        };
        let rule = row.rule.unwrap_or("-");
        let effects = row.effects.join(", ");
        text += &format!("{rule} {} {}/{} -> {target} [{effects}]\n", row.from, row.event, row.sample);
    }
    text
}

#[test]
fn every_row_of_the_toy_is_found() {
    insta::assert_snapshot!(lines(&explored()));
}

#[test]
fn dead_end_is_reported() {
    let exploration = explored();
    assert_eq!(exploration.dead_ends, ["lost".to_owned()].into());
    assert!(exploration.stuck.is_empty(), "{:?}", exploration.stuck);
}

#[test]
fn unreachable_state_is_reported() {
    let exploration = explored();
    assert_eq!(exploration.unreachable, ["closed.unseen".to_owned()].into());
    assert!(!exploration.reached.contains("closed.unseen"));
    assert_eq!(exploration.reached.len() + exploration.unreachable.len(), exploration.states.len());
}

#[test]
fn timer_that_its_state_refuses_is_reported() {
    let states = ["closed.withdrawn", "lost", "open.intake.accepted", "open.waiting"];
    let alarms = states.map(|state| (state.to_owned(), "ALARM".to_owned()));
    let expire = ("closed.withdrawn".to_owned(), "EXPIRE".to_owned());
    assert_eq!(explored().lapsing, alarms.into_iter().chain([expire]).collect());
}

#[test]
fn sample_that_nothing_accepts_is_reported() {
    assert_eq!(explored().unused_samples, [("inspect", "never")].into());
}

#[test]
fn event_without_sample_is_reported() {
    let unsampled = explored().unsampled;
    assert!(unsampled.contains("note_added"));
    assert!(!unsampled.contains("accept") && !unsampled.contains("inspect"));
    assert!(!unsampled.contains("archive"), "the machine sends it to itself");
}

#[test]
fn sample_refused_at_the_start_is_tried_after_a_timer_moved_time_on() {
    let exploration = explored();
    let inspected: Vec<_> = exploration.rows.iter().filter(|row| row.event == "inspect").collect();
    assert_eq!(inspected.len(), 1);
    assert_eq!(inspected[0].from, "open.intake.received");
}

#[test]
fn follow_up_event_of_the_same_commit_makes_its_own_row() {
    let exploration = explored();
    let archived = exploration.rows.iter().find(|row| row.event == "archive").unwrap();
    assert_eq!((archived.sample, archived.to.as_str()), ("plain", "closed.done"));
    assert!(exploration.accepted["settled.fixed"].contains("archive"));
    assert!(exploration.refused_follows.is_empty());
}

#[test]
fn refused_event_of_the_same_commit_is_reported() {
    let mut world = World::new();
    world.definition.roles.insert("archive".into(), vec![Role::Agent]);
    let refused = ("settled.fixed".to_owned(), "archive".to_owned(), "role_not_allowed");
    assert_eq!(world.explorer().explore().refused_follows, [refused].into());
}

#[test]
fn timers_are_not_among_the_accepted_events() {
    let exploration = explored();
    assert!(exploration.rows.iter().any(|row| row.event == "timer EXPIRE"));
    assert_eq!(exploration.accepted["open.waiting"], ["reply", "withdraw"].map(str::to_owned).into());
}

#[test]
fn hit_limit_is_reported_and_claims_no_dead_end() {
    let world = World::new();
    let complete = world.explorer().explore();
    assert!(!complete.truncated);

    let enough = Explorer { configurations_max: complete.configurations, ..world.explorer() }.explore();
    assert!(!enough.truncated);

    let cut = Explorer { configurations_max: complete.configurations - 1, ..world.explorer() }.explore();
    assert!(cut.truncated);
    assert_eq!(cut.configurations, complete.configurations - 1);
    assert!(cut.dead_ends.is_empty());
}

#[test]
fn two_explorations_find_the_same() {
    assert_eq!(format!("{:?}", explored()), format!("{:?}", explored()));
}
