//! `errtail parse --stats`: what was found in logs, in numbers, and the lines of traces that no grammar knows.
//!
//! In: findings. Out: tables, or one JSON object. Invariants: bounded, however many kinds of lines there are; text of a log
//! cannot steer the terminal. Does not judge or read.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment};
use serde::Serialize;
use serde_json::json;

use super::pretty::visible;
use super::status::plain_table;
use crate::pipeline::Finding;
use crate::policy::Action;

/// Kinds of unknown lines that are told apart; the rest is only counted.
const MAX_KINDS: usize = 10_000;
/// Kinds that are shown, the most frequent ones.
const SHOWN_KINDS: usize = 20;
/// Characters of a line that are kept.
const LINE_CHARS: usize = 160;

/// What was found so far.
#[derive(Default)]
pub(super) struct Stats {
    files: u64,
    unread: u64,
    bytes: u64,
    records: u64,
    exceptions: u64,
    frames: u64,
    in_app_frames: u64,
    /// Records whose exceptions have no frame.
    without_frames: u64,
    /// Records of which the middle was cut out, for their size.
    cut: u64,
    by_kind: BTreeMap<(String, String, &'static str), u64>,
    unparsed: u64,
    kinds: HashMap<String, Unknown>,
}

/// Lines that differ in their numbers only.
#[derive(Serialize)]
struct Unknown {
    lines: u64,
    example: String,
    path: String,
    first_line: u64,
}

impl Stats {
    /// A file was read to its end, or could not be.
    pub(super) fn file(&mut self, bytes: Option<u64>) {
        match bytes {
            Some(bytes) => (self.files, self.bytes) = (self.files + 1, self.bytes + bytes),
            None => self.unread += 1,
        }
    }

    pub(super) fn count(&mut self, finding: &Finding) {
        let record = &finding.record;
        let frames = || record.exceptions.iter().flat_map(|exception| &exception.frames);
        self.records += 1;
        self.exceptions += record.exceptions.len() as u64;
        self.frames += frames().count() as u64;
        self.in_app_frames += frames().filter(|frame| frame.in_app).count() as u64;
        self.without_frames += u64::from(frames().next().is_none());
        self.cut += u64::from(record.bytes_cut > 0);
        let outcome = match finding.verdict.action {
            Action::Send => "send",
            Action::Drop => "drop",
            Action::Duplicate => "duplicate",
        };
        let platform = serde_json::to_value(record.platform).ok();
        let platform = platform.as_ref().and_then(|name| name.as_str()).unwrap_or("other").to_owned();
        *self.by_kind.entry((platform, record.format.clone(), outcome)).or_default() += 1;
        for line in &record.unparsed {
            self.unparsed += 1;
            let kind = kind(line);
            if let Some(known) = self.kinds.get_mut(&kind) {
                known.lines += 1;
            } else if self.kinds.len() < MAX_KINDS {
                let example = line.trim().chars().take(LINE_CHARS).collect();
                let (path, first_line) = (record.source.path.clone(), record.source.first_line);
                self.kinds.insert(kind, Unknown { lines: 1, example, path, first_line });
            }
        }
    }

    /// The most frequent kinds of lines that no grammar knows.
    fn most_frequent(&self) -> Vec<&Unknown> {
        let mut kinds: Vec<&Unknown> = self.kinds.values().collect();
        kinds.sort_by(|a, b| b.lines.cmp(&a.lines).then_with(|| a.example.cmp(&b.example)));
        kinds.truncate(SHOWN_KINDS);
        kinds
    }

    /// Prints it as one JSON object.
    pub(super) fn print_json(&self, out: &mut impl Write) -> io::Result<()> {
        let kinds = self.by_kind.iter().map(|((platform, format, outcome), records)| {
            json!({"platform": platform, "format": format, "outcome": outcome, "records": records})
        });
        let stats = json!({
            "files": self.files, "files_not_read": self.unread, "bytes": self.bytes,
            "records": self.records, "exceptions": self.exceptions,
            "frames": self.frames, "in_app_frames": self.in_app_frames,
            "records_without_frames": self.without_frames, "records_cut": self.cut,
            "by_kind": kinds.collect::<Vec<_>>(),
            "unparsed_lines": self.unparsed, "unparsed": self.most_frequent(),
        });
        writeln!(out, "{stats}")
    }

