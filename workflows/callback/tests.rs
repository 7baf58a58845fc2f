//! Owns the proof that the callback does what its specification says: rows, guards, clocks, policy.

mod answers;
mod contacts;
mod documents;
mod drive;
mod kpis;
mod laws;
mod plans;
mod rows;
