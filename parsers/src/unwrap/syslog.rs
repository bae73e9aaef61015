//! Syslog on disk: RFC 5424, RFC 3164, and the short forms of rsyslog and journalctl.
//!
//! In: one raw line. Out: its message, whose it was, and when. Invariant: control characters that rsyslog wrote as
//! `#011` are themselves again. Does not know facility and severity: these are the transport's, not the program's.

use super::{Unwrapped, prefix};
use crate::header;
use crate::text::Literal;

/// What rsyslog writes for a control character begins so.
static OCTAL: Literal = Literal::new("#0");

// <14>1 2026-11-23T21:53:06.003Z web01 api 18231 - - text
pub(super) fn rfc5424(line: &[u8]) -> Option<Unwrapped<'_>> {
    // Over TCP each message is preceded by its length.
    let octets = line.iter().take(5).take_while(|c| c.is_ascii_digit()).count();
    let line = line[octets..].strip_prefix(b" ").filter(|_| octets > 0).unwrap_or(line);
    let rest = priority(line)?.strip_prefix(b"1 ")?;
    let (stamp, rest) = word(rest)?;
    let writer = rest;
    let (_host, rest) = word(rest)?;
    let (app, rest) = word(rest)?;
    let (_process, rest) = word(rest)?;
    let key = &writer[..writer.len() - rest.len() - 1];
    let (_message_id, rest) = word(rest)?;
    // Heroku leaves the structured data out.
    let heroku = || matches!(app, b"app" | b"heroku").then_some(rest);
    let text = structured_data(rest).or_else(heroku)?;
    let text = text.strip_prefix(b" ").unwrap_or(text);
    Some(Unwrapped { key, text: text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text), stamp, partial: false })
}

// 1795428000.123456 web01 api[18231]: text  ·  Nov 23 21:53:06 web01 api[18231]: text  ·  2026-11-23T21:53:06.123456+00:00 web01 api[18231]: text
pub(super) fn short<'a>(line: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<Unwrapped<'a>> {
    let start = priority(line).unwrap_or(line);
    let dated_day = weekday(start);
    let (is_full, start) = (dated_day.len() < start.len(), dated_day);
    let since_boot = monotonic(start);
    let length = since_boot.or_else(|| epoch(start)).or_else(|| prefix::stamp(start))?;
    let dated = start[0].is_ascii_digit() || since_boot.is_some();
    let (stamp, rest) = start.split_at(length);
    let writer = rest.strip_prefix(b" ")?;
    let writer = if is_full { without_zone(writer) } else { writer };
    let (host, rest) = word(writer)?;
    // PHP-FPM's workers overwrite the beginning of their name, `php-fpm: pool www`: what is left holds a blank.
    let blank = if rest.starts_with(b"ool ") { 4 } else { 0 };
    let tag = &rest[..blank + rest[blank..].iter().position(|c| matches!(c, b' ' | b'[' | b':'))?];
    let process = rest[tag.len()..].strip_prefix(b"[").and_then(|rest| {
        let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
        rest[digits..].starts_with(b"]").then_some(digits + 2)
    });
    let key = &writer[..writer.len() - rest.len() + tag.len() + process.unwrap_or(0)];
    let text = writer[key.len()..].strip_prefix(b":")?;
    let level = std::str::from_utf8(host).ok().and_then(header::level).is_some();
    // `2026-11-23 21:53:06 main Worker: text` is a logger's own line: there a process id is the proof.
    // Nor is the program's own time behind a time one.
    let time = tag.iter().all(u8::is_ascii_digit) || host[0] == b'[';
    // PHP's own words behind a time alone.
    let stack = host == b"Stack" && tag == b"trace";
    if tag.is_empty() || time || level || stack || process.is_none() && dated {
        return None;
    }
    let text = text.strip_prefix(b" ").unwrap_or(text);
    Some(Unwrapped { key, text: control_characters(text, scratch), stamp, partial: false })
}

