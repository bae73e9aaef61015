//! Entries in XML: log4net's and NLog's `<log4net:event …>`, ELMAH's `<error …>`.
//!
//! In: lines. Out: the record of the event that begins on the first one. Invariant: an event is read from its first tag
//! to its last; its texts may be CDATA or escaped, in any mixture. Does not validate.

use super::{head, line, near, record, trace};
use crate::assemble::Found;
use crate::record::{Exception, Level, Record, Request, User};
use crate::{header, time};

/// Whether a line begins such an event; cheap.
pub(crate) fn begins(line: &[u8]) -> bool {
    [&b"<log4net:event "[..], b"<log4j:event ", b"<nlog:event ", b"<event ", b"<error ", b"<Event>", b"<Event "]
        .iter()
        .any(|tag| line.starts_with(tag))
}

/// The event that begins on the first of these lines.
pub(super) fn parse(lines: &[&str]) -> Option<Found> {
    let first = lines.first()?;
    if !begins(first.as_bytes()) {
        return None;
    }
    let name = first[1..].split([' ', '>']).next()?;
    let closing = format!("</{name}>");
    let last =
        lines.iter().position(|line| line.contains(&closing) || name == "error" && line.trim_end().ends_with("/>"))?;
    let text = lines[..=last].join("\n");
    let tag = &text[..text.find('>')?];
    if name == "Event" {
        return windows(&text, last + 1);
    }
    let printed =
        element(&text, "exception").or_else(|| element(&text, "throwable")).or_else(|| attribute(tag, "detail"));
    let message = element(&text, "message");
    // A layout may print the exception behind the message.
    let (exceptions, message) = match printed {
        Some(printed) => (exceptions(&printed)?, message),
        None => in_message(&message?)?,
    };
    let mut record = record(exceptions);
    record.format = if name == "error" { "elmah" } else { "log4net" }.to_owned();
    record.logger = attribute(tag, "logger");
    record.level = attribute(tag, "level").and_then(|level| header::level(&level));
    let stamp = attribute(tag, "timestamp").or_else(|| attribute(tag, "time"));
    record.timestamp = stamp.and_then(|stamp| match stamp.parse::<f64>() {
        Ok(millis) => time::from_epoch(millis),
        Err(_) => time::at_start(&stamp)?.value,
    });
    record.message = message;
    let facts = ["thread", "domain", "host", "application", "source"];
    record.fields = facts.iter().filter_map(|key| Some(((*key).to_owned(), attribute(tag, key)?))).collect();
    properties(&mut record, &text);
    if name == "error" {
        elmah(&mut record, tag, &text);
    }
    Some(Found { record, lines: 0..last + 1, has_header: true })
}

// <Event><System><Provider Name=".NET Runtime"/>…<TimeCreated …/></System><EventData><Data>…</Data>…
/// An event of Windows' log, as its viewer or Azure's `eventlog.xml` writes it.
fn windows(text: &str, end: usize) -> Option<Found> {
    let data = element(text, "Data")?;
    let lines: Vec<&str> = data.lines().collect();
    let hit = lines.iter().position(|line| line::is_trace(line))?;
    let Found { mut record, .. } = super::parse(&lines, hit, None)?;
    let said = |name: &str, key: &str| {
        let from = text.find(&format!("<{name} "))?;
        attribute(&text[from..from + text[from..].find('>')?].replace('\'', "\""), key)
    };
    record.timestamp =
        record.timestamp.or_else(|| time::at_start(&said("TimeCreated", concat!("System", "Time"))?)?.value);
    let level = match element(text, "Level").as_deref() {
        Some("1") => Some(Level::Critical),
        Some("2") => Some(Level::Error),
        Some("3") => Some(Level::Warning),
        Some("0" | "4") => Some(Level::Info),
        _ => None,
    };
    record.level = record.level.or(level);
    record.logger = record.logger.or_else(|| said("Provider", "Name"));
    record.fields.extend(element(text, "Computer").map(|name| ("host".to_owned(), name)));
    Some(Found { record, lines: 0..end, has_header: true })
}

