//! Owns the configuration: every value the server can be told, with its default, what is accepted, and why.

use std::path::PathBuf;

/// Where everything durable lies, unless told otherwise.
pub const DATA_DEFAULT: &str = "./careflow-data";
/// Where the server listens, unless told otherwise: this machine only.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:8080";

/// What a server runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Directory of journal and index; made where it does not exist.
    pub data: PathBuf,
    /// Directory with `*.yaml` definitions and calendars; shipped ones fill in for workflows and
    /// calendars that it does not name.
    pub definitions: Option<PathBuf>,
}

impl Config {
    /// The journal's directory.
    pub fn journal(&self) -> PathBuf {
        self.data.join("journal")
    }

    /// The index's directory.
    pub fn index(&self) -> PathBuf {
        self.data.join("index")
    }

    /// The socket for commands on this machine.
    pub fn control(&self) -> PathBuf {
        self.data.join("control.sock")
    }

    /// The ring of refused events.
    pub fn rejected(&self) -> PathBuf {
        self.data.join("rejected.jsonl")
    }
}

/// A number that an operator may turn; everything said of it is said here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knob {
    /// Name of the option of `serve`.
    pub flag: &'static str,
    /// Name of the environment variable.
    pub env: &'static str,
    /// Its unit, as help shows it.
    pub unit: &'static str,
    /// Unless told otherwise.
    pub default: u64,
    /// Least that is accepted.
    pub min: u64,
    /// Most that is accepted.
    pub max: u64,
    /// What it limits.
    pub what: &'static str,
    /// Why there is a limit, and why this one.
    pub why: &'static str,
}

macro_rules! knobs {
    ($( $constant:ident $field:ident $flag:literal $env:literal $unit:literal $default:literal [$min:literal, $max:literal] $what:literal, $why:literal; )*) => {
        $(
            #[doc = $what]
            pub const $constant: Knob = Knob {
                flag: $flag, env: $env, unit: $unit, default: $default, min: $min, max: $max, what: $what, why: $why,
            };
        )*

        /// Every knob, in the order of the help.
        pub const KNOBS: &[Knob] = &[$( $constant ),*];

        /// What the knobs of a server are turned to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Tuning {
            $( #[doc = $what] pub $field: u64, )*
        }

        impl Default for Tuning {
            fn default() -> Self {
                Self { $( $field: $constant.default, )* }
            }
        }
    };
}

knobs! {
    QUEUE_MAX queue_max "queue-max" "CAREFLOW_QUEUE_MAX" "COMMANDS" 4_096 [64, 65_536]
        "Commands that wait for the writer", "a few hundred milliseconds of its work; then 503 `busy` with `Retry-After`";
    BODY_BYTES_MAX body_bytes_max "body-bytes-max" "CAREFLOW_BODY_BYTES_MAX" "BYTES" 262_144 [65_536, 524_288]
        "Body of a request", "half of a commit, which is one line of the journal; then 413";
    BODY_WAIT body_wait "body-wait" "CAREFLOW_BODY_WAIT" "SECONDS" 10 [1, 300]
        "Wait for a body", "a slow sender holds a connection and its memory no longer; then 408";
    ANSWER_WAIT answer_wait "answer-wait" "CAREFLOW_ANSWER_WAIT" "SECONDS" 40 [31, 600]
        "Time for an answer", "over the 30 s that a reader of the feed may wait; then 504";
    HEAD_WAIT head_wait "head-wait" "CAREFLOW_HEAD_WAIT" "SECONDS" 30 [1, 3_600]
        "Idle connection", "the head of the next request is waited for so long: a pool of connections should be ready to open one anew";
    CONNECTIONS_MAX connections_max "connections-max" "CAREFLOW_CONNECTIONS_MAX" "CONNECTIONS" 1_024 [8, 65_536]
        "Open connections", "each may hold a body and an answer of a megabyte; further ones wait to be accepted";
    RATE_MAX rate_max "rate-max" "CAREFLOW_RATE_MAX" "REQUESTS" 10_000 [1, 1_000_000]
        "Requests a second of one caller", "more than one writer can commit, so that only a runaway loop meets it (two seconds' worth at once are let through); then 429";
    INDEX_CACHE index_cache "index-cache" "CAREFLOW_INDEX_CACHE" "MEBIBYTES" 128 [16, 65_536]
        "Page cache of the index", "holds the hot part of a hundred thousand cases; more helps where lists and histories reach far back";
    SCRUB_RATE scrub_rate "scrub-rate" "CAREFLOW_SCRUB_RATE" "KIBIBYTES" 800 [16, 1_048_576]
        "Bytes of the journal checked in the background each second", "a terabyte takes two weeks and nobody notices";
    END_DELAY end_delay "end-delay" "CAREFLOW_END_DELAY" "SECONDS" 0 [0, 600]
        "How long requests are taken after SIGTERM, with `/readyz` at 503", "the time that a load balancer needs to notice; a second signal ends it";
    DRAIN_WAIT drain_wait "drain-wait" "CAREFLOW_DRAIN_WAIT" "SECONDS" 2 [0, 600]
        "Wait for requests under way at the end", "commands take milliseconds; only a waiting reader of the feed is cut off";
}

impl Knob {
    /// What the help of `serve` says.
    pub fn help(&self) -> String {
        let Self { what, why, min, max, .. } = self;
        format!("{what}, {min} to {max}: {}", why.replace('`', ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_is_accepted_and_a_name_is_used_once() {
        for knob in KNOBS {
            assert!((knob.min..=knob.max).contains(&knob.default), "{knob:?}");
            assert_eq!(KNOBS.iter().filter(|other| other.flag == knob.flag).count(), 1, "{knob:?}");
            let env = format!("CAREFLOW_{}", knob.flag.replace('-', "_").to_uppercase());
            assert_eq!(env, knob.env);
        }
    }
}
