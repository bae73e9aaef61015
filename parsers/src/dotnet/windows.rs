//! The texts that ASP.NET and the logging provider write to Windows' event log.
//!
//! In: lines. Out: the record of the event in them, with its request, user and time. Invariant: an event is known by
//! the words that it begins with. Does not read how an export frames the text.

use super::{Start, line, record, trace};
use crate::assemble::Found;
use crate::record::{Exception, Level, Request, User};
use crate::time;

/// Whether a line begins such a text; cheap.
pub(super) fn begins(line: &[u8]) -> bool {
    let category = |name: &[u8]| name.contains(&b'.') && !name.iter().any(u8::is_ascii_whitespace);
    line.starts_with(WEB_EVENT.as_bytes()) || line.strip_prefix(b"Category: ").is_some_and(category)
}

const WEB_EVENT: &str = "Event code: ";

/// The event around the hit.
pub(super) fn parse(lines: &[&str], hit: usize) -> Option<Found> {
    let first = *lines.first()?;
    if first.starts_with(WEB_EVENT) {
        return web_event(lines);
    }
    let provided = first.starts_with("Category: ") && lines.get(1)?.starts_with("EventId: ");
    provided.then(|| provider(lines, hit))?
}

// Framework Version: v4.0.30319 / Description: The process was terminated due to an unhandled exception. /
// Exception Info: Shop.CartException / Stack:
/// The exception's head in the runtime's event of a crash, in any translation: two lines below the version of the runtime.
pub(super) fn runtime_event(lines: &[&str], anchor: usize) -> Option<Start> {
    (anchor.saturating_sub(MESSAGE_LINES)..anchor).rev().find_map(|line| {
        let value = |at: usize| lines.get(at)?.split_once([':', '\u{ff1a}']).map(|(_, value)| value.trim());
        let above = line.checked_sub(2)?;
        // Only the Framework's texts are translated.
        let version = value(above)?;
        let number =
            version.strip_prefix('v').or_else(|| lines[above].starts_with(".NET Version: ").then_some(version))?;
        let dotted = number.contains('.') && number.bytes().all(|c| c.is_ascii_digit() || c == b'.');
        let kind = value(line).filter(|kind| dotted && !kind.is_empty())?;
        let offset = lines[line].find(kind)?;
        Some(Start { line, offset, indent: 0, banner: true, first: line })
    })
}

/// So many lines of a message may stand between an exception's head and its first call.
const MESSAGE_LINES: usize = 40;

// Log Name:      Application / Source:        .NET Runtime / Date:          11/20/2026 8:15:09 AM / …
/// The time in the lines that the event viewer copies above an event's text, in any translation.
pub(super) fn copied_time(above: &[&str]) -> Option<String> {
    above.iter().rev().take(COPIED_LINES).find_map(|line| time::at_start(line.split_once(": ")?.1.trim())?.value)
}

/// So many lines are copied above the text, and stand above the exception in it.
const COPIED_LINES: usize = 16;

// Event code: 3005 / Event message: An unhandled exception has occurred. / … / Exception information: /
//     Exception type: NullReferenceException / Exception message: Object reference not set … / at … / Request information: …
/// ASP.NET's event 1309. The stack under `Thread information` is the same once more.
fn web_event(lines: &[&str]) -> Option<Found> {
    let heading = lines.iter().position(|line| line.trim() == "Exception information:")?;
    let value = |line: &str| line.split_once(':').map(|(_, value)| value.trim().to_owned());
    let kind = value(lines.get(heading + 1)?)?;
    let mut exception = Exception { kind, message: value(lines.get(heading + 2)?)?, ..Exception::default() };
    let mut at = heading + 3;
    while let Some(text) = lines.get(at).filter(|text| !text.trim().is_empty()) {
        match line::piece(text) {
            line::Piece::Frame(frame, _) => exception.frames.push(frame),
            line::Piece::Text(text) if exception.frames.is_empty() => {
                exception.message.push('\n');
                exception.message.push_str(text.trim_end());
            }
            _ => {}
        }
        at += 1;
    }
    if exception.frames.is_empty() {
        return None;
    }
    let mut record = record(vec![exception]);
    let labelled = |name: &str| {
        let found = lines.iter().find_map(|line| line.trim_start().strip_prefix(name)).map(str::trim);
        found.filter(|value| !value.is_empty()).map(str::to_owned)
    };
    record.message = labelled("Event message: ");
    record.level = Some(Level::Error);
    let clock = |text: String| time::at_start(&text)?.value;
    record.timestamp = labelled("Event time (UTC): ")
        .and_then(clock)
        .map(|stamp| format!("{stamp}Z"))
        .or_else(|| labelled("Event time: ").and_then(clock));
    record.request = labelled("Request URL: ").map(|url| Request { url: Some(url), ..Request::default() });
    record.user = labelled("User: ").map(|name| User { id: None, username: Some(name) });
    record.format = "windows-event".to_owned();
    record.found_by("aspnet.application_error", Some(false));
    let last = lines.iter().rposition(|line| !line.trim_matches([' ', '"']).is_empty()).unwrap_or(at);
    let custom = lines.iter().position(|line| line.starts_with("Custom event details:"));
    Some(Found { record, lines: 0..custom.unwrap_or(last).max(at - 1) + 1, has_header: true })
}

// Category: Microsoft.AspNetCore.Diagnostics.ExceptionHandlerMiddleware / EventId: 1 / RequestPath: /orders / (empty) /
// An unhandled exception has occurred while executing the request. / (empty) / Exception: / System.Exception: x / at …
/// The event log provider of Microsoft.Extensions.Logging.
fn provider(lines: &[&str], hit: usize) -> Option<Found> {
    let blank = lines.iter().position(|line| line.trim().is_empty())?;
    let anchor = super::anchor(lines, hit.max(blank))?;
    let start = super::start(lines, anchor)?;
    let trace = trace::read(lines, start.line, start.offset, start.indent);
    if trace.exceptions.iter().all(|exception| exception.frames.is_empty()) {
        return None;
    }
    let mut record = record(trace.exceptions);
    record.unparsed = trace.unparsed;
    record.format = "windows-event".to_owned();
    for (key, value) in lines[..blank].iter().filter_map(|line| line.split_once(": ")) {
        match key {
            "Category" => record.logger = Some(value.trim().to_owned()),
            _ => record.fields.push((key.to_owned(), value.trim().to_owned())),
        }
    }
    super::entry::message(&mut record, &lines[blank..start.line], "");
    Some(Found { record, lines: 0..trace.end, has_header: true })
}
