//! Owns where a list goes on: an opaque text that holds the last row looked at and what it was made for.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::error::{ApiError, Code};
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;

/// Separates the parts of a cursor; stands in none of them.
const SEPARATOR: char = '|';

/// The cursor after the row of `id` at `at` of a list with these `filters`.
pub fn make(filters: &str, at: Instant, id: &InstanceId) -> String {
    let text =
        format!("{}{SEPARATOR}{id}{SEPARATOR}{}", at.millis(), Hash::of(&[filters.as_bytes()]).short());
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// The row that `cursor` stands after.
///
/// # Errors
/// `invalid_cursor`: it was not made by [`make`] with the same `filters`.
pub fn read(filters: &str, cursor: &str) -> Result<(Instant, InstanceId), ApiError> {
    let refused = || {
        let detail = "the cursor was not made by this list with these filters; start again without it";
        ApiError::new(Code::InvalidCursor, detail)
    };
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
    let text = String::from_utf8(bytes).map_err(|_| refused())?;
    let mut parts = text.split(SEPARATOR);
    let (Some(at), Some(id), Some(hash), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(refused());
    };
    if hash != Hash::of(&[filters.as_bytes()]).short() {
        return Err(refused());
    }
    let at = at.parse().map_err(|_| refused())?;
    let id = InstanceId::parse(id).map_err(|_| refused())?;
    Ok((Instant::from_millis(at), id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_with_its_own_filters_only() {
        let id = InstanceId::derive("c-1", &["a"]);
        let at = Instant::from_millis(1_773_223_200_000);
        let cursor = make("owner=u1", at, &id);
        assert_eq!(read("owner=u1", &cursor).unwrap(), (at, id));
        for (filters, cursor) in [("owner=u2", cursor.as_str()), ("owner=u1", "x"), ("owner=u1", "")] {
            assert_eq!(read(filters, cursor).unwrap_err().code(), Code::InvalidCursor);
        }
    }
}
