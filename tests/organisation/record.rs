//! Owns what people do to the record itself: entries that they correct, clocks that they let stand still, verdicts
//! that were wrong.

use careflow::kernel::actor::Role;
use careflow::kernel::common::Verdict;
use careflow::kernel::instance::Instance;
use careflow::kernel::sla::state::{Clock, Run};
use serde_json::{Value, json};

use super::acts::Act;
use super::year::Organisation;

const HOUR_MS: i64 = 3_600_000;
/// What every shipped flow accepts as a reason to suspend a clock, and what none does.
const REASONS: [&str; 4] = ["force_majeure", "force_majeure", "force_majeure", "holidays"];

impl Organisation {
    /// `event` as somebody would send it to `instance`, where there is something to correct or to suspend.
    pub fn of_record(&mut self, instance: &Instance, event: &str) -> Option<Act> {
        let (role, payload) = match event {
            "correction" => (Role::Supervisor, self.correction(instance)),
            "clock_suspended" => (Role::DeptManager, self.suspension(instance)?),
            "clock_resumed" => (Role::DeptManager, json!({ "clock": self.clock(instance, is_suspended)? })),
            "verdict_corrected" => (Role::ProcessOwner, self.verdict(instance)?),
            _ => return None,
        };
        Some(Act::new(self.people.person(role, &mut self.chance), event, payload))
    }

    fn correction(&mut self, instance: &Instance) -> Value {
        let field = *self.chance.pick(&["/payload/reason", "/payload/message_ref", "/actor"]);
        json!({
            "of_seq": self.chance.between(1, instance.seq), "field": field, "new_value": { "is": "another" },
            "reason": "录入有误", "second": self.people.handle(Role::Supervisor, &mut self.chance),
        })
    }

    fn suspension(&mut self, instance: &Instance) -> Option<Value> {
        let clock = self.clock(instance, |run| !is_suspended(run))?;
        let ahead = i64::try_from(self.chance.between(4, 240)).unwrap() * HOUR_MS;
        let until = self.now().plus_millis(ahead);
        Some(json!({ "clock": clock, "reason_code": self.chance.pick(&REASONS), "until": until }))
    }

    /// Mostly the other verdict of a run that has one.
    fn verdict(&mut self, instance: &Instance) -> Option<Value> {
        let ended = |(name, clock): (&String, &Clock)| {
            let last = clock.ended.iter().rev().find_map(|run| Some((run.cycle, run.verdict?)))?;
            Some((name.clone(), last))
        };
        let ended: Vec<_> = instance.clocks.iter().filter_map(ended).collect();
        let (clock, (cycle, verdict)) = ended.get(self.chance.index(ended.len().max(1)))?.clone();
        let to = match (verdict, self.chance.one_in(8)) {
            (Verdict::Met, false) | (Verdict::Breached, true) => Verdict::Breached,
            (Verdict::Breached, false) | (Verdict::Met, true) => Verdict::Met,
        };
        let approver = self.people.handle(Role::ProcessOwner, &mut self.chance);
        Some(json!({
            "clock": clock, "cycle": cycle, "to": to, "reason": "计时有误", "approver": approver, "auto": false,
        }))
    }

    /// A clock of `instance` whose run is as it is `wanted`.
    fn clock(&mut self, instance: &Instance, wanted: fn(&Run) -> bool) -> Option<String> {
        let runs = instance.clocks.iter().filter(|(_, clock)| clock.run.as_ref().is_some_and(wanted));
        let runs: Vec<String> = runs.map(|(name, _)| name.clone()).collect();
        runs.get(self.chance.index(runs.len().max(1))).cloned()
    }
}

const fn is_suspended(run: &Run) -> bool {
    run.suspended.is_some()
}
