//! Prefixes that tools put before each line of the programs they run: compose, PM2, kubectl, stern, concurrently, `ts`.
//!
//! In: one raw line. Out: the line without its prefix, and the prefix's name or time. Invariant: only the prefix goes,
//! with the one blank behind it; the line's own indentation stays. Colours around a prefix belong to it.

use std::cell::Cell;

use super::Unwrapped;
use crate::text::skip_colours;
use crate::{header, time};

/// A name in a prefix is not longer.
const MAX_NAME: usize = 80;

// api-1  | text  ·  app_1       |text  ·  0|app  | text  ·  21:53:02 web.1  | text
pub(super) fn compose(line: &[u8]) -> Option<Unwrapped<'_>> {
    let mut rest = skip_colours(line);
    // Foreman and its like print the time of day first.
    let clock = rest.first().is_some_and(u8::is_ascii_digit).then(|| stamp(rest)).flatten();
    if let Some(length) = clock {
        rest = rest[length..].strip_prefix(b" ")?;
    }
    let name = name(rest, b"_.-|/@");
    let bar = if name.ends_with(b"|") { name.len() - 1 } else { blanks(rest, name.len()) };
    let name = name.strip_suffix(b"|").unwrap_or(name);
    // supervisor's own relay names the stream too: `web stdout | text`.
    let stream =
        [b" stdout |".as_slice(), b" stderr |"].into_iter().find(|stream| rest[name.len()..].starts_with(stream));
    let bar = stream.map_or(bar, |stream| name.len() + stream.len() - 1);
    let level = std::str::from_utf8(name).ok().and_then(header::level).is_some();
    if rest.get(bar) != Some(&b'|') || !name.iter().any(u8::is_ascii_alphabetic) || level {
        return None;
    }
    let text = skip_colours(&rest[bar + 1..]);
    let text = skip_colours(text.strip_prefix(b" ").unwrap_or(text));
    Some(Unwrapped { key: name, text, ..Unwrapped::default() })
}

// [pod/api-6d5f7c9b8-x2x4z/api] text
pub(super) fn kubectl(line: &[u8]) -> Option<Unwrapped<'_>> {
    let inner = skip_colours(line).strip_prefix(b"[pod/")?;
    let end = memchr::memchr(b']', inner)?;
    let text = skip_colours(&inner[end + 1..]);
    Some(Unwrapped { key: &inner[..end], text: text.strip_prefix(b" ").unwrap_or(text), ..Unwrapped::default() })
}

// api-6d5f7c9b8-x2x4z api text
pub(super) fn stern(line: &[u8]) -> Option<Unwrapped<'_>> {
    let start = skip_colours(line);
    let pod = label(start).filter(|pod| pod.contains(&b'-'))?;
    let rest = skip_colours(skip_colours(&start[pod.len()..]).strip_prefix(b" ")?);
    let container = label(rest)?;
    let text = skip_colours(&rest[container.len()..]);
    let text = if text.is_empty() { text } else { text.strip_prefix(b" ")? };
    // Colours may stand between the two names; the key holds them too, alike in each line of the pod.
    let key = &start[..start.len() - rest.len() + container.len()];
    Some(Unwrapped { key, text, ..Unwrapped::default() })
}

// production api-6d5f7c9b8-x2x4z api text
/// The same where stern follows all namespaces.
pub(super) fn stern_namespaces(line: &[u8]) -> Option<Unwrapped<'_>> {
    let start = skip_colours(line);
    let namespace = label(start)?;
    let rest = skip_colours(&start[namespace.len()..]).strip_prefix(b" ")?;
    let found = stern(rest)?;
    let key = &start[..start.len() - rest.len() + skip_colours(rest).len().min(found.key.len())];
    Some(Unwrapped { key, ..found })
}

