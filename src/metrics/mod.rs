//! Owns how numbers about the running server are counted and told, in Prometheus' text form.
//!
//! [`families`] lists every number once, with its name and help: the text is
//! written from it, and so is the README's table.
//!
//! # Why
//! Of the kept libraries, `prometheus-client` takes a lock for every value that a
//! histogram sees and `prometheus` a loop over a float, and both bring a second
//! `parking_lot` and `syn`; the writer's thread counts with two atomic additions
//! instead, and the text form is the sixty lines of [`text`].

pub mod families;
mod histogram;
pub mod process;
pub mod text;

pub use histogram::{BYTES, COMMITS, HTTP_SECONDS, Histogram, SECONDS, Scale, Seen};
pub use text::Text;

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one.
    pub fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were counted.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Replaces it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// As it was last set.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One more, until the answer is dropped.
    pub fn hold(&self) -> Held<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Held(self)
    }
}

/// One of what a [`Gauge`] counts.
#[derive(Debug)]
pub struct Held<'g>(&'g Gauge);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
