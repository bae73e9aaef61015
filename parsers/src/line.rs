//! What a line looks like, cheaply: the few facts by which a record's extent is found.
//!
//! In: the bytes of one line. Out: its `Kind`. Invariant: a pure function of the line, so that an extent never
//! depends on how the bytes were cut. Does not parse: a `Trace` line is only likely to be one.

use crate::{Formats, header, php};

/// What a line is to the extent of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing but blanks.
    Blank,
    /// The first line of a log entry.
    Begin,
    /// A frame, a separator, a cause: it goes on with what stands before it.
    Trace,
    /// Anything else.
    Text,
}

/// Classifies a line (without its line break), where entries may begin as users say, too.
pub(crate) fn kind_among(line: &[u8], formats: &Formats) -> Kind {
    if formats.begins(line) { Kind::Begin } else { kind(line) }
}

/// Classifies a line (without its line break).
pub(crate) fn kind(line: &[u8]) -> Kind {
    let trimmed = line.trim_ascii();
    if trimmed.is_empty() {
        return Kind::Blank;
    }
    if is_trace(line, trimmed) {
        Kind::Trace
    } else if header::begins(line) {
        Kind::Begin
    } else {
        Kind::Text
    }
}

/// Words that begin a frame line of .NET's translations, Node and Java, each with the blank behind it.
pub(crate) const AT: [&str; 26] = [
    "at ",
    "bei ",
    "à ",
    "en ",
    "in ",
    "em ",
    "bij ",
    "ved ",
    "vid ",
    "kohteessa ",
    "w ",
    "v ",
    "в ",
    "σε ",
    "στο ",
    "konum: ",
    "a következő helyen: ",
    "在 ",
    "於 ",
    "場所 ",
    "위치: ",
    "عند ",
    "ב- ",
    "ב-",
    // What is left of a word whose encoding was lost.
    "\u{fffd} ",
    "\u{fffd}\u{fffd} ",
];

fn begins_frame(trimmed: &[u8]) -> bool {
    let first = trimmed.first().copied().unwrap_or(0);
    AT.iter().any(|at| at.as_bytes()[0] == first && trimmed.starts_with(at.as_bytes()))
}

/// Whether a line looks like a call in a trace, as most lines of most traces do.
pub(crate) fn is_call(line: &[u8]) -> bool {
    let trimmed = line.trim_ascii_start();
    match trimmed {
        [b'#', digit, ..] => digit.is_ascii_digit(),
        _ => trimmed.starts_with(b"at ") || trimmed.len() < line.len() && begins_frame(trimmed),
    }
}

//    --- End of inner exception stack trace ---
/// Whether a line parts the calls of a trace.
pub(crate) fn is_separator(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"--- ")
}

/// Whether a text can only be a stack frame as runtimes print them, with its own indentation.
pub(crate) fn is_frame(text: &[u8]) -> bool {
    let trimmed = text.trim_ascii_start();
    let indented = text.starts_with(b"\t") || text.len() >= trimmed.len() + 2;
    if indented && begins_frame(trimmed) {
        return true;
    }
    let Some(number) = text.strip_prefix(b"#") else { return false };
    let digits = number.iter().take_while(|c| c.is_ascii_digit()).count();
    number[digits..].strip_prefix(b" ").filter(|_| digits > 0).is_some_and(|place| {
        place.starts_with(b"{main}")
            || place.starts_with(b"[internal function]")
            || memchr::memmem::find(place, b".php(").is_some()
    })
}

fn is_trace(line: &[u8], trimmed: &[u8]) -> bool {
    let indented = line.len() > trimmed.len() && matches!(line[0], b' ' | b'\t');
    if indented && begins_frame(trimmed) {
        return true;
    }
    match trimmed[0] {
        b'a' => trimmed.starts_with(b"at "),
        b'P' => php::is_xdebug(trimmed),
        b'#' => trimmed.len() > 2 && trimmed[1].is_ascii_digit(),
        b'-' => trimmed.starts_with(b"---> ") || trimmed.starts_with(b"--- "),
        b'.' => trimmed.starts_with(b"... "),
        b'<' => trimmed == b"<---",
        b'[' => {
            trimmed.starts_with(b"[stacktrace]")
                || trimmed.starts_with(b"[previous exception]")
                || trimmed.starts_with(b"[cause]")
                || trimmed.starts_with(b"[errors]")
                || php::is_xdebug(trimmed)
        }
        b'S' => trimmed.starts_with(b"Stack trace:") || trimmed.starts_with(b"Server stack trace:"),
        b't' => trimmed.starts_with(b"thrown in ") || trimmed.starts_with(b"thrown at "),
        b'N' => trimmed.starts_with(b"Next ") || trimmed.starts_with(b"Node.js v"),
        b'"' => trimmed.starts_with(b"\"}"),
        _ => false,
    }
}
