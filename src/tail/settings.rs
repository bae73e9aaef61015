//! What the tail room may be told.
//!
//! In: the configuration. Out: `Settings`. Invariant: each limit names its unit and has a default. Does nothing.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// The `[tail]` table of the configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Files, directories and globs (`**` too).
    pub paths: Vec<String>,
    /// Globs of what is not read; a glob without a slash is held against the file's name.
    pub exclude: Vec<String>,
    /// Where a file begins that the store does not know when the agent starts: later files are read from the beginning.
    pub from: From,
    /// Follow symbolic links that lead out of the watched directories.
    pub follow_symlinks: bool,
    /// Directories, beside the watched ones, into which symbolic links may lead.
    pub roots: Vec<PathBuf>,
    /// Files held open at a time; the others are opened in turn.
    pub max_open_files: usize,
    /// Bytes read from one file before the next one has its turn.
    pub read_ahead_bytes: usize,
    /// Bytes of one record; of a larger one the head and the tail are kept.
    pub max_record_bytes: usize,
    /// A record that could go on is closed when nothing comes for so long.
    pub idle_timeout_ms: u64,
    /// A last line without its end is taken as it is when nothing comes for so long.
    pub unended_timeout_ms: u64,
    /// A file that was rotated away is closed when nothing comes for so long.
    pub rotated_timeout_ms: u64,
    /// Days for which it is remembered how far a file was read that is not there any more.
    pub missing_days: u16,
    /// Files that are not there any more and are remembered, at most: the longest gone are forgotten first.
    pub max_missing_files: usize,
    /// How often directories are looked at anyway, besides the system's notices.
    pub rescan_interval_ms: u64,
    /// How often directories are looked at where the system gives no notices.
    pub poll_interval_ms: u64,
    /// Poll everywhere: never ask the system for notices.
    pub poll: bool,
}

/// Where a file begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// At its first byte.
    #[default]
    Beginning,
    /// At its last one.
    End,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            paths: Vec::new(),
            exclude: Vec::new(),
            from: From::Beginning,
            follow_symlinks: false,
            roots: Vec::new(),
            max_open_files: 512,
            read_ahead_bytes: 256 * 1024,
            max_record_bytes: 1024 * 1024,
            idle_timeout_ms: 1_000,
            unended_timeout_ms: 10_000,
            rotated_timeout_ms: 30_000,
            missing_days: 30,
            max_missing_files: 20_000,
            rescan_interval_ms: 30_000,
            poll_interval_ms: 1_000,
            poll: false,
        }
    }
}

impl Settings {
    pub(super) fn rotated_timeout(&self) -> Duration {
        Duration::from_millis(self.rotated_timeout_ms)
    }

    pub(super) fn rescan_interval(&self) -> Duration {
        Duration::from_millis(self.rescan_interval_ms.max(10))
    }

    pub(super) fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.poll_interval_ms.max(10))
    }
}
