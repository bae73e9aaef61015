//! What Symfony's listener and Drupal's handler say of what nobody caught, where they write to PHP's own log.
//!
//! In: lines, and where in them the words begin. Out: the exception. Invariant: type, message and place all stand there.
//! Does not read what Monolog puts behind it.

use super::super::untitled::is_class;
use super::{How, Printed};
use crate::record::Exception;

/// What the text begins with.
pub(in crate::php) const WORDS: &str = "Uncaught PHP Exception ";
/// Lines that a message may have.
const MESSAGE_LINES: usize = 60;

// Uncaught PHP Exception App\Late: "no "x"" at /srv/src/Shop.php line 12
/// The exception that `text`, the end of line `first`, and the lines below it tell.
pub(in crate::php) fn told(lines: &[&str], first: usize, text: &str) -> Option<Printed> {
    let (kind, said) = text.strip_prefix(WORDS)?.split_once(": \"").filter(|(kind, _)| is_class(kind))?;
    let mut whole = said.to_owned();
    let more = lines[first + 1..].iter().take(MESSAGE_LINES);
    for (end, next) in (first + 1..).zip(more.map(Some).chain([None])) {
        if let Some((at, file, line)) = place(&whole) {
            let exception = Exception {
                kind: kind.to_owned(),
                message: whole[..at].trim_end().to_owned(),
                file: Some(file.to_owned()),
                line: Some(line),
                ..Exception::default()
            };
            let request = super::nginx_request(&whole[at..]);
            return Some(Printed { chain: vec![exception], end, how: How::Uncaught, request, ..Printed::default() });
        }
        whole.push('\n');
        whole.push_str(next?);
    }
    None
}

/// `" at /srv/src/Shop.php line 12`: where it begins, the file and the line.
fn place(text: &str) -> Option<(usize, &str, u32)> {
    let tail = text.rfind('\n').map_or(0, |at| at + 1);
    text[tail..].match_indices("\" at ").take(8).find_map(|(at, quote)| {
        let (file, rest) = text[tail + at + quote.len()..].split_once(" line ")?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        Some((tail + at, file, rest[..digits].parse().ok()?)).filter(|(_, file, _)| !file.contains(' '))
    })
}
