//! Values that are secret because of the name before them.
//!
//! In: a text and the place of a word like `token` in it. Out: the place of the value, in the forms
//! `key=value`, JSON, PHP arrays, headers, query strings, connection strings and options. Invariant: names are
//! looked at for at most 64 bytes on each side. Does not read values that are prose.

use super::{Hit, Mode};

/// Bytes that a name may go on before or behind the word in it.
const NAME_BYTES: usize = 64;

/// The value behind the name around `text[start..end]`, if the name is a secret's.
pub(super) fn value(text: &str, start: usize, end: usize, mode: Mode, allowed: impl Fn(&str) -> bool) -> Option<Hit> {
    let bytes = text.as_bytes();
    let name_start = (start.saturating_sub(NAME_BYTES)..start)
        .rev()
        .find(|at| !is_name(bytes[*at]))
        .map_or(start.saturating_sub(NAME_BYTES), |at| at + 1);
    let name_end = bytes.len().min(end + NAME_BYTES);
    // `sid=` ends with its separator.
    let from = if bytes[end - 1] == b'=' { end - 1 } else { end };
    let name_end = (from..name_end).find(|at| !is_name(bytes[*at])).unwrap_or(name_end);
    let name = text.get(name_start..name_end)?;
    if allowed(name) {
        return None;
    }
    let (value, mark) = separator(bytes, name_start, name_end)?;
    if !is_secret(name) && (mark == Mark::Option || !is_secret_if_random(name, mark, &text[value..])) {
        return None;
    }
    let cookie = mark == Mark::Colon && name.to_ascii_lowercase().ends_with("cookie");
    let (start, end) = extent(text, value, mark, cookie, mode)?;
    (!allowed(text.get(start..end)?)).then_some(Hit { start, end, rule: "secret field" })
}

/// `Bearer eyJ…`, `Basic dXNlcjpwdw==`.
pub(super) fn scheme(text: &str, start: usize, end: usize) -> Option<Hit> {
    let before = text[..start].chars().next_back();
    let token = &text[end..];
    let length = token.bytes().take_while(|c| c.is_ascii_alphanumeric() || b"-._~+/=".contains(c)).count();
    let plausible = length >= 16 || length >= 8 && token[..length].bytes().any(|c| c.is_ascii_digit());
    (plausible && before.is_none_or(|c| !c.is_alphanumeric())).then_some(Hit {
        start: end,
        end: end + length,
        rule: "authorization",
    })
}

