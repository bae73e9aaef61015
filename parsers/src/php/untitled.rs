//! Traces that a handler of one's own printed: the calls alone, below words that name the exception.
//!
//! In: the lines of a region, and the one with the trace's first call or its title. Out: the exception. Invariant: a
//! word that can only be a class's name stands above the calls. Does not read what PHP itself prints.
//!
//! ```text
//! [shop] App\NoStock: no stock for 7 in /srv/app/Shop.php:12
//! #0 /srv/app/Http/Cart.php(9): App\Shop->take()
//! #1 {main}
//! ```

use super::frame;
pub(super) use super::framework::is_class;
use super::native::{How, Printed, ends};
use crate::record::Exception;

/// Lines that a message may have.
const MESSAGE_LINES: usize = 20;
/// Words before the type.
const MAX_WORDS: usize = 12;
/// What stands between MediaWiki's type and its place.
const FROM_LINE: &str = " from line ";
/// What some write above the calls.
const TITLES: [&str; 7] = ["stack trace:", "stacktrace:", "trace:", "backtrace:", "call stack:", "[stacktrace]", "--"];

/// The exception above the trace that begins at line `hit`.
pub(super) fn parse(lines: &[&str], hit: usize) -> Option<Printed> {
    let titled = |at: usize| TITLES.iter().any(|title| lines[at].trim().eq_ignore_ascii_case(title));
    let first = hit + usize::from(titled(hit));
    let read = frame::frames(lines.get(first..)?.iter().copied());
    let php = read.frames.iter().any(|frame| frame.file.as_ref().is_none_or(|file| file.contains(".php")));
    if !lines.get(first)?.trim_start().starts_with("#0 ") || read.frames.is_empty() || !php {
        return None;
    }
    let blank = |above: &usize| lines[*above].trim().is_empty();
    let title = (0..first).rev().find(|above| !blank(above)).filter(|above| titled(*above)).unwrap_or(first);
    let lowest = title.saturating_sub(MESSAGE_LINES);
    let above = || (lowest..title).rev().take_while(|at| !lines[*at].trim_start().starts_with('#'));
    // A query's message may end with words like a type's: a type with its place is the surer one.
    let from_line = above().find(|at| lines[*at].contains(FROM_LINE));
    let named = |at: usize| Some((at, head(&lines[at..title].join("\n"))?));
    let (begin, mut exception) = from_line.and_then(named).or_else(|| above().find_map(named))?;
    exception.frames = read.frames;
    Some(Printed {
        chain: vec![exception],
        first: begin,
        end: first + read.lines,
        // MediaWiki's handler says so of what nobody caught.
        how: if from_line.is_some() { How::Uncaught } else { How::Text },
        unparsed: read.unparsed,
        ..Printed::default()
    })
}

/// The exception that the words above a trace name.
fn head(text: &str) -> Option<Exception> {
    let text = text.trim_end();
    let (kind, code, told) = named(text)?;
    let (message, place) = placed(told);
    Some(Exception {
        kind: kind.to_owned(),
        message: message.to_owned(),
        code: code.map(str::to_owned),
        file: place.map(|(file, _)| file.to_owned()),
        line: place.map(|(_, line)| line),
        ..Exception::default()
    })
}

// [shop] App\NoStock: no stock  ·  ErrorException [ 8 ]: Undefined …  ·  [RuntimeException] no stock
// 5f2a /wiki/A   Wiki\QueryError from line 12 of /srv/Db.php: no such table
/// The type, its code, and what stands behind them.
fn named(text: &str) -> Option<(&str, Option<&str>, &str)> {
    let line = text.lines().next()?;
    let mut from = 0;
    for word in line.split(' ').take(MAX_WORDS) {
        let rest = &text[from + word.len()..];
        from += word.len() + 1;
        let kind = word.trim_start_matches('[').trim_end_matches([':', ']']);
        if !is_sure(kind) {
            continue;
        }
        let coded = rest.strip_prefix(" [ ").and_then(|rest| rest.split_once(" ]: "));
        if word.ends_with(':') || word.starts_with('[') && word.ends_with(']') {
            return Some((kind, None, rest.trim_start_matches(' ')));
        } else if let Some((code, message)) = coded {
            return Some((kind, Some(code), message));
        } else if rest.starts_with(FROM_LINE) || ends(rest).is_some_and(|(end, _)| end == 0) {
            return Some((kind, None, rest));
        }
    }
    None
}

