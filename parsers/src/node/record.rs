//! From a trace among an entry's lines to its record.
//!
//! In: lines, the trace that was found in them, the entry's header. Out: the record, and which lines are its. Invariant: a
//! header is the record's only where the lines between it and the error are of one entry. Does not look for traces.

use super::text::Trace;
use super::{access, crash, evidence, inspect, stack};
use crate::assemble::Found;
use crate::header::Header;
use crate::json::{self, Object};
use crate::record::Record;
use crate::{Exception, Frame, Level, Mechanism, Platform, browser};

/// The record of a trace; `owns` says whether the region's header may be the one of a trace on a later line.
pub(super) fn of_trace(lines: &[&str], mut found: Trace, header: Option<&Header>, owns: bool) -> Found {
    let crashed = found.mechanism.as_ref().is_some_and(|by| by.kind.starts_with("node."));
    // Bunyan's reader prints the request and the answer above the error, as deep as that.
    let is_bunyan = header.is_some_and(|header| header.format == Some("bunyan"));
    let depth = inspect::indent_of(lines[found.head]);
    let belongs = |line: &&str| line.trim().is_empty() || is_bunyan && depth > 0 && inspect::indent_of(line) >= depth;
    let adjoins = lines.iter().take(found.head).skip(1).all(belongs);
    // The entry's first line says what was done; the error stands on the next.
    let answered = || access::status(lines[0]).is_some() || lines[0].contains("Exception while executing function");
    let repeated = || is_told(&lines[..found.head], &found.exceptions[0].message);
    let announced = !crashed && owns && found.head > 0 && (adjoins || answered() || repeated());
    let has_header = found.head == 0 || found.lines.start == 0 || announced;
    let above = || announced.then(|| lines[0].trim().to_owned());
    // What stands above the error is a line of its message, where the entry's first line tells that.
    let mut words = found.before.clone().filter(|_| !announced || adjoins).or_else(above);
    let header = header.filter(|_| has_header);

    let platform = platform_of(&found.exceptions, is_console(header, words.as_deref()));
    let mut record = Record { platform, ..Record::default() };
    if let Some((text, fields)) = words.as_deref().and_then(fields_behind) {
        json::fill(&mut record, &fields);
        words = Some(text);
    }
    let mut words = words.map(|words| stack::without_elapsed(&words).to_owned()).filter(|words| !words.is_empty());
    let label = header.filter(|header| header.level.is_some() && header.logger.is_none());
    let is_name = |words: &str| is_label(words) && words != found.exceptions[0].message;
    if label.is_some() && found.before.is_some() && words.as_deref().is_some_and(is_name) {
        record.logger = words.take();
    }
    record.level = header.and_then(|header| header.level).or(record.level);
    record.mechanism = found.mechanism.take();
    if let Some(around) = &found.around {
        json::fill(&mut record, around);
        record.mechanism = record.mechanism.or_else(|| evidence::in_entry(around, &found.exceptions[0]));
    }
    if crashed {
        record.format = "node-crash".to_owned();
    } else if header.is_none() {
        record.format = "console".to_owned();
    }
    if found.exceptions[0].kind == crash::OUT_OF_MEMORY {
        record.level = Some(Level::Fatal);
    }
    record.mechanism = record.mechanism.or_else(|| mechanism(lines, &found, header, words.as_deref(), record.level));
    record.message = words.or(record.message);
    record.exceptions = found.exceptions;
    let message = record.message.clone().unwrap_or_default();
    json::fill_from_words(&mut record, &message);
    let start = if has_header { 0 } else { found.lines.start };
    Found { record, lines: start..found.lines.end, has_header }
}

