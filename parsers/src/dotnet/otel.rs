//! Records as OpenTelemetry's console exporter prints them.
//!
//! In: lines. Out: the record that begins on the first of them. Invariant: a record begins with its time. Does not read
//! activities, which report an exception before anybody knows whether it is handled.

use super::{record, trace};
use crate::assemble::Found;
use crate::record::{Record, Trace};
use crate::{header, time};

/// What a console exporter of OpenTelemetry prints before a record's members.
const RECORD: &str = "LogRecord.";

/// Whether a line begins a record of OpenTelemetry's console exporter; cheap.
pub(super) fn begins(line: &[u8]) -> bool {
    line.starts_with(b"LogRecord.Timestamp:")
}

// LogRecord.Timestamp:   2026-11-20T08:15:09.98Z / LogRecord.CategoryName: Shop.Cart / … / LogRecord.Exception:  System.…
/// A record of OpenTelemetry's console exporter.
pub(super) fn parse(lines: &[&str]) -> Option<Found> {
    if !begins(lines.first()?.as_bytes()) {
        return None;
    }
    let member = |name: &str| {
        let found = lines.iter().find_map(|line| line.strip_prefix(RECORD)?.strip_prefix(name)?.strip_prefix(':'));
        found.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned)
    };
    let at = lines.iter().position(|line| line.starts_with("LogRecord.Exception:"))?;
    let text = lines[at]["LogRecord.Exception:".len()..].trim_start();
    let trace = trace::read(lines, at, lines[at].len() - text.len(), 0);
    if trace.exceptions.iter().all(|exception| exception.frames.is_empty()) && trace.exceptions.len() < 2 {
        return None;
    }
    let mut record = record(trace.exceptions);
    record.unparsed = trace.unparsed;
    describe(&mut record, member);
    Some(Found { record, lines: 0..trace.end, has_header: true })
}

fn describe(record: &mut Record, member: impl Fn(&str) -> Option<String>) {
    record.format = "otel-console".to_owned();
    record.timestamp = member("Timestamp").and_then(|stamp| time::at_start(&stamp)?.value);
    let level = member("SeverityText").or_else(|| member("Severity")).or_else(|| member("LogLevel"));
    record.level = level.and_then(|word| header::level(&word));
    record.logger = member("CategoryName");
    record.message = member("FormattedMessage").or_else(|| member("Body"));
    let ids = Trace { trace_id: member("TraceId"), span_id: member("SpanId") };
    record.trace = (ids != Trace::default()).then_some(ids);
}
