//! What log services and their command lines put around each line: Cloud Foundry, Loki, Fluentd, Fluent Bit, CloudWatch,
//! CSV of Graylog and others, journalctl's fields.
//!
//! In: one raw line. Out: the program's own line, whose it was, and when. Invariant: a line is taken for a service's only
//! by what no logger prints. Does not know the services' JSON: that is in `json`.

use serde_json::{Map, Value};

use super::json::{self, unescape};
use super::{Unwrapped, prefix};
use crate::text::Literal;

/// Where the line above a journal's entry tells its place.
static CURSOR: Literal = Literal::new(" [s=");

/// A service's prefix that proves itself.
pub(super) fn service<'a>(line: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<Unwrapped<'a>> {
    match line.first()? {
        b' ' => cloud_foundry(line),
        b'[' => fluent_bit(line, scratch),
        b'0'..=b'9' => logcli(line).or_else(|| fluentd(line, scratch)).or_else(|| cloud_foundry(line)),
        b'D' | b'E' | b'I' | b'W' => meteor(line),
        _ => None,
    }
}

//    2026-11-24T10:15:00.12+0000 [APP/PROC/WEB/0] ERR    at X.Y()
fn cloud_foundry(line: &[u8]) -> Option<Unwrapped<'_>> {
    let start = line.trim_ascii_start();
    let (stamp, rest) = start.split_at(prefix::stamp(start)?);
    let inner = rest.strip_prefix(b" [")?;
    let key = &inner[..memchr::memchr(b']', inner)?];
    let rest = inner[key.len() + 1..].trim_ascii_start();
    let text = rest.strip_prefix(b"ERR").or_else(|| rest.strip_prefix(b"OUT"))?;
    let text = if text.is_empty() { text } else { text.strip_prefix(b" ")? };
    memchr::memchr(b'/', key).map(|_| Unwrapped { key, text, stamp, partial: false })
}

// W20261124-10:15:00.123(1)? (STDERR)     at f (server/a.js:1:2)
/// What Meteor's tool puts before the lines of the application that it runs.
fn meteor(line: &[u8]) -> Option<Unwrapped<'_>> {
    let rest = line.get(1..)?;
    let (day, rest) = rest.split_at_checked(8)?;
    let clock = rest.strip_prefix(b"-")?;
    let end = memchr::memchr(b'(', clock).filter(|end| *end < 16)?;
    let (_, rest) = clock[end + 1..].split_at_checked(memchr::memchr(b')', &clock[end + 1..])? + 1)?;
    let is_time = |part: &[u8]| part.iter().all(|c| c.is_ascii_digit() || matches!(c, b':' | b'.'));
    if !(is_time(day) && is_time(&clock[..end])) {
        return None;
    }
    let rest = rest.strip_prefix(b"? ").or_else(|| rest.strip_prefix(b" "))?;
    let (key, text): (&[u8], &[u8]) = match rest.strip_prefix(b"(STDERR) ") {
        Some(text) => (b"stderr", text),
        None => (b"stdout", rest),
    };
    Some(Unwrapped { key, text, ..Unwrapped::default() })
}

// 2026-11-24T10:15:00Z {app="web", pod="api-1"} text
fn logcli(line: &[u8]) -> Option<Unwrapped<'_>> {
    let (stamp, rest) = line.split_at(prefix::stamp(line)?);
    let labels = rest.strip_prefix(b" {")?;
    let name = prefix::name(labels, b"_");
    let is_labels = !name.is_empty() && labels[name.len()..].starts_with(b"=\"");
    let end = memchr::memmem::find(labels, b"\"}").filter(|_| is_labels)? + 2;
    let text = labels[end..].strip_prefix(b" ").unwrap_or(&labels[end..]);
    Some(Unwrapped { key: &labels[..end - 1], text, stamp, partial: false })
}

