//! A trace among lines: where its error begins, where it ends, and what it says.
//!
//! In: the lines of a region and the one that the scanner hit. Out: the exceptions, the lines that they take, and
//! what stands before them. Invariants: linear in the lines; lines of other entries are not taken. Does not read
//! the entry's header.

use std::ops::Range;

use serde_json::Value;

use super::bun;
use super::crash;
use super::engine;
use super::head;
use super::inspect::{self, Place, Reader, indent_of};
use super::stack::{self, Stack};
use super::{entry, error};
use crate::json::Object;
use crate::{Exception, Mechanism};

/// Lines above the first call that the message may have.
const MESSAGE_LINES: usize = 60;
/// Lines above an error in which the object may begin that holds it: requests and answers are printed whole.
const OBJECT_LINES: usize = 1000;
/// Times that an entry may print its error again.
const MAX_COPIES: usize = 4;

/// Causes on their own lines.
const MAX_CAUSES: usize = 16;

/// A trace found in lines.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// The chain, never empty.
    pub exceptions: Vec<Exception>,
    /// Its lines, with those of the crash around it.
    pub lines: Range<usize>,
    /// The line on which the error's own text begins.
    pub head: usize,
    /// What that line says before it.
    pub before: Option<String>,
    /// What the text tells of who printed it.
    pub mechanism: Option<Mechanism>,
    /// The object around the error, where one is printed.
    pub around: Option<Object>,
}

/// The trace at the first call at or below `hit`.
pub(crate) fn trace(lines: &[&str], hit: usize) -> Option<Trace> {
    trace_of(lines, hit, false)
}

/// The same; `opens` where the first line is an entry's, which tells of the error.
pub(crate) fn trace_of(lines: &[&str], hit: usize, opens: bool) -> Option<Trace> {
    let call = (hit..lines.len()).find(|index| stack::is_call(lines[*index]))?;
    let start = start_of(lines, call, opens)?;
    let mut found = match start {
        Start::Error { line, at, indent } => error_here(lines, line, at, indent)?,
        Start::Object { line, at } => object_here(lines, line, at)?,
        Start::Properties { line, indent } => properties_here(lines, line, indent)?,
    };
    // `console.trace` prints its own calls behind the error's.
    if lines[found.head].trim_start().starts_with("Trace: ") {
        let own = lines[found.lines.end..].iter().take_while(|line| stack::is_call(line)).count();
        found.lines.end += own;
        found.before = None;
    }
    take_copies(lines, &mut found);
    crash::surroundings(lines, &mut found);
    Some(found)
}

/// An error without calls, as those of the operating system are that nobody's code led to.
// read failed [Error: ENOENT: no such file or directory, open '/srv/x.csv'] { ·   errno: -2, ·   code: 'ENOENT' · }
pub(crate) fn without_calls(lines: &[&str], hit: usize) -> Option<Trace> {
    let line = lines[hit];
    let at = line.find("[Error: ").filter(|_| !line.starts_with([' ', '\t']) || line.starts_with(" ⨯ "))?;
    let ends = line.trim_end().ends_with([']', '}']) || line.trim_end().ends_with("] {");
    head::at_start(&line[at + 1..], false).filter(|head| ends && !head.message.is_empty())?;
    let mut reader = Reader::new(lines, (hit, at));
    let Value::Object(mut error) = reader.value(0, 0) else { return None };
    // { [Error: connect ECONNREFUSED] ·   code: 'ECONNREFUSED', ·   syscall: 'connect' }
    if line[..at].trim_end().ends_with('{') {
        error.extend(reader.entries(1));
    }
    let (last, rest) = reader.place();
    let is_last = lines.get(last).is_none_or(|line| line.get(rest..).unwrap_or("").trim().is_empty());
    let exceptions = is_last.then(|| error::chain(&error))?;
    let before = words_before(&line[..at]);
    let mut found =
        Trace { exceptions, lines: hit..behind(lines, (last, rest)), head: hit, before, ..Trace::default() };
    crash::surroundings(lines, &mut found);
    Some(found)
}