// 2026-11-23T21:53:06.123456+00:00 app[web.1]: text
/// Heroku's log of an application: a dyno stands where syslog has host and process.
pub(super) fn logplex(line: &[u8]) -> Option<Unwrapped<'_>> {
    let length = prefix::stamp(line).filter(|_| line.get(10) == Some(&b'T'))?;
    let (stamp, rest) = line.split_at(length);
    let rest = rest.strip_prefix(b" ")?;
    let source = ["app[", "heroku["].iter().find(|source| rest.starts_with(source.as_bytes()))?;
    let dyno = prefix::name(&rest[source.len()..], b".-_");
    let end = source.len() + dyno.len() + 1;
    let behind = rest.get(end - 1..)?.strip_prefix(b"]").filter(|_| !dyno.is_empty())?;
    // Fly names the region and a level of its own: `app[d890] sin [info] text`.
    let fly = || {
        let region = behind.strip_prefix(b" ").filter(|rest| prefix::name(rest, b"").len() == 3)?;
        let level = region[3..].strip_prefix(b" [")?;
        level[prefix::name(level, b"").len()..].strip_prefix(b"]")
    };
    let text = behind.strip_prefix(b":").or_else(fly)?;
    Some(Unwrapped { key: &rest[..end], text: text.strip_prefix(b" ").unwrap_or(text), stamp, partial: false })
}

/// Host, process and process id out of a key of either form.
pub(super) fn origin(key: &str) -> Vec<(String, String)> {
    if let Some((process, dyno)) = key.split_once('[').filter(|_| !key.contains(' ')) {
        let dyno = dyno.trim_end_matches(']').to_owned();
        return vec![("process".to_owned(), process.to_owned()), ("dyno".to_owned(), dyno)];
    }
    let mut words = key.split(' ');
    let host = words.next().unwrap_or("");
    let process = words.next().unwrap_or("");
    let (process, pid) = match process.split_once('[') {
        Some((process, pid)) => (process, pid.trim_end_matches(']')),
        None => (process, words.next().unwrap_or("")),
    };
    [("host", host), ("process", process), ("pid", pid)]
        .into_iter()
        .filter(|(_, value)| !value.is_empty() && *value != "-")
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// What stands behind `<14>`.
fn priority(line: &[u8]) -> Option<&[u8]> {
    let inner = line.strip_prefix(b"<")?;
    let digits = inner.iter().take(3).take_while(|c| c.is_ascii_digit()).count();
    inner[digits..].strip_prefix(b">").filter(|_| digits > 0)
}

/// How long the seconds and microseconds are that `journalctl -o short-unix` begins with.
fn epoch(line: &[u8]) -> Option<usize> {
    let is_it = |(at, c): (usize, &u8)| if at == 10 { *c == b'.' } else { c.is_ascii_digit() };
    line.get(..17).filter(|head| head.iter().enumerate().all(is_it)).map(<[u8]>::len)
}

// [ 1234.123456] web01 api[18231]: text  ·  [ 1234.123456 <    0.000012 >] web01 api[18231]: text
/// How long the time since the machine's start is that `journalctl -o short-monotonic` and `short-delta` begin with.
fn monotonic(line: &[u8]) -> Option<usize> {
    let inner = line.strip_prefix(b"[")?;
    let end = memchr::memchr(b']', &inner[..inner.len().min(48)])?;
    let own = |c: &u8| c.is_ascii_digit() || matches!(c, b' ' | b'.' | b'<' | b'>');
    (inner[..end].iter().all(own) && inner[..end].contains(&b'.')).then_some(end + 2)
}

/// What stands behind a zone's name that is not one of the known.
fn without_zone(writer: &[u8]) -> &[u8] {
    match word(writer) {
        Some((zone, rest))
            if (2..=5).contains(&zone.len())
                && (zone.iter().all(u8::is_ascii_uppercase) || matches!(zone[0], b'+' | b'-')) =>
        {
            rest
        }
        _ => writer,
    }
}

// Mon 2026-11-23 21:53:06 UTC web01 api[18231]: text
fn weekday(line: &[u8]) -> &[u8] {
    match line {
        [a, b, c, b' ', rest @ ..]
            if [a, b, c].into_iter().all(u8::is_ascii_alphabetic)
                && rest.first().is_some_and(u8::is_ascii_digit)
                && rest.get(4) == Some(&b'-') =>
        {
            rest
        }
        _ => line,
    }
}

/// The text up to a blank, not empty, and what stands behind the blank.
fn word(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b' ', line).filter(|end| *end > 0)?;
    Some((&line[..end], &line[end + 1..]))
}

/// What stands behind `-` or `[id name="value"]…`.
fn structured_data(line: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = line.strip_prefix(b"-") {
        return Some(rest);
    }
    let mut rest = line.strip_prefix(b"[")?;
    let mut quoted = false;
    loop {
        let at = rest.iter().position(|c| matches!(c, b'"' | b'\\' | b']'))?;
        match rest[at] {
            b'\\' => rest = rest.get(at + 2..)?,
            b'"' => {
                quoted = !quoted;
                rest = &rest[at + 1..];
            }
            _ => {
                rest = &rest[at + 1..];
                if !quoted {
                    match rest.strip_prefix(b"[") {
                        Some(next) => rest = next,
                        None => return Some(rest),
                    }
                }
            }
        }
    }
}

