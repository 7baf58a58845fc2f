//! Owns the disk of power-cut tests: what a process sees, and beside it what would outlive a cut.
//!
//! The process reads real files of a directory, which stand for the page cache.
//! Beside them are kept, for each file, the bytes of its last sync and the writes
//! since, and for the directory the names of its last sync and their changes
//! since. A cut draws from them what survives, see [`image`].

mod image;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Disk, Disks, RealDisks};
use crate::seeded::Dice;

/// Which operation of the disk fails, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// From this one on nothing is done any more.
    PowerOff,
    /// This one alone fails; a failed sync drops what it should have written.
    Io,
}

/// A change of a file that is not synced.
#[derive(Clone, Debug)]
enum Write {
    Bytes(u64, Vec<u8>),
    Length(u64),
}

/// A change of a name that is not synced.
#[derive(Clone, Debug)]
enum Naming {
    Put(OsString, usize),
    Move(OsString, OsString, usize),
    Remove(OsString),
}

#[derive(Debug, Default)]
struct Kept {
    durable: Vec<u8>,
    writes: Vec<Write>,
}

#[derive(Debug, Default)]
struct State {
    files: Vec<Kept>,
    /// Names as the process sees them.
    names: BTreeMap<OsString, usize>,
    durable_names: BTreeMap<OsString, usize>,
    namings: Vec<Naming>,
    /// Operations that were asked for.
    operations: u64,
    fault: Option<(u64, Fault)>,
    off: bool,
    /// How many bytes all files may have.
    capacity: Option<u64>,
    write_bytes_max: Option<usize>,
    /// A defect for tests of the tests: syncs do nothing.
    lies: bool,
}

/// The files of one directory on a disk whose power can be cut.
#[derive(Clone, Default)]
pub(crate) struct SimulatedDisks(Arc<Mutex<State>>);

struct SimulatedDisk {
    file: File,
    id: usize,
    disks: SimulatedDisks,
}

/// What is asked of the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Sync,
    Other,
}

impl State {
    /// Counts an operation; answers whether it fails as told.
    fn ask(&mut self, asked: Asked, file: Option<usize>) -> io::Result<()> {
        self.operations += 1;
        let failed = self.fault.filter(|(at, _)| *at == self.operations).map(|(_, fault)| fault);
        self.off |= failed == Some(Fault::PowerOff);
        if self.off {
            return Err(io::Error::other("the power is off"));
        }
        if failed == Some(Fault::Io) {
            // As Linux does: the pages are clean afterwards, and a later sync finds nothing to write.
            match (asked, file) {
                (Asked::Sync, Some(file)) => self.files[file].writes.clear(),
                (Asked::Sync, None) | (Asked::Other, _) => {}
            }
            return Err(io::Error::from_raw_os_error(5));
        }
        Ok(())
    }

    fn new_file(&mut self, name: OsString) -> usize {
        let id = self.files.len();
        self.files.push(Kept::default());
        self.names.insert(name.clone(), id);
        self.namings.push(Naming::Put(name, id));
        id
    }
}

impl SimulatedDisks {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Lets the operation after the next `after` ones fail.
    pub(crate) fn fail_after(&self, after: u64, fault: Fault) {
        let mut state = self.state();
        state.fault = Some((state.operations + 1 + after, fault));
    }

    /// How many operations were asked for.
    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Whether the power went off.
    pub(crate) fn is_off(&self) -> bool {
        self.state().off
    }

    /// Limits the bytes of all files together.
    pub(crate) fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// Limits how many bytes one write takes.
    pub(crate) fn set_write_bytes_max(&self, bytes: Option<usize>) {
        self.state().write_bytes_max = bytes;
    }

    /// Makes syncs do nothing.
    pub(crate) fn lie(&self) {
        self.state().lies = true;
    }

    /// Cuts the power: `dir` holds afterwards what `dice` let survive, all of it durable.
    pub(crate) fn cut(&self, dir: &Path, dice: &mut Dice) {
        let mut state = self.state();
        let names = image::names(&state.durable_names, &state.namings, dice);
        let old: Vec<Kept> = std::mem::take(&mut state.files);
        let (lies, write_bytes_max) = (state.lies, state.write_bytes_max);
        *state = State { lies, write_bytes_max, ..State::default() };
        let way = image::Way::draw(dice);
        for (name, id) in names {
            let durable = image::bytes(&old[id].durable, &old[id].writes, way, dice);
            let new = state.files.len();
            state.durable_names.insert(name, new);
            state.files.push(Kept { durable, writes: Vec::new() });
        }
        state.names = state.durable_names.clone();
        clear(dir);
        for (name, id) in &state.names {
            fs::write(dir.join(name), &state.files[*id].durable).unwrap();
        }
    }
}

