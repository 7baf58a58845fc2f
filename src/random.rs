//! Owns randomness: salts, tokens, ids of requests that brought none, and digests that nobody else can make.

use std::sync::LazyLock;

use crate::kernel::hash::{Hash, hex};

/// Bytes of this process's key.
const KEY_BYTES: usize = 32;
/// Known to nobody, and gone with the process.
static KEY: LazyLock<String> = LazyLock::new(|| hex_of(KEY_BYTES));

/// A digest of `text` under a key of this process: equal texts have equal digests until it ends, and
/// whoever has digests and guesses a text cannot tell whether the guess is right.
pub fn digest_of(text: &str) -> Hash {
    // On both sides, so that a digest is no beginning of a longer text's.
    Hash::of(&[KEY.as_bytes(), text.as_bytes(), KEY.as_bytes()])
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_same_within_the_process_and_no_plain_hash() {
        assert_eq!(digest_of("ann"), digest_of("ann"));
        assert_ne!(digest_of("ann"), digest_of("bo"));
        assert_ne!(digest_of("ann"), Hash::of(&[b"ann"]));
    }
}
