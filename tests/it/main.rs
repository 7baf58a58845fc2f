//! The one integration-test binary: a file per subject.

mod architecture;
mod basics;
mod rig;