// 2026-11-24T10:15:00+00:00<tab>app.api<tab>{"log":"   at X.Y()\n","stream":"stderr"}
// 2026-11-24 10:15:00.123456789 +0000 app.api: {"message":"   at X.Y()"}
fn fluentd<'a>(line: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<Unwrapped<'a>> {
    let (stamp, rest) = line.split_at(prefix::stamp(line)?);
    let tabs = rest.starts_with(b"\t");
    let tag = prefix::name(rest.get(1..)?, b"._-*/");
    let behind = rest[1 + tag.len()..].strip_prefix(if tabs { b"\t{".as_slice() } else { b": {" })?;
    if tag.is_empty() || !behind.starts_with(b"\"") {
        return None;
    }
    let object: Map<String, Value> = serde_json::from_slice(&rest[rest.len() - behind.len() - 1..]).ok()?;
    let text = ["log", "message"].iter().find_map(|key| object.get(*key)?.as_str())?;
    if json::is_loggers(&object) {
        return None;
    }
    scratch.clear();
    scratch.extend_from_slice(tag);
    for key in ["stream", "container_name"] {
        scratch.push(b' ');
        scratch.extend_from_slice(object.get(key).and_then(Value::as_str).unwrap_or("").as_bytes());
    }
    let key = scratch.len();
    scratch.extend_from_slice(text.strip_suffix('\n').unwrap_or(text).as_bytes());
    let (key, text) = scratch.split_at(key);
    Some(Unwrapped { key, text, stamp, partial: false })
}

// [0] kube.api: [[1795515300.123456789, {}], {"stream"=>"stderr", "log"=>"   at X.Y()"}]
fn fluent_bit<'a>(line: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<Unwrapped<'a>> {
    let number = prefix::name(&line[1..], b"");
    let rest = line[1 + number.len()..].strip_prefix(b"] ").filter(|_| number.iter().all(u8::is_ascii_digit))?;
    let tag = prefix::name(rest, b"._-*/");
    let list = rest[tag.len()..].strip_prefix(b": [")?;
    let time = list.strip_prefix(b"[").unwrap_or(list);
    let value = |name: &[u8]| Some(&list[memchr::memmem::find(list, name)? + name.len()..]);
    let quoted = value(b"\"log\"=>\"").or_else(|| value(b"\"message\"=>\""))?;
    scratch.clear();
    scratch.extend_from_slice(tag);
    if let Some(stream) = value(b"\"stream\"=>\"") {
        scratch.push(b' ');
        scratch.extend_from_slice(prefix::name(stream, b""));
    }
    let key = scratch.len();
    let seconds = time.iter().take_while(|c| c.is_ascii_digit()).count();
    let fraction = time[seconds..].iter().skip(1).take(6).take_while(|c| c.is_ascii_digit());
    scratch.extend(time[..seconds].iter().chain(fraction));
    let stamp = scratch.len();
    unescape(quoted, scratch)?;
    let (head, text) = scratch.split_at(stamp);
    let (key, stamp) = head.split_at(key);
    Some(Unwrapped { key, text: text.strip_suffix(b"\n").unwrap_or(text), stamp, partial: false })
}

// 2026-11-24T10:15:00.123000+00:00 app/web/0123456789abcdef    at X.Y()
/// `aws logs tail`: the stream's name stands behind the time.
pub(super) fn stream(line: &[u8]) -> Option<Unwrapped<'_>> {
    let (stamp, rest) = line.split_at(prefix::stamp(line).filter(|_| line.get(10) == Some(&b'T'))?);
    let rest = rest.strip_prefix(b" ")?;
    let name = &rest[..memchr::memchr(b' ', rest).unwrap_or(rest.len())];
    let text = rest.get(name.len() + 1..).unwrap_or(b"");
    (name.len() > 2 && name[1..].contains(&b'/')).then_some(Unwrapped { key: name, text, stamp, partial: false })
}

// "2026-11-24T10:15:00.000Z","web01","   at X.Y()"  ·  "2026-11-24T10:15:00.000Z","   at X.Y()"
// 2026-11-24 10:15:00.000,   at X.Y()
/// A row of CSV: time and message, as CloudWatch Insights and Splunk export them, or time, source and message (Graylog).
pub(super) fn row<'a>(line: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<Unwrapped<'a>> {
    let inner = line.strip_prefix(b"\"").unwrap_or(line);
    let (stamp, rest) = inner.split_at(prefix::stamp(inner)?);
    let rest = if inner.len() < line.len() { rest.strip_prefix(b"\"")? } else { rest }.strip_prefix(b",")?;
    let Some(quoted) = rest.strip_prefix(b"\"") else {
        return Some(Unwrapped { text: rest, stamp, ..Unwrapped::default() });
    };
    let quoted = quoted.strip_suffix(b"\"")?;
    let (key, text) = match memchr::memmem::find(quoted, b"\",\"") {
        Some(end) => (&quoted[..end], &quoted[end + 3..]),
        None => (&quoted[..0], quoted),
    };
    if memchr::memchr(b'"', text).is_none() {
        return Some(Unwrapped { key, text, stamp, partial: false });
    }
    scratch.clear();
    let mut quoted = false;
    for byte in text {
        quoted = *byte == b'"' && !quoted;
        if !quoted {
            scratch.push(*byte);
        }
    }
    Some(Unwrapped { key, text: scratch, stamp, partial: false })
}

