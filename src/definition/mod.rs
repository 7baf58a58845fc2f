//! Owns how definition files are read and checked: everything that is wrong in one report.
//!
//! [`yaml`] keeps the position of every key and value, [`schema`] finds what a JSON
//! Schema does not accept, [`schedules`] what no schema says of them, [`report`] shows all as a
//! compiler would.

mod clocks;
pub mod file;
pub mod report;
pub mod schedules;
pub mod schema;
pub mod yaml;

#[cfg(test)]
mod tests;
