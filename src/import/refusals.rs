//! Owns how refused rows are told to people: grouped by what was refused where and why, the largest group first.
//!
//! Of each group some rows stand with their reasons, and more with their lines alone.

use std::collections::BTreeMap;
use std::fmt;

use super::report::Refused;

/// Rows of a group that are shown with their reasons.
const REASONS_SHOWN: usize = 3;
/// Further rows of a group of which the line is shown.
const LINES_SHOWN: usize = 10;

/// Refused rows of one event, state and code.
struct Group<'a> {
    event: &'a str,
    state: &'a str,
    code: &'a str,
    rows: Vec<&'a Refused>,
}

/// Tells all of `refused`, which are in the order of their lines.
pub(super) fn tell(refused: &[Refused], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "\nrefused: {}", refused.len())?;
    groups(refused).iter().try_for_each(|group| group.tell(f))
}

fn groups(refused: &[Refused]) -> Vec<Group<'_>> {
    let mut found: BTreeMap<(&str, &str, &str), Vec<&Refused>> = BTreeMap::new();
    for row in refused {
        found.entry((&row.event, &row.state, &row.code)).or_default().push(row);
    }
    let mut groups: Vec<_> =
        found.into_iter().map(|((event, state, code), rows)| Group { event, state, code, rows }).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.rows.len()));
    groups
}

impl Group<'_> {
    fn tell(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event, state, code, rows } = self;
        write!(f, "  {:>7}  ", rows.len())?;
        match (event.is_empty(), state.is_empty()) {
            (true, true) => writeln!(f, "nothing sent: {code}")?,
            (true, false) => writeln!(f, "nothing sent in {state}: {code}")?,
            (false, true) => writeln!(f, "{event}, no case yet: {code}")?,
            (false, false) => writeln!(f, "{event} in {state}: {code}")?,
        }
        let (shown, rest) = rows.split_at(rows.len().min(REASONS_SHOWN));
        for Refused { line, case, rule, reason, after, .. } in shown {
            write!(f, "           line {line}, case {}", if case.is_empty() { "unknown" } else { case })?;
            if !rule.is_empty() {
                write!(f, ", {rule}")?;
            }
            write!(f, ": {reason}")?;
            if !after.is_empty() {
                write!(f, " (after {}, which stands)", after.join(", "))?;
            }
            writeln!(f)?;
        }
        if rest.is_empty() {
            return Ok(());
        }
        let lines: Vec<String> = rest.iter().take(LINES_SHOWN).map(|row| row.line.to_string()).collect();
        write!(f, "           and {} more, on lines {}", rest.len(), lines.join(", "))?;
        writeln!(f, "{}", if rest.len() > LINES_SHOWN { ", …; --json lists all" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Told<'a>(&'a [Refused]);

    impl fmt::Display for Told<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            tell(self.0, f)
        }
    }

    fn row(line: u64, event: &str, state: &str, code: &str) -> Refused {
        let reason = format!("why {line}");
        let (event, state, code) = (event.into(), state.into(), code.into());
        Refused { line, case: format!("C{line}"), event, state, code, reason, ..Refused::default() }
    }

    #[test]
    fn the_largest_group_comes_first_with_reasons_and_lines() {
        let mut refused = vec![row(2, "", "", "time")];
        refused.extend((3..=17).map(|line| row(line, "claim", "closed.unreachable", "event_not_accepted")));
        refused[1].rule = "called".into();
        refused[1].after = vec!["plan".into()];
        refused.push(row(18, "plan", "", "payload"));
        let told = Told(&refused).to_string();
        let expected = "
refused: 17
       15  claim in closed.unreachable: event_not_accepted
           line 3, case C3, called: why 3 (after plan, which stands)
           line 4, case C4: why 4
           line 5, case C5: why 5
           and 12 more, on lines 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, …; --json lists all
        1  nothing sent: time
           line 2, case C2: why 2
        1  plan, no case yet: payload
           line 18, case C18: why 18
";
        assert_eq!(told, expected);
    }

    #[test]
    fn few_rows_of_a_group_are_all_named() {
        let refused: Vec<_> = (2..=6).map(|line| row(line, "", "", "no_rule")).collect();
        let told = Told(&refused).to_string();
        assert!(told.ends_with("line 4, case C4: why 4\n           and 2 more, on lines 5, 6\n"), "{told}");
        let nobody = [Refused { case: String::new(), ..row(2, "", "open", "no_alternative") }];
        let told = Told(&nobody).to_string();
        assert!(told.contains("1  nothing sent in open: no_alternative\n"), "{told}");
        assert!(told.contains("line 2, case unknown: why 2\n"), "{told}");
    }
}
