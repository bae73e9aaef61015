//! PHP: Laravel's, Symfony's and other Monolog records, JSON formatters, PHP's own error log and console.
//!
//! In: the lines of a region, or a JSON entry. Out: records. Invariant: a record's exception has a type; a trace
//! alone is none. What each mechanism's name means stands in `mechanism`. Does not find regions, does not judge.
//!
//! ```text
//! [2026-11-23 07:40:00] production.ERROR: no stock {"userId":7,"exception":"[object] (App\\NoStock(code: 0): no stock at /srv/app/Shop.php:12)
//! [stacktrace]
//! #0 /srv/app/Http/Cart.php(9): App\\Shop->take()
//! #1 {main}
//! "}
//! ```

mod bref;
mod context;
mod fatal;
mod frame;
mod framework;
mod mechanism;
mod monolog;
mod native;
mod nextcloud;
mod object;
mod printed;
mod untitled;
mod weave;

use serde_json::Value;

pub(crate) use framework::{is_cause, is_trace};
pub(crate) use weave::{Place, Step, Weave, concerns};

use mechanism::By;

use crate::assemble::Found;
use crate::header::Header;
use crate::json::{Object, get};
use crate::record::{Level, Platform, Record};
use crate::{text, time};

/// The header forms that only this language's loggers print.
pub(crate) fn header(line: &str) -> Option<Header> {
    monolog::header(line)
        .or_else(|| framework::header(line))
        .or_else(|| native_header(line))
        .or_else(|| bref::header(line))
}

// [23-Nov-2026 07:40:00 Asia/Jakarta] PHP Fatal error:  Uncaught Exception: boom in /srv/a.php:3
// NOTICE: PHP message: PHP Fatal error:  Uncaught Exception: boom in /srv/a.php:3
/// PHP's own: a time, or none, before its severity or before what a script gave to `error_log()`.
fn native_header(line: &str) -> Option<Header> {
    let mut header = Header { format: Some("php-error"), ..Header::default() };
    let mut rest = line;
    let mut dated = false;
    if let Some(inner) = rest.strip_prefix('[')
        && let Some(stamp) = time::at_start(inner)
        && let behind = &inner[stamp.length..]
        && let Some(after) = behind.strip_prefix("] ").or_else(|| swoole(behind))
    {
        header.timestamp = stamp.value;
        dated = inner.as_bytes().get(2) == Some(&b'-') || behind.starts_with(' ');
        rest = after;
    }
    let message = ["NOTICE: PHP message: ", "PHP message: "].into_iter().find_map(|words| rest.strip_prefix(words));
    if message.is_none() && !dated && native::severity(rest).is_none() {
        return None;
    }
    rest = message.unwrap_or(rest);
    header.length = line.len() - rest.len();
    Some(header)
}

// [2026-11-23 08:00:00 *12.0]	ERROR	php_swoole_server_rshutdown() (ERRNO 503): Fatal error: Uncaught …
/// What stands behind Swoole's worker and level.
fn swoole(text: &str) -> Option<&str> {
    let (worker, rest) = text.strip_prefix(' ')?.split_once("]\t")?;
    let own =
        worker.starts_with(['*', '$', '#', '@', '^']) && worker[1..].bytes().all(|c| c.is_ascii_digit() || c == b'.');
    rest.split_once('\t').filter(|_| own).map(|(_, message)| message)
}

/// The exceptions in these lines, if they are this language's; `lines[0]` is cut to the entry's message.
pub(crate) fn parse(lines: &[&str], hit: usize, header: Option<&Header>) -> Vec<Found> {
    let monolog = header.is_some_and(is_monolog);
    // What looks like a context inside a message of PHP's own is quoted.
    let uncaught = native::severity(lines[0]).is_some_and(|severity| severity.rest.starts_with("Uncaught "));
    let context =
        || lines[hit].contains(object::MARK) || header.is_some() && lines[hit..].iter().any(|line| is_context(line));
    if monolog || !uncaught && context() {
        let found = escaped(lines[hit], hit).unwrap_or_else(|| entries(lines, hit, header));
        if !found.is_empty() {
            return found;
        }
    }
    if monolog {
        return framework::in_entry(lines, hit).into_iter().collect();
    }
    if let Some(found) = framework::parse(lines, hit, header) {
        return vec![found];
    }
    let mut found = printed::parse(lines, hit, header);
    found.iter_mut().for_each(|found| framework::complete(found, lines, header));
    found
}

