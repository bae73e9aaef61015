//! Kohana, and Koseven after it: `2024-03-02 10:11:12 --- EMERGENCY: ErrorException [ 8 ]: text ~ APPPATH/a.php [ 12 ]`.
//!
//! In: an entry's lines; its trace stands below the text, or in a second entry. Out: the exception that the handler
//! logged. Invariant: a type stands above the calls. Does not read what an application logs with words of its own.

use super::found;
use crate::assemble::Found;
use crate::header::{self, Header};
use crate::php::mechanism::By;
use crate::php::untitled;
use crate::record::Level;
use crate::time;

const MARK: &str = " --- ";
/// Bytes of a line in which the level and the beginning of its trace stand.
const HEAD_BYTES: usize = 40;

// 2024-03-02 10:11:12 --- EMERGENCY: ErrorException [ 8 ]: Undefined variable: total ~ APPPATH/cart.php [ 12 ] in /srv/cart.php:12
pub(super) fn header(line: &str) -> Option<Header> {
    let stamp = time::at_start(line)?;
    let (word, message) = line[stamp.length..].strip_prefix(MARK)?.split_once(": ")?;
    // STRACE is a text with its trace, which Kohana gives no weight of its own.
    let level = if word == "STRACE" { Level::Error } else { header::level(word)? };
    let length = line.len() - message.len();
    let format = Some("kohana");
    Some(Header { length, timestamp: stamp.value, level: Some(level), format, ..Header::default() })
}

// 2024-03-02 10:11:12 --- DEBUG: #0 /srv/cart.php(12): Kohana_Core::error_handler(8, 'Undefined varia...')
/// Whether an entry's first line is the first call of the trace that belongs to the entry before it.
pub(super) fn is_trace(line: &[u8]) -> bool {
    let head = &line[..line.len().min(HEAD_BYTES)];
    let mark = memchr::memmem::find(head, MARK.as_bytes());
    mark.is_some_and(|at| {
        [&b"DEBUG: #0 "[..], b"STRACE: #0 "].iter().any(|end| head[at + MARK.len()..].starts_with(end))
    })
}

pub(super) fn parse(lines: &[&str]) -> Option<Found> {
    let bare = |line: &&str| if is_trace(line.as_bytes()) { line.find("#0 ").unwrap_or(0) } else { 0 };
    let texts: Vec<&str> = lines.iter().map(|line| &line[bare(line)..]).collect();
    let hit = texts.iter().position(|line| line.starts_with("#0 "))?;
    let printed = untitled::parse(&texts, hit)?;
    found(printed.chain, 0..printed.end, By::Kohana, Some(false))
}