/// The exception that a message ends with, and the message before it.
fn in_message(message: &str) -> Option<(Vec<Exception>, Option<String>)> {
    let lines: Vec<&str> = message.lines().collect();
    let hit = lines.iter().position(|line| line::is_trace(line))?;
    let record = super::parse(&lines, hit, None)?.record;
    let own = record.message.filter(|message| !message.is_empty());
    Some((record.exceptions, own))
}

fn exceptions(printed: &str) -> Option<Vec<Exception>> {
    let lines: Vec<&str> = printed.lines().collect();
    let first = lines.iter().position(|line| !line.trim().is_empty())?;
    let offset = lines[first].len() - lines[first].trim_start().len();
    head::at_start(lines[first].trim_start())?;
    let found = trace::read(&lines, first, offset, 0).exceptions;
    let traced = lines.iter().any(|line| line::is_trace(line));
    traced.then_some(found)
}

// <log4net:message><![CDATA[text]]></log4net:message> · <log4net:message>a &lt; b</log4net:message>
/// The text of the first element of this name, whatever its prefix.
fn element(text: &str, name: &str) -> Option<String> {
    let mut from = 0;
    let open = loop {
        let at = from + text[from..].find(name)?;
        let before = text.as_bytes()[..at].last();
        if matches!(before, Some(b'<' | b':')) && text[at + name.len()..].starts_with('>') {
            break at + name.len() + 1;
        }
        from = at + name.len();
    };
    let mut rest = &text[open..];
    let mut out = String::new();
    loop {
        if let Some(inner) = rest.strip_prefix("<![CDATA[") {
            let end = inner.find("]]>")?;
            out.push_str(&inner[..end]);
            rest = &inner[end + 3..];
            continue;
        }
        let end = rest.find('<')?;
        unescape(&rest[..end], &mut out);
        rest = &rest[end..];
        if !rest.starts_with("<![CDATA[") {
            break;
        }
    }
    Some(out).filter(|text| !text.is_empty())
}

/// `name="value"` of a tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let at = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let value = &tag[at..];
    let mut out = String::new();
    unescape(&value[..value.find('"')?], &mut out);
    Some(out).filter(|text| !text.is_empty() && text != "(null)")
}

// <log4net:data name="berth" value="4" />
fn properties(record: &mut Record, text: &str) {
    for part in text.split("data name=\"").skip(1).take(100) {
        let Some((name, rest)) = part.split_once('"') else { continue };
        let Some(value) = rest.strip_prefix(" value=\"").and_then(|rest| rest.split('"').next()) else { continue };
        let mut out = String::new();
        unescape(value, &mut out);
        record.fields.push((name.to_owned(), out));
    }
}

// <error … user="ana" statusCode="500"> … <item name="URL"><value string="/orders" /></item>
fn elmah(record: &mut Record, tag: &str, text: &str) {
    let variable = |name: &str| {
        let (_, rest) = text.split_once(&format!("<item name=\"{name}\">"))?;
        let (_, rest) = rest.split_once("string=\"")?;
        rest.split('"').next().map(str::to_owned)
    };
    let request = Request {
        method: variable("REQUEST_METHOD"),
        url: variable("URL"),
        status: attribute(tag, "statusCode").and_then(|status| status.parse().ok()),
    };
    record.request = (request != Request::default()).then_some(request);
    record.user = attribute(tag, "user").map(|name| User { id: None, username: Some(name) });
}

/// Appends `text` with its entities resolved.
fn unescape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let entity = near(rest, 10).find(';').map(|end| &rest[1..end]);
        let c = entity.and_then(|entity| match entity {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => {
                let digits = entity.strip_prefix('#')?;
                let code = match digits.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => digits.parse().ok()?,
                };
                char::from_u32(code)
            }
        });
        match (c, entity) {
            (Some(c), Some(entity)) => {
                if c != '\r' {
                    out.push(c);
                }
                rest = &rest[entity.len() + 2..];
            }
            _ => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
}
