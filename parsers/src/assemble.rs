//! From a region of lines to a record: the entry's header, then the language that claims the trace.
//!
//! In: a `Region`. Out: a `Record` without its place, and the lines that it takes. Invariant: one language
//! claims a region, or none. Does not find regions.

use std::borrow::Cow;
use std::ops::Range;

use crate::header::{self, header};
use crate::line::{self, Kind};
use crate::{Before, Formats, Platform, Record, codepage, crash, dotnet, json, node, php, text};

/// Lines for which a region has room from the beginning.
const USUAL_LINES: usize = 48;

/// Consecutive lines in which an exception stands.
pub(crate) struct Region<'a> {
    /// The lines without their line breaks.
    pub lines: Vec<Cow<'a, str>>,
    /// The line that holds one of the scanner's literals.
    pub hit: usize,
    /// Whether bytes were cut out of the lines, because they were more than the limit.
    pub is_cut: bool,
    /// Where each line begins in the stream's buffer, and where the last one ends.
    bounds: Vec<usize>,
}

/// What a language found in a region.
pub(crate) struct Found {
    /// Exceptions, platform, and what else the text says; the header's facts are filled in where these are none.
    pub record: Record,
    /// The record's lines.
    pub lines: Range<usize>,
    /// Whether the region's header is this record's.
    pub has_header: bool,
}

/// Parses a region: its records, each with its lines.
pub(crate) fn parse(region: &Region<'_>, formats: &Formats) -> Vec<(Record, Range<usize>)> {
    let entry = formats.entry(&region.lines[0]);
    let objects = if entry.is_none() { json::parse(region) } else { Vec::new() };
    if !objects.is_empty() {
        return objects.into_iter().map(|found| behind_header(found, region)).collect();
    }
    let header = entry.as_ref().map(|entry| entry.header.clone()).or_else(|| header(&region.lines[0]));
    let mut texts: Vec<&str> = region.lines.iter().map(AsRef::as_ref).collect();
    if let Some(header) = &header {
        let end = entry.as_ref().map_or(texts[0].len(), |entry| entry.message.end);
        texts[0] = texts[0].get(header.length..end).unwrap_or("");
    }
    let mut found = php::parse(&texts, region.hit, header.as_ref());
    if found.is_empty() {
        let other = dotnet::parse(&texts, region.hit, header.as_ref())
            .or_else(|| node::parse(&texts, region.hit, &region.lines[0], header.as_ref()))
            .or_else(|| of_crash(region));
        found.extend(other);
    }
    let with_header = |found: Found| {
        let mine = entry.as_ref().filter(|_| found.has_header);
        let (mut record, lines) = fill(found, header.as_ref());
        let version = runtime_version(region, &record, &lines);
        record.fields.extend(version.map(|version| ("runtime.version".to_owned(), version.to_owned())));
        if let Some(entry) = mine {
            entry.complete(&mut record);
        }
        (record, lines)
    };
    found.into_iter().map(with_header).collect()
}

/// An object, with what the header before it says and the object does not.
// 2026-11-23 08:50:05 +00:00: {"level":"error","message":"boom","stack":"Error: boom\n    at …"}
fn behind_header(found: Found, region: &Region<'_>) -> (Record, Range<usize>) {
    let line = region.lines.get(found.lines.start).map_or("", AsRef::as_ref);
    let header = if line.starts_with('{') { None } else { header(line) };
    fill(found, header.as_ref())
}

/// The runtime's version, which stands at the end of Node's crashes, and above those that Windows logs of .NET.
// Node.js v20.11.0 · Framework Version: v4.0.30319 · .NET Version: 8.0.10
fn runtime_version<'a>(region: &'a Region<'_>, record: &Record, lines: &Range<usize>) -> Option<&'a str> {
    let (marks, from, to): (&[&str], usize, usize) = match record.platform {
        Platform::Node => (&["Node.js v"], lines.start.max(lines.end.saturating_sub(2)), lines.end),
        Platform::Csharp => {
            let marks = &[".NET Version: ", "Framework Version: ", "CoreCLR Version: "];
            (marks, lines.start.saturating_sub(4), lines.end.min(lines.start + 4))
        }
        _ => return None,
    };
    let near = region.lines.get(from..to)?;
    let named = |mark: &&str| near.iter().find_map(|line| line.trim_end().strip_prefix(*mark));
    let version = marks.iter().find_map(named)?.trim_start_matches('v');
    (version.starts_with(|c: char| c.is_ascii_digit()) && !version.contains(' ')).then_some(version)
}

