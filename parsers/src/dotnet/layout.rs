//! The headers of .NET's less usual layouts: Akka.NET, BepInEx, Sitecore, SharePoint, the event viewer's exports.
//!
//! In: one line. Out: a `Header`. Invariant: `begins` holds for each line that `header` takes, and costs a few
//! comparisons. Does not know what loggers of all languages print.

mod servers;

use super::{otel, windows};
use crate::header::{self, Header};
use crate::text::decode;
use crate::time;

/// The header of one of these layouts.
pub(super) fn header(line: &str) -> Option<Header> {
    match line.as_bytes().first()? {
        b'[' => akka(line)
            .or_else(|| level_and_source(line))
            .or_else(|| servers::level_and_clock(line))
            .or_else(|| servers::event_store(line))
            .or_else(|| servers::orleans(line)),
        b'0'..=b'9' => thread_first(line)
            .or_else(|| separated(line))
            .or_else(|| behind_dash(line))
            .or_else(|| servers::raven(line)),
        b'L' => log_entry(line),
        _ => thread_first(line).or_else(|| event_viewer(line)),
    }
}

/// Whether a line begins an entry of one of these layouts, where its first bytes do not say so by themselves.
pub(super) fn begins(line: &[u8]) -> bool {
    let head = &line[..line.len().min(120)];
    match head.first() {
        Some(b'[') => match head.get(1) {
            Some(b'A'..=b'Z' | b'a'..=b'z') => {
                let head = decode(head);
                let named = level_and_source(&head).or_else(|| servers::level_and_clock(&head));
                named.or_else(|| servers::event_store(&head)).is_some()
            }
            Some(b' ' | b'0'..=b'9') => servers::event_store(&decode(head)).is_some(),
            _ => false,
        },
        Some(b'0'..=b'9') => thread_first(&decode(head)).is_some(),
        Some(b'M') => head.starts_with(b"ManagedPoolThread #") && thread_first(&decode(head)).is_some(),
        Some(b'E' | b'W' | b'I' | b'C') => windows::begins(head) || event_viewer(&decode(head)).is_some(),
        Some(b'L') => otel::begins(head) || head.starts_with(LOG_ENTRY.as_bytes()),
        _ => false,
    }
}

// [ERROR][11/20/2026 08:15:09.123Z][Thread 0012][akka://harbor/user/berths/$a] message
fn akka(line: &str) -> Option<Header> {
    let (word, rest) = line.strip_prefix('[')?.split_once("][")?;
    let level = header::level(word)?;
    let stamp = time::at_start(rest)?;
    let rest = rest[stamp.length..].strip_prefix("][Thread ")?;
    let (_, rest) = rest.split_once("][")?;
    let (source, rest) = rest.split_once(']')?;
    let rest = rest.trim_start_matches(' ');
    Some(Header {
        length: line.len() - rest.len(),
        timestamp: stamp.value,
        level: Some(level),
        logger: Some(source.to_owned()),
        format: Some("akka"),
        ..Header::default()
    })
}

// [Error  : Unity Log] message · [Info   :   BepInEx] message
fn level_and_source(line: &str) -> Option<Header> {
    let (inner, rest) = line.strip_prefix('[')?.split_once(']')?;
    let (word, source) = inner.split_once(':')?;
    let level = header::level(word.trim_end())?;
    let rest = rest.strip_prefix(' ')?;
    Some(Header {
        length: line.len() - rest.len(),
        level: Some(level),
        logger: Some(source.trim().to_owned()).filter(|source| !source.is_empty()),
        ..Header::default()
    })
}

// 6724 08:15:10 ERROR message · ManagedPoolThread #7 2026:11:20 08:15:13 ERROR message (Sitecore)
// 1234 [12] ERROR Harbor.Berths (null) - message (log4net's own example)
fn thread_first(line: &str) -> Option<Header> {
    let thread = line.strip_prefix("ManagedPoolThread #").unwrap_or(line);
    let digits = thread.bytes().take_while(u8::is_ascii_digit).count();
    let rest = thread.get(digits..)?.strip_prefix(' ').filter(|_| digits > 0 && digits < 8)?.trim_start_matches(' ');
    let (timestamp, rest) = match rest.strip_prefix('[') {
        Some(inner) => (None, inner.split_once("] ")?.1),
        None => {
            let stamp = time::at_start(rest).filter(|stamp| stamp.length >= 8)?;
            (stamp.value, rest[stamp.length..].strip_prefix(' ')?)
        }
    };
    let (word, rest) = rest.split_once(' ')?;
    let level = header::level(word).filter(|_| word.bytes().all(|c| c.is_ascii_uppercase()))?;
    let rest = rest.trim_start_matches(' ');
    let (logger, rest) = match rest.split_once(" - ") {
        Some((source, message)) if timestamp.is_none() && source.split(' ').count() <= 2 => {
            (source.split(' ').next().map(str::to_owned), message)
        }
        _ => (None, rest),
    };
    Some(Header { length: line.len() - rest.len(), timestamp, level: Some(level), logger, ..Header::default() })
}

