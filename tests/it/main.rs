//! The one integration-test binary: a file per subject.

mod architecture;
mod basics;
mod import_real;
mod import_small;
mod rig;
mod transitions;