/// Who printed the trace, as its surroundings tell.
fn mechanism(
    lines: &[&str],
    found: &Trace,
    header: Option<&Header>,
    words: Option<&str>,
    level: Option<Level>,
) -> Option<Mechanism> {
    let by_format = || header.and_then(|header| evidence::in_format(header.format?, words));
    let by_logger = || header.and_then(|header| header.logger.as_deref()).and_then(evidence::in_logger);
    let by_words = || words.and_then(evidence::in_words);
    let own_words = words.filter(|words| *words != found.exceptions[0].message);
    let is_alone = own_words.is_none() && found.around.is_none();
    let is_bare = is_alone && header.is_none();
    let by_shape =
        || is_bare.then(|| evidence::in_bare_stack(&found.exceptions, is_set_off(lines, found.head))).flatten();
    let is_severe = level.is_none_or(|level| level >= Level::Error);
    let by_answer = || {
        let time = header.and_then(|header| header.timestamp.as_deref());
        let above = found.lines.start.checked_sub(1).filter(|_| is_bare).map(|above| lines[above]);
        (is_alone && is_severe).then(|| evidence::in_answers(above, &lines[found.lines.end..], time)).flatten()
    };
    let surely_shaped = || by_shape().filter(|by| by.handled.is_some());
    evidence::in_error(&found.exceptions[0])
        .or_else(by_format)
        .or_else(by_logger)
        .or_else(|| evidence::in_mark(lines[found.head]))
        .or_else(by_words)
        .or_else(|| evidence::in_end(&lines[found.lines.end..]))
        .or_else(surely_shaped)
        .or_else(by_answer)
        .or_else(by_shape)
}

/// Whether an entry's first line tells a message's first one, or its lines the whole message, so that the error below is
/// the entry's.
fn is_told(above: &[&str], message: &str) -> bool {
    let first = message.lines().next().unwrap_or("").trim();
    first.len() > 3 && above.first().is_some_and(|line| line.contains(first)) || is_told_over(above, message)
}

/// Whether an entry's lines tell a message of several, and nothing else.
//  · Invalid `prisma.user.create()` invocation in · /srv/users.ts:20:38 · PrismaClientKnownRequestError: · Invalid `prisma…
fn is_told_over(lines: &[&str], message: &str) -> bool {
    let mut told = lines.iter().map(|line| line.trim_end()).skip_while(|line| line.is_empty());
    let mut own = message.lines().map(str::trim_end).skip_while(|line| line.is_empty());
    let first = own.next().unwrap_or("");
    let begins = told.next().is_some_and(|line| first.len() > 3 && line.ends_with(first));
    begins && own.by_ref().zip(told.by_ref()).all(|(own, told)| own == told) && told.all(str::is_empty)
}

/// Whether an entry's words are but a name: the logger's, where the layout names none.
// cart · http-server · jobs.digest
fn is_label(words: &str) -> bool {
    words.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_./".contains(&c))
        && words.bytes().any(|c| c.is_ascii_lowercase())
        && !words.ends_with("ed")
}

/// Whether an entry's words are those of a browser's console.
// main.3f2a.js:2 Uncaught (in promise)
fn is_console(header: Option<&Header>, words: Option<&str>) -> bool {
    let says = |words: &str| words.split(' ').any(|word| word == "Uncaught");
    header.is_none_or(|header| header.format != Some("deno")) && words.is_some_and(says)
}

/// Whether an error stands by itself as Koa prints it: indented by two, behind a blank line.
fn is_set_off(lines: &[&str], head: usize) -> bool {
    let above = head.checked_sub(1).map_or("", |above| lines[above]);
    inspect::indent_of(lines[head]) == 2 && above.trim().is_empty()
}

/// An entry's words, and the fields in JSON behind them.
// Failed to place order 15 {"userId":"u5","requestId":"abc"}
fn fields_behind(words: &str) -> Option<(String, Object)> {
    let open = words.find("{\"").filter(|_| words.ends_with('}'))?;
    let fields = serde_json::from_str(&words[open..]).ok()?;
    Some((words[..open].trim_end().to_owned(), fields))
}

/// Whose code the frames are: a browser's when they are scripts of pages, and none is a file of a server's.
/// `in_console` where the words before are those of a browser's console, which shortens the scripts' addresses.
pub(super) fn platform_of(exceptions: &[Exception], in_console: bool) -> Platform {
    let places = || exceptions.iter().map(|exception| exception.frames.fact(Places::of));
    if (in_console || places().any(|places| places.page)) && !places().any(|places| places.local) {
        Platform::Javascript
    } else {
        Platform::Node
    }
}

/// Where the scripts of a trace lie.
struct Places {
    /// Some are a page's.
    page: bool,
    /// Some are files of a server's.
    local: bool,
}

impl Places {
    fn of(frames: &[Frame]) -> Places {
        let local = |file: &str| ["/", "file:///", "node:", "ext:"].iter().any(|start| file.starts_with(start));
        let files = || frames.iter().filter_map(|frame| frame.file.as_deref());
        Places { page: files().any(browser::is_page), local: files().any(local) }
    }
}
