use super::drawing::Rect;
use super::{Arrow, Badge, Cause, Diagram, Drawing, Edge, Language, Mark, Node, NodeKind, Taken, mermaid};
use crate::kernel::explore::BEFORE_START;
use crate::kernel::explore::cover::holds;
use crate::kernel::title::Title;
use crate::kernel::toy::{World, title};

/// A title that tries to be more than text wherever it is shown.
const HOSTILE: &str = "\"]<script>alert('x')</script>&amp;\n} state --> [*] : %%{init}%% #quot; \u{0}\u{1b}";

fn diagram() -> Diagram {
    let world = World::new();
    Diagram::of(&world.explorer().explore(), &world.definition)
}

fn hostile() -> Diagram {
    let mut world = World::new();
    let hostile = title(HOSTILE, HOSTILE);
    world.definition.title = hostile.clone();
    for title in world.definition.states.values_mut().chain(world.definition.events.values_mut()) {
        title.clone_from(&hostile);
    }
    Diagram::of(&world.explorer().explore(), &world.definition)
}

/// Superstates `a` and `b`, `a.in` in the first, each leaf with an arrow to each other: more than any flow has.
fn dense() -> Diagram {
    let path = |path: &str| {
        let kind = match path {
            "a" | "b" | "a.in" => NodeKind::Superstate,
            _ => NodeKind::State,
        };
        let parent = path.rsplit_once('.').map(|(parent, _)| parent.to_owned());
        let title = title(&format!("State {path}"), path);
        Node { id: path.into(), parent, title, kind, reached: true, stays: Vec::new() }
    };
    let nodes = ["a", "a.in", "a.in.one", "a.in.two", "a.three", "b", "b.four", "b.five", "six"].map(path);
    let leaves: Vec<&Node> = nodes.iter().filter(|node| node.kind == NodeKind::State).collect();
    let mut edges = vec![edge(BEFORE_START, "a.in.one", "begin")];
    for (number, from) in leaves.iter().enumerate() {
        for to in leaves.iter().filter(|to| to.id != from.id) {
            edges.push(edge(&from.id, &to.id, &format!("event {number}")));
        }
    }
    Diagram { workflow: "dense", title: title("Dense", "密"), nodes: nodes.to_vec(), edges }
}

fn edge(from: &str, to: &str, event: &str) -> Edge {
    let cause = Cause { event: event.into(), title: title(event, event), rules: vec!["1"] };
    Edge { from: from.into(), to: to.into(), causes: vec![cause] }
}

fn events(arrow: &Arrow) -> Vec<&str> {
    arrow.causes.iter().map(|cause| cause.event.as_str()).collect()
}

fn overlap(one: &Rect, other: &Rect) -> bool {
    one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom
}

fn within(outer: &Rect, inner: &Rect) -> bool {
    outer.left <= inner.left
        && outer.top <= inner.top
        && outer.right >= inner.right
        && outer.bottom >= inner.bottom
}

/// Nothing covers anything else, and everything is where it belongs.
fn check_places(drawing: &Drawing) {
    let paper = Rect { left: 0.0, top: 0.0, right: drawing.width, bottom: drawing.height };
    for (number, shape) in drawing.shapes.iter().enumerate() {
        let id = &shape.node.id;
        assert!(within(&paper, &shape.rect), "{id} stands outside of the picture");
        for other in &drawing.shapes[number + 1..] {
            let other_id = &other.node.id;
            if holds(id, other_id) {
                assert!(within(&shape.rect, &other.rect), "{other_id} stands outside of {id}");
            } else {
                assert!(!overlap(&shape.rect, &other.rect), "{id} and {other_id} overlap");
            }
        }
    }
    let states = || drawing.shapes.iter().filter(|shape| shape.node.kind != NodeKind::Superstate);
    for (number, line) in drawing.lines.iter().enumerate() {
        let name = format!("{} -> {}", line.arrow.from, line.arrow.to);
        assert!(within(&paper, &line.label), "the label of {name} stands outside of the picture");
        assert!(line.points.iter().all(|p| p.x.is_finite() && p.y.is_finite()), "{name} leads nowhere");
        for shape in states() {
            assert!(!overlap(&shape.rect, &line.label), "the label of {name} covers {}", shape.node.id);
        }
        for other in &drawing.lines[number + 1..] {
            assert!(!overlap(&other.label, &line.label), "the label of {name} covers {:?}", other.arrow);
        }
    }
}

#[test]
fn diagram_of_the_toy_as_data() {
    insta::assert_json_snapshot!(diagram());
}

#[test]
fn picture_of_the_toy() {
    insta::assert_snapshot!(Drawing::new(&diagram(), Language::En).svg(&Mark::default()));
}

#[test]
fn mermaid_text_of_the_toy() {
    insta::assert_snapshot!(mermaid::write(&diagram(), Language::Zh));
}

#[test]
fn what_all_states_of_a_superstate_do_is_one_arrow() {
    let arrows = diagram().arrows();
    let withdraw: Vec<&Arrow> = arrows.iter().filter(|arrow| events(arrow).contains(&"withdraw")).collect();
    assert_eq!(withdraw.len(), 1);
    assert_eq!((withdraw[0].from.as_str(), withdraw[0].to.as_str()), ("open", "closed.withdrawn"));
}

