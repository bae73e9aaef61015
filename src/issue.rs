//! Which failure an exception is one of, and what an issue's history says is to be done.
//!
//! In: a record, `now`. Out: a `Fingerprint`; first, counted, or due again. Invariant: pure. Does not store.

mod settings;
mod window;

pub use settings::{Report, Settings};
pub use window::{Counted, Decision, History, MAX_AGE, Occurrence, Pending, Repeats, State, Why, closes, decide};

use errtail_parsers::Record;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The grouping key: hex, stable across hosts, releases, line numbers and chunking.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub String);

/// The fingerprint of a record.
pub fn fingerprint(record: &Record) -> Fingerprint {
    let mut hash = Sha256::new();
    for exception in &record.exceptions {
        hash.update(exception.kind.as_bytes());
    }
    let hex: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Fingerprint(hex)
}
