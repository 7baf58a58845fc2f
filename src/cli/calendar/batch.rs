//! Owns many questions at once: a JSON object a line in, a JSON object a line out, in order.

use std::io::{BufRead, Read as _, Write};

use serde_json::json;

use super::Shelf;
use super::answer::{Answer as _, Pieces, Question};
use crate::cli::failure::Failure;

/// Longest line: a question has under 200 bytes.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// How many questions there were, and how many got an error.
pub(super) struct Answered {
    pub(super) questions: u64,
    pub(super) refused: u64,
}

/// Answers every line of `input`; empty lines are passed over.
pub(super) fn run<Q: Question>(
    shelf: &Shelf,
    pieces: Pieces,
    input: &mut impl BufRead,
    out: &mut impl Write,
) -> Result<Answered, Failure> {
    let mut answered = Answered { questions: 0, refused: 0 };
    let mut number: u64 = 0;
    while let Some(line) = next_line(input)? {
        number += 1;
        if line.as_ref().is_ok_and(|line| line.trim_ascii().is_empty()) {
            continue;
        }
        answered.questions += 1;
        let answer = line.and_then(|line| answer::<Q>(shelf, pieces, &line));
        let answer = answer.unwrap_or_else(|reason| {
            answered.refused += 1;
            json!({ "line": number, "error": reason })
        });
        writeln!(out, "{answer}")?;
    }
    Ok(answered)
}

fn answer<Q: Question>(shelf: &Shelf, pieces: Pieces, line: &[u8]) -> Result<serde_json::Value, String> {
    let question: Q = serde_json::from_slice(line)
        .map_err(|error| format!("this is no question that is accepted: {error}"))?;
    let calendar = shelf.calendar(question.calendar())?;
    Ok(question.answer(calendar, pieces)?.json())
}

/// The next line, or why it is not read; none at the end.
fn next_line(input: &mut impl BufRead) -> Result<Option<Result<Vec<u8>, String>>, Failure> {
    let unreadable = |error| Failure::Directory(format!("standard input cannot be read: {error}"));
    let mut line = Vec::new();
    let read = input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(unreadable)?;
    if read == 0 {
        return Ok(None);
    }
    if read as u64 == LINE_BYTES_MAX && line.last() != Some(&b'\n') {
        input.skip_until(b'\n').map_err(unreadable)?;
        return Ok(Some(Err(format!("the line is too long; accepted are at most {LINE_BYTES_MAX} bytes"))));
    }
    Ok(Some(Ok(line)))
}
