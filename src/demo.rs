//! Owns the demo.
