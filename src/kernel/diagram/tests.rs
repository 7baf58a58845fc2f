use super::{Diagram, Drawing, Language, Mark, mermaid};
use crate::kernel::toy::World;

fn diagram() -> Diagram {
    let world = World::new();
    Diagram::of(&world.explorer().explore(), &world.definition)
}

#[test]
fn picture_of_the_toy() {
    let svg = Drawing::new(&diagram(), Language::En).svg(&Mark::default());
    if let Ok(path) = std::env::var("PICTURE") {
        std::fs::write(path, &svg).unwrap();
    }
    insta::assert_snapshot!(svg);
}

#[test]
fn mermaid_text_of_the_toy() {
    insta::assert_snapshot!(mermaid::write(&diagram(), Language::Zh));
}
