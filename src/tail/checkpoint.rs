//! How far the agent is in a file.
//!
//! In: nothing. Out: `Checkpoint`. Invariant: what lies before `offset` is in the store. Does not read files.

use serde::{Deserialize, Serialize};

use super::FileId;

/// The place in a file from which it must be read on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Which file.
    pub file: FileId,
    /// Where it was last seen.
    pub path: String,
    /// Bytes before the start of its oldest open record.
    pub offset: u64,
    /// The line that begins there, from 1.
    pub line: u64,
}
