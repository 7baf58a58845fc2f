//! Owns a disk that is as bad as it is told to be while it is used: slow, full, or failing.
//!
//! Only `careflow torture` has a server write to one; every other server writes to the operating
//! system's files directly.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Disk, Disks, RealDisks};
use crate::journal::segment::FILL;

/// How a disk behaves; by default as the operating system's does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shape {
    /// How much longer each write takes, in milliseconds.
    pub write_ms: u64,
    /// How much longer each sync takes, in milliseconds.
    pub sync_ms: u64,
    /// How many more bytes fit before it is full.
    pub room: Option<u64>,
    /// Whether writing over bytes of a file needs room too, as on a copy-on-write file system.
    pub copies_on_write: bool,
    /// Whether every write of anything but fill fails.
    pub fails_writes: bool,
    /// How many bytes a failing write leaves behind all the same.
    pub torn_bytes: usize,
    /// Whether every sync fails.
    pub fails_syncs: bool,
}

/// The shape of a disk in use.
#[derive(Debug, Default)]
pub struct Shaping(Mutex<Shape>);

impl Shaping {
    /// A disk that behaves as `shape` says.
    pub fn of(shape: Shape) -> Self {
        Self(Mutex::new(shape))
    }

    /// Makes it behave as `shape` says from the next operation on.
    pub fn set(&self, shape: Shape) {
        self.with(|current| *current = shape);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Shape) -> T) -> T {
        // A shape is whole after any panic: it is only ever replaced or counted down.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes up to `wanted` bytes of the room; an error where there is none.
    fn take_room(&self, wanted: usize) -> io::Result<usize> {
        self.with(|shape| match shape.room {
            None => Ok(wanted),
            Some(0) => Err(io::ErrorKind::StorageFull.into()),
            Some(room) => {
                let taken = wanted.min(usize::try_from(room).unwrap_or(usize::MAX));
                shape.room = Some(room - taken as u64);
                Ok(taken)
            }
        })
    }
}

/// Files of the operating system on a shaped disk.
pub(in crate::journal) struct ShapedDisks(pub Arc<Shaping>);

struct ShapedDisk {
    file: File,
    shaping: Arc<Shaping>,
}

impl ShapedDisks {
    fn on(&self, file: File) -> Box<dyn Disk> {
        Box::new(ShapedDisk { file, shaping: Arc::clone(&self.0) })
    }

    /// What changes names needs a block where there is no room for another byte.
    fn named(&self) -> io::Result<()> {
        if self.0.with(|shape| shape.room) == Some(0) {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    }
}

impl Disks for ShapedDisks {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Disk>> {
        self.named()?;
        Ok(self.on(OpenOptions::new().write(true).create_new(true).open(path)?))
    }

    fn replace(&self, path: &Path) -> io::Result<Box<dyn Disk>> {
        self.named()?;
        Ok(self.on(File::create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Disk>> {
        Ok(self.on(OpenOptions::new().write(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisks.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisks.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if self.0.with(|shape| shape.fails_syncs) { Err(failed()) } else { RealDisks.sync_dir(dir) }
    }
}

fn failed() -> io::Error {
    io::Error::other("input/output error, as torture asked for")
}

fn linger(millis: u64) {
    if millis > 0 {
        std::thread::sleep(Duration::from_millis(millis));
    }
}

impl ShapedDisk {
    fn synced(&self, sync: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
        let shape = self.shaping.with(|shape| *shape);
        linger(shape.sync_ms);
        if shape.fails_syncs { Err(failed()) } else { sync(&self.file) }
    }
}

impl Disk for ShapedDisk {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let shape = self.shaping.with(|shape| *shape);
        linger(shape.write_ms);
        let is_fill = bytes.iter().all(|byte| *byte == FILL);
        if shape.fails_writes && !is_fill {
            let torn = shape.torn_bytes.min(bytes.len());
            FileExt::write_all_at(&self.file, &bytes[..torn], offset)?;
            return Err(failed());
        }
        let grows = offset + bytes.len() as u64 > self.file.metadata()?.len();
        let length = if grows || (shape.copies_on_write && !is_fill) {
            self.shaping.take_room(bytes.len())?
        } else {
            bytes.len()
        };
        FileExt::write_at(&self.file, &bytes[..length], offset)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.synced(File::sync_data)
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.synced(File::sync_all)
    }

    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::super::write_all_at;
    use super::*;

    struct Bad {
        folder: TempDir,
        shaping: Arc<Shaping>,
        disk: Box<dyn Disk>,
    }

    impl Bad {
        fn of(shape: Shape) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let shaping = Arc::new(Shaping::default());
            let disk = ShapedDisks(shaping.clone()).create(&folder.path().join("a")).unwrap();
            shaping.set(shape);
            Self { folder, shaping, disk }
        }

        fn text(&self) -> String {
            std::fs::read_to_string(self.folder.path().join("a")).unwrap()
        }
    }

    #[test]
    fn a_full_disk_takes_what_fits_and_goes_on_once_there_is_room() {
        let mut bad = Bad::of(Shape { room: Some(3), ..Shape::default() });
        let error = write_all_at(&mut *bad.disk, b"abcdef", 0).unwrap_err();
        assert_eq!((error.kind(), bad.text().as_str()), (io::ErrorKind::StorageFull, "abc"));
        write_all_at(&mut *bad.disk, b"xyz", 0).unwrap();
        assert!(ShapedDisks(bad.shaping.clone()).create(&bad.folder.path().join("b")).is_err());
        bad.shaping.set(Shape::default());
        write_all_at(&mut *bad.disk, b"def", 3).unwrap();
        assert_eq!(bad.text(), "xyzdef");
    }

    #[test]
    fn where_writes_copy_a_full_disk_refuses_to_overwrite_and_takes_fill() {
        let mut bad = Bad::of(Shape::default());
        write_all_at(&mut *bad.disk, b"abc", 0).unwrap();
        bad.shaping.set(Shape { room: Some(0), copies_on_write: true, ..Shape::default() });
        assert_eq!(bad.disk.write_at(b"x", 0).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(bad.disk.write_at(b"\n\n", 0).unwrap(), 2);
        assert_eq!(bad.text(), "\n\nc");
    }

    #[test]
    fn a_failing_write_may_leave_a_part_behind() {
        let mut bad = Bad::of(Shape { fails_writes: true, torn_bytes: 2, ..Shape::default() });
        assert!(bad.disk.write_at(b"abc", 0).is_err());
        assert_eq!(bad.text(), "ab");
        assert!(bad.disk.sync_data().is_ok());
    }

    #[test]
    fn failing_syncs_fail_for_files_and_for_names() {
        let mut bad = Bad::of(Shape { fails_syncs: true, ..Shape::default() });
        assert!(bad.disk.sync_data().is_err() && bad.disk.sync_all().is_err());
        assert!(ShapedDisks(bad.shaping.clone()).sync_dir(bad.folder.path()).is_err());
        bad.shaping.set(Shape::default());
        assert!(bad.disk.sync_data().is_ok() && bad.disk.sync_all().is_ok());
    }
}
