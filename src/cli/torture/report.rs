//! Owns what `torture` tells at the end: what was done, what was checked, and every violation with how to see it again.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::laws::Violation;
use super::plan::{Fault, Plan};
use super::round::Outcome;

/// Most violations that are told; all are counted.
const TOLD_MAX: usize = 50;

/// Everything that a run did and found.
#[derive(Debug, Default)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The command that replays a round, but for its number.
    pub again: String,
    numbers: Vec<(&'static str, u64)>,
    faults: Vec<(Fault, u64)>,
    violations: Vec<(u64, Fault, Violation)>,
    total: u64,
}

impl Report {
    /// A report of a run with `seed`; `again` is the command that replays a round, but for its number.
    pub fn new(seed: u64, again: String) -> Self {
        Self { seed, again, ..Self::default() }
    }

    /// Adds a round.
    pub fn add(&mut self, plan: &Plan, outcome: &Outcome) {
        let (done, checked) = (outcome.done, outcome.findings.checked);
        let requests = outcome.records.len() as u64;
        for (name, number) in [
            ("rounds", 1),
            ("clients", plan.clients as u64),
            ("requests", requests),
            ("commands acknowledged", checked.acknowledged),
            ("commands refused", checked.refused),
            ("commands whose outcome stayed open", checked.open),
            ("kills (SIGKILL)", done.kills),
            ("stops (SIGTERM)", done.stops),
            ("restarts", done.restarts),
            ("faults of disk and clock", done.faults),
            ("entries of the journal", checked.entries),
            ("timers fired", checked.timers),
            ("reads checked", checked.reads),
            ("lists checked", checked.lists),
        ] {
            match self.numbers.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += number,
                None => self.numbers.push((name, number)),
            }
        }
        match self.faults.iter_mut().find(|(known, _)| *known == plan.fault) {
            Some((_, rounds)) => *rounds += 1,
            None => self.faults.push((plan.fault, 1)),
        }
        self.faults.sort_unstable();
        self.total += outcome.findings.total;
        let told = outcome.findings.told.iter().cloned();
        self.violations.extend(told.map(|violation| (plan.round, plan.fault, violation)));
    }

    /// How many violations there are.
    pub const fn violations(&self) -> u64 {
        self.total
    }

    fn replay(&self, round: u64) -> String {
        format!("{} --round {round}", self.again)
    }

    /// The report as text.
    pub fn text(&self) -> String {
        let mut text = format!("seed {}\n", self.seed);
        let faults: Vec<_> =
            self.faults.iter().map(|(fault, rounds)| format!("{} {rounds}", name(*fault))).collect();
        // Writing to a string does not fail.
        for (name, number) in &self.numbers {
            writeln!(text, "  {number:>9}  {name}").ok();
        }
        writeln!(text, "rounds by fault: {}", faults.join(", ")).ok();
        for (round, fault, Violation { law, instance, seen, expected }) in
            self.violations.iter().take(TOLD_MAX)
        {
            let instance = instance.as_ref().map(|id| format!(", instance {id}")).unwrap_or_default();
            writeln!(
                text,
                "\nviolation of {law}: seed {}, round {round} ({}){instance}\n  seen:     {seen}\n  expected: {expected}\n  again:    {}",
                self.seed,
                name(*fault),
                self.replay(*round),
            )
            .ok();
        }
        match self.total {
            0 => text.push_str("no violation\n"),
            total => text.push_str(&format!("\n{total} violations\n")),
        }
        text
    }

    /// The report as JSON.
    pub fn json(&self) -> Value {
        let key = |name: &str| {
            let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
            words.collect::<Vec<_>>().join("_").to_lowercase()
        };
        let numbers = self.numbers.iter().map(|(name, number)| (key(name), json!(number)));
        let faults = self.faults.iter().map(|(fault, rounds)| (name(*fault), json!(rounds)));
        let violation = |(round, fault, violation): &(u64, Fault, Violation)| {
            let Violation { law, instance, seen, expected } = violation;
            json!({
                "law": law, "seed": self.seed, "round": round, "fault": name(*fault), "instance": instance,
                "seen": seen, "expected": expected, "again": self.replay(*round),
            })
        };
        json!({
            "seed": self.seed,
            "counts": numbers.collect::<serde_json::Map<_, _>>(),
            "rounds_by_fault": faults.collect::<serde_json::Map<_, _>>(),
            "violations_total": self.total,
            "violations": self.violations.iter().take(TOLD_MAX).map(violation).collect::<Vec<_>>(),
        })
    }
}

fn name(fault: Fault) -> String {
    use clap::ValueEnum as _;
    fault.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
