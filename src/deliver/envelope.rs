//! The envelope: what goes over the wire.
//!
//! In: an event's JSON, reports of what was given up, the time. Out: gzipped bytes. Invariant: one event an envelope;
//! `sent_at` is the attempt's, since Sentry shifts the times of an event by the age of it. Does not send.
//! Source: develop.sentry.dev, "Envelopes" and "Client Reports".

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::json;

use crate::store::ClientReport;

/// An envelope of one event.
///
/// # Errors
/// Never in practice: it is written to memory.
pub(super) fn gzipped(event_id: &str, event: &[u8], reports: &[ClientReport], now: Timestamp) -> io::Result<Vec<u8>> {
    let mut out = GzEncoder::new(Vec::with_capacity(event.len() / 4), Compression::default());
    let sdk = json!({"name": "errtail", "version": env!("CARGO_PKG_VERSION")});
    writeln!(out, "{}", json!({"event_id": event_id, "sent_at": now.to_string(), "sdk": sdk}))?;
    writeln!(out, "{}", json!({"type": "event", "length": event.len(), "content_type": "application/json"}))?;
    out.write_all(event)?;
    out.write_all(b"\n")?;
    if !reports.is_empty() {
        let discarded =
            |report: &ClientReport| json!({"reason": report.reason, "category": "error", "quantity": report.quantity});
        let discarded: Vec<_> = reports.iter().map(discarded).collect();
        let report = json!({"timestamp": now.to_string(), "discarded_events": discarded}).to_string();
        writeln!(out, "{}", json!({"type": "client_report", "length": report.len()}))?;
        writeln!(out, "{report}")?;
    }
    out.finish()
}
