//! Where a trace of JavaScript ends, told while its lines come in.
//!
//! In: the lines of a region, from the one that the scanner hit on. Out: whether the record goes on. Invariants: a
//! function of the lines alone; constant work and memory a line, but for a comparison with the region's beginning
//! once a record. Does not parse: the parser decides what of the region is the record.

use super::access;
use super::inspect::{indent_of, is_first_property};
use super::stack::{self, Part};
use crate::browser;

/// Whether a record goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The line may be one of the record.
    On,
    /// The record ended before the line.
    Before,
    /// The line is the record's last.
    After,
}

/// Blank lines that may stand within a record, one after the other.
const BLANK_LINES: u8 = 3;
/// Lines above the hit in which an object may begin that holds the error.
const ABOVE_LINES: usize = 60;

/// Lines behind a trace that may tell how the request was answered, or that the process ended.
const ANSWER_LINES: u8 = 3;

/// The extent of one region.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// A call was seen: how deep the error's text stands that it belongs to.
    base: Option<usize>,
    /// The error is part of an object that began above it.
    nested: bool,
    /// The indentation of the outermost opener above the calls.
    opener: Option<usize>,
    /// The region's first line opens an object that fills it.
    object: bool,
    /// Properties of the error are being printed.
    open: bool,
    /// Properties of the error were printed.
    detailed: bool,
    /// The line before was one of the source, and may have opened properties.
    excerpt: bool,
    blanks: u8,
    /// Answers that follow the trace.
    answers: u8,
}

impl Extent {
    /// The extent of the region whose lines before the hit are `above`.
    pub(crate) fn new(above: &[u8], hit: &[u8]) -> Extent {
        let first = above.split(|c| *c == b'\n').next().unwrap_or(above).trim_ascii();
        let mut extent = Extent { object: first == b"{", ..Extent::default() };
        for line in above.rsplit(|c| *c == b'\n').take(ABOVE_LINES) {
            extent.note_opener(line);
        }
        extent.step(above, hit);
        extent
    }

    /// Keeps how deep the outermost thing stands that a line above the calls opens.
    fn note_opener(&mut self, line: &[u8]) {
        let text = line.trim_ascii_end();
        if text.ends_with(b"{") || text.ends_with(b"[") || text.ends_with(b"\":") {
            let own = text.len() - text.trim_ascii_start().len();
            self.opener = Some(self.opener.map_or(own, |opener| opener.min(own)));
        }
    }

    /// Whether properties are being printed, of which there may be any number.
    pub(crate) fn is_open(&self) -> bool {
        self.open || self.object
    }

    /// Whether no call of JavaScript was seen.
    pub(crate) fn is_idle(&self) -> bool {
        self.base.is_none()
    }

    /// Takes a line that tells what followed, right behind the trace; none where the line is none.
    pub(crate) fn answer(&mut self, line: &[u8]) -> Option<Step> {
        if self.base.is_none() || self.is_open() {
            return None;
        }
        let answers = std::str::from_utf8(line).is_ok_and(|text| access::status(text).is_some() || access::ended(text));
        if answers && self.answers < ANSWER_LINES {
            self.answers += 1;
            return Some(Step::On);
        }
        (self.answers > 0).then_some(Step::Before)
    }

