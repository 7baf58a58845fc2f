//! Owns how everything that the journal writes reaches the disk, names of files included, so that
//! tests can make a disk that fails.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// One file being written.
pub(super) trait Disk: Send {
    /// Writes at least one of `bytes` at `offset`; answers how many.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Returns once the written bytes are on stable storage.
    fn sync_data(&mut self) -> io::Result<()>;
    /// As [`Disk::sync_data`], with the file's length.
    fn sync_all(&mut self) -> io::Result<()>;
    /// Cuts or extends the file.
    fn set_len(&mut self, bytes: u64) -> io::Result<()>;
}

/// Where files to be written come from, and how their names change.
pub(super) trait Disks: Send {
    /// Makes a file that does not exist yet.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Disk>>;
    /// Makes a file, or empties the one that exists.
    fn replace(&self, path: &Path) -> io::Result<Box<dyn Disk>>;
    /// Opens a file that exists.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Disk>>;
    /// Gives a file another name, in place of the file that had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// Writes all of `bytes` at `offset`, however short the single writes are.
pub(super) fn write_all_at(disk: &mut dyn Disk, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match disk.write_at(bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Whether `error` says that the disk, or this user's share of it, has no room.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The operating system's files.
pub(super) struct RealDisks;

impl Disks for RealDisks {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Disk>> {
        Ok(Box::new(OpenOptions::new().write(true).create_new(true).open(path)?))
    }

    fn replace(&self, path: &Path) -> io::Result<Box<dyn Disk>> {
        Ok(Box::new(File::create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Disk>> {
        Ok(Box::new(OpenOptions::new().write(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

impl Disk for File {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn sync_all(&mut self) -> io::Result<()> {
        File::sync_all(self)
    }

    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        File::set_len(self, bytes)
    }
}

pub(super) mod shaped;
#[cfg(test)]
pub(crate) mod simulated;

/// A disk that fails as it is told.
#[cfg(test)]
pub(super) mod faulty {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What goes wrong; everything not set goes well.
    #[derive(Debug, Default)]
    pub(in crate::journal) struct Faults {
        /// Most bytes one write takes.
        pub write_bytes_max: Option<usize>,
        /// How many more bytes fit before the disk is full.
        pub room: Option<u64>,
        /// Bytes below the already filled end also need room, as on a copy-on-write file system.
        pub overwriting_needs_room: bool,
        /// The error of the next write that writes anything but fill.
        pub next_write: Option<io::ErrorKind>,
        /// The error of the next sync.
        pub next_sync: Option<io::ErrorKind>,
        /// Syncs that were asked for.
        pub syncs: u64,
    }

    /// Files of the operating system with faults in between.
    #[derive(Clone, Default)]
    pub(in crate::journal) struct FaultyDisks(pub Arc<Mutex<Faults>>);

    struct FaultyDisk {
        file: File,
        faults: Arc<Mutex<Faults>>,
    }

    impl Disks for FaultyDisks {
        fn create(&self, path: &Path) -> io::Result<Box<dyn Disk>> {
            let file = OpenOptions::new().write(true).create_new(true).open(path)?;
            Ok(Box::new(FaultyDisk { file, faults: Arc::clone(&self.0) }))
        }

        // What concerns names and the manifest goes well here; `simulated` lets it fail.
        fn replace(&self, path: &Path) -> io::Result<Box<dyn Disk>> {
            RealDisks.replace(path)
        }

        fn open(&self, path: &Path) -> io::Result<Box<dyn Disk>> {
            let file = OpenOptions::new().write(true).open(path)?;
            Ok(Box::new(FaultyDisk { file, faults: Arc::clone(&self.0) }))
        }

        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            RealDisks.rename(from, to)
        }

        fn remove(&self, path: &Path) -> io::Result<()> {
            RealDisks.remove(path)
        }

        fn sync_dir(&self, dir: &Path) -> io::Result<()> {
            RealDisks.sync_dir(dir)
        }
    }

    impl FaultyDisk {
        fn sync(&self) -> io::Result<()> {
            let mut faults = self.faults.lock().unwrap();
            faults.syncs += 1;
            faults.next_sync.take().map_or(Ok(()), |kind| Err(kind.into()))
        }
    }

    impl Disk for FaultyDisk {
        fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
            let mut faults = self.faults.lock().unwrap();
            let is_fill = bytes.iter().all(|byte| *byte == b'\n');
            if !is_fill && let Some(kind) = faults.next_write.take() {
                return Err(kind.into());
            }
            let mut length = bytes.len().min(faults.write_bytes_max.unwrap_or(usize::MAX));
            let grows = offset + length as u64 > self.file.metadata()?.len();
            if let Some(room) = faults.room
                && (grows || (faults.overwriting_needs_room && !is_fill))
            {
                if room == 0 {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                length = length.min(usize::try_from(room).unwrap());
                faults.room = Some(room - length as u64);
            }
            FileExt::write_at(&self.file, &bytes[..length], offset)
        }

        fn sync_data(&mut self) -> io::Result<()> {
            self.sync()
        }

        fn sync_all(&mut self) -> io::Result<()> {
            self.sync()
        }

        fn set_len(&mut self, bytes: u64) -> io::Result<()> {
            self.file.set_len(bytes)
        }
    }
}