impl Trace {
    /// The trace of a stack that was read from `lines`; its text begins at byte `at` of the first.
    pub(crate) fn of_stack(stack: Stack, lines: &[&str], range: Range<usize>, at: usize) -> Trace {
        let before = words_before(&lines[range.start][..at]);
        let exceptions = error::chain_of(&stack);
        Trace { exceptions, head: range.start, lines: range, before, ..Trace::default() }
    }
}

/// Where the outermost printed thing begins that holds a call.
enum Start {
    /// An error's text, from a byte of a line on.
    Error { line: usize, at: usize, indent: usize },
    /// An object's brace.
    Object { line: usize, at: usize },
    /// Properties below an entry's first line, as pino-pretty prints them.
    Properties { line: usize, indent: usize },
}

fn start_of(lines: &[&str], call: usize, opens: bool) -> Option<Start> {
    let (line, at) = typed_above(lines, call).or_else(|| loose_head(lines, call, opens))?;
    let before = head::undecorated(&lines[line][..at]);
    let indent = if before.is_empty() || is_key(before) { indent_of(lines[line]) } else { 0 };
    if indent == 0 {
        return Some(Start::Error { line, at, indent });
    }
    // An indented error may be part of something that began further up.
    let mut root = None;
    let mut below = indent;
    for above in (line.saturating_sub(OBJECT_LINES)..line).rev() {
        let text = lines[above].trim_end();
        let own = indent_of(text);
        if text.is_empty() || own >= below {
            continue;
        }
        let opens = text.ends_with(['{', '[']) || text.ends_with(':') && text.trim_start().starts_with('"');
        if !opens {
            break;
        }
        root = Some(above);
        below = own;
        if own == 0 {
            break;
        }
    }
    let Some(root) = root else { return Some(Start::Error { line, at, indent }) };
    let text = lines[root].trim_end();
    let own = indent_of(text);
    if own > 0 {
        let first = (0..root)
            .rev()
            .take_while(|index| indent_of(lines[*index]) >= own && !lines[*index].trim().is_empty())
            .last();
        return Some(Start::Properties { line: first.unwrap_or(root), indent: own });
    }
    let tag = text.find('[').filter(|at| head::at_start(&text[at + 1..], false).is_some());
    let at = tag.or_else(|| text.rfind(['{', '[']))?;
    Some(Start::Object { line: root, at })
}

/// A property's name before its value.
// err: · 'last error':
fn is_key(text: &str) -> bool {
    let name = text.trim_end().strip_suffix(':').unwrap_or("");
    let quoted = name.len() > 1 && name.starts_with('\'') && name.ends_with('\'');
    quoted || !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_$".contains(c))
}

/// The line and byte at which the error's text begins whose first call is at `call`.
pub(crate) fn head_above(lines: &[&str], call: usize) -> Option<(usize, usize)> {
    typed_above(lines, call).or_else(|| loose_head(lines, call, false))
}

/// The same where the text names a type.
fn typed_above(lines: &[&str], call: usize) -> Option<(usize, usize)> {
    let depth = indent_of(lines[call]);
    let lowest = call.saturating_sub(MESSAGE_LINES);
    let mut nearest = None;
    for line in (lowest..call).rev() {
        let text = lines[line];
        let own = indent_of(text);
        let is_cause = text.trim_start().starts_with("Caused by: ");
        if text.trim().is_empty() || is_cause || own > depth {
            continue;
        }
        if let Some(start) = head::at_start(text, false).map(|head| head.start) {
            // V8 puts its calls four deeper than the error's text.
            if own + 4 == depth || depth < 4 || line + 1 == call {
                return Some((line, start));
            }
            nearest = nearest.or(Some((line, start)));
        } else if let Some(head) = head::find(text) {
            return Some(nearest.unwrap_or((line, head.start)));
        }
    }
    nearest
}

