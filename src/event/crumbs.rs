//! Breadcrumbs: the log's lines before the exception.
//!
//! In: lines, oldest first. Out: breadcrumbs. Invariant: at most 50, none older than 60 seconds before the exception
//! where its time is known; lines of traces are left out. Does not scrub.

use std::borrow::Cow;
use std::cell::LazyCell;

use errtail_parsers::{Header, header};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::protocol::Breadcrumb;
use super::requests::{Id, is_others};
use super::{level_of, limits, time};

/// Breadcrumbs of one event.
const MAX_CRUMBS: usize = 50;
/// How long before the exception a line still belongs to it.
const MAX_SECONDS: i64 = 60;
/// Bytes of a message that goes on over lines.
const MAX_MESSAGE_BYTES: usize = 2000;
/// Bytes of a line that are looked at.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// The breadcrumbs that the lines before a record at `when` make; entries that name another request than `ids` do are
/// left out.
pub(super) fn of(lines: &[String], ids: &[Id], when: Timestamp, zone: &TimeZone) -> Vec<Breadcrumb> {
    let mut crumbs: Vec<Breadcrumb> = Vec::new();
    // Of each, whether a line of its entry says that it is another request's.
    let mut others: Vec<bool> = Vec::new();
    for line in lines {
        let line = without_colours(cut(line));
        let text = line.trim();
        let known = crumbs.len();
        let is_others = is_others(text, ids);
        let head = LazyCell::new(|| header(&line));
        if let Some(mut crumb) = json(&line, &head, zone).or_else(|| plain(&line, head.as_ref()?, zone)) {
            crumb.message = without_trace(&crumb.message).to_owned();
            crumbs.push(crumb);
        } else if text.is_empty() || text.starts_with('{') || is_trace(text) {
            // The rest of a record, not a line of its own.
        } else if let Some(last) = crumbs.last_mut()
            && (last.message.is_empty() || line.starts_with([' ', '\t']))
        {
            // Consoles of several platforms print the message on the lines behind the header.
            if last.message.len() < MAX_MESSAGE_BYTES && !last.message.ends_with(text) {
                let parting = if last.message.is_empty() { "" } else { "\n" };
                last.message.extend([parting, text]);
            }
        } else {
            let timestamp = crumbs.last().and_then(|last| last.timestamp);
            crumbs.push(Breadcrumb {
                timestamp,
                category: "log".to_owned(),
                level: "info",
                message: without_trace(text).to_owned(),
            });
        }
        match others.last_mut().filter(|_| crumbs.len() == known) {
            Some(last) => *last |= is_others,
            None => others.resize(crumbs.len(), is_others),
        }
    }
    let mut others = others.into_iter();
    crumbs.retain(|crumb| {
        let age = crumb.timestamp.map(|then| when.as_second() - then as i64);
        let is_own = !others.next().unwrap_or(false);
        is_own && !crumb.message.is_empty() && age.is_none_or(|age| age <= MAX_SECONDS)
    });
    crumbs.drain(..crumbs.len().saturating_sub(MAX_CRUMBS));
    for crumb in &mut crumbs {
        crumb.message = limits::cut(&crumb.message, limits::CRUMB_CHARS);
    }
    crumbs
}

/// The time of the last line that has one.
pub(super) fn last_time(lines: &[String], zone: &TimeZone) -> Option<Timestamp> {
    lines.iter().rev().find_map(|line| time::parse(&header(cut(line))?.timestamp?, zone))
}

fn cut(line: &str) -> &str {
    let mut end = line.len().min(MAX_LINE_BYTES);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

/// A line without the codes by which terminals colour it.
fn without_colours(line: &str) -> Cow<'_, str> {
    if !line.contains('\u{1b}') {
        return Cow::Borrowed(line);
    }
    let mut out = String::with_capacity(line.len());
    let mut parts = line.split("\u{1b}[");
    out.push_str(parts.next().unwrap_or(""));
    for part in parts {
        let code = part.bytes().take_while(|c| c.is_ascii_digit() || *c == b';').count();
        out.push_str(part[code..].strip_prefix(|c: char| c.is_ascii_alphabetic()).unwrap_or(&part[code..]));
    }
    Cow::Owned(out)
}

// 2026-11-23 07:40:00 INFO Shop.Cart - added
fn plain(line: &str, head: &Header, zone: &TimeZone) -> Option<Breadcrumb> {
    // As sentry-laravel names what Laravel's log says: `log.warning`.
    let laravel = head.level.filter(|_| head.format == Some("laravel") && head.logger.is_none());
    let category = match laravel {
        Some(level) => format!("log.{}", format!("{level:?}").to_ascii_lowercase()),
        None => head.logger.clone().unwrap_or_else(|| "log".to_owned()),
    };
    Some(Breadcrumb {
        timestamp: head.timestamp.as_deref().and_then(|text| time::parse(text, zone)).map(time::seconds),
        category: limits::line(&category, limits::NAME_CHARS),
        level: head.level.map_or("info", level_of),
        message: line.get(head.length..).unwrap_or("").trim().to_owned(),
    })
}

