//! JSON around each line: journald's export and the envelopes of log shippers.
//!
//! In: one raw line. Out: the line that the program wrote, and whose it was. Invariant: an application's own JSON
//! entry is never taken for an envelope: an envelope names its source and holds nothing that a logger would.

use std::sync::LazyLock;

use aho_corasick::packed::{Config, Searcher};
use serde_json::{Map, Value};

use super::Unwrapped;
use crate::text::Literal;
use crate::time;

static JOURNAL: Literal = Literal::new("\"__REALTIME_TIMESTAMP\"");

type Object = Map<String, Value>;

/// Keys that a logger writes, and no shipper around an unparsed line.
const LOGGERS: [&str; 16] = [
    "level",
    "Level",
    "@l",
    "@x",
    "@mt",
    "severity",
    "level_name",
    "error",
    "err",
    "exception",
    "Exception",
    "stack",
    "stack_trace",
    "log.level",
    "errorType",
    "context",
];

// {"__REALTIME_TIMESTAMP":"1795428000649757","_PID":"18","SYSLOG_IDENTIFIER":"api","MESSAGE":"   at X.Y()"}
pub(super) fn journal<'a>(line: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<Unwrapped<'a>> {
    if !line.starts_with(b"{") || !JOURNAL.is_in(line) {
        return None;
    }
    let object: Object = serde_json::from_slice(line).ok()?;
    scratch.clear();
    for name in ["_SYSTEMD_UNIT", "SYSLOG_IDENTIFIER", "_PID", "_STREAM_ID"] {
        scratch.extend_from_slice(text_of(&object, name).as_bytes());
        scratch.push(b' ');
    }
    let key = scratch.len();
    match object.get("MESSAGE")? {
        Value::String(text) => scratch.extend_from_slice(text.as_bytes()),
        // Bytes, where the text holds control characters or is not UTF-8.
        Value::Array(bytes) => scratch.extend(bytes.iter().filter_map(Value::as_u64).map(|byte| byte as u8)),
        // Null stands for a text that was too large to export.
        _ => {}
    }
    let text = scratch.len();
    let stamp = text_of(&object, "_SOURCE_REALTIME_TIMESTAMP");
    let stamp = if stamp.is_empty() { text_of(&object, "__REALTIME_TIMESTAMP") } else { stamp };
    scratch.extend_from_slice(stamp.as_bytes());
    let (key, rest) = scratch.split_at(key);
    let (text, stamp) = rest.split_at(text - key.len());
    Some(Unwrapped { key, text, stamp, partial: false })
}

/// The facts that journald knows of a line's writer.
pub(super) fn journal_origin(line: &[u8]) -> Vec<(String, String)> {
    let object: Object = serde_json::from_slice(line).unwrap_or_default();
    let names = [("unit", "_SYSTEMD_UNIT"), ("process", "SYSLOG_IDENTIFIER"), ("pid", "_PID"), ("host", "_HOSTNAME")];
    facts(names.map(|(name, key)| (name, text_of(&object, key))))
}

// {"date":1795428000.8,"stream":"stdout","_p":"F","log":"      at X.Y()","kubernetes":{"pod_name":"api-6d5f7"}}
// {"@timestamp":"…","stream":"stdout","message":"   at X.Y()","log":{"offset":0},"kubernetes":{…}}
pub(super) fn shipper<'a>(line: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<Unwrapped<'a>> {
    if !line.starts_with(b"{\"") {
        return None;
    }
    let marked = is_marked(line);
    if !marked && !LOG.is_in(line) {
        return None;
    }
    let object: Object = serde_json::from_slice(line).ok().filter(|object| marked || is_bare(object))?;
    let (inner, text) = enveloped(&object)?;
    scratch.clear();
    for (_, value) in shipper_facts(&object) {
        scratch.extend_from_slice(value.as_bytes());
        scratch.push(b' ');
    }
    let key = scratch.len();
    // Fluent Bit's CRI parser hands pieces on as they are, and says so.
    let partial = ["_p", "logtag"].iter().any(|key| text_of(&object, key) == "P");
    let whole = text.strip_suffix('\n').unwrap_or(text);
    scratch.extend_from_slice(whole.as_bytes());
    let text = scratch.len();
    let stamp =
        STAMPS.iter().flat_map(|key| [text_of(&object, key), text_of(inner, key)]).find(|time| !time.is_empty());
    match stamp {
        Some(stamp) => scratch.extend_from_slice(stamp.as_bytes()),
        None => scratch.extend(epoch(&object).map(|micros| micros.to_string()).unwrap_or_default().bytes()),
    }
    let (key, rest) = scratch.split_at(key);
    let (text, stamp) = rest.split_at(text - key.len());
    Some(Unwrapped { key, text, stamp, partial })
}

