//! Records that Monolog's line formatter wrote: `[DATE] CHANNEL.LEVEL: MESSAGE CONTEXT EXTRA`.
//!
//! In: the lines of one entry, the first without its header. Out: a record. Invariant: the work is bounded by a
//! multiple of the entry's length, whatever braces its message holds. Does not find entries.

mod parts;

use serde_json::{Map, Value};

use super::context::{self, Thrown};
use super::mechanism::{self, By};
use super::native::{self, How, Printed};
use super::object;
use super::untitled;
use crate::header::Header;
use crate::record::{Exception, Level, Platform, Record, Request};
use crate::time;

/// Bytes of what a format of one's own puts before a message.
const MAX_HEAD_BYTES: usize = 160;
/// Lines of a message in which a trace without a title may begin.
const UNTITLED_LINES: usize = 24;

/// Channels that say which environment it is, as Laravel's do, alone or as a part of the name.
const ENVIRONMENTS: [&str; 34] = [
    "production",
    "prod",
    "prd",
    "live",
    "staging",
    "stage",
    "stg",
    "local",
    "dev",
    "develop",
    "development",
    "devel",
    "test",
    "testing",
    "tests",
    "qa",
    "uat",
    "sandbox",
    "preprod",
    "preproduction",
    "pre",
    "preview",
    "demo",
    "beta",
    "alpha",
    "canary",
    "acceptance",
    "acc",
    "integration",
    "ci",
    "homolog",
    "homologacao",
    "desarrollo",
    "produccion",
];

/// Channels of Symfony and Magento, whose dates were Laravel's in Monolog's first version.
const OTHER_CHANNELS: [&str; 14] = [
    "app",
    "cache",
    "console",
    "doctrine",
    "event",
    "http_client",
    "main",
    "messenger",
    "php",
    "report",
    "request",
    "router",
    "security",
    "translation",
];

// [2026-11-23 07:40:00] production.ERROR: no stock {"exception":"[object] (…
/// Monolog's header, behind any time that another writer put before it.
pub(super) fn header(line: &str) -> Option<Header> {
    let mut rest = line;
    let mut timestamp = None;
    let mut seconds = false;
    let mut dated = false;
    while let Some(inner) = rest.strip_prefix('[')
        && let Some(close) = inner.find(']').filter(|close| *close < 64)
    {
        let date = &inner[..close];
        match time::at_start(date) {
            Some(stamp) => timestamp = stamp.value.map(|value| day_first(date, value)),
            None if is_date(date) => timestamp = Some(format!("{date}T00:00:00")),
            // A custom format's words: `[web-1] production.ERROR: …`.
            None => break,
        }
        seconds = date.len() == 19 && date.as_bytes()[10] == b' ';
        dated = true;
        rest = inner[close + 1..].trim_start_matches(' ');
    }
    // PHP's own words are none of a custom format's, whatever the message behind them looks like.
    if !dated || native::is_logged(super::head(rest, 160)) {
        return None;
    }
    let (channel, level, length) = channel_and_level(rest)?;
    let mut header = header_of(channel, level, seconds);
    header.length = line.len() - rest.len() + length;
    header.timestamp = timestamp;
    Some(header)
}

// production.ERROR: no stock {"exception":"[object] (…
/// The header of a format that leaves the time to what runs the program.
pub(super) fn undated(line: &str) -> Option<Header> {
    let (channel, level, length) = channel_and_level(line)?;
    let alone = line.starts_with(channel) && level.is_some() && !channel.is_empty();
    alone.then(|| Header { length, ..header_of(channel, level, false) })
}

fn header_of(channel: &str, level: Option<Level>, seconds: bool) -> Header {
    let (environment, logger) = if is_environment(channel) { (Some(channel), None) } else { (None, Some(channel)) };
    let laravel = environment.is_some() || seconds && !OTHER_CHANNELS.contains(&channel);
    Header {
        level,
        logger: logger.filter(|name| !name.is_empty()).map(str::to_owned),
        environment: environment.map(str::to_owned),
        format: Some(if laravel { "laravel" } else { "monolog" }),
        ..Header::default()
    }
}

