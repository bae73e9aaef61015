//! Which entry each line belongs to, where a Monolog entry spans lines and another writer's may stand between.
//!
//! In: lines, one by one. Out: what each is to the entries that are open. Invariants: constant work a line beside
//! its own length; a few entries at most are open. Does not parse: an entry is open from the quote before
//! `[object] (` to the line that closes it, and its frames are known by their numbers.

mod lines;

use super::{closes_context, native};
use crate::text;
pub(crate) use lines::concerns;
pub(super) use lines::may_begin;
use lines::{ends_text, monolog_message, monolog_or_php, numbered, opening, opens, repeats};

/// Writers that are told apart at a time.
const MAX_OPEN: usize = 16;

/// Entries that are not closed.
#[derive(Debug, Default)]
pub(crate) struct Weave {
    open: Vec<Entry>,
    /// The entry that wrote last.
    current: usize,
    /// Entries begun so far.
    begun: usize,
    /// How the newest entry's message begins, as JSON writes it.
    opening: Vec<u8>,
    /// The number of the next frame of the newest entry, where that one has no context's exception to be open for.
    plain: Option<u32>,
    /// PHP's own text is inside an exception's message.
    uncaught: bool,
}

/// What lines of calls change while one entry at most is open: its part, and the number of its next frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(Option<(Part, u32)>);

#[derive(Debug, Clone, Copy)]
struct Entry {
    id: usize,
    part: Part,
    /// The number that its next frame must have.
    next: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Message,
    Trace,
    /// Behind `{main}`.
    Main,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// No entry is open: the line is what it looks like.
    Idle,
    /// It belongs to the newest entry.
    On,
    /// It belongs to an entry before the newest one, which is so shown not to have been cut off.
    Back,
    /// Another entry begins while one is open.
    Foreign,
    /// It closes the last open entry.
    End,
}

impl Place {
    /// Whether an entry is open.
    pub(crate) fn is_open(self) -> bool {
        self.0.is_some()
    }
}

impl Weave {
    /// The entry that the line just taken belongs to, from 0.
    pub(super) fn entry(&self) -> usize {
        self.current
    }

    /// What the next lines of calls will change, and all that they depend on; none where they depend on more.
    pub(crate) fn place(&self) -> Option<Place> {
        match self.open.as_slice() {
            _ if self.uncaught => None,
            [] => Some(Place(None)),
            [entry] if entry.id == self.current && entry.id + 1 == self.begun => {
                Some(Place(Some((entry.part, entry.next))))
            }
            _ => None,
        }
    }

    /// Goes on behind lines of calls that led from this place to `place`.
    pub(crate) fn go_to(&mut self, place: Place) {
        if let (Some(entry), Some((part, next))) = (self.open.first_mut(), place.0) {
            (entry.part, entry.next) = (part, next);
        }
    }

    /// Takes the next line. The first one is an entry's first.
    pub(crate) fn step(&mut self, line: &[u8]) -> Step {
        if self.uncaught {
            return self.in_uncaught(line);
        }
        if self.begun == 0 {
            return self.first(line);
        }
        if let Some(message) = monolog_message(line) {
            return self.header(line, message);
        }
        // Most calls hold no quote.
        let is_quoted = memchr::memchr(b'"', line).is_some();
        if is_quoted && opens(line) {
            // The message had lines before it.
            return self.push(self.current);
        }
        if self.open.is_empty() {
            return Step::Idle;
        }
        let text = line.trim_ascii_start();
        if is_quoted && ends_text(line) {
            return self.close(line);
        }
        if text.starts_with(b"#")
            && let Some((number, main)) = numbered(text)
        {
            return self.frame(number, main);
        }
        if text.starts_with(b"[stacktrace]") {
            let index = self.choose(|entry| entry.part == Part::Message);
            return self.move_to(index, Part::Trace);
        }
        if text.starts_with(b"[previous exception]") {
            let index = self.choose(|entry| entry.part == Part::Main);
            return self.move_to(index, Part::Message);
        }
        if line.starts_with(b"\"") {
            return self.close(line);
        }
        // Text below another entry's first line is that one's, unless a message is still open.
        let newest = self.begun - 1;
        let inside = |entry: &Entry| entry.id == newest || entry.part == Part::Message;
        if self.current == newest && !self.open.iter().any(inside) {
            return Step::On;
        }
        self.told(self.choose(|_| true))
    }

