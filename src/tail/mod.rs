//! The tail room's types that other rooms speak of: which file, and how far in it.
//!
//! In: nothing. Out: `FileId`, `Checkpoint`. Does not read files.

pub mod checkpoint;
pub mod file_id;

pub use checkpoint::Checkpoint;
pub use file_id::FileId;
