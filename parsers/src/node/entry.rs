//! The error in an entry that is an object: where it stands, at any depth and under any key.
//!
//! In: the entry's object. Out: its chain of exceptions. Invariants: an error that is printed several times in one
//! entry is one; the search is bounded in depth and width. Does not read the entry's other fields.

use serde_json::Value;

use super::{error, head, stack, text};
use crate::Exception;
use crate::json::{Object, get};

/// Keys under which an entry holds its error, best first.
const ERROR_KEYS: [&str; 12] =
    ["err", "error", "exception", "e", "ex", "reason", "errorObj", "clientError", "failure", "cause", "message", "msg"];
/// Objects within objects that are looked into.
const MAX_DEPTH: usize = 6;
/// Objects looked into, over all.
const MAX_OBJECTS: usize = 500;

/// What an entry's object holds.
pub(crate) struct Found {
    /// The chain, never empty.
    pub exceptions: Vec<Exception>,
    /// What an entry's text says before the error's.
    pub before: Option<String>,
}

/// The error in an entry: the nearest object with a stack, else a text that holds a trace.
pub(crate) fn find(entry: &Object) -> Option<Found> {
    let mut level: Vec<&Object> = vec![entry];
    let mut seen = 0;
    for _ in 0..MAX_DEPTH {
        let mut next = Vec::new();
        for object in &level {
            seen += 1;
            if seen > MAX_OBJECTS {
                return None;
            }
            if let Some(found) = here(object) {
                return Some(found);
            }
            let known = ERROR_KEYS.iter().filter_map(|key| get(object, key));
            let others = object.iter().filter(|(key, _)| !ERROR_KEYS.contains(&key.as_str())).map(|(_, value)| value);
            for value in known.chain(others) {
                match value {
                    Value::Object(inner) => next.push(inner),
                    Value::Array(values) => next.extend(values.iter().filter_map(Value::as_object)),
                    _ => {}
                }
            }
        }
        level = next;
    }
    None
}

/// The error that this object is, or that one of its texts is.
fn here(object: &Object) -> Option<Found> {
    // {"message":"x","locations":[…],"path":["me"],"extensions":{"code":"…","stacktrace":["TypeError: x","    at me (/a.js:1:2)"]}}
    if let (Some(Value::Object(extensions)), true) = (object.get("extensions"), object.contains_key("locations"))
        && error::stack_of(extensions).is_some()
    {
        let mut error = extensions.clone();
        error.extend(
            ["path", "locations"].iter().filter_map(|key| Some(((*key).to_owned(), object.get(*key)?.clone()))),
        );
        return Some(Found { exceptions: error::chain(&error), before: None });
    }
    // An error below a known key is nearer than a copy of its stack in the entry itself.
    let own = error::stack_of(object);
    // What caused the entry's own error is none that the entry holds beside it.
    let keys = ERROR_KEYS.iter().copied().filter(|key| *key != "cause" || own.is_none());
    for key in keys {
        if let Some(Value::Object(inner)) = get(object, key)
            && error::stack_of(inner).is_some()
        {
            return Some(Found { exceptions: error::chain(inner), before: None });
        }
    }
    if own.is_some() {
        return Some(Found { exceptions: error::chain(object), before: None });
    }
    let known = ERROR_KEYS.iter().filter_map(|key| get(object, key));
    for value in known.chain(object.values()) {
        let Value::String(value) = value else { continue };
        if let Some((exceptions, before)) = in_text(value) {
            return Some(Found { exceptions, before });
        }
    }
    None
}

/// The error in a text: a trace, or another object.
fn in_text(value: &str) -> Option<(Vec<Exception>, Option<String>)> {
    if value.starts_with('{') && value.ends_with('}') {
        let inner: Object = serde_json::from_str(value).ok()?;
        return find(&inner).map(|found| (found.exceptions, found.before));
    }
    if !value.contains("at ") && !value.contains('@') {
        return None;
    }
    let lines: Vec<&str> = value.split('\n').collect();
    let trace = text::trace(&lines, 0)?;
    // The text of an error, whose message tells another's: no other lines can stand above it here.
    let opens = trace.lines.start > 0 && head::at_start(lines[0], false).is_some();
    if opens && !lines[..trace.lines.start].iter().any(|line| stack::is_call(line)) {
        return Some((error::chain_of(&stack::parse(value, None)), None));
    }
    Some((trace.exceptions, trace.before))
}
