//! The log entry around an exception: the headers of .NET's loggers, the entry's own message, scopes and tails.
//!
//! In: the entry's lines. Out: header facts, `message`, `fields`. Invariant: `begins` holds for each line that `header`
//! takes. Does not read exceptions.

use super::layout;
use crate::header::{self, Header};
use crate::record::{Level, Record, Trace};
use crate::time;

/// The header forms that only .NET's loggers print.
pub(crate) fn header(line: &str) -> Option<Header> {
    let usual = console(line).or_else(|| systemd(line)).or_else(|| category_first(line)).or_else(|| pipes(line));
    usual.or_else(|| layout::header(line))
}

/// Whether a line begins an entry that only .NET's loggers print; cheap.
pub(crate) fn begins(line: &[u8]) -> bool {
    layout::begins(line) || begins_with_category(line)
}

/// Whether the first word is a category, `Shop.Cart: Error: …`, or a trace source, `Shop Error: 7 : …`.
fn begins_with_category(line: &[u8]) -> bool {
    let name = line.iter().take(200).take_while(|c| c.is_ascii_alphanumeric() || b"._+`".contains(c)).count();
    let rest = &line[name..];
    let rest = rest.strip_prefix(b": ").or_else(|| rest.strip_prefix(b" ")).unwrap_or(b"");
    let word = &rest[..rest.iter().take(12).take_while(|c| c.is_ascii_alphabetic()).count()];
    let id = rest.get(word.len()..).and_then(|rest| rest.strip_prefix(b": ")).unwrap_or(b"");
    let digits = id.iter().take(10).take_while(|c| c.is_ascii_digit()).count();
    name > 2
        && (line[..name].contains(&b'.') || digits > 0 && id[digits..].starts_with(b" : "))
        && !line[..name].ends_with(b"Exception")
        && LEVELS.iter().any(|(level, _)| level.as_bytes() == word)
        && rest.get(word.len()) == Some(&b':')
}

const LEVELS: &[(&str, Level)] = &[
    ("Trace", Level::Trace),
    ("Debug", Level::Debug),
    ("Verbose", Level::Trace),
    ("Information", Level::Info),
    ("Warning", Level::Warning),
    ("Error", Level::Error),
    ("Critical", Level::Critical),
];

/// The simple console's levels.
const SHORT: &[(&str, Level)] = &[
    ("trce: ", Level::Trace),
    ("dbug: ", Level::Debug),
    ("info: ", Level::Info),
    ("warn: ", Level::Warning),
    ("fail: ", Level::Error),
    ("crit: ", Level::Critical),
];

// fail: Shop.Cart[13] · 2026-11-23 21:53:28.263 fail: Shop.Cart[13] message · [21:47:08] warn: Shop.Cart[0]
fn console(line: &str) -> Option<Header> {
    let (stamp, rest) = leading_time(line);
    let (rest, level) = SHORT.iter().find_map(|(word, level)| Some((rest.strip_prefix(word)?, *level)))?;
    let (category, rest) = category(rest)?;
    // Files of Karambolo's provider have the time at the end.
    let last = rest.strip_prefix(" @ ").and_then(|text| Some((time::at_start(text)?, text)));
    let (stamp, rest) = last.map_or((stamp, rest), |(last, text)| (last.value, &text[last.length..]));
    Some(Header {
        length: line.len() - rest.trim_start_matches(' ').len(),
        timestamp: stamp,
        level: Some(level),
        logger: Some(category.to_owned()),
        format: Some("aspnetcore-console"),
        ..Header::default()
    })
}

// <3>Shop.Cart[13] message · <6>2026-11-23T21:53:28 Shop.Cart[0] message
fn systemd(line: &str) -> Option<Header> {
    let (priority, rest) = line.strip_prefix('<')?.split_once('>')?;
    let level = match priority {
        "2" => Level::Critical,
        "3" => Level::Error,
        "4" => Level::Warning,
        "6" => Level::Info,
        "7" => Level::Debug,
        _ => return None,
    };
    let (stamp, rest) = leading_time(rest);
    let (category, rest) = category(rest)?;
    Some(Header {
        length: line.len() - rest.trim_start_matches(' ').len(),
        timestamp: stamp,
        level: Some(level),
        logger: Some(category.to_owned()),
        format: Some("aspnetcore-systemd"),
        ..Header::default()
    })
}

/// A time at the beginning, in brackets or not, and what follows it.
fn leading_time(line: &str) -> (Option<String>, &str) {
    let (bracket, inner) = match line.strip_prefix('[') {
        Some(inner) => (true, inner),
        None => (false, line),
    };
    let Some(stamp) = time::at_start(inner) else { return (None, line) };
    let mut rest = &inner[stamp.length..];
    if bracket {
        rest = rest.strip_prefix(']').unwrap_or(rest);
    }
    (stamp.value, rest.trim_start_matches(' '))
}

