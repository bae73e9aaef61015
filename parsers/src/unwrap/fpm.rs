//! PHP-FPM's log around its workers' output, and FastCGI's one line of many messages, alone or in nginx's log.
//!
//! In: one raw line. Out: what PHP printed. Invariant: a line that FPM cut at its limit is said to go on. Does not
//! read PHP's messages.

use super::{Unwrapped, prefix};
use crate::text::Literal;

/// What PHP puts before each message that it hands to FastCGI.
const MESSAGE: &[u8] = b"PHP message: ";
static FIRST: Literal = Literal::new("PHP message: ");
static READING: Literal = Literal::new("\" while reading ");
static CLIENT: Literal = Literal::new(", client: ");
/// Where a worker's own text begins.
const SAID: &[u8] = b" said into std";

// [23-Nov-2026 08:50:00] WARNING: [pool www] child 26811 said into stderr: "#0 {main}"
pub(super) fn fpm<'a>(line: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<Unwrapped<'a>> {
    if let Some((key, stamp, text)) = worker(line) {
        let partial = is_cut(line);
        let text = text.strip_prefix(b"NOTICE: ").filter(|rest| rest.starts_with(MESSAGE)).unwrap_or(text);
        return Some(Unwrapped { key, text: text.strip_prefix(MESSAGE).unwrap_or(text), stamp, partial });
    }
    messages(line, scratch)
}

/// Whether one of these lines may hold FastCGI's words.
pub(super) fn may_be_in(lines: &[u8]) -> bool {
    FIRST.is_in(lines) || READING.is_in(lines)
}

/// A worker's process id, the time, and what it said.
fn worker(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let inner = line.strip_prefix(b"[")?;
    let length = prefix::stamp(inner)?;
    let rest = inner[length..].strip_prefix(b"] WARNING: [pool ")?;
    let child = memchr::memmem::find(rest, b"] child ")? + 8;
    let digits = rest[child..].iter().take_while(|c| c.is_ascii_digit()).count();
    let said = rest[child + digits..].strip_prefix(SAID)?;
    let text = said.strip_prefix(b"err: \"").or_else(|| said.strip_prefix(b"out: \""))?;
    let text = text.strip_suffix(b", pipe is closed").unwrap_or(text);
    Some((&rest[child..child + digits], &inner[..length], text.strip_suffix(b"\"").unwrap_or(text)))
}

/// Whether FPM cut a line here: with its line break it fills `log_limit`, 1024 unless configured.
fn is_cut(line: &[u8]) -> bool {
    let length = line.len() + 1;
    line.ends_with(b"\"") && length >= 1000 && (length.is_multiple_of(1024) || length.is_multiple_of(1000))
}

// NOTICE: PHP message: a  ·  PHP message: a; PHP message: b
// 2026/11/23 08:50:00 [error] 31#31: *5 FastCGI sent in stderr: "PHP message: a" while reading response header, client: ::1
fn messages<'a>(line: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<Unwrapped<'a>> {
    let tail = READING.find(line).filter(|_| CLIENT.is_in(line));
    if tail.is_none() && !FIRST.is_in(line) {
        return None;
    }
    let marks = memchr::memmem::find_iter(line, MESSAGE);
    // What nginx says of the request stays behind the last message: PHP's grammar reads it there.
    let messages = tail.unwrap_or(line.len());
    scratch.clear();
    let mut stamp: &[u8] = b"";
    let mut at = 0;
    for mark in marks.take_while(|mark| *mark < messages) {
        let before = &line[at..mark];
        if at == 0 && !before.is_empty() && !ends_message(before) {
            stamp = introduction(before)?;
        } else {
            scratch.extend_from_slice(before.strip_suffix(b"; ").unwrap_or(before));
            if mark > 0 {
                scratch.push(b'\n');
            }
        }
        at = mark + MESSAGE.len();
    }
    scratch.extend_from_slice(&line[at..]);
    Some(Unwrapped { key: b"", text: scratch, stamp, partial: false })
}

/// Whether a message ends so, behind which the next one follows without a break.
fn ends_message(text: &[u8]) -> bool {
    let digits = text.iter().rev().take_while(|c| c.is_ascii_digit()).count();
    text.ends_with(b"; ")
        || text.ends_with(b"{main}")
        || digits > 0 && text[..text.len() - digits].ends_with(b" on line ")
}

/// The time that FPM or nginx prints before the first message; none where a program's own text stands there.
fn introduction(before: &[u8]) -> Option<&[u8]> {
    if before == b"NOTICE: " {
        return Some(b"");
    }
    let nginx = before.ends_with(b"FastCGI sent in stderr: \"");
    let inner = before.strip_prefix(b"[").unwrap_or(before);
    let stamp = &inner[..prefix::stamp(inner)?];
    (nginx || before.ends_with(b"] NOTICE: ")).then_some(stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &str) -> Option<String> {
        fpm(line.as_bytes(), &mut Vec::new()).map(|found| String::from_utf8_lossy(found.text).into_owned())
    }

    #[test]
    fn workers() {
        let line = "[23-Nov-2026 08:50:00] WARNING: [pool www] child 7 said into stderr: \"NOTICE: PHP message: PHP Fatal error:  x\"";
        assert_eq!(text(line).unwrap(), "PHP Fatal error:  x");
        let head = "[23-Nov-2026 08:50:00] WARNING: [pool www] child 7 said into stderr: \"";
        let cut = format!("{head}{}\"", "x".repeat(1022 - head.len()));
        let mut scratch = Vec::new();
        let found = fpm(cut.as_bytes(), &mut scratch).unwrap();
        assert_eq!((found.partial, found.key, found.stamp), (true, &b"7"[..], &b"23-Nov-2026 08:50:00"[..]));
        assert_eq!(text("[23-Nov-2026 08:50:00] NOTICE: ready to handle connections"), None);
    }

    #[test]
    fn joined_messages() {
        assert_eq!(text("PHP message: a; PHP message: b").unwrap(), "a\nb");
        assert_eq!(
            text("  thrown in /a.php on line 9PHP message: b").unwrap_or_default(),
            "  thrown in /a.php on line 9\nb"
        );
        assert_eq!(text("NOTICE: PHP message: a").unwrap(), "a");
        assert_eq!(
            text("2026/11/23 08:50:00 [error] 31#31: *5 FastCGI sent in stderr: \"PHP message: a\" while reading response header from upstream, client: ::1").unwrap(),
            "a\" while reading response header from upstream, client: ::1"
        );
        assert_eq!(
            text("  thrown in /a.php on line 3\" while reading upstream, client: ::1, server: _").unwrap(),
            "  thrown in /a.php on line 3\" while reading upstream, client: ::1, server: _"
        );
    }
}
