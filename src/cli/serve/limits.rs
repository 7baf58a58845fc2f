//! Owns the limits of a server: those that an operator may turn, as options of `serve`, and the fixed ones.
//!
//! The README's table is made of both.

use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::api::Limits;
use crate::cli::failure::Failure;
use crate::config::{self, KNOBS, Knob, Tuning};

/// File handles beside those of connections: journal, index, listeners, the runtime.
const OTHER_FILES: u64 = 128;

/// What an operator may turn.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    #[arg(long, env = config::QUEUE_MAX.env, value_name = config::QUEUE_MAX.unit, default_value_t = config::QUEUE_MAX.default, value_parser = accepted(config::QUEUE_MAX), help = config::QUEUE_MAX.help())]
    queue_max: u64,
    #[arg(long, env = config::BODY_BYTES_MAX.env, value_name = config::BODY_BYTES_MAX.unit, default_value_t = config::BODY_BYTES_MAX.default, value_parser = accepted(config::BODY_BYTES_MAX), help = config::BODY_BYTES_MAX.help())]
    body_bytes_max: u64,
    #[arg(long, env = config::BODY_WAIT.env, value_name = config::BODY_WAIT.unit, default_value_t = config::BODY_WAIT.default, value_parser = accepted(config::BODY_WAIT), help = config::BODY_WAIT.help())]
    body_wait: u64,
    #[arg(long, env = config::ANSWER_WAIT.env, value_name = config::ANSWER_WAIT.unit, default_value_t = config::ANSWER_WAIT.default, value_parser = accepted(config::ANSWER_WAIT), help = config::ANSWER_WAIT.help())]
    answer_wait: u64,
    #[arg(long, env = config::HEAD_WAIT.env, value_name = config::HEAD_WAIT.unit, default_value_t = config::HEAD_WAIT.default, value_parser = accepted(config::HEAD_WAIT), help = config::HEAD_WAIT.help())]
    head_wait: u64,
    #[arg(long, env = config::CONNECTIONS_MAX.env, value_name = config::CONNECTIONS_MAX.unit, default_value_t = config::CONNECTIONS_MAX.default, value_parser = accepted(config::CONNECTIONS_MAX), help = config::CONNECTIONS_MAX.help())]
    connections_max: u64,
    #[arg(long, env = config::RATE_MAX.env, value_name = config::RATE_MAX.unit, default_value_t = config::RATE_MAX.default, value_parser = accepted(config::RATE_MAX), help = config::RATE_MAX.help())]
    rate_max: u64,
    #[arg(long, env = config::INDEX_CACHE.env, value_name = config::INDEX_CACHE.unit, default_value_t = config::INDEX_CACHE.default, value_parser = accepted(config::INDEX_CACHE), help = config::INDEX_CACHE.help())]
    index_cache: u64,
    #[arg(long, env = config::SCRUB_RATE.env, value_name = config::SCRUB_RATE.unit, default_value_t = config::SCRUB_RATE.default, value_parser = accepted(config::SCRUB_RATE), help = config::SCRUB_RATE.help())]
    scrub_rate: u64,
    #[arg(long, env = config::END_DELAY.env, value_name = config::END_DELAY.unit, default_value_t = config::END_DELAY.default, value_parser = accepted(config::END_DELAY), help = config::END_DELAY.help())]
    end_delay: u64,
    #[arg(long, env = config::DRAIN_WAIT.env, value_name = config::DRAIN_WAIT.unit, default_value_t = config::DRAIN_WAIT.default, value_parser = accepted(config::DRAIN_WAIT), help = config::DRAIN_WAIT.help())]
    drain_wait: u64,
}

/// What clap takes for a knob; its error says the range.
fn accepted(knob: Knob) -> RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(knob.min..=knob.max)
}

impl LimitArgs {
    /// The tuning, where its values fit each other.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub fn tuning(&self) -> Result<Tuning, Failure> {
        let Self { queue_max, body_bytes_max, body_wait, answer_wait, head_wait, connections_max, .. } =
            *self;
        let Self { rate_max, index_cache, scrub_rate, end_delay, drain_wait, .. } = *self;
        if body_wait >= answer_wait {
            return Err(Failure::Usage(format!(
                "`--body-wait {body_wait}` leaves no time for an answer; accepted is less than `--answer-wait {answer_wait}`"
            )));
        }
        Ok(Tuning {
            queue_max,
            body_bytes_max,
            body_wait,
            answer_wait,
            head_wait,
            connections_max,
            rate_max,
            index_cache,
            scrub_rate,
            end_delay,
            drain_wait,
        })
    }
}

