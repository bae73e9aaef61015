//! Exceptions and fatal errors as PHP itself prints them, to its log, its console or its page.
//!
//! In: lines, the first without its entry's header. Out: the exceptions around the hit, outermost first, and
//! their lines. Invariant: each line is read a bounded number of times. Does not claim a warning, nor a frame
//! without a header.

mod block;
mod listener;

use std::borrow::Cow;

use super::fatal;
use super::object::{MAX_CHAIN, previous_of};
use crate::header;
use crate::record::{Exception, Level, Request};
use block::block;
pub(super) use block::{ends, has_place, is_named};
pub(super) use listener::{WORDS, told};

/// What PHP printed.
#[derive(Debug, Default)]
pub(super) struct Printed {
    pub chain: Vec<Exception>,
    /// The first line and the one behind the last.
    pub first: usize,
    pub end: usize,
    /// The severity that PHP put before it, where it did.
    pub level: Option<Level>,
    /// Whether PHP itself ended the script on it: `Uncaught`, or a fatal error that is no exception.
    pub how: How,
    /// Whether this is the copy on the page or the console (`Fatal error: `) rather than the log's (`PHP Fatal error:  `).
    pub display: bool,
    pub request: Option<Request>,
    pub unparsed: Vec<String>,
}

/// Who printed it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// `Uncaught`: PHP's last resort.
    Uncaught,
    /// A fatal error that is no exception.
    Fatal,
    /// The exception's own text alone.
    #[default]
    Text,
}

/// The severities that end a script, with the level each means.
const SEVERITIES: [(&str, bool); 12] = [
    ("Fatal error", true),
    ("Parse error", true),
    ("Recoverable fatal error", true),
    ("Catchable fatal error", true),
    ("Compile error", true),
    ("Core error", true),
    ("Warning", false),
    ("Notice", false),
    ("Deprecated", false),
    ("Strict Standards", false),
    ("Core warning", false),
    ("Compile warning", false),
];

/// PHP's severity at the beginning of a line.
pub(super) struct Severity<'a> {
    pub name: &'static str,
    pub fatal: bool,
    pub display: bool,
    /// What was reported.
    pub rest: &'a str,
}

// PHP Fatal error:  Uncaught Exception: boom in /srv/a.php:3
// <b>Fatal error</b>:  Uncaught Exception: boom in /srv/a.php:3
pub(super) fn severity(line: &str) -> Option<Severity<'_>> {
    let (display, text) = match line.strip_prefix("PHP ") {
        Some(text) => (false, text),
        None => (true, line.strip_prefix("<b>").unwrap_or(line)),
    };
    // Some handlers print it in words of their own: `PHP Fatal Error:  Uncaught …`.
    let named = |name: &str| match display {
        true => text.starts_with(name),
        false => text.get(..name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name)),
    };
    let (name, fatal) = SEVERITIES.into_iter().find(|(name, _)| named(name))?;
    let rest = text[name.len()..].strip_prefix("</b>").unwrap_or(&text[name.len()..]);
    Some(Severity { name, fatal, display, rest: rest.strip_prefix(": ")?.trim_start() })
}

// [php:error] [pid 12] [client 192.0.2.7:5] PHP Fatal error:  Uncaught …
/// Whether PHP's log speaks in a line, perhaps behind a server's words.
pub(super) fn is_logged(line: &str) -> bool {
    let own = |at: usize| at == 0 || line[..at].ends_with("] ");
    line.match_indices("PHP ").any(|(at, _)| own(at) && severity(&line[at..]).is_some())
}

/// Reads what PHP printed around line `hit`.
pub(super) fn parse(lines: &[&str], hit: usize) -> Option<Printed> {
    let first = start(lines, hit)?;
    let mut printed = read(lines, first, lines[first])?;
    printed.first = first;
    if printed.how != How::Text && ["  ", " []", " {}"].iter().any(|end| lines[printed.end - 1].ends_with(end)) {
        // PHP prints no blanks behind it: a logger's empty context stands there, and this is a part of its message.
        return None;
    }
    // Other text's hit, behind the end of what was read.
    (printed.end > hit).then_some(printed)
}

