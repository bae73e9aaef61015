//! How far the agent is in a file, and what became of the bytes before.
//!
//! In: nothing, but the file's size where its lag is asked for. Out: the row that the store keeps for a file. Invariant: a checkpoint stands at the start of the
//! oldest record that is not complete, so that a record cut by a crash is read again whole.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::FileId;
use crate::system;

/// The place in a file from which it is read on. One a file: `device` and `inode` are the key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checkpoint {
    /// Which file.
    pub file: FileId,
    /// Where it was last seen.
    #[serde(with = "path_text")]
    pub path: PathBuf,
    /// Bytes from the beginning to the oldest open record.
    pub offset: u64,
    /// The line (from 1) that begins there.
    pub line: u64,
    /// Of each stream of the file (stdout, stderr, …), the end in bytes of its last record, where that is behind `offset`.
    pub streams: Vec<(String, u64)>,
    /// Hash of the `edge_bytes` bytes before `offset`: the file still is what was read.
    pub edge: u64,
    /// How many bytes `edge` is of.
    pub edge_bytes: u32,
    /// When the file had last been written to, in nanoseconds since 1970.
    pub modified: i64,
    /// Bytes that the file was seen to have.
    pub size: u64,
    /// Since when no path that is wanted leads to the file, in seconds since 1970; 0 while one does.
    pub missing_since: i64,
    /// The journal's own mark, for input from journald.
    pub cursor: Option<String>,
    /// The release that the file's own lines named last, before `offset`.
    pub release: Option<String>,
    /// What became of the file's bytes.
    pub ledger: Ledger,
}

impl Checkpoint {
    /// Where the parser goes on.
    pub fn position(&self) -> Position {
        Position { offset: self.offset, line: self.line.max(1), streams: self.streams.clone() }
    }

    /// Bytes of the file that were not yet read, or may have to be read again; none where it is no longer at its path.
    pub fn lag(&self) -> Option<u64> {
        let facts = system::facts(&self.path).ok()?;
        (facts.place == (self.file.device, self.file.inode)).then(|| facts.size.saturating_sub(self.offset))
    }
}

/// A path as text, or as bytes where it is not Unicode.
mod path_text {
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::system;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Text {
        Unicode(PathBuf),
        Bytes(Vec<u8>),
    }

    pub(super) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) => text.serialize(to),
            None => system::path_bytes(path).serialize(to),
        }
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<PathBuf, D::Error> {
        Ok(match Text::deserialize(from)? {
            Text::Unicode(path) => path,
            Text::Bytes(bytes) => system::path_of(bytes),
        })
    }
}

/// A place in a file's bytes from which parsing can go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position {
    /// Bytes from the beginning.
    pub offset: u64,
    /// The line (from 1) that begins there.
    pub line: u64,
    /// As in [`Checkpoint::streams`].
    pub streams: Vec<(String, u64)>,
}

impl Position {
    /// A file's first byte.
    pub fn beginning() -> Position {
        Position { offset: 0, line: 1, streams: Vec::new() }
    }
}

/// The account of a file: what was read, and what could not be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Bytes handed to the parser.
    pub bytes_read: u64,
    /// Bytes passed over: holes of NULs, what lay before the configured start.
    pub bytes_skipped: u64,
    /// Records found.
    pub records: u64,
    /// Times that a file was cut short or vanished, and it cannot be told whether everything had been read.
    pub gaps: u64,
    /// Times that reading stopped because the outbox was full.
    pub stalls: u64,
    /// Reads that failed; each was tried again.
    pub failed_reads: u64,
}
