//! Breadcrumbs: the log's lines before the exception.
//!
//! In: lines, oldest first. Out: breadcrumbs. Invariant: at most 50, none older than 60 seconds before the exception
//! where its time is known; lines of traces are left out. Does not scrub.

use std::borrow::Cow;

use errtail_parsers::header;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::protocol::Breadcrumb;
use super::{level_of, limits, time};

/// Breadcrumbs of one event.
const MAX_CRUMBS: usize = 50;
/// How long before the exception a line still belongs to it.
const MAX_SECONDS: i64 = 60;
/// Bytes of a line that are looked at.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// The breadcrumbs that the lines before a record at `when` make.
pub(super) fn of(lines: &[String], when: Timestamp, zone: &TimeZone) -> Vec<Breadcrumb> {
    let mut crumbs: Vec<Breadcrumb> = Vec::new();
    for line in lines {
        let line = cut(line);
        if let Some(crumb) = json(line, zone).or_else(|| plain(line, zone)) {
            crumbs.push(crumb);
        } else if let Some(last) = crumbs.last_mut()
            && !line.trim().is_empty()
            && !is_trace(line)
        {
            // Consoles of several platforms print the message on the lines behind the header.
            if !last.message.is_empty() {
                last.message.push('\n');
            }
            last.message.push_str(line.trim());
        }
    }
    crumbs.retain(|crumb| {
        let age = crumb.timestamp.map(|then| when.as_second() - then as i64);
        !crumb.message.is_empty() && age.is_none_or(|age| age <= MAX_SECONDS)
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

// 2026-11-23 07:40:00 INFO Shop.Cart - added
fn plain(line: &str, zone: &TimeZone) -> Option<Breadcrumb> {
    let head = header(line)?;
    Some(Breadcrumb {
        timestamp: head.timestamp.and_then(|text| time::parse(&text, zone)).map(time::seconds),
        category: limits::line(head.logger.as_deref().unwrap_or("log"), limits::NAME_CHARS),
        level: head.level.map_or("info", level_of),
        message: line.get(head.length..).unwrap_or("").trim().to_owned(),
    })
}

// {"level":30,"time":1700000000000,"msg":"added"}
fn json(line: &str, zone: &TimeZone) -> Option<Breadcrumb> {
    let open = line.find('{').filter(|open| *open == 0 || header(line).is_some_and(|head| head.length == *open))?;
    let object: Map<String, Value> = serde_json::from_str(&line[open..]).ok()?;
    let text = |keys: &[&str]| keys.iter().find_map(|key| object.get(*key)?.as_str());
    let message = text(&["message", "msg", "@m", "@mt", "Message", "RenderedMessage", "MessageTemplate"])?;
    let stamp = ["@timestamp", "timestamp", "time", "@t", "Timestamp", "datetime", "ts"]
        .iter()
        .find_map(|key| object.get(*key));
    let when = match stamp {
        Some(Value::String(text)) => time::parse(&header(text).and_then(|head| head.timestamp)?, zone),
        Some(Value::Number(number)) => number.as_f64().and_then(time::from_epoch),
        _ => header(line).and_then(|head| time::parse(&head.timestamp?, zone)),
    };
    let named = ["level_name", "level", "@l", "Level", "LogLevel", "severity"].iter().find_map(|key| object.get(*key));
    let level: Cow<'static, str> = match named {
        Some(Value::Number(number)) => Cow::Borrowed(pino(number.as_u64().unwrap_or(30))),
        Some(Value::String(word)) => header(&format!("{}: x", word.to_lowercase()))
            .and_then(|head| head.level)
            .map_or(Cow::Borrowed("info"), |level| Cow::Borrowed(level_of(level))),
        _ => Cow::Borrowed("info"),
    };
    Some(Breadcrumb {
        timestamp: when.map(time::seconds),
        category: limits::line(
            text(&["logger", "name", "channel", "SourceContext", "Category"]).unwrap_or("log"),
            limits::NAME_CHARS,
        ),
        level: match level {
            Cow::Borrowed(level) => level,
            Cow::Owned(_) => "info",
        },
        message: message.trim().to_owned(),
    })
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
        of(&lines, when, &TimeZone::UTC).into_iter().map(|crumb| (crumb.level, crumb.category, crumb.message)).collect()
    }

    #[test]
    fn lines_become_breadcrumbs_and_traces_do_not() {
        let lines = [
            "2026-11-23T07:39:58Z INFO Shop.Cart - added 3",
            "  second line",
            "   at Shop.Cart.Add()",
            "{\"level\":50,\"time\":1795419599000,\"name\":\"api\",\"msg\":\"slow\"}",
        ];
        assert_eq!(
            crumbs(&lines),
            [
                ("info", "Shop.Cart".to_owned(), "added 3\nsecond line".to_owned()),
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