    /// Prints it for people.
    pub(super) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let unread = if self.unread > 0 { format!(", {} could not be read", self.unread) } else { String::new() };
        writeln!(out, "{} files, {} bytes{unread}", self.files, self.bytes)?;
        writeln!(
            out,
            "{} records with {} exceptions and {} frames, {} of them the application's own",
            self.records, self.exceptions, self.frames, self.in_app_frames
        )?;
        if self.without_frames > 0 {
            writeln!(out, "{} records have no frames", self.without_frames)?;
        }
        if self.cut > 0 {
            writeln!(out, "{} records were cut, for their size", self.cut)?;
        }
        let number = |number: u64| Cell::new(number).set_alignment(CellAlignment::Right);
        if !self.by_kind.is_empty() {
            let mut table = plain_table(&["platform", "format", "outcome", "records"]);
            for ((platform, format, outcome), records) in &self.by_kind {
                table.add_row([Cell::new(platform), Cell::new(visible(format)), Cell::new(outcome), number(*records)]);
            }
            writeln!(out, "\n{table}")?;
        }
        if self.unparsed == 0 {
            return writeln!(out, "\neach line of the traces was understood");
        }
        writeln!(out, "\n{} lines inside of traces were not understood, the most frequent ones:", self.unparsed)?;
        let mut table = plain_table(&["lines", "such as", "in the record at"]);
        for unknown in self.most_frequent() {
            let place = format!("{}:{}", visible(&unknown.path), unknown.first_line);
            table.add_row([number(unknown.lines), Cell::new(visible(&unknown.example)), Cell::new(place)]);
        }
        writeln!(out, "{table}")
    }
}

/// A line without its numbers.
fn kind(line: &str) -> String {
    let mut kind = String::new();
    for c in line.trim().chars().take(LINE_CHARS) {
        match c {
            '0'..='9' if kind.ends_with('0') => {}
            '0'..='9' => kind.push('0'),
            c => kind.push(c),
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use errtail_parsers::{Exception, Record};

    use super::*;
    use crate::issue::Fingerprint;
    use crate::policy::{Category, Effects, Verdict};

    fn finding(unparsed: &[&str]) -> Finding {
        Finding {
            record: Record {
                exceptions: vec![Exception::default()],
                unparsed: unparsed.iter().map(|line| (*line).to_owned()).collect(),
                ..Record::default()
            },
            verdict: Verdict {
                handled: None,
                category: Category::None,
                action: Action::Drop,
                reasons: vec![],
                effects: Effects::default(),
                dropped: None,
            },
            fingerprint: Fingerprint(String::new()),
            dsn_key: None,
        }
    }

    #[test]
    fn lines_that_differ_in_numbers_are_of_one_kind() {
        let mut stats = Stats::default();
        stats.count(&finding(&["  worker 12: gone at 3", "odd", "worker 7: gone at 1999"]));
        let most = stats.most_frequent();
        assert_eq!((most[0].lines, most[0].example.as_str(), most[1].lines), (2, "worker 12: gone at 3", 1));
        let mut out = Vec::new();
        stats.print(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("1 records have no frames") && text.contains("3 lines inside of traces"), "{text}");
    }

    #[test]
    fn any_number_of_kinds_costs_no_more_memory() {
        let mut stats = Stats::default();
        for n in 0..(MAX_KINDS + 50) as u32 {
            let word: String = n.to_string().chars().map(|digit| char::from(digit as u8 - b'0' + b'a')).collect();
            stats.count(&finding(&[&word]));
        }
        assert_eq!((stats.kinds.len(), stats.unparsed), (MAX_KINDS, MAX_KINDS as u64 + 50));
    }
}