/// What requests and connections may take.
pub fn of_requests(tuning: &Tuning) -> Limits {
    let seconds = Duration::from_secs;
    // The knobs' ranges are far below what these hold.
    let small = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    Limits {
        body_bytes_max: small(tuning.body_bytes_max),
        body_wait: seconds(tuning.body_wait),
        answer_wait: seconds(tuning.answer_wait),
        rate_per_second: u32::try_from(tuning.rate_max).unwrap_or(u32::MAX),
        head_wait: seconds(tuning.head_wait),
        connections_max: small(tuning.connections_max),
        drain_wait: seconds(tuning.drain_wait),
    }
}

/// Asks for file handles for so many connections; warns where the system gives fewer.
pub fn make_room(connections: u64) {
    let needed = connections + OTHER_FILES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(now) = current.filter(|now| *now < needed) else { return };
    let asked = maximum.map_or(needed, |maximum| maximum.min(needed));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(asked), maximum }).is_ok();
    let got = if raised { asked } else { now };
    if got < needed {
        tracing::warn!(
            "this process may open {got} files, {needed} are needed for --connections-max {connections}: raise `ulimit -n`"
        );
    }
}

/// One limit that is part of a format or of the API, and so the same everywhere.
struct Fixed {
    what: &'static str,
    limit: String,
    why: &'static str,
}

fn fixed() -> Vec<Fixed> {
    use crate::{api, definition, engine, index, journal, kernel};
    let row = |what, limit: String, why| Fixed { what, limit, why };
    let kib = |bytes: usize| format!("{} KiB", bytes / 1024);
    vec![
        row(
            "One commit",
            format!(
                "{}, {} entries, {} children",
                kib(journal::LINE_BYTES_MAX),
                journal::COMMIT_ENTRIES_MAX,
                engine::plan::CHILDREN_MAX
            ),
            "one line of the journal, read as a whole; more children start in the commits after it",
        ),
        row(
            "Commits that share a sync",
            thousands(journal::GROUP_COMMITS_MAX as u64),
            "what recovery may have to cut at most",
        ),
        row(
            "Page of a list",
            format!(
                "{} rows, {} rows looked at",
                api::lists::PAGE_MAX,
                thousands(index::PAGE_SCAN_MAX as u64)
            ),
            "a short page with `next_cursor` is normal",
        ),
        row(
            "Page of a search of histories",
            format!(
                "{} entries, {} commits looked at",
                api::lists::PAGE_MAX,
                thousands(engine::search::COMMITS_MAX as u64)
            ),
            "there is no index for it; a page without entries and with `next_cursor` is normal",
        ),
        row(
            "Page of the feed",
            format!("{} entries, {} s of waiting", api::changes::CHANGES_MAX, api::changes::WAIT_SECONDS_MAX),
            "about a megabyte; under the idle limit of common proxies",
        ),
        row(
            "Head of a request",
            format!("{}, {} headers", kib(api::server::HEAD_BYTES_MAX), api::server::HEADERS_MAX),
            "far over any head of ours",
        ),
        row(
            "`Idempotency-Key`",
            format!("{} characters", api::extract::KEY_LENGTH_MAX),
            "room for two UUIDs and a name",
        ),
        row(
            "`X-Request-Id`",
            format!("{} characters", api::request::REQUEST_ID_MAX),
            "stands in histories and logs; a longer or stranger one is replaced",
        ),
        row(
            "Writes that wait for the index's files",
            thousands(index::sled::BACKLOG_WRITES_MAX as u64),
            "some seconds of its work; then the writer waits",
        ),
        row(
            "Ring of refused events",
            format!("{} MiB", crate::rejected::Ring::BYTES_MAX / 1024 / 1024),
            "a few days of a busy desk; no evidence",
        ),
        row(
            "Schedules of a definition",
            kernel::schedule::SCHEDULES_MAX.to_string(),
            "each is looked at when a server starts",
        ),
        row(
            "Ended runs of a clock in an instance's record",
            kernel::sla::state::ENDED_MAX.to_string(),
            "older ones are counted; the history holds them all",
        ),
        row(
            "Pieces of an explanation",
            kernel::sla::explain::PIECES_MAX.to_string(),
            "longer derivations are told in one sum",
        ),
        row("Definition or calendar file", kib(definition::yaml::DOCUMENT_BYTES_MAX), "stands in one commit"),
    ]
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let head = digits.len() % 3;
    let groups =
        [&digits[..head]].into_iter().chain((head..digits.len()).step_by(3).map(|at| &digits[at..at + 3]));
    groups.filter(|group| !group.is_empty()).collect::<Vec<_>>().join(",")
}

