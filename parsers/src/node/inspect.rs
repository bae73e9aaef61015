//! Values as `util.inspect`, `JSON.stringify` and pino-pretty print them over lines.
//!
//! In: lines and the place where a value begins. Out: the value as JSON, and the place behind it; a printed error
//! becomes an object whose `stack` is its text. Invariants: linear in the text; nesting is bounded by `MAX_DEPTH`;
//! a value that is cut off gives what there is of it. Does not turn errors into exceptions.

mod text;
mod token;

use serde_json::Value;

use super::head;
use super::stack;
use crate::json::Object;
use token::scalar;

pub(crate) use text::{error_text, is_first_property};
pub(crate) use token::{matching_bracket, quoted};

/// Deeper values are passed over.
const MAX_DEPTH: usize = 48;
/// Lines that the message of a nested error may have.
const MESSAGE_LINES: usize = 60;

/// A place in the lines: line and byte.
pub(crate) type Place = (usize, usize);

/// Reads values from lines.
pub(crate) struct Reader<'a> {
    lines: &'a [&'a str],
    line: usize,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(lines: &'a [&'a str], (line, at): Place) -> Reader<'a> {
        Reader { lines, line, at }
    }

    /// Where the reader stands.
    pub(crate) fn place(&self) -> Place {
        (self.line, self.at)
    }

    fn rest(&self) -> &'a str {
        self.lines.get(self.line).and_then(|line| line.get(self.at..)).unwrap_or("")
    }

    fn is_over(&self) -> bool {
        self.line >= self.lines.len()
    }

    fn next_line(&mut self) {
        self.line += 1;
        self.at = 0;
    }

    /// Passes blanks, commas and line ends.
    fn skip(&mut self) {
        while !self.is_over() {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', ',', '\r']);
            self.at += rest.len() - trimmed.len();
            if !trimmed.is_empty() {
                return;
            }
            self.next_line();
        }
    }

    /// The object whose `{` (or `[`) is the next character; entries without a key are numbered.
    pub(crate) fn object(&mut self, depth: usize) -> Object {
        self.at += 1;
        self.entries(depth)
    }

    /// The entries behind an opening brace, up to the closing one.
    pub(crate) fn entries(&mut self, depth: usize) -> Object {
        let mut object = Object::new();
        while !self.is_over() {
            self.skip();
            let rest = self.rest();
            if self.is_over() {
                break;
            }
            if rest.starts_with(['}', ']']) {
                self.at += 1;
                break;
            }
            self.entry(&mut object, depth);
        }
        object
    }

    /// Properties without braces, one a line at `indent`, as pino-pretty prints them below an entry's first line.
    pub(crate) fn properties(&mut self, indent: usize) -> Object {
        let mut object = Object::new();
        while !self.is_over() {
            self.at = 0;
            if indent_of(self.rest()) != indent || self.rest().trim().is_empty() {
                break;
            }
            let line = self.line;
            self.at = indent;
            self.entry(&mut object, 1);
            if self.line == line || self.at > 0 {
                self.next_line();
            }
        }
        object
    }

    /// One `key: value`, `key => value` or value.
    fn entry(&mut self, object: &mut Object, depth: usize) {
        let (line, at) = self.place();
        let indent = self.lines.get(line).map_or(0, |text| indent_of(text));
        let more = self.rest().strip_prefix("... ").is_some_and(|rest| rest.contains(" more "));
        let key = if more { None } else { self.key() };
        let value = if more {
            self.next_line();
            return;
        } else {
            self.value(depth + 1, indent)
        };
        if self.place() == (line, at) {
            // Nothing that can be read: go on behind it.
            self.at += self.rest().chars().next().map_or(1, char::len_utf8);
            return;
        }
        let key = key.unwrap_or_else(|| object.len().to_string());
        object.insert(key, value);
    }

    /// The key before a colon or an arrow; none when a value stands here.
    fn key(&mut self) -> Option<String> {
        let rest = self.rest();
        let (key, length) = if rest.starts_with(['\'', '"', '`']) {
            quoted(rest)?
        } else if rest.starts_with('[') {
            // [cause]: · [Symbol(connect-options)]:
            let end = matching_bracket(rest)?;
            if !rest[end + 1..].starts_with(": ") && &rest[end + 1..] != ":" {
                return None;
            }
            (rest[1..end].to_owned(), end + 1)
        } else {
            let name = rest.len() - rest.trim_start_matches(|c: char| c.is_alphanumeric() || "_$-.@".contains(c)).len();
            (rest[..name].to_owned(), name)
        };
        let after = &rest[length..];
        let gap = after.len() - after.trim_start_matches(' ').len();
        let mark = if after[gap..].starts_with("=>") {
            2
        } else if after.starts_with(':') && !key.is_empty() && !self.is_error_here() {
            1
        } else {
            return None;
        };
        self.at += length + if mark == 2 { gap } else { 0 } + mark;
        Some(key)
    }

    /// Whether the text here is an element that is an error, not a `key: value`.
    fn is_error_here(&self) -> bool {
        let rest = self.rest();
        let is_class = rest.starts_with(|c: char| c.is_ascii_uppercase() || c == '<');
        let is_head = || {
            let head = head::at_start(rest, true)?;
            Some(head::is_type(head.kind) || head::at_start(head.message, false).is_none())
        };
        is_class
            && is_head() == Some(true)
            && self.calls_follow(self.lines.get(self.line).map_or(0, |text| indent_of(text)))
    }

    /// The value here; `indent` is that of the line on which its entry begins.
    pub(crate) fn value(&mut self, depth: usize, indent: usize) -> Value {
        let blank = self.rest().len() - self.rest().trim_start().len();
        self.at += blank;
        let rest = self.rest();
        if rest.is_empty() {
            return self.below(depth, indent);
        }
        let rest = self.skip_reference(rest);
        match rest.as_bytes().first().copied().unwrap_or(b',') {
            b'\'' | b'"' | b'`' => self.string(),
            b'{' => self.nested(depth),
            b'[' if !rest[1..].starts_with(|c: char| c.is_ascii_uppercase()) => match self.nested(depth) {
                Value::Object(object) => Value::Array(object.into_iter().map(|(_, value)| value).collect()),
                value => value,
            },
            b'[' => self.tagged(depth),
            _ if head::at_start(rest, true).is_some() && self.calls_follow(indent) => self.error(depth, indent),
            _ => self.instance(depth, rest),
        }
    }

    /// A value on the lines below its key: a long string, or (pino-pretty) a text as it is.
    fn below(&mut self, depth: usize, indent: usize) -> Value {
        self.next_line();
        let first = self.rest();
        let own = indent_of(first);
        if self.is_over() || own <= indent {
            return Value::Null;
        }
        if first[own..].starts_with(['\'', '"', '`', '{', '[']) && depth < MAX_DEPTH {
            self.at = own;
            return self.value(depth + 1, own);
        }
        let mut text = String::new();
        while !self.is_over() {
            let line = self.rest();
            if !line.trim().is_empty() && indent_of(line) <= indent {
                break;
            }
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(line.get(own.min(indent_of(line))..).unwrap_or(""));
            self.next_line();
        }
        let kept = text.trim_end().len();
        text.truncate(kept);
        Value::String(text)
    }

    fn skip_reference(&mut self, rest: &'a str) -> &'a str {
        let skipped = rest.len() - head::undecorated(rest).len();
        if skipped < rest.len() {
            self.at += skipped;
        }
        self.rest()
    }

    fn string(&mut self) -> Value {
        let mut text = String::new();
        while let Some((piece, length)) = quoted(self.rest()) {
            text.push_str(&piece);
            self.at += length;
            if self.rest().trim() != "+" {
                break;
            }
            self.next_line();
            self.at = indent_of(self.rest());
        }
        Value::String(text)
    }

    fn nested(&mut self, depth: usize) -> Value {
        if depth < MAX_DEPTH {
            return Value::Object(self.object(depth));
        }
        // Braces are counted, not parsed.
        let mut open = 0usize;
        while !self.is_over() {
            for (offset, c) in self.rest().bytes().enumerate() {
                open = match c {
                    b'{' | b'[' => open + 1,
                    b'}' | b']' => open.saturating_sub(1),
                    _ => open,
                };
                if open == 0 {
                    self.at += offset + 1;
                    return Value::Null;
                }
            }
            self.next_line();
        }
        Value::Null
    }

    /// `[Function: x]`, `[Circular *1]`, `[Object: null prototype] {`, `[TypeError: x] {`.
    fn tagged(&mut self, depth: usize) -> Value {
        let rest = self.rest();
        let error = head::at_start(&rest[1..], false).is_some();
        let end = match rest.trim_end().strip_suffix("] {") {
            Some(inner) if error => Some(inner.len()),
            _ if error => rest.find("], ").or_else(|| rest.rfind(']')),
            _ => matching_bracket(rest),
        };
        let end = end.unwrap_or(rest.len());
        let inner = rest.get(1..end).unwrap_or("");
        self.at += (end + 1).min(rest.len());
        if self.rest().starts_with(" {") {
            self.at += 1;
            let mut object = match self.nested(depth) {
                Value::Object(object) => object,
                _ => Object::new(),
            };
            if error {
                object.insert("stack".to_owned(), Value::String(inner.to_owned()));
            }
            return Value::Object(object);
        }
        if error {
            return Value::Object(Object::from_iter([("stack".to_owned(), Value::String(inner.to_owned()))]));
        }
        Value::Null
    }

    /// `Map(1) {`, `Client {`, `Foo [bar] {`, a number, a word.
    fn instance(&mut self, depth: usize, rest: &'a str) -> Value {
        let name = rest.len() - rest.trim_start_matches(|c: char| c.is_alphanumeric() || "_$.()<>".contains(c)).len();
        let mut open = name;
        if let Some(tag) = rest[open..].strip_prefix(" [").and_then(|tail| tail.find(']')).filter(|end| *end < 80) {
            open += 2 + tag + 1;
        }
        if name > 0
            && let Some(kind) = rest[open..].strip_prefix(' ').filter(|tail| tail.starts_with(['{', '[']))
        {
            let is_list = kind.starts_with('[');
            self.at += open + 1;
            return match self.nested(depth) {
                Value::Object(object) if is_list => Value::Array(object.into_iter().map(|(_, value)| value).collect()),
                value => value,
            };
        }
        let end = rest.find([',', '}', ']']).unwrap_or(rest.len());
        let word = rest[..end].trim_end();
        self.at += end;
        scalar(word)
    }

    /// Whether the lines below belong to an error that begins here: calls, deeper than `indent`.
    fn calls_follow(&self, indent: usize) -> bool {
        let below = self.lines.iter().skip(self.line + 1).take(MESSAGE_LINES);
        for line in below {
            let trimmed = line.trim_start();
            let own = line.len() - trimmed.len();
            if trimmed.is_empty() {
                continue;
            }
            if own < indent {
                return false;
            }
            if own > indent && stack::is_call(trimmed) {
                return true;
            }
            if own == indent && (trimmed.starts_with(['}', ']']) || is_property(trimmed)) {
                return false;
            }
        }
        false
    }

    fn error(&mut self, depth: usize, indent: usize) -> Value {
        let text = error_text(self.lines, self.place(), indent);
        (self.line, self.at) = text.end;
        let mut object = if text.opens && depth < MAX_DEPTH { self.object(depth) } else { Object::new() };
        object.insert("stack".to_owned(), Value::String(text.stack));
        Value::Object(object)
    }
}

/// `code: 'X',`
fn is_property(line: &str) -> bool {
    let name = line.len() - line.trim_start_matches(|c: char| c.is_alphanumeric() || "_$[]'".contains(c)).len();
    name > 0 && line[name..].starts_with(": ") && line.ends_with(',')
}

/// Leading blanks of a line.
pub(crate) fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

#[cfg(test)]
mod tests;
