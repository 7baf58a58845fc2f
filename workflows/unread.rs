//! Owns the messages to a settled case that nobody has read yet: such a case is not archived.

/// Most messages that are remembered as unread: one is enough to keep a case from
/// being archived, and the history holds them all.
pub const UNCLASSIFIED_MAX: usize = 20;
/// Stands in the list for every unread message beyond [`UNCLASSIFIED_MAX`]; nobody classifies it,
/// so that such a case is never archived as read.
pub const FURTHER: &str = "*";

/// Remembers `message_ref` as unread.
pub fn remember(unread: &mut Vec<String>, message_ref: &str) {
    let known = unread.iter().any(|known| known == message_ref);
    if !known && unread.len() < UNCLASSIFIED_MAX {
        unread.push(message_ref.to_owned());
    } else if !known && unread.len() == UNCLASSIFIED_MAX {
        unread.push(FURTHER.to_owned());
    }
}

/// Forgets `message_ref`, which somebody has read; whether it was unread.
pub fn forget(unread: &mut Vec<String>, message_ref: &str) -> bool {
    let before = unread.len();
    unread.retain(|known| known != message_ref);
    unread.len() < before
}
