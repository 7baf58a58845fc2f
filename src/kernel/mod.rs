//! Owns what the product means, without clock, I/O or randomness: same input, same output, byte for byte.

#[cfg(test)]
mod toy;

pub mod actor;
pub mod calendar;
pub mod canonical;
pub mod case;
pub mod common;
pub mod cron;
pub mod date;
pub mod definition;
pub mod diagram;
pub mod effect;
pub mod entry;
pub mod explore;
pub mod fact;
pub mod fault;
pub mod hash;
pub mod id;
pub mod instance;
pub mod instant;
pub mod kpi;
pub mod machine;
pub mod money;
pub mod outcome;
pub mod patch;
pub mod personal;
pub mod pointer;
pub mod schedule;
pub mod sla;
pub mod span;
pub mod step;
pub mod table;
pub mod title;