/// The line above a call where nothing looks like a type: `Oops: x`, `x`, or a logger's line with the message alone.
/// `opens` where the first of the lines is an entry's: a message of many lines begins there.
fn loose_head(lines: &[&str], call: usize, opens: bool) -> Option<(usize, usize)> {
    let line = (call.saturating_sub(2)..call).rev().find(|index| !lines[*index].trim().is_empty());
    // A message of many lines may end with blank ones.
    let Some(line) = line else { return Some((if opens && call <= MESSAGE_LINES { 0 } else { call }, 0)) };
    let adjoining = (call.saturating_sub(MESSAGE_LINES)..=line).rev();
    let mut adjoining = adjoining.take_while(|index| !lines[*index].trim().is_empty());
    if head::at_start(lines[line], true).is_none()
        && let Some((line, head)) = adjoining.find_map(|index| Some((index, head::named(lines[index])?)))
    {
        return Some((line, head.start));
    }
    let is_bun = indent_of(lines[call]) == 6 && lines[call - 1].trim().is_empty();
    let is_property = |line: usize| {
        lines[line].starts_with(' ') && lines[line].trim_end().ends_with(',') || is_bun && bun::is_property(lines[line])
    };
    let above = (call.saturating_sub(MESSAGE_LINES)..=line).rev().find(|index| !is_property(*index));
    let line = above.filter(|above| is_bun || head::at_start(lines[*above], true).is_some()).unwrap_or(line);
    // `failed: CardDeclined: x`: a word before a type that is told by its spelling.
    let worded = lines[line].starts_with(|c: char| c.is_ascii_lowercase());
    if let Some(head) = head::named(lines[line]).filter(|_| worded) {
        return Some((line, head.start));
    }
    let line = if is_title(lines[line]) { line.saturating_sub(1) } else { first_of(lines, line) };
    // The text of an error stands less deep than its calls.
    let is_head = head::at_start(lines[line], true).is_some() && indent_of(lines[line]) < indent_of(lines[call]);
    let is_message = opens && call <= MESSAGE_LINES && !is_head;
    let line = if is_message { 0 } else { line };
    let text = lines[line];
    let at = head::at_start(text, true).map_or_else(|| indent_of(text) + own_words(text.trim_start()), |h| h.start);
    Some((line, at))
}

/// The line that the indented lines down to `line` belong to.
// Internal server error: Failed to resolve import "./gone" ·   Plugin: vite:import-analysis ·   File: /srv/a.ts:1:22
fn first_of(lines: &[&str], line: usize) -> usize {
    let belongs = |line: usize| {
        lines[line].starts_with(' ') || lines[line].trim_end().ends_with(':') && lines[line].trim() != "Thrown at:"
    };
    let mut first = line;
    while first > 0 && line - first < MESSAGE_LINES && belongs(first) && !lines[first - 1].trim().is_empty() {
        first -= 1;
    }
    // A value is none of the lines above the line that opens it.
    let opens = |line: &usize| lines[*line].trim_end().ends_with(['{', '[']) || lines[*line].ends_with("\":");
    if (first..line).any(|line| opens(&line)) {
        return line;
    }
    // What is indented as a whole stands alone, and a title is no message.
    if lines[first].starts_with(' ') || !lines[first].contains(": ") { line } else { first }
}

/// The line between a message and its calls that only says that these follow.
pub(crate) fn is_title(line: &str) -> bool {
    line.trim() == "Stack trace:"
}

/// Bytes of what a logger printed before a message without a type: as far as the message shows where it begins.
// unhandledRejection fetch failed · lookup failed, using the last rates ENOENT: no such file or directory, open '/x'
fn own_words(text: &str) -> usize {
    let tags = tags(text);
    if tags > 0 {
        return tags;
    }
    for event in ["unhandledRejection", "uncaughtException"] {
        if text.strip_prefix(event).is_some_and(|rest| rest.starts_with([' ', ':'])) {
            return text.len() - text[event.len()..].trim_start_matches([':', ' ']).len();
        }
    }
    let is_code = |word: &str| word.len() > 3 && word.starts_with('E') && word.bytes().all(|c| c.is_ascii_uppercase());
    let codes = text.match_indices(": ").filter_map(|(colon, _)| {
        let start = text[..colon].rfind(' ').map_or(0, |blank| blank + 1);
        is_code(&text[start..colon]).then_some(start)
    });
    codes.min().or_else(|| engine::begins_at(text)).unwrap_or(0)
}

