//! Owns what the tests of the training flows share.

pub(crate) mod drive;
