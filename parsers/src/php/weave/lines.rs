//! What one line of a Monolog file may be: the first of an entry, one of a trace, or the last of a text.
//!
//! In: a line. Out: what it looks like by itself. Does not know which entries are open.

use std::borrow::Cow;

use crate::php::{self, monolog};
use crate::text::{self, Literal};

static MARK: Literal = Literal::new("\"[object] (");
static UNCAUGHT: Literal = Literal::new("Uncaught ");
/// Where a context's exception begins.
/// Bytes of an entry's message by which its exception is known again.
const OPENING_BYTES: usize = 64;

/// Whether a line holds a Monolog exception: only then is there anything to follow.
pub(crate) fn concerns(line: &[u8]) -> bool {
    MARK.is_in(line) || UNCAUGHT.find(&line[..line.len().min(64 + 9)]).is_some_and(|at| at < 64)
}

/// Whether a line opens a context's exception and does not close it: no quote behind it stands bare.
pub(super) fn opens(line: &[u8]) -> bool {
    let mut from = 0;
    while let Some(found) = MARK.find(&line[from..]) {
        let quote = from + found;
        from = quote + 11;
        if quote > 0 && matches!(line[quote - 1], b':' | b'[' | b',') {
            return !has_bare_quote(&line[from..]);
        }
    }
    false
}

fn has_bare_quote(text: &[u8]) -> bool {
    bare_quote(text).is_some()
}

/// The first quote that no backslash escapes.
fn bare_quote(text: &[u8]) -> Option<usize> {
    // Calls are full of backslashes, and hold no quote.
    memchr::memchr(b'"', text)?;
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'"', b'\\', text.get(at..)?) {
        at += found;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
    None
}

/// Whether a context's exception without a trace ends in a line that did not begin it.
// was never paid at /srv/a.php:3)"} []  ·  [previous exception] Over 9 levels deep, aborting normalization"} []
pub(super) fn ends_text(line: &[u8]) -> bool {
    let Some(quote) = bare_quote(line) else { return false };
    let text = &line[..quote];
    let placed = text.strip_suffix(b")").is_some_and(|place| place.last().is_some_and(u8::is_ascii_digit));
    placed && text.contains(&b':') || text.ends_with(b" deep, aborting normalization")
}

/// The number of a frame line, and whether it is `{main}`.
pub(super) fn numbered(text: &[u8]) -> Option<(u32, bool)> {
    let digits = text.get(1..)?.iter().take(8).take_while(|c| c.is_ascii_digit()).count();
    if text[0] != b'#' || digits == 0 || digits > 7 || text.get(1 + digits) != Some(&b' ') {
        return None;
    }
    let number = text[1..=digits].iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    Some((number, text[digits + 2..].starts_with(b"{main}")))
}

/// Whether a line may be the first of a Monolog entry: most that begin so are an exception's own.
pub(in crate::php) fn may_begin(line: &[u8]) -> bool {
    line.starts_with(b"[") && !line.starts_with(b"[stacktrace]") && !line.starts_with(b"[previous exception]")
}

/// The message of a Monolog entry's first line.
pub(super) fn monolog_message(line: &[u8]) -> Option<&[u8]> {
    if !may_begin(line) {
        return None;
    }
    let length = monolog::header(head(line).as_ref())?.length;
    line.get(length..)
}

fn head(line: &[u8]) -> Cow<'_, str> {
    text::decode(&line[..line.len().min(192)])
}

pub(super) fn monolog_or_php(text: &str) -> bool {
    php::header(text).is_some()
}

/// How a message begins, as it stands inside a JSON string.
pub(super) fn opening(message: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(OPENING_BYTES + 8);
    for byte in &message[..message.len().min(OPENING_BYTES)] {
        if matches!(byte, b'"' | b'\\') {
            escaped.push(b'\\');
        }
        escaped.push(*byte);
    }
    escaped
}

/// Whether a line's exception has the message that the open entry began with: then all of it is one entry, and
/// what looks like an entry's first line is a part of the message.
pub(super) fn repeats(line: &[u8], opening: &[u8]) -> bool {
    opening.len() >= 8
        && memchr::memmem::find_iter(line, opening).any(|at| line[..at].ends_with(b"): ") && MARK.is_in(&line[..at]))
}