/// Bytes of the tags in brackets that a server puts before an error's message.
// [nuxt] [request error] [unhandled] [500] Cannot read properties of undefined
fn tags(text: &str) -> usize {
    let mut rest = text;
    while let Some((tag, after)) = rest.strip_prefix('[').and_then(|inner| inner.split_once("] ")) {
        if tag.is_empty() || tag.len() > 40 || tag.starts_with("object ") || tag.contains(['"', '\'', '[', '{']) {
            break;
        }
        rest = after;
    }
    text.len() - rest.len()
}

fn error_here(lines: &[&str], line: usize, at: usize, indent: usize) -> Option<Trace> {
    // A value that is no error was thrown: the crash is read as a whole.
    if lines[line].trim() == "Thrown at:" {
        return None;
    }
    let mut text = inspect::error_text(lines, (line, at), indent);
    let before = words_before(&lines[line][..at]);
    // Deno prints causes as pino does, but for a capital.
    if before.as_deref().is_some_and(|words| words.starts_with("Uncaught")) {
        text.stack = without_source(&text.stack).replace("\nCaused by: ", "\ncaused by: ");
    }
    let mut end = text.end;
    let mut object = Object::new();
    if text.opens {
        let mut reader = Reader::new(lines, text.end);
        object = reader.object(1);
        end = reader.place();
    }
    // { Error: no such table ·     at query (/app/db.js:1:2) ·   code: 'E_TABLE' }
    if !text.opens && lines[line][..at].trim_end().ends_with('{') {
        let mut reader = Reader::new(lines, text.end);
        object = reader.entries(1);
        end = reader.place();
    }
    if let Some((cause, next)) = cause_below(lines, end, 0) {
        object.insert("cause".to_owned(), cause);
        end = next;
    }
    let is_ignored = text.stack.contains(stack::IGNORED);
    let json = object.contains_key("stack") || object.contains_key("exception");
    object.insert("stack".to_owned(), Value::String(text.stack));
    let exceptions = error::chain(&object);
    if exceptions.first()?.frames.is_empty() && !is_ignored {
        return None;
    }
    Some(Trace {
        exceptions,
        lines: line..behind(lines, end),
        head: line,
        before,
        around: json.then_some(object),
        ..Trace::default()
    })
}

/// An error's text without the line of source, and the caret below it, that Deno prints above the calls.
// could not load · throw new Error("could not load"); ·       ^ ·     at load (file:///srv/load.ts:9:9)
fn without_source(text: &str) -> String {
    let Some((above, calls)) = text.split_once("\n    at ") else { return text.to_owned() };
    let kept = above.rsplit_once('\n').filter(|(_, caret)| caret.trim_start().bytes().all(|c| c == b'^'));
    match kept.and_then(|(above, _)| above.rsplit_once('\n')) {
        Some((message, _)) => format!("{message}\n    at {calls}"),
        None => text.to_owned(),
    }
}

/// A cause on its own lines below the calls, as consola prints it.
//   [cause]: connect ECONNREFUSED 127.0.0.1:8099 ·     at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)
fn cause_below(lines: &[&str], (from, at): Place, depth: usize) -> Option<(Value, Place)> {
    let line = (from..lines.len().min(from + 3)).find(|index| !lines[*index].trim().is_empty()).filter(|_| at == 0)?;
    let own = indent_of(lines[line]);
    let text = lines[line].trim_start().strip_prefix("[cause]: ").filter(|_| depth < MAX_CAUSES)?;
    let text = inspect::error_text(lines, (line, lines[line].len() - text.len()), own);
    let mut cause = Object::from_iter([("stack".to_owned(), Value::String(text.stack))]);
    let mut end = text.end;
    if let Some((inner, next)) = cause_below(lines, end, depth + 1) {
        cause.insert("cause".to_owned(), inner);
        end = next;
    }
    Some((Value::Object(cause), end))
}