//     MESSAGE=   at X.Y()
/// `journalctl -o verbose` and `-o export`: a field a line. What is no message is no line of the program.
pub(super) fn field(line: &[u8]) -> Option<Unwrapped<'_>> {
    let inner = line.strip_prefix(b"    ").unwrap_or(line);
    let name = inner.iter().take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || **c == b'_').count();
    let nothing = Unwrapped { partial: true, ..Unwrapped::default() };
    match inner.get(name) {
        Some(b'=') if &inner[..name] == b"MESSAGE" => {
            Some(Unwrapped { text: &inner[name + 1..], ..Unwrapped::default() })
        }
        Some(b'=') if name > 0 => Some(nothing),
        None if name == 0 => Some(nothing),
        _ => CURSOR.is_in(line).then_some(nothing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> (String, String, String) {
        let mut scratch = Vec::new();
        let found = service(line.as_bytes(), &mut scratch).unwrap_or_else(|| panic!("{line}"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(found.key), text(found.text), text(found.stamp))
    }

    #[test]
    fn services() {
        for (line, key, stamp) in [
            (
                "   2026-11-24T10:15:00.12+0000 [APP/PROC/WEB/0] ERR    at X",
                "APP/PROC/WEB/0",
                "2026-11-24T10:15:00.12+0000",
            ),
            (
                "2026-11-24T10:15:00Z {app=\"web\", pod=\"a-1\"}    at X",
                "app=\"web\", pod=\"a-1\"",
                "2026-11-24T10:15:00Z",
            ),
            (
                "2026-11-24T10:15:00+00:00\tkube.api\t{\"log\":\"   at X\\n\",\"stream\":\"stderr\"}",
                "kube.api stderr ",
                "2026-11-24T10:15:00+00:00",
            ),
            (
                "[3] kube.api: [[1795515300.123456789, {}], {\"stream\"=>\"stderr\", \"log\"=>\"   at X\"}]",
                "kube.api stderr",
                "1795515300123456",
            ),
        ] {
            let found = read(line);
            assert_eq!((found.0.as_str(), found.1.as_str(), found.2.as_str()), (key, "   at X", stamp));
        }
        for not in [
            "   2026-11-24T10:15:00Z [main] ERR text",
            "2026-11-24T10:15:00Z {\"level\":\"error\"}",
            "2026-11-24 10:15:00 +0000 shop.api: {\"level\":\"error\",\"message\":\"no\"}",
            "[0] api up",
        ] {
            assert_eq!(service(not.as_bytes(), &mut Vec::new()), None, "{not}");
        }
    }

    #[test]
    fn rows_and_fields() {
        let mut scratch = Vec::new();
        let found = row(b"\"2026-11-24T10:15:00.000Z\",\"web01\",\"a \"\"b\"\" c\"", &mut scratch).unwrap();
        assert_eq!((found.key, found.text), (&b"web01"[..], &b"a \"b\" c"[..]));
        assert_eq!(field(b"    MESSAGE=   at X").unwrap().text, b"   at X");
        assert!(field(b"    _PID=7").unwrap().partial && field(b"").unwrap().partial);
        assert!(field(b"Tue 2026-11-24 10:15:00.123456 UTC [s=ab;i=1]").unwrap().partial);
        assert_eq!(field(b"        second line"), None);
        for line in ["\"2026-11-24 10:15:00\",\"   at X\"", "2026-11-24 10:15:00.123,   at X"] {
            assert_eq!(row(line.as_bytes(), &mut scratch).unwrap().text, b"   at X", "{line}");
        }
        assert_eq!(stream(b"2026-11-24T10:15:00Z app/web/1    at X").unwrap().text, b"   at X");
        assert_eq!(stream(b"2026-11-24T10:15:00Z worker    at X"), None);
    }
}
