//! The text of an exception as `Exception.ToString()` prints it: heads, messages, frames, causes, members.
//!
//! In: lines, and where in them the outermost exception's head stands. Out: the chain, and where it ends. Invariant:
//! one pass with a stack of its own, so that neither depth nor width of a chain costs more than its bytes; what is not
//! understood between frames is kept. Does not look before the head.

mod behind;
mod chain;
mod run;
mod words;

use super::head;
use super::line::{self, Piece};
use crate::record::Exception;
pub(super) use chain::FAULT_DETAIL;
use chain::remove;
use words::{is_file_name, is_label, is_tail, quotes_trace, without_nested};

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// Outermost first, causes in the order in which they are reached.
    pub exceptions: Vec<Exception>,
    /// The first line behind it.
    pub end: usize,
    /// Lines inside that the grammar does not know.
    pub unparsed: Vec<String>,
    /// What a logger printed on the last line, behind the last frame.
    pub tail: String,
}

/// Reads from byte `offset` of `lines[at]`; `indent` blanks before each line are the logger's.
pub(super) fn read(lines: &[&str], at: usize, offset: usize, indent: usize) -> Trace {
    let mut reader = Reader::new(lines, at, indent);
    let first = lines.get(at).and_then(|line| line.get(offset..)).unwrap_or("");
    reader.woven = head::after_banner(first).is_some();
    reader.quoted = quotes_trace(first) && lines[at + 1..].iter().take(200).any(|line| line.contains('"'));
    reader.queue = if reader.quoted { vec![first] } else { line::pieces(first) };
    reader.queue.reverse();
    let head = reader.queue.pop().unwrap_or("");
    reader.open(head, None, None);
    reader.run();
    reader.finish()
}

/// Reads frames that no head stands before, from `lines[at]`.
pub(super) fn read_frames(lines: &[&str], at: usize) -> Trace {
    let mut reader = Reader::new(lines, at, 0);
    reader.queue = lines.get(at).map(|line| line::pieces(line)).unwrap_or_default();
    reader.queue.reverse();
    // A logger's label before the first frame: `Stack:    at …`, `>>    at …`.
    while reader.queue.last().is_some_and(|text| matches!(line::piece(text), Piece::Text(_))) {
        reader.queue.pop();
    }
    reader.trace.exceptions.push(Exception::default());
    reader.stack.push(Open { index: 0, numbered: false, unmarked: false, in_message: false });
    reader.run();
    reader.finish()
}

/// What loggers put between the parts of a line.
pub(super) const GLUE: [char; 5] = ['|', ' ', ':', '-', ','];

/// Causes within causes that are looked through; no real chain is as deep.
const DEPTH: usize = 64;

/// An exception whose text has begun and not ended.
struct Open {
    index: usize,
    /// An aggregate's member, which `<---` ends.
    numbered: bool,
    /// Its parent prints no line at its end.
    unmarked: bool,
    /// Lines still belong to the message.
    in_message: bool,
}

struct Reader<'a> {
    lines: &'a [&'a str],
    indent: usize,
    index: usize,
    /// Pieces of the current line, the next one last.
    queue: Vec<&'a str>,
    stack: Vec<Open>,
    /// Inside of a message that holds another exception's whole text in quotes.
    quoted: bool,
    /// Inside of the detail that WCF prints between a fault's message and its frames.
    detailed: bool,
    /// Inside of Quartz's `[See nested exception: …]`, which prints the cause again.
    nested: bool,
    /// Behind a label that announces the stack a second time.
    printed_again: bool,
    /// Whether lines of others may stand between: a crash goes to another stream than the log.
    woven: bool,
    /// The next line that belongs to a trace, once it was looked for; the number of lines when there is none.
    next_trace: Option<usize>,
    trace: Trace,
    /// Members that were printed before, as .NET Framework prints member 0 twice.
    repeated: Vec<usize>,
}

