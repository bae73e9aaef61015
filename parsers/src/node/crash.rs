//! What Node prints around an uncaught error, and the deaths that have no trace of JavaScript.
//!
//! In: lines. Out: the crash's extent and mechanism. Invariant: only Node's own words are taken for a crash. Does
//! not read the error itself.

use serde_json::Value;

use super::evidence;
use super::inspect::Reader;
use super::stack::{self, Part};
use super::text::{Trace, words_before};
use crate::{Exception, Frames, Mechanism};

/// The type of V8's own death.
pub(crate) const OUT_OF_MEMORY: &str = "FATAL ERROR";

/// Takes the lines around a trace that belong to its crash: place, source and caret above; Node's version below.
pub(crate) fn surroundings(lines: &[&str], found: &mut Trace) {
    if let Some(place) = place_above(lines, found.lines.start) {
        let source = lines.get(place + 1).copied().unwrap_or("");
        let own = lines[place].starts_with("node:internal/process/promises:") || source.contains("fromPromise");
        let rejected = own || found.exceptions.first().is_some_and(|first| first.kind == "UnhandledPromiseRejection");
        let kind = if rejected { "node.unhandled_rejection" } else { "node.uncaught_exception" };
        found.mechanism = Some(Mechanism { kind: kind.to_owned(), handled: Some(false) });
        found.lines.start = place;
        add_place(lines[place], found);
    }
    // save failed /srv/src/cart.ts:7 · source line · caret: the stack itself begins so with the source maps of Node 12 to 16.
    if found.mechanism.is_none()
        && found.before.is_none()
        && let Some((line, at)) = place_behind_words(lines, found.lines.start)
    {
        found.before = words_before(&lines[line][..at]);
        found.lines.start = line;
        found.head = line;
    }
    // Node explains its warning of a rejection on the lines below.
    while lines.get(found.lines.end).is_some_and(|line| explains(line)) {
        found.lines.end += 1;
    }
    // digest: "2338062632"
    if lines.get(found.lines.end).is_some_and(|line| line.starts_with("digest: ")) {
        found.lines.end += 1;
        found.mechanism = Some(Mechanism { kind: "next.handler".to_owned(), handled: Some(false) });
    }
    // Debug: handler, error
    let above = found.head.checked_sub(1).and_then(|above| lines.get(above));
    if found.lines.start == found.head
        && above.is_some_and(|line| line.starts_with("Debug: ") && line.contains("error"))
    {
        found.lines.start = found.head - 1;
        found.mechanism = Some(Mechanism { kind: "hapi.default_handler".to_owned(), handled: Some(false) });
    }
    if found.mechanism.is_none() && found.lines.start == found.head {
        announced(lines, found);
        answered(lines, found);
    }
    let version = version_below(lines, found.lines.end);
    if let Some(version) = version {
        found.lines.end = version + 1;
        let kind = "node.uncaught_exception";
        found.mechanism.get_or_insert_with(|| Mechanism { kind: kind.to_owned(), handled: Some(false) });
    }
}

/// A global handler's line above the error.
// Exception origin: uncaughtException · … The promise rejected with the reason:
fn announced(lines: &[&str], found: &mut Trace) {
    let above = |number: usize| found.head.checked_sub(number).and_then(|line| lines.get(line)).copied().unwrap_or("");
    let by_node = above(1).starts_with("This error originated either by throwing inside of an async function");
    let origin = above(1).strip_prefix("Exception origin: ").map(str::trim);
    let rejected = by_node || origin == Some("unhandledRejection");
    if !rejected && origin != Some("uncaughtException") {
        return;
    }
    let lines_above = if origin.is_some() && above(2).starts_with("Caught exception: ") { 2 } else { 1 };
    let kind = if rejected { "node.unhandled_rejection" } else { "node.uncaught_exception" };
    found.mechanism = Some(Mechanism { kind: kind.to_owned(), handled: Some(false) });
    found.lines.start = found.head - lines_above;
}

/// A longer line tells something else.
const ANNOUNCEMENT_BYTES: usize = 120;

