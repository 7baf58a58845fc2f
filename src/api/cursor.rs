//! Owns where a list goes on: an opaque text that holds the last row looked at and what it was made for.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::error::{ApiError, Code};
use crate::kernel::entry::Position;
use crate::kernel::hash::Hash;
use crate::kernel::id::InstanceId;
use crate::kernel::instant::Instant;

/// Separates the parts of a cursor; stands in none of them.
const SEPARATOR: char = '|';

/// The cursor after the row of `id` at `at` of a list with these `filters`.
pub fn make(filters: &str, at: Instant, id: &InstanceId) -> String {
    sealed(filters, &format!("{}{SEPARATOR}{id}", at.millis()))
}

/// The row that `cursor` stands after.
///
/// # Errors
/// `invalid_cursor`: it was not made by [`make`] with the same `filters`.
pub fn read(filters: &str, cursor: &str) -> Result<(Instant, InstanceId), ApiError> {
    let text = opened(filters, cursor)?;
    let parts = text.split_once(SEPARATOR);
    let row = parts.and_then(|(at, id)| Some((at.parse().ok()?, InstanceId::parse(id).ok()?)));
    row.map(|(at, id)| (Instant::from_millis(at), id)).ok_or_else(refused)
}

/// The cursor of a search with these `filters` that goes on at the commit at `position`.
pub fn make_at(filters: &str, position: Position) -> String {
    sealed(filters, &position.to_string())
}

/// The position at which a search goes on.
///
/// # Errors
/// `invalid_cursor`: it was not made by [`make_at`] with the same `filters`.
pub fn read_at(filters: &str, cursor: &str) -> Result<Position, ApiError> {
    opened(filters, cursor)?.parse().map_err(|_| refused())
}

fn sealed(filters: &str, place: &str) -> String {
    let text = format!("{place}{SEPARATOR}{}", Hash::of(&[filters.as_bytes()]).short());
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

fn opened(filters: &str, cursor: &str) -> Result<String, ApiError> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
    let text = String::from_utf8(bytes).map_err(|_| refused())?;
    let (place, hash) = text.rsplit_once(SEPARATOR).ok_or_else(refused)?;
    if hash != Hash::of(&[filters.as_bytes()]).short() {
        return Err(refused());
    }
    Ok(place.to_owned())
}

fn refused() -> ApiError {
    let detail = "the cursor was not made by this list with these filters; start again without it";
    ApiError::new(Code::InvalidCursor, detail)
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

    #[test]
    fn a_place_in_a_search_is_no_row_of_a_list() {
        let cursor = make_at("actor=ann", 4711);
        assert_eq!(read_at("actor=ann", &cursor).unwrap(), 4711);
        assert_eq!(read_at("actor=bo", &cursor).unwrap_err().code(), Code::InvalidCursor);
        assert_eq!(read("actor=ann", &cursor).unwrap_err().code(), Code::InvalidCursor);
        let row = make("actor=ann", Instant::from_millis(1), &InstanceId::derive("c-1", &["a"]));
        assert_eq!(read_at("actor=ann", &row).unwrap_err().code(), Code::InvalidCursor);
    }
}