// {"date":1795428000.8} · {"timestamp":1795428000800}
/// The time that an envelope gives as a number of seconds or milliseconds, in microseconds since the epoch.
fn epoch(object: &Object) -> Option<i64> {
    let number = ["date", "timestamp", "time", "@timestamp"].iter().find_map(|key| object.get(*key)?.as_f64())?;
    Some((time::epoch_in_millis(number) * 1e3).round() as i64)
}

/// Services that keep the program's line under a key: which, and what stands beside it.
const SERVICES: [(&str, &str); 12] = [
    // Google Cloud.
    ("textPayload", "logName"),
    // Azure: Container Apps, container insights, App Service.
    ("Log", "TimeStamp"),
    ("LogMessage", "TimeGenerated"),
    ("resultDescription", "category"),
    // CloudWatch's events, and Docker's GELF driver.
    ("message", "ingestionTime"),
    ("short_message", "_container_name"),
    // Loki.
    ("line", "labels"),
    // syslog-ng.
    ("MESSAGE", "PROGRAM"),
    // stern's JSON, PM2, vector's and Logstash's reading of files.
    ("message", "podName"),
    ("message", "app_name"),
    ("message", "source_type"),
    ("message", "@version"),
];

/// Envelopes around an envelope's object: Elasticsearch, Google Cloud, Splunk.
const NESTED: [(&str, &str); 3] = [("_source", "message"), ("jsonPayload", "message"), ("result", "_raw")];

/// Where services write when a line came.
const STAMPS: [&str; 8] = ["time", "@timestamp", "timestamp", "TimeStamp", "TimeGenerated", "_time", "ISODATE", "DATE"];

/// Whether an object holds what only a logger writes.
pub(super) fn is_loggers(object: &Object) -> bool {
    LOGGERS.iter().any(|key| object.contains_key(*key))
}

/// The object that holds the program's line, and the line.
fn enveloped(object: &Object) -> Option<(&Object, &str)> {
    for (outer, key) in NESTED {
        if let Some(inner) = object.get(outer).and_then(Value::as_object) {
            return inner.get(key)?.as_str().filter(|_| !is_loggers(inner)).map(|text| (inner, text));
        }
    }
    for (key, beside) in SERVICES {
        // Azure and Google name a level of their own; beside a `message` it would be a logger's.
        if object.contains_key(beside)
            && let Some(text) = object.get(key).and_then(Value::as_str)
            && (key != "message" || !is_loggers(object))
        {
            return Some((object, text));
        }
    }
    let text = ["log", "message"].iter().find_map(|key| object.get(*key)?.as_str())?;
    (!is_loggers(object)).then_some((object, text))
}

// {"date":1795428000.8,"log":"   at X.Y()"}
/// Whether an object is a line of Fluent Bit's and nothing else.
fn is_bare(object: &Object) -> bool {
    object.len() == 2
        && object.contains_key("log")
        && ["date", "@timestamp"].iter().any(|key| object.contains_key(*key))
}

static LOG: Literal = Literal::new("\"log\":\"");

/// What only an envelope holds.
const MARKS: [&str; 21] = [
    "\"stream\":\"std",
    "\"source\":\"std",
    "\"kubernetes\":{",
    "\"container_name\":",
    "\"_container_name\":",
    "\"ingestionTime\":",
    "\"log\":{\"offset\":",
    "\"log\":{\"file\":",
    "\"textPayload\":",
    "\"TimeStamp\":",
    "\"LogMessage\":",
    "\"resultDescription\":",
    "\"labels\":{",
    "\"PROGRAM\":",
    "\"podName\":",
    "\"app_name\":",
    "\"source_type\":",
    "\"@version\":",
    "\"_source\":{",
    "\"jsonPayload\":{",
    "\"_raw\":",
];

/// Finds all marks at once, where the machine has vectors.
static ANY_MARK: LazyLock<Option<Searcher>> = LazyLock::new(|| Config::new().builder().extend(MARKS).build());

fn is_marked(line: &[u8]) -> bool {
    match &*ANY_MARK {
        Some(marks) => marks.find(line).is_some(),
        None => MARKS.iter().any(|mark| memchr::memmem::find(line, mark.as_bytes()).is_some()),
    }
}

/// The facts that a shipper adds of a line's writer.
pub(super) fn shipper_origin(line: &[u8]) -> Vec<(String, String)> {
    let object: Object = serde_json::from_slice(line).unwrap_or_default();
    facts(shipper_facts(&object))
}

