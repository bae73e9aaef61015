//! From paths to bytes: which files there are, which file is which, and how far each has been read.
//!
//! In: paths, directories, globs; checkpoints. Out: chunks of bytes, each with its file and offset, and word when a
//! file ends. Invariants: a byte that was in a file while it could be opened comes out once, in order, through
//! rotation and restart; memory is bounded by `Settings`. Does not parse, and keeps nothing on disk.

mod checkpoint;
mod file_id;
mod settings;

pub use checkpoint::{Checkpoint, Ledger};
pub use file_id::{FileId, hash};
pub use settings::{From, Settings};
