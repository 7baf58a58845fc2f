//! Owns a whole organisation that lives a virtual year: everybody who works there and every customer, drawn from
//! a seed, and what must hold of their histories at its end.
//!
//! [`year`] lets the year pass: the real engine on a real directory, on a clock that is moved through every due
//! on the way. Cases begin all year, and whatever stands open is visited: [`pace`] says when, [`acts`] who does
//! what there, most of it made of the samples of the flows, with [`people`] of this organisation in them. What
//! the engine refuses is passed over and counted. [`export`] reads what `careflow export` tells of it, and
//! [`laws`] hold it to what must be true of it.
//!
//! The suite lives a year of some thousand instances, `benches/load` one of many more.

mod acts;
mod begun;
mod export;
mod frozen;
mod laws;
mod pace;
mod people;
mod record;
mod school;
mod year;

use std::panic::resume_unwind;
use std::path::Path;

pub use export::{Exported, Histories};
pub use year::{Lived, Wanted, live};

/// Holds the year that was lived in `data` to every law; answers the histories.
///
/// # Panics
/// Where a law does not hold, with what broke it.
pub fn hold(lived: &Lived, data: &Path) -> Histories {
    let exported = Exported::of(data);
    std::thread::scope(|scope| {
        // It needs the directory for itself; the export is a file beside it.
        let verifying = scope.spawn(|| export::verify(data));
        let histories = exported.read();
        laws::hold(lived, &histories);
        frozen::hold(lived, &histories);
        verifying.join().unwrap_or_else(|panic| resume_unwind(panic));
        histories
    })
}
