//! Owns how progress is shown: a bar where somebody watches, a line every few seconds otherwise.
//!
//! Only on standard error: standard output is the command's answer.

use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The bars that are shown, one below the other.
static BARS: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));

/// Pause between two lines where nobody watches a bar.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    /// Commits of the journal.
    Commits,
    /// Bytes.
    Bytes,
    /// Steps of the demo, or rows of a log, once for each of their times.
    Steps,
    /// Rounds of a torture.
    Rounds,
    /// Seconds.
    Seconds,
}

/// One running count.
pub struct Progress {
    what: &'static str,
    unit: Unit,
    bar: Option<ProgressBar>,
    /// When the last line was printed.
    line: Mutex<Instant>,
}

impl Progress {
    /// A count called `what` (`building the index`); nothing is shown before the first [`Progress::set`].
    pub fn new(what: &'static str, unit: Unit) -> Self {
        let bar = (!BARS.is_hidden()).then(|| {
            let bar = BARS.add(ProgressBar::no_length());
            bar.set_style(style(unit));
            bar.set_message(what);
            bar
        });
        Self { what, unit, bar, line: Mutex::new(Instant::now()) }
    }

    /// Says that `done` of `of` are done.
    pub fn set(&self, done: u64, of: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(of);
            bar.set_position(done);
            return;
        }
        // A panic while a line was printed leaves a time: nothing to repair.
        let mut line = self.line.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if line.elapsed() >= LINE_EVERY {
            *line = Instant::now();
            eprintln!("{}: {done} of {of} {}", self.what, self.unit.name());
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Commits => "commits",
            Self::Bytes => "bytes",
            Self::Steps => "steps",
            Self::Rounds => "rounds",
            Self::Seconds => "seconds",
        }
    }
}

fn style(unit: Unit) -> ProgressStyle {
    let template = match unit {
        Unit::Commits => "{msg} {wide_bar} {human_pos} of {human_len} commits, {eta} left",
        Unit::Steps => "{msg} {wide_bar} {human_pos} of {human_len} steps, {eta} left",
        Unit::Rounds => "{msg} {wide_bar} {human_pos} of {human_len} rounds, {eta} left",
        Unit::Seconds => "{msg} {wide_bar} {human_pos} of {human_len} seconds",
        Unit::Bytes => "{msg} {wide_bar} {binary_bytes} of {binary_total_bytes}, {eta} left",
    };
    ProgressStyle::with_template(template).expect("the templates are constants that indicatif reads")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_readable() {
        for unit in [Unit::Commits, Unit::Bytes, Unit::Steps, Unit::Rounds, Unit::Seconds] {
            style(unit);
        }
    }
}
