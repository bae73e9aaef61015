//! Which file it is: a name that survives renaming, and does not survive that another file takes the inode.
//!
//! In: device, inode, the file's first bytes. Out: a `FileId`. Invariant: pure; the hash is the same on every host
//! and in every release. Does not open files.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A file's identity. The head grows with a small file, so that only `device` and `inode` name a stored row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileId {
    /// The device that the file lies on; 0 for what is no file (standard input, the journal).
    pub device: u64,
    /// The inode on that device.
    pub inode: u64,
    /// Hash of the first `head_bytes` bytes.
    pub head: u64,
    /// How many bytes `head` is of: the file's size when it was looked at, at most [`FileId::HEAD_BYTES`].
    pub head_bytes: u32,
}

impl FileId {
    /// So many first bytes tell two files apart.
    pub const HEAD_BYTES: usize = 1024;

    /// The identity of the file at this place that begins with `head`.
    pub fn new(device: u64, inode: u64, head: &[u8]) -> FileId {
        let head = &head[..head.len().min(FileId::HEAD_BYTES)];
        FileId { device, inode, head: hash(head), head_bytes: head.len() as u32 }
    }

    /// Whether a file that begins with `head` (as much as there is, or `HEAD_BYTES`) may be this one, grown.
    pub fn begins(&self, head: &[u8]) -> bool {
        head.get(..self.head_bytes as usize).is_some_and(|head| hash(head) == self.head)
    }
}

/// The first 64 bits of SHA-256.
pub fn hash(bytes: &[u8]) -> u64 {
    let digest = Sha256::digest(bytes);
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_grows_stays_itself() {
        let young = FileId::new(1, 2, b"first line\n");
        assert!(young.begins(b"first line\nsecond line\n"));
        assert!(!young.begins(b"first lime\nsecond line\n"));
        assert!(!young.begins(b"first"));
    }

    #[test]
    fn the_hash_is_the_same_everywhere() {
        assert_eq!(hash(b""), 0xe3b0_c442_98fc_1c14);
    }
}
