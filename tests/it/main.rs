//! The one integration-test binary: a file per subject.

mod import_real;
mod import_small;
