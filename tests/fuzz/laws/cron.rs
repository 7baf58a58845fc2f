//! Cron expressions: the zone, then the expression, on two lines.

use careflow::kernel::calendar::parse_zone;
use careflow::kernel::cron::Cron;
use careflow::kernel::instant::Instant;

/// Moments to look from: an ordinary one, the night before the clocks go forward and back, the end.
const FROM: [i64; 4] = [1_773_194_400_000, 1_774_742_400_000, 1_792_886_400_000, 4_102_444_700_000];
/// Fire times looked at from each.
const LOOKED_AT: usize = 5;

/// What is read prints itself and reads back with the same fire times; these come after what they are
/// asked after, in order; the last one before a moment is that.
pub fn cron(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (zone, expression) = text.split_once('\n').unwrap_or(("Europe/Berlin", text));
    let Ok(zone) = parse_zone(zone) else { return };
    let cron = match Cron::parse(expression) {
        Ok(cron) => cron,
        Err(reason) => return assert!(!reason.is_empty()),
    };
    let printed = cron.to_string();
    let again =
        Cron::parse(&printed).unwrap_or_else(|reason| panic!("`{printed}` does not read back: {reason}"));
    assert_eq!(again.to_string(), printed);
    for from in FROM.map(Instant::from_millis) {
        let times: Vec<Instant> = cron.after(from, zone).take(LOOKED_AT).collect();
        assert!(times.iter().all(|time| *time > from), "{printed} after {from}: {times:?}");
        assert!(times.is_sorted_by(|a, b| a < b), "{printed}: {times:?}");
        assert_eq!(times, again.after(from, zone).take(LOOKED_AT).collect::<Vec<_>>());
        if let [first, .., last] = times[..] {
            assert_eq!(cron.last_until(first, last, zone), last);
            assert_eq!(cron.last_until(first, last.plus_millis(1), zone), last);
            assert!(cron.last_until(first, last.plus_millis(-1), zone) < last);
        }
    }
}