// {"level":30,"time":1700000000000,"msg":"added"}
fn json<F: FnOnce() -> Option<Header>>(
    line: &str,
    head: &LazyCell<Option<Header>, F>,
    zone: &TimeZone,
) -> Option<Breadcrumb> {
    let open = line.find('{').filter(|open| *open == 0 || head.as_ref().is_some_and(|head| head.length == *open))?;
    let object: Map<String, Value> = serde_json::from_str(&line[open..]).ok()?;
    let text = |keys: &[&str]| keys.iter().find_map(|key| object.get(*key)?.as_str());
    let rendered = text(&["message", "msg", "@m", "Message", "RenderedMessage"]).map(Cow::Borrowed);
    let message = rendered.or_else(|| Some(Cow::Owned(filled(text(&["@mt", "MessageTemplate"])?, &object))))?;
    let stamp = ["@timestamp", "timestamp", "time", "@t", "Timestamp", "datetime", "ts"]
        .iter()
        .find_map(|key| object.get(*key));
    let when = match stamp {
        Some(Value::String(text)) => time::parse(&header(text).and_then(|head| head.timestamp)?, zone),
        Some(Value::Number(number)) => number.as_f64().and_then(time::from_epoch),
        _ => head.as_ref().and_then(|head| time::parse(head.timestamp.as_deref()?, zone)),
    };
    let named = ["level_name", "level", "@l", "Level", "LogLevel", "severity"].iter().find_map(|key| object.get(*key));
    let level = match named {
        Some(Value::Number(number)) => pino(number.as_u64().unwrap_or(30)),
        Some(Value::String(word)) => {
            header(&format!("{}: x", word.to_lowercase())).and_then(|head| head.level).map_or("info", level_of)
        }
        _ => "info",
    };
    Some(Breadcrumb {
        timestamp: when.map(time::seconds),
        category: limits::line(
            text(&["logger", "name", "channel", "SourceContext", "Category"]).unwrap_or("log"),
            limits::NAME_CHARS,
        ),
        level,
        message: message.trim().to_owned(),
    })
}

// {"@mt":"Order {OrderId} in {City:l}","OrderId":7,"City":"Oslo"}
/// A message template with its properties filled in.
fn filled(template: &str, object: &Map<String, Value>) -> String {
    let properties = object.get("Properties").and_then(Value::as_object).unwrap_or(object);
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, (hole, after))) =
        rest.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    {
        out.push_str(before);
        let name = hole.trim_start_matches(['@', '$']).split([':', ',']).next().unwrap_or("");
        match properties.get(name) {
            Some(Value::String(text)) => out.push_str(text),
            Some(value) => out.push_str(&value.to_string()),
            None => out.extend(["{", hole, "}"]),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// pino's and bunyan's numbers; Monolog's are ten times as large.
fn pino(number: u64) -> &'static str {
    match if number >= 100 { number / 10 } else { number } {
        ..=20 => "debug",
        21..=30 => "info",
        31..=40 => "warning",
        41..=50 => "error",
        _ => "fatal",
    }
}

/// A message without the trace or the exception that a logger put behind it on the same line.
fn without_trace(message: &str) -> &str {
    let find = |text: &str, words: &str| memchr::memmem::find(text.as_bytes(), words.as_bytes());
    // php-fpm repeats what a worker wrote.
    const SAID: &str = "said into stderr: \"";
    let message = find(message, SAID).map_or(message, |at| &message[at + SAID.len()..]);
    if is_trace(message) {
        return "";
    }
    // Monolog's context: `… {"userId":7,"exception":"[object] (…`.
    let context = find(message, "\"exception\":\"[object]").and_then(|at| message[..at].rfind(" {"));
    let end = context.into_iter().chain(find(message, "   at ")).min().unwrap_or(message.len());
    message[..end].trim_end()
}

fn is_trace(line: &str) -> bool {
    let text = line.trim_start();
    [
        "at ",
        "#",
        "--- ",
        "---> ",
        "... ",
        "[stacktrace]",
        "[previous exception]",
        "Stack trace:",
        "Caused by:",
        "File \"",
        "thrown in ",
    ]
    .iter()
    .any(|start| text.starts_with(start))
        || matches!(text.trim_end(), "{main}" | "}" | "\"}" | "]" | "{")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crumbs(lines: &[&str]) -> Vec<(&'static str, String, String)> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let when = "2026-11-23T07:40:00Z".parse().unwrap();
        of(&lines, &[], when, &TimeZone::UTC)
            .into_iter()
            .map(|crumb| (crumb.level, crumb.category, crumb.message))
            .collect()
    }

    #[test]
    fn lines_become_breadcrumbs_and_traces_do_not() {
        let lines = [
            "2026-11-23T07:39:58Z INFO Shop.Cart - added 3",
            "  second line",
            "   at Shop.Cart.Add()",
            "\u{1b}[0mGET /orders \u{1b}[32m200\u{1b}[0m",
            "[2026-11-23 07:39:59] production.ERROR: no stock {\"userId\":7,\"exception\":\"[object] (E(code: 0): no",
            "{\"@t\":\"2026-11-23T07:39:59Z\",\"@mt\":\"Order {OrderId:000} in {City}\",\"OrderId\":7}",
            "{\"level\":50,\"time\":1795419599000,\"name\":\"api\",\"msg\":\"slow\"}",
        ];
        assert_eq!(
            crumbs(&lines),
            [
                ("info", "Shop.Cart".to_owned(), "added 3\nsecond line".to_owned()),
                ("info", "log".to_owned(), "GET /orders 200".to_owned()),
                ("error", "log.error".to_owned(), "no stock".to_owned()),
                ("info", "log".to_owned(), "Order 7 in {City}".to_owned()),
                ("error", "api".to_owned(), "slow".to_owned())
            ]
        );
    }

    #[test]
    fn what_is_long_past_is_left_out() {
        let lines = ["2026-11-23T07:30:00Z INFO a - old", "2026-11-23T07:39:30Z INFO a - new", "INFO undated"];
        assert_eq!(crumbs(&lines).len(), 2);
    }
}