/// `Shop.Cart[13]`
fn category(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once('[')?;
    let (id, rest) = rest.split_once(']')?;
    let plain = !name.is_empty() && !name.contains([' ', '(', '"']);
    let number = id.strip_prefix('-').unwrap_or(id).bytes().all(|b| b.is_ascii_digit()) && !id.is_empty();
    (plain && number && (rest.is_empty() || rest.starts_with(' '))).then_some((name, rest))
}

// Shop.Cart Error: 4001 : message (TraceSource) · Shop.Cart: Error: message (the debug provider)
fn category_first(line: &str) -> Option<Header> {
    if !begins_with_category(line.as_bytes()) {
        return None;
    }
    let end = line.find([':', ' '])?;
    let (name, rest) = line.split_at(end);
    let (word, rest) = rest.trim_start_matches([':', ' ']).split_once(':')?;
    let level = LEVELS.iter().find(|(level, _)| *level == word)?.1;
    let rest = rest.trim_start();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let traced = (digits > 0).then(|| rest[digits..].strip_prefix(" : ")).flatten();
    let format = if traced.is_some() { "trace-source" } else { "debug" };
    let rest = traced.unwrap_or(rest);
    Some(Header {
        length: line.len() - rest.len(),
        level: Some(level),
        logger: Some(name.to_owned()),
        format: Some(format),
        ..Header::default()
    })
}

// 2026-11-23 21:55:18.5886|ERROR|Shop.Cart|message · 2026-11-23 21:55:22.8500|14|ERROR|Shop.Cart|message
// ERROR|2026-11-23 21:55:18.5886|Shop.Cart|message · 2026-11-23 21:55:18.5886|Default|0HL:1||Shop.Cart|ERROR|message
fn pipes(line: &str) -> Option<Header> {
    let first = line.split_once('|').and_then(|(word, rest)| Some((header::level(word.trim())?, rest)));
    let mut level = first.map(|(level, _)| level);
    let timed = first.map_or(line, |(_, rest)| rest.trim_start_matches(' '));
    let stamp = time::at_start(timed)?;
    let mut rest = timed[stamp.length..].trim_start_matches(' ').strip_prefix('|')?;
    let mut logger = None;
    for _ in 0..if level.is_some() { 0 } else { 6 } {
        let (word, after) = rest.split_once('|')?;
        rest = after;
        level = header::level(word.trim());
        if level.is_some() {
            break;
        }
        logger = Some(word.trim()).filter(|word| word.contains('.') && layout::is_name(word));
    }
    // A thread's number may stand before the logger.
    if let Some((word, after)) = rest.split_once('|')
        && !word.trim().is_empty()
        && word.trim().bytes().all(|c| c.is_ascii_digit())
    {
        rest = after;
    }
    if logger.is_none()
        && let Some((word, after)) = rest.split_once('|')
        && !word.trim().is_empty()
        && !word.trim().contains(' ')
    {
        logger = Some(word.trim());
        rest = after;
    }
    level?;
    Some(Header {
        length: line.len() - rest.len(),
        timestamp: stamp.value,
        level,
        logger: logger.map(str::to_owned),
        format: Some("nlog"),
        ..Header::default()
    })
}

/// The entry's own message: the lines before the exception, and what stands before it on its own line.
pub(super) fn message(record: &mut Record, lines: &[&str], prefix: &str) {
    let mut text = String::new();
    for line in lines.iter().copied().chain([prefix]) {
        let trimmed = line.trim();
        if trimmed.starts_with("=> ") {
            scopes(record, trimmed);
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(trimmed);
    }
    const SEPARATORS: [char; 11] = [' ', '|', '-', ':', '>', '=', '"', ',', ';', '：', '\n'];
    let whole = text.trim();
    let mut text = whole.trim_end_matches(SEPARATORS).trim_end();
    // A quotation ends with its mark.
    let marks = text.matches('"').count();
    if marks % 2 == 1 && whole[text.len()..].starts_with('"') {
        text = &whole[..=text.len()];
    }
    if let Some(above) = text.rfind('\n').map_or(Some(0), |at| Some(at + 1)).filter(|from| is_label(&text[*from..])) {
        text = text[..above].trim_end();
    }
    let text = without_event(text.strip_prefix("=> ").unwrap_or(text));
    if !text.is_empty() {
        record.message = Some(text.to_owned());
    }
}

// The cart is full (0a1b2c3d)
/// The message without the event's number, as Serilog.Extensions.Logging.File prints it behind.
fn without_event(text: &str) -> &str {
    let Some((message, number)) = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (")) else { return text };
    let hex = number.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'a'..=b'f'));
    if number.len() == 8 && hex { message } else { text }
}

