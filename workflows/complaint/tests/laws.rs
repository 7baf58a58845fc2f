//! Laws of complaints over random lives of a case.

use proptest::prelude::*;

use super::drive::Complaining;
use crate::kernel::kpi::{self, Record};
use crate::kernel::sla::state::{self, Clocks};
use crate::workflows::driven::Life;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::seeded::cases(200)))]

    #[test]
    fn life_of_a_complaint_keeps_what_must_hold(
        moves in prop::collection::vec((0u16..900, 0u8..70), 0..60)
    ) {
        let Life { drive, clocks, turns } = Life::<Complaining>::live("register:mail", &moves);
        let instance = drive.instance.as_ref().unwrap();
        let mut folded = Clocks::new();
        state::apply(&mut folded, &clocks);
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