// 02/03/2024 10:11:13
/// A time whose date has slashes: those who give Monolog a format of their own so put the day first.
fn day_first(date: &str, value: String) -> String {
    let slashed = date.as_bytes().get(2) == Some(&b'/') && date.as_bytes().get(5) == Some(&b'/');
    let read = (value.get(5..7), value.get(8..10));
    match read {
        (Some(month), Some(day)) if slashed && date.starts_with(month) && day <= "12" => {
            format!("{}-{day}-{month}{}", &value[..4], &value[10..])
        }
        _ => value,
    }
}

/// `2026-11-23` alone.
fn is_date(text: &str) -> bool {
    let digits = |range: std::ops::Range<usize>| text.as_bytes()[range].iter().all(u8::is_ascii_digit);
    text.len() == 10 && digits(0..4) && digits(5..7) && digits(8..10)
}

/// `production.ERROR: `, behind words that a custom format puts before it.
fn channel_and_level(text: &str) -> Option<(&str, Option<Level>, usize)> {
    let head = super::head(text, 160);
    let colons = head.match_indices(':').map(|(at, _)| at);
    let coloned =
        colons.filter(|at| matches!(head.as_bytes().get(at + 1), None | Some(b' '))).take(8).find_map(|colon| {
            let (channel, word) = head[..colon].rsplit_once('.')?;
            let channel = channel.rsplit(' ').next().unwrap_or(channel);
            let level = psr_level(word);
            let refused = level.is_none() && !word.is_empty() || channel.contains(['{', '"', '(', '/', '\\']);
            (!refused).then(|| (channel, level, (colon + 2).min(text.len())))
        });
    coloned.or_else(|| without_colon(head))
}

// 7f3a9c1d app.ERROR no stock
/// The channel and the level of a format without a colon, among the first words.
fn without_colon(head: &str) -> Option<(&str, Option<Level>, usize)> {
    let mut from = 0;
    for word in head.split(' ').take(3) {
        if let Some((channel, shouted)) = word.rsplit_once('.')
            && shouted.bytes().all(|c| c.is_ascii_uppercase())
            && channel.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'))
            && let Some(level) = psr_level(shouted)
        {
            return Some((channel, Some(level), (from + word.len() + 1).min(head.len())));
        }
        from += word.len() + 1;
    }
    None
}

/// PSR-3's levels, in any case.
fn psr_level(word: &str) -> Option<Level> {
    let known = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
    known.iter().any(|level| word.eq_ignore_ascii_case(level)).then(|| crate::header::level(word)).flatten()
}

pub(super) fn is_environment(channel: &str) -> bool {
    let known = |word: &str| {
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
        ENVIRONMENTS.iter().any(|name| name.eq_ignore_ascii_case(word))
    };
    !channel.is_empty() && channel.split(['-', '_', '.']).any(known)
}

/// The record in these lines, and how many of them it takes.
pub(super) fn parse(lines: &[&str], header: Option<&Header>) -> Option<(Record, usize)> {
    let text = lines.join("\n");
    let mut parts = parts::parts(&text);
    let thrown = parts.as_mut().and_then(|parts| parts.thrown.take());
    let laravel = header.is_some_and(|header| header.format == Some("laravel"));
    let level = header.and_then(|header| header.level);
    let mut record = Record { platform: Platform::Php, level, ..Record::default() };
    let mut end = text.len();
    let mut keys: Vec<&str> = Vec::new();
    if let Some(parts) = &parts {
        record.message = Some(text[..parts.start].trim_start_matches([' ', '|']).to_owned());
        keys = parts.context.keys().map(String::as_str).collect();
        end = parts.end;
        for object in parts.objects() {
            context::fill(&mut record, object);
        }
    }
    if let Some(thrown) = thrown {
        take(&mut record, thrown);
        take_printed(&mut record);
        if header.is_none_or(|header| !matches!(header.format, Some("laravel" | "monolog"))) {
            name_header(&mut record);
        }
        mechanism::of_monolog(&mut record, laravel, &keys);
    } else if let Some(found) = error_handler(&record, parts.as_ref()).or_else(|| listener(bare(lines[0]))) {
        record.exceptions.push(found);
        record.message.get_or_insert_with(|| bare(lines[0]).to_owned());
        mechanism::of_monolog(&mut record, laravel, &keys);
    } else {
        header?;
        let printed = in_message(lines, level)?;
        end = lines[..printed.end].iter().map(|line| line.len() + 1).sum::<usize>() - 1;
        from_message(&mut record, printed, lines[0], laravel);
    }
    if mechanism::is_deprecation(&record) {
        return None;
    }
    record.format = format(&record, header);
    let taken = 1 + memchr::memchr_iter(b'\n', text[..end.min(text.len())].trim_end().as_bytes()).count();
    Some((record, taken))
}

