//! One exception as PHP makes it a text: `Type: message in FILE:LINE`, `Stack trace:` and its frames.
//!
//! In: lines, and where in them the text begins. Out: the exception, and the line behind it. Invariant: the work is
//! linear in the lines, also where a message holds other exceptions' texts. Does not know what stands before the text.

use super::{begins, is_title, on_line};
use crate::php::frame::{self, Frames};
use crate::record::Exception;

/// Lines in which the end of a text without a trace is sought.
const TRACELESS_LINES: usize = 50;

pub(super) struct Block {
    pub exception: Exception,
    pub end: usize,
    pub unparsed: Vec<String>,
}

/// One exception: its text from `text`, which is the end of line `at`, then `Stack trace:` and its frames.
pub(super) fn block(lines: &[&str], at: usize, text: &str, uncaught: bool) -> Option<Block> {
    let quoted = text.starts_with("exception '");
    if let Some((last, frames)) = traced(lines, at, text) {
        let exception = exception(&joined(lines, at, text, last + 1))?;
        let end = last + 2 + frames.lines;
        let exception = Exception { frames: frames.frames, ..exception };
        return Some(Block { exception, end, unparsed: frames.unparsed });
    }
    // Without a trace the text is whole only where PHP's words stood before it.
    if !uncaught && !quoted {
        return None;
    }
    let line = |index: usize| if index == at { text } else { lines[index] };
    let near = (at..lines.len().min(at + TRACELESS_LINES)).take_while(|index| *index == at || !begins(lines[*index]));
    let last = near.into_iter().find(|index| ends(line(*index)).is_some() || is_cut(line(*index)))?;
    if ends(line(last)).is_none() {
        let exception = cut(joined(lines, at, text, last + 1).trim_end_matches('.'))?;
        return Some(Block { exception, end: last + 1, unparsed: Vec::new() });
    }
    let exception = match thrown_place(line(last)) {
        Some((file, line)) => overridden(&joined(lines, at, text, last), file, line),
        None => exception(&joined(lines, at, text, last + 1))?,
    };
    Some(Block { exception, end: last + 1, unparsed: Vec::new() })
}

/// Bytes of a message, above which FastCGI's servers cut it: then it ends with three points.
const CUT_BYTES: usize = 64;

fn is_cut(line: &str) -> bool {
    line.len() > CUT_BYTES && line.ends_with("...")
}

// RuntimeException: no stock in /srv/app/Sh
/// The exception of a text whose end was cut off.
fn cut(text: &str) -> Option<Exception> {
    let (kind, message) = name(text)?;
    let place = message.rfind(" in /").filter(|at| !message[at + 4..].contains(' '));
    let message = place.map_or(message, |at| &message[..at]);
    Some(Exception { kind: kind.to_owned(), message: message.to_owned(), ..Exception::default() })
}

/// The text from `text`, the end of line `at`, to the line before `end`.
fn joined(lines: &[&str], at: usize, text: &str, end: usize) -> String {
    let mut whole = text.to_owned();
    for line in lines.get(at + 1..end).unwrap_or(&[]) {
        whole.push('\n');
        whole.push_str(line);
    }
    whole
}

/// The last line of the text, behind which its trace stands, and that trace.
fn traced(lines: &[&str], at: usize, text: &str) -> Option<(usize, Frames)> {
    let line = |index: usize| if index == at { text } else { lines[index] };
    let titled =
        |index: &usize| lines.get(*index + 1).is_some_and(|next| is_title(next)) && place(line(*index)).is_some();
    let mut from = at;
    loop {
        // What begins behind a whole text is another one's.
        let is_blank = |index: &usize| matches!(lines[*index].trim(), "" | "<br />");
        let above = |index: usize| (at + 1..index).rev().take(3).find(|above| !is_blank(above)).unwrap_or(at);
        let is_other = |index: &usize| begins(lines[*index]) || lines[*index].trim() == "Call Stack:";
        let another = |index: &usize| *index > from && is_other(index) && ends(line(above(*index))).is_some();
        let last = (from..lines.len()).take_while(|index| !another(index)).find(titled)?;
        let frames = frame::frames(lines[last + 2..].iter().copied());
        // #1 {main} in /srv/a.php:9
        let main = last + 1 + frames.lines;
        if main > last + 1 && titled(&main) && frame::is_last(lines[main]) {
            // That was the trace of an exception that the message holds.
            from = main;
            continue;
        }
        return Some((last, frames));
    }
}

