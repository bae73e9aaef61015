//! Labelled lines, as Slim's error handler writes them: `Type: …`, `Message: …`, `File: …`, `Line: …`, `Trace: #0 …`.
//!
//! In: the lines of a region. Out: the exception and its causes. Invariant: type, message, file and line all stand
//! there, in this order. Does not read the blocks of other languages: the file is one of PHP's.

use std::ops::Range;

use super::{exception, found, is_class};
use crate::assemble::Found;
use crate::frames::Frames;
use crate::php::frame;
use crate::php::mechanism::By;
use crate::record::Exception;

/// Lines above the hit in which the block may begin.
const LOOK_BACK_LINES: usize = 64;

// Slim Application Error
// Type: PDOException
// Code: 2002
// Message: SQLSTATE[HY000] [2002] Connection refused
// File: /srv/src/Db.php
// Line: 12
// Trace: #0 /srv/src/Db.php(12): PDO->__construct('mysql:host=db')
pub(super) fn parse(lines: &[&str], hit: usize) -> Option<Found> {
    let begins = |at: &usize| lines[*at].strip_prefix("Type: ").is_some_and(|kind| is_class(kind.trim_end()));
    let lowest = hit.saturating_sub(LOOK_BACK_LINES);
    let mut at = (lowest..=hit).rev().find(begins)?;
    // An earlier block whose cause this one is, is the outermost.
    while let Some(title) = at.checked_sub(1).filter(|title| lines[*title].trim() == "Previous Error:")
        && let Some(outer) = (lowest..title).rev().find(begins)
    {
        at = outer;
    }
    // Slim Application Error  ·  500 Internal Server Error
    let status = |line: &str| line.split(' ').next().is_some_and(|word| word.len() == 3 && word.parse::<u16>().is_ok());
    let is_title = |title: usize| title == 0 || lines[title].ends_with("Application Error") || status(lines[title]);
    let titled = at.checked_sub(1).is_some_and(is_title);
    let start = at - usize::from(titled);
    let mut chain = Vec::new();
    let mut end = at;
    while let Some((exception, behind)) = block(lines, at) {
        chain.push(exception);
        end = behind;
        let title = end + lines[end..].iter().take_while(|line| line.trim().is_empty()).count();
        if lines.get(title).is_none_or(|line| line.trim() != "Previous Error:") {
            break;
        }
        at = title + 1;
    }
    let tip = ["Tips: To display error details", "View in rendered output by enabling"];
    let tips = lines.get(end).is_some_and(|line| tip.iter().any(|words| line.starts_with(words)));
    taken(chain, start..end + usize::from(tips), hit)
}

fn taken(chain: Vec<Exception>, lines: Range<usize>, hit: usize) -> Option<Found> {
    found(chain, lines, By::Slim, Some(false)).filter(|found| found.lines.end > hit)
}

/// The exception whose lines begin at `at`, and the line behind it.
fn block(lines: &[&str], at: usize) -> Option<(Exception, usize)> {
    let kind = lines.get(at)?.strip_prefix("Type: ")?.trim_end();
    let mut next = at + 1;
    let code = lines.get(next)?.strip_prefix("Code: ");
    next += usize::from(code.is_some());
    let mut message =
        lines.get(next)?.strip_prefix("Message: ").or_else(|| lines[next].strip_prefix("Message:"))?.to_owned();
    let placed = (next + 1..lines.len().min(next + 60)).find(|at| lines[*at].starts_with("File: "))?;
    for line in &lines[next + 1..placed] {
        message.push('\n');
        message.push_str(line);
    }
    let file = lines[placed].strip_prefix("File: ")?.trim_end();
    let line = lines.get(placed + 1)?.strip_prefix("Line: ")?.trim().parse().ok()?;
    let mut end = placed + 2;
    let mut frames = Frames::default();
    if let Some(first) = lines.get(end).and_then(|line| line.strip_prefix("Trace:")) {
        let first = Some(first.trim_start()).filter(|first| !first.is_empty());
        let read = frame::frames(first.into_iter().chain(lines[end + 1..].iter().copied()));
        end += read.lines + usize::from(first.is_none());
        frames = read.frames;
    }
    if !file.contains(".php") && frames.is_empty() {
        return None;
    }
    let mut exception = exception(kind, &message, Some((file, line)), frames);
    exception.code = code.map(|code| code.trim_end().to_owned()).filter(|code| !code.is_empty());
    Some((exception, end))
}
