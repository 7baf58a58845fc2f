//! Rows of due times and open time, near and a year away.

use std::hint::black_box;

use careflow::kernel::calendar::Calendar;
use careflow::kernel::instant::Instant;
use careflow::kernel::span::Span;

use crate::table::{CALLS, median, row};

/// Prints the rows.
pub fn calendars(calendar: &Calendar) {
    let starts: Vec<Instant> =
        (0..CALLS).map(|n| Instant::from_millis(1_773_194_400_000 + i64::from(n) * 7_919_000)).collect();
    let sorted: Vec<i64> = (0..4_096).map(|n| 1_700_000_000_000 + n * 43_200_000).collect();
    let search = median(|n| {
        let at = starts[n as usize].millis();
        black_box(sorted.partition_point(|edge| *edge <= at));
    });
    let limit = "a search in 4,096 sorted numbers";
    for text in
        ["2 business hours", "3 working days", "7 calendar days", "2000 business hours", "250 working days"]
    {
        let span = Span::parse(text).expect("a span");
        let nanos = median(|n| {
            black_box(calendar.due(starts[n as usize], span));
        });
        row(&format!("due after {text}"), nanos, limit, search);
    }
    for (text, days) in [("a day", 1), ("a year", 365)] {
        let nanos = median(|n| {
            let from = starts[n as usize];
            black_box(calendar.elapsed(from, from.plus_millis(days * 86_400_000)));
        });
        row(&format!("open time of {text}"), nanos, limit, search);
    }
}
