//! Neos and Flow: `24-03-02 10:11:12 4711  CRITICAL  Flow  Uncaught exception #1210858767 in line 521 of /srv/a.php: text`.
//!
//! In: the lines of a region, and the one with the words. Out: the exception, which Flow names by its number alone.
//! Invariant: number, line and file stand there. Does not read the file with the trace that the entry points to.

use super::{exception, found};
use crate::assemble::Found;
use crate::frames::Frames;
use crate::header;
use crate::php::mechanism::By;

const WORDS: &str = "Uncaught exception #";

pub(super) fn parse(lines: &[&str], hit: usize) -> Option<Found> {
    let line = lines[hit];
    let (head, told) = line.split_once(WORDS)?;
    let (code, rest) = told.split_once(" in line ")?;
    let (number, rest) = rest.split_once(" of ")?;
    let (file, text) = rest.split_once(": ")?;
    let message = text.split_once(" - See also: ").map_or(text, |(message, _)| message);
    let mut exception = exception("Exception", message, Some((file, number.parse().ok()?)), Frames::default());
    exception.code = Some(code.parse::<u64>().ok()?.to_string());
    let mut found = found(vec![exception], hit..hit + 1, By::Flow, Some(false))?;
    found.record.timestamp = time(head);
    found.record.level = head.split_ascii_whitespace().find_map(header::level);
    found.record.logger = head.split_ascii_whitespace().last().map(str::to_owned);
    Some(found)
}

/// `24-03-02 10:11:12`, of this century.
fn time(head: &str) -> Option<String> {
    let stamp = head.get(..17).filter(|stamp| stamp.as_bytes()[2] == b'-' && stamp.as_bytes()[8] == b' ')?;
    Some(format!("20{}T{}", &stamp[..8], &stamp[9..]))
}