    /// Begins with an entry whose first line has lost its header.
    pub(super) fn begin(&mut self, message: &[u8]) {
        self.begun = 1;
        self.opening = opening(message);
        if opens(message) {
            self.push(0);
        }
    }

    fn first(&mut self, line: &[u8]) -> Step {
        self.begun = 1;
        let text = text::decode(line);
        let length = super::native_header(&text).map_or(0, |header| header.length);
        let severity = native::severity(&text[length..]).filter(|severity| severity.rest.starts_with("Uncaught "));
        if severity.is_some() {
            self.uncaught = !native::has_place(&text);
            return Step::Idle;
        }
        self.opening = opening(monolog_message(line).unwrap_or(line));
        if opens(line) { self.push(0) } else { Step::Idle }
    }

    /// A message of many lines, to the trace below it.
    fn in_uncaught(&mut self, line: &[u8]) -> Step {
        let text = text::decode(line);
        if native::severity(&text).is_some() || line.starts_with(b"[") && monolog_or_php(&text) {
            self.uncaught = false;
            return Step::Idle;
        }
        self.uncaught = !(native::has_place(&text) || text.starts_with("Stack trace:"));
        Step::On
    }

    /// An entry's first line, or a line of a message that looks like one.
    fn header(&mut self, line: &[u8], message: &[u8]) -> Step {
        let opens = opens(line);
        let inside = self.open.iter().any(|entry| entry.id == self.current && entry.part == Part::Message);
        if inside && !opens {
            return Step::On;
        }
        if repeats(line, &self.opening) {
            return if opens { self.push(self.current) } else { Step::On };
        }
        let foreign = !self.open.is_empty();
        self.current = self.begun;
        self.begun += 1;
        self.opening = opening(message);
        self.plain = (!opens).then_some(0);
        if opens {
            self.push(self.current);
        }
        if foreign { Step::Foreign } else { Step::Idle }
    }

    fn push(&mut self, id: usize) -> Step {
        self.open.retain(|entry| entry.id != id);
        if self.open.len() >= MAX_OPEN {
            self.open.remove(0);
        }
        self.open.push(Entry { id, part: Part::Message, next: 0 });
        self.current = id;
        Step::On
    }

    fn frame(&mut self, number: u32, main: bool) -> Step {
        let expected = |entry: &Entry| entry.part == Part::Trace && entry.next == number;
        if self.plain == Some(number) && (number > 0 || !self.open.iter().any(expected)) {
            self.plain = (!main).then_some(number.saturating_add(1));
            self.current = self.begun - 1;
            return Step::On;
        }
        let index = self.choose(|entry| entry.part == Part::Trace && entry.next == number);
        if let Some(entry) = index.and_then(|index| self.open.get_mut(index))
            && entry.part == Part::Trace
        {
            entry.next = number.saturating_add(1);
            if main {
                entry.part = Part::Main;
            }
        }
        self.told(index)
    }

    fn move_to(&mut self, index: Option<usize>, part: Part) -> Step {
        if let Some(entry) = index.and_then(|index| self.open.get_mut(index)) {
            entry.part = part;
            entry.next = 0;
        }
        self.told(index)
    }

    fn close(&mut self, line: &[u8]) -> Step {
        // A text without traces ends on the line of its last exception.
        let part = if line.starts_with(b"\"") { Part::Main } else { Part::Message };
        let index = self.choose(|entry| entry.part == part);
        let step = self.told(index);
        if let Some(index) = index {
            self.open.remove(index);
        }
        if self.open.is_empty() && (closes_context(line) || part == Part::Message) { Step::End } else { step }
    }

    /// The open entry that a line fits: the last writer's before any other's, the newest first.
    fn choose(&self, fits: impl Fn(&Entry) -> bool) -> Option<usize> {
        let current = self.open.iter().position(|entry| entry.id == self.current);
        current
            .filter(|index| fits(&self.open[*index]))
            .or_else(|| self.open.iter().rposition(fits))
            .or(current)
            .or(self.open.len().checked_sub(1))
    }

