//! JSON as logs hold it: with line breaks inside strings, as PHP's line formatters write it, or cut off.
//!
//! In: text and the place of an object in it. Out: the value, where it ends, whether it is complete. Invariants:
//! one pass, bounded depth; what no JSON writer with inline line breaks can have printed is refused. Does not
//! know what the keys mean.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use serde_json::{Map, Number, Value};

use crate::memo::Memo;
use crate::text::Literal;

/// Deeper values are refused; Monolog itself stops at nine levels.
const MAX_DEPTH: usize = 64;

/// Room for a text that holds escapes, before its length is known.
const ESCAPED_BYTES: usize = 8 * 1024;

/// A value and its extent.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub value: Value,
    /// The byte behind the value.
    pub end: usize,
    /// Whether the text did not end inside the value.
    pub complete: bool,
}

/// The object or array that begins at byte `at`; none where the text there is no JSON.
pub(crate) fn parse(text: &str, at: usize) -> Option<Parsed> {
    let mut reader = Reader { text, at, complete: true, trace: trace(text, at) };
    let value = match text.as_bytes().get(at)? {
        b'{' => reader.object(MAX_DEPTH)?,
        b'[' => reader.array(MAX_DEPTH)?,
        _ => return None,
    };
    Some(Parsed { value, end: reader.at, complete: reader.complete })
}

/// Places in what is left of a cut object that are tried for a member's beginning.
const MAX_TRIES: usize = 64;

/// The members of an object out of whose middle bytes were cut: those before the gap, and those behind it, at
/// whatever depth they stood.
pub(crate) fn parse_cut(text: &str) -> Map<String, Value> {
    let mut reader = Reader { text, at: 1, complete: true, trace: None };
    let mut object = Map::new();
    let mut tries = 0;
    while tries < MAX_TRIES && reader.at < text.len() {
        let start = reader.at;
        if let Some(Some((key, value))) = reader.member(MAX_DEPTH)
            && reader.complete
        {
            object.entry(key).or_insert(value);
        } else {
            reader = Reader { text, at: start, complete: true, trace: None };
            tries += 1;
        }
        let rest = &text.as_bytes()[reader.at..];
        // A text that began before the gap ends where the next one begins.
        if !matches!(rest.first(), Some(b',' | b'}' | b']'))
            && text[start..reader.at].ends_with('"')
            && tries < MAX_TRIES
        {
            tries += 1;
            reader.at -= 1;
            continue;
        }
        let Some(comma) = memchr::memmem::find(rest, b",\"") else { break };
        reader.at += comma + 1;
    }
    object
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// False once the text ended inside a value: then everything open counts as closed.
    complete: bool,
    /// Where the next trace stands, as PHP prints one.
    trace: Option<Range<usize>>,
}

thread_local! {
    /// Traces as they stand in JSON, without their escapes.
    static TRACES: RefCell<Memo<Rc<str>>> = RefCell::new(Memo::new());
}

static FIRST: Literal = Literal::new("[stacktrace]\n#0 ");
static LAST: Literal = Literal::new("{main}");