// 2024-03-02 10:11:18 [ERROR] app: no stock {"exception":"[object] (…  ·  shop: ERROR - no stock {…  ·  2024-03-02 > ERROR > no stock {…
/// Takes off a message what a format of one's own put before it: the exception's own message stands behind that.
fn name_header(record: &mut Record) {
    let own = record.exceptions.first().map_or("", |outer| outer.message.trim());
    let message = record.message.as_deref().unwrap_or("").trim();
    let Some(head) = message.strip_suffix(own).filter(|head| !head.is_empty() && !own.is_empty()) else { return };
    if head.len() > MAX_HEAD_BYTES || head.contains(['\n', '{', '"']) {
        return;
    }
    let words =
        || head.split([' ', '\t', '|', ',', ';', ':', '[', ']', '(', ')', '<', '>']).filter(|word| *word != "-");
    let shouted = |word: &&str| !word.is_empty() && word.bytes().all(|c| c.is_ascii_uppercase());
    let level = words().filter(shouted).find_map(psr_level);
    let named = |word: &&str| {
        word.len() > 2
            && word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'_' | b'-' | b'.'))
    };
    let mut channels = words().filter(named);
    let channel = channels.next();
    // Without a level it is one word and a separator; more are what the application says.
    let bare = head.trim_end_matches([' ', ':', '|', '-']);
    if level.is_none() && (channel != Some(bare) || bare.len() + 1 >= head.len()) {
        return;
    }
    let starts = std::iter::once(0).chain(head.match_indices('[').map(|(at, _)| at + 1));
    let time = starts.take(4).find_map(|at| time::at_start(&head[at..])?.value);
    let (channel, message) = (channel.map(str::to_owned), own.to_owned());
    record.timestamp = record.timestamp.take().or(time);
    record.level = record.level.or(level);
    match channel {
        Some(channel) if is_environment(&channel) => record.environment = Some(channel),
        channel => record.logger = channel.or(record.logger.take()),
    }
    record.message = Some(message);
}

/// Moves an exception into its record; one around a fatal error takes the trace that its message holds.
pub(super) fn take(record: &mut Record, thrown: Thrown) {
    record.exceptions = thrown.chain;
    record.unparsed = thrown.unparsed;
    let Some(outer) = record.exceptions.first_mut() else { return };
    if outer.frames.is_empty() && mechanism::is_fatal(&outer.kind) && outer.message.starts_with("Uncaught ") {
        let lines: Vec<&str> = outer.message.lines().collect();
        if let Some(inner) = native::parse(&lines, 0).and_then(|printed| printed.chain.into_iter().next()) {
            outer.frames = inner.frames;
        }
    }
}