/// The line on which the exception begins that the hit belongs to.
fn start(lines: &[&str], hit: usize) -> Option<usize> {
    if begins(lines[hit]) || hit == 0 && is_named(lines[0]) && lines.iter().any(|line| is_title(line)) {
        return Some(hit);
    }
    // The trace's own header is the last line before `Stack trace:`; a message of many lines began earlier.
    let title = (0..=hit).rev().find(|at| is_title(lines[*at]))?;
    if title > 0 && hit > title && lines[title..hit].iter().any(|line| line.trim_end().ends_with("{main}")) {
        return None;
    }
    let named = |at: &usize| {
        let line = lines[*at];
        begins(line) || !line.starts_with("Next ") && is_named(line)
    };
    // A `Next` is the later part of a chain whose beginning stands before it.
    (0..title).rev().find(named)
}

pub(super) fn is_title(line: &str) -> bool {
    line.trim() == "Stack trace:"
}

/// Whether a line begins what PHP prints, told by its words alone.
fn begins(line: &str) -> bool {
    severity(line).is_some_and(|severity| severity.fatal || severity.rest.contains("Uncaught "))
        || line.starts_with("Uncaught ")
        || line.starts_with("exception '")
}

/// Reads what begins at line `first` with `line`, which is that line or its end.
pub(super) fn read(lines: &[&str], first: usize, line: &str) -> Option<Printed> {
    // Apache writes a line break as the two characters.
    if line.contains("\\nStack trace:\\n") {
        let text = line.replace("\\n", "\n");
        let parts: Vec<&str> = text.split('\n').collect();
        let mut printed = read(&parts, 0, parts[0])?;
        printed.end = first + 1;
        return Some(printed);
    }
    if let Some(text) = unflattened(line) {
        let parts: Vec<&str> = text.split('\n').collect();
        let printed = read_plain(&parts, 0, parts[0])?;
        return (printed.end > 2).then_some(Printed { end: first + 1, ..printed });
    }
    // A page's text is escaped.
    if line.starts_with("<b>") && lines[first..].iter().any(|line| line.contains('&')) {
        let texts: Vec<Cow<'_, str>> = lines[first..].iter().map(|line| without_entities(line)).collect();
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        let printed = read_plain(&texts, 0, &without_entities(line))?;
        return Some(Printed { end: first + printed.end, ..printed });
    }
    read_plain(lines, first, line)
}

fn read_plain(lines: &[&str], first: usize, line: &str) -> Option<Printed> {
    let severity = severity(line);
    let text = severity.as_ref().map_or(line, |severity| severity.rest);
    // During inheritance of App\Rows with ArrayAccess: Uncaught ErrorException: …
    let uncaught = match text.strip_prefix("Uncaught ") {
        Some(rest) => Some(rest),
        None if text.starts_with("During inheritance of ") => text.split_once("Uncaught ").map(|(_, rest)| rest),
        None => None,
    };
    if text.starts_with(WORDS) {
        return told(lines, first, text);
    }
    let mut printed = match (uncaught, &severity) {
        (Some(text), _) => Printed { how: How::Uncaught, ..chain(lines, first, text, true)? },
        (None, Some(severity)) if severity.fatal => fatal::read(lines, first, severity)?,
        (None, Some(_)) => return None,
        (None, None) => chain(lines, first, text, false)?,
    };
    if let Some(severity) = severity {
        printed.level = Some(if severity.fatal { Level::Fatal } else { header::level(severity.name)? });
        printed.display = severity.display;
    }
    Some(printed)
}