/// The first trace behind `at`.
fn trace(text: &str, at: usize) -> Option<Range<usize>> {
    let start = at + FIRST.find(&text.as_bytes()[at..])?;
    Some(start..start + LAST.find(&text.as_bytes()[start..])? + "{main}".len())
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes the next byte if it is `byte`. The end of the text is no refusal, but the end of everything.
    fn take(&mut self, byte: u8) -> Option<bool> {
        match self.peek() {
            None => {
                self.complete = false;
                Some(false)
            }
            Some(found) if found == byte => {
                self.at += 1;
                Some(true)
            }
            Some(_) => None,
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        let mut object = Map::new();
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Some(Value::Object(object));
        }
        loop {
            let Some((key, value)) = self.member(depth)? else { break };
            object.insert(key, value);
            self.blanks();
            if !self.complete || self.peek() != Some(b',') {
                break;
            }
            self.at += 1;
        }
        if self.complete {
            self.take(b'}')?;
        }
        Some(Value::Object(object))
    }

    /// A key and its value; nothing inside where the text ends before the value.
    fn member(&mut self, depth: usize) -> Option<Option<(String, Value)>> {
        self.blanks();
        if !self.take(b'"')? {
            return Some(None);
        }
        let key = self.inside_string()?;
        self.blanks();
        if !self.complete || !self.take(b':')? {
            return Some(None);
        }
        Some(Some((key, self.value(depth)?)))
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        let mut items = Vec::new();
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Some(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.blanks();
            if !self.complete || self.peek() != Some(b',') {
                break;
            }
            self.at += 1;
        }
        if self.complete {
            self.take(b']')?;
        }
        Some(Value::Array(items))
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.blanks();
        match self.peek() {
            None => {
                self.complete = false;
                Some(Value::Null)
            }
            Some(b'"') => {
                self.at += 1;
                self.inside_string().map(Value::String)
            }
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(_) => self.word(),
        }
    }

    /// `true`, `null`, `-12.5e3`; the text may end inside it.
    fn word(&mut self) -> Option<Value> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))).unwrap_or(rest.len());
        let word = &rest[..end];
        self.at += end;
        if end == rest.len() {
            self.complete = false;
        }
        match word {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            "null" => Some(Value::Null),
            _ => match word.parse::<Number>() {
                Ok(number) => Some(Value::Number(number)),
                Err(_) => (!self.complete).then_some(Value::Null),
            },
        }
    }

    /// A string's text behind its opening quote; takes the closing one.
    fn inside_string(&mut self) -> Option<String> {
        let bytes = self.text.as_bytes();
        let mut out = String::new();
        loop {
            let Some(stop) = memchr::memchr2(b'"', b'\\', &bytes[self.at..]) else {
                out.push_str(&self.text[self.at..]);
                self.at = bytes.len();
                self.complete = false;
                return Some(out);
            };
            if self.trace.as_ref().is_some_and(|trace| (self.at..self.at + stop).contains(&trace.start)) {
                self.take_trace(&mut out);
                continue;
            }
            if out.is_empty() && bytes[self.at + stop] == b'\\' {
                // A text with escapes is most often a long one.
                out.reserve(stop + ESCAPED_BYTES.min(bytes.len() - self.at));
            }
            out.push_str(&self.text[self.at..self.at + stop]);
            self.at += stop + 1;
            if bytes[self.at - 1] == b'"' {
                return Some(out);
            }
            self.escape(&mut out)?;
        }
    }

    /// Takes the text to the end of the trace that begins before the next escape, as it was read before; to its start
    /// where it is none, as a quote stands in it.
    fn take_trace(&mut self, out: &mut String) {
        let Some(range) = self.trace.take() else { return };
        out.push_str(&self.text[self.at..range.start]);
        self.at = range.start;
        let raw = &self.text[range.clone()];
        let known = TRACES.with_borrow(|known| known.get(raw.as_bytes()).cloned());
        let found = known.or_else(|| {
            let mut reader = Reader { text: raw, at: 0, complete: true, trace: None };
            let text: Rc<str> = reader.inside_string().filter(|_| !reader.complete)?.into();
            TRACES.with_borrow_mut(|known| known.keep(raw.as_bytes(), Rc::clone(&text), text.len()));
            Some(text)
        });
        if let Some(text) = found {
            out.reserve(text.len() + 16);
            out.push_str(&text);
            self.at = range.end;
            self.trace = trace(self.text, range.end);
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self, out: &mut String) -> Option<()> {
        let Some(next) = self.peek() else {
            self.complete = false;
            return Some(());
        };
        self.at += 1;
        match next {
            b'"' | b'\\' | b'/' => out.push(char::from(next)),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'u' => out.push(self.unicode()?),
            // Old formatters turn each `\n` back into a line break, the one in `C:\\app\\name` too.
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            _ => return None,
        }
        Some(())
    }

    fn unicode(&mut self) -> Option<char> {
        let first = self.hex()?;
        if !(0xD800..0xDC00).contains(&first) {
            return Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        if !self.text[self.at..].starts_with("\\u") {
            return Some(char::REPLACEMENT_CHARACTER);
        }
        self.at += 2;
        let second = self.hex()?;
        let code = 0x10000 + ((first - 0xD800) << 10) + (second.wrapping_sub(0xDC00) & 0x3FF);
        Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Option<u32> {
        let Some(digits) = self.text.get(self.at..self.at + 4) else {
            self.at = self.text.len();
            self.complete = false;
            return Some(0xFFFD);
        };
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_inside_strings() {
        let parsed = parse("x {\"e\":\"a\nb \\\"c\\\" C:\\\\srv\\\name\",\"n\":[1,-2.5,null,true]} y", 2).unwrap();
        assert!(parsed.complete);
        assert_eq!(parsed.end, 55);
        assert_eq!(parsed.value["e"], "a\nb \"c\" C:\\srv\\name");
        assert_eq!(parsed.value["n"], serde_json::json!([1, -2.5, null, true]));
    }

    #[test]
    fn a_trace_is_the_same_when_it_comes_again() {
        let text = "{\"e\":\"[object] (A\\\\B: x)\n[stacktrace]\n#0 /a.php(1): A\\\\B->c(\\\"d\\\")\n#1 {main}\n\",\"n\":\"\\\\\"}";
        let read = || parse(text, 0).unwrap().value;
        assert_eq!(read()["e"], "[object] (A\\B: x)\n[stacktrace]\n#0 /a.php(1): A\\B->c(\"d\")\n#1 {main}\n");
        assert_eq!(read(), read());
        assert_eq!(read()["n"], "\\");
        let cut = "{\"e\":\"[stacktrace]\n#0 x\",\"f\":\"{main}\"}";
        assert_eq!(parse(cut, 0).unwrap().value, serde_json::json!({"e": "[stacktrace]\n#0 x", "f": "{main}"}));
    }

    #[test]
    fn a_cut_object_keeps_what_stands() {
        let parsed = parse("{\"a\":{\"class\":\"T\",\"file\":\"/srv/x", 0).unwrap();
        assert!(!parsed.complete);
        assert_eq!(parsed.value, serde_json::json!({"a": {"class": "T", "file": "/srv/x"}}));
        for cut in ["{\"a\"", "{\"a\":", "{\"a\":tr", "{\"a\":1", "{\"a\":[1,", "{", "{\"a\":\"\\", "{\"a\":\"\\u00"] {
            assert!(!parse(cut, 0).unwrap().complete, "{cut}");
        }
    }

    #[test]
    fn members_around_a_gap() {
        for text in [
            r#"{"a":1,"blob":"AAAABBBB","err":{"stack":"S"},"z":2}"#,
            r#"{"a":1,"blob":"AAAA,"err":{"stack":"S"},"z":2}"#,
            r#"{"a":1,BBBB","err":{"stack":"S"},"z":2}"#,
            r#"{"a":1,BB,","err":{"stack":"S"},"z":2}"#,
            r#"{"a":1,"b":{"c":[1,2BB","err":{"stack":"S"},"z":2}"#,
        ] {
            let object = parse_cut(text);
            let found = (&object["a"], &object["err"]["stack"], &object["z"]);
            assert_eq!(found, (&1.into(), &"S".into(), &2.into()), "{text}");
        }
        assert_eq!(parse_cut(&format!("{{{}", ",\"".repeat(1 << 20))).len(), 0);
    }

    #[test]
    fn prose_is_refused() {
        for text in ["{sku}", "{\"a\" b}", "{\"a\":\"x {\"exception\":1}", "[2026-11-23]", "{'a':1}", "{\"a\":\"\\x\"}"]
        {
            assert!(parse(text, 0).is_none(), "{text}");
        }
        assert!(parse(&"[".repeat(100_000), 0).is_none());
    }

    #[test]
    fn surrogates() {
        assert_eq!(parse("[\"\\ud83d\\ude9a \\ud83d \\u00e9\"]", 0).unwrap().value[0], "🚚 \u{fffd} é");
    }
}