impl<'a> Reader<'a> {
    fn new(lines: &'a [&'a str], at: usize, indent: usize) -> Reader<'a> {
        Reader {
            lines,
            indent,
            index: at,
            queue: Vec::new(),
            stack: Vec::new(),
            quoted: false,
            detailed: false,
            nested: false,
            printed_again: false,
            woven: false,
            next_trace: None,
            trace: Trace { end: at, ..Trace::default() },
            repeated: Vec::new(),
        }
    }

    fn run(&mut self) {
        loop {
            while let Some(text) = self.queue.pop() {
                if !self.take(text) {
                    return;
                }
                self.trace.end = self.index + 1;
            }
            self.index += 1;
            let Some(line) = self.lines.get(self.index) else { return };
            if self.detailed {
                self.detailed = !line.trim_end().ends_with(").");
                self.trace.end = self.index + 1;
                continue;
            }
            if self.quoted {
                self.quoted = !line.contains('"');
                self.append("\n");
                self.append(self.dedented(line));
                self.trace.end = self.index + 1;
                continue;
            }
            if self.nested {
                self.nested = !line.trim_end().ends_with(']');
                self.trace.end = self.index + 1;
                continue;
            }
            // Another program's line between those of a crash.
            if self.woven && super::is_aside(line.as_bytes()) && self.trace_follows(self.index + 1) {
                continue;
            }
            if !self.woven && self.take_run() {
                continue;
            }
            let (line, nested) = without_nested(line);
            self.nested = nested;
            self.queue = line::pieces(line);
            self.queue.reverse();
            if self.queue.len() == 1 && !self.skip_blank() {
                return;
            }
            self.cut_second_stack();
        }
    }

    /// Takes the calls that stand one below the other from here on; false where there is none.
    fn take_run(&mut self) -> bool {
        let Some(exception) = self.stack.last_mut().and_then(|open| self.trace.exceptions.get_mut(open.index)) else {
            return false;
        };
        let Some((lines, frames)) = run::read(self.lines, self.index) else { return false };
        if self.printed_again {
            // These are the frames that the exception has.
        } else if exception.frames.is_empty() {
            exception.frames = frames;
        } else {
            exception.frames.extend_from_slice(&frames);
        }
        self.index += lines - 1;
        self.trace.end = self.index + 1;
        if let Some(open) = self.stack.last_mut() {
            open.in_message = false;
        }
        true
    }

    /// Passes over blank lines inside the trace; false where it ends before them.
    fn skip_blank(&mut self) -> bool {
        if !self.lines[self.index].trim().is_empty() {
            return true;
        }
        let mut next = self.index;
        while self.lines.get(next).is_some_and(|line| line.trim().is_empty()) {
            next += 1;
        }
        // What is queued is the blank line itself.
        self.queue.clear();
        let in_message = self.stack.last().is_some_and(|open| open.in_message);
        let goes_on = if in_message {
            self.trace_follows(next)
        } else {
            self.lines
                .get(next)
                .is_some_and(|line| !matches!(line::piece(line), Piece::Text(_) | Piece::Blank) || is_tail(line.trim()))
        };
        if goes_on {
            if in_message {
                (self.index..next).for_each(|_| self.append("\n"));
            }
            self.index = next;
            self.queue = line::pieces(self.lines[next]);
            self.queue.reverse();
        }
        goes_on
    }

    /// Takes one piece; false when it is not part of the trace.
    fn take(&mut self, text: &'a str) -> bool {
        match line::piece(text) {
            Piece::Frame(frame, tail) => {
                let Some(open) = self.stack.last_mut() else { return false };
                open.in_message = false;
                if let Some(exception) = self.trace.exceptions.get_mut(open.index).filter(|_| !self.printed_again) {
                    exception.frames.push(frame);
                }
                self.behind_frame(tail)
            }
            Piece::Cause { number, text } => self.cause(number, text),
            Piece::EndOfInner => {
                self.end_of_inner();
                true
            }
            Piece::Rethrow => {
                if let Some(open) = self.stack.last_mut() {
                    open.in_message = false;
                }
                true
            }
            Piece::EndOfMember => {
                self.end_of_members(text.matches("<---").count());
                true
            }
            Piece::Blank => true,
            Piece::Text(text) => self.text(text),
        }
    }

    fn behind_frame(&mut self, tail: &'a str) -> bool {
        // Another print of an exception, glued to this one's last frame.
        if head::at_start(tail.trim_start_matches(GLUE)).is_some_and(|head| head.strong) {
            tail.clone_into(&mut self.trace.tail);
            self.trace.end = self.index + 1;
            return false;
        }
        let members = tail.strip_prefix("<---").map_or(0, |_| tail.matches("<---").count());
        self.end_of_members(members);
        if members == 0 && !tail.is_empty() {
            tail.clone_into(&mut self.trace.tail);
        }
        true
    }

    fn text(&mut self, text: &'a str) -> bool {
        let trimmed = text.trim();
        if let Some(rest) = line::inner_marker(trimmed) {
            return self.marked_inner(rest);
        }
        let Some(open) = self.stack.last_mut() else { return false };
        let above_call = || self.lines.get(self.index + 1).is_some_and(|line| line::is_trace(line));
        if is_label(trimmed) && (trimmed.ends_with(':') || above_call()) {
            open.in_message = false;
            let open = open.index;
            self.printed_again = self.trace.exceptions.get(open).is_some_and(|exception| !exception.frames.is_empty());
            return true;
        }
        // RimWorld's number of a trace.
        if open.in_message && trimmed.starts_with("[Ref ") && trimmed.ends_with(']') {
            return true;
        }
        if open.in_message {
            if is_file_name(trimmed) {
                let (key, value) = trimmed.split_once(": ").unwrap_or((trimmed, ""));
                self.property(key, value.trim_matches('\''));
                return true;
            }
            if self.end_of_message(text) {
                return true;
            }
            if !self.trace_follows(self.index) && !self.continues_alone(text) {
                return false;
            }
            self.append("\n");
            self.append(self.dedented(text));
            return true;
        }
        if is_tail(trimmed) {
            return self.tail_line(text);
        }
        // NLog's layouts go on behind the exception.
        if trimmed.starts_with('|') && trimmed.contains(':') {
            trimmed.clone_into(&mut self.trace.tail);
            return true;
        }
        if self.loader_exception(trimmed) || self.unity_call(trimmed) {
            return true;
        }
        let resumes = self.queue.is_empty()
            && head::at_start(trimmed).is_none_or(|head| !head.strong)
            && head::after_banner(trimmed).is_none()
            && self
                .lines
                .get(self.index + 1)
                .is_some_and(|line| !matches!(line::piece(line), Piece::Text(_) | Piece::Blank));
        if resumes {
            self.trace.unparsed.push(text.to_owned());
        }
        resumes
    }

    // --- inner ---
    // Shop.StockException: none left
    /// A cause that a logger announces in its own words, outer exceptions first.
    fn marked_inner(&mut self, rest: &'a str) -> bool {
        let Some(parent) = self.trace.exceptions.len().checked_sub(1) else { return false };
        let mut text = rest;
        if rest.is_empty() {
            match self.lines.get(self.index + 1).map(|line| line.trim_start()) {
                Some(next) if head::at_start(next).is_some() => {
                    self.index += 1;
                    text = next;
                }
                _ => return false,
            }
        }
        if let Some(open) = self.stack.last_mut() {
            open.in_message = false;
        }
        self.stack.truncate(1);
        let mut parts = line::pieces(text);
        parts.reverse();
        let first = parts.pop().unwrap_or("");
        self.queue.extend(parts);
        self.open(first, Some(parent), None);
        if let Some(open) = self.stack.last_mut() {
            open.unmarked = false;
        }
        true
    }

    /// A message's further line where no frames follow: it must stand deeper than other text could.
    fn continues_alone(&self, text: &str) -> bool {
        self.stack.len() > 1 && text.starts_with([' ', '\t']) && self.indent < text.len() - text.trim_start().len()
    }

    fn property(&mut self, key: &str, value: &str) {
        if let Some(exception) = self.stack.last().and_then(|open| self.trace.exceptions.get_mut(open.index)) {
            exception.properties.push((key.to_owned(), value.to_owned()));
        }
    }

    fn append(&mut self, text: &str) {
        if let Some(exception) = self.stack.last().and_then(|open| self.trace.exceptions.get_mut(open.index)) {
            exception.message.push_str(text);
        }
    }

    fn dedented(&self, text: &'a str) -> &'a str {
        let blanks = text.bytes().take(self.indent).take_while(|b| matches!(b, b' ' | b'\t')).count();
        &text[blanks..]
    }

    /// Whether a line of the trace stands somewhere behind line `from`.
    fn trace_follows(&mut self, from: usize) -> bool {
        if !self.queue.is_empty() {
            return true;
        }
        let known = self.next_trace.filter(|next| *next >= from);
        let next = known.unwrap_or_else(|| {
            let rest = self.lines.iter().skip(from);
            from + rest.take_while(|line| !line::is_trace(line)).count()
        });
        self.next_trace = Some(next);
        next < self.lines.len()
    }

    fn finish(mut self) -> Trace {
        while self.stack.len() > 1 {
            self.close();
        }
        for exception in &mut self.trace.exceptions {
            exception.message.truncate(exception.message.trim_end().len());
            // A type alone on its line, and the message on the next.
            if exception.message.starts_with('\n') {
                exception.message = exception.message.trim_start_matches('\n').to_owned();
            }
        }
        if !self.repeated.is_empty() {
            remove(&mut self.trace.exceptions, &self.repeated);
        }
        self.trace
    }
}

#[cfg(test)]
mod tests;
