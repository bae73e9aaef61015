//! Values that are secret because of the name before them.
//!
//! In: a text and the place of a word like `token` in it. Out: the place of the value, in the forms
//! `key=value`, JSON, PHP arrays, headers, query strings, connection strings and options. Invariant: names are
//! looked at for at most 64 bytes on each side. Does not read values that are prose.

use super::{Hit, Mode};

/// Words that a secret's name holds,
const ANYWHERE: [&str; 5] = ["password", "passwd", "passphrase", "secret", "credential"];
/// or ends with.
const LAST: [&str; 44] = [
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
    "cookies",
    "sessionid",
    "sessid",
    "cvv",
    "cvc",
    "otp",
    "otpcode",
    "authcode",
    "authorizationcode",
    "verificationcode",
    "securitycode",
    "recoverycode",
    "accesscode",
    "csrf",
    "xsrf",
    "hmac",
    "ssn",
    "iban",
    "samlresponse",
];
/// Words that end as secrets do, or hold such a word, and are none.
const NONE: [&str; 11] = [
    "secretary",
    "publickeytoken",
    "cancellationtoken",
    "secretname",
    "passwordreset",
    "passwordresets",
    "passwordpolicy",
    "passwordlength",
    "secretsmanager",
    "metadatatoken",
    "credentialtype",
];
/// `password_changed_at`, `credentialsProvider`: what is said about one.
const ABOUT: [&str; 17] = [
    "at", "length", "policy", "count", "required", "enabled", "attempts", "type", "rules", "strength", "field",
    "provider", "broker", "manager", "expires", "changed", "age",
];

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
    let to_line_end = mark == Mark::Colon && name.to_ascii_lowercase().ends_with("cookie");
    let (start, end) = extent(text, value, mark, to_line_end, mode)?;
    let found = text.get(start..end)?;
    let counted = name.to_ascii_lowercase().ends_with("tokens") && found.bytes().all(|c| c.is_ascii_digit());
    // The shell's working directory; what a parser met.
    let path = name.ends_with("PWD") && found.starts_with('/');
    let parsed = name == "token" && text[..name_start].ends_with("nexpected ");
    // Laravel's guards: auth:sanctum
    let guard = name == "auth" && mark == Mark::Colon && found.bytes().all(|c| c.is_ascii_lowercase());
    let is_none = counted || path || parsed || guard || allowed(found);
    (!is_none).then_some(Hit { start, end, rule: "secret field" })
}

/// `Bearer eyJ…`, `Basic dXNlcjpwdw==`, SMTP's `AUTH PLAIN AGFubgBwdzE=`.
pub(super) fn scheme(text: &str, start: usize, end: usize) -> Option<Hit> {
    let before = text[..start].chars().next_back();
    let token = &text[end..];
    let signs: &[u8] = if text[start..end].eq_ignore_ascii_case("bearer ") { b"-._~+/=" } else { b"+/=" };
    let length = token.bytes().take_while(|c| c.is_ascii_alphanumeric() || signs.contains(c)).count();
    let plausible = length >= 16 || length >= 8 && token[..length].bytes().any(|c| c.is_ascii_digit());
    (plausible && before.is_none_or(|c| !c.is_alphanumeric())).then_some(Hit {
        start: end,
        end: end + length,
        rule: "authorization",
    })
}

/// Whether a field of this name holds a secret.
pub(super) fn is_secret(name: &str) -> bool {
    let mut flat = [0; 2 * NAME_BYTES + 32];
    let mut length = 0;
    for byte in name.bytes().filter(u8::is_ascii_alphanumeric).take(flat.len()) {
        flat[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let Ok(flat) = std::str::from_utf8(&flat[..length]) else { return false };
    // `password2`, `x-hub-signature-256`.
    let name = name.trim_end_matches(|c: char| !c.is_ascii_alphabetic());
    let flat = flat.trim_end_matches(|c: char| c.is_ascii_digit());
    if NONE.iter().any(|word| flat.ends_with(word)) {
        return false;
    }
    // `author`, `compass`, `bypass`: a short word counts only where a word begins.
    let begins = |word: &str| {
        let at = flat.len() - word.len();
        at == 0 || word.len() > 5 || word_begins(name, word.len())
    };
    let is_about = ABOUT.iter().any(|word| flat.ends_with(word) && word_begins(name, word.len()));
    !is_about && ANYWHERE.iter().any(|word| flat.contains(word))
        || LAST.iter().any(|word| flat.ends_with(word) && begins(word))
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
        "pin" => (4..=8).contains(&length) && value.iter().all(u8::is_ascii_digit),
        _ if last.ends_with("signature") => at_least(16),
        // X-Hub-Signature-256: sha256=0a1b…
        _ if lower.contains("-signature") => length >= 6,
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
fn extent(text: &str, at: usize, mark: Mark, to_line_end: bool, mode: Mode) -> Option<(usize, usize)> {
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