/// The table of limits in Markdown, for the README.
pub fn table() -> String {
    let mut text =
        String::from("| what | default | accepted | why | option of `serve` |\n|---|---|---|---|---|\n");
    for Knob { flag, unit, default, min, max, what, why, .. } in KNOBS {
        let (default, min, max) = (thousands(*default), thousands(*min), thousands(*max));
        let unit = unit.to_lowercase();
        text.push_str(&format!("| {what} | {default} {unit} | {min} to {max} | {why} | `--{flag}` |\n"));
    }
    for Fixed { what, limit, why } in fixed() {
        text.push_str(&format!("| {what} | {limit} | fixed | {why} | |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        limits: LimitArgs,
    }

    fn tuned(arguments: &[&str]) -> Result<Tuning, String> {
        let matches = Only::command().try_get_matches_from([&["serve"], arguments].concat());
        let only = matches.and_then(|matches| Only::from_arg_matches(&matches)).map_err(|e| e.to_string())?;
        only.limits.tuning().map_err(|failure| failure.to_string())
    }

    #[test]
    fn every_knob_is_an_option_with_its_variable_default_and_reason() {
        let command = Only::command();
        for knob in KNOBS {
            let found = command.get_arguments().find(|argument| argument.get_long() == Some(knob.flag));
            let option = found.unwrap_or_else(|| panic!("there is no --{}", knob.flag));
            assert_eq!(option.get_env().and_then(|env| env.to_str()), Some(knob.env));
            assert_eq!(option.get_default_values(), [knob.default.to_string().as_str()]);
            assert_eq!(option.get_help().map(ToString::to_string), Some(knob.help()));
        }
        assert_eq!(tuned(&[]).unwrap(), Tuning::default());
    }

    #[test]
    fn a_value_outside_its_range_is_refused_with_the_range() {
        for knob in KNOBS {
            let flag = format!("--{}", knob.flag);
            for value in [knob.min.checked_sub(1), Some(knob.max + 1)].into_iter().flatten() {
                let refused = tuned(&[&flag, &value.to_string()]).unwrap_err();
                assert!(refused.contains(&format!("{}..={}", knob.min, knob.max)), "{refused}");
            }
        }
        assert_eq!(tuned(&["--queue-max", "64"]).unwrap().queue_max, 64);
    }

    #[test]
    fn a_body_must_be_in_before_the_answer_is_due() {
        let refused = tuned(&["--body-wait", "60"]).unwrap_err();
        assert!(refused.contains("less than `--answer-wait 40`"), "{refused}");
        assert!(tuned(&["--body-wait", "60", "--answer-wait", "120"]).is_ok());
    }

    #[test]
    fn the_defaults_are_those_of_the_parts_they_are_for() {
        let (limits, tuning) = (of_requests(&Tuning::default()), Tuning::default());
        let own = Limits::default();
        assert_eq!((limits.body_bytes_max, limits.body_wait), (own.body_bytes_max, own.body_wait));
        assert_eq!((limits.answer_wait, limits.head_wait), (own.answer_wait, own.head_wait));
        assert_eq!(
            (limits.connections_max, limits.rate_per_second),
            (own.connections_max, own.rate_per_second)
        );
        assert_eq!(tuning.queue_max, crate::engine::QUEUE_MAX as u64);
        assert_eq!(tuning.index_cache * 1024 * 1024, crate::index::sled::Options::default().cache_bytes);
    }

    #[test]
    fn long_numbers_are_told_in_groups() {
        assert_eq!(
            ["0", "64", "4,096", "262,144", "1,000,000"].map(str::to_owned),
            [0, 64, 4_096, 262_144, 1_000_000].map(thousands)
        );
    }
}
