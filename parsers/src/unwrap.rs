//! Takes off what a container runtime, process manager or shipper wrapped around a program's lines.
//!
//! In: one raw line. Out: the program's own text, the key of its writer, and the wrapper's time. Invariants: a pure
//! function of the line; a line that is not wrapped comes back as none. Does not join partial lines nor keep the
//! writers apart: it says which line is whose, and that a line goes on.

mod container;
mod fpm;
mod json;
mod prefix;
mod service;
mod syslog;
mod utf16;

pub(crate) use utf16::{encoding, line_end};

use crate::{header, line};

/// How the lines of a stream are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrapper {
    /// Docker's json-file driver.
    Docker,
    /// The container runtime interface: `TIME stdout F text`.
    Cri,
    /// `journalctl -o json`.
    Journal,
    /// A shipper's JSON around a line: Fluent Bit, Filebeat, Docker's fluentd driver.
    Shipper,
    /// RFC 5424.
    Syslog5424,
    /// RFC 3164, rsyslog's file formats, `journalctl`'s short output, Heroku's log.
    Syslog,
    /// `app-1  | text`: docker compose, and PM2's `0|app  | text`.
    Compose,
    /// `[pod/name/container] text`: `kubectl logs --prefix`.
    Kubectl,
    /// `pod container text`: stern.
    Stern,
    /// `namespace pod container text`: stern over all namespaces.
    SternNamespaces,
    /// `[name] text`: concurrently, turbo, foreman's like.
    Bracket,
    /// Cloud Foundry's, Loki's, Fluentd's or Fluent Bit's prefix.
    Service,
    /// `aws logs tail`: the stream's name behind the time.
    ServiceStream,
    /// A row of Graylog's CSV.
    Row,
    /// `journalctl -o verbose` and `-o export`: a field a line.
    JournalFields,
    /// PHP-FPM's own log around its workers' output, and FastCGI's `PHP message: `.
    Fpm,
    /// A time before every line: `ts`, PM2's log_date_format, `docker logs -t`.
    Time,
    /// Android's log, and what MSBuild prints before each line of a task's failure.
    Tag,
    /// UTF-16, little-endian.
    Utf16Le,
    /// UTF-16, big-endian.
    Utf16Be,
}

/// One line, taken out of its wrapper. Bytes as they stand in the line, or unescaped in the caller's scratch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Unwrapped<'a> {
    /// Whose stream it is: lines of one key belong together.
    pub key: &'a [u8],
    /// The program's own bytes, without a line break at their end.
    pub text: &'a [u8],
    /// The wrapper's time, as printed; digits alone are microseconds since the epoch, `@4…` is TAI64N.
    pub stamp: &'a [u8],
    /// Whether the program's line goes on in the next piece of this stream.
    pub partial: bool,
}

/// Wrappers that a single line proves.
const CERTAIN: [Wrapper; 9] = [
    Wrapper::Docker,
    Wrapper::Cri,
    Wrapper::Journal,
    Wrapper::Shipper,
    Wrapper::Syslog5424,
    Wrapper::Syslog,
    Wrapper::Kubectl,
    Wrapper::Service,
    Wrapper::Fpm,
];

/// Wrappers whose prefix a program could print itself: a stack frame right behind it is the proof, as a frame never
/// stands behind a program's own prefix; behind some, an entry's beginning is one, too.
const LIKELY: [Wrapper; 9] = [
    Wrapper::Compose,
    Wrapper::Time,
    Wrapper::Bracket,
    Wrapper::Stern,
    Wrapper::SternNamespaces,
    Wrapper::ServiceStream,
    Wrapper::Row,
    Wrapper::JournalFields,
    Wrapper::Tag,
];

/// The wrapper that a line stands in, if any.
pub(crate) fn detect(line: &[u8]) -> Option<Wrapper> {
    // No program prints the labels of atomic time itself.
    if prefix::tai64n(line).is_some() {
        return Some(Wrapper::Time);
    }
    certain(line).or_else(|| if is_bare(line) { None } else { likely(line, is_proof) })
}

/// Whether a text behind what could be a wrapper's prefix shows that it is one.
fn is_proof(wrapper: Wrapper, text: &[u8]) -> bool {
    let object = || text.starts_with(b"{\"") && text.ends_with(b"}");
    let proof = || match wrapper {
        Wrapper::Compose | Wrapper::Stern | Wrapper::SternNamespaces => object() || header::begins(text),
        Wrapper::Bracket | Wrapper::ServiceStream => object(),
        // <3>Shop.Orders[7] order 7 failed
        Wrapper::Time => text.starts_with(b"<") && header::begins(text),
        _ => false,
    };
    is_frame(text) || proof()
}

/// Whether a text can only be a line of a trace, by itself or behind the time that the tool was asked for, too.
fn is_frame(text: &[u8]) -> bool {
    // PHP and Monolog print these lines alone, and behind no header.
    let is_frame = |text: &[u8]| line::is_frame(text) || matches!(text, b"Stack trace:" | b"[stacktrace]");
    is_frame(text) || prefix::time(text).is_some_and(|inner| is_frame(inner.text))
}

