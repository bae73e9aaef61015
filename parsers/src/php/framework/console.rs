//! Exceptions as a console's renderer shows them to people: Collision's, Symfony's, and the plain text of Whoops.
//!
//! In: the lines of a region. Out: the exception, and the calls that are shown. Invariant: a type stands there; what
//! a renderer leaves out (`+9 vendor frames`) is left out. Does not read colours: they are taken off before.

use super::{exception, found, is_class};
use crate::assemble::Found;
use crate::php::frame;
use crate::php::mechanism::By;
use crate::record::{Exception, Frame};

/// Lines above the place in which type and message are sought.
const TITLE_LINES: usize = 60;
/// Lines of source and frames that are shown of one exception.
const SHOWN_LINES: usize = 4096;

pub(super) fn parse(lines: &[&str], hit: usize) -> Option<Found> {
    collision(lines, hit).or_else(|| symfony(lines, hit)).or_else(|| whoops(lines, hit))
}

//    App\Errors\NoStock
//
//   no stock for 7
//
//   at app/Console/Sync.php:12
//       8▕     $stock->take();
//
//   1   vendor/laravel/framework/src/Illuminate/Container/BoundMethod.php:36
//       App\Console\Sync::handle()
fn collision(lines: &[&str], hit: usize) -> Option<Found> {
    let place =
        frame::file_and_line(lines[hit].strip_prefix("  at ")?.trim_end()).filter(|(file, _)| file.contains(".php"))?;
    let lowest = hit.saturating_sub(TITLE_LINES);
    let is_title = |at: &usize| {
        title(lines[*at]).is_some() && at.checked_sub(1).is_none_or(|above| lines[above].trim().is_empty())
    };
    let at = (lowest..hit).rev().find(is_title)?;
    let (kind, beside) = title(lines[at])?;
    let mut message: Vec<&str> = vec![beside];
    message.extend(lines[at + 1..hit].iter().map(|line| line.strip_prefix("  ").unwrap_or(line)));
    let message = message.join("\n");
    let mut frames = Vec::new();
    let mut end = hit + 1;
    for index in hit + 1..lines.len().min(hit + SHOWN_LINES) {
        let Some(next) = lines.get(index + 1) else { break };
        if let Some(frame) = collision_frame(lines[index], next) {
            frames.push(frame);
            end = index + 2;
        } else if title(lines[index]).is_some() && lines[index - 1].trim().is_empty() {
            break;
        } else if lines[index].contains('▕') || lines[index].trim_end().ends_with("vendor frames") {
            end = index + 1;
        }
    }
    found(vec![exception(kind, message.trim(), Some(place), frames.into())], at..end, By::Collision, Some(false))
}

/// The type, alone on its line or before its message: `   Error  : no stock`.
fn title(line: &str) -> Option<(&str, &str)> {
    let inner = line.strip_prefix("   ")?;
    let (kind, beside) = inner.split_once("  : ").unwrap_or((inner.trim_end(), ""));
    let typed = kind.contains('\\') || kind.ends_with("Exception") || kind.ends_with("Error");
    (is_class(kind) && typed).then_some((kind, beside))
}

//   1   vendor/laravel/framework/src/Illuminate/Container/BoundMethod.php:36
//       App\Console\Sync::handle()
fn collision_frame(line: &str, next: &str) -> Option<Frame> {
    let text = line.strip_prefix("  ")?;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let first = text[digits..].trim_start();
    let second = next.strip_prefix("      ").filter(|_| digits > 0)?.trim();
    match frame::file_and_line(first.trim_end()) {
        Some((file, line)) => Some(frame::call(second, Some(file), Some(line))),
        // Up to version 4 the call stood first.
        None => frame::file_and_line(second).map(|(file, line)| frame::call(first.trim_end(), Some(file), Some(line))),
    }
}

// In SyncCommand.php line 31:
//
//   [RuntimeException (3)]
//   no stock for sku 7
//
//
// Exception trace:
//   at /srv/src/Command/SyncCommand.php:31
//  App\Command\SyncCommand->execute() at /srv/vendor/symfony/console/Command/Command.php:298
fn symfony(lines: &[&str], hit: usize) -> Option<Found> {
    let mut chain = Vec::new();
    let (first, start, mut end) = symfony_block(lines, hit)?;
    chain.push(first);
    // Its causes follow, each in a box of its own.
    while let Some(next) = (end..lines.len().min(end + TITLE_LINES)).find(|at| is_trace_title(lines[*at]))
        && let Some((cause, at, behind)) = symfony_block(lines, next + 1)
        && lines[end..at].iter().all(|line| line.trim().is_empty())
    {
        chain.push(cause);
        end = behind;
    }
    found(chain, start..end, By::SymfonyConsole, Some(false))
}

