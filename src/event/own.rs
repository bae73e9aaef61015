//! The agent's own event: what it could not read.
//!
//! In: facts about gaps. Out: one Sentry event. Invariant: it holds no line of any log. Does not send.

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::time;

/// What one event tells of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gaps {
    /// How many there were.
    pub count: u64,
    /// Bytes that are known to be missing.
    pub bytes: u64,
    /// Of how many it cannot be told how much is missing.
    pub unknown: u64,
    /// One line each, of the newest.
    pub named: Vec<String>,
}

/// The event that tells of `gaps`, and its id: the same for the same `key`.
pub fn of_gaps(gaps: &Gaps, key: &str, server_name: Option<&str>, now: Timestamp) -> (String, Value) {
    let digest = Sha256::digest(key.as_bytes());
    let event_id: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let Gaps { count, bytes, unknown, named } = gaps;
    let message = match unknown {
        0 => format!("{count} times a log could not be read to its end: at least {bytes} bytes are missing"),
        _ => format!(
            "{count} times a log could not be read to its end: at least {bytes} bytes are missing, and of {unknown} it is \
             unknown how many"
        ),
    };
    let event = json!({
        "event_id": event_id,
        "timestamp": time::seconds(now),
        "platform": "other",
        "level": "warning",
        "logger": "errtail.tail",
        "server_name": server_name,
        "release": concat!("errtail@", env!("CARGO_PKG_VERSION")),
        "fingerprint": ["errtail", "gap"],
        "logentry": {"formatted": message},
        "extra": {"gaps": count, "bytes": bytes, "unknown": unknown, "files": named},
        "sdk": {"name": "errtail", "version": env!("CARGO_PKG_VERSION")},
    });
    (event_id, event)
}