/// The entries that Apache wrote into one line; none where that line is not one of its.
fn escaped(line: &str, hit: usize) -> Option<Vec<Found>> {
    let text = printed::apache_text(line)?;
    let lines: Vec<&str> = text.lines().collect();
    let own = |found: Found| Found { lines: hit..hit + 1, has_header: hit == 0, ..found };
    let header = monolog::header(lines.first()?);
    let mut texts = lines.clone();
    texts[0] = &lines[0][header.as_ref().map_or(0, |header| header.length)..];
    let mut found = entries(&texts, 0, header.as_ref());
    if let (Some(found), Some(header)) = (found.first_mut(), header) {
        take_header(&mut found.record, header);
    }
    Some(found.into_iter().map(own).collect())
}

fn is_monolog(header: &Header) -> bool {
    matches!(header.format, Some("laravel" | "monolog"))
}

//   2026-11-23 08:00:00 Running [rates] [2026-11-23 08:00:01] production.ERROR: no rate {"exception":"[object] (…
/// Monolog's header behind what a console command wrote on the same line; its length is the line's up to the message.
fn behind(line: &str) -> Option<Header> {
    let end = line.find(object::MARK)?;
    line[..end].match_indices(" [").take(8).find_map(|(at, _)| {
        let mut header = monolog::header(&line[at + 1..])?;
        header.length += at + 1;
        Some(header)
    })
}

static CONTEXT: text::Literal = text::Literal::new("\"[object] (");

/// Whether an object is the context that a line formatter prints behind an entry's message.
pub(crate) fn is_context(text: &str) -> bool {
    CONTEXT.is_in(text.as_bytes())
}

/// The Monolog entries in a region: one, or those that several writers wrote line by line. Without a header the
/// first begins at the hit.
fn entries(lines: &[&str], hit: usize, region_header: Option<&Header>) -> Vec<Found> {
    let first = if region_header.is_some() { 0 } else { hit };
    // In a region whose header is another logger's, Monolog's own may stand behind it.
    let known = region_header.filter(|header| is_monolog(header));
    let behind = if known.is_none() { behind(lines[first]).or_else(|| monolog::undated(lines[first])) } else { None };
    let entries = woven(lines, first, behind.as_ref().map_or(0, |header| header.length));
    let mut found = Vec::new();
    for (number, indices) in entries.iter().enumerate() {
        let mut texts: Vec<&str> = indices.iter().map(|index| lines[*index]).collect();
        let traced = |line: &&str| line.contains(object::MARK) || line.starts_with("#0 ");
        if number > 0 && !texts.iter().any(traced) {
            continue;
        }
        let own = if number > 0 { monolog::header(texts[0]) } else { behind.clone() };
        if let Some(own) = &own {
            texts[0] = &texts[0][own.length..];
        }
        let header = own.as_ref().or(region_header.filter(|_| number == 0));
        let Some((mut record, taken)) = monolog::parse(&texts, header) else { continue };
        if let Some(own) = own {
            take_header(&mut record, own);
        }
        let lines = indices[0]..indices[taken.min(indices.len()) - 1] + 1;
        found.push(Found { record, lines, has_header: number == 0 && region_header.is_some() });
    }
    found.retain(|found| found.lines.end > hit);
    found
}

fn take_header(record: &mut Record, header: Header) {
    record.timestamp = header.timestamp;
    record.level = header.level;
    record.logger = header.logger;
    record.environment = header.environment;
}

/// The indices of each entry's lines, from line `first` on, whose message begins at byte `message`.
fn woven(lines: &[&str], first: usize, message: usize) -> Vec<Vec<usize>> {
    // Where no other may begin, all lines are the first one's.
    if !lines[first + 1..].iter().any(|line| weave::may_begin(line.as_bytes())) {
        return vec![(first..lines.len()).collect()];
    }
    let mut entries: Vec<Vec<usize>> = Vec::new();
    let mut weave = Weave::default();
    weave.begin(&lines[first].as_bytes()[message..]);
    for (index, line) in lines.iter().enumerate().skip(first) {
        if index > first {
            weave.step(line.as_bytes());
        }
        let entry = weave.entry();
        if entries.len() <= entry {
            entries.resize_with(entry + 1, Vec::new);
        }
        entries[entry].push(index);
    }
    entries
}