// main.CRITICAL: Error: no id in /srv/a.php:12
// Stack trace:
// #0 {main} {"exception":"[object] (Error(code: 0): no id at /srv/a.php:12)"} []
/// Gives an exception whose formatter prints no trace the one that the message holds.
fn take_printed(record: &mut Record) {
    let Some(message) = record.message.as_deref().filter(|message| message.contains("\n#0 ")) else { return };
    if record.exceptions.iter().any(|exception| !exception.frames.is_empty()) {
        return;
    }
    let lines: Vec<&str> = message.lines().collect();
    let Some(printed) = native::read(&lines, 0, lines[0]) else { return };
    for (exception, printed) in record.exceptions.iter_mut().zip(printed.chain) {
        if exception.kind == printed.kind {
            exception.frames = printed.frames;
        }
    }
}

/// Symfony's name where its listeners speak, else the header's.
fn format(record: &Record, header: Option<&Header>) -> String {
    let symfony = record.mechanism.as_ref().is_some_and(|mechanism| mechanism.kind.starts_with("symfony."));
    let own = header.and_then(|header| header.format).filter(|name| !["nlog", "log4net", "serilog"].contains(name));
    if symfony { "symfony" } else { own.unwrap_or("monolog") }.to_owned()
}

/// Monolog's own handler of errors says what PHP reported in the context.
// app.ALERT: Fatal Error (E_ERROR): Allowed memory size of … {"code":1,"message":"…","file":"/srv/a.php","line":39,"trace":null}
fn error_handler(record: &Record, parts: Option<&parts::Parts>) -> Option<Exception> {
    let context = &parts?.context;
    fatal(record.message.as_deref()?, context)
}

/// A message without the context and extra behind it, where these are empty: ` {} []`.
fn bare(line: &str) -> &str {
    line.trim_end_matches([' ', '[', ']', '{', '}'])
}

/// What Symfony's and Monolog's handlers say of an exception that no context holds.
// Uncaught PHP Exception RuntimeException: "no stock" at /srv/src/Shop.php line 12
// PDOException: SQLSTATE[HY000] [2002] Connection refused (uncaught exception) at /srv/src/Db.php line 36
fn listener(message: &str) -> Option<Exception> {
    if let Some((told, place)) = message.split_once(mechanism::OLD_SYMFONY) {
        let (kind, own) = told.split_once(": ").filter(|(kind, _)| untitled::is_class(kind))?;
        let (file, line) = place.rsplit_once(" line ")?;
        let line = Some(line.trim_end().parse().ok()?);
        let (kind, own, file) = (kind.to_owned(), own.to_owned(), Some(file.to_owned()));
        return Some(Exception { kind, message: own, file, line, ..Exception::default() });
    }
    let words = ["Uncaught PHP Exception ", "Uncaught Exception "];
    let text = words.iter().find_map(|words| message.strip_prefix(words))?;
    let (kind, rest) = text.split_once(": \"")?;
    let (own, place) = rest.rsplit_once("\" at ")?;
    let (file, line) = place.rsplit_once(" line ")?;
    Some(Exception {
        kind: kind.to_owned(),
        message: own.to_owned(),
        file: Some(file.to_owned()),
        line: Some(line.trim_end().parse().ok()?),
        ..Exception::default()
    })
}

/// The exception of a `Fatal Error (E_…): …` entry, or of the `Fatal error: …` of Symfony's first years.
pub(super) fn fatal(message: &str, context: &Map<String, Value>) -> Option<Exception> {
    let named = message.strip_prefix("Fatal Error (").and_then(|rest| rest.split_once("): "));
    let old = || message.strip_prefix("Fatal error: ").filter(|_| context.contains_key("file"));
    let (kind, own) = named.map(|(kind, _)| (kind, message)).or_else(|| Some(("Fatal error", old()?)))?;
    Some(Exception {
        kind: kind.to_owned(),
        message: own.to_owned(),
        file: context.get("file").and_then(Value::as_str).map(str::to_owned),
        line: context.get("line").and_then(Value::as_u64).and_then(|line| u32::try_from(line).ok()),
        ..Exception::default()
    })
}

