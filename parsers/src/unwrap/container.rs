//! Container runtimes' log files: Docker's json-file driver and the container runtime interface (CRI).
//!
//! In: one raw line. Out: the container's own line. Invariant: no JSON parser runs on the common form, and nothing
//! is copied but a text that holds escapes. Does not know which container: that is in the file's path.

use super::Unwrapped;
use super::json::unescape;

// {"log":"   at X.Y()\n","stream":"stdout","time":"2026-11-23T21:53:02.142257404Z"}
pub(super) fn docker<'a>(line: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<Unwrapped<'a>> {
    let quoted = line.strip_prefix(b"{\"log\":\"")?;
    let stop = memchr::memchr2(b'"', b'\\', quoted)?;
    // A line above 16 KiB is split: only its last piece holds the line break. Most lines hold no other escape.
    let (text, partial, rest) = if let Some(rest) = quoted[stop..].strip_prefix(b"\\n\"") {
        (&quoted[..stop], false, rest)
    } else {
        scratch.clear();
        let end = unescape(quoted, scratch)?;
        let whole = scratch.strip_suffix(b"\n");
        (whole.unwrap_or(scratch), whole.is_none(), &quoted[end + 1..])
    };
    let key = field(rest, b"\"stream\":\"")?;
    let stamp = field(rest, b"\"time\":\"").unwrap_or(b"");
    Some(Unwrapped { key, text, stamp, partial })
}

/// The value behind `name` in what follows the text: neither value ever holds an escape.
fn field<'a>(facts: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    // `attrs` may stand in between and hold anything, so the last one counts.
    let start =
        name.len() + (0..=facts.len().checked_sub(name.len())?).rev().find(|at| facts[*at..].starts_with(name))?;
    let length = memchr::memchr(b'"', &facts[start..])?;
    Some(&facts[start..start + length])
}

// 2026-11-23T00:40:00.000137007Z stderr F [stacktrace]
pub(super) fn cri(line: &[u8]) -> Option<Unwrapped<'_>> {
    if line.len() < 24 || line[4] != b'-' || line[10] != b'T' {
        return None;
    }
    let space = memchr::memchr(b' ', &line[..48.min(line.len())])?;
    let (stamp, rest) = (&line[..space], &line[space + 1..]);
    let key = rest.get(..6).filter(|key| *key == b"stdout" || *key == b"stderr")?;
    // The tag may carry more than one mark: `P:x`.
    let tag = rest[6..].strip_prefix(b" ")?;
    let end = memchr::memchr(b' ', tag).unwrap_or(tag.len());
    let partial = match (&tag[..end], tag[..end].get(1)) {
        ([b'F', ..], None | Some(b':')) => false,
        ([b'P', ..], None | Some(b':')) => true,
        _ => return None,
    };
    let text = tag.get(end + 1..).unwrap_or(b"");
    Some(Unwrapped { key, text, stamp, partial })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_lines() {
        let mut scratch = Vec::new();
        let line = r#"{"log":"\u0009at \u003cX\u003e \"é\ud83d\ude00\\\n","stream":"stderr","attrs":{"tag":"a"},"time":"2026-11-23T21:53:02Z"}"#;
        let found = docker(line.as_bytes(), &mut scratch).unwrap();
        assert_eq!(String::from_utf8_lossy(found.text), "\tat <X> \"é😀\\");
        assert_eq!((found.key, found.stamp, found.partial), (&b"stderr"[..], &b"2026-11-23T21:53:02Z"[..], false));
        let found = docker(br#"{"log":"half","stream":"stdout","time":"t"}"#, &mut scratch).unwrap();
        assert_eq!((found.text, found.partial), (&b"half"[..], true));
        for not in [r#"{"log":"no end"#, r#"{"log":"app's own","level":3}"#, r#"{"level":"x"}"#, ""] {
            assert_eq!(docker(not.as_bytes(), &mut Vec::new()), None, "{not}");
        }
    }

    #[test]
    fn cri_lines() {
        let found = cri(b"2026-11-23T00:40:00.1Z stderr P   half").unwrap();
        assert_eq!((found.key, found.text, found.partial), (&b"stderr"[..], &b"  half"[..], true));
        assert_eq!(cri(b"2026-11-23T00:40:00.123456+07:00 stdout F").unwrap().text, b"");
        assert_eq!(cri(b"2026-11-23T00:40:00.1Z stdout FATAL it broke"), None);
        assert_eq!(cri(b"2026-11-23T00:40:00.1Z stderr"), None);
    }
}
