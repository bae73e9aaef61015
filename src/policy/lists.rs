//! The built-in lists: what is what, and who reports what nobody caught.
//!
//! In: the TOML files beside this one, embedded. Out: their entries and reporters. Invariant: a list that cannot be
//! read is an error that names its file and line; a test reads them all. Does not judge.

use errtail_parsers::Platform;
use serde::Deserialize;

use super::PolicyError;
use super::evidence::{Reporter, Words};
use super::taxonomy::Entry;

/// The lists, in the order in which they are tried.
const FILES: [(&str, &str); 4] = [
    ("php.toml", include_str!("php.toml")),
    ("dotnet.toml", include_str!("dotnet.toml")),
    ("node.toml", include_str!("node.toml")),
    ("common.toml", include_str!("common.toml")),
];

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    /// Whose exceptions it knows; empty: everyone's.
    pub(super) platform: Vec<Platform>,
    #[serde(rename = "entry")]
    pub(super) entries: Vec<Entry>,
    #[serde(default, rename = "reporter")]
    pub(super) reporters: Vec<Reporter>,
    #[serde(default)]
    pub(super) words: Words,
}

/// Reads the lists.
pub(super) fn built_in() -> Result<Vec<List>, PolicyError> {
    let read = |(file, text): (&'static str, &str)| {
        let list: List = toml::from_str(text).map_err(|error| PolicyError::List { file, cause: error.to_string() })?;
        match list.entries.iter().find(|entry| !entry.is_conditional()) {
            Some(entry) => Err(PolicyError::List {
                file,
                cause: format!("entry {} has no condition, or an empty one", entry.name),
            }),
            None => Ok(list),
        }
    };
    FILES.into_iter().map(read).collect()
}