//   thrown in /srv/a.php on line 3
fn thrown_place(line: &str) -> Option<(&str, u32)> {
    on_line(line.strip_prefix("  thrown in ")?).map(|(place, _)| place)
}

/// An exception whose class says itself what it is as a text: it need not name its type.
fn overridden(text: &str, file: &str, line: u32) -> Exception {
    let (kind, message) = name(text).filter(|(_, message)| !message.is_empty()).unwrap_or(("Fatal error", text));
    Exception {
        kind: kind.to_owned(),
        message: message.to_owned(),
        file: Some(file.to_owned()),
        line: Some(line),
        ..Exception::default()
    }
}

/// `… in /srv/a.php:3` at the end of a line: the length before it, and the place.
fn place(line: &str) -> Option<(usize, (&str, u32))> {
    let line = line.trim_end();
    let at = line.rfind(" in ")?;
    Some((at, frame::file_and_line(&line[at + 4..])?))
}

/// Whether a line ends with a place: the message that it ends, if it is one, is whole.
pub(in crate::php) fn has_place(line: &str) -> bool {
    ends(line).is_some()
}

/// A place at the end of a line in either form: `in /srv/a.php:3`, `in /srv/a.php on line 3`.
pub(in crate::php) fn ends(line: &str) -> Option<(usize, (&str, u32))> {
    place(line).or_else(|| {
        let at = line.rfind(" in ")?;
        let (place, tail) = on_line(&line[at + 4..])?;
        (tail.is_empty() || tail.starts_with(['<', ',', '"', '\''])).then_some((at, place))
    })
}

/// The exception that a text without its trace describes.
fn exception(text: &str) -> Option<Exception> {
    let (end, (file, line)) = ends(text)?;
    let mut exception = match text.strip_prefix("SoapFault exception: [") {
        Some(fault) => soap_fault(&fault[..end.checked_sub(text.len() - fault.len())?])?,
        None => {
            let (kind, message) = match text.strip_prefix("exception '") {
                Some(quoted) => quoted_exception(&quoted[..end.checked_sub(11)?])?,
                None => name(&text[..end]).or_else(|| name(text).map(|(kind, _)| (kind, "")))?,
            };
            Exception {
                kind: kind.split('\0').next().unwrap_or(kind).to_owned(),
                message: own_message(kind, message).to_owned(),
                ..Exception::default()
            }
        }
    };
    exception.file = Some(file.to_owned());
    exception.line = Some(line);
    Some(exception)
}

// SoapFault exception: [HTTP] Could not connect to host in /srv/a.php:3
fn soap_fault(text: &str) -> Option<Exception> {
    let (code, message) = text.split_once("] ")?;
    Some(Exception {
        kind: "SoapFault".to_owned(),
        message: message.to_owned(),
        properties: vec![("faultcode".to_owned(), code.to_owned())],
        ..Exception::default()
    })
}

// exception 'RuntimeException' with message 'no stock' in /srv/a.php:3
fn quoted_exception(quoted: &str) -> Option<(&str, &str)> {
    let (kind, rest) = quoted.split_once('\'')?;
    let message = rest.strip_prefix(" with message '").map_or("", |rest| rest.strip_suffix('\'').unwrap_or(rest));
    Some((kind, message))
}

/// The type before a message, or before ` in ` where there is none.
fn name(text: &str) -> Option<(&str, &str)> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '\\' | '_' | '\0' | '@');
    let mut end = text.find(|c: char| !is_name(c)).unwrap_or(text.len());
    if text[..end].ends_with("@anonymous\0") || text[..end].contains("@anonymous\0") {
        end = text.find(": ").or_else(|| text.find(" in ")).unwrap_or(end);
    }
    let (kind, rest) = text.split_at(end);
    if !kind.starts_with(|c: char| c.is_uppercase() || c == '\\' || c.is_lowercase() && kind.contains(['\\', '@', '_']))
    {
        return None;
    }
    if let Some(message) = rest.strip_prefix(':') {
        return Some((kind, message.strip_prefix(' ').unwrap_or(message))).filter(|_| !rest.starts_with("::"));
    }
    (rest.is_empty() || rest.starts_with(" in ")).then_some((kind, ""))
}

