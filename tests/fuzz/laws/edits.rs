//! Owns small inputs that say how a large text is changed, so that a short input reaches deep into a valid file.
//!
//! Each line is `OFFSET DELETE TEXT`: at that byte (modulo the length, moved to a character's beginning)
//! so many bytes go, and the text comes, `\n` in it being a line's end.

/// Most edits that are applied: more of them leave nothing of the text.
const EDITS_MAX: usize = 32;

/// The text that an input stands for: itself, or `bases[…]` with edits where it begins with `~` and a digit.
pub fn text(input: &[u8], bases: &[&str]) -> Option<String> {
    let input = std::str::from_utf8(input).ok()?;
    let Some(edits) = input.strip_prefix('~') else { return Some(input.to_owned()) };
    let which = edits.chars().next()?.to_digit(10)? as usize;
    let mut text = (*bases.get(which % bases.len())?).to_owned();
    for edit in edits.lines().skip(1).take(EDITS_MAX) {
        let mut parts = edit.splitn(3, ' ');
        let (Some(Ok(at)), Some(Ok(delete))) =
            (parts.next().map(str::parse::<usize>), parts.next().map(str::parse::<usize>))
        else {
            continue;
        };
        let from = boundary(&text, at % (text.len() + 1));
        let to = boundary(&text, from.saturating_add(delete).min(text.len()));
        text.replace_range(from..to.max(from), &parts.next().unwrap_or_default().replace("\\n", "\n"));
    }
    Some(text)
}

fn boundary(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|place| text.is_char_boundary(*place)).unwrap_or_default()
}
