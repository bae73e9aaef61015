//! Handlers that leave the type out: Matomo's, Hyperf's and ThinkPHP's, for what PHP's own messages are thrown as is
//! known; and those that put PHP's words together by hand.
//!
//! In: the lines of a region, the first without its entry's header. Out: the exception with its calls. Invariant: a place
//! or calls stand beside the message. Does not read what names a type.

use super::{exception, found};
use crate::assemble::Found;
use crate::header::{self, Header};
use crate::php::frame;
use crate::php::mechanism::By;
use crate::text::Literal;
use crate::time;

/// Lines of a message above its calls.
const MESSAGE_LINES: usize = 20;
/// Bytes of a line before its trace's first call.
const HEAD_BYTES: usize = 64;
static FIRST: Literal = Literal::new("#0 ");
const MATOMO: &str = "Uncaught exception: ";
const TITLE: &str = "Stack trace: #0 ";

/// How PHP's own messages begin, and the type that each is thrown with.
const KINDS: [(&str, &str); 10] = [
    ("SQLSTATE[", "PDOException"),
    ("Undefined ", "ErrorException"),
    ("Trying to ", "ErrorException"),
    ("Attempt to read ", "ErrorException"),
    ("Array to string ", "ErrorException"),
    ("Call to ", "Error"),
    ("Class ", "Error"),
    ("Cannot ", "Error"),
    ("Unsupported operand ", "TypeError"),
    ("syntax error", "ParseError"),
];

// [2026-11-23 08:00:00] hyperf.ERROR: #0 /srv/app/Cart.php(12): App\Shop->take()  ·  [ERROR] #0 /srv/app/Cart.php(12): …
/// Whether an entry's first line is the first call of the trace that belongs to the entry before it.
pub(super) fn is_trace(line: &[u8]) -> bool {
    let head = &line[..line.len().min(HEAD_BYTES)];
    let Some(at) = FIRST.find(head).filter(|_| line.starts_with(b"[")) else { return false };
    head[..at].ends_with(b".ERROR: ") || head[..at].ends_with(b"[ERROR] ")
}

// [2026-11-23T08:00:00+08:00][error] [0]Call to a member function take() on null  ·  [ error ] [8]Undefined variable: a
/// ThinkPHP's header, up to the code of what was thrown.
pub(super) fn header(line: &str) -> Option<Header> {
    let inner = line.strip_prefix('[')?;
    let stamp = time::at_start(inner);
    let rest = stamp.as_ref().map_or(Some(inner), |stamp| inner[stamp.length..].strip_prefix("]["))?;
    let (level, message) = rest.split_once("] ")?;
    thinkphp(message)?;
    let timestamp = stamp.and_then(|stamp| stamp.value);
    let length = line.len() - message.len();
    Some(Header { length, timestamp, level: Some(header::level(level.trim())?), ..Header::default() })
}

pub(super) fn parse(lines: &[&str], hit: usize) -> Option<Found> {
    let mut found = matomo(lines, hit).or_else(|| by_hand(lines, hit)).or_else(|| numbered(lines, hit))?;
    found.record.format.clear();
    Some(found)
}

// ERROR Piwik\Tracker[2026-11-23 08:00:00 UTC] [a1b2c] Uncaught exception: /srv/core/CronArchive.php(599): no answer [Query: ?module=API, CLI mode: 1]
fn matomo(lines: &[&str], hit: usize) -> Option<Found> {
    let (head, told) = lines[hit].split_once(MATOMO)?;
    let (place, message) = told.split_once("): ")?;
    let (file, line) = place.rsplit_once('(').filter(|(file, _)| file.ends_with(".php"))?;
    let message = message.split_once(" [Query: ").map_or(message, |(message, _)| message);
    let read = frame::frames(lines[hit + 1..].iter().copied());
    let place = Some((file, line.parse().ok()?));
    let chain = vec![exception(kind(message), message, place, read.frames)];
    let mut found = found(chain, hit..hit + 1 + read.lines, By::PhpUncaught, Some(false))?;
    found.record.timestamp = head.split('[').find_map(|inner| time::at_start(inner)?.value);
    Some(found)
}

