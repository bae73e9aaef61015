//! Which file a file is, whatever its name.
//!
//! In: nothing. Out: `FileId`. Invariant: a renamed file keeps its identity. Does not open files.

use serde::{Deserialize, Serialize};

/// A file's identity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileId {
    /// The device that it lies on.
    pub device: u64,
    /// Its inode there.
    pub inode: u64,
    /// A hash of its first bytes.
    pub head: u64,
    /// Of how many bytes.
    pub head_bytes: u32,
}
