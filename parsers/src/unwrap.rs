//! Takes off what a container runtime or process manager wrapped around a program's lines.
//!
//! In: one raw line. Out: the program's own text, the key of its stream, and what the wrapper says of it.
//! Invariant: a line that is not wrapped comes back whole, in the stream of the unwrapped. Does not join
//! partial lines: it says that a line is one.

use std::borrow::Cow;

/// How the lines of a file are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrapper {
    /// Docker's json-file driver.
    Docker,
    /// The container runtime interface: `TIME stdout F text`.
    Cri,
}

/// One line, taken out of its wrapper.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unwrapped<'a> {
    /// Whose stream it is: lines of one key belong together.
    pub key: Cow<'a, str>,
    /// The program's own bytes, without a line break.
    pub text: Cow<'a, [u8]>,
    /// The wrapper's time, as printed.
    pub stamp: &'a str,
    /// Whether the program's line goes on in the next piece of this stream.
    pub partial: bool,
}

/// The wrapper that a line stands in, if any.
pub(crate) fn detect(line: &[u8]) -> Option<Wrapper> {
    [Wrapper::Docker, Wrapper::Cri].into_iter().find(|wrapper| take_off(*wrapper, line).is_some())
}

/// Takes the wrapper off one line (without its line break); none when it is not in it.
pub(crate) fn take_off(wrapper: Wrapper, line: &[u8]) -> Option<Unwrapped<'_>> {
    match wrapper {
        Wrapper::Docker => docker(line),
        Wrapper::Cri => cri(line),
    }
}

// {"log":"   at X.Y()\n","stream":"stdout","time":"2026-11-23T21:53:02.142257404Z"}
fn docker(line: &[u8]) -> Option<Unwrapped<'_>> {
    #[derive(serde::Deserialize)]
    struct Entry<'a> {
        #[serde(borrow)]
        log: Cow<'a, str>,
        #[serde(borrow, default)]
        stream: Cow<'a, str>,
        #[serde(default)]
        time: &'a str,
    }
    if !line.starts_with(b"{\"log\":\"") {
        return None;
    }
    let entry: Entry<'_> = serde_json::from_slice(line).ok()?;
    let (text, partial) = match entry.log {
        Cow::Borrowed(text) => match text.strip_suffix('\n') {
            Some(text) => (Cow::Borrowed(text.as_bytes()), false),
            None => (Cow::Borrowed(text.as_bytes()), true),
        },
        Cow::Owned(mut text) => {
            let whole = text.ends_with('\n');
            text.truncate(text.len() - usize::from(whole));
            (Cow::Owned(text.into_bytes()), !whole)
        }
    };
    Some(Unwrapped { key: entry.stream, text, stamp: entry.time, partial })
}

// 2026-11-23T00:40:00.000137007Z stderr F [stacktrace]
fn cri(line: &[u8]) -> Option<Unwrapped<'_>> {
    if line.len() < 24 || line[4] != b'-' || line[10] != b'T' {
        return None;
    }
    let space = memchr::memchr(b' ', line.get(..48.min(line.len()))?)?;
    let stamp = std::str::from_utf8(&line[..space]).ok()?;
    let rest = &line[space + 1..];
    let key = if rest.starts_with(b"stdout ") {
        "stdout"
    } else if rest.starts_with(b"stderr ") {
        "stderr"
    } else {
        return None;
    };
    let rest = &rest[7..];
    let partial = match rest.first()? {
        b'F' => false,
        b'P' => true,
        _ => return None,
    };
    let text = match rest.get(1) {
        Some(b' ') => &rest[2..],
        None => &rest[1..],
        Some(_) => return None,
    };
    Some(Unwrapped { key: Cow::Borrowed(key), text: Cow::Borrowed(text), stamp, partial })
}
