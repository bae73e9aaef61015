//! Errors at which PHP ended that are no exceptions: memory, time, parse errors.
//!
//! In: lines from the one that PHP printed on. Out: an exception of PHP's severity, with the calls that xdebug or PHP
//! printed below. Invariant: a text without a place is none. Does not find the line.

use super::frame;
use super::native::{How, Printed, Severity, ends, is_title, nginx_request};
use crate::record::{Exception, Frame};

/// A fatal error that is no exception: one text and a place; xdebug adds the calls.
// PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted (tried to allocate 20480 bytes) in /srv/a.php on line 7
pub(super) fn read(lines: &[&str], first: usize, severity: &Severity<'_>) -> Option<Printed> {
    let line = |index: usize| if index == first { severity.rest } else { lines[index] };
    let last = (first..lines.len().min(first + 20)).find(|index| ends(line(*index)).is_some())?;
    let mut text = severity.rest.to_owned();
    for line in &lines[first + 1..=last] {
        text.push('\n');
        text.push_str(line);
    }
    let (end, (file, number)) = ends(&text)?;
    let mut exception = Exception {
        kind: severity.name.to_owned(),
        message: text[..end].to_owned(),
        file: Some(file.to_owned()),
        line: Some(number),
        ..Exception::default()
    };
    let mut printed = Printed { how: How::Fatal, end: last + 1, ..Printed::default() };
    let at = text.rfind(" on line ").map_or(end, |at| at + 9);
    printed.request = nginx_request(&text[at..]);
    xdebug(lines, &mut exception, &mut printed.end);
    // PHP 8.5 and later print a trace with fatal errors.
    if lines.get(printed.end).is_some_and(|line| is_title(line)) {
        let frames = frame::frames(lines[printed.end + 1..].iter().copied());
        printed.end += 1 + frames.lines;
        exception.frames = frames.frames;
        printed.unparsed = frames.unparsed;
    }
    printed.chain.push(exception);
    Some(printed)
}

/// Lines of an exception's text that xdebug prints again above the calls.
const TEXT_LINES: usize = 50;

/// The calls that xdebug prints on a page or a console, below each exception's text, the root's first.
// RuntimeException: no stock in /srv/a.php on line 3
//
// Call Stack:
//     0.0001     390656   1. {main}() /srv/a.php:0
pub(super) fn call_stacks(lines: &[&str], printed: &mut Printed) {
    for index in (0..printed.chain.len()).rev() {
        let exception = &mut printed.chain[index];
        let from = printed.end + lines[printed.end..].iter().take_while(|line| line.trim().is_empty()).take(2).count();
        let own = lines.get(from).is_some_and(|line| line.starts_with(&exception.kind));
        if !own || !exception.frames.is_empty() {
            return;
        }
        let near = &lines[from..lines.len().min(from + TEXT_LINES)];
        let Some(title) = near.iter().position(|line| line.trim() == "Call Stack:") else { return };
        printed.end = from + title;
        xdebug(lines, exception, &mut printed.end);
    }
}

/// The calls that xdebug prints below an error, the outermost first.
// PHP Stack trace:
// PHP   1. {main}() /srv/a.php:0
// PHP   2. App\Rows->load($from = 3) /srv/a.php:12
fn xdebug(lines: &[&str], exception: &mut Exception, end: &mut usize) {
    let blank = lines.get(*end).is_some_and(|line| line.trim().is_empty());
    let title = *end + usize::from(blank);
    if !lines.get(title).is_some_and(|line| matches!(undated(line).trim(), "PHP Stack trace:" | "Call Stack:")) {
        return;
    }
    let mut frames: Vec<Frame> = lines[title + 1..].iter().map_while(|line| xdebug_frame(line)).collect();
    *end = title + 1 + frames.len();
    frames.retain(|frame| frame.function.as_deref() != Some("{main}"));
    frames.reverse();
    exception.frames = frames.into();
}

/// A line without the time that PHP's log puts before each.
fn undated(line: &str) -> &str {
    match line.split_once("] ") {
        Some((time, rest)) if time.starts_with('[') && time.len() < 48 => rest,
        _ => line,
    }
}

//     0.0012     391216   2. App\Rows->load($from = 3) /srv/a.php:12
fn xdebug_frame(line: &str) -> Option<Frame> {
    let line = undated(line);
    let text = line.strip_prefix("PHP").unwrap_or(line).trim_start();
    let (before, rest) = text.split_once(". ")?;
    if !before.bytes().all(|c| c.is_ascii_digit() || matches!(c, b' ' | b'.')) {
        return None;
    }
    let (called, place) = rest.rsplit_once(' ')?;
    let (file, line) = frame::file_and_line(place)?;
    Some(frame::call(called, Some(file), Some(line)))
}

#[cfg(test)]
mod tests {
    use super::super::native::parse;
    use super::*;

    fn printed(text: &str) -> Printed {
        let lines: Vec<&str> = text.lines().collect();
        parse(&lines, 0).unwrap()
    }

    #[test]
    fn one_text_and_a_place() {
        let printed = printed("PHP Parse error:  syntax error, unexpected token \";\" in /srv/a.php on line 3");
        let exception = &printed.chain[0];
        assert_eq!((exception.kind.as_str(), exception.line, printed.how), ("Parse error", Some(3), How::Fatal));
        assert_eq!(exception.message, "syntax error, unexpected token \";\"");
    }

    #[test]
    fn the_calls_of_xdebug() {
        let printed = printed(
            "PHP Fatal error:  Maximum execution time of 30 seconds exceeded in /srv/a.php on line 7\nPHP Stack trace:\n\
             PHP   1. {main}() /srv/a.php:0\nPHP   2. App\\Rows->load($from = 3) /srv/a.php:12",
        );
        let frames = &printed.chain[0].frames;
        assert_eq!((frames.len(), printed.end), (1, 4));
        assert_eq!((frames[0].function.as_deref(), frames[0].line), (Some("load"), Some(12)));
    }
}
