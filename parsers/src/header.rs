//! The first line of a log entry: time, level, logger, and where the message begins.
//!
//! In: one line. Out: a `Header`, or none. Invariant: `begins` is true for each line that `header` takes as the
//! first of an entry, and costs a few comparisons. A language's own forms stand with the language; here is what
//! loggers of all languages share. Does not look at other lines.

mod common;

use crate::record::Level;
use crate::{dotnet, node, php, time};

/// What the first line of an entry says before its message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// Where in the line the message begins, in bytes.
    pub length: usize,
    /// RFC 3339, without an offset where the line has none.
    pub timestamp: Option<String>,
    /// The level, spelt out.
    pub level: Option<Level>,
    /// Logger, category or channel.
    pub logger: Option<String>,
    /// The environment, where the header names it.
    pub environment: Option<String>,
    /// The name of this framing, where it is one logger's own.
    pub format: Option<&'static str>,
    /// What else it says, as (key, value): `request_id`, …
    pub fields: Vec<(String, String)>,
}

/// The header that `line` begins with.
pub fn header(line: &str) -> Option<Header> {
    // 2026-11-23 08:00:02,104 DEBG 'shop' stderr output:
    // supervisord's own line above a program's output.
    if ["' stdout output:", "' stderr output:"].iter().any(|end| line.ends_with(end)) || is_inspected(line.as_bytes()) {
        return None;
    }
    php::header(line)
        .or_else(|| node::columns(line))
        .or_else(|| dotnet::header(line))
        .or_else(|| node::header(line))
        .or_else(|| common::header(line))
}

/// Whether a line begins a log entry; cheap.
pub(crate) fn begins(line: &[u8]) -> bool {
    let Some(&first) = line.first() else { return false };
    match first {
        b'0'..=b'9' => begins_with_time(line) && !php::is_trace(line) || dotnet::begins(line),
        b'[' if php::is_trace(line) => false,
        b'[' => match line.get(1) {
            Some(b'0'..=b'9') => begins_with_time(&line[1..]) || php::begins(line) || dotnet::begins(line),
            Some(_) => {
                let blank = usize::from(line[1] == b' ');
                let word = word(&line[1 + blank..]);
                let after = line[1 + blank + word.len()..].trim_ascii_start();
                if is_inspected(line) {
                    return false;
                }
                after.first() == Some(&b']') && level_of(word).is_some()
                    || begins_with_time(&line[1..])
                    || node::begins_nest(line)
                    || node::begins_labelled(line)
                    || dotnet::begins(line)
            }
            None => false,
        },
        b'{' => line.starts_with(b"{\"") || line == b"{",
        // Umbraco's files have a blank before each time.
        b' ' => node::begins_indented(line) || line[1..].starts_with(b"20") && begins_with_time(&line[1..]),
        b'<' => {
            let priority = line[1..].iter().position(|c| *c == b'>');
            priority.is_some_and(|end| end > 0 && end < 4 && line[1..=end].iter().all(u8::is_ascii_digit))
                || dotnet::begins_xml(line)
        }
        b'A'..=b'Z' | b'a'..=b'z' => {
            let word = word(line);
            let after = line.get(word.len());
            // `error: text` and `ERROR text` begin an entry; `Error: text` is an exception's type.
            let shouted = word.iter().all(u8::is_ascii_uppercase);
            let whispered = word.iter().all(u8::is_ascii_lowercase);
            (level_of(word).is_some()
                && word != b"HTTP"
                && !php::is_cause(line)
                && (shouted && matches!(after, Some(b' ' | b':' | b'|'))
                    || whispered && line[word.len()..].starts_with(b": ")))
                || php::begins(line)
                || dotnet::begins(line)
                || time::at_start(std::str::from_utf8(&line[..line.len().min(32)]).unwrap_or("")).is_some()
        }
        _ => false,
    }
}

/// Whether a line begins an error as Node's consoles print one without calls.
// [Error: ENOENT: no such file or directory, open '/srv/x.csv'] {
fn is_inspected(line: &[u8]) -> bool {
    let Some(inner) = line.strip_prefix(b"[") else { return false };
    let name = inner.iter().take(40).take_while(|c| c.is_ascii_alphanumeric()).count();
    inner[name..].starts_with(b": ") && inner[..name].ends_with(b"Error")
}

/// A time, or an address as access logs begin with.
fn begins_with_time(line: &[u8]) -> bool {
    let head = &line[..line.len().min(48)];
    let head = match std::str::from_utf8(head) {
        Ok(head) => head,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or(""),
    };
    time::at_start(head).is_some() || is_access_log(head)
}

// 127.0.0.1 - - [23/Nov/2026:07:40:00 +0700] "GET / HTTP/1.1" 200
pub(crate) fn is_access_log(head: &str) -> bool {
    let address = head.split(' ').next().unwrap_or("");
    address.parse::<std::net::IpAddr>().is_ok() && head[address.len()..].starts_with(" - ")
}

fn word(line: &[u8]) -> &[u8] {
    &line[..line.iter().take(16).take_while(|c| c.is_ascii_alphabetic()).count()]
}

/// The level that a word means, in any case: `fail`, `ERR`, `crit`, `WRN`, `SEVERE`, …
pub(crate) fn level(word: &str) -> Option<Level> {
    level_of(word.as_bytes())
}

fn level_of(word: &[u8]) -> Option<Level> {
    const WORDS: [(&str, Level); 44] = [
        ("trace", Level::Trace),
        ("trce", Level::Trace),
        ("verbose", Level::Trace),
        ("vrb", Level::Trace),
        ("silly", Level::Trace),
        ("finest", Level::Trace),
        ("debug", Level::Debug),
        ("dbug", Level::Debug),
        ("dbg", Level::Debug),
        ("info", Level::Info),
        ("information", Level::Info),
        ("inf", Level::Info),
        ("log", Level::Info),
        ("http", Level::Info),
        ("notice", Level::Notice),
        ("warn", Level::Warning),
        ("warning", Level::Warning),
        ("wrn", Level::Warning),
        ("error", Level::Error),
        ("err", Level::Error),
        ("eror", Level::Error),
        ("fail", Level::Error),
        ("severe", Level::Error),
        ("critical", Level::Critical),
        ("crit", Level::Critical),
        ("alert", Level::Alert),
        ("emergency", Level::Emergency),
        ("emerg", Level::Emergency),
        ("fatal", Level::Fatal),
        ("ftl", Level::Fatal),
        ("panic", Level::Fatal),
        ("trc", Level::Trace),
        ("vrbs", Level::Trace),
        ("deprecated", Level::Warning),
        ("fine", Level::Debug),
        ("finer", Level::Trace),
        ("success", Level::Info),
        ("ready", Level::Info),
        ("start", Level::Info),
        ("parse", Level::Error),
        ("faultcode", Level::Error),
        ("errors", Level::Error),
        ("warnings", Level::Warning),
        ("critic", Level::Critical),
    ];
    if word.is_empty() || word.len() > 11 {
        return None;
    }
    WORDS.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word)).map(|(_, level)| *level)
}
