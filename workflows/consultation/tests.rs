//! Owns the proof that the consultation does what its specification says: rows, guards, policy.

mod common;
mod documents;
mod drive;
mod guards;
mod rows;
mod timing;