// Cause: · Exception: · [v4.0.0.1]
/// Whether a line only says that an exception follows, or which release of the program prints it.
fn is_label(line: &str) -> bool {
    let release = |inner: &str| inner.starts_with('v') && inner[1..].bytes().all(|c| c.is_ascii_digit() || c == b'.');
    matches!(line, "Cause" | "Exception" | "Error" | "Exception Details" | "Details" | "Exc level 0")
        || line.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).is_some_and(release)
}

// => SpanId:c70095dbb0f3b164, TraceId:eb3bb564f4361f5f… => ConnectionId:0HN => RequestPath:/orders/3 RequestId:0HN:00000001
fn scopes(record: &mut Record, line: &str) {
    for scope in line.split("=> ").map(str::trim).filter(|scope| !scope.is_empty()) {
        let pairs = scope.split([' ', ',']).filter_map(|word| word.split_once(':'));
        let mut plain = true;
        for (key, value) in pairs {
            if !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !value.is_empty() {
                record.fields.push((key.to_owned(), value.to_owned()));
                plain = false;
            }
        }
        if plain {
            record.fields.push(("scope".to_owned(), scope.to_owned()));
        }
    }
}

// |url: http://127.0.0.1/orders/3|action: Index
/// What a logger printed behind the last frame.
pub(super) fn tail(record: &mut Record, text: &str) {
    for part in text.split('|') {
        if let Some((key, value)) = part.split_once(':')
            && !key.trim().is_empty()
            && !key.trim().contains(' ')
            && !value.trim().is_empty()
        {
            record.fields.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
}

/// Takes off the quotes of a field between commas: those around it, and the second of each within.
pub(super) fn unquote(record: &mut Record) {
    for exception in &mut record.exceptions {
        let inner = exception.message.replace("\"\"", "\"");
        exception.message = inner;
    }
    record.message = record.message.take().map(|text| text.trim_matches('"').replace("\"\"", "\""));
}

//     ProcessId=23115
//     DateTime=2026-11-23T21:53:22.9900536Z
/// What a trace listener prints below its entries; `end` moves behind it.
pub(super) fn trace_source(lines: &[&str], end: &mut usize, header: Option<&Header>) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    if header.is_none_or(|header| header.format != Some("trace-source")) {
        return fields;
    }
    while let Some((key, value)) = lines.get(*end).and_then(|line| line.strip_prefix("    ")?.split_once('=')) {
        fields.push((key.to_owned(), value.to_owned()));
        *end += 1;
    }
    fields
}

/// Facts that stand in fields, not in the header.
pub(super) fn complete(record: &mut Record) {
    let field = |names: &[&str]| {
        let last = |key: &str| key.rsplit('.').next().map(str::to_owned).unwrap_or_default();
        let found =
            record.fields.iter().find(|(key, _)| names.iter().any(|name| name.eq_ignore_ascii_case(&last(key))));
        found.map(|(_, value)| value.clone())
    };
    let ids = Trace { trace_id: field(&["TraceId", "trace_id"]), span_id: field(&["SpanId", "span_id"]) };
    if record.trace.is_none() && (ids.trace_id.is_some() || ids.span_id.is_some()) {
        record.trace = Some(ids);
    }
    if record.timestamp.is_none() && record.format == "trace-source" {
        record.timestamp = field(&["DateTime"]).and_then(|text| time::at_start(&text)?.value);
    }
    if record.logger.is_none() {
        record.logger = field(&["SourceContext"]);
    }
    if record.logger.is_none() && record.level.is_some() {
        leading_logger(record);
    }
}

// Shop.Worker could not load the basket
/// A logger before the message, without a mark between: its root is that of one of the trace's own calls.
fn leading_logger(record: &mut Record) {
    let Some((name, rest)) = record.message.as_deref().and_then(|message| message.split_once(' ')) else { return };
    let Some((root, _)) = name.split_once('.') else { return };
    let mut modules =
        record.exceptions.iter().flat_map(|exception| &exception.frames).filter_map(|frame| frame.module.as_deref());
    let plain = name.chars().all(|c| c.is_alphanumeric() || "._+`".contains(c)) && !name.ends_with('.');
    if plain && modules.any(|module| module.split('.').next() == Some(root)) {
        let rest = rest.trim_start();
        let (name, rest) = (name.to_owned(), rest.strip_prefix("- ").unwrap_or(rest).to_owned());
        record.logger = Some(name);
        record.message = Some(rest);
    }
}
