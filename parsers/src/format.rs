//! Headers that users describe: one regular expression of named groups a format.
//!
//! In: patterns, once; then lines at which an entry may begin. Out: the entry's header, in the user's words. Invariant: a
//! pattern is tried only on lines around a trace, and in linear time. Does not know where patterns are written down.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use jiff::fmt::strtime::BrokenDownTime;
use regex::bytes::{Captures, Regex};
use regex_syntax::hir::{Hir, HirKind};

use crate::header::{self, Header};
use crate::{Level, Record, time};

/// The names that a group may have.
pub const GROUPS: [&str; 16] = [
    "time",
    "level",
    "logger",
    "message",
    "environment",
    "request_id",
    "thread",
    "process",
    "host",
    "user",
    "username",
    "method",
    "url",
    "status",
    "trace_id",
    "span_id",
];

/// The formats that a file's entries may have besides those that are known; the first that matches counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Formats(Arc<[Format]>);

/// How one logger's entries begin.
#[derive(Debug, Clone)]
pub struct Format {
    name: String,
    regex: Regex,
    time_format: Option<String>,
}

/// Why a format is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError {
    /// Whether the time's form is wrong, and not the pattern.
    pub of_time: bool,
    /// The wrong part, in bytes of the pattern or the time's form.
    pub place: Range<usize>,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for FormatError {}

impl PartialEq for Format {
    fn eq(&self, other: &Format) -> bool {
        (&self.name, self.regex.as_str(), &self.time_format) == (&other.name, other.regex.as_str(), &other.time_format)
    }
}

impl Format {
    /// A format called `name`. `pattern` is held against the beginning of an entry's first line; `time_format` is that of
    /// `strptime`, for times that are not recognised by themselves.
    ///
    /// # Errors
    /// The pattern is no regular expression, names a group that means nothing or none at all, or can match no line; the
    /// time's form is none.
    pub fn new(name: &str, pattern: &str, time_format: Option<&str>) -> Result<Format, FormatError> {
        let wrong = |place: Range<usize>, problem: String| FormatError { of_time: false, place, problem };
        let hir = regex_syntax::Parser::new().parse(pattern).map_err(|error| match &error {
            regex_syntax::Error::Parse(error) => {
                wrong(error.span().start.offset..error.span().end.offset, error.kind().to_string())
            }
            regex_syntax::Error::Translate(error) => {
                wrong(error.span().start.offset..error.span().end.offset, error.kind().to_string())
            }
            _ => wrong(0..pattern.len(), error.to_string()),
        })?;
        let regex = Regex::new(pattern).map_err(|error| wrong(0..pattern.len(), error.to_string()))?;
        let groups: Vec<&str> = regex.capture_names().flatten().collect();
        if let Some(unknown) = groups.iter().find(|group| !GROUPS.contains(group)) {
            let at = pattern.find(&format!("<{unknown}>")).map_or(0, |at| at + 1);
            let problem = format!("`{unknown}` is no field of an entry; these are: {}", GROUPS.join(", "));
            return Err(wrong(at..at + unknown.len(), problem));
        }
        if groups.is_empty() {
            let problem =
                "no group has a name, so nothing is learnt from it; write (?<time>…), (?<level>…), (?<message>…)";
            return Err(wrong(0..pattern.len(), problem.to_owned()));
        }
        if hir.properties().minimum_len().is_none() || needs_break(&hir) {
            let problem = "can never match: it is held against one line without its end";
            return Err(wrong(0..pattern.len(), problem.to_owned()));
        }
        if hir.properties().minimum_len() == Some(0) {
            let problem = "matches an empty line, so that every line would begin an entry";
            return Err(wrong(0..pattern.len(), problem.to_owned()));
        }
        if let Some(form) = time_format {
            check_time(form)?;
        }
        Ok(Format { name: name.to_owned(), regex, time_format: time_format.map(str::to_owned) })
    }

    /// Whether an entry of this format begins with `line`.
    pub fn begins(&self, line: &[u8]) -> bool {
        self.regex.find(line).is_some_and(|found| found.start() == 0)
    }

    fn captures<'a>(&self, line: &'a [u8]) -> Option<Captures<'a>> {
        self.regex.captures(line).filter(|found| found.get(0).is_some_and(|whole| whole.start() == 0))
    }

    /// RFC 3339, without an offset where neither the text nor its form has one.
    fn time(&self, text: &str) -> Option<String> {
        let Some(form) = &self.time_format else { return time::at_start(text)?.value };
        let parts = BrokenDownTime::parse(form, text).ok()?;
        if let Some(stamp) = parts.timestamp() {
            return Some(stamp.to_string());
        }
        let offset = parts.offset().map(zone).unwrap_or_default();
        Some(format!("{}{offset}", parts.to_datetime().ok()?))
    }
}

