//! Node: V8 traces, crash output, `util.inspect`, and the objects of Node's loggers.
//!
//! In: the lines of a region, or an entry's object. Out: the record's exceptions, and what the text says of who
//! printed them (`evidence` lists the mechanisms). Invariants: only V8's and the browsers' calls are claimed; all
//! work is linear in the region. Does not read the common fields of a header or an object.

mod access;
mod aside;
mod bun;
mod crash;
mod engine;
mod entry;
mod error;
mod evidence;
mod extent;
pub(crate) mod frame;
mod head;
mod header;
mod inspect;
mod logfmt;
mod pairs;
mod pretty;
mod record;
mod run;
pub(crate) mod stack;
pub(crate) mod text;
mod trace_array;

use std::borrow::Cow;

use serde_json::Value;

pub(crate) use extent::{Extent, Step};
pub(crate) use header::{begins_indented, begins_labelled, begins_nest};

use crate::assemble::Found;
use crate::header::{Header, is_access_log};
use crate::json::Object;
use crate::record::Record;
use crate::{Level, Mechanism, browser};
use text::Trace;

/// The header forms that only this language's loggers print.
pub(crate) fn header(line: &str) -> Option<Header> {
    header::header(line)
}

/// The header of columns that no other language's loggers print so.
pub(crate) fn columns(line: &str) -> Option<Header> {
    header::columns(line)
}

/// The exception in these lines, if it is one of this language; `lines[0]` is cut to the entry's message, `whole` is
/// that line as it stands, `header` what was cut off.
pub(crate) fn parse(lines: &[&str], hit: usize, whole: &str, header: Option<&Header>) -> Option<Found> {
    // `error: no such table` above a call is PostgreSQL's error, not a logger's level; V8 dies with `FATAL ERROR: `.
    let is_type = may_follow(whole.as_bytes()) && hit == 1;
    if is_type || whole.starts_with("FATAL ERROR: ") {
        let mut uncut = lines.to_vec();
        uncut[0] = whole;
        return parse_lines(&uncut, hit, None, false).map(|found| Found { has_header: false, ..found });
    }
    // The header of an entry that tells of no failure is not the one of a trace below it.
    // Nor is the line with which Jest names a file of tests.
    let tells = || !is_access_log(whole) && (header.is_some_and(|header| header.format.is_some()) || tells(lines[0]));
    let owns = header.is_some_and(|header| header.level.map_or_else(tells, |level| level >= Level::Warning));
    let owns = owns && !whole.trim_start().starts_with("FAIL ");
    let unprefixed = without_prefix(lines, hit);
    if let Some(plain) = unprefixed {
        let texts: Vec<&str> = plain.iter().map(AsRef::as_ref).collect();
        let mut found = parse_lines(&texts, hit, header, owns)?;
        if aside::is_npm(lines[hit]) {
            found.record.mechanism = Some(Mechanism { kind: "npm".to_owned(), handled: Some(true) });
        } else if let Some((_, name)) = lines[hit].split("    at ").next().and_then(|prefix| prefix.split_once("ERR! "))
        {
            // shop ERR! cart     at pay (/srv/a.js:1:2)
            found.record.level = found.record.level.or(Some(Level::Error));
            found.record.logger = Some(name.trim().to_owned()).filter(|name| !name.is_empty());
        }
        return Some(found);
    }
    parse_lines(lines, hit, header, owns)
}

fn parse_lines(lines: &[&str], hit: usize, header: Option<&Header>, owns: bool) -> Option<Found> {
    // A runtime's last line, or V8's, is the one of a crash above it.
    let dies = crash::is_version(lines[hit].as_bytes()) || lines[hit].starts_with("FATAL ERROR: ");
    let dead = dies.then(|| crash::without_trace(lines, hit)).flatten();
    let found = dead
        .or_else(|| crash::rejected_without_trace(lines, hit))
        .or_else(|| text::without_calls(lines, hit))
        .or_else(|| object(lines))
        .or_else(|| object_behind(lines, hit))
        .or_else(|| object_below(lines, hit))
        .or_else(|| escaped(lines, hit))
        .or_else(|| pretty::tslog(lines, hit))
        .or_else(|| pairs::trace(lines, hit))
        .or_else(|| text::trace_of(lines, hit, owns && header.is_some()))
        .or_else(|| browser::trace(lines, hit))
        .or_else(|| crash::without_trace(lines, hit))?;
    let mut found = found;
    bun::correct(lines, &mut found);
    if header.is_none() || found.head > 1 {
        crash::announced_in_words(lines, &mut found);
    }
    if aside::is_warning(lines, &found) || aside::is_test(lines, &found) {
        return None;
    }
    Some(record::of_trace(lines, found, header, owns))
}