/// Exceptions in the order in which PHP prints them: the root first, `Next` the one that wrapped it.
fn chain(lines: &[&str], first: usize, text: &str, uncaught: bool) -> Option<Printed> {
    let mut printed = Printed::default();
    let mut at = first;
    let mut text = text;
    loop {
        let Some(block) = block(lines, at, text, uncaught) else {
            if printed.chain.is_empty() {
                return None;
            }
            break;
        };
        printed.chain.push(block.exception);
        printed.unparsed.extend(block.unparsed);
        printed.end = block.end;
        let next = block.end + lines[block.end..].iter().take_while(|line| line.trim().is_empty()).take(2).count();
        match lines.get(next).and_then(|line| line.strip_prefix("Next ")) {
            Some(rest) if printed.chain.len() < MAX_CHAIN => (at, text) = (next, rest),
            _ => break,
        }
    }
    printed.chain.reverse();
    for index in 1..printed.chain.len() {
        printed.chain[index].cause_of = previous_of(&printed.chain[..index]);
    }
    thrown(lines, &mut printed);
    fatal::call_stacks(lines, &mut printed);
    Some(printed)
}

// PHP Fatal error:  Uncaught A: no stock in /srv/a.php:3 Stack trace: #0 /srv/b.php(9): f() #1 {main}   thrown in /srv/a.php on line 3
/// A text whose line breaks a logger made blanks, with them; its calls are found by their numbers.
fn unflattened(line: &str) -> Option<String> {
    const TITLE: &str = " Stack trace: #0 ";
    let title = memchr::memmem::find(line.as_bytes(), TITLE.as_bytes())?;
    let mut text = format!("{}\nStack trace:", &line[..title]);
    let mut rest = &line[title + TITLE.len() - 4..];
    for number in 1.. {
        let Some(end) = rest.find(&format!(" #{number} ")) else { break };
        text.push('\n');
        text.push_str(rest[..end].trim());
        rest = &rest[end..];
    }
    let end = rest.find(" thrown in ").unwrap_or(rest.len());
    text.push('\n');
    text.push_str(rest[..end].trim());
    if end < rest.len() {
        text.push_str("\n ");
        text.push_str(&rest[end..]);
    }
    Some(text)
}

/// `App\Shop-&gt;take()` as it was before it was put on a page.
fn without_entities(line: &str) -> Cow<'_, str> {
    const ENTITIES: [(&str, &str); 6] =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#039;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    if !line.contains('&') {
        return Cow::Borrowed(line);
    }
    Cow::Owned(ENTITIES.iter().fold(line.to_owned(), |text, (entity, plain)| text.replace(entity, plain)))
}

/// Takes the line that ends an uncaught exception.
//   thrown in /srv/a.php on line 3, referer: https://shop.example/cart
fn thrown(lines: &[&str], printed: &mut Printed) {
    let Some(line) = lines.get(printed.end) else { return };
    let Some(place) = line.trim_start().strip_prefix("thrown in ") else { return };
    printed.end += 1;
    let Some((_, tail)) = on_line(place) else { return };
    printed.request = nginx_request(tail);
}

/// `/srv/a.php on line 3…` in its place and what follows it.
fn on_line(text: &str) -> Option<((&str, u32), &str)> {
    let (file, rest) = text.split_once(" on line ")?;
    let rest = rest.strip_prefix("<b>").unwrap_or(rest);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let file = file.trim_start_matches("<b>").trim_end_matches("</b>").trim_start_matches("file ");
    Some(((file, rest[..digits].parse().ok()?), &rest[digits..]))
}

