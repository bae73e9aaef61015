//! What Bun prints around an error: an excerpt of the source above it, properties below its message.
//!
//! In: a trace that was read as V8's. Out: the same without Bun's marks, on the lines that belong to it. Invariant: only
//! calls that stand six deeper than the error's text are Bun's. Does not read the calls.

use super::inspect::indent_of;
use super::stack::{self, Part};
use super::text::Trace;

/// Lines of an excerpt, its caret with them.
const EXCERPT_LINES: usize = 8;

/// Corrects a trace of Bun's.
// 9 |   const row = await db.get(id); · 10 |   return row.name; · ^ · TypeError: x ·       at load (/srv/load.ts:10:10)
pub(crate) fn correct(lines: &[&str], found: &mut Trace) {
    let Some(head) = lines.get(found.head).copied() else { return };
    let mut below = lines.iter().take(found.lines.end).skip(found.head + 1);
    let call = below.find(|line| matches!(stack::part(line), Part::Call(_)));
    if call.is_none_or(|call| indent_of(call) != indent_of(head) + 6) {
        return;
    }
    let Some(first) = found.exceptions.first_mut() else { return };
    if first.kind == "error" {
        "Error".clone_into(&mut first.kind);
    }
    let kept = without_properties(&first.message).len();
    let code = first.message[kept..].split_once("code: \"").and_then(|(_, code)| code.split_once('"'));
    first.code = first.code.take().or(code.map(|(code, _)| code.to_owned()));
    first.message.truncate(kept);
    if found.lines.start != found.head || found.before.is_some() {
        return;
    }
    let excerpt = lines[..found.head].iter().rev().take(EXCERPT_LINES);
    let length = excerpt.take_while(|line| is_numbered(line) || is_caret(line)).count();
    if length > 1 && is_caret(lines[found.head - 1]) {
        found.lines.start -= length;
    }
}

// 10 |   return row.name;
fn is_numbered(line: &str) -> bool {
    let text = line.trim_start();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    digits > 0 && (text[digits..].starts_with(" | ") || &text[digits..] == " |")
}

fn is_caret(line: &str) -> bool {
    line.starts_with(' ') && line.trim() == "^"
}

/// A message without the properties that stand below it, right-aligned, one a line.
//  path: "/etc/x", ·  errno: -2, ·   code: "ENOENT"
fn without_properties(message: &str) -> &str {
    let mut kept = message;
    while let Some((rest, last)) = kept.rsplit_once('\n') {
        if !is_property(last) {
            break;
        }
        kept = rest;
    }
    kept
}

//   code: "ENOENT"
pub(super) fn is_property(line: &str) -> bool {
    let name = line.trim_start().split_once(": ").map_or("", |(name, _)| name);
    line.starts_with(' ') && !name.is_empty() && name.chars().all(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_not_the_message() {
        assert_eq!(without_properties("gone\n path: \"/x\",\n  code: \"ENOENT\""), "gone");
        assert_eq!(without_properties("two\nlines: here"), "two\nlines: here");
    }

    #[test]
    fn excerpts() {
        assert!(is_numbered("10 |   return 1;") && is_numbered(" 9 | ") && is_caret("         ^"));
        assert!(!is_numbered("10 apples") && !is_caret("^"));
    }
}