    fn told(&mut self, index: Option<usize>) -> Step {
        let Some(entry) = index.and_then(|index| self.open.get(index)) else { return Step::Idle };
        self.current = entry.id;
        if entry.id + 1 < self.begun { Step::Back } else { Step::On }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(lines: &[&str]) -> Vec<(Step, usize)> {
        let mut weave = Weave::default();
        lines.iter().map(|line| (weave.step(line.as_bytes()), weave.entry())).collect()
    }

    const A: &str =
        "[2026-11-23 08:00:00] local.ERROR: a {\"exception\":\"[object] (A(code: 0): a \\\"q\\\" at /a.php:1)";
    const B: &str = "[2026-11-23 08:00:00] local.ERROR: b {\"exception\":\"[object] (B(code: 0): b at /b.php:1)";

    #[test]
    fn two_writers_line_by_line() {
        let told = steps(&[
            A,
            "[stacktrace]",
            "#0 /a.php(1): f()",
            B,
            "[stacktrace]",
            "#1 /a.php(2): g()",
            "#0 /b.php(1): f()",
            "#1 {main}",
            "#2 {main}",
            "\"} ",
            "\"} ",
        ]);
        let entries: Vec<usize> = told.iter().map(|(_, entry)| *entry).collect();
        assert_eq!(entries, [0, 0, 0, 1, 1, 0, 1, 1, 0, 0, 1]);
        assert_eq!((told[3].0, told[5].0, told[10].0), (Step::Foreign, Step::Back, Step::End));
    }

    #[test]
    fn whole_entries_inside_a_trace() {
        let told = steps(&[
            A,
            "[stacktrace]",
            "#0 /a.php(1): f()",
            "[2026-11-23 08:00:01] local.INFO: b  ",
            "#1 {main}",
            "\"} ",
        ]);
        assert_eq!(told.iter().map(|(_, entry)| *entry).collect::<Vec<_>>(), [0, 0, 0, 1, 0, 0]);
        assert_eq!((told[3].0, told[4].0, told[5].0), (Step::Foreign, Step::Back, Step::End));
    }

    #[test]
    fn texts_without_traces() {
        let told = steps(&[
            "[2026-11-23 08:00:00] app.ERROR: a {\"exception\":\"[object] (A(code: 0): two",
            "#1 {main} at /a.php:1)\"} []",
            "[2026-11-23 08:00:00] app.INFO: b {\"n\":1} []",
            B,
            "[previous exception] [object] (C(code: 0): got \\\"c\\\" at /c.php:1)",
            "[previous exception] Over 9 levels deep, aborting normalization\"} []",
            A,
        ]);
        let steps: Vec<Step> = told.iter().map(|(step, _)| *step).collect();
        assert_eq!(steps, [Step::On, Step::End, Step::Idle, Step::Idle, Step::On, Step::End, Step::Idle]);
    }

    #[test]
    fn log_lines_inside_a_message() {
        let told = steps(&[
            "[2026-11-23 08:00:00] local.ERROR: [2020-01-01 00:00:00] x.ERROR: \"old\"",
            "[2020-01-01 00:00:01] x.INFO: old {\"exception\":\"[object] (A(code: 0): [2020-01-01 00:00:00] x.ERROR: \\\"old\\\"",
            "[2020-01-01 00:00:01] x.INFO: old at /a.php:1)",
            "[stacktrace]",
            "#0 {main}",
            "\"} ",
        ]);
        assert!(told.iter().all(|(_, entry)| *entry == 0));
        assert_eq!(
            told.iter().map(|(step, _)| *step).collect::<Vec<_>>(),
            [Step::Idle, Step::On, Step::On, Step::On, Step::On, Step::End]
        );
    }

    #[test]
    fn a_message_of_php_with_json() {
        let told =
            steps(&["PHP Fatal error:  Uncaught A: got", "{\"ok\":false}", "ERROR x in /a.php:3", "Stack trace:"]);
        assert_eq!(
            told.iter().map(|(step, _)| *step).collect::<Vec<_>>(),
            [Step::Idle, Step::On, Step::On, Step::Idle]
        );
    }
}