/// An inspected object that is the whole entry, as winston's prettyPrint prints it.
fn object(lines: &[&str]) -> Option<Trace> {
    if lines[0].trim() != "{" {
        return None;
    }
    let mut reader = inspect::Reader::new(lines, (0, lines[0].find('{')?));
    let around = reader.object(0);
    let found = entry::find(&around)?;
    let end = (reader.place().0 + 1).min(lines.len());
    Some(Trace { exceptions: found.exceptions, lines: 0..end, before: None, around: Some(around), ..Trace::default() })
}

/// An object in JSON behind an entry's words.
// Invoke Error ⇥{"errorType":"TypeError","errorMessage":"x","stack":["TypeError: x","    at f (/a.js:1:2)"]}
fn object_behind(lines: &[&str], hit: usize) -> Option<Trace> {
    let line = lines[hit].trim_end();
    // What a logger prints behind the last call is read with the trace.
    if !line.ends_with('}') || line.trim_start().starts_with("at ") {
        return None;
    }
    // The words may hold braces, too.
    let opens = line.match_indices("{\"").map(|(open, _)| open).take(MAX_OPENS);
    let (open, around) = opens.filter_map(|open| Some((open, serde_json::from_str(&line[open..]).ok()?))).next()?;
    let around: Object = around;
    let found = entry::find(&around)?;
    let before = line[..open].trim();
    let before = (!before.is_empty()).then(|| before.to_owned());
    Some(Trace {
        exceptions: found.exceptions,
        lines: hit..hit + 1,
        head: hit,
        before,
        around: Some(around),
        ..Trace::default()
    })
}

/// An inspected object that begins behind an entry's words and holds its stack as texts.
// cart failed - { ·   stack: [ ·     'TypeError: x\n' + ·       '    at f (/a.js:1:2)' ·   ] · }
fn object_below(lines: &[&str], hit: usize) -> Option<Trace> {
    let is_text = lines[hit].trim_start().starts_with(['\'', '"', '`']) || lines[hit].contains("stack: ");
    if !is_text || !lines[hit].starts_with(' ') {
        return None;
    }
    let head = (hit.saturating_sub(OBJECT_LINES)..hit).rev().find(|line| !lines[*line].starts_with(' '))?;
    let opens = lines[head].trim_end().strip_suffix('{').map(str::len);
    let at = opens.unwrap_or(lines[head].len());
    let first = lines.get(head + 1)?;
    let mut reader = inspect::Reader::new(lines, if opens.is_some() { (head, at) } else { (head + 1, 0) });
    let around = match opens {
        Some(_) => reader.object(0),
        // ERROR: sync failed ·        "err": { ·          "stack": "TypeError: x\n    at f (/a.js:1:2)" ·        }
        None if first.trim_start().starts_with('"') => reader.properties(inspect::indent_of(first)),
        None => return None,
    };
    let exceptions = entry::find(&around)?.exceptions;
    let (last, at_last) = reader.place();
    let end = (last + usize::from(opens.is_some() || at_last > 0)).min(lines.len());
    let before = text::words_before(&lines[head][..at]);
    Some(Trace { exceptions, lines: head..end, head, before, around: Some(around), ..Trace::default() })
}

/// Braces of a line at which an object is sought.
const MAX_OPENS: usize = 4;
/// Lines of an object above its stack.
const OBJECT_LINES: usize = 60;

/// A trace in an escaped text of one line.
fn escaped(lines: &[&str], hit: usize) -> Option<Trace> {
    let around = logfmt::fields(lines[hit]);
    let Some((around, exceptions)) =
        around.and_then(|around| entry::find(&around).map(|found| (around, found.exceptions)))
    else {
        return unquoted(lines[hit], hit);
    };
    let found = Trace { exceptions, lines: hit..hit + 1, head: hit, ..Trace::default() };
    if around.keys().any(|key| !key.bytes().all(|c| c.is_ascii_digit())) {
        return Some(Trace { around: Some(around), ..found });
    }
    let words = lines[hit].split(['"', '\'', '`']).next().unwrap_or("");
    // Payment error: { message: 'no such customer', stack: 'Error: no such customer\n    at …
    let words = words.trim_end().rsplit_once(" { ").map_or(words, |(words, _)| words).trim().trim_end_matches(':');
    let before = (!words.is_empty()).then(|| words.to_owned());
    Some(Trace { before, ..found })
}

/// A trace in a line that a shipper made of several.
// checkout failed TypeError: x\n    at pay (/srv/pay.js:3:7) · TypeError: x     at pay (/srv/pay.js:3:7)     at run (/srv/a.js:9:2)
fn unquoted(line: &str, hit: usize) -> Option<Trace> {
    if !line.contains("    at ") || line.trim_start().starts_with("at ") {
        return None;
    }
    let text = line.replace("\\n", "\n");
    let text = if text.contains('\n') { text } else { text.replace("    at ", "\n    at ") };
    let parts: Vec<&str> = text.split('\n').map(str::trim_end).collect();
    head::find(parts[0])?;
    let found = text::trace(&parts, 0).filter(|found| found.lines.end == parts.len() && parts.len() > 1)?;
    Some(Trace { lines: hit..hit + 1, head: hit, ..found })
}

