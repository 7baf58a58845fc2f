//! Looks for inputs that break the law of `query`.

#![no_main]

#[path = "../laws/mod.rs"]
#[allow(dead_code, reason = "the others have binaries of their own")]
mod laws;

libfuzzer_sys::fuzz_target!(|input: &[u8]| laws::query::query(input));
