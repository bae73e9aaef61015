//! Monolog's header: `[2026-11-23 07:40:00] production.ERROR: `, and what formats of one's own make of it.
//!
//! In: an entry's first line. Out: its time, channel and level, and where the message begins. Invariant: a channel with
//! a level stands there. Does not read the message.

use crate::header::Header;
use crate::php::{self, native};
use crate::record::Level;
use crate::time;

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
pub(in crate::php) fn header(line: &str) -> Option<Header> {
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
    // PHP's own words and Apache's are none of a custom format's, whatever the message behind them looks like.
    if !dated || native::is_logged(php::head(rest, 160)) || php::head(rest, 160).contains("] [client ") {
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
pub(in crate::php) fn undated(line: &str) -> Option<Header> {
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
    let head = php::head(text, 160);
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
pub(super) fn psr_level(word: &str) -> Option<Level> {
    let known = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
    known.iter().any(|level| word.eq_ignore_ascii_case(level)).then(|| crate::header::level(word)).flatten()
}

pub(in crate::php) fn is_environment(channel: &str) -> bool {
    let known = |word: &str| {
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
        ENVIRONMENTS.iter().any(|name| name.eq_ignore_ascii_case(word))
    };
    !channel.is_empty() && channel.split(['-', '_', '.']).any(known)
}
