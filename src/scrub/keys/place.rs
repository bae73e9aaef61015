//! Where the value behind a name begins and ends.
//!
//! In: a text and the place of a name in it. Out: the place of the value, in the forms `key=value`, JSON, PHP arrays,
//! headers, query strings, connection strings, XML and options. Invariant: every value ends at its quote, bracket or
//! line. Does not ask whether the name is a secret's, and does not take prose or a placeholder for a value.

use super::super::Mode;
use super::{NAME_BYTES, is_name};

/// What stands between a name and its value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Equals,
    Colon,
    Option,
}

/// Where the value begins: behind a closing quote or bracket, blanks and `=`, `:`, `=>` or, for options, a blank.
pub(super) fn begin(bytes: &[u8], name_start: usize, name_end: usize) -> Option<(usize, Mark)> {
    let closing = closing(bytes, name_end);
    let mut at = closing + count(&bytes[closing..], b" ");
    let mark = match bytes.get(at)? {
        b'=' => {
            at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'>' | b'=')));
            Mark::Equals
        }
        b':' if bytes.get(at + 1) != Some(&b':') => {
            at += 1 + usize::from(bytes.get(at + 1) == Some(&b'='));
            Mark::Colon
        }
        b'%' if starts(bytes, at, b"%3d") => {
            at += 3;
            Mark::Equals
        }
        b'%' if starts(bytes, at, b"%3a") => {
            at += 3;
            Mark::Colon
        }
        // <password>x</password>
        b'>' if is_tag(&bytes[..name_start]) && bytes.get(at + 1) != Some(&b'<') => {
            at += 1;
            Mark::Equals
        }
        _ if closing > name_end && at > name_end => return named(bytes, name_start, name_end, at),
        // login with password 'x'
        b'\'' | b'"' if bytes.get(name_end) == Some(&b' ') && is_password(&bytes[name_start..name_end]) => Mark::Option,
        _ if bytes[..name_start].ends_with(b"--") || bytes[name_start..].starts_with(b"--") => {
            if bytes.get(name_end) != Some(&b' ') || bytes.get(at) == Some(&b'-') {
                return None;
            }
            Mark::Option
        }
        _ => return None,
    };
    at += count(&bytes[at..], b" ");
    // ["password"]=>\n  string(5) "…"
    if mark == Mark::Equals && bytes.get(at) == Some(&b'\n') && bytes[..at].ends_with(b"]=>") {
        let blanks = 1 + count(&bytes[at + 1..], b" ");
        at += if starts(bytes, at + blanks, b"string(") { blanks } else { 0 };
    }
    if starts(bytes, at, b"string(") {
        at += bytes[at..].iter().take(20).position(|c| *c == b' ').map_or(0, |blank| blank + 1);
    }
    (at < bytes.len()).then_some((at, mark))
}

/// Behind the quote that closes a name, in any spelling, and a bracket.
fn closing(bytes: &[u8], name_end: usize) -> usize {
    let mut at = name_end;
    let spelt = QUOTES.iter().find(|quote| starts(bytes, at, quote.as_bytes()));
    at += match spelt {
        Some(quote) => quote.len(),
        None => {
            let escapes = count(&bytes[at..], b"\\");
            let quote = bytes[at + escapes..].iter().take(1).filter(|c| b"\"'`])".contains(c)).count();
            escapes + quote
        }
    };
    at + usize::from(at > name_end && bytes.get(at) == Some(&b']'))
}

/// Quotes as JSON, HTML and URLs escape them; in small letters.
const QUOTES: [&str; 8] = ["\\u0022", "\\u0027", "&quot;", "&#34;", "&#39;", "&#039;", "%22", "%27"];

fn starts(bytes: &[u8], at: usize, with: &[u8]) -> bool {
    bytes.get(at..at + with.len()).is_some_and(|text| text.eq_ignore_ascii_case(with))
}

/// Whether a name behind this is an element's: `<` or `<wsse:` stands before it.
fn is_tag(before: &[u8]) -> bool {
    let prefix = before.iter().rev().take(NAME_BYTES).take_while(|c| is_name(**c) || **c == b':').count();
    before[..before.len() - prefix].ends_with(b"<")
}

// {"name":"password","value":"x"} · <add key="Password" value="x"/> · rawHeaders: [ 'Cookie', 'a=b' ]
/// The value that stands as a field or an element of its own behind a quoted name.
fn named(bytes: &[u8], name_start: usize, name_end: usize, at: usize) -> Option<(usize, Mark)> {
    let name = bytes[name_start..name_end].to_ascii_lowercase();
    let rest = at + count(&bytes[at..], b", ");
    let escapes = count(&bytes[rest..], b"\\");
    let quote = rest + escapes + usize::from(matches!(bytes.get(rest + escapes), Some(b'"' | b'\'')));
    if starts(bytes, quote, b"value") {
        let end = closing(bytes, quote + "value".len());
        let sign = end + count(&bytes[end..], b" ");
        let mark = if bytes.get(sign) == Some(&b':') { Mark::Colon } else { Mark::Equals };
        let value = sign + 1 + count(bytes.get(sign + 1..)?, b" ");
        return (matches!(bytes.get(sign), Some(b':' | b'=')) && value < bytes.len()).then_some((value, mark));
    }
    let is_header = name.contains(&b'-') || name == b"cookie" || name == b"authorization";
    (is_header && bytes.get(at) == Some(&b',') && quote > rest + escapes).then_some((rest, Mark::Equals))
}

fn is_password(name: &[u8]) -> bool {
    ["password", "passwd", "passphrase"].iter().any(|word| name.eq_ignore_ascii_case(word.as_bytes()))
}