// [0] text  ·  [api] text  ·  api:dev: text
pub(super) fn bracket(line: &[u8]) -> Option<Unwrapped<'_>> {
    let start = skip_colours(line);
    let (key, after) = match start.strip_prefix(b"[") {
        Some(inner) => {
            let mut name = name(inner, b"_@/:.-");
            // kubetail's `[pod container]`.
            if let Some(rest) =
                inner[name.len()..].strip_prefix(b" ").filter(|_| name.contains(&b'-') && label(inner) == Some(name))
            {
                name = &inner[..name.len() + 1 + label(rest)?.len()];
            }
            (name, inner[name.len()..].strip_prefix(b"]")?)
        }
        None => {
            let name = name(start, b"_@/:.-");
            let key = name.strip_suffix(b":").filter(|key| memchr::memchr(b':', key).is_some())?;
            (key, &start[name.len()..])
        }
    };
    let word = std::str::from_utf8(key).ok()?;
    if word.is_empty() || header::level(word).is_some() || time::at_start(word).is_some() {
        return None;
    }
    let text = skip_colours(after);
    Some(Unwrapped { key, text: text.strip_prefix(b" ").unwrap_or(text), ..Unwrapped::default() })
}

// 2026-11-23T21:53:02.142Z text  ·  2026-11-23 21:53:02 +00:00: text  ·  [2026-11-23 21:53:02] text
pub(super) fn time(line: &[u8]) -> Option<Unwrapped<'_>> {
    let start = skip_colours(line);
    if let Some((stamp, text)) = tai64n(start) {
        return Some(Unwrapped { text, stamp, ..Unwrapped::default() });
    }
    let inner = start.strip_prefix(b"[").unwrap_or(start);
    let length = stamp(inner)?;
    let (stamp, mut rest) = inner.split_at(length);
    if inner.len() < start.len() {
        rest = rest.strip_prefix(b"]")?;
    }
    rest = skip_colours(rest.strip_prefix(b":").unwrap_or(rest));
    let text = if rest.is_empty() { rest } else { rest.strip_prefix(b" ")? };
    // Azure's App Service names a level by the stream: `2026-11-23T21:53:02.1234567Z: [ERROR]  text`.
    let azure = [b"[ERROR]  ".as_slice(), b"[INFO]  "].into_iter().find_map(|level| text.strip_prefix(level));
    Some(Unwrapped { text: azure.unwrap_or(text), stamp, ..Unwrapped::default() })
}

// @400000006a0b1c2d0a1b2c3d text
/// The time of daemontools, runit and s6, and what stands behind it.
pub(super) fn tai64n(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (stamp, rest) = line.split_at_checked(25).filter(|(stamp, _)| stamp.starts_with(b"@4"))?;
    let hex = stamp[1..].iter().all(u8::is_ascii_hexdigit);
    hex.then_some((stamp, rest.strip_prefix(b" ")?))
}

// 11-23 10:50:54.620  6959  6959 E mono    :   at X.Y()  ·  E/mono    ( 4256):   at X.Y()
// C:\x\Pack.targets(39,5): error MSB4018:    at X.Y() [C:\x\Shop.csproj]
pub(super) fn tag(line: &[u8]) -> Option<Unwrapped<'_>> {
    let head = &line[..line.len().min(MAX_TAG)];
    let end =
        memchr::memmem::find(head, b": ").or_else(|| head.len().checked_sub(1).filter(|_| head.ends_with(b":")))?;
    let (key, rest) = (&line[..end], &line[end..]);
    let rest = rest.strip_prefix(b": ").unwrap_or_default();
    if let Some(code) = rest.strip_prefix(b"error ").filter(|_| key.ends_with(b")")) {
        let end = code.iter().take(12).position(|c| *c == b':')?;
        let text = code[end + 1..].strip_prefix(b" ").unwrap_or_default();
        // The project stands behind each line.
        let own = text.strip_suffix(b"proj]").and_then(|inner| memchr::memmem::rfind(inner, b" ["));
        return Some(Unwrapped { key, text: &text[..own.unwrap_or(text.len())], ..Unwrapped::default() });
    }
    is_android(key).then(|| Unwrapped {
        key: memchr::memchr(b'.', key).map_or(key, |at| &key[at + 4..]),
        text: rest,
        ..Unwrapped::default()
    })
}