/// Turns `#011` into the tab that it was, and `#012` into a line break.
fn control_characters<'a>(text: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
    if !OCTAL.is_in(text) {
        return text;
    }
    scratch.clear();
    let mut at = 0;
    for mark in memchr::memmem::find_iter(text, b"#0") {
        let (Some(high @ b'0'..=b'3'), Some(low @ b'0'..=b'7')) = (text.get(mark + 2), text.get(mark + 3)) else {
            continue;
        };
        scratch.extend_from_slice(&text[at..mark]);
        scratch.push((high - b'0') * 8 + (low - b'0'));
        at = mark + 4;
    }
    scratch.extend_from_slice(&text[at..]);
    scratch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for line in [
            "Nov 23 21:53:06 web01 api[18231]:    at X",
            "Nov  3 21:53:06.123456 web01 api[18231]:    at X",
            "<30>Nov 23 21:53:06 web01 api[18231]:    at X",
            "1795428000.123456 web01 api[18231]:    at X",
            "2026-11-23T21:53:06.123456+00:00 web01 api[18231]:    at X",
            "2026-11-23T21:53:06+0000 web01 api[18231]:    at X",
            "Mon 2026-11-23 21:53:06 UTC web01 api[18231]:    at X",
            "Mon 2026-11-23 21:53:06 WIB web01 api[18231]:    at X",
            "Mon 2026-11-23 21:53:06 +07 web01 api[18231]:    at X",
            "[ 1234.123456] web01 api[18231]:    at X",
            "[ 1234.123456 <    0.000012 >] web01 api[18231]:    at X",
        ] {
            let mut scratch = Vec::new();
            let found = short(line.as_bytes(), &mut scratch).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((found.text, found.key), (&b"   at X"[..], &b"web01 api[18231]"[..]), "{line}");
        }
        let mut scratch = Vec::new();
        assert_eq!(
            short(b"Nov 23 21:53:06 web01 app: #011at a#012#11 b#0", &mut scratch).unwrap().text,
            b"\tat a\n#11 b#0"
        );
        assert_eq!(short(b"Nov 23 21:53:06 web01 ool www: x", &mut Vec::new()).unwrap().key, b"web01 ool www");
        for not in [
            "2026-11-23 21:53:06 main Worker: x",
            "Nov 23 21:53:06 ERROR Worker: x",
            "Nov 23 21:53:06 x",
            "Nov 23 21:53:06 2026-11-23 21:53:06 x",
            "Nov 23 21:53:06 [2026-11-23 21:53:06] x: y",
            "",
        ] {
            assert_eq!(short(not.as_bytes(), &mut Vec::new()), None, "{not}");
        }
    }

    #[test]
    fn of_dynos() {
        let found = logplex(b"2026-11-23T21:53:06.123456+00:00 app[web.1]:     at X").unwrap();
        assert_eq!((found.text, found.key), (&b"    at X"[..], &b"app[web.1]"[..]));
        let found = logplex(b"2026-11-23T21:53:06Z app[d890] sin [info]    at X").unwrap();
        assert_eq!((found.text, found.key), (&b"   at X"[..], &b"app[d890]"[..]));
        assert_eq!(origin("app[web.1]")[1], ("dyno".to_owned(), "web.1".to_owned()));
        assert_eq!(logplex(b"2026-11-23T21:53:06Z app: text"), None);
        assert_eq!(logplex(b"2026-11-23 21:53:06 app[web.1]: text"), None);
    }

    #[test]
    fn of_2009() {
        let line = br#"<14>1 2026-11-23T21:53:06.003Z web01 api 7 ID4 [a@1 b="x\"]y"][c d="e"] text"#;
        let found = rfc5424(line).unwrap();
        assert_eq!(
            (found.text, found.key, found.stamp),
            (&b"text"[..], &b"web01 api 7"[..], &b"2026-11-23T21:53:06.003Z"[..])
        );
        assert_eq!(origin("web01 api 7"), origin("web01 api[7]"));
        assert_eq!(rfc5424(b"<14>1 - - api - - - ").unwrap().text, b"");
    }
}
