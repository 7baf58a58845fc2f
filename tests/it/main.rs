//! The one integration-test binary: a file per subject.

mod architecture;
mod basics;
mod cli_files;
mod cli_proof;
mod cli_rig;
mod cli_serve;
mod cli_token;
mod rig;
mod transitions;
mod tour;