/// Whether a line begins with a type and a message, or with a type alone.
pub(in crate::php) fn is_named(line: &str) -> bool {
    name(line).is_some() || line.starts_with("SoapFault exception: [")
}

/// PHP adds `and defined` to a type error's message when it prints it before the place.
fn own_message<'a>(kind: &str, message: &'a str) -> &'a str {
    match message.strip_suffix(" and defined") {
        Some(own) if matches!(kind, "TypeError" | "ArgumentCountError") && own.contains(", called in ") => own,
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;

    fn told(text: &str) -> (String, String, usize, usize) {
        let lines: Vec<&str> = text.lines().collect();
        let printed = parse(&lines, 0).unwrap();
        let outer = &printed.chain[0];
        (outer.kind.clone(), outer.message.clone(), outer.frames.len(), printed.end)
    }

    #[test]
    fn a_message_that_ends_with_another_exception() {
        let text = "PHP Fatal error:  Uncaught A: got B: x in /srv/b.php:2\nStack trace:\n#0 /srv/b.php(1): f()\n#1 {main} in /srv/a.php:9\n\
            Stack trace:\n#0 /srv/a.php(4): g()\n#1 /srv/a.php(3): h()\n#2 {main}\n  thrown in /srv/a.php on line 9";
        let message = "got B: x in /srv/b.php:2\nStack trace:\n#0 /srv/b.php(1): f()\n#1 {main}";
        assert_eq!(told(text), ("A".to_owned(), message.to_owned(), 2, 9));
    }

    #[test]
    fn the_next_error_is_not_of_this_one() {
        let text = "PHP Fatal error:  Uncaught A: x in /srv/a.php on line 9\nPHP Fatal error:  Uncaught B: y in /srv/b.php:2\nStack trace:\n#0 {main}\n  thrown in /srv/b.php on line 2";
        assert_eq!(told(text), ("A".to_owned(), "x".to_owned(), 0, 1));
    }

    #[test]
    fn texts_that_a_server_cut() {
        let long = "0123456789".repeat(9);
        let text = format!("PHP Fatal error:  Uncaught A: {long}...\nPHP Fatal error:  Uncaught B: y in /srv/b.php:2");
        assert_eq!(told(&text), ("A".to_owned(), long.clone(), 0, 1));
        let text = format!(
            "PHP Fatal error:  Uncaught A: x in /srv/b.php:2\nStack trace:\n#0 {{main}}\n\nNext B: {long} in /srv/ap..."
        );
        assert_eq!(told(&text), ("B".to_owned(), long, 0, 5));
    }

    #[test]
    fn texts_of_their_own() {
        let text = "PHP Fatal error:  Uncaught order 7: gone wrong\n  thrown in /srv/a.php on line 9";
        assert_eq!(told(text), ("Fatal error".to_owned(), "order 7: gone wrong".to_owned(), 0, 2));
        let text = "PHP Fatal error:  Uncaught Late: by an hour\n  thrown in /srv/a.php on line 9";
        assert_eq!(told(text), ("Late".to_owned(), "by an hour".to_owned(), 0, 2));
        let text = "PHP Fatal error:  Uncaught SoapFault exception: [HTTP] Could not connect: [a] in /srv/a.php:3\nStack trace:\n#0 [internal function]: SoapClient->__doRequest()\n#1 {main}\n  thrown in /srv/a.php on line 3";
        assert_eq!(told(text), ("SoapFault".to_owned(), "Could not connect: [a]".to_owned(), 1, 5));
    }

    #[test]
    fn type_errors_say_where_they_are_defined() {
        let text = "Uncaught TypeError: f(): Argument #1 ($a) must be of type int, string given, called in /srv/b.php on line 10 and defined in /srv/a.php:8\nStack trace:\n#0 {main}";
        assert_eq!(
            told(text).1,
            "f(): Argument #1 ($a) must be of type int, string given, called in /srv/b.php on line 10"
        );
    }
}