#[test]
fn parallel_transitions_are_one_arrow() {
    let arrows = diagram().arrows();
    let done: Vec<&Arrow> = arrows.iter().filter(|arrow| arrow.to == "closed.done").collect();
    assert_eq!(done.len(), 1);
    assert_eq!(events(done[0]), ["archive", "timer WINDOW"]);
}

#[test]
fn transition_into_its_own_superstate_starts_at_the_state() {
    let arrows = dense().arrows();
    assert!(arrows.iter().all(|arrow| !holds(&arrow.from, &arrow.to)), "{arrows:?}");
}

#[test]
fn state_entered_again_is_no_arrow() {
    let mut diagram = diagram();
    diagram.edges.push(edge("lost", "lost", "lose"));
    assert!(diagram.arrows().iter().all(|arrow| arrow.from != arrow.to));
}

#[test]
fn unreached_state_is_data_but_not_drawn() {
    let diagram = diagram();
    assert!(!diagram.node("closed.unseen").unwrap().reached);
    assert!(!Drawing::new(&diagram, Language::En).svg(&Mark::default()).contains("Never seen"));
}

#[test]
fn nothing_covers_anything_else() {
    for diagram in [diagram(), hostile(), dense()] {
        for language in [Language::En, Language::Zh] {
            check_places(&Drawing::new(&diagram, language));
        }
    }
}

#[test]
fn workflow_without_superstates_is_drawn() {
    let mut diagram = dense();
    diagram.nodes.retain(|node| node.kind != NodeKind::Superstate);
    diagram.nodes.iter_mut().for_each(|node| node.parent = None);
    check_places(&Drawing::new(&diagram, Language::En));
}

#[test]
fn same_diagram_gives_the_same_bytes() {
    let draw = || Drawing::new(&dense(), Language::En).svg(&Mark::default());
    let first = draw();
    for _ in 0..5 {
        assert_eq!(draw(), first);
    }
}

#[test]
fn current_state_and_path_taken_are_set_off() {
    let taken = |from: &str, to: &str, event: Option<&str>| Taken {
        from: from.into(),
        to: to.into(),
        event: event.map(str::to_owned),
    };
    let start = taken(BEFORE_START, "open.intake.received", Some("submit"));
    let asked = taken("open.intake.received", "open.waiting", None);
    let heads = |last: Option<&str>| {
        let ended = taken("open.waiting", "closed.withdrawn", last);
        let mark = Mark {
            current: Some("closed.withdrawn".into()),
            taken: vec![start.clone(), asked.clone(), ended],
            ..Mark::default()
        };
        let svg = Drawing::new(&diagram(), Language::En).svg(&mark);
        assert_eq!(svg.matches("aria-current=\"true\"").count(), 1);
        svg.matches("url(#headtaken)").count()
    };
    assert_eq!(heads(Some("timer EXPIRE")), 3);
    assert_eq!(heads(Some("withdraw")), 3);
    assert_eq!(heads(None), 4, "two ways lead there");
    let plain = Drawing::new(&diagram(), Language::En).svg(&Mark::default());
    assert!(!plain.contains("class=\"faint\"") && !plain.contains("aria-current"));
}

#[test]
fn counts_stand_at_their_states_with_their_heat_in_words() {
    let badge = |count, class, words: &str| Badge { count, class, words: words.to_owned() };
    let badges = [
        ("open.intake.received", badge(1_204, "bad", "2 past <due>")),
        ("open.waiting", badge(1, "good", "in time")),
        ("nowhere", badge(9, "warn", "near")),
    ];
    let badges = badges.into_iter().map(|(path, badge)| (path.to_owned(), badge)).collect();
    let mark = Mark { badges, ..Mark::default() };
    let svg = Drawing::new(&diagram(), Language::En).svg(&mark);
    assert_eq!(svg.matches("class=\"badge ").count(), 2, "{svg}");
    assert!(svg.contains("badge bad\"><title>") && svg.contains(": 1204, 2 past &lt;due&gt;</title>"));
    assert!(svg.contains(": 1, in time</title>") && svg.contains(">1</text>"));
    assert!(!Drawing::new(&diagram(), Language::En).svg(&Mark::default()).contains("badge"));
}

#[test]
fn hostile_title_stays_text_in_svg() {
    let svg = Drawing::new(&hostile(), Language::En).svg(&Mark::default());
    assert!(!svg.contains("<script") && !svg.contains('\u{0}') && !svg.contains('\u{1b}'));
    assert!(svg.contains("&quot;]&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;amp;"));
    let opened = svg.matches('<').count();
    assert_eq!(opened, svg.matches('>').count());
    let harmless = Drawing::new(&diagram(), Language::En).svg(&Mark::default());
    assert_eq!(opened, harmless.matches('<').count());
}

#[test]
fn hostile_title_stays_text_in_mermaid() {
    let text = mermaid::write(&hostile(), Language::En);
    let harmless = mermaid::write(&diagram(), Language::En);
    let shape = |text: &str| {
        let count = |what: &str| text.matches(what).count();
        ["\n", "\"", "{", "}", "-->", "[*]", "%", "<"].map(count)
    };
    assert_eq!(shape(&text), shape(&harmless));
}

#[test]
fn state_without_title_is_shown_by_its_name() {
    let mut world = World::new();
    world.definition.states.clear();
    world.definition.events.clear();
    let diagram = Diagram::of(&world.explorer().explore(), &world.definition);
    let expected = Title { en: "received".into(), zh: "received".into() };
    assert_eq!(diagram.node("open.intake.received").unwrap().title, expected);
}