fn shipper_facts(object: &Object) -> [(&'static str, &str); 7] {
    let kubernetes = object.get("kubernetes").and_then(Value::as_object);
    let of = |key: &str| kubernetes.map_or("", |object| text_of(object, key));
    let nested = |outer: &str| {
        kubernetes.and_then(|object| object.get(outer)?.as_object()).map_or("", |object| text_of(object, "name"))
    };
    let either = |one: &'static str, other: &'static str| if of(one).is_empty() { nested(other) } else { of(one) };
    let first = |keys: [&'static str; 3]| {
        keys.into_iter().map(|key| text_of(object, key)).find(|text| !text.is_empty()).unwrap_or("")
    };
    let (container, pod) = (either("container_name", "container"), either("pod_name", "pod"));
    let host = of("host");
    [
        ("stream", first(["stream", "source", "LogSource"])),
        (
            "container",
            if container.is_empty() { first(["container_name", "containerName", "ContainerName"]) } else { container },
        ),
        ("pod", if pod.is_empty() { first(["podName", "PodName", "pod"]) } else { pod }),
        ("namespace", of("namespace_name")),
        ("host", if host.is_empty() { first(["host", "HOST", "Host"]) } else { host }),
        ("process", first(["app_name", "PROGRAM", ""])),
        ("log", first(["file", "path", ""])),
    ]
}

fn text_of<'a>(object: &'a Object, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or("")
}

fn facts<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Appends the JSON string whose opening quote stands just before `quoted`; where its closing quote stands. None for
/// a string that does not end, or is no JSON.
pub(super) fn unescape(quoted: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let mut at = 0;
    loop {
        let stop = at + memchr::memchr2(b'"', b'\\', &quoted[at..])?;
        out.extend_from_slice(&quoted[at..stop]);
        if quoted[stop] == b'"' {
            return Some(stop);
        }
        let byte = match *quoted.get(stop + 1)? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            b'u' => {
                at = unicode(quoted, stop, out)?;
                continue;
            }
            other @ (b'"' | b'\\' | b'/') => other,
            _ => return None,
        };
        out.push(byte);
        at = stop + 2;
    }
}

/// Appends the character of `\uXXXX` at `at`, of two where they are surrogates; where it ends.
fn unicode(quoted: &[u8], at: usize, out: &mut Vec<u8>) -> Option<usize> {
    let unit = |at: usize| -> Option<u32> {
        let digits = quoted.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let high = unit(at)?;
    let mut end = at + 6;
    let mut code = high;
    if (0xD800..0xDC00).contains(&high)
        && let Some(low) = unit(end).filter(|low| (0xDC00..0xE000).contains(low))
    {
        code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
        end += 6;
    }
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journal_lines_in_any_order_of_keys() {
        let mut scratch = Vec::new();
        let line = br#"{"MESSAGE":[27,91,51,49,109,120],"_PID":"7","__REALTIME_TIMESTAMP":"1795428000649757","SYSLOG_IDENTIFIER":"api"}"#;
        let found = journal(line, &mut scratch).unwrap();
        assert_eq!((found.text, found.key), (&b"\x1b[31mx"[..], &b" api 7  "[..]));
        assert_eq!(found.stamp, b"1795428000649757");
        assert_eq!(journal_origin(line), [("process", "api"), ("pid", "7")].map(|(a, b)| (a.to_owned(), b.to_owned())));
        let null = br#"{"MESSAGE":null,"__REALTIME_TIMESTAMP":"1"}"#;
        assert_eq!(journal(null, &mut scratch).unwrap().text, b"");
    }

    #[test]
    fn envelopes_and_entries() {
        let mut scratch = Vec::new();
        let line = br#"{"@timestamp":"2026-11-23T22:09:13.933Z","stream":"stdout","message":"[INF] up","log":{"offset":0},"kubernetes":{"pod":{"name":"api-1"},"container":{"name":"api"}}}"#;
        let found = shipper(line, &mut scratch).unwrap();
        assert_eq!((found.text, found.key), (&b"[INF] up"[..], &b"stdout api api-1     "[..]));
        assert_eq!(found.stamp, b"2026-11-23T22:09:13.933Z");
        let line = br#"{"date":1795428000.125,"log":"   at X.Y()"}"#;
        assert_eq!(shipper(line, &mut scratch).unwrap().stamp, b"1795428000125000");
        for entry in [
            r#"{"level":"error","message":"boom","kubernetes":{"pod_name":"x"}}"#,
            r#"{"message":"boom","error":{"stack_trace":"x"},"kubernetes":{"pod_name":"x"}}"#,
            r#"{"message":"boom","time":"x"}"#,
        ] {
            assert_eq!(shipper(entry.as_bytes(), &mut Vec::new()), None, "{entry}");
        }
    }
}