/// So far into a line its tag may reach, in bytes: MSBuild's begins with a path.
const MAX_TAG: usize = 300;

/// Whether the text before a line's first colon is Android's: times, numbers, a letter for the level, a tag.
fn is_android(head: &[u8]) -> bool {
    let is_level = |word: &[u8]| matches!(word, [b'V' | b'D' | b'I' | b'W' | b'E' | b'F']);
    let is_number = |word: &[u8]| word.iter().all(u8::is_ascii_digit);
    let mut words = head.split(|c| *c == b' ').filter(|word| !word.is_empty());
    let words: [&[u8]; 6] = std::array::from_fn(|_| words.next().unwrap_or_default());
    match words {
        [date, _, pid, tid, level, tag] if !tag.is_empty() => {
            date.contains(&b'-') && is_number(pid) && is_number(tid) && is_level(level)
        }
        // `E/mono( 4256)`, behind a time or not.
        _ => head.ends_with(b")") && words.iter().any(|word| word.get(1) == Some(&b'/') && is_level(&word[..1])),
    }
}

/// Pod and container out of `pod/container` or `pod container`.
pub(super) fn pod_origin(key: &str) -> Vec<(String, String)> {
    let mut parts = key.split(['/', ' ']).filter(|part| !part.is_empty());
    ["pod", "container"].into_iter().zip(&mut parts).map(|(name, part)| (name.to_owned(), part.to_owned())).collect()
}

/// The same behind a namespace.
pub(super) fn namespaced_origin(key: &str) -> Vec<(String, String)> {
    let (namespace, rest) = key.split_once(' ').unwrap_or(("", key));
    let mut facts = pod_origin(rest);
    facts.push(("namespace".to_owned(), namespace.to_owned()));
    facts
}

/// So much of a line may be a time.
const STAMP_BYTES: usize = 48;

/// The beginning of a line, padded, its length, and how long its time is.
type Stamped = ([u8; STAMP_BYTES], usize, Option<usize>);

thread_local! {
    /// The line that was asked about last: all wrappers ask about the same one.
    static LAST: Cell<Stamped> = const { Cell::new(([0; STAMP_BYTES], 0, None)) };
}

/// How long the time is that `line` begins with.
pub(super) fn stamp(line: &[u8]) -> Option<usize> {
    line.first().filter(|first| first.is_ascii_alphanumeric())?;
    let head = &line[..line.len().min(STAMP_BYTES)];
    let mut padded = [0; STAMP_BYTES];
    padded[..head.len()].copy_from_slice(head);
    let (known, bytes, length) = LAST.get();
    if bytes == head.len() && known == padded {
        return length;
    }
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or(""),
    };
    let length = time::at_start(text).map(|stamp| stamp.length);
    LAST.set((padded, head.len(), length));
    length
}

/// Letters, digits and `others` at the beginning.
pub(super) fn name<'a>(line: &'a [u8], others: &[u8]) -> &'a [u8] {
    let length = line.iter().take(MAX_NAME).take_while(|c| c.is_ascii_alphanumeric() || others.contains(c)).count();
    &line[..length]
}

/// A name as Kubernetes allows it: lower case, digits, dashes and dots.
fn label(line: &[u8]) -> Option<&[u8]> {
    let length = line
        .iter()
        .take(MAX_NAME)
        .take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'.'))
        .count();
    let label = &line[..length];
    label.first().filter(|first| first.is_ascii_alphanumeric()).map(|_| label)
}