/// What an entry says before its error, without the marks around it.
pub(crate) fn words_before(text: &str) -> Option<String> {
    let text = text
        .trim()
        .trim_start_matches("› ")
        .trim_end_matches("<ref *1>")
        .trim()
        .trim_end_matches(['-', ':', '⨯', '✖', '✘', '›', '{', '|'])
        .trim();
    // Nest says how many members an object has that it prints.
    let counted = text.strip_prefix("Object(").and_then(|rest| rest.strip_suffix(')'));
    let is_count = counted.is_some_and(|count| count.bytes().all(|c| c.is_ascii_digit()));
    let is_label = ["stack", "stack trace", "stacktrace", "trace"].iter().any(|label| text.eq_ignore_ascii_case(label));
    // Node 10 and older print an object in one line with its first property: `{ err: Error: x`.
    let is_property = text.strip_prefix("{ ").is_some_and(|name| !name.contains([' ', '"']));
    (!text.is_empty() && !is_count && !is_label && !is_property).then(|| text.to_owned())
}

fn object_here(lines: &[&str], line: usize, at: usize) -> Option<Trace> {
    let mut reader = Reader::new(lines, (line, at));
    let value = reader.value(0, indent_of(lines[line]));
    let (last, rest) = reader.place();
    let mut found = Trace { head: line, before: words_before(lines[line][..at].trim_end()), ..Trace::default() };
    let around = match value {
        Value::Object(object) => object,
        Value::Array(values) => {
            values.into_iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => return None,
    };
    // `} reason: TypeError: x`: the same error, printed with more depth.
    let tail = lines.get(last).and_then(|text| text.get(rest..)).unwrap_or("");
    if let Some(head) = head::find(tail)
        && let Some(again) = error_here(lines, last, rest + head.start, 0)
    {
        found.exceptions = again.exceptions;
        found.lines = line..again.lines.end;
        return Some(found);
    }
    found.exceptions = entry::find(&around)?.exceptions;
    found.lines = line..behind(lines, (last, rest));
    found.around = Some(around);
    Some(found)
}

fn properties_here(lines: &[&str], line: usize, indent: usize) -> Option<Trace> {
    let mut reader = Reader::new(lines, (line, 0));
    let around = reader.properties(indent);
    let end = behind(lines, reader.place());
    let exceptions = entry::find(&around)?.exceptions;
    let first = line.saturating_sub(1);
    let before = (line > 0).then(|| words_before(lines[first])).flatten();
    Some(Trace { exceptions, lines: first..end, head: first, before, around: Some(around), ..Trace::default() })
}

/// The line behind a place: a line that holds something after the place is still one of the record.
fn behind(lines: &[&str], (line, at): (usize, usize)) -> usize {
    if at == 0 { line.min(lines.len()) } else { (line + 1).min(lines.len()) }
}

/// Takes in what repeats the error: an entry that prints a stack twice. Bare stacks are as many errors.
fn take_copies(lines: &[&str], found: &mut Trace) {
    let Some(first) = found.exceptions.first() else { return };
    let announced = found.head > 0 && !first.message.is_empty() && lines[0].contains(first.message.as_str());
    if found.before.is_none() && !announced && first.properties.is_empty() {
        return;
    }
    for _ in 0..MAX_COPIES {
        let Some(first) = found.exceptions.first() else { return };
        let next = found.lines.end;
        let Some(head) = lines.get(next).and_then(|text| head::at_start(text, false)) else { return };
        if head.message != first.message.split('\n').next().unwrap_or("") {
            return;
        }
        let again = error_here(lines, next, head.start, indent_of(lines[next]));
        match again {
            Some(again) if again.exceptions.first().is_some_and(|other| other.frames == first.frames) => {
                found.lines.end = again.lines.end;
            }
            _ => return,
        }
    }
}