// 2026-11-20 08:15:09.9876,ERROR,Harbor.Berths,"Failed, again",… · 2026-11-20 08:15:09.9876;ERROR;Harbor.Berths;Failed
// 11/20/2026 08:15:09.12 <tab>w3wp.exe (0x1A2B)<tab>0x0C4C<tab>SharePoint Foundation<tab>Runtime<tab>tkau<tab>Unexpected<tab>…
/// Fields between commas, semicolons or tabs, of which one is a level.
fn separated(line: &str) -> Option<Header> {
    let stamp = time::at_start(line)?;
    let rest = line[stamp.length..].trim_start_matches(' ');
    let separator = rest.chars().next().filter(|c| matches!(c, ',' | ';' | '\t'))?;
    let mut rest = &rest[1..];
    let mut before: Vec<&str> = Vec::new();
    let level = loop {
        let (word, after) = rest.split_once(separator)?;
        rest = after;
        let word = word.trim().trim_matches('"');
        let unified = (before.len() == 5 && separator == '\t').then(|| uls_level(word)).flatten();
        match header::level(word).or(unified) {
            Some(level) => break level,
            None if before.len() < 6 => before.push(word),
            None => return None,
        }
    };
    // With fewer fields before the level it is another's line: Lambda's has one.
    if separator == '\t' && (1..4).contains(&before.len()) {
        return None;
    }
    if separator == '\t' && before.is_empty() {
        return bracketed(line, rest, stamp.value, level);
    }
    if separator == '\t' && before.len() != 5 {
        return None;
    }
    let mut logger = before.get(3).filter(|_| separator == '\t').map(|word| (*word).to_owned());
    if logger.is_none()
        && let Some((word, after)) = rest.split_once(separator)
        && is_name(word.trim().trim_matches('"'))
    {
        logger = Some(word.trim().trim_matches('"').to_owned());
        rest = after;
    }
    let format = Some(if separator == '\t' { "plain" } else { "csv" });
    Some(Header {
        length: line.len() - rest.len(),
        timestamp: stamp.value,
        level: Some(level),
        logger,
        format,
        ..Header::default()
    })
}

// 2026-11-20T08:15:09.1234567+01:00<tab>FAIL<tab>[Harbor.Berths]<tab>[13]<tab>message (NReco's files)
fn bracketed(line: &str, rest: &str, timestamp: Option<String>, level: crate::Level) -> Option<Header> {
    let (source, rest) = rest.strip_prefix('[')?.split_once("]\t")?;
    let (number, rest) = rest.strip_prefix('[')?.split_once("]\t")?;
    number.bytes().all(|c| c.is_ascii_digit()).then(|| Header {
        length: line.len() - rest.len(),
        timestamp,
        level: Some(level),
        logger: Some(source.to_owned()),
        ..Header::default()
    })
}

/// The levels of SharePoint's unified logging that no other logger has.
fn uls_level(word: &str) -> Option<crate::Level> {
    match word {
        "Unexpected" | "Assert" => Some(crate::Level::Error),
        "High" | "Monitorable" => Some(crate::Level::Warning),
        "Medium" => Some(crate::Level::Info),
        _ => None,
    }
}

pub(super) fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.chars().all(|c| c.is_alphanumeric() || "._+`-".contains(c))
}

// 2026-11-20 08:15:09 +01 - [Error-Harbor.Backup.Controller-Failed]: message
fn behind_dash(line: &str) -> Option<Header> {
    let stamp = time::at_start(line)?;
    let (inner, rest) = line[stamp.length..].strip_prefix(" - [")?.split_once("]: ")?;
    let (word, source) = inner.split_once('-')?;
    let level = header::level(word)?;
    Some(Header {
        length: line.len() - rest.len(),
        timestamp: stamp.value,
        level: Some(level),
        logger: Some(source.to_owned()),
        ..Header::default()
    })
}

// Error,11/20/2026 8:15:09 AM,.NET Runtime,1026,None,"Application: Harbor.exe
fn event_viewer(line: &str) -> Option<Header> {
    let end = line.find([',', '\t'])?;
    let level = header::level(&line[..end])?;
    let separator = line[end..].chars().next()?;
    let rest = &line[end + 1..];
    let stamp = time::at_start(rest)?;
    let mut fields = rest[stamp.length..].strip_prefix(separator)?.splitn(4, separator);
    let source = fields.next()?;
    let number = fields.next()?;
    if number.is_empty() || !number.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    fields.next()?;
    let rest = fields.next()?;
    let rest = rest.strip_prefix('"').unwrap_or(rest);
    Some(Header {
        length: line.len() - rest.len(),
        timestamp: stamp.value,
        level: Some(level),
        logger: Some(source.to_owned()),
        format: Some("windows-event"),
        ..Header::default()
    })
}