/// Whether a field of this name holds a secret.
pub(super) fn is_secret(name: &str) -> bool {
    const ANYWHERE: [&str; 5] = ["password", "passwd", "passphrase", "secret", "credential"];
    const LAST: [&str; 31] = [
        "pwd",
        "pass",
        "passcode",
        "pw",
        "token",
        "tokens",
        "apikey",
        "accesskey",
        "accesskeyid",
        "privatekey",
        "encryptionkey",
        "signingkey",
        "serverkey",
        "clientkey",
        "masterkey",
        "authkey",
        "accountkey",
        "accountsharedkey",
        "sharedaccesskey",
        "sharedkey",
        "appkey",
        "licensekey",
        "authorization",
        "auth",
        "cookie",
        "sessionid",
        "sessid",
        "signature",
        "cvv",
        "cvc",
        "otp",
    ];
    // Words that end as secrets do, or hold such a word, and are none.
    const NONE: [&str; 11] = [
        "publickeytoken",
        "cancellationtoken",
        "secretname",
        "secretid",
        "passwordreset",
        "passwordresets",
        "passwordpolicy",
        "passwordlength",
        "secretsmanager",
        "metadatatoken",
        "credentialtype",
    ];
    let mut flat = [0; 2 * NAME_BYTES + 32];
    let mut length = 0;
    for byte in name.bytes().filter(u8::is_ascii_alphanumeric).take(flat.len()) {
        flat[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let Ok(flat) = std::str::from_utf8(&flat[..length]) else { return false };
    if NONE.iter().any(|word| flat.ends_with(word)) {
        return false;
    }
    // `author`, `compass`, `bypass`: a short word counts only where a word begins.
    let begins = |word: &str| {
        let at = flat.len() - word.len();
        at == 0 || word.len() > 5 || word_begins(name, word.len())
    };
    ANYWHERE.iter().any(|word| flat.contains(word)) || LAST.iter().any(|word| flat.ends_with(word) && begins(word))
}

/// Whether the last `letters` letters of a name are a word of it: `db_pass`, `dbPass`, `DB-PASS`, not `compass`.
fn word_begins(name: &str, letters: usize) -> bool {
    let mut seen = 0;
    let mut bytes = name.bytes().rev().peekable();
    let mut first = 0;
    while seen < letters {
        match bytes.next() {
            Some(byte) if byte.is_ascii_alphanumeric() => {
                seen += 1;
                first = byte;
            }
            Some(_) => {}
            None => return true,
        }
    }
    match bytes.peek() {
        None => true,
        Some(before) => !before.is_ascii_alphabetic() || first.is_ascii_uppercase() && before.is_ascii_lowercase(),
    }
}

/// `key=`, `sig=`, `code=`, `sid=` and names that end so are common words: their value must look random.
fn is_secret_if_random(name: &str, mark: Mark, value: &str) -> bool {
    // Keys that are no secrets, however random they are.
    const NONE: [&str; 12] = [
        "cache",
        "primary",
        "foreign",
        "idempotency",
        "routing",
        "partition",
        "sort",
        "row",
        "public",
        "object",
        "unique",
        "lock",
    ];
    let value = value.trim_start_matches(['\\', '"', '\'']);
    let length = value.bytes().take_while(|c| c.is_ascii_alphanumeric() || b"-_%+/=".contains(c)).count();
    let value = &value.as_bytes()[..length];
    let at_least = |most: usize| {
        length >= most && value.iter().any(u8::is_ascii_digit) && value.iter().any(u8::is_ascii_alphabetic)
    };
    let lower = name.to_ascii_lowercase();
    if lower.ends_with("key") {
        let other =
            NONE.iter().any(|word| lower.trim_end_matches("key").trim_end_matches(['-', '_', '.']).ends_with(word));
        return !other && at_least(if mark == Mark::Equals { 10 } else { 16 });
    }
    let last = lower.rsplit(['.', '-', '_']).next().unwrap_or(&lower);
    match last {
        "sig" | "code" | "sid" | "session" => mark == Mark::Equals && at_least(10),
        "pin" => mark == Mark::Equals && (4..=8).contains(&length) && value.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// What stands between a name and its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Equals,
    Colon,
    Option,
}

/// Where the value begins: behind a closing quote or bracket, blanks and `=`, `:`, `=>` or, for options, a blank.
fn separator(bytes: &[u8], name_start: usize, name_end: usize) -> Option<(usize, Mark)> {
    let mut at = name_end;
    at += count(&bytes[at..], b"\\");
    at += bytes.get(at..)?.iter().take(1).filter(|c| b"\"'`])".contains(c)).count();
    at += count(&bytes[at..], b" ");
    let mark = match bytes.get(at)? {
        b'=' => {
            at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'>' | b'=')));
            Mark::Equals
        }
        b':' if bytes.get(at + 1) != Some(&b':') => {
            at += 1 + usize::from(bytes.get(at + 1) == Some(&b'='));
            Mark::Colon
        }
        b'%' if bytes[at..].starts_with(b"%3D") || bytes[at..].starts_with(b"%3d") => {
            at += 3;
            Mark::Equals
        }
        // login with password 'x'
        b'\'' | b'"' if bytes.get(name_end) == Some(&b' ') && is_password(&bytes[name_start..name_end]) => Mark::Option,
        _ if at > name_end && bytes[..name_start].ends_with(b"--") || bytes[name_start..].starts_with(b"--") => {
            if bytes.get(name_end) != Some(&b' ') || bytes.get(at) == Some(&b'-') {
                return None;
            }
            Mark::Option
        }
        _ => return None,
    };
    at += count(&bytes[at..], b" ");
    (at < bytes.len()).then_some((at, mark))
}

fn is_password(name: &[u8]) -> bool {
    ["password", "passwd", "passphrase"].iter().any(|word| name.eq_ignore_ascii_case(word.as_bytes()))
}

fn count(bytes: &[u8], byte: &[u8]) -> usize {
    bytes.iter().take(8).take_while(|c| byte.contains(c)).count()
}

/// From where to where the value at `at` goes; none for what is no secret.
fn extent(text: &str, at: usize, mark: Mark, cookie: bool, mode: Mode) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
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
    if cookie {
        let end = bytes[at..].iter().position(|c| matches!(c, b'\n' | b'\r' | b'"')).map_or(bytes.len(), |n| at + n);
        return Some((at, end));
    }
    let end = bare_end(bytes, at);
    let value = &text[at..end];
    if let Some(inner) = after_scheme(text, at, end) {
        return Some((inner, bare_end(bytes, inner)));
    }
    if is_placeholder(value) || mark == Mark::Colon && is_prose(value, &text[end..]) {
        return None;
    }
    Some((at, end))
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
