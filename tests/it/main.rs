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
mod import_real;
mod import_small;
mod kill;
mod openapi;
mod rig;
mod tour;
mod transitions;