/// Whether a word can only be the name of an exception's class.
pub(super) fn is_sure(word: &str) -> bool {
    let own = ["Exception", "Error"].iter().any(|end| word.len() > end.len() && word.ends_with(end));
    is_class(word) && (own || word.contains('\\') || matches!(word, "Exception" | "Error"))
}

/// A message and the place before it, behind it, or in parentheses at its end.
fn placed(told: &str) -> (&str, Option<(&str, u32)>) {
    if let Some((line, rest)) = told.strip_prefix(FROM_LINE).and_then(|rest| rest.split_once(" of "))
        && let (Ok(line), Some((file, message))) = (line.parse(), rest.split_once(": "))
    {
        return (message, Some((file, line)));
    }
    if let Some((end, place)) = ends(told) {
        let message = &told[..end];
        // Undefined variable: x ~ APPPATH/views/a.php [ 12 ]
        let own = message.strip_suffix(" ]").and_then(|message| message.rsplit_once(" ~ "));
        return (own.map_or(message, |(own, _)| own).trim_start(), Some(place));
    }
    // no such table ~ MODPATH/database/Query.php [ 194 ]
    if let Some((message, place)) = told.strip_suffix(" ]").and_then(|told| told.rsplit_once(" ~ "))
        && let Some((file, line)) = place.split_once(" [ ")
        && let Ok(line) = line.parse()
    {
        return (message, Some((file, line)));
    }
    let inside = told.strip_suffix(')').and_then(|told| told.rsplit_once(" ("));
    match inside.and_then(|(message, place)| Some((message, frame::file_and_line(place)?))) {
        Some((message, place)) => (message, Some(place)),
        None => (told, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_above_a_trace() {
        let place = Some(("/srv/a.php", 3));
        for (above, kind, message, place) in [
            ("[shop] App\\NoStock: no stock in /srv/a.php:3", "App\\NoStock", "no stock", place),
            ("RuntimeException: two\nlines (/srv/a.php:3)", "RuntimeException", "two\nlines", place),
            ("ErrorException [ 8 ]: no x ~ APP/a.php [ 3 ] in /srv/a.php:3", "ErrorException", "no x", place),
            ("1f /w/A   Wiki\\QueryError from line 3 of /srv/a.php: gone", "Wiki\\QueryError", "gone", place),
            ("failed: [LogicException] no order\nTrace:", "LogicException", "no order", None),
            ("Caught TypeError in /srv/a.php on line 3", "TypeError", "", place),
        ] {
            let text = format!("{above}\n#0 /srv/b.php(9): f()\n#1 {{main}}\nnext");
            let lines: Vec<&str> = text.lines().collect();
            let hit = lines.iter().position(|line| line.starts_with("#0")).unwrap();
            let printed = parse(&lines, hit).unwrap_or_else(|| panic!("{above}"));
            let read = &printed.chain[0];
            assert_eq!((read.kind.as_str(), read.message.as_str()), (kind, message), "{above}");
            assert_eq!(read.file.as_deref().zip(read.line), place, "{above}");
            assert_eq!((printed.end, read.frames.len()), (lines.len() - 1, 1), "{above}");
        }
        for above in ["list of calls", "Error in the list", "caller: App.Shop", "debug backtrace:"] {
            let lines = [above, "#0 /srv/b.php(9): f()", "#1 {main}"];
            assert!(parse(&lines, 1).is_none(), "{above}");
        }
    }
}