// Uncaught exception: 'App\NoStock' with message 'no stock'
// Stack trace: #0 /srv/app/Cart.php(12): App\Shop->take()
// #1 {main}
// Thrown in '/srv/app/Shop.php' on line 31
/// What many a handler of one's own puts together, in words like PHP's.
fn by_hand(lines: &[&str], hit: usize) -> Option<Found> {
    let (_, told) = lines[hit].split_once(MATOMO)?;
    let (kind, message) = told.strip_prefix('\'')?.split_once("' with message '")?;
    let last = lines.len().min(hit + MESSAGE_LINES);
    let title = (hit + 1..last).find(|at| lines[*at].starts_with(TITLE))?;
    let whole = [&[message], &lines[hit + 1..title]].concat().join("\n");
    let first = std::iter::once(&lines[title][TITLE.len() - 3..]);
    let read = frame::frames(first.chain(lines[title + 1..].iter().copied()));
    let end = title + read.lines;
    let place = lines.get(end).and_then(|line| line.strip_prefix("Thrown in '")?.split_once("' on line "));
    let place = place.and_then(|(file, line)| Some((file, line.trim_end().parse().ok()?)));
    let chain = vec![exception(kind, whole.strip_suffix('\'').unwrap_or(&whole), place, read.frames)];
    found(chain, hit..end + usize::from(place.is_some()), By::PhpUncaught, Some(false))
}

// [0]Call to a member function take() on null[/srv/app/Cart.php:23]  ·  Undefined array key "id"[12] in /srv/app/Cart.php
// #0 /srv/app/Cart.php(12): App\Shop->take()
/// ThinkPHP's and Hyperf's, above their calls.
fn numbered(lines: &[&str], hit: usize) -> Option<Found> {
    let trace = FIRST.find(lines[hit].as_bytes()).filter(|at| *at == 0 || is_trace(lines[hit].as_bytes()))?;
    let title = hit.checked_sub(1)?;
    let coded = |at: &usize| thinkphp(lines[*at]);
    let first = (title.saturating_sub(MESSAGE_LINES)..=title).rev().find(|at| coded(at).is_some());
    let read = || frame::frames(std::iter::once(&lines[hit][trace..]).chain(lines[hit + 1..].iter().copied()));
    let Some((first, code)) = first.and_then(|at| Some((at, coded(&at)?.0))) else {
        let line = lines[title].trim_end_matches(" []");
        let (told, file) = line.rsplit_once("] in ").filter(|(_, file)| file.ends_with(".php"))?;
        let (message, number) = told.rsplit_once('[')?;
        let message = message.strip_prefix("[ERROR] ").unwrap_or(message);
        let read = read();
        let chain = vec![exception(kind(message), message, Some((file, number.parse().ok()?)), read.frames)];
        return found(chain, title..hit + read.lines, By::PhpText, Some(false));
    };
    let whole = [&[thinkphp(lines[first])?.1], &lines[first + 1..hit]].concat().join("\n");
    let placed = whole.strip_suffix(']').and_then(|text| text.rsplit_once('['));
    let placed = placed.and_then(|(message, place)| Some((message, frame::file_and_line(place)?)));
    let (message, place) = placed.map_or((whole.as_str(), None), |(message, place)| (message, Some(place)));
    let read = read();
    let mut exception = exception(kind(message), message, place, read.frames);
    exception.code = Some(code.to_owned());
    found(vec![exception], first..hit + read.lines, By::PhpText, Some(false))
}

// [0]Call to a member function take() on null  ·  [8]Undefined variable: a
/// The code and the text of ThinkPHP's message.
fn thinkphp(line: &str) -> Option<(&str, &str)> {
    let (code, text) = line.strip_prefix('[')?.split_once(']')?;
    (!code.is_empty() && code.bytes().all(|c| c.is_ascii_digit()) && !text.starts_with(' ')).then_some((code, text))
}

fn kind(message: &str) -> &'static str {
    let known = KINDS.iter().find(|(words, _)| message.starts_with(words)).map(|(_, kind)| *kind);
    known.unwrap_or(if message.contains(" must be of ") { "TypeError" } else { "Exception" })
}