/// Whether the words of an entry without a level tell of a failure, or that more follows.
// checkout failed · could not load the rates · unhandled:
fn tells(words: &str) -> bool {
    const PARTS: [&str; 16] = [
        "err",
        "fail",
        "exce",
        "unable",
        "not ",
        "n't ",
        "crash",
        "reject",
        "uncaught",
        "unhandled",
        "abort",
        "invalid",
        "time",
        "lost",
        "fehl",
        "falh",
    ];
    let words = words.to_lowercase();
    // What other scripts say is not known.
    let is_foreign = || words.chars().any(|c| !c.is_ascii() && c.is_alphabetic());
    words.trim_end().ends_with(':') || is_foreign() || PARTS.iter().any(|part| words.contains(part))
}

/// The exception in a JSON entry, if it is one of this language.
pub(crate) fn from_json(object: &Object) -> Option<Record> {
    let found = entry::find(object)?;
    let mut record = Record {
        platform: record::platform_of(&found.exceptions, false),
        format: format_of(object).to_owned(),
        ..Record::default()
    };
    record.mechanism = evidence::in_entry(object, &found.exceptions[0])
        .or_else(|| evidence::in_error(&found.exceptions[0]))
        .or_else(|| found.before.as_deref().and_then(evidence::in_words));
    record.exceptions = found.exceptions;
    Some(record)
}

/// Which logger wrote an object.
fn format_of(object: &Object) -> &'static str {
    let has = |key: &str| object.contains_key(key);
    if has("ecs.version") || has("ecs") {
        "ecs"
    } else if has("v") && has("pid") && has("hostname") {
        "bunyan"
    } else if object.get("level").is_some_and(Value::is_number) && has("time") {
        "pino"
    } else if has("categoryName") && has("startTime") {
        "log4js"
    } else if has("_meta") {
        "tslog"
    } else if has("context") && has("pid") || has("pid") && has("timestamp") && has("level") {
        "nest"
    } else if has("requestId") && has("timestamp") && is_lambda(object) {
        "lambda"
    } else if has("level") && has("message") {
        "winston"
    } else {
        "json"
    }
}

/// Lambda's runtime spells levels in capitals; the text format's objects have none.
fn is_lambda(object: &Object) -> bool {
    let level = object.get("level").and_then(Value::as_str);
    level.is_none_or(|level| level.bytes().all(|c| c.is_ascii_uppercase()))
}

/// The lines without what stands before each of them, where the call at `hit` has something before it.
//   shop:error     at pay (/srv/app/pay.js:3:7) · 6 verbose stack     at Socket.<anonymous> (/usr/lib/x.js:1:2)
fn without_prefix<'a>(lines: &[&'a str], hit: usize) -> Option<Vec<Cow<'a, str>>> {
    let line = lines[hit];
    let at = line.find("    at ")?;
    let prefix = &line[..at];
    if prefix.trim().is_empty()
        || prefix.len() > 60
        || prefix.contains(['"', '\'', '{', '('])
        || head::find(prefix).is_some()
    {
        return None;
    }
    frame::frame(line[at..].trim())?;
    let prefix = prefix.trim_end();
    let strip = |line: &&'a str| match line.strip_prefix(prefix) {
        Some(rest) => Cow::Borrowed(rest.strip_prefix(' ').unwrap_or(rest)),
        None => Cow::Borrowed(*line),
    };
    Some(lines.iter().map(strip).collect())
}

/// `error: relation "a" does not exist`: a logger's level, or the type of an error that the line above announced.
pub(crate) fn may_follow(line: &[u8]) -> bool {
    let names_type =
        |message| std::str::from_utf8(message).is_ok_and(|text| text.contains("stack=") || head::names_type(text));
    line.strip_prefix(b"error: ").is_some_and(|message| !names_type(message))
}

/// Whether a line with a level is what a command printed, whose failure the lines `above` tell of.
// Error: Command failed: git push · remote: no such repository · fatal: repository not found
pub(crate) fn is_output<'a>(line: &[u8], above: impl FnOnce() -> &'a [u8]) -> bool {
    let is_level = ["error: ", "fatal: ", "warn: ", "warning: "].iter().any(|word| line.starts_with(word.as_bytes()));
    let tells = |line: &&[u8]| memchr::memmem::find(line, b"Error: Command failed: ").is_some();
    is_level && {
        let lines = above().trim_ascii_end().rsplit(|byte| *byte == b'\n');
        lines.take_while(|line| !line.trim_ascii().is_empty()).any(|line| tells(&line))
    }
}

/// Whether a line can only be the last one of a record.
pub(crate) fn closes(line: &[u8]) -> bool {
    crash::is_version(line)
}
