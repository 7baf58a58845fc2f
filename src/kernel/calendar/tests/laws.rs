//! Laws of business time, over two zones closely and over all zones against a walk day by day.

use std::sync::LazyLock;

use chrono::{Datelike, NaiveDate};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{HOUR, calendar, china, new_york};
use crate::kernel::calendar::rules::Opening;
use crate::kernel::calendar::{Calendar, DAY_MILLIS, end_of_walk, next, years};
use crate::kernel::instant::Instant;

static TWO_ZONES: LazyLock<[Calendar; 2]> = LazyLock::new(|| [china(), new_york()]);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// R6: what is added has elapsed, and no earlier instant has as much.
    #[test]
    fn elapsed_time_until_a_due_is_the_time_added(
        start in 1_735_689_600_000i64..1_830_297_600_000,
        millis in 1i64..400 * HOUR,
    ) {
        for calendar in &*TWO_ZONES {
            let start = Instant::from_millis(start);
            let due = calendar.after(start, millis);
            prop_assert_eq!(calendar.elapsed(start, due), millis);
            prop_assert!(calendar.elapsed(start, due.plus_millis(-1)) < millis);
        }
    }

    /// More time is never due earlier, nor is a later start; elapsed time adds up.
    #[test]
    fn dues_never_overtake(
        start in 1_735_689_600_000i64..1_830_297_600_000,
        later in 0i64..200 * HOUR,
        millis in 1i64..200 * HOUR,
        more in 0i64..200 * HOUR,
    ) {
        for calendar in &*TWO_ZONES {
            let (start, second) = (Instant::from_millis(start), Instant::from_millis(start + later));
            let due = calendar.after(start, millis);
            prop_assert!(calendar.after(second, millis) >= due);
            prop_assert!(calendar.after(start, millis + more) >= due);
            prop_assert_eq!(calendar.after(due, more), if more == 0 { due } else { calendar.after(start, millis + more) });
            let end = second.plus_millis(more);
            prop_assert_eq!(
                calendar.elapsed(start, second) + calendar.elapsed(second, end),
                calendar.elapsed(start, end)
            );
        }
    }

    /// The key of a closed period is closed itself and has no opening after it.
    #[test]
    fn closed_periods_begin_where_open_time_ends(at in 1_735_689_600_000i64..1_830_297_600_000) {
        for calendar in &*TWO_ZONES {
            let at = Instant::from_millis(at);
            prop_assert_eq!(calendar.closed_since(at).is_none(), calendar.is_open(at));
            if let Some(since) = calendar.closed_since(at) {
                prop_assert!(calendar.is_open(since.plus_millis(-1)));
                prop_assert_eq!(calendar.elapsed(since, at), 0);
                prop_assert_eq!(calendar.closed_since(since), Some(since));
            }
        }
    }
}

/// The same answers by a walk over days, without any table.
struct Walk<'a>(&'a Calendar);

