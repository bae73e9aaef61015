//! What stands in a line but is not its text: colours, byte order marks, the NULs of a hole.
//!
//! In: a line's bytes. Out: the same without these. Invariant: nothing is copied where there is nothing to take out.

use std::borrow::Cow;
use std::sync::OnceLock;

use memchr::memmem::Finder;

/// A text that is sought in many short ones: what the search needs is made ready once.
#[derive(Debug)]
pub(crate) struct Literal {
    text: &'static str,
    finder: OnceLock<Finder<'static>>,
}

impl Literal {
    pub(crate) const fn new(text: &'static str) -> Literal {
        Literal { text, finder: OnceLock::new() }
    }

    /// Where it stands in `bytes` first.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<usize> {
        self.finder.get_or_init(|| Finder::new(self.text)).find(bytes)
    }

    /// The end of its first place in `bytes`.
    pub(crate) fn end_in(&self, bytes: &[u8]) -> Option<usize> {
        Some(self.find(bytes)? + self.text.len())
    }

    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        self.find(bytes).is_some()
    }
}

/// Escape, the first byte of each terminal sequence.
const ESCAPE: u8 = 0x1B;

/// The line without terminal sequences, byte order mark, and the NULs of a file's hole before it.
pub(crate) fn clean(line: &[u8]) -> Cow<'_, [u8]> {
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
    let line = if line.first() == Some(&0) {
        &line[line.iter().position(|byte| *byte != 0).unwrap_or(line.len())..]
    } else {
        line
    };
    let Some(mut at) = memchr::memchr(ESCAPE, line) else { return Cow::Borrowed(line) };
    let mut out = line[..at].to_vec();
    loop {
        at += sequence(&line[at..]).max(1);
        let next = memchr::memchr(ESCAPE, &line[at..]).map_or(line.len(), |found| at + found);
        out.extend_from_slice(&line[at..next]);
        if next == line.len() {
            return Cow::Owned(out);
        }
        at = next;
    }
}

/// The text of a line, without its line break.
pub(crate) fn lossy(line: &[u8]) -> Cow<'_, str> {
    match clean(trim_break(line)) {
        Cow::Borrowed(text) => decode(text),
        Cow::Owned(text) => Cow::Owned(String::from_utf8_lossy(&text).into_owned()),
    }
}

/// The text of several lines in which no terminal sequence stands.
pub(crate) fn plain(lines: &[u8]) -> Option<&str> {
    std::str::from_utf8(lines).ok().filter(|_| memchr::memchr(ESCAPE, lines).is_none())
}

/// A line of such a text, without its line break; none where something stands before it that is no text.
pub(crate) fn plain_line(line: &str) -> Option<&str> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    (!line.starts_with(['\0', '\u{feff}'])).then_some(line)
}

/// At most the first `bytes` bytes of a line's text.
pub(crate) fn lossy_head(line: &[u8], bytes: usize) -> Cow<'_, str> {
    match clean(trim_break(line)) {
        Cow::Borrowed(text) => decode(&text[..text.len().min(bytes)]),
        Cow::Owned(text) => Cow::Owned(String::from_utf8_lossy(&text[..text.len().min(bytes)]).into_owned()),
    }
}

/// The same as `String::from_utf8_lossy`, several times as fast where there is nothing to replace.
pub(crate) fn decode(text: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(text).map_or_else(|_| String::from_utf8_lossy(text), Cow::Borrowed)
}

/// The line without its line break, CRLF or LF.
pub(crate) fn trim_break(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// What stands behind the colours at the beginning of a line.
pub(crate) fn skip_colours(mut line: &[u8]) -> &[u8] {
    while line.first() == Some(&ESCAPE) {
        match sequence(line) {
            0 => break,
            length => line = &line[length..],
        }
    }
    line
}

/// The length of the terminal sequence that begins here: `ESC [ … letter`; 0 where there is none.
fn sequence(line: &[u8]) -> usize {
    let Some(inner) = line.strip_prefix(b"\x1B[") else { return 0 };
    let parameters = inner.iter().take(32).take_while(|c| matches!(c, b' '..=b'?')).count();
    match inner.get(parameters) {
        Some(b'@'..=b'~') => 2 + parameters + 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_marks() {
        assert_eq!(&*clean(b"\xEF\xBB\xBF\x1b[31mfail\x1b[0m: x\x1b[1;31m"), b"fail: x");
        assert_eq!(&*clean(b"\0\0\0x\0y"), b"x\0y");
        assert_eq!(&*clean(b"\x1bx\x1b["), b"x[");
        assert!(matches!(clean(b"plain"), Cow::Borrowed(b"plain")));
        assert_eq!(skip_colours(b"\x1b[36m\x1b[1mapp\x1b[0m"), b"app\x1b[0m");
    }
}
