//! The lines that runtimes and libraries print around an exception's frames.
//!
//! In: one line. Out: what it is. Invariant: only their own words are known here. Does not read exceptions.

use crate::dotnet::head;
use crate::text::Literal;

static NESTED: Literal = Literal::new(" [See nested exception: ");
static QUOTED: [Literal; 2] = [Literal::new("xception: \""), Literal::new("xception=\"")];

/// The line before Quartz's second print of the cause, and whether that goes on in the next lines.
pub(super) fn without_nested(line: &str) -> (&str, bool) {
    match NESTED.find(line.as_bytes()) {
        Some(at) => (&line[..at], !line.trim_end().ends_with(']')),
        None => (line, false),
    }
}

// System.TimeoutException: A timeout occurred … HeartbeatException: "MongoDB.Driver.ConnectionException: … ---> …
/// Whether a message opens a quotation of another exception and does not close it on its line.
pub(super) fn quotes_trace(text: &str) -> bool {
    let opening = QUOTED.iter().find_map(|opening| opening.end_in(text.as_bytes()));
    let Some(quoted) = opening.map(|at| &text[at..]) else { return false };
    head::at_start(quoted).is_some_and(|head| head.strong) && !quoted.contains('"')
}

/// A line that only announces the frames.
pub(super) fn is_label(text: &str) -> bool {
    matches!(
        text.trim_end_matches(':').to_ascii_lowercase().as_str(),
        "stack trace" | "stacktrace" | "call stack" | "stack" | "traceback"
    )
}

/// What file exceptions print between their message and their frames.
pub(super) fn is_file_name(text: &str) -> bool {
    text.starts_with("File name: '") || text.starts_with("Fusion log:") || text.starts_with("WRN: Assembly binding")
}

/// Lines that follow an exception's frames and are still its own.
pub(super) fn is_tail(text: &str) -> bool {
    const TAILS: &[&str] = &[
        "Exception data:",
        "ClientConnectionId:",
        "ClientConnectionId before routing:",
        "Routing Destination:",
        "Error Number:",
        "[See nested exception:",
        "Cannot print exception string because Exception.ToString() failed.",
        "WRN: Assembly binding",
        "=== Pre-bind state information ===",
        "LOG: ",
        "Calling assembly : ",
        "To enable assembly bind failure logging",
        "Note: There is some performance penalty",
        "To turn this feature off",
    ];
    TAILS.iter().any(|tail| text.starts_with(tail))
}
