//! What is Windows alone: volume and file index, opens that share reading, writing and deletion, console events.
//!
//! In: paths, open files. Out: facts. Invariant: what is opened is a regular file and the one that was looked at, and
//! whoever writes, renames or deletes it is not hindered. `unix.rs` has the same functions. Does not know of the service
//! manager: a wrapper that sends console events ends the agent cleanly.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::fs::{FileExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf, Prefix};

use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
};
use winapi_util::{HandleRef, file};

use super::{Facts, Kind, Place, nanos};

/// `FILE_FLAG_BACKUP_SEMANTICS` of `CreateFileW`: a directory can be opened.
const BACKUP_SEMANTICS: u32 = 0x0200_0000;
/// `FILE_FLAG_OPEN_REPARSE_POINT` of `CreateFileW`: a link itself is opened, not what it leads to.
const OPEN_REPARSE_POINT: u32 = 0x0020_0000;

/// What is said of the file to which `path` leads.
pub fn facts(path: &Path) -> io::Result<Facts> {
    facts_of(&look_at(path, BACKUP_SEMANTICS)?)
}

/// What is said of `path` itself, also where it is a link.
pub fn link_facts(path: &Path) -> io::Result<Facts> {
    facts_of(&look_at(path, BACKUP_SEMANTICS | OPEN_REPARSE_POINT)?)
}

/// Opens without a right to read: also what another program has locked can be looked at.
fn look_at(path: &Path, flags: u32) -> io::Result<File> {
    OpenOptions::new().access_mode(0).custom_flags(flags).open(path)
}

/// What is said of an open file. Windows tells no time of a change of names or rights that all file systems have:
/// `changed` is when it was last written to.
pub fn facts_of(file: &File) -> io::Result<Facts> {
    let (metadata, information) = (file.metadata()?, file::information(file)?);
    let modified = metadata.modified().map_or(0, nanos);
    Ok(Facts {
        place: (information.volume_serial_number(), information.file_index()),
        kind: if file::typ(file)?.is_disk() { Kind::of(metadata.file_type()) } else { Kind::Other },
        size: metadata.len(),
        modified,
        changed: modified,
        made: metadata.created().ok().map(nanos),
        is_deleted: information.number_of_links() == 0,
    })
}

/// Opens the regular file at `path` (no link), if it is the one at `place`.
pub fn open(path: &Path, place: Place) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(OPEN_REPARSE_POINT).open(path)?;
    facts_of(&file)?.is_the_file_at(place)?;
    Ok(file)
}

/// Reads some of what stands at `offset`.
pub(super) fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

/// Where a file's next written byte lies is not asked for: holes are read as NULs, and passed over as such.
pub fn next_data(_: &File, _: u64) -> Option<u64> {
    None
}

/// The index of a directory's entry on its volume: the directory does not tell, the file must be asked.
pub fn inode(entry: &fs::DirEntry) -> u64 {
    link_facts(&entry.path()).map_or(0, |facts| facts.place.1)
}

/// A path's bytes, where it is not Unicode.
pub fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// The path of these bytes; what is not Unicode in it is lost, and its file is met anew.
pub fn path_of(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// The files that this program writes to: standard output and standard error, where these are files.
pub fn own_outputs() -> Vec<Place> {
    let place = |handle: HandleRef| {
        let is_disk = file::typ(&handle).is_ok_and(|kind| kind.is_disk());
        let information = is_disk.then(|| file::information(&handle).ok()).flatten()?;
        Some((information.volume_serial_number(), information.file_index()))
    };
    [place(HandleRef::stdout()), place(HandleRef::stderr())].into_iter().flatten().collect()
}

/// How many files may be open at a time: handles are bounded by memory alone.
pub fn descriptor_limit() -> usize {
    usize::MAX
}

/// The name of the file system of `path`, where it may give no notices of what other hosts write.
pub fn without_notices(path: &Path) -> Option<&'static str> {
    let Some(Component::Prefix(prefix)) = path.components().next() else { return None };
    matches!(prefix.kind(), Prefix::UNC(..) | Prefix::VerbatimUNC(..)).then_some("a network share")
}

/// Makes the directory and those above it; who may enter is inherited from the directory above.
pub fn make_private_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Opens the file, and makes it; who may read it is inherited from its directory.
pub fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Whether the state directory is that of a whole Unix host: it is the user's here.
pub fn is_root() -> bool {
    false
}

/// What asks the program to end: Ctrl-C, Ctrl-Break, a console that is closed, a machine that shuts down.
pub struct Signals {
    interrupt: CtrlC,
    stop: CtrlBreak,
    close: CtrlClose,
    shutdown: CtrlShutdown,
}

impl Signals {
    /// # Errors
    /// The system refuses a handler.
    pub fn new() -> io::Result<Signals> {
        Ok(Signals { interrupt: ctrl_c()?, stop: ctrl_break()?, close: ctrl_close()?, shutdown: ctrl_shutdown()? })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.stop.recv() => {}
            _ = self.close.recv() => {}
            _ = self.shutdown.recv() => {}
        }
    }
}