/// Removes what was written; the lock file is no part of the journal.
fn clear(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
}

fn name(path: &Path) -> OsString {
    path.file_name().unwrap().to_owned()
}

impl SimulatedDisks {
    fn disk(&self, path: &PathBuf, id: usize) -> io::Result<Box<dyn Disk>> {
        let file = File::options().write(true).open(path)?;
        Ok(Box::new(SimulatedDisk { file, id, disks: self.clone() }))
    }
}

impl Disks for SimulatedDisks {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Disk>> {
        let mut state = self.state();
        state.ask(Asked::Other, None)?;
        File::create_new(path)?;
        let id = state.new_file(name(path));
        drop(state);
        self.disk(&path.to_owned(), id)
    }

    fn replace(&self, path: &Path) -> io::Result<Box<dyn Disk>> {
        let mut state = self.state();
        state.ask(Asked::Other, None)?;
        File::create(path)?;
        let known = state.names.get(&name(path)).copied();
        let id = known.unwrap_or_else(|| state.new_file(name(path)));
        if known.is_some() {
            state.files[id].writes.push(Write::Length(0));
        }
        drop(state);
        self.disk(&path.to_owned(), id)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Disk>> {
        let id = {
            let mut state = self.state();
            state.ask(Asked::Other, None)?;
            *state.names.get(&name(path)).ok_or(io::ErrorKind::NotFound)?
        };
        self.disk(&path.to_owned(), id)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.ask(Asked::Other, None)?;
        RealDisks.rename(from, to)?;
        let id = state.names.remove(&name(from)).unwrap();
        state.names.insert(name(to), id);
        state.namings.push(Naming::Move(name(from), name(to), id));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.ask(Asked::Other, None)?;
        RealDisks.remove(path)?;
        state.names.remove(&name(path));
        state.namings.push(Naming::Remove(name(path)));
        Ok(())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.ask(Asked::Sync, None)?;
        if !state.lies {
            state.durable_names = state.names.clone();
            state.namings.clear();
        }
        Ok(())
    }
}

impl SimulatedDisk {
    fn sync(&self) -> io::Result<()> {
        let mut state = self.disks.state();
        state.ask(Asked::Sync, Some(self.id))?;
        if !state.lies {
            let kept = &mut state.files[self.id];
            for write in std::mem::take(&mut kept.writes) {
                image::apply(&mut kept.durable, &write);
            }
        }
        Ok(())
    }

    /// How many of `wanted` bytes at `offset` find room.
    fn room(&self, state: &State, wanted: usize, offset: u64) -> io::Result<usize> {
        let Some(capacity) = state.capacity else { return Ok(wanted) };
        let own = self.file.metadata()?.len();
        let grows = (offset + wanted as u64).saturating_sub(own);
        let used: u64 = state.names.keys().map(|name| state.length(name)).sum();
        let missing = grows.saturating_sub(capacity.saturating_sub(used));
        match wanted - usize::try_from(missing).unwrap() {
            0 => Err(io::ErrorKind::StorageFull.into()),
            fitting => Ok(fitting),
        }
    }
}

impl State {
    /// The length of a file as the process sees it.
    fn length(&self, name: &OsString) -> u64 {
        let kept = &self.files[self.names[name]];
        kept.writes.iter().fold(kept.durable.len() as u64, |length, write| match write {
            Write::Bytes(at, bytes) => length.max(at + bytes.len() as u64),
            Write::Length(bytes) => *bytes,
        })
    }
}

impl Disk for SimulatedDisk {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disks.state();
        state.ask(Asked::Other, None)?;
        let length = bytes.len().min(state.write_bytes_max.unwrap_or(usize::MAX));
        let length = self.room(&state, length, offset)?;
        FileExt::write_all_at(&self.file, &bytes[..length], offset)?;
        state.files[self.id].writes.push(Write::Bytes(offset, bytes[..length].to_vec()));
        Ok(length)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.sync()
    }

    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        let mut state = self.disks.state();
        state.ask(Asked::Other, None)?;
        self.file.set_len(bytes)?;
        state.files[self.id].writes.push(Write::Length(bytes));
        Ok(())
    }
}
