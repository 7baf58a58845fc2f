//! Owns the command line: a file per command, each with its arguments, its run and its text.

pub mod import;