impl Walk<'_> {
    fn openings(&self, from: Instant) -> impl Iterator<Item = Opening> {
        let mut covered = from.millis();
        let yesterday = self.0.date_at(from).pred_opt().unwrap();
        let all = yesterday.iter_days().flat_map(|date| self.0.rules.day(date));
        all.filter_map(move |Opening { open, close }| {
            let open = open.max(covered);
            covered = covered.max(close);
            (open < close).then_some(Opening { open, close })
        })
    }

    fn after(&self, start: Instant, millis: i64) -> Instant {
        let mut left = millis;
        for Opening { open, close } in self.openings(start).take_while(|o| o.open < end_of_walk(start)) {
            if left <= close - open {
                return Instant::from_millis((open + left).min(end_of_walk(start)));
            }
            left -= close - open;
        }
        Instant::from_millis(end_of_walk(start))
    }

    fn elapsed(&self, from: Instant, to: Instant) -> i64 {
        let until = self.openings(from).take_while(|opening| opening.open < to.millis());
        until.map(|opening| opening.close.min(to.millis()) - opening.open).sum()
    }

    fn working_day(&self, start: Instant, n: u32) -> NaiveDate {
        let mut date = self.0.date_at(start);
        for _ in 0..n {
            date = next(date);
            while !self.0.is_working_day(date) {
                date = next(date);
            }
        }
        date
    }

    fn close_of(&self, date: NaiveDate) -> Instant {
        let last = self.0.rules.day(date).last().map(|opening| opening.close);
        Instant::from_millis(last.unwrap_or_else(|| self.0.rules.end_of(date)))
    }

    fn closed_since(&self, at: Instant) -> Option<Instant> {
        let mut date = next(self.0.date_at(at));
        if self.openings(at).next().is_some_and(|opening| opening.open == at.millis()) {
            return None;
        }
        loop {
            let closes = self.0.rules.day(date).map(|o| o.close).filter(|close| *close <= at.millis());
            match closes.max() {
                Some(close) => return Some(Instant::from_millis(close)),
                None => date = date.pred_opt().unwrap(),
            }
        }
    }
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(self.0 >> 11) * u128::from(end.unsigned_abs())) >> 53) as i64
    }

    fn one_in(&mut self, n: i64) -> bool {
        self.below(n) == 0
    }

    /// Hours of a day in order, often over midnight on either side.
    fn hours(&mut self) -> Vec<String> {
        let mut edges: Vec<i64> = (0..2 * (1 + self.below(3))).map(|_| self.below(96) * 15).collect();
        edges.sort_unstable();
        edges.dedup();
        if self.one_in(3) {
            edges.insert(0, 0);
        }
        if self.one_in(3) {
            edges.push(1_440);
        }
        edges.dedup();
        let text = |minutes: i64| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        edges.chunks_exact(2).map(|edge| format!("{}-{}", text(edge[0]), text(edge[1]))).collect()
    }

    /// A calendar in `zone`, with exceptions around `date`.
    fn calendar(&mut self, zone: Tz, date: NaiveDate) -> Calendar {
        let mut weekly = serde_json::Map::new();
        for day in ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] {
            if !self.one_in(4) {
                weekly.insert(day.to_owned(), json!(self.hours()));
            }
        }
        weekly.insert("wed".into(), json!(["09:00-12:00", "13:00-18:00"]));
        let (mut off, mut open) = (Vec::new(), serde_json::Map::new());
        for date in date.iter_days().take(40).filter(|date| date.year() < 2_200) {
            match self.below(8) {
                0 => off.push(date.to_string()),
                1 => {
                    let hours = self.hours();
                    if !hours.is_empty() {
                        open.insert(date.to_string(), json!(hours));
                    }
                }
                _ => {}
            }
        }
        let file: Value = json!({
            "name": "random", "version": 1, "title": {"en": "Random", "zh": "随机"}, "zone": zone.name(),
            "weekly": weekly, "off": off, "open": open,
        });
        calendar(file)
    }

    /// An instant of the next 60 years, every second one hours from a change of `zone`'s clocks.
    fn instant(&mut self, zone: Tz) -> Instant {
        let at = Instant::from_millis(self.below(60 * 365) * DAY_MILLIS + self.below(DAY_MILLIS));
        if self.one_in(2) {
            return at;
        }
        let offset = |at: Instant| {
            use chrono::Offset;
            at.utc().with_timezone(&zone).offset().fix().local_minus_utc()
        };
        let months = (1..24).map(|month| at.plus_millis(month * 30 * DAY_MILLIS));
        let Some(after) = months.into_iter().find(|later| offset(*later) != offset(at)) else { return at };
        let (mut before, mut after) = (at, after);
        while after.since(before) > 1 {
            let middle = before.plus_millis(after.since(before) / 2);
            if offset(middle) == offset(at) { before = middle } else { after = middle }
        }
        after.plus_millis(self.below(30 * HOUR) - 26 * HOUR)
    }
}

