//! What is read and the position beside it: exact where a group comes in between, and never older than one told before.

use super::simulation::storage::{Defect, FailingIndex, Moment};
use super::*;
use crate::index::{List, Range};

struct Reads {
    engine: Engine,
    index: Arc<FailingIndex>,
    id: InstanceId,
    begun: Position,
}

async fn begun() -> Reads {
    let index = Arc::new(FailingIndex::over(Arc::new(MemoryIndex::new()), Defect::None));
    let time = Arc::new(ManualTime::at(noon()));
    let parts = parts(Arc::new(MemoryJournal::default()), index.clone(), time);
    let engine = Engine::open(parts).await.unwrap();
    let begin = command(Target::Start("probe".into()), "begin", json!({ "arm": { "A": 1_000 } }), None);
    let begun = engine.submit(begin).await.unwrap();
    Reads { engine, index, id: begun.entry.instance.clone(), begun: begun.position }
}

impl Reads {
    fn act(&self) -> Command {
        command(Target::Instance(self.id.clone()), "act", json!({ "arm": { "B": 500 } }), None)
    }
}

#[tokio::test]
async fn what_shows_before_it_is_published_is_told_with_its_own_position() {
    let reads = begun().await;
    let Reads { engine, id, begun, .. } = &reads;
    let mut shown = reads.index.hold(Moment::Shown);
    let acting = tokio::spawn({
        let (engine, act) = (engine.clone(), reads.act());
        async move { engine.submit(act).await.unwrap() }
    });
    shown.reached().await;
    assert_eq!(*engine.shared.published.borrow(), *begun, "the writer says so later");

    let (instance, position) = engine.instance(id).unwrap();
    assert_eq!((instance.unwrap().seq, position), (2, begun + 1));
    let list = List::State { workflow: "probe".into(), state: "open.on".into() };
    let page = engine.page(&[list], &Range::default(), 9).unwrap();
    let timers = engine.timers(None, noon().plus_millis(500), 9).unwrap();
    assert_eq!((page.rows[0].seq, timers.timers[0].name.as_str()), (2, "B"));
    let preview = engine.preview(&reads.act()).unwrap();
    let (changes, end) = engine.changes(*begun, 9, Duration::ZERO).await.unwrap();
    assert_eq!((preview.after.seq, changes.len()), (3, 1));
    let told = [page.position, timers.position, preview.position, end, engine.position()];
    assert_eq!(told, [position; 5], "none is older than one told before");

    drop(shown);
    assert_eq!(acting.await.unwrap().position, position);
}

#[tokio::test]
async fn a_group_that_comes_into_a_read_is_part_of_its_position() {
    let reads = begun().await;
    let mut asked = reads.index.hold(Moment::Asked);
    let reading = tokio::task::spawn_blocking({
        let (engine, id) = (reads.engine.clone(), reads.id.clone());
        move || engine.instance(&id).unwrap()
    });
    asked.reached().await;
    let acted = reads.engine.submit(reads.act()).await.unwrap();
    drop(asked);
    let (instance, position) = reading.await.unwrap();
    assert_eq!((instance.unwrap().seq, position), (2, acted.position));

    let mut asked = reads.index.hold(Moment::Asked);
    let previewing = tokio::task::spawn_blocking({
        let (engine, act) = (reads.engine.clone(), reads.act());
        move || engine.preview(&act).unwrap()
    });
    asked.reached().await;
    let acted = reads.engine.submit(reads.act()).await.unwrap();
    drop(asked);
    let preview = previewing.await.unwrap();
    assert_eq!((preview.after.seq, preview.position), (4, acted.position));
}

#[tokio::test]
async fn a_read_that_is_overtaken_each_time_tells_a_position_that_has_all_it_shows() {
    let reads = begun().await;
    let mut overtaken = 0;
    let (seen, position) = reads.engine.still(|_| {
        overtaken += 1;
        let seen = reads.index.inner.applied();
        let batch = crate::index::Batch { position: seen + 1, ..Default::default() };
        reads.index.inner.apply(batch).unwrap();
        seen + 1
    });
    assert_eq!((seen, overtaken), (position, 4));
}