fn is_trace_title(line: &str) -> bool {
    line.trim_end() == "Exception trace:"
}

/// The exception whose trace's first line is `at`: with the lines where it begins and ends.
fn symfony_block(lines: &[&str], at: usize) -> Option<(Exception, usize, usize)> {
    let above = at.checked_sub(1).filter(|above| is_trace_title(lines[*above]))?;
    let lowest = above.saturating_sub(TITLE_LINES);
    let title = (lowest..above).rev().find(|at| box_title(lines[*at]).is_some())?;
    let (kind, code) = box_title(lines[title])?;
    let message: Vec<&str> = lines[title + 1..above].iter().map(|line| line.trim()).collect();
    let read: Vec<Frame> = lines[at..].iter().map_while(|line| symfony_frame(line)).collect();
    let end = at + read.len();
    let mut frames = read.into_iter();
    let thrown = frames.next()?;
    let mut exception = exception(kind, message.join("\n").trim(), None, frames.collect());
    (exception.file, exception.line) = (thrown.file, thrown.line);
    exception.code = code.map(str::to_owned);
    let named = (lowest..title).rev().take(3).find(|at| lines[*at].starts_with("In ") && lines[*at].ends_with(':'));
    Some((exception, named.unwrap_or(title), end))
}

/// `  [RuntimeException (3)]   ` in its type and code.
fn box_title(line: &str) -> Option<(&str, Option<&str>)> {
    let inner = line.strip_prefix("  [")?.trim_end().strip_suffix(']')?;
    let (kind, code) = match inner.split_once(" (") {
        Some((kind, code)) => (kind, code.strip_suffix(')')),
        None => (inner, None),
    };
    is_class(kind).then_some((kind, code))
}

//  App\Command\SyncCommand->execute() at /srv/vendor/symfony/console/Command/Command.php:298  ·  ` f() at n/a:n/a`
fn symfony_frame(line: &str) -> Option<Frame> {
    let (called, place) = line.strip_prefix(' ')?.trim_end().rsplit_once("at ")?;
    match frame::file_and_line(place) {
        Some((file, line)) => Some(frame::call(called.trim(), Some(file), Some(line))),
        None => (place == "n/a:n/a").then(|| frame::call(called.trim(), None, None)),
    }
}

// RuntimeException: no stock in file /srv/app/Stock.php on line 31
// Stack trace:
//   1. RuntimeException->() /srv/app/Stock.php:31
//   2. App\Stock->take() /srv/app/Cart.php:9
fn whoops(lines: &[&str], hit: usize) -> Option<Found> {
    let title = hit.checked_sub(1).filter(|_| lines[hit].trim_end() == "Stack trace:")?;
    let place = |at: &usize| lines[*at].rsplit_once(" in file ")?.1.split_once(" on line ");
    let (file, line) = place(&title)?;
    let lowest = title.saturating_sub(TITLE_LINES);
    let named = |at: &usize| lines[*at].split_once(": ").is_some_and(|(kind, _)| is_class(kind));
    let first = (lowest..=title).rev().find(named)?;
    let whole = lines[first..=title].join("\n");
    let (text, _) = whole.rsplit_once(" in file ")?;
    let (kind, message) = text.split_once(": ")?;
    let read: Vec<Frame> = lines[hit + 1..].iter().map_while(|line| whoops_frame(line)).collect();
    let end = hit + 1 + read.len();
    // The first is the place itself.
    let frames = read.into_iter().skip(1).collect();
    let place = Some((file, line.trim_end().parse().ok()?));
    found(vec![exception(kind, message, place, frames)], first..end, By::PhpText, None)
}

fn whoops_frame(line: &str) -> Option<Frame> {
    let (number, rest) = line.trim_start().split_once(". ")?;
    let (called, place) = rest.trim_end().rsplit_once(' ').filter(|_| number.bytes().all(|c| c.is_ascii_digit()))?;
    let (file, line) = frame::file_and_line(place)?;
    Some(frame::call(called, Some(file), Some(line)))
}