/// `+07:00`
fn zone(offset: jiff::tz::Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", seconds.abs() / 3600, seconds.abs() / 60 % 60)
}

/// A form that `strptime` does not know is found by a trial.
fn check_time(form: &str) -> Result<(), FormatError> {
    let mut sample = BrokenDownTime::from(jiff::civil::date(2026, 11, 24).at(10, 15, 7, 0));
    sample.set_offset(Some(jiff::tz::Offset::UTC));
    sample.set_timestamp(Some(jiff::Timestamp::UNIX_EPOCH));
    let wrong = |problem: String| Err(FormatError { of_time: true, place: 0..form.len(), problem });
    let printed = match sample.to_string(form) {
        Ok(printed) => printed,
        Err(error) => return wrong(error.to_string()),
    };
    match BrokenDownTime::parse(form, &printed) {
        Ok(parts) if parts.to_datetime().is_ok() || parts.timestamp().is_some() => Ok(()),
        Ok(_) => wrong("gives no date and time: these are year, month, day, hour and minute".to_owned()),
        Err(error) => wrong(error.to_string()),
    }
}

/// Whether nothing without a line break matches.
fn needs_break(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.contains(&b'\n'),
        HirKind::Repetition(repeated) => repeated.min > 0 && needs_break(&repeated.sub),
        HirKind::Capture(group) => needs_break(&group.sub),
        HirKind::Concat(parts) => parts.iter().any(needs_break),
        HirKind::Alternation(parts) => parts.iter().all(needs_break),
        _ => false,
    }
}

