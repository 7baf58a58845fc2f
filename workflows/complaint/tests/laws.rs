//! Laws of complaints over random lives of a case.

use proptest::prelude::*;
use serde_json::Value;

use super::super::samples::samples;
use super::drive::Drive;
use crate::kernel::kpi::{self, Record};
use crate::kernel::sla::fact::ClockFact;
use crate::kernel::sla::state::{self, Clocks};

const MINUTE: i64 = 60_000;

/// A life: minutes to wait, then a sample, or the earliest timer for numbers beyond them; the facts of its
/// clocks in order, and the states that it moved between.
fn live(moves: &[(u16, u8)]) -> (Drive, Vec<ClockFact>, Vec<(String, String, String)>) {
    let all = samples();
    let mut drive = Drive::after(&["register:mail"]);
    let (mut facts, mut turns) = (drive.clocks.clone(), Vec::new());
    for (wait, pick) in moves {
        let from = drive.state().to_owned();
        let now = drive.now.plus_millis(i64::from(*wait) * MINUTE);
        let taken = match all.get(usize::from(*pick)) {
            Some(sample) if sample.event != "register" => {
                drive.now = now;
                let kept = drive.facts.clone();
                drive.facts.extend(sample.facts.clone());
                let payload = Value::Object(sample.payload.clone());
                let taken = drive.attempt(sample.actor.clone(), sample.event, payload).is_ok();
                drive.facts = kept;
                taken.then(|| sample.event.to_owned())
            }
            Some(_) | None => fire_earliest(&mut drive),
        };
        if let Some(event) = taken {
            facts.extend(drive.clocks.clone());
            turns.push((from, event, drive.state().to_owned()));
        }
    }
    (drive, facts, turns)
}

fn fire_earliest(drive: &mut Drive) -> Option<String> {
    let timers = &drive.instance.as_ref().unwrap().timers;
    let earliest = timers.iter().min_by_key(|(_, timer)| timer.due).map(|(name, _)| name.clone())?;
    drive.try_fire(&earliest).is_ok().then(|| format!("timer {earliest}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn life_of_a_complaint_keeps_what_must_hold(
        moves in prop::collection::vec((0u16..900, 0u8..70), 0..60)
    ) {
        let (drive, facts, turns) = live(&moves);
        let instance = drive.instance.as_ref().unwrap();
        let mut folded = Clocks::new();
        state::apply(&mut folded, &facts);
        prop_assert_eq!(&instance.clocks, &folded);
        let data = drive.data();
        for (from, event, to) in &turns {
            let silent = event.starts_with("timer ");
            prop_assert!(!(silent && from.starts_with("open.") && !to.starts_with("open.")), "{} {}", event, to);
            prop_assert!(!from.starts_with("closed.") || from == to);
        }
        let (ended, settled) = (instance.state.starts_with("closed."), instance.state.starts_with("settled."));
        let running: Vec<&String> = instance.clocks.iter()
            .filter(|(_, clock)| clock.run.is_some()).map(|(name, _)| name).collect();
        prop_assert!(!ended || (instance.timers.is_empty() && running.is_empty()));
        prop_assert!(!settled || running.iter().all(|name| *name == "NRT"), "{:?}", running);
        prop_assert!(ended || settled || running.contains(&&"TOTAL".to_owned()));
        // A pause is open only while the complaint is away from what stands still.
        let open = |pauses: &[crate::kernel::sla::timing::Pause]| pauses.iter().any(|pause| pause.to.is_none());
        prop_assert!(instance.state != "open.executing" || !open(&data.action_pauses));
        prop_assert!(instance.state != "open.waiting_customer" || !open(&data.asked_pauses));
        prop_assert_eq!(data.waiting_resume.is_some(), data.asked_at.is_some());
        if let Some(record) = kpi::record(instance) {
            prop_assert_eq!(&Record::decode(record.id.clone(), &record.encode()).unwrap(), &record);
        }
    }
}
