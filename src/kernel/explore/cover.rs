//! Owns short ways to name states: unique last parts of a path, and superstates in place of all their leaves.

use std::collections::BTreeSet;

/// Superstates of `path`, outermost first: `open`, `open.intake` of `open.intake.received`.
pub fn superstates(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('.').map(|(at, _)| &path[..at])
}

/// Whether the superstate `parent` holds `path`, at any depth.
pub fn holds(parent: &str, path: &str) -> bool {
    path.strip_prefix(parent).is_some_and(|rest| rest.starts_with('.'))
}

/// The last parts of `path`, as many as tell it from every other leaf: `received`, `settled.no_response`.
pub fn short<'p>(path: &'p str, leaves: &[&str]) -> &'p str {
    let mut starts: Vec<usize> = path.match_indices('.').map(|(at, _)| at + 1).collect();
    starts.reverse();
    starts
        .into_iter()
        .map(|start| &path[start..])
        .find(|name| !leaves.iter().any(|leaf| *leaf != path && (leaf == name || ends_in(leaf, name))))
        .unwrap_or(path)
}

fn ends_in(path: &str, name: &str) -> bool {
    path.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
}

/// `states` with each largest superstate whose `leaves` are all among them in their place.
///
/// A superstate of a single leaf, or one that `fits` rejects, is left alone. The
/// order is that of `leaves`; a name that is no leaf is kept, in front.
pub fn cover(states: &BTreeSet<&str>, leaves: &[&str], fits: impl Fn(&str) -> bool) -> Vec<String> {
    let mut covered: Vec<String> =
        states.iter().filter(|state| !leaves.contains(state)).map(|state| (*state).to_owned()).collect();
    for leaf in leaves.iter().filter(|leaf| states.contains(*leaf)) {
        let all = |parent: &&str| {
            let mut inside = leaves.iter().filter(|leaf| holds(parent, leaf));
            let count = inside.clone().count();
            count > 1 && inside.all(|leaf| states.contains(leaf)) && fits(parent)
        };
        let name = superstates(leaf).find(all).unwrap_or(leaf);
        if !covered.iter().any(|known| known == name) {
            covered.push(name.to_owned());
        }
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::{cover, short};

    const LEAVES: [&str; 6] = ["open.in.a", "open.in.b", "open.wait", "settled.late", "closed.late", "alone"];

    #[test]
    fn superstate_stands_for_all_its_leaves() {
        let check = |states: &[&str], expected: &[&str]| {
            assert_eq!(cover(&states.iter().copied().collect(), &LEAVES, |_| true), expected, "{states:?}");
        };
        check(&["open.in.a", "open.in.b"], &["open.in"]);
        check(&["open.in.a", "open.wait"], &["open.in.a", "open.wait"]);
        check(&["open.wait", "open.in.b", "open.in.a"], &["open"]);
        check(&["settled.late", "alone"], &["settled.late", "alone"]);
        check(&["•"], &["•"]);
        check(&[], &[]);
    }

    #[test]
    fn superstate_that_does_not_fit_is_left_alone() {
        let all = LEAVES.into_iter().collect();
        let covered = cover(&all, &LEAVES, |parent| parent != "open");
        assert_eq!(covered, ["open.in", "open.wait", "settled.late", "closed.late", "alone"]);
    }

    #[test]
    fn short_name_is_as_long_as_it_takes_to_be_unique() {
        assert_eq!(short("open.in.a", &LEAVES), "a");
        assert_eq!(short("settled.late", &LEAVES), "settled.late");
        assert_eq!(short("alone", &LEAVES), "alone");
        assert_eq!(short("•", &LEAVES), "•");
    }
}
