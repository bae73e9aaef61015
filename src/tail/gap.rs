//! What could not be read: told, with numbers, instead of passed over.
//!
//! In: nothing. Out: `Gap`. Invariant: a number of bytes is one that was seen; what nobody saw is "unknown".

use std::path::PathBuf;

/// Bytes that a file held, or may have held, and that nobody can read any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Where the file was last seen.
    pub path: PathBuf,
    /// Bytes from the beginning to the first one that is missing.
    pub offset: u64,
    /// At least so many bytes; none where it cannot be told whether there were any.
    pub bytes: Option<u64>,
    /// What happened.
    pub cause: Cause,
}

/// Why bytes could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// No path leads to the file any more, nor to a copy of it.
    Vanished,
    /// The file was cut short or written over, and no copy of it was found.
    CutShort,
    /// Reading the file failed until after it was rotated away.
    Unreadable,
    /// The agent's own parser failed on them.
    Parser,
}

impl Cause {
    /// Its name in status and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Vanished => "vanished",
            Cause::CutShort => "cut_short",
            Cause::Unreadable => "unreadable",
            Cause::Parser => "parser",
        }
    }
}

impl Gap {
    /// Tells it in the agent's log.
    pub(super) fn say(&self) {
        let Gap { path, offset, bytes, cause } = self;
        let what = match cause {
            Cause::Vanished => "gone",
            Cause::CutShort => "cut short or written over",
            Cause::Unreadable => "rotated away, and not readable",
            Cause::Parser => "not understood by the parser, which failed",
        };
        let lost = match bytes {
            Some(bytes) => format!("at least {bytes} bytes could not be read"),
            None => "what was written there later, if anything, could not be read".to_owned(),
        };
        tracing::warn!("{}: {what} behind byte {offset}: {lost}", path.display());
    }
}
