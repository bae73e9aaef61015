//! What is Unix alone: device and inode, opening without following a swapped link, limits, kinds of file systems,
//! signals, private files.
//!
//! In: paths, open files. Out: facts. Invariant: what is opened is a regular file and the one that was looked at.
//! `windows.rs` has the same functions.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::process::Resource;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Facts, Kind, Place, nanos};

/// What is said of the file to which `path` leads.
pub fn facts(path: &Path) -> io::Result<Facts> {
    fs::metadata(path).map(|metadata| of(&metadata))
}

/// What is said of `path` itself, also where it is a link.
pub fn link_facts(path: &Path) -> io::Result<Facts> {
    fs::symlink_metadata(path).map(|metadata| of(&metadata))
}

/// What is said of an open file.
pub fn facts_of(file: &File) -> io::Result<Facts> {
    file.metadata().map(|metadata| of(&metadata))
}

fn of(metadata: &Metadata) -> Facts {
    let at = |seconds: i64, more: i64| seconds.saturating_mul(1_000_000_000).saturating_add(more);
    Facts {
        place: (metadata.dev(), metadata.ino()),
        kind: Kind::of(metadata.file_type()),
        size: metadata.len(),
        modified: at(metadata.mtime(), metadata.mtime_nsec()),
        changed: at(metadata.ctime(), metadata.ctime_nsec()),
        made: metadata.created().ok().map(nanos),
        is_deleted: metadata.nlink() == 0,
    }
}

/// Opens the regular file at `path` (no link), if it is the one at `place`. Never waits, as on a FIFO.
pub fn open(path: &Path, place: Place) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    facts_of(&file)?.is_the_file_at(place)?;
    Ok(file)
}

/// Reads some of what stands at `offset`.
pub(super) fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

/// The first byte at or behind `offset` that is written, where the file system knows of holes.
pub fn next_data(file: &File, offset: u64) -> Option<u64> {
    rustix::fs::seek(file, rustix::fs::SeekFrom::Data(offset)).ok()
}

/// The inode that a directory names, without asking the file.
pub fn inode(entry: &fs::DirEntry) -> u64 {
    std::os::unix::fs::DirEntryExt::ino(entry)
}

/// A path's bytes, where it is not Unicode.
pub fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// The path of these bytes.
pub fn path_of(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

/// The files that this program writes to: standard output and standard error, where these are files.
pub fn own_outputs() -> Vec<Place> {
    let place = |fd: &dyn AsFd| {
        let stat = rustix::fs::fstat(fd.as_fd()).ok()?;
        let regular = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file();
        regular.then_some((stat.st_dev, stat.st_ino))
    };
    [place(&io::stdout()), place(&io::stderr())].into_iter().flatten().collect()
}

/// How many files may be open at a time, for the whole program.
pub fn descriptor_limit() -> usize {
    let limit = rustix::process::getrlimit(Resource::Nofile).current;
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// The name of the file system of `path`, where it gives no notices of what other hosts write.
pub fn without_notices(path: &Path) -> Option<&'static str> {
    let kind = rustix::fs::statfs(path).ok()?.f_type;
    match u64::try_from(kind).ok()? & 0xffff_ffff {
        0x6969 => Some("nfs"),
        0xff53_4d42 => Some("cifs"),
        0xfe53_4d42 => Some("smb2"),
        0x517b => Some("smb"),
        0x0102_1997 => Some("9p"),
        0x6573_5546 => Some("fuse"),
        0x00c3_6400 => Some("ceph"),
        0x794c_7630 => Some("overlay"),
        _ => None,
    }
}

/// Makes the directory and those above it, with their owner's rights alone.
pub fn make_private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens the file, and makes it with its owner's rights alone; SQLite gives those of the database to its journal.
pub fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Whether this process runs as root: its own entry below `/proc` is its user's.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// What asks the program to end: SIGINT and SIGTERM.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// # Errors
    /// The system refuses a handler.
    pub fn new() -> io::Result<Signals> {
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