/// A global handler's own words on the line above an error, where these are no entry's.
// Uncaught Exception: · UNHANDLED REJECTION! Shutting down... · You have triggered an unhandledRejection, you may have …
pub(crate) fn announced_in_words(lines: &[&str], found: &mut Trace) {
    let above = found.head.checked_sub(1).and_then(|line| lines.get(line));
    let Some(words) = above.map(|line| line.trim()).filter(|words| words.len() < ANNOUNCEMENT_BYTES) else { return };
    let is_alone = found.mechanism.is_none() && found.before.is_none() && found.lines.start == found.head;
    if is_alone && stack::part(words) == Part::Other {
        found.mechanism = evidence::in_words(words);
        found.lines.start -= usize::from(found.mechanism.is_some());
    }
}

/// SvelteKit's line above the error.
// [500] GET /blog/a-post
fn answered(lines: &[&str], found: &mut Trace) {
    let above = found.head.checked_sub(1).and_then(|line| lines.get(line)).copied().unwrap_or("");
    let Some((status, request)) = above.strip_prefix('[').and_then(|rest| rest.split_once("] ")) else { return };
    let Some(failed) = status.parse().ok().map(|status: u16| status >= 500) else { return };
    let method = request.split_once(" /").map_or("", |(method, _)| method);
    if status.len() != 3 || method.is_empty() || !method.bytes().all(|c| c.is_ascii_uppercase()) {
        return;
    }
    found.mechanism = Some(Mechanism { kind: "sveltekit.handle_error".to_owned(), handled: Some(!failed) });
    found.before = Some(request.trim().to_owned());
    found.lines.start = found.head - 1;
}

// (Use `node --trace-warnings ...` to show where the warning was created)
fn explains(line: &str) -> bool {
    line.starts_with("(Use `") && line.contains(" --trace-")
        || line.starts_with("(node:")
            && (line.contains(") UnhandledPromiseRejectionWarning: Unhandled promise rejection. ")
                || line.contains("[DEP0018] DeprecationWarning: Unhandled promise rejections"))
}

/// A script that does not compile: its place is what `stack` begins with.
// /srv/app/bad.cjs:1 · const x = @invalid; · ^ · SyntaxError: Invalid or unexpected token · at wrapSafe (node:internal/…)
fn add_place(line: &str, found: &mut Trace) {
    let Some(first) = found.exceptions.first_mut() else { return };
    let compiles = first.frames.first().and_then(|frame| frame.function.as_deref()).is_some_and(|name| {
        ["wrapSafe", "internalCompileFunction", "Object.compileFunction", "new Script", "createScript"].contains(&name)
    });
    if first.kind == "SyntaxError"
        && compiles
        && let Some(frame) = super::error::frame_of(line, None)
    {
        first.frames.insert(0, frame);
    }
}

/// The line `file:12` above an error's text, where a source line and a caret follow it.
fn place_above(lines: &[&str], head: usize) -> Option<usize> {
    let mut line = head.checked_sub(1)?;
    for _ in 0..2 {
        if lines[line].trim().is_empty() {
            line = line.checked_sub(1)?;
        }
    }
    if is_place(lines[line]) && head == line + 1 {
        return Some(line);
    }
    let caret = lines[line].trim();
    if caret.is_empty() || !caret.bytes().all(|c| c == b'^' || c == b'~') {
        return None;
    }
    let place = line.checked_sub(2)?;
    is_place(lines[place]).then_some(place)
}

/// The same behind an entry's words, and where in the line it begins.
fn place_behind_words(lines: &[&str], head: usize) -> Option<(usize, usize)> {
    let caret = head.checked_sub(1).filter(|line| !lines[*line].trim().is_empty()).or(head.checked_sub(2))?;
    let points = lines[caret].trim().bytes().all(|c| c == b'^') && lines[caret].contains('^');
    let line = caret.checked_sub(2).filter(|_| points)?;
    let at = lines[line].rfind(" /").map(|blank| blank + 1)?;
    is_place(&lines[line][at..]).then_some((line, at))
}

