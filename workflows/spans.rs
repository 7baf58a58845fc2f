//! Owns what policies ask of several durations together: one kind, and in order.

use crate::kernel::fault::Fault;
use crate::kernel::span::Span;

/// The seconds of a span that counts time and not days.
pub fn seconds(span: Span) -> Option<u32> {
    match span {
        Span::Business(seconds) | Span::Wall(seconds) => Some(seconds.get()),
        Span::WorkingDays(_) | Span::CalendarDays(..) => None,
    }
}

/// Whether `span` is shorter than `other`, where both count time.
pub fn shorter(span: Span, other: Span) -> bool {
    seconds(span).zip(seconds(other)).is_some_and(|(span, other)| span < other)
}

/// Reminders come one after the other and before the end; working days compare with working days only.
pub fn rising_days(group: &str, rows: &[(String, Span)], faults: &mut Vec<Fault>) {
    let mut last = 0;
    for (key, span) in rows {
        let path = format!("{group}/{key}");
        match span {
            Span::WorkingDays(days) if days.get() > last => last = days.get(),
            Span::WorkingDays(_) => {
                let message = format!("`{span}` is too soon; accepted are more than {last} working days");
                faults.push(Fault::value(path, message));
            }
            Span::Business(_) | Span::CalendarDays(..) | Span::Wall(_) => {
                faults.push(Fault::value(path, format!("`{span}` is refused; accepted are working days")));
            }
        }
    }
}
