//! The `careflow` command.

use std::process::ExitCode;

/// sled gives memory back to it far better than to the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    careflow::cli::main()
}