const LOG_ENTRY: &str = "Log Entry : ";

// Log Entry : 7:27:37 PM Sunday, September 20, 2026
/// The header of the logger that .NET's documentation shows, which prints the clock before the date.
fn log_entry(line: &str) -> Option<Header> {
    let text = line.strip_prefix(LOG_ENTRY)?.trim();
    let clock = time::at_start(text)?;
    let date = text[clock.length..].trim_start();
    let date = date.split_once(", ").filter(|(day, _)| day.ends_with("day")).map_or(date, |(_, date)| date);
    // A month's name is known by its beginning.
    let short = |word: &str| match word.bytes().all(|c| c.is_ascii_alphabetic()) {
        true => word.chars().take(3).collect::<String>(),
        false => word.to_owned(),
    };
    let words: Vec<String> = date.split(' ').map(short).collect();
    let stamp = time::at_start(&format!("{} {}", words.join(" "), &text[..clock.length]));
    let timestamp = stamp.and_then(|stamp| stamp.value);
    Some(Header { length: line.len(), timestamp, ..Header::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    #[test]
    fn layouts() {
        for (line, level, logger, message) in [
            (
                "[ERROR][11/20/2026 08:15:09.123Z][Thread 0012][akka://h/user] x",
                Level::Error,
                Some("akka://h/user"),
                "x",
            ),
            ("[Error  : Unity Log] Exception: x", Level::Error, Some("Unity Log"), "Exception: x"),
            ("6724 08:15:10 ERROR x y", Level::Error, None, "x y"),
            ("ManagedPoolThread #7 2026:11:20 08:15:13 WARN  x", Level::Warning, None, "x"),
            ("1234 [12] FATAL Harbor.Berths (null) - x", Level::Fatal, Some("Harbor.Berths"), "x"),
            ("2026-11-20 08:15:09.9876;ERROR;Harbor.Berths;x;y", Level::Error, Some("Harbor.Berths"), "x;y"),
            (
                "2026-11-20 08:15:09.9876,ERROR,Harbor.Berths,\"x, y\",\"",
                Level::Error,
                Some("Harbor.Berths"),
                "\"x, y\",\"",
            ),
            (
                "11/20/2026 08:15:09.12 \tw3wp.exe (0x1A2B) \t0x0C4C\tSharePoint \tRuntime \ttkau\tUnexpected\tx",
                Level::Error,
                Some("Runtime"),
                "x",
            ),
            ("2026-11-20T08:15:09.12+01:00\tFAIL\t[Harbor.Berths]\t[13]\tx", Level::Error, Some("Harbor.Berths"), "x"),
            (
                "2026-11-20 08:15:09 +01 - [Warning-Harbor.Backup-Failed]: x",
                Level::Warning,
                Some("Harbor.Backup-Failed"),
                "x",
            ),
            ("[PID:00001:012 2026.11.20 08:15:09.123 ERROR Proj   ] x", Level::Error, Some("Proj"), "x"),
            ("[    1,22,08:15:09.123,ERR] x", Level::Error, None, "x"),
            ("[00001,22,08:15:09.123,FATAL] x", Level::Fatal, None, "x"),
            ("[EXC 08:15:09.123] Exception: x", Level::Error, None, "Exception: x"),
            (
                "Error\t11/20/2026 8:15:09 AM\t.NET Runtime\t1026\tNone\t\"Application: x",
                Level::Error,
                Some(".NET Runtime"),
                "Application: x",
            ),
        ] {
            let header = header(line).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((header.level, header.logger.as_deref()), (Some(level), logger), "{line}");
            assert_eq!(&line[header.length..], message, "{line}");
            assert!(header::begins(line.as_bytes()), "{line}");
        }
        let raven = header("2026-11-20T08:15:09.7Z, 20, Operations, Harbor, Harbor.Server.Storage, x, y").unwrap();
        assert_eq!((raven.level, raven.logger.as_deref()), (None, Some("Harbor.Server.Storage")));
        let entry = header("Log Entry : 7:27:37 PM Sunday, September 20, 2026").unwrap();
        assert_eq!(entry.timestamp.as_deref(), Some("2026-09-20T19:27:37"));
        let entry = header("Log Entry : 19:27:37 20 September 2026").unwrap();
        assert_eq!(entry.timestamp.as_deref(), Some("2026-09-20T19:27:37"));
        for line in
            ["12 monkeys: ERROR", "3 [x] y", "[note: x] y", "Error, I think", "2026-11-20 08:15:09, then it broke"]
        {
            assert_eq!(header(line), None, "{line}");
        }
    }
}
