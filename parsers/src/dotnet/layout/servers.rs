//! The headers of databases and games that are written in .NET, each with a layout of its own.
//!
//! In: one line. Out: a `Header`. Invariant: a line of another kind is refused after a few comparisons. Does not know
//! loggers' usual layouts.

use super::is_name;
use crate::header::{self, Header};
use crate::record::Level;
use crate::time;

// [PID:00001:012 2026.11.20 08:15:09.123 ERROR Projections         ] message
// [    1,22,08:15:09.123,ERR] message · [00001,22,08:15:09.123,ERROR] message
/// EventStoreDB: process and thread before the time, all in one pair of brackets.
pub(super) fn event_store(line: &str) -> Option<Header> {
    let (inner, rest) = line.strip_prefix('[')?.split_once(']')?;
    let (words, logger) = match inner.strip_prefix("PID:") {
        Some(inner) => {
            let stamp = inner.split_once(' ')?.1;
            let (word, logger) = stamp[time::at_start(stamp)?.length..].trim_start().split_once(' ')?;
            ((stamp, word), Some(logger.trim()))
        }
        None => {
            let mut fields = inner.splitn(4, ',');
            let number = |text: &str| !text.trim().is_empty() && text.trim().bytes().all(|c| c.is_ascii_digit());
            if !number(fields.next()?) || !number(fields.next()?) {
                return None;
            }
            ((fields.next()?, fields.next()?), None)
        }
    };
    let rest = rest.trim_start_matches(' ');
    Some(Header {
        length: line.len() - rest.len(),
        timestamp: time::at_start(words.0)?.value,
        level: Some(header::level(words.1.trim())?),
        logger: logger.filter(|name| !name.is_empty()).map(str::to_owned),
        ..Header::default()
    })
}

// [2026-11-20 08:15:10.123 GMT    12<tab>ERROR  <tab>100071<tab>Harbor.BerthGrain<tab>10.0.0.1:11111]<tab>message
/// Orleans: thread, level, code, logger and address behind the time.
pub(super) fn orleans(line: &str) -> Option<Header> {
    let (inner, rest) = line.strip_prefix('[')?.split_once("]\t")?;
    let stamp = time::at_start(inner)?;
    let mut words = inner[stamp.length..].split_ascii_whitespace();
    let is_number = |word: &str| word.bytes().all(|c| c.is_ascii_digit());
    words.next().filter(|word| is_number(word))?;
    let level = header::level(words.next()?)?;
    words.next().filter(|word| is_number(word))?;
    Some(Header {
        length: line.len() - rest.len(),
        timestamp: stamp.value,
        level: Some(level),
        logger: words.next().map(str::to_owned),
        ..Header::default()
    })
}

// [EXC 08:15:09.123] message · [ERR 08:15:09.123] message
/// Kerbal Space Program: the level before the clock.
pub(super) fn level_and_clock(line: &str) -> Option<Header> {
    let (word, rest) = line.strip_prefix('[')?.split_once(' ')?;
    let level = header::level(word).or((word == "EXC").then_some(Level::Error))?;
    let stamp = time::at_start(rest)?;
    let rest = rest[stamp.length..].strip_prefix(']')?.trim_start_matches(' ');
    Some(Header { length: line.len() - rest.len(), timestamp: stamp.value, level: Some(level), ..Header::default() })
}

// 2026-11-20T08:15:09.7862612Z, 20, Operations, Harbor, Harbor.Server.Storage, message
/// RavenDB: thread, mode, resource and logger between commas; the modes are no levels.
pub(super) fn raven(line: &str) -> Option<Header> {
    let stamp = time::at_start(line)?;
    let mut fields = line[stamp.length..].strip_prefix(", ")?.splitn(5, ", ");
    let thread = fields.next()?;
    let mode = fields.next()?;
    let (_resource, logger, rest) = (fields.next()?, fields.next()?, fields.next()?);
    let known = thread.bytes().all(|c| c.is_ascii_digit()) && matches!(mode, "Operations" | "Information");
    (known && is_name(logger)).then(|| Header {
        length: line.len() - rest.len(),
        timestamp: stamp.value,
        logger: Some(logger.to_owned()),
        ..Header::default()
    })
}
