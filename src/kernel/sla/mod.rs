//! Owns SLA clocks: promised time, measured on a business calendar (R7–R11).
//!
//! `rule` is what a definition declares, `timing` the arithmetic of due times and pauses,
//! `fact` what an entry records of a clock, `state` what an instance keeps of it, and
//! [`evaluate`](fn@evaluate) what one step does to every clock of its instance, in the order
//! stop, cancel, pause or resume, start. `standing` says how a clock stands at a moment, `story`
//! what the history tells of one run and `explain` how its due came about, in words.
//!
//! # Why
//! A clock never changes a state and a machine never counts time: handlers only name what
//! happened ([`Cx::signal`](super::machine::Cx::signal)). The facts of the history are the
//! truth; state is those facts applied, so that live evaluation and replay cannot differ.

mod evaluate;
pub mod explain;
pub mod fact;
mod points;
pub mod rule;
pub mod standing;
pub mod state;
pub mod story;
#[cfg(test)]
mod tests;
pub mod timing;

pub use evaluate::{Moment, Next, due_event, evaluate};

/// Prefix of the timer that waits for the next point of a clock: `sla:FRT`.
pub const POINT_TIMER: &str = "sla:";
/// Prefix of the timer that ends a suspension of a clock: `resume:FRT`.
pub const RESUME_TIMER: &str = "resume:";

/// Whether a timer belongs to a clock and not to the machine.
pub fn is_clock_timer(timer: &str) -> bool {
    timer.starts_with(POINT_TIMER) || timer.starts_with(RESUME_TIMER)
}
