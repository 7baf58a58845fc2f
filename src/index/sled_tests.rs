use super::*;
use crate::index::contract::made::{self, moved, started};

/// Who carries the overlay into sled.
#[derive(Clone, Copy)]
pub(in super::super) enum Draining {
    /// Nobody: everything stays in the overlay.
    Never,
    /// Whoever applied, before going on: nothing stays in the overlay.
    AtOnce,
    /// The thread of its own.
    Beside,
}

/// How an index is opened.
pub(in super::super) struct Opening<'a> {
    pub dir: &'a Path,
    pub boot: &'a str,
    pub draining: Draining,
}

/// An open index.
pub(in super::super) struct Tested {
    pub index: SledIndex,
    draining: Draining,
}

impl Opening<'_> {
    pub fn open(&self) -> (Tested, Opened) {
        let options = Options { cache_bytes: 16 << 20, decoded_bytes: 64 << 10 };
        let (index, opened) = match self.draining {
            Draining::Never | Draining::AtOnce => SledIndex::open_still(self.dir, options, self.boot),
            Draining::Beside => SledIndex::open(self.dir, options, self.boot),
        }
        .expect("opens");
        (Tested { index, draining: self.draining }, opened)
    }
}

impl Tested {
    /// Brings what is applied to where the way of draining wants it.
    pub fn settler(&self) -> impl Fn() + 'static {
        let (shared, draining) = (Arc::clone(&self.index.shared), self.draining);
        move || match draining {
            Draining::Never | Draining::Beside => {}
            Draining::AtOnce => drain_all(&shared),
        }
    }
}

fn drain_all(shared: &Shared) {
    loop {
        let queued = !shared.state().queue.is_empty();
        if !queued {
            return;
        }
        shared.store_merged(shared.next_merge().expect("something is queued")).expect("stores");
    }
}