/// R5, R6: in every zone, near its clock changes and a year away, tables answer as the walk does.
#[test]
fn tables_agree_with_a_walk_over_days_in_every_zone() {
    let mut numbers = Numbers(20_260_311);
    let mut points = 0;
    for zone in TZ_VARIANTS {
        for _ in 0..2 {
            let first = numbers.instant(zone);
            let date = first.utc().with_timezone(&zone).date_naive();
            let calendar = numbers.calendar(zone, date - chrono::Days::new(5));
            let walk = Walk(&calendar);
            for _ in 0..3 {
                let start = first.plus_millis(numbers.below(50 * HOUR));
                let near = if numbers.one_in(4) { 2_500 * HOUR } else { 60 * HOUR };
                let (millis, more) = (1 + numbers.below(near), numbers.below(60 * HOUR));
                let due = calendar.after(start, millis);
                let what = format!("{zone} {start} + {millis}");
                assert_eq!(due, walk.after(start, millis), "{what}");
                assert_eq!(calendar.elapsed(start, due), millis, "{what}");
                assert!(calendar.elapsed(start, due.plus_millis(-1)) < millis, "{what}");
                assert!(calendar.after(start, millis + more) >= due, "{what}");
                assert!(calendar.after(start.plus_millis(more), millis) >= due, "{what}");
                let later = start.plus_millis(more * 20);
                assert_eq!(calendar.elapsed(start, later), walk.elapsed(start, later), "{what}");
                let open = walk.openings(start).next().map(|opening| opening.open);
                assert_eq!(Some(calendar.next_open(start).millis()), open, "{what}");
                assert_eq!(calendar.closed_since(start), walk.closed_since(start), "{what}");
                let days = numbers.below(300) as u32;
                assert_eq!(calendar.working_day(start, days), walk.working_day(start, days), "{what}");
                let date = calendar.date_at(start.plus_millis(i64::from(days) * DAY_MILLIS));
                assert_eq!(calendar.close_of(date), walk.close_of(date), "{what}: {date}");
                points += 1;
            }
        }
    }
    assert!(points >= 3_000, "{points}");
}

/// What lets the table end: beyond the last dated exception a year is one of fourteen.
#[test]
fn no_zone_changes_its_clocks_after_the_last_dated_exception() {
    use chrono::{Offset, TimeZone};
    for zone in TZ_VARIANTS {
        let offset = |year, month| {
            let at = chrono::Utc.with_ymd_and_hms(year, month, 1, 0, 0, 0).unwrap();
            at.with_timezone(&zone).offset().fix()
        };
        let last = offset(2_199, 12);
        let later = (2_200..2_240).chain([3_000, 9_999]);
        let all = later.flat_map(|year| (1..=12).map(move |month| (year, month)));
        assert_eq!(all.into_iter().find(|(year, month)| offset(*year, *month) != last), None, "{zone}");
    }
}

#[test]
fn far_years_answer_as_the_walk_does() {
    let calendar = china();
    let walk = Walk(&calendar);
    for year in [2_190, 2_199, 2_200, 2_399, 2_400, 5_000, 9_985] {
        let start = Instant::parse(&format!("{year}-12-20T03:00:00Z")).unwrap();
        let end = start.plus_millis(500 * DAY_MILLIS);
        assert_eq!(calendar.elapsed(start, end), walk.elapsed(start, end), "{year}");
        assert_eq!(calendar.after(start, 3_000 * HOUR), walk.after(start, 3_000 * HOUR), "{year}");
        let date = calendar.working_day(start, 300);
        assert_eq!(date, walk.working_day(start, 300), "{year}");
        assert_eq!(calendar.close_of(date), walk.close_of(date), "{year}");
    }
    let all = calendar.elapsed(Instant::default(), Instant::from_millis(i64::MAX));
    let halves = [(0, 4_000_000), (4_000_000, i64::MAX / 1_000_000)]
        .map(|(from, to)| [from, to].map(|millions| Instant::from_millis(millions * 1_000_000)));
    assert_eq!(all, halves.iter().map(|[from, to]| calendar.elapsed(*from, *to)).sum::<i64>());
    let last = NaiveDate::from_ymd_opt(years::YEAR_MAX, 12, 31).unwrap();
    assert!(calendar.working_day(Instant::default(), u32::MAX) <= last, "held, not counted for ever");
}

#[test]
fn clones_share_their_table_and_equality_is_what_calendars_say() {
    let (one, other) = (china(), china());
    let copy = one.clone();
    copy.after(Instant::from_millis(1_773_194_400_000), HOUR);
    assert!(std::sync::Arc::ptr_eq(&one.years, &copy.years));
    assert!(format!("{:?}", one.years).contains("made: 1"), "{:?}", one.years);
    assert!(one == copy && one == other && one != new_york());
}
