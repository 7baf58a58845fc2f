//! Owns what people read when files are refused: every finding with its position and source line.

use std::fmt;

use serde::Serialize;

/// Most characters of a source line that an excerpt shows.
const EXCERPT_CHARS_MAX: usize = 120;
/// Characters kept before the position where a line is longer than that.
const EXCERPT_LEAD: usize = 60;

/// The lines of `text` as YAML counts them: a carriage return ends one, alone and before a line feed.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('\r'))
}

/// One thing wrong in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file as it was named to the reader.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// JSON pointer of the value; empty for the whole file.
    pub path: String,
    /// What was refused and what would be accepted.
    pub message: String,
    /// The source line and a caret under the position.
    #[serde(skip)]
    excerpt: Option<Excerpt>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Excerpt {
    line: String,
    pad: String,
}

/// Everything wrong in one or several files, in the order of files and positions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The findings.
    pub items: Vec<Finding>,
}

impl Finding {
    /// A finding at `line` and `column` (both from 1) of `text`.
    pub fn new(file: &str, text: &str, (line, column): (usize, usize)) -> Self {
        let excerpt = lines(text).nth(line.saturating_sub(1)).map(|line| Excerpt::new(line, column));
        Self { file: file.to_owned(), line, column, path: String::new(), message: String::new(), excerpt }
    }

    /// The same finding about the value at `path`.
    #[must_use]
    pub fn about(self, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), ..self }
    }
}

impl Excerpt {
    fn new(line: &str, column: usize) -> Self {
        let before = column.saturating_sub(1);
        let skip =
            if line.chars().count() > EXCERPT_CHARS_MAX { before.saturating_sub(EXCERPT_LEAD) } else { 0 };
        let shown: String = line.chars().skip(skip).take(EXCERPT_CHARS_MAX).collect();
        // The pad takes as much room as the text above it: a tab for a tab, two columns for a wide character.
        let mut pad = String::new();
        for c in shown.chars().take(before - skip) {
            match c {
                '\t' => pad.push('\t'),
                c if is_wide(c) => pad.push_str("  "),
                _ => pad.push(' '),
            }
        }
        let line = shown.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
        Self { line, pad }
    }
}

/// Whether a terminal gives `c` two columns (East Asian wide and full-width blocks).
const fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{303e}' | '\u{3041}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}')
}

impl Report {
    /// The findings, sorted by file and position, each once.
    pub fn new(mut items: Vec<Finding>) -> Self {
        let key = |item: &Finding| (item.file.clone(), item.line, item.column, item.path.clone());
        items.sort_by_cached_key(key);
        items.dedup();
        Self { items }
    }

    /// Nothing when there is no finding, otherwise the report.
    ///
    /// # Errors
    /// The report itself.
    pub fn into_result(self) -> Result<(), Self> {
        if self.items.is_empty() { Ok(()) } else { Err(self) }
    }

    /// The findings of both.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.items.extend(other.items);
        Self::new(self.items)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for item in &self.items {
            writeln!(f, "{item}")?;
        }
        let count = self.items.len();
        write!(f, "{count} {}", if count == 1 { "error" } else { "errors" })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, path, message, excerpt } = self;
        write!(f, "{file}:{line}:{column}: ")?;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        writeln!(f, "{message}")?;
        if let Some(Excerpt { line: source, pad }) = excerpt {
            writeln!(f, "{line:>5} | {source}")?;
            writeln!(f, "      | {pad}^")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, place: (usize, usize)) -> String {
        Finding::new("a.yaml", text, place).about("/a", "is wrong").to_string()
    }

    #[test]
    fn a_finding_reads_like_a_compilers() {
        assert_eq!(
            shown("x: 1\na: bad\n", (2, 4)),
            "a.yaml:2:4: /a: is wrong\n    2 | a: bad\n      |    ^\n"
        );
    }

    #[test]
    fn the_caret_stands_under_chinese_text_and_after_tabs() {
        assert!(shown("标题: 错", (1, 5)).ends_with("    1 | 标题: 错\n      |       ^\n"));
        assert!(shown("a:\tbad", (1, 4)).ends_with("      |   \t^\n"));
    }

    #[test]
    fn a_carriage_return_ends_a_line_as_the_position_says() {
        for end in ["\r", "\r\n", "\n"] {
            let text = ["x: 1", "y: 2", "a: bad", ""].join(end);
            assert!(shown(&text, (3, 4)).ends_with("    3 | a: bad\n      |    ^\n"), "{end:?}");
        }
    }

    #[test]
    fn long_lines_are_cut_around_the_position() {
        let text = format!("{}!{}", "a".repeat(500), "b".repeat(500));
        let shown = shown(&text, (1, 501));
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines[1].len(), "    1 | ".len() + EXCERPT_CHARS_MAX);
        assert_eq!(lines[1].find('!'), lines[2].find('^'));
    }

    #[test]
    fn a_position_outside_the_text_shows_no_line() {
        assert_eq!(shown("", (1, 1)), "a.yaml:1:1: /a: is wrong\n");
        assert!(shown("ab", (1, 40)).ends_with("|   ^\n"));
    }

    #[test]
    fn findings_are_sorted_and_counted() {
        let at = |line| Finding::new("a.yaml", "x\ny\nz", (line, 1)).about("", format!("line {line}"));
        let report = Report::new(vec![at(3), at(1), at(2), at(1)]);
        assert_eq!(report.items.iter().map(|item| item.line).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(report.to_string().ends_with("\n3 errors"));
        assert!(Report::new(vec![at(1)]).to_string().ends_with("\n1 error"));
        assert_eq!(Report::default().into_result(), Ok(()));
    }

    #[test]
    fn the_json_form_has_no_excerpt() {
        let report = Report::new(vec![Finding::new("a.yaml", "a: b", (1, 4)).about("/a", "is wrong")]);
        assert_eq!(
            serde_json::to_value(&report).unwrap(),
            serde_json::json!({"items": [
                {"file": "a.yaml", "line": 1, "column": 4, "path": "/a", "message": "is wrong"}
            ]})
        );
    }
}