/// Keys of an entry's own text, in which an exception may be quoted.
const MESSAGES: &[&str] = &["message", "msg", "@message", "log", "short_message"];

/// Keys of its channel; Graylog's formatter sets its own before it.
const CHANNELS: &[&str] = &["channel", "_channel", "facility", "_facility"];

/// The exception in a JSON entry, if it is one of this language.
pub(crate) fn from_json(object: &Object) -> Option<Record> {
    let nested = get(object, "context").or_else(|| get(object, "@fields"));
    let unpacked = nested.and_then(Value::as_str).and_then(packed);
    let nested = unpacked.as_ref().or_else(|| nested.and_then(Value::as_object));
    let message = MESSAGES.iter().find_map(|key| get(object, key)?.as_str());
    let mut record = Record { platform: Platform::Php, message: message.map(str::to_owned), ..Record::default() };
    record.level = level(object).or_else(|| level(nested?));
    record.timestamp = old_datetime(object);
    let nextcloud = nextcloud::is_entry(object);
    let printed =
        || message.and_then(|message| monolog::in_message(&message.lines().collect::<Vec<_>>(), record.level));
    if let Some(thrown) = nested.and_then(context::thrown).or_else(|| context::thrown_beside(object, MESSAGES)) {
        monolog::take(&mut record, thrown);
    } else if let Some(thrown) = message.filter(|message| message.starts_with('{')).and_then(context::in_text) {
        monolog::take(&mut record, thrown);
        record.message = record.exceptions.first().map(|outer| outer.message.clone());
    } else if let Some(chain) = bref::chain(object) {
        record.exceptions = chain;
        mechanism::found(&mut record, By::Bref, Some(false));
    } else if let Some((thrown, words)) = message.filter(|_| nextcloud).and_then(nextcloud::in_message) {
        monolog::take(&mut record, thrown);
        record.message = Some(words.to_owned());
    } else if let Some(printed) = printed() {
        // What PHP itself printed went through another's log: that one's level says nothing of it.
        if printed.how != native::How::Text && get(object, "level_name").is_none() {
            record.level = printed.level.or(record.level);
        }
        monolog::from_message(&mut record, printed, message?, false);
    } else {
        record.exceptions.push(monolog::fatal(message?, nested?)?);
    }
    let channel =
        CHANNELS.iter().find_map(|key| get(object, key).or_else(|| get(nested?, key))?.as_str()).unwrap_or("");
    if monolog::is_environment(channel) {
        record.environment = Some(channel.to_owned());
    } else if !channel.is_empty() {
        record.logger = Some(channel.to_owned());
    }
    let mut keys = Vec::new();
    if let Some(context) = nested {
        keys = context.keys().map(String::as_str).collect();
        context::fill(&mut record, context);
    }
    if let Some(extra) = get(object, "extra").and_then(Value::as_object) {
        context::fill(&mut record, extra);
    }
    context::facts(&mut record, object);
    if record.mechanism.is_none() {
        mechanism::of_monolog(&mut record, monolog::is_environment(channel), &keys);
    }
    record.format = json_format(object, &record).to_owned();
    if nextcloud {
        nextcloud::judge(&mut record, object);
    }
    (!mechanism::is_deprecation(&record)).then_some(record)
}

// "context":"{\"userId\":7,\"exception\":{\"class\":\"App\\\\NoStock\",…
/// An object that a formatter of scalars made a text.
fn packed(text: &str) -> Option<Object> {
    serde_json::from_str(text).ok().filter(|_| text.starts_with("{\""))
}

/// Monolog's numbers.
const MONOLOG_LEVELS: [(u64, Level); 8] = [
    (100, Level::Debug),
    (200, Level::Info),
    (250, Level::Notice),
    (300, Level::Warning),
    (400, Level::Error),
    (500, Level::Critical),
    (550, Level::Alert),
    (600, Level::Emergency),
];

