//! Owns the diagram as Mermaid text: `stateDiagram-v2` with nested superstates.

use std::fmt::Write as _;

use super::{Diagram, Language, Node, NodeKind};
use crate::kernel::explore::BEFORE_START;

/// The diagram as Mermaid text with titles in `language`; what stays in its state is left out.
pub fn write(diagram: &Diagram, language: Language) -> String {
    let mut text = String::from("stateDiagram-v2\n");
    for node in diagram.nodes.iter().filter(|node| node.parent.is_none()) {
        write_node(diagram, language, node, 1, &mut text);
    }
    for arrow in diagram.arrows() {
        let from = if arrow.from == BEFORE_START { "[*]".to_owned() } else { id(&arrow.from) };
        let causes: Vec<String> =
            arrow.causes.iter().map(|cause| escaped(language.of(&cause.title))).collect();
        line(&mut text, 1, &format!("{from} --> {} : {}", id(&arrow.to), causes.join(" / ")));
    }
    line(&mut text, 1, "classDef final stroke-width:4px");
    for node in diagram.nodes.iter().filter(|node| node.kind == NodeKind::Final) {
        line(&mut text, 1, &format!("class {} final", id(&node.id)));
    }
    text
}

fn write_node(diagram: &Diagram, language: Language, node: &Node, depth: usize, text: &mut String) {
    let head = format!("state \"{}\" as {}", escaped(language.of(&node.title)), id(&node.id));
    match node.kind {
        NodeKind::State | NodeKind::Final => line(text, depth, &head),
        NodeKind::Superstate => {
            line(text, depth, &format!("{head} {{"));
            let inside = diagram.nodes.iter().filter(|child| child.parent.as_deref() == Some(&node.id));
            for child in inside {
                write_node(diagram, language, child, depth + 1, text);
            }
            line(text, depth, "}");
        }
    }
}

fn line(text: &mut String, depth: usize, content: &str) {
    writeln!(text, "{:indent$}{content}", "", indent = depth * 4).expect("writing to a string cannot fail");
}

/// Dots separate nothing in Mermaid, but are no part of an id either.
fn id(path: &str) -> String {
    path.replace('.', "__")
}

/// `title` with everything that Mermaid might read as its own as a character code.
fn escaped(title: &str) -> String {
    let mut text = String::with_capacity(title.len());
    for letter in title.chars() {
        match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' | '_' | '-' | '.' | ',' | '(' | ')' | '/' | '?' | '!' => {
                text.push(letter);
            }
            letter if letter.is_control() => text.push(' '),
            letter if letter.is_ascii() => {
                write!(text, "#{};", u32::from(letter)).expect("writing to a string cannot fail");
            }
            letter => text.push(letter),
        }
    }
    text
}