// " while reading response header from upstream, client: 192.0.2.7, server: _, request: "GET /cart HTTP/1.1", host: …
pub(super) fn nginx_request(tail: &str) -> Option<Request> {
    let (_, request) = tail.split_once("request: \"")?;
    let mut words = request.split(['"', ' ']);
    let method = words.next()?;
    let url = words.next()?;
    Some(Request { method: Some(method.to_owned()), url: Some(url.to_owned()), status: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Printed {
        let lines: Vec<&str> = text.lines().collect();
        parse(&lines, 0).unwrap()
    }

    fn told(printed: &Printed) -> Vec<(&str, &str, usize)> {
        printed.chain.iter().map(|e| (e.kind.as_str(), e.message.as_str(), e.frames.len())).collect()
    }

    #[test]
    fn a_chain_is_printed_from_its_root() {
        let printed = read(
            "PHP Fatal error:  Uncaught PDOException: gone in /srv/db.php:3\nStack trace:\n#0 /srv/a.php(4): f()\n#1 {main}\n\n\
             Next App\\Late: two\nlines in /srv/a.php:5\nStack trace:\n#0 {main}\n  thrown in /srv/a.php on line 5\n",
        );
        assert_eq!(told(&printed), [("App\\Late", "two\nlines", 0), ("PDOException", "gone", 1)]);
        assert_eq!(
            (printed.end, printed.how, printed.display, printed.level),
            (10, How::Uncaught, false, Some(Level::Fatal))
        );
    }

    #[test]
    fn a_message_that_holds_a_trace() {
        let printed = read(
            "Fatal error: Uncaught LogicException: got:\nStack trace:\n#0 /x.php(1): f()\n#1 {main}\n  thrown in /x.php on line 1 in /srv/a.php:4\n\
             Stack trace:\n#0 {main}\n  thrown in /srv/a.php on line 4",
        );
        assert_eq!(
            told(&printed),
            [("LogicException", "got:\nStack trace:\n#0 /x.php(1): f()\n#1 {main}\n  thrown in /x.php on line 1", 0)]
        );
        assert_eq!((printed.end, printed.display), (8, true));
    }

    #[test]
    fn the_form_of_php_5() {
        let printed = read(
            "exception 'RuntimeException' with message 'it's in use' in /srv/a.php:3\nStack trace:\n#0 /srv/b.php(1): f()\n#1 {main}\nnext entry",
        );
        assert_eq!(told(&printed), [("RuntimeException", "it's in use", 1)]);
        assert_eq!((printed.end, printed.how), (4, How::Text));
        let printed = read("PHP Fatal error:  Uncaught exception 'Exception' in /srv/a.php:3\nStack trace:\n#0 {main}");
        assert_eq!(told(&printed), [("Exception", "", 0)]);
    }

    #[test]
    fn pages_and_servers() {
        let printed = read(
            "<b>Fatal error</b>:  Uncaught Exception: boom in /srv/a.php:3\nStack trace:\n#0 {main}\n  thrown in <b>/srv/a.php</b> on line <b>3</b><br />",
        );
        assert_eq!((told(&printed)[0], printed.end, printed.display), (("Exception", "boom", 0), 4, true));
        let printed = read(
            "PHP Fatal error:  Uncaught Exception: boom in /srv/a.php:3\\nStack trace:\\n#0 /srv/a.php(9): f()\\n#1 {main}\\n  thrown in /srv/a.php on line 3, referer: https://x",
        );
        assert_eq!((told(&printed)[0], printed.end), (("Exception", "boom", 1), 1));
        let printed = read(
            "PHP Fatal error:  Uncaught Exception: boom in /srv/a.php:3\nStack trace:\n#0 {main}\n  thrown in /srv/a.php on line 3\" while reading response header from upstream, client: 192.0.2.7, request: \"GET /cart?a=1 HTTP/1.1\", host: \"x\"",
        );
        assert_eq!(printed.request.unwrap().url.as_deref(), Some("/cart?a=1"));
    }

    #[test]
    fn prose_is_no_exception() {
        for text in [
            "Uncaught errors are logged in the console",
            "PHP Warning:  Undefined variable $x in /srv/a.php on line 3",
            "Stack trace:",
            "#0 {main}",
        ] {
            let lines: Vec<&str> = text.lines().collect();
            assert!(parse(&lines, 0).is_none(), "{text}");
        }
    }
}
