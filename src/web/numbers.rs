//! `/metrics`: what the store holds and what the agent counted, for Prometheus.
//!
//! In: the store's status, the agent's counters. Out: text. Invariants: names and labels of the text
//! are an outward contract; a label has a bounded number of values.

use std::cmp::Reverse;

use jiff::Timestamp;

use crate::metrics::{Counters, Text};
use crate::store::Status;
use crate::tail::{Checkpoint, Ledger};

/// Files that have numbers of their own, those with the most to read first; the totals are of all.
const MAX_FILES: usize = 200;

/// `is_ready` as `/readyz` says it.
pub(super) fn text(status: &Status, counters: &Counters, is_ready: bool, now: Timestamp) -> String {
    let mut text = Text::default();
    let name = "errtail_build_info";
    text.family(name, "gauge", "The agent's version.");
    text.sample(name, &[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.single("errtail_ready", "gauge", "1 while the inputs are read.", u64::from(is_ready));
    let total = status.outcomes.iter().map(|count| count.records).sum();
    text.single("errtail_records_total", "counter", "Exception records found; each is in one outcome.", total);
    let name = "errtail_records";
    text.family(name, "gauge", "Exception records by what has become of them so far, and why.");
    for count in &status.outcomes {
        text.sample(name, &[("outcome", &count.outcome), ("reason", &count.reason)], count.records);
    }
    let name = "errtail_issues";
    text.family(name, "gauge", "Issues by state.");
    for (state, count) in &status.issues {
        text.sample(name, &[("state", state)], *count);
    }
    text.single("errtail_outbox_events", "gauge", "Events that wait to be sent.", status.outbox.events);
    text.single("errtail_outbox_bytes", "gauge", "Bytes of events that wait to be sent.", status.outbox.bytes);
    let age = status.oldest.map_or(0, |oldest| now.duration_since(oldest).as_secs().max(0));
    let age = u64::try_from(age).unwrap_or(0);
    text.single("errtail_outbox_oldest_seconds", "gauge", "How long the oldest of them has waited.", age);
    let full = u64::from(status.outbox.is_full);
    text.single("errtail_outbox_full", "gauge", "1 while reading waits for the outbox.", full);
    text.single("errtail_failed_events", "gauge", "Events that Sentry refused, kept aside.", status.failed);
    let name = "errtail_sent_total";
    text.family(name, "counter", "Events that Sentry has taken.");
    for to in &status.destinations {
        text.sample(name, &[("dsn", &to.dsn_key)], to.sent);
    }
    let name = "errtail_held";
    text.family(name, "gauge", "1 while a DSN takes nothing.");
    for to in &status.destinations {
        text.sample(name, &[("dsn", &to.dsn_key)], u64::from(to.held.is_some()));
    }
    let name = "errtail_gaps_total";
    text.family(name, "counter", "Times that bytes of a log could not be read, or may have been lost, by cause.");
    for total in &status.gap_totals {
        text.sample(name, &[("cause", &total.cause)], total.gaps);
    }
    let name = "errtail_gap_bytes_total";
    text.family(name, "counter", "Bytes of logs that are known to be lost, by cause.");
    for total in &status.gap_totals {
        text.sample(name, &[("cause", &total.cause)], total.bytes);
    }
    files(&mut text, status);
    counters.write(&mut text);
    text.finish()
}

/// A counter of a file's ledger: name, help, value.
type Family = (&'static str, &'static str, fn(&Ledger) -> u64);

fn files(text: &mut Text, status: &Status) {
    let mut files: Vec<(&Checkpoint, Option<u64>)> = status.checkpoints.iter().map(|file| (file, file.lag())).collect();
    text.single("errtail_files", "gauge", "Files whose positions are kept.", files.len() as u64);
    let lag = files.iter().filter_map(|(_, lag)| *lag).sum();
    text.single("errtail_lag_bytes", "gauge", "Bytes of all files that were not yet read.", lag);
    let sum = |value: fn(&Ledger) -> u64| status.checkpoints.iter().map(|file| value(&file.ledger)).sum();
    let read = sum(|ledger| ledger.bytes_read);
    text.single("errtail_read_bytes_total", "counter", "Bytes read of all files.", read);
    files.sort_by_key(|(file, lag)| (Reverse(*lag), &file.path));
    files.truncate(MAX_FILES);
    let name = "errtail_file_lag_bytes";
    text.family(name, "gauge", "Bytes of a file that were not yet read.");
    for (file, lag) in &files {
        if let Some(lag) = lag {
            text.sample(name, &[("path", &file.path.to_string_lossy())], *lag);
        }
    }
    let families: [Family; 6] = [
        ("errtail_file_read_bytes_total", "Bytes read of a file.", |ledger| ledger.bytes_read),
        ("errtail_file_skipped_bytes_total", "Bytes of a file that were passed over.", |ledger| ledger.bytes_skipped),
        ("errtail_file_records_total", "Exception records found in a file.", |ledger| ledger.records),
        ("errtail_file_gaps_total", "Times that bytes of a file may have been lost.", |ledger| ledger.gaps),
        ("errtail_file_stalls_total", "Times that reading waited for the outbox.", |ledger| ledger.stalls),
        ("errtail_file_failed_reads_total", "Reads of a file that failed and were tried again.", |ledger| {
            ledger.failed_reads
        }),
    ];
    for (name, help, value) in families {
        text.family(name, "counter", help);
        for (file, _) in &files {
            text.sample(name, &[("path", &file.path.to_string_lossy())], value(&file.ledger));
        }
    }
}