/// An exception that was logged as the message, or at the end of one.
pub(super) fn in_message(lines: &[&str], level: Option<Level>) -> Option<Printed> {
    let first = lines.first()?;
    let whole = native::read(lines, 0, first);
    if whole.is_some() {
        return whole;
    }
    // Text that somebody pasted is no failure of this application.
    if level.is_some_and(|level| level < Level::Warning) {
        return None;
    }
    // sync worker crashed: PHP Fatal error:  Uncaught Error: no such class in /srv/a.php:3
    let fatal = memchr::memmem::find_iter(first.as_bytes(), b": PHP ").map(|at| at + 2);
    let fatal = fatal.take(4).find(|at| native::severity(&first[*at..]).is_some_and(|severity| severity.fatal));
    if let Some(printed) = fatal.and_then(|at| native::read(lines, 0, &first[at..])) {
        return Some(printed);
    }
    // Charge failed: App\Exceptions\Declined: no funds in /srv/a.php:3
    let mut from = 0;
    for word in first.split(' ') {
        let bare = word.trim_end_matches(':');
        let typed =
            bare.contains('\\') || bare.ends_with("Exception") || bare.ends_with("Error") || bare == "exception";
        if from > 0 && typed {
            let printed = native::read(lines, 0, &first[from..]);
            if printed.is_some() {
                return printed;
            }
        }
        from += word.len() + 1;
    }
    let trace = lines.iter().take(UNTITLED_LINES).position(|line| line.starts_with("#0 "))?;
    // 500 - no stock @ /cart
    // exception 'App\NoStock' with message 'no stock' in /srv/a.php:3
    let named = |line: &str| line.split([':', ' ']).next().is_some_and(untitled::is_sure);
    let begins = (1..trace).find(|at| lines[*at].starts_with("exception '") || named(lines[*at]));
    if let Some(printed) = begins.and_then(|at| native::read(lines, at, lines[at])) {
        return Some(printed);
    }
    untitled::parse(lines, trace)
}

// 192.0.2.7 GET shop.example/cart
/// The request that is all that an entry's first line tells.
fn served(first: &str) -> Option<Request> {
    const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    let words: Vec<&str> = first.trim_end().split(' ').take(4).collect();
    let [.., method, url] = words.as_slice() else { return None };
    let whole = words.len() < 4 && METHODS.contains(method) && url.contains('/');
    whole.then(|| Request { method: Some((*method).to_owned()), url: Some((*url).to_owned()), status: None })
}

/// Fills a record whose exception was logged as text.
pub(super) fn from_message(record: &mut Record, printed: Printed, first: &str, laravel: bool) {
    let outer = printed.chain.first();
    let whole = outer.is_some_and(|outer| {
        let root = printed.chain.last().unwrap_or(outer);
        first.starts_with(&root.kind) || first.starts_with("exception '")
    });
    let by = match (laravel, whole) {
        (true, true) => By::LaravelHandler,
        (true, false) => By::LaravelLog,
        (false, true) => By::MonologException,
        (false, false) => By::MonologLog,
    };
    // What a handler says around the exception's own message tells nothing of who caught it.
    let own = outer.map_or("", |outer| outer.message.as_str());
    let before = first.find(own).filter(|_| !own.is_empty()).map(|at| &first[..at]);
    let around = before.is_some_and(|before| !before.contains(": "));
    let by = if around && laravel { By::LaravelHandler } else { by };
    let served = served(first);
    let whole = whole || around || served.is_some();
    let by = if served.is_some() && laravel { By::LaravelHandler } else { by };
    let (by, handled) = match printed.how {
        How::Uncaught => (By::PhpUncaught, Some(false)),
        How::Fatal => (By::PhpFatal, Some(false)),
        How::Text if whole && laravel && mechanism::is_modern_laravel(&printed.chain) => (By::LaravelLog, Some(true)),
        How::Text if whole => (by, None),
        How::Text => (by, Some(true)),
    };
    mechanism::found(record, by, handled);
    let end = first.find(" in /").or_else(|| first.find(object::MARK)).unwrap_or(first.len());
    record.message = Some(first[..end].trim_end().to_owned());
    record.request = printed.request.or(served);
    record.unparsed = printed.unparsed;
    record.exceptions = printed.chain;
}
