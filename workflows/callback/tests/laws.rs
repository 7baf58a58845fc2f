//! Laws of callbacks over random lives.

use proptest::prelude::*;

use super::drive::Calling;
use crate::kernel::kpi::{self, Record};
use crate::kernel::sla::state::{self, Clocks};
use crate::workflows::driven::Life;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::seeded::cases(200)))]

    #[test]
    fn life_of_a_callback_keeps_what_must_hold(
        missed in any::<bool>(),
        moves in prop::collection::vec((0u16..300, 0u8..50), 0..50)
    ) {
        let start = if missed { "plan:missed" } else { "plan:complaint" };
        let Life { drive, clocks, turns } = Life::<Calling>::live(start, &moves);
        let instance = drive.instance.as_ref().unwrap();
        let mut folded = Clocks::new();
        state::apply(&mut folded, &clocks);
        prop_assert_eq!(&instance.clocks, &folded);
        let data = drive.data();
        let state = instance.state.as_str();
        prop_assert!(turns.iter().all(|(from, _, to)| !from.starts_with("closed.") || from == to));
        prop_assert_eq!((data.attempts as usize).min(50), data.attempt_log.len());
        let calling = ["open.attempting.contacting", "open.connected"].contains(&state);
        prop_assert_eq!(data.locked_by.is_some(), calling);
        let runs = |name: &str| instance.timers.contains_key(name);
        prop_assert_eq!(runs("LOCK"), calling);
        let waiting = ["open.queued", "open.attempting.retry_wait", "open.attempting.appointed"].contains(&state);
        prop_assert_eq!(runs("EXPIRE"), waiting);
        prop_assert_eq!(runs("RETRY_AT"), state == "open.attempting.retry_wait");
        prop_assert_eq!(runs("FALLBACK_EXPIRE"), state == "open.fallback");
        // An unsatisfied customer is never let go without a decision or what follows of none.
        prop_assert_eq!(runs("RECOVERY"), state == "open.reviewing");
        prop_assert!(!state.starts_with("closed.") || instance.timers.is_empty());
        if let Some(record) = kpi::record(instance) {
            prop_assert_eq!(&Record::decode(record.id.clone(), &record.encode()).unwrap(), &record);
        }
    }
}
