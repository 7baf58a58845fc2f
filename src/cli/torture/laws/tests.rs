//! Forged histories.
