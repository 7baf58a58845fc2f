//! Owns how wide a text is, without a font at hand.

/// Width of `text` in the usual sans-serif fonts at `size`, rather a little too wide.
pub fn width(text: &str, size: f64) -> f64 {
    text.chars().map(em).sum::<f64>() * size
}

/// Width of one letter in parts of the font size, measured on Arial and DejaVu Sans.
fn em(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.32,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | ' ' | '-' => 0.40,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.92,
        'A'..='Z' | '_' | '&' => 0.70,
        ' '..='~' => 0.60,
        '\u{a0}'..='\u{10ff}' => 0.65,
        _ => 1.0,
    }
}

/// Appends `text` as XML character data or attribute value; what XML cannot hold is left out.
pub fn escape(text: &str, into: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            '\n' | '\t' => into.push(letter),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            _ => into.push(letter),
        }
    }
}

/// `text` as XML character data or attribute value.
pub fn escaped(text: &str) -> String {
    let mut into = String::with_capacity(text.len() + 8);
    escape(text, &mut into);
    into
}