/// Nextcloud's.
const NEXTCLOUD_LEVELS: [Level; 5] = [Level::Debug, Level::Info, Level::Warning, Level::Error, Level::Fatal];

fn level(object: &Object) -> Option<Level> {
    let level = get(object, "level_name").or_else(|| get(object, "level"))?;
    if nextcloud::is_entry(object) {
        return NEXTCLOUD_LEVELS.get(usize::try_from(level.as_u64()?).ok()?).copied();
    }
    // Graylog counts as syslog does.
    let syslog = get(object, "short_message").is_some().then_some([
        Level::Emergency,
        Level::Alert,
        Level::Critical,
        Level::Error,
        Level::Warning,
        Level::Notice,
        Level::Info,
        Level::Debug,
    ]);
    match level.as_u64() {
        Some(number) => match syslog {
            Some(levels) => levels.get(usize::try_from(number).ok()?).copied(),
            None => MONOLOG_LEVELS.iter().find(|(known, _)| *known == number).map(|(_, level)| *level),
        },
        None => crate::header::level(level.as_str()?),
    }
}

// "datetime":{"date":"2019-05-01 01:02:03.123456","timezone_type":3,"timezone":"UTC"}
fn old_datetime(object: &Object) -> Option<String> {
    let datetime = get(object, "datetime")?;
    let text = format!("{} {}", datetime.get("date")?.as_str()?, datetime.get("timezone")?.as_str()?);
    time::at_start(&text)?.value
}

fn json_format(object: &Object, record: &Record) -> &'static str {
    if get(object, "@timestamp").is_some() || get(object, "@version").is_some() {
        "logstash"
    } else if record.mechanism.as_ref().is_some_and(|mechanism| mechanism.kind.starts_with("symfony.")) {
        "symfony"
    } else {
        "monolog-json"
    }
}

/// Whether a line is the first of an entry of PHP's own, or of Monolog with a date of any kind.
pub(crate) fn begins(line: &[u8]) -> bool {
    let Ok(head) = std::str::from_utf8(&line[..line.len().min(64)]) else { return false };
    match line.first() {
        Some(b'[') => monolog::header(head).is_some() || framework::header(head).is_some(),
        Some(b'P' | b'N' | b'F' | b'W' | b'D' | b'R' | b'C' | b'S') => {
            native::severity(head).is_some()
                || head.starts_with("PHP message: ")
                || head.starts_with("NOTICE: PHP message: ")
        }
        _ => false,
    }
}

/// At most the first `bytes` bytes of a text, not inside a character.
fn head(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// Whether a line is one of the calls that xdebug prints below an error, each behind a time of its own in a log.
pub(crate) fn is_xdebug(line: &[u8]) -> bool {
    let after_time = |line: &[u8]| memchr::memchr(b']', &line[..line.len().min(48)]).map(|close| close + 2);
    let start = if line.starts_with(b"[") { after_time(line).unwrap_or(0) } else { 0 };
    let text = line.get(start..).unwrap_or(&[]);
    // PHP   1. {main}() /srv/public/index.php:0
    let number = text.strip_prefix(b"PHP  ").map(<[u8]>::trim_ascii_start);
    text.starts_with(b"PHP Stack trace:") || number.is_some_and(|number| number.first().is_some_and(u8::is_ascii_digit))
}

/// Whether a line is the first of a Monolog entry.
pub(crate) fn begins_entry(line: &[u8]) -> bool {
    line.starts_with(b"[") && monolog::header(&text::decode(&line[..line.len().min(192)])).is_some()
}

/// Whether a line can only be the last one of a record.
pub(crate) fn closes(line: &[u8]) -> bool {
    closes_context(line) || line.starts_with(b"  thrown in ") && ends_with_line(line)
}

// "}
// ","command":"import"} []
fn closes_context(line: &[u8]) -> bool {
    let end = line.trim_ascii_end();
    line.starts_with(b"\"}") || line.starts_with(b"\",\"") && matches!(end.last(), Some(b'}' | b']'))
}

/// `… on line 12`, and nothing behind it.
fn ends_with_line(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    let digits = line.iter().rev().take_while(|c| c.is_ascii_digit()).count();
    digits > 0 && line[..line.len() - digits].ends_with(b" on line ")
}
