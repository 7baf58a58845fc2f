//! Owns the proof that the consultation does what its specification says: rows, guards, policy.

mod clocks;
mod common;
mod documents;
mod drive;
mod guards;
mod kpis;
mod laws;
mod observed;
mod rows;
mod timing;
