//! The `careflow` command.

fn main() {}
