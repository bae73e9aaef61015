//! An error among an entry's `key=value` pairs, as winston 2 prints one that it is given.
//!
//! In: lines, and the one with a call. Out: the trace, the other pairs as its properties. Invariant: linear in the
//! lines; only a `stack=` with an error's text behind it is read. Does not read escaped texts.

use serde_json::Value;

use super::entry;
use super::head;
use super::inspect::matching_bracket;
use super::text::{Trace, words_before};
use crate::json::Object;
use crate::text::Literal;

static STACK: Literal = Literal::new("stack=");
/// Lines that a message may have.
const MESSAGE_LINES: usize = 60;
/// Pairs of one entry.
const MAX_PAIRS: usize = 64;

/// The trace whose first call is at `hit`, or a list of calls on that line.
// pay failed message=no funds, stack=CardError: no funds /     at pay (/srv/pay.js:3:7) /     at run (/srv/a.js:9:2), code=402
// uncaughtException: no funds date=…, pid=7, stack=[CardError: no funds,     at pay (/srv/pay.js:3:7),     at run (/srv/a.js:9:2)]
pub(super) fn trace(lines: &[&str], hit: usize) -> Option<Trace> {
    let (line, at) = [hit, 0].into_iter().find_map(|line| Some((line, STACK.find(lines[line].as_bytes())?)))?;
    if hit - line > MESSAGE_LINES || at > 0 && !lines[line][..at].ends_with(' ') {
        return None;
    }
    let own = &lines[line][at + "stack=".len()..];
    let mut object = Object::new();
    let first = first_pair(&lines[line][..at]);
    pairs(&lines[line][first..at], &mut object);
    let end = match own.starts_with('[') {
        true => {
            let close = matching_bracket(own)?;
            head::at_start(&own[1..close], true)?;
            object.insert("stack".to_owned(), Value::String(own[1..close].replace(",     at ", "\n    at ")));
            pairs(&own[close + 1..], &mut object);
            line + 1
        }
        false => {
            head::at_start(own, true).filter(|head| head.kind.starts_with(|c: char| c.is_ascii_uppercase()))?;
            let mut text = own.to_owned();
            let mut end = line + 1;
            while let Some(next) = lines.get(end).filter(|next| end <= hit || next.trim_start().starts_with("at ")) {
                let call = next.find(", ").filter(|comma| end >= hit && next[comma + 2..].contains('='));
                text.push('\n');
                text.push_str(&next[..call.unwrap_or(next.len())]);
                end += 1;
                if let Some(comma) = call {
                    pairs(&next[comma..], &mut object);
                    break;
                }
            }
            object.insert("stack".to_owned(), Value::String(text));
            end
        }
    };
    let exceptions = entry::find(&object)?.exceptions;
    let before = words_before(&lines[line][..first]);
    Some(Trace { exceptions, lines: line..end, head: line, before, around: Some(object), ..Trace::default() })
}

/// Where the first pair begins.
fn first_pair(text: &str) -> usize {
    let starts = std::iter::once(0).chain(text.match_indices(' ').map(|(blank, _)| blank + 1));
    let mut starts =
        starts.filter(|start| text[*start..].find('=').is_some_and(|end| is_key(&text[*start..*start + end])));
    starts.next().unwrap_or(text.len())
}

fn is_key(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
}

/// Pairs behind commas; a value may hold commas.
fn pairs(text: &str, object: &mut Object) {
    let mut last: Option<(String, String)> = None;
    for part in text.split(", ").take(MAX_PAIRS) {
        match part.split_once('=').filter(|(key, _)| is_key(key)) {
            Some((key, value)) => {
                keep(last.replace((key.to_owned(), value.trim_end_matches(',').to_owned())), object);
            }
            None => {
                if let Some((_, value)) = &mut last {
                    value.push_str(", ");
                    value.push_str(part.trim_end());
                }
            }
        }
    }
    keep(last, object);
}

fn keep(pair: Option<(String, String)>, object: &mut Object) {
    if let Some((key, value)) = pair {
        object.insert(key, Value::String(value.trim_end_matches([',', ' ']).to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_among_pairs() {
        let lines = [
            "pay failed message=no funds, stack=CardError: no funds",
            "    at pay (/srv/pay.js:3:7)",
            "    at T.run [as go] (/srv/a.js:9:2), name=CardError, code=402",
        ];
        let found = trace(&lines, 1).unwrap();
        assert_eq!((found.lines, found.before.as_deref()), (0..3, Some("pay failed")));
        let first = &found.exceptions[0];
        assert_eq!((first.kind.as_str(), first.message.as_str(), first.frames.len()), ("CardError", "no funds", 2));
        assert_eq!(first.code.as_deref(), Some("402"));

        let line = "uncaughtException: no funds date=Wed Nov 25 2026, pid=7, argv=[/usr/bin/node, /srv/a.js], \
                    stack=[CardError: no funds,     at T.pay [as go] (/srv/pay.js:3:7),     at /srv/a.js:9:2], level=error";
        let found = trace(&[line], 0).unwrap();
        assert_eq!(found.before.as_deref(), Some("uncaughtException: no funds"));
        assert_eq!((found.exceptions[0].frames.len(), found.exceptions[0].message.as_str()), (2, "no funds"));
        assert!(trace(&["see stack=none", "    at pay (/srv/pay.js:3:7)"], 1).is_none());
    }
}
