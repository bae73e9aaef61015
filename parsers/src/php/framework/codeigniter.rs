//! CodeIgniter 3 and 4: `CRITICAL - 2024-03-02 10:11:13 --> ErrorException: Undefined variable $rows`.
//!
//! In: an entry's lines. Out: the exception that nobody caught, with its causes. Invariant: an entry is one of the
//! error handler's, by the words that it alone writes. Does not read what an application logs with words of its own.

use super::{exception, found, is_class, on_line};
use crate::assemble::Found;
use crate::frames::Frames;
use crate::header::{self, Header};
use crate::php::frame;
use crate::php::mechanism::By;
use crate::php::native;
use crate::record::{Exception, Request};
use crate::time;

/// Lines that a message may have.
const MESSAGE_LINES: usize = 60;
const CAUSE: &str = "[Caused by] ";

// CRITICAL - 2024-03-02 10:11:13 --> ErrorException: Undefined variable $rows
pub(super) fn header(line: &str) -> Option<Header> {
    let word = line.bytes().take_while(u8::is_ascii_uppercase).count();
    let (level, rest) = (&line[..word], line[word..].strip_prefix(" - ")?);
    let level = header::level(level).filter(|_| level.bytes().all(|c| c.is_ascii_uppercase()))?;
    let stamp = time::at_start(rest)?;
    let message = rest[stamp.length..].strip_prefix(" --> ")?;
    let length = line.len() - message.len();
    let format = Some("codeigniter");
    Some(Header { length, timestamp: stamp.value, level: Some(level), format, ..Header::default() })
}

/// Whether an entry's first line only tells the cause of the entry before it.
pub(crate) fn is_cause(line: &[u8]) -> bool {
    let head = &line[..line.len().min(80)];
    memchr::memmem::find(head, b" --> [Caused by] ").is_some()
}

pub(super) fn parse(lines: &[&str]) -> Option<Found> {
    if let Some(reported) = lines[0].strip_prefix("Severity: ") {
        return severity(lines, reported);
    }
    if let Some(failed) = lines[0].strip_prefix("Query error: ") {
        return query(lines, failed);
    }
    let (first, mut end, request) = block(lines, 0, lines[0].strip_prefix(CAUSE).unwrap_or(lines[0]))?;
    let mut chain = vec![first];
    while let Some(line) = lines.get(end)
        && let Some(at) = line.find(CAUSE).filter(|at| line[..*at].ends_with(" --> "))
        && let Some((cause, behind, _)) = block(lines, end, &line[at + CAUSE.len()..])
    {
        chain.push(cause);
        end = behind;
    }
    let mut found = found(chain, 0..end, By::CodeIgniter, Some(false))?;
    found.record.request = request;
    Some(found)
}

// ErrorException: Undefined variable $rows
// [Method: GET, Route: stock/list]
// in APPPATH/Views/stock/list.php on line 12.
//  1 APPPATH/Views/stock/list.php(12): CodeIgniter\Debug\Exceptions->errorHandler(2, 'Undefined variable $rows')
/// One exception from line `at` on, whose end is `text`; the line behind it, and the request that it names.
fn block(lines: &[&str], at: usize, text: &str) -> Option<(Exception, usize, Option<Request>)> {
    let last = lines.len().min(at + MESSAGE_LINES);
    let placed = (at + 1..last).find(|index| lines[*index].starts_with("in ") && lines[*index].ends_with('.'))?;
    let (_, place) = on_line(lines[placed])?;
    let mut request = None;
    let mut whole = text.to_owned();
    for line in &lines[at + 1..placed] {
        match route(line) {
            Some(route) => request = Some(route),
            None => {
                whole.push('\n');
                whole.push_str(line);
            }
        }
    }
    // Up to 4.2 the type is not printed.
    let (kind, message) = whole.split_once(": ").filter(|(kind, _)| is_class(kind)).unwrap_or(("Exception", &whole));
    // Up to the next cause: so that each line is read for one exception.
    let own = lines[placed + 1..].iter().take_while(|line| !is_cause(line.as_bytes()));
    let numbered: Vec<String> = own.map(|line| numbered(line)).collect();
    let frames = frame::frames(numbered.iter().map(String::as_str));
    Some((exception(kind, message, Some(place), frames.frames), placed + 1 + frames.lines, request))
}

// [Method: GET, Route: stock/list]
fn route(line: &str) -> Option<Request> {
    let (method, route) = line.strip_prefix("[Method: ")?.strip_suffix(']')?.split_once(", Route: ")?;
    Some(Request {
        method: Some(method.to_owned()),
        url: Some(format!("/{}", route.trim_start_matches('/'))),
        status: None,
    })
}

/// A frame's line in PHP's own form: ` 1 APPPATH/a.php(12): f()` as `#1 APPPATH/a.php(12): f()`.
fn numbered(line: &str) -> String {
    let text = line.trim_start();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > 4 || line.len() - text.len() > 2 || !text[digits..].starts_with(' ') {
        return line.to_owned();
    }
    format!("#{}", text.replacen("{PHP internal code}", "[internal function]", 1))
}

// Severity: error --> Exception: Call to a member function row() on bool /srv/application/models/Stock_model.php 91
/// An entry of version 3.
fn severity(lines: &[&str], reported: &str) -> Option<Found> {
    let (severity, text) = reported.split_once(" --> ")?;
    let fatal = ["error", "parsing error", "core error", "compile error", "user error", "fatal error"];
    if !fatal.iter().any(|name| severity.eq_ignore_ascii_case(name)) {
        return None;
    }
    if text.starts_with("Uncaught ") {
        let printed = native::read(lines, 0, text)?;
        let thrown = lines.get(printed.end).is_some_and(|line| line.trim_start().starts_with("thrown "));
        return found(printed.chain, 0..printed.end + usize::from(thrown), By::CodeIgniter, Some(false));
    }
    let end = (0..lines.len().min(MESSAGE_LINES)).find(|index| placed(lines[*index]).is_some())?;
    let mut whole = text.to_owned();
    for line in &lines[1..=end] {
        whole.push('\n');
        whole.push_str(line);
    }
    let (message, place) = placed(&whole)?;
    let (kind, message) = message.split_once(": ").filter(|(kind, _)| is_class(kind)).unwrap_or_else(|| {
        let parse = severity.eq_ignore_ascii_case("parsing error");
        (if parse { "Parse error" } else { "Fatal error" }, message)
    });
    found(vec![exception(kind, message, Some(place), Frames::default())], 0..end + 1, By::CodeIgniter, Some(false))
}

// Query error: Table 'shop.order' doesn't exist - Invalid query: SELECT *
// FROM `order`
/// A query that version 3 gave up: whether the script ends there, its settings say.
fn query(lines: &[&str], failed: &str) -> Option<Found> {
    let (message, _) = failed.split_once(" - Invalid query: ")?;
    found(vec![exception("Query error", message, None, Frames::default())], 0..lines.len(), By::CodeIgniter, None)
}

/// `… /srv/a.php 91`: what stands before the place, and the place.
fn placed(text: &str) -> Option<(&str, (&str, u32))> {
    let (before, line) = text.trim_end().rsplit_once(' ')?;
    let line = line.parse().ok()?;
    let php = before.ends_with(".php") || before.ends_with("eval()'d code");
    let at = before.rfind(" /").or_else(|| before.rfind(":\\").and_then(|colon| before[..colon].rfind(' ')))?;
    php.then(|| (&before[..at], (&before[at + 1..], line)))
}
