//! Owns the demo's scripts, by flow.

pub(super) mod callbacks;
pub(super) mod complaints;
pub(super) mod consultations;
pub(super) mod training;
