//! The one integration-test binary: a file per subject.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be, helpers included")]

mod architecture;
mod basics;
mod canonical;
mod cli_files;
mod cli_proof;
mod cli_rig;
mod cli_serve;
mod cli_token;
mod conventions;
mod definitions;
mod import_real;
mod import_small;
mod kill;
mod kpis;
mod lists;
mod openapi;
mod problems;
mod reading;
mod recovery;
mod rig;
mod scenarios;
mod stored;
mod timers;
mod tour;
mod transitions;
mod twin;