/// A death that no language's runtime tells of; its lines have their headers.
fn of_crash(region: &Region<'_>) -> Option<Found> {
    let whole: Vec<&str> = region.lines.iter().map(AsRef::as_ref).collect();
    crash::parse(&whole, region.hit)
}

/// Adds what the entry's header says.
fn fill(found: Found, header: Option<&header::Header>) -> (Record, Range<usize>) {
    let mut record = found.record;
    if let Some(header) = header.filter(|_| found.has_header) {
        record.timestamp = record.timestamp.or_else(|| header.timestamp.clone());
        record.level = record.level.or(header.level);
        record.logger = record.logger.or_else(|| header.logger.clone());
        record.environment = record.environment.or_else(|| header.environment.clone());
        record.fields.extend(header.fields.iter().cloned());
        if record.format.is_empty() {
            record.format = header.format.unwrap_or("plain").to_owned();
        }
    }
    if record.format.is_empty() {
        record.format = "plain".to_owned();
    }
    (record, found.lines)
}

/// Adds what the lines before a record say of it, once they are known.
pub(crate) fn complete(record: &mut Record, before: impl Fn() -> Before) {
    if record.platform == Platform::Csharp {
        dotnet::complete(record, &|| before().lines());
    }
}

/// Whether a hit's line is a record by itself: a JSON object from brace to brace.
pub(crate) fn is_whole(line: &[u8]) -> bool {
    let trimmed = line.trim_ascii();
    trimmed.first() == Some(&b'{') && trimmed.last() == Some(&b'}') && trimmed.len() > 2
}

/// Whether a line tells of a process's death.
pub(crate) fn may_die(line: &[u8]) -> bool {
    crash::concerns(line)
}

/// Whether a line can only be the last one of its record.
pub(crate) fn closes(line: &[u8]) -> bool {
    php::closes(line) || node::closes(line)
}

/// Whether a line that looks like the first of an entry may be the second of one.
pub(crate) fn may_follow(line: &[u8]) -> bool {
    node::may_follow(line)
}

/// Whether a line that looks like the first of an entry is a command's output in an error's message; `above` are the
/// lines before it.
pub(crate) fn is_output<'a>(line: &[u8], above: impl FnOnce() -> &'a [u8]) -> bool {
    node::is_output(line, above)
}

/// Reads the lines again that are in a code page, where the region's frames tell in which.
fn decode(lines: &mut [Cow<'_, str>], buffer: &[u8], bounds: &[usize]) {
    if lines.iter().all(|line| matches!(line, Cow::Borrowed(_))) {
        return;
    }
    let raw = || bounds.windows(2).map(|pair| text::clean(text::trim_break(&buffer[pair[0]..pair[1]])));
    let cleaned: Vec<Cow<'_, [u8]>> = raw().collect();
    let Some(encoding) = codepage::of(cleaned.iter().map(AsRef::as_ref)) else { return };
    for (line, bytes) in lines.iter_mut().zip(cleaned).filter(|(_, bytes)| std::str::from_utf8(bytes).is_err()) {
        *line = Cow::Owned(encoding.decode_without_bom_handling(&bytes).0.into_owned());
    }
}

impl<'a> Region<'a> {
    /// The lines of `buffer[start..end]`; `hit` is the beginning of one of them.
    pub(crate) fn cut(buffer: &'a [u8], start: usize, hit: usize, end: usize) -> Region<'a> {
        let mut lines = Vec::with_capacity(USUAL_LINES);
        let mut bounds = Vec::with_capacity(USUAL_LINES + 1);
        bounds.push(start);
        // Most regions are text without colours: looked at once, not line by line.
        let whole = text::plain(&buffer[start..end]);
        let mut at = start;
        let mut index = 0;
        while at < end {
            let stop = memchr::memchr(b'\n', &buffer[at..end]).map_or(end, |found| at + found + 1);
            if at == hit {
                index = lines.len();
            }
            let line = whole.and_then(|whole| text::plain_line(&whole[at - start..stop - start]));
            lines.push(line.map_or_else(|| text::lossy(&buffer[at..stop]), Cow::Borrowed));
            bounds.push(stop);
            at = stop;
        }
        decode(&mut lines, buffer, &bounds);
        Region { lines, hit: index, is_cut: false, bounds }
    }

    /// Where line `index` begins in the stream's buffer.
    pub(crate) fn offset(&self, index: usize) -> usize {
        self.bounds[index.min(self.bounds.len() - 1)]
    }

    /// The first line behind the hit that is no part of a trace.
    pub(crate) fn after_trace(&self) -> usize {
        let trace = |line: &&Cow<'_, str>| line::kind(line.as_bytes()) == Kind::Trace;
        self.hit + 1 + self.lines[self.hit + 1..].iter().take_while(trace).count()
    }
}
