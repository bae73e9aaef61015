//! CakePHP 2 to 5: `2024-03-02 10:11:14 error: [TypeError] text in /srv/src/Stock.php on line 12`.
//!
//! In: an entry's lines. Out: the exception that nobody caught, its causes, the request. Invariant: the entry begins
//! with a type in brackets, or with a fatal error. Does not read what an application logs with words of its own.

use super::{exception, found, is_class, on_line};
use crate::assemble::Found;
use crate::frames::Frames;
use crate::header::{self, Header};
use crate::php::frame;
use crate::php::mechanism::By;
use crate::record::{Exception, Request};
use crate::time;

/// What each part begins with that may follow a message.
const PARTS: [&str; 7] = [
    "Exception Attributes: ",
    "Stack Trace:",
    "Trace:",
    "Request URL: ",
    "Referer URL: ",
    "Client IP: ",
    "Caused by: [",
];

// 2024-03-02 10:11:14 error: [TypeError] …  ·  2024-03-02 10:11:17 Error: Fatal Error (1): …
pub(super) fn header(line: &str) -> Option<Header> {
    let stamp = time::at_start(line)?;
    let rest = line[stamp.length..].strip_prefix(' ')?;
    let (level, message) = rest.split_at(rest.bytes().take_while(u8::is_ascii_alphabetic).count());
    let message = message.strip_prefix(": ")?;
    let level = header::level(level)?;
    let typed =
        message.strip_prefix('[').and_then(|inner| inner.split_once("] ")).is_some_and(|(kind, _)| is_class(kind));
    if !typed && !message.starts_with("Fatal Error (") {
        return None;
    }
    let length = line.len() - message.len();
    let format = Some("cakephp");
    Some(Header { length, timestamp: stamp.value, level: Some(level), format, ..Header::default() })
}

pub(super) fn parse(lines: &[&str]) -> Option<Found> {
    let (first, mut at) = head(lines, 0, lines[0])?;
    let mut chain = vec![first];
    let mut request = None;
    let mut end = at;
    while let Some(line) = lines.get(at) {
        if let Some(cause) = line.strip_prefix("Caused by: ") {
            let Some((exception, behind)) = head(lines, at, cause) else { break };
            chain.push(exception);
            at = behind;
        } else if line.starts_with("Stack Trace:") || line.starts_with("Trace:") {
            let (frames, taken) = trace(&lines[at + 1..]);
            if let Some(last) = chain.last_mut() {
                last.frames = frames;
            }
            at += 1 + taken;
        } else if let Some(url) = line.strip_prefix("Request URL: ") {
            request = Some(Request { url: Some(url.to_owned()), ..Request::default() });
            at += 1;
        } else if line.starts_with("Exception Attributes: ") {
            at += 1;
            at += lines[at..].iter().take_while(|line| !is_part(line)).count();
        } else if is_part(line) {
            at += 1;
        } else if line.trim().is_empty() {
            at += 1;
            continue;
        } else {
            break;
        }
        end = at;
    }
    let mut found = found(chain, 0..end, By::CakePhp, Some(false))?;
    found.record.request = request;
    Some(found)
}

fn is_part(line: &str) -> bool {
    PARTS.iter().any(|part| line.starts_with(part))
}

// [RuntimeException] no stock in /srv/src/Stock.php on line 12
/// The exception whose text begins at line `at` with `text`, and the line behind it.
fn head(lines: &[&str], at: usize, text: &str) -> Option<(Exception, usize)> {
    let more = lines[at + 1..].iter().take_while(|line| !is_part(line));
    let mut whole = text.to_owned();
    let mut end = at + 1;
    // A place ends the message; without one, the parts that follow do.
    if on_line(text).is_none() {
        for line in more.take(60) {
            whole.push('\n');
            whole.push_str(line);
            end += 1;
            if on_line(line).is_some() {
                break;
            }
        }
    }
    let (message, place) = match on_line(&whole) {
        Some((message, place)) => (message, Some(place)),
        None => (whole.trim_end(), None),
    };
    let (kind, message) = match message.strip_prefix('[') {
        Some(inner) => inner.split_once("] ").or_else(|| Some((inner.strip_suffix(']')?, "")))?,
        None => ("Fatal error", message.split_once("): ")?.1),
    };
    Some((exception(kind, message, place, Frames::default()), end))
}

// - /srv/src/Controller/OrdersController.php:33  ·  #0 /srv/src/Stock.php(12): App\Stock->take()
/// The frames in these lines, and how many of them it takes.
fn trace(lines: &[&str]) -> (Frames, usize) {
    if !lines.first().is_some_and(|line| line.starts_with("- ")) {
        let frames = frame::frames(lines.iter().copied());
        return (frames.frames, frames.lines);
    }
    let places: Vec<&str> = lines.iter().map_while(|line| line.strip_prefix("- ")).collect();
    (places.iter().filter_map(|place| frame::from_place(place)).collect(), places.len())
}
