//! What systems do each in its own way: places of files, opening them, limits, signals, private files.
//!
//! In: paths, open files. Out: facts, in terms that all systems share. Invariant: one file a system, `system/unix.rs` and
//! `system/windows.rs`, with the same functions; nothing else in the program asks which system it runs on.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;

use std::fs::{File, FileType};
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

/// Device and inode; on Windows the volume and the file's index on it.
pub type Place = (u64, u64);

/// What was said of a file at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Where it lies.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
    /// When it was last written to, in nanoseconds since 1970.
    pub modified: i64,
    /// When its names, its owner or its content last changed, in nanoseconds since 1970.
    pub changed: i64,
    /// When it was made, in nanoseconds since 1970, where the file system knows.
    pub made: Option<i64>,
    /// Whether no directory holds it any more.
    pub is_deleted: bool,
}

/// Nanoseconds since 1970.
fn nanos(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A FIFO, a socket, a device.
    Other,
}

impl Kind {
    fn of(kind: FileType) -> Kind {
        if kind.is_file() {
            Kind::File
        } else if kind.is_dir() {
            Kind::Directory
        } else if kind.is_symlink() {
            Kind::Link
        } else {
            Kind::Other
        }
    }
}

impl Facts {
    /// # Errors
    /// It is no regular file, or not the one at `place`.
    fn is_the_file_at(&self, place: Place) -> io::Result<()> {
        if self.kind != Kind::File {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        if self.place != place {
            return Err(io::Error::new(io::ErrorKind::NotFound, "another file took its place"));
        }
        Ok(())
    }
}

/// Fills as much of `buffer` as there is from `offset` on; the bytes read.
///
/// # Errors
/// The system's; an interruption is none.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read_some(file, &mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