fn count(bytes: &[u8], byte: &[u8]) -> usize {
    bytes.iter().take(8).take_while(|c| byte.contains(c)).count()
}

/// From where to where the value at `at` goes; none for what is no secret.
pub(super) fn extent(text: &str, at: usize, mark: Mark, to_line_end: bool, mode: Mode) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    if let Some(quote) = QUOTES.iter().find(|quote| starts(bytes, at, quote.as_bytes())) {
        let start = at + quote.len();
        // No address holds a blank.
        let is_end = |at: &usize| {
            starts(bytes, *at, quote.as_bytes()) || quote.starts_with('%') && bytes[*at].is_ascii_whitespace()
        };
        let end = (start..bytes.len()).find(is_end).unwrap_or(bytes.len());
        return text.get(start..end).filter(|value| !is_placeholder(value)).map(|_| (start, end));
    }
    let escapes = count(&bytes[at..], b"\\");
    if let Some(quote @ (b'"' | b'\'' | b'`')) = bytes.get(at + escapes) {
        let start = at + escapes + 1;
        let end = quoted_end(bytes, start, *quote, escapes);
        let value = &text[start..end];
        // In code, what is put together at run time is not in the literal.
        let built = mode == Mode::Code && (value.contains(['$', '{', ' ']) || value.len() < 6);
        return (!built && !is_placeholder(value)).then_some((start, end));
    }
    if mode == Mode::Code {
        return None;
    }
    match bytes[at] {
        b'[' | b'{' | b'(' => {
            let end = balanced_end(bytes, at);
            return (end > at + 1).then_some((at + 1, end));
        }
        b'\n' | b'\r' => return None,
        _ => {}
    }
    if to_line_end {
        return Some((at, line_end(bytes, at)));
    }
    let end = bare_end(bytes, at);
    let value = &text[at..end];
    if let Some(inner) = after_scheme(text, at, end) {
        let digest = value.eq_ignore_ascii_case("digest");
        // Digest username="ann", response="…"
        let rest = || memchr::memchr2(b'\n', b'\r', &bytes[inner..]).map_or(bytes.len(), |end| inner + end);
        return Some((inner, if digest { rest() } else { bare_end(bytes, inner) }));
    }
    let spaced = bytes[..at].ends_with(b" ");
    if is_placeholder(value) || mark == Mark::Colon && spaced && is_prose(value, &text[end..]) {
        return None;
    }
    Some((at, end))
}

/// Where a header's value ends: with its line, or with the quotes around it.
fn line_end(bytes: &[u8], at: usize) -> usize {
    let is_end = |at: &usize| matches!(bytes[*at], b'\n' | b'\r' | b'"') || bytes[*at..].starts_with(b"\\r\\n");
    (at..bytes.len()).find(is_end).unwrap_or(bytes.len())
}

/// The next quote of the same kind behind exactly as many backslashes; the text's end for a value that was cut off.
fn quoted_end(bytes: &[u8], start: usize, quote: u8, escapes: usize) -> usize {
    let mut backslashes = 0;
    for (index, byte) in bytes[start..].iter().enumerate() {
        if *byte == quote && backslashes <= escapes {
            return start + index - backslashes.min(escapes);
        }
        backslashes = if *byte == b'\\' { backslashes + 1 } else { 0 };
    }
    bytes.len()
}

fn balanced_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    for (index, byte) in bytes[start..].iter().enumerate() {
        match byte {
            b'[' | b'{' | b'(' => depth += 1,
            b']' | b'}' | b')' => {
                depth -= 1;
                if depth == 0 {
                    return start + index;
                }
            }
            b'\n' => return start + index,
            _ => {}
        }
    }
    bytes.len()
}

/// A value without quotes ends at a blank, `;`, `&`, a quote or bracket, or at a comma before the next field.
fn bare_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b';' | b'&' | b'"' | b'\'' | b'<' | b'>' | b'|' | b'#' => break,
            b',' | b')' | b']' | b'}' | b'\\' => {
                let rest = &bytes[end + 1..];
                let name = rest.iter().take(NAME_BYTES).take_while(|c| is_name(**c)).count();
                if name == 0 || rest.get(name) == Some(&b'=') {
                    break;
                }
            }
            _ => {}
        }
        end += 1;
    }
    end
}

// Authorization: Bearer abc
fn after_scheme(text: &str, at: usize, end: usize) -> Option<usize> {
    const SCHEMES: [&str; 6] = ["bearer", "basic", "token", "digest", "negotiate", "apikey"];
    let word = &text[at..end];
    let named = SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(word));
    (named && text[end..].starts_with(' ') && text.len() > end + 1).then_some(end + 1)
}

/// Words that say how a secret is, instead of it.
fn is_placeholder(value: &str) -> bool {
    const WORDS: [&str; 22] = [
        "yes",
        "no",
        "null",
        "nil",
        "none",
        "true",
        "false",
        "undefined",
        "empty",
        "missing",
        "invalid",
        "required",
        "expired",
        "unknown",
        "array",
        "object",
        "string",
        "redacted",
        "filtered",
        "hidden",
        "failed",
        "bearer",
    ];
    let value = value.trim_end_matches(['.', ',', '!', ')']);
    value.is_empty()
        || value.bytes().all(|c| b"*x.[]<>?".contains(&c))
        || value.starts_with("[Filtered")
        || value.starts_with("Object(")
        || value.starts_with("${")
        || WORDS.iter().any(|word| word.eq_ignore_ascii_case(value))
}

// The password: must be at least eight characters
fn is_prose(value: &str, rest: &str) -> bool {
    let word = value.trim_end_matches([',', '.']);
    word.chars().all(char::is_alphabetic)
        && rest.strip_prefix(' ').is_some_and(|rest| rest.starts_with(char::is_alphabetic))
}