/// `/srv/app/pay.js:12`, `node:events:502`, `file:///srv/app/pay.mjs:3`, `evalmachine.<anonymous>:1`.
fn is_place(line: &str) -> bool {
    let Some((file, number)) = line.trim_end().rsplit_once(':') else { return false };
    // connect ECONNREFUSED 127.0.0.1:6379
    let is_whole =
        !file.contains(' ') || file.starts_with('/') || file.get(1..2) == Some(":") || file.starts_with("file:");
    let is_address = file.bytes().all(|c| c.is_ascii_digit() || c == b'.');
    is_whole
        && !is_address
        && !number.is_empty()
        && number.bytes().all(|c| c.is_ascii_digit())
        && !file.is_empty()
        && !file.starts_with(' ')
        && !file.contains("http://")
        && !file.contains("https://")
        && (file.contains(['/', '\\', '.'])
            || file.starts_with("node:")
            // A text that `JSON.parse` was given has no file.
            || file == "undefined"
            || file.starts_with('<')
            || file.starts_with('['))
        && !file.contains(": ")
}

/// What a runtime that ends prints last.
// Node.js v20.1.0 · Bun v1.1.38 (Linux x64)
pub(crate) fn is_version(line: &[u8]) -> bool {
    line.starts_with(b"Node.js v") || line.starts_with(b"Bun v")
}

/// The runtime's version, behind blank lines.
fn version_below(lines: &[&str], from: usize) -> Option<usize> {
    let line = (from..lines.len().min(from + 4)).find(|index| !lines[*index].trim().is_empty())?;
    is_version(lines[line].as_bytes()).then_some(line)
}

/// A value thrown that is no error, or an out-of-memory: crashes without a call of JavaScript.
pub(crate) fn without_trace(lines: &[&str], hit: usize) -> Option<Trace> {
    out_of_memory(lines, hit).or_else(|| thrown_value(lines, hit))
}

// FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
fn out_of_memory(lines: &[&str], hit: usize) -> Option<Trace> {
    let near = hit.saturating_sub(12)..lines.len().min(hit + 12);
    let fatal = near.clone().find(|index| lines[*index].starts_with("FATAL ERROR: "))?;
    let message = lines[fatal].strip_prefix("FATAL ERROR: ")?;
    let start =
        near.rev().find(|index| *index < fatal && lines[*index].starts_with("<--- Last few GCs --->")).unwrap_or(fatal);
    let native = |text: &str| {
        text.starts_with("----- Native stack trace")
            || text.trim().is_empty()
            || text
                .trim_start()
                .split_once(": ")
                .is_some_and(|(number, rest)| number.bytes().all(|c| c.is_ascii_digit()) && rest.starts_with("0x"))
    };
    let mut end = fatal + 1 + lines[fatal + 1..].iter().take_while(|text| native(text)).count();
    while end > fatal + 1 && lines[end - 1].trim().is_empty() {
        end -= 1;
    }
    let exception =
        Exception { kind: OUT_OF_MEMORY.to_owned(), message: message.trim_end().to_owned(), ..Exception::default() };
    Some(crash(exception, start..end, fatal))
}

// /srv/app/boot.js:3 · function read() { throw 'no settings'; } · ^ · no settings · (Use `node --trace-uncaught …
fn thrown_value(lines: &[&str], hit: usize) -> Option<Trace> {
    let version = (hit..lines.len().min(hit + 30)).find(|index| {
        lines[*index].starts_with("Node.js v") || lines[*index].starts_with("(Use `node --trace-uncaught")
    })?;
    let caret = (version.saturating_sub(40)..version).rev().find(|index| {
        let text = lines[*index].trim();
        !text.is_empty()
            && text.bytes().all(|c| c == b'^')
            && index.checked_sub(2).is_some_and(|place| is_place(lines[place]))
    })?;
    let words = |text: &&str| {
        let trimmed = text.trim();
        !trimmed.is_empty()
            && !trimmed.starts_with("(Use `node ")
            && trimmed != "Thrown at:"
            && !trimmed.starts_with("Node.js v")
    };
    let body: Vec<&str> =
        lines[caret + 1..version].iter().copied().skip_while(|text| text.trim().is_empty()).take_while(words).collect();
    let message = body.join("\n").trim().trim_start_matches("Uncaught:").trim().to_owned();
    if message.is_empty() {
        return None;
    }
    if let Some(exception) = rejected_value(&message) {
        let end = version_below(lines, version).unwrap_or(version) + 1;
        let mut found = crash(exception, caret - 2..end, caret + 1);
        found.mechanism = Some(Mechanism { kind: "node.unhandled_rejection".to_owned(), handled: Some(false) });
        return Some(found);
    }
    let end = version_below(lines, version + 1).unwrap_or(version) + 1;
    if let Some(exception) = inspected(lines, caret + 1) {
        return Some(crash(exception, caret - 2..end, caret + 1));
    }
    let call = |text: &&str| match stack::part(text) {
        Part::Call(frame) => Some(*frame),
        _ => None,
    };
    let frames: Frames = lines[caret + 1 + body.len()..version].iter().filter_map(call).collect();
    let exception = match super::head::at_start(&message, false) {
        Some(head) if head.message.len() + 2 < message.len() => Exception {
            kind: head.kind.to_owned(),
            message: message[message.len() - head.message.len()..].to_owned(),
            frames,
            ..Exception::default()
        },
        _ => Exception { kind: String::new(), message, frames, ..Exception::default() },
    };
    Some(crash(exception, caret - 2..end, caret + 1))
}

