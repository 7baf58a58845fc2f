//! Owns how definition files are read and checked: everything that is wrong in one report.
//!
//! [`yaml`] keeps the position of every key and value, [`schema`] finds what a JSON
//! Schema does not accept, [`report`] shows both as a compiler would.

mod clocks;
pub mod file;
pub mod report;
pub mod schema;
pub mod yaml;

#[cfg(test)]
mod tests;
