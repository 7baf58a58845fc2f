//! The one integration-test binary: a file per subject.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be, helpers included")]

mod again;
mod again_training;
mod architecture;
mod basics;
mod browser;
mod calendars;
mod canonical;
mod cli_calendar;
mod cli_files;
mod cli_proof;
mod cli_rig;
mod cli_schedule;
mod cli_serve;
mod cli_token;
mod clocks;
mod console;
mod conventions;
mod cron;
mod definitions;
mod fuzzing;
mod history_search;
mod import_real;
mod import_small;
mod kill;
mod kpis;
#[path = "../fuzz/laws/mod.rs"]
mod laws;
mod lists;
mod monitors;
#[path = "../../workflows/naive/mod.rs"]
mod naive;
mod openapi;
mod operations;
#[path = "../organisation/mod.rs"]
mod organisation;
mod problems;
mod prometheus;
mod readiness;
mod reading;
mod recovery;
mod reports;
mod request_logs;
mod rig;
mod rows;
mod scenarios;
mod scenarios_callback;
mod scenarios_complaint;
mod schedule_files;
mod schedules;
mod sla;
mod stored;
mod timers;
mod torture;
mod tour;
mod training;
mod training_rows;
mod transitions;
mod transitions_callback;
mod transitions_complaint;
mod twin;
mod virtual_year;

/// What the numbers of `naive` are computed with.
use careflow::kernel;