/// An error without calls, as those of the operating system are that nobody's code led to.
// [Error: ENOENT: no such file or directory, open '/srv/x.csv'] { ·   errno: -2, ·   code: 'ENOENT' · }
fn inspected(lines: &[&str], from: usize) -> Option<Exception> {
    let line = (from..lines.len()).find(|line| !lines[*line].trim().is_empty())?;
    super::head::at_start(lines[line].strip_prefix('[')?, false)?;
    match Reader::new(lines, (line, 0)).value(0, 0) {
        Value::Object(object) => super::error::chain(&object).into_iter().next(),
        _ => None,
    }
}

/// Node's warning of a rejection that it prints without calls: those of another record may follow.
// (node:4711) UnhandledPromiseRejectionWarning: Error: ENOENT: no such file or directory, open '/srv/x.csv'
pub(crate) fn rejected_without_trace(lines: &[&str], hit: usize) -> Option<Trace> {
    let text = lines[hit].strip_prefix("(node:")?.split_once(") UnhandledPromiseRejectionWarning: ")?.1;
    let next = lines.get(hit + 1).copied().unwrap_or("");
    if text.starts_with("Unhandled promise rejection.") || !(next.starts_with("(node:") || next.starts_with("(Use `")) {
        return None;
    }
    let exception = match super::head::at_start(text, false) {
        Some(head) => {
            Exception { kind: head.kind.to_owned(), message: head.message.to_owned(), ..Exception::default() }
        }
        None => Exception { message: text.to_owned(), ..Exception::default() },
    };
    let mut found = crash(exception, hit..hit + 1, hit);
    found.mechanism = Some(Mechanism { kind: "node.unhandled_rejection".to_owned(), handled: Some(false) });
    while lines.get(found.lines.end).is_some_and(|line| explains(line)) {
        found.lines.end += 1;
    }
    Some(found)
}

/// A promise rejected with a value that is no error: Node's own error stands for it, without calls.
// [UnhandledPromiseRejection: This error originated … with the reason "#<Object>".] { ·   code: 'ERR_UNHANDLED_REJECTION' · }
fn rejected_value(text: &str) -> Option<Exception> {
    let inner = text.strip_prefix("[UnhandledPromiseRejection: ")?;
    let (message, properties) = inner.rsplit_once(']')?;
    let code = properties.contains("'ERR_UNHANDLED_REJECTION'").then(|| "ERR_UNHANDLED_REJECTION".to_owned());
    Some(Exception {
        kind: "UnhandledPromiseRejection".to_owned(),
        message: message.to_owned(),
        code,
        ..Exception::default()
    })
}

fn crash(exception: Exception, lines: std::ops::Range<usize>, head: usize) -> Trace {
    let mechanism = Mechanism { kind: "node.uncaught_exception".to_owned(), handled: Some(false) };
    Trace { exceptions: vec![exception], lines, head, mechanism: Some(mechanism), ..Trace::default() }
}
