//! Owns the proof that the complaint does what its specification says: rows, guards, clocks, policy.

mod clocks;
mod documents;
mod drive;
mod guards;
mod kpis;
mod laws;
mod observed;
mod rows;
