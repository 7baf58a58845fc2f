//! Owns randomness: salts, tokens and ids of requests that brought none.

use crate::kernel::hash::hex;

/// `bytes` random bytes as hex digits.
///
/// # Panics
/// Where the operating system gives no randomness: nothing secret can be made then.
#[expect(clippy::disallowed_methods, reason = "the one place where randomness enters")]
pub fn hex_of(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer).expect("the operating system gives randomness");
    hex(&buffer)
}
