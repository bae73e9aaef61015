//! What is Unix alone: device and inode, opening without following a swapped link, limits, kinds of file systems.
//!
//! In: paths, open files. Out: facts. Invariant: what is opened is a regular file and the one that was looked at. A
//! counterpart for Windows (volume and file index, opens that share deletion) stands beside this file, with the same
//! functions.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::process::Resource;

/// Device and inode.
pub(super) type Place = (u64, u64);

/// Where the file of this metadata lies.
pub(super) fn place(metadata: &Metadata) -> Place {
    (metadata.dev(), metadata.ino())
}

/// When it was last written to, in nanoseconds since 1970.
pub(super) fn modified(metadata: &Metadata) -> i64 {
    metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec())
}

/// When its names, its owner or its content last changed, in nanoseconds since 1970.
pub(super) fn changed(metadata: &Metadata) -> i64 {
    metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec())
}

/// Whether no directory holds the file any more.
pub(super) fn is_deleted(metadata: &Metadata) -> bool {
    metadata.nlink() == 0
}

/// Opens the regular file at `path` (no link), if it is the one at `place`. Never waits, as on a FIFO.
pub(super) fn open(path: &Path, place: Place) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    if self::place(&metadata) != place {
        return Err(io::Error::new(io::ErrorKind::NotFound, "another file took its place"));
    }
    Ok(file)
}

/// Fills as much of `buffer` as there is from `offset` on; the bytes read.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The first byte at or behind `offset` that is written, where the file system knows of holes.
pub(super) fn next_data(file: &File, offset: u64) -> Option<u64> {
    rustix::fs::seek(file, rustix::fs::SeekFrom::Data(offset)).ok()
}

/// The inode that a directory names, without asking the file.
pub(super) fn inode(entry: &fs::DirEntry) -> u64 {
    std::os::unix::fs::DirEntryExt::ino(entry)
}

/// A path's bytes, where it is not Unicode.
pub(super) fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// The path of these bytes.
pub(super) fn path_of(bytes: Vec<u8>) -> PathBuf {
    OsString::from_vec(bytes).into()
}

/// The files that this program writes to: standard output and standard error, where these are files.
pub(super) fn own_outputs() -> Vec<Place> {
    let place = |fd: &dyn AsFd| {
        let stat = rustix::fs::fstat(fd.as_fd()).ok()?;
        let regular = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file();
        regular.then_some((stat.st_dev, stat.st_ino))
    };
    [place(&io::stdout()), place(&io::stderr())].into_iter().flatten().collect()
}

/// How many files may be open at a time, for the whole program.
pub(super) fn descriptor_limit() -> usize {
    let limit = rustix::process::getrlimit(Resource::Nofile).current;
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// The name of the file system of `path`, where it gives no notices of what other hosts write.
pub(super) fn without_notices(path: &Path) -> Option<&'static str> {
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