    /// Takes the next line; `before` is the region before its first call.
    pub(crate) fn step(&mut self, before: &[u8], line: &[u8]) -> Step {
        if self.object && matches!(line, b"}" | b"},") {
            return Step::After;
        }
        let Ok(text) = std::str::from_utf8(line) else { return Step::On };
        let own = indent_of(text);
        if std::mem::take(&mut self.excerpt) && is_first_property(text, self.base.unwrap_or(0)) {
            self.open = true;
        }
        if self.open {
            let closes = own <= self.base.unwrap_or(0) && text[own..].starts_with(['}', ']']);
            self.open = !closes;
            return Step::On;
        }
        if text.trim().is_empty() {
            self.blanks += 1;
            return if self.base.is_some() && !self.object && self.blanks > BLANK_LINES {
                Step::Before
            } else {
                Step::On
            };
        }
        self.blanks = 0;
        let called = text[own..].starts_with("at ");
        let part = if called { Part::Other } else { stack::part(text) };
        let is_call = called && stack::is_call(text)
            || match part {
                Part::Call(_) | Part::Elided(_) => true,
                Part::Caused => return Step::On,
                Part::Earlier if self.base.is_some() => return Step::On,
                Part::Earlier => false,
                Part::Other => {
                    browser::in_run(text).is_some() && (self.base.is_some() || browser::call(text).is_some())
                }
            };
        if is_call {
            let base = *self.base.get_or_insert(own.saturating_sub(4));
            self.nested |= self.opener.take().is_some_and(|opener| opener < base);
            self.open = text.trim_end().ends_with(" {") && own.saturating_sub(4) <= base;
            self.detailed |= self.open;
            return Step::On;
        }
        if self.base.is_none() {
            self.note_opener(line);
        }
        match self.base {
            Some(base) if !self.object => self.beyond(base, before, text, own),
            _ => Step::On,
        }
    }

    /// A line behind the calls that is no call.
    fn beyond(&mut self, base: usize, before: &[u8], text: &str, own: usize) -> Step {
        if stack::is_excerpt(text) {
            self.excerpt = text.ends_with(" {");
            return Step::On;
        }
        let limit = if self.nested { 0 } else { base };
        let goes_on = own > limit
            || text[own..].starts_with("at ")
            || text[own..].starts_with(['}', ']', '~'])
            || text.starts_with("(node:")
            || ["Emitted 'error' event", "Node.js v", "Bun v", "(Use `", "Thrown at:", "digest: ", "error stack:"]
                .iter()
                .any(|words| text.starts_with(words));
        if goes_on || is_copy(before, text, self.detailed) { Step::On } else { Step::Before }
    }
}

/// Whether a line begins an error that its entry prints again: then the entry's own words tell its message, too, or
/// the error is `detailed` by its properties. A bare stack that is printed again is another error.
// unhandled: boom · Error: boom ·     at f (/srv/a.js:1:2) · Error: boom
fn is_copy(before: &[u8], text: &str, detailed: bool) -> bool {
    let message = text.split_once(": ").map_or(text, |(_, message)| message);
    text.len() > 8
        && memchr::memmem::find(before, text.as_bytes()).is_some()
        && (detailed || message.is_empty() || memchr::memmem::find_iter(before, message.as_bytes()).nth(1).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps of the lines behind the first call.
    fn steps(above: &str, lines: &[&str]) -> Vec<Step> {
        let mut extent = Extent::new(above.as_bytes(), lines[0].as_bytes());
        lines[1..].iter().map(|line| extent.step(above.as_bytes(), line.as_bytes())).collect()
    }

    #[test]
    fn a_trace_ends_before_the_next_text() {
        let found = steps("Error: x\n", &["    at f (/a.js:1:2)", "    at g (/a.js:1:2)", "next line"]);
        assert_eq!(found, [Step::On, Step::Before]);
    }

    #[test]
    fn properties_may_be_long() {
        let found = steps("Error: x\n", &["    at f (/a.js:1:2) {", "  a: {", "  }", "", "}", "next"]);
        assert_eq!(found, [Step::On, Step::On, Step::On, Step::On, Step::Before]);
    }

    #[test]
    fn an_object_ends_with_its_brace() {
        let found = steps("{\n  level: 'error',\n", &["    '    at f (/a.js:1:2)\\n' +", "  n: 1", "}"]);
        assert_eq!(found, [Step::On, Step::After]);
    }

    #[test]
    fn an_error_printed_again_goes_on() {
        let found = steps(
            "unhandled: boom\nError: boom\n",
            &["    at f (/a.js:1:2)", "Error: boom", "    at f (/a.js:1:2)", "x"],
        );
        assert_eq!(found, [Step::On, Step::On, Step::Before]);
    }

    #[test]
    fn an_error_in_an_object_ends_with_the_object() {
        let found = steps("failed {\n  err: Error: x\n", &["      at f (/a.js:1:2)", "  job: 1", "}", "next"]);
        assert_eq!(found, [Step::On, Step::On, Step::Before]);
    }
}