/// Whether a line begins as those of traces do, and no prefix does. Behind blanks, times and the names of fields are
/// prefixes.
pub(crate) fn is_bare(line: &[u8]) -> bool {
    match line.first() {
        None | Some(b'#' | b'}' | b'(') => true,
        Some(b'"') => line.get(1) == Some(&b'}'),
        Some(b' ' | b'\t') => !matches!(line.trim_ascii_start().first(), Some(b'0'..=b'9' | b'A'..=b'Z' | b'_')),
        Some(_) => line.starts_with(b"--- "),
    }
}

/// Whether a wrapper's mark stands in these lines that is no prefix of a line.
pub(crate) fn may_stand_anywhere(lines: &[u8]) -> bool {
    fpm::may_be_in(lines)
}

/// The wrapper that a line proves by itself.
pub(crate) fn certain(line: &[u8]) -> Option<Wrapper> {
    let mut scratch = Vec::new();
    // FastCGI's words stand anywhere in a line.
    let bare = is_bare(line);
    CERTAIN
        .into_iter()
        .filter(|wrapper| !bare || *wrapper == Wrapper::Fpm)
        .find(|wrapper| take_off(*wrapper, line, &mut scratch).is_some())
}

/// Whether a line has what could be a wrapper's prefix.
pub(crate) fn is_prefixed(line: &[u8]) -> bool {
    certain(line).or_else(|| likely(line, |_, _| true)).is_some()
}

fn likely(line: &[u8], is_proof: impl Fn(Wrapper, &[u8]) -> bool) -> Option<Wrapper> {
    let mut scratch = Vec::new();
    LIKELY.into_iter().find(|wrapper| {
        take_off(*wrapper, line, &mut scratch).is_some_and(|found| !found.partial && is_proof(*wrapper, found.text))
    })
}

/// Takes the wrapper off one line (without its line break); none when it is not in it.
pub(crate) fn take_off<'a>(wrapper: Wrapper, line: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<Unwrapped<'a>> {
    match wrapper {
        Wrapper::Docker => container::docker(line, scratch),
        Wrapper::Cri => container::cri(line),
        Wrapper::Journal => json::journal(line, scratch),
        Wrapper::Shipper => json::shipper(line, scratch),
        Wrapper::Syslog5424 => syslog::rfc5424(line),
        Wrapper::Syslog => syslog::logplex(line).or_else(|| syslog::short(line, scratch)),
        Wrapper::Compose => prefix::compose(line),
        Wrapper::Kubectl => prefix::kubectl(line),
        Wrapper::Stern => prefix::stern(line),
        Wrapper::SternNamespaces => prefix::stern_namespaces(line),
        Wrapper::Bracket => prefix::bracket(line),
        Wrapper::Service => service::service(line, scratch),
        Wrapper::ServiceStream => service::stream(line),
        Wrapper::Row => service::row(line, scratch),
        Wrapper::JournalFields => service::field(line),
        Wrapper::Fpm => fpm::fpm(line, scratch),
        Wrapper::Time => prefix::time(line),
        Wrapper::Tag => prefix::tag(line),
        Wrapper::Utf16Le => Some(utf16::decode(line, u16::from_le_bytes, scratch)),
        Wrapper::Utf16Be => Some(utf16::decode(line, u16::from_be_bytes, scratch)),
    }
}

/// What the wrapper says of the writer of a line, as (name, value).
pub(crate) fn origin(wrapper: Wrapper, line: &[u8], key: &[u8]) -> Vec<(String, String)> {
    let key = || String::from_utf8_lossy(key).into_owned();
    let one = |name: &str| vec![(name.to_owned(), key())];
    match wrapper {
        _ if key().is_empty() => Vec::new(),
        Wrapper::Docker | Wrapper::Cri => one("stream"),
        Wrapper::Journal => json::journal_origin(line),
        Wrapper::Shipper => json::shipper_origin(line),
        Wrapper::Syslog5424 | Wrapper::Syslog => syslog::origin(&key()),
        Wrapper::Compose | Wrapper::Bracket => one("process"),
        Wrapper::Service | Wrapper::ServiceStream => one("stream"),
        Wrapper::Row => one("host"),
        Wrapper::Kubectl | Wrapper::Stern => prefix::pod_origin(&key()),
        Wrapper::SternNamespaces => prefix::namespaced_origin(&key()),
        Wrapper::Fpm => one("pid"),
        Wrapper::Time | Wrapper::Tag | Wrapper::JournalFields | Wrapper::Utf16Le | Wrapper::Utf16Be => Vec::new(),
    }
}

/// Whether a line without the wrapper goes on with the line before it; else it is a stream of its own.
pub(crate) fn foreign_continues(wrapper: Wrapper) -> bool {
    matches!(wrapper, Wrapper::Syslog | Wrapper::Fpm | Wrapper::Time | Wrapper::JournalFields)
}