fn blanks(line: &[u8], from: usize) -> usize {
    from + line[from..].iter().take_while(|c| **c == b' ').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<'a>(found: Option<Unwrapped<'a>>, key: &str) -> &'a str {
        let found = found.unwrap();
        assert_eq!(String::from_utf8_lossy(found.key), key);
        std::str::from_utf8(found.text).unwrap()
    }

    #[test]
    fn names() {
        assert_eq!(text(compose(b"api-1  |    at X.Y()"), "api-1"), "   at X.Y()");
        assert_eq!(text(compose(b"\x1b[36mapp_1       |\x1b[0m \tat x"), "app_1"), "\tat x");
        assert_eq!(text(compose(b"\x1b[36mapp-1  | \x1b[0m  x"), "app-1"), "  x");
        assert_eq!(text(compose(b"0|shop  | x"), "0|shop"), "x");
        assert_eq!(text(compose(b"web stderr |    at X"), "web"), "   at X");
        assert_eq!(text(compose(b"api-1  |"), "api-1"), "");
        assert_eq!(text(compose(b"21:53:02 web.1   |   x"), "web.1"), "  x");
        assert_eq!(text(kubectl(b"[pod/a-1/api]  x"), "a-1/api"), " x");
        assert_eq!(text(stern(b"a-6d5-x2 api    at X"), "a-6d5-x2 api"), "   at X");
        assert_eq!(text(stern_namespaces(b"kube-x a-6d5-x2 api    at X"), "kube-x a-6d5-x2 api"), "   at X");
        assert_eq!(text(bracket(b"[0]     at x"), "0"), "    at x");
        assert_eq!(text(bracket(b"\x1b[34m[api]\x1b[39m x"), "api"), "x");
        assert_eq!(text(bracket(b"@scope/web:dev:     at x"), "@scope/web:dev"), "    at x");
        for not in ["ERROR | x", "12 | x", "a b | x", "| x", ""] {
            assert_eq!(compose(not.as_bytes()), None, "{not}");
        }
        for not in ["[error] x", "[2026-11-23 08:50:05] x", "[] x", "Error: x", "[a b] x"] {
            assert_eq!(bracket(not.as_bytes()), None, "{not}");
        }
        assert_eq!(stern(b"well known    at X"), None);
    }

    #[test]
    fn tags() {
        for (line, key, expected) in [
            ("11-23 10:50:54.620  6959  6971 E mono    :   at X.Y()", "  6959  6971 E mono    ", "  at X.Y()"),
            ("11-23 10:50:54.620  6959  6971 E mono:", "  6959  6971 E mono", ""),
            ("11-23 10:50:54.620 E/mono    ( 4256):   at X.Y()", " E/mono    ( 4256)", "  at X.Y()"),
            (
                "C:\\x y\\P.targets(39,5): error MSB4018:    at X.Y() [C:\\x\\S.csproj]",
                "C:\\x y\\P.targets(39,5)",
                "   at X.Y()",
            ),
        ] {
            assert_eq!(text(tag(line.as_bytes()), key), expected, "{line}");
        }
        for not in ["ERROR: x", "note (7): x", "2026-11-23 10:50:54 E x: y", "a: b"] {
            assert_eq!(tag(not.as_bytes()), None, "{not}");
        }
    }

    #[test]
    fn times() {
        for (line, expected) in [
            ("2026-11-23T21:53:02.142Z    at x", "   at x"),
            ("2026-11-23 21:53:02 +00:00:     at x", "    at x"),
            ("[2026-11-23 21:53:02]   at x", "  at x"),
            ("Nov 23 21:53:02   at x", "  at x"),
            ("2026-11-23T21:53:02.1234567Z: [ERROR]     at x", "   at x"),
            ("@400000006a0b1c2d0a1b2c3d    at x", "   at x"),
        ] {
            assert_eq!(std::str::from_utf8(time(line.as_bytes()).unwrap().text), Ok(expected), "{line}");
        }
    }
}