/// What a user's format says of an entry's first line.
pub(crate) struct Entry {
    pub header: Header,
    /// The message's place in the line.
    pub message: Range<usize>,
    name: String,
    /// What has a place of its own in a record, as (group, value).
    facts: Vec<(&'static str, String)>,
}

impl Formats {
    /// These formats, the first first.
    pub fn new(formats: impl IntoIterator<Item = Format>) -> Formats {
        Formats(formats.into_iter().collect())
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an entry begins with `line`.
    pub(crate) fn begins(&self, line: &[u8]) -> bool {
        self.0.iter().any(|format| format.begins(line))
    }

    /// What the first format that matches says of an entry's first line.
    pub(crate) fn entry(&self, line: &str) -> Option<Entry> {
        let (format, found) = self.0.iter().find_map(|format| Some((format, format.captures(line.as_bytes())?)))?;
        let text = |group: &str| {
            let range = found.name(group)?.range();
            line.get(range).map(str::trim).filter(|text| !text.is_empty() && *text != "-")
        };
        let whole = found.get(0).map_or(0, |whole| whole.end());
        let message = found.name("message").map_or(whole..line.len(), |message| message.range());
        let mut header = Header { length: message.start, ..Header::default() };
        header.timestamp = text("time").and_then(|time| format.time(time));
        header.level = text("level").and_then(level);
        header.logger = text("logger").map(str::to_owned);
        header.environment = text("environment").map(str::to_owned);
        let fields = ["request_id", "thread", "process"].into_iter();
        header.fields = fields.filter_map(|name| Some((name.to_owned(), text(name)?.to_owned()))).collect();
        let facts = ["host", "user", "username", "method", "url", "status", "trace_id", "span_id"].into_iter();
        let facts = facts.filter_map(|name| Some((name, text(name)?.to_owned()))).collect();
        Some(Entry { header, message, name: format.name.clone(), facts })
    }
}

impl Entry {
    /// Adds what has a place of its own in a record, where nothing stands there.
    pub(crate) fn complete(&self, record: &mut Record) {
        record.format.clone_from(&self.name);
        for (group, value) in &self.facts {
            let value = || Some(value.clone());
            match *group {
                "host" => record.origin.extend(value().map(|host| ("host".to_owned(), host))),
                "user" => fill(&mut record.user.get_or_insert_default().id, value),
                "username" => fill(&mut record.user.get_or_insert_default().username, value),
                "method" => {
                    fill(&mut record.request.get_or_insert_default().method, || value().map(|it| it.to_uppercase()))
                }
                "url" => fill(&mut record.request.get_or_insert_default().url, value),
                "status" => {
                    let status = value().and_then(|text| text.parse().ok());
                    fill(&mut record.request.get_or_insert_default().status, || status);
                }
                "trace_id" => fill(&mut record.trace.get_or_insert_default().trace_id, value),
                _ => fill(&mut record.trace.get_or_insert_default().span_id, value),
            }
        }
    }
}

fn fill<T>(place: &mut Option<T>, value: impl FnOnce() -> Option<T>) {
    if place.is_none() {
        *place = value();
    }
}

/// The level that a word means, or a single letter, as many loggers print.
fn level(word: &str) -> Option<Level> {
    header::level(word).or(match word {
        "T" | "V" => Some(Level::Trace),
        "D" => Some(Level::Debug),
        "I" => Some(Level::Info),
        "N" => Some(Level::Notice),
        "W" => Some(Level::Warning),
        "E" => Some(Level::Error),
        "C" => Some(Level::Critical),
        "A" => Some(Level::Alert),
        "F" => Some(Level::Fatal),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(pattern: &str) -> (String, String) {
        let error = Format::new("shop", pattern, None).unwrap_err();
        (pattern[error.place].to_owned(), error.problem)
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        assert_eq!(wrong(r"^(?<time>\S+ (x"), ("(".to_owned(), "unclosed group".to_owned()));
        let (place, problem) = wrong(r"^(?<time>\S+) (?<lvl>\w+)");
        assert_eq!(place, "lvl");
        assert!(problem.starts_with("`lvl` is no field of an entry; these are: time, level,"), "{problem}");
        assert!(wrong(r"^\S+ \w+").1.starts_with("no group has a name"));
        for never in [r"(?<time>\S+)\n(?<message>.*)", r"(?<time>[^\s\S])"] {
            assert!(wrong(never).1.starts_with("can never match"), "{never}");
        }
        assert!(wrong(r"(?<time>\S*)").1.starts_with("matches an empty line"));
        assert!(Format::new("a", r"(?<time>\S+)(\r?\n)?", None).is_ok());
        let error = Format::new("a", "(?<time>x)", Some("%Y-%m-%d %!")).unwrap_err();
        assert!(error.of_time, "{error:?}");
        assert!(Format::new("a", "(?<time>x)", Some("%H:%M")).unwrap_err().problem.starts_with("gives no date"));
    }

    #[test]
    fn an_entry_is_read_by_its_groups() {
        let pattern = r"^(?<level>[A-Z])/(?<time>[\d.]+ \d+) <(?<user>[^>]*)> (?<method>\w+) (?<url>\S+) (?<status>\d+) (?<request_id>\S+): (?<message>.*?)( \[end\])?$";
        let format = Format::new("shop", pattern, Some("%d.%m.%Y %H%M%S")).unwrap();
        let formats = Formats::new([format]);
        let line = "E/24.11.2026 101500 <u7> post /orders 500 r-1: no stock [end]";
        assert!(formats.begins(line.as_bytes()) && !formats.begins(b" E/24.11.2026"));
        let entry = formats.entry(line).unwrap();
        assert_eq!(&line[entry.message.clone()], "no stock");
        assert_eq!(
            (entry.header.level, entry.header.timestamp.as_deref()),
            (Some(Level::Error), Some("2026-11-24T10:15:00"))
        );
        assert_eq!(entry.header.fields, [("request_id".to_owned(), "r-1".to_owned())]);
        let mut record = Record::default();
        entry.complete(&mut record);
        let request = record.request.unwrap();
        assert_eq!(
            (request.method.as_deref(), request.url.as_deref(), request.status),
            (Some("POST"), Some("/orders"), Some(500))
        );
        assert_eq!((record.format.as_str(), record.user.unwrap().id.as_deref()), ("shop", Some("u7")));
    }

    #[test]
    fn times_keep_their_offset() {
        let time = |form, text| Format::new("a", "(?<time>x)", form).unwrap().time(text);
        assert_eq!(
            time(Some("%d/%b/%Y:%H:%M:%S %z"), "24/Nov/2026:10:15:00 +0700").as_deref(),
            Some("2026-11-24T10:15:00+07:00")
        );
        assert_eq!(time(Some("%Y%m%d %H%M%S%.f"), "20261124 101500.25").as_deref(), Some("2026-11-24T10:15:00.25"));
        assert_eq!(time(Some("%s"), "1795428000").as_deref(), Some("2026-11-23T10:00:00Z"));
        assert_eq!(time(None, "2026-11-24 10:15:00").as_deref(), Some("2026-11-24T10:15:00"));
        assert_eq!(time(Some("%Y-%m-%d %H:%M"), "soon"), None);
    }
}
