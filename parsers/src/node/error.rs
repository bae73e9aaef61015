//! From an error's object to the chain of exceptions.
//!
//! In: an object as JSON loggers print errors, or as an inspected error is read. Out: its exception and those that
//! caused it, outermost first. Invariants: one exception an error, however often it is printed; depth and number
//! are bounded. Does not know where the object stood.

use std::borrow::Cow;

use serde_json::Value;

use super::evidence::QUERY_PATH;
use super::head;
use super::stack::{self, Stack};
use super::{engine, frame, trace_array};
use crate::json::{Object, get};
use crate::{CauseOf, Exception, Frame};

/// Keys of an error's text, in the order in which they are believed.
pub(crate) const STACK_KEYS: [&str; 9] = [
    "stack",
    "stack_trace",
    "stackTrace",
    "stacktrace",
    "error.stack_trace",
    "exception.stacktrace",
    "errorStack",
    "trace",
    "[stack]",
];
/// Keys of the error that caused this one.
const CAUSE_KEYS: [&str; 14] = [
    "cause",
    "jse_cause",
    "parent",
    "original",
    "driverError",
    "originalError",
    "innerError",
    "inner",
    "previous",
    "nestedError",
    "rootCause",
    "reason",
    "error",
    "suppressed",
];
/// Keys of a group's members.
const MEMBER_KEYS: [&str; 2] = ["errors", "aggregateErrors"];
/// Objects within an error whose scalars are worth keeping.
const DETAIL_KEYS: [&str; 10] =
    ["response", "config", "context", "error", "raw", "body", "data", "meta", "extensions", "output"];
/// Keys of an entry that is itself an error, which are none of the error's.
const ENTRY_KEYS: [&str; 8] = ["[message]", "level", "timestamp", "time", "ts", "@timestamp", "service", "label"];
/// Causes that follow each other.
const MAX_DEPTH: usize = 12;
/// Exceptions of one record.
const MAX_EXCEPTIONS: usize = 64;
/// Properties of one exception.
const MAX_PROPERTIES: usize = 64;

/// The chain that begins with this error.
pub(crate) fn chain(error: &Object) -> Vec<Exception> {
    let mut out = Vec::new();
    add(&mut out, error, None, 0);
    out
}

/// The chain of an error that has nothing but its stack.
pub(crate) fn chain_of(stack: &Stack) -> Vec<Exception> {
    vec![exception(&Object::new(), stack, None)]
}

/// Whether an object is an error: it has a stack, or a type and a message.
pub(crate) fn is_error(object: &Object) -> bool {
    if stack_of(object).is_some() {
        return true;
    }
    let named = ["type", "name", "errorType"].iter().any(|key| text(object, key).is_some_and(head::is_type));
    named && ["message", "errorMessage"].iter().any(|key| get(object, key).is_some_and(Value::is_string))
}

/// The stack of an error's object: calls, or at least a first line that is a head.
pub(crate) fn stack_of(object: &Object) -> Option<Stack> {
    let message = ["message", "errorMessage", "error.message"].iter().find_map(|key| text(object, key));
    STACK_KEYS.iter().find_map(|key| match get(object, key)? {
        Value::String(value) => stack_of_text(value, message),
        Value::Array(values) => trace_array::stack(values, message),
        _ => None,
    })
}

fn stack_of_text(value: &str, message: Option<&str>) -> Option<Stack> {
    let found = stack::parse(value.trim(), message);
    let browser = found.frames.is_empty().then(|| crate::browser::stack(value)).flatten();
    let found = browser.unwrap_or(found);
    let headed = !value.trim().contains('\n') && head::at_start(value, false).is_some();
    (!found.frames.is_empty() || found.elided.is_some() || headed).then_some(found)
}

fn add(out: &mut Vec<Exception>, error: &Object, cause_of: Option<CauseOf>, depth: usize) {
    if depth >= MAX_DEPTH || out.len() >= MAX_EXCEPTIONS {
        return;
    }
    let stack = stack_of(error).unwrap_or_default();
    let index = out.len();
    out.push(exception(error, &stack, cause_of));
    let mut children: Vec<(String, Cow<'_, Object>)> = Vec::new();
    for key in CAUSE_KEYS {
        match get(error, key) {
            Some(Value::Object(cause)) if is_error(cause) => children.push((key.to_owned(), Cow::Borrowed(cause))),
            Some(Value::String(text)) if is_trace(text) => {
                let cause = Object::from_iter([("stack".to_owned(), Value::String(text.clone()))]);
                children.push((key.to_owned(), Cow::Owned(cause)));
            }
            _ => {}
        }
    }
    for (key, cause) in &children {
        let first = out.len();
        add(out, cause, Some(CauseOf { parent: index, source: key.clone() }), depth + 1);
        if is_repeated(out, index, first) {
            out.truncate(first);
        }
    }
    if children.is_empty() {
        let mut parent = index;
        for cause in stack.causes.iter().take(MAX_EXCEPTIONS) {
            out.push(exception(&Object::new(), cause, Some(CauseOf { parent, source: "cause".to_owned() })));
            parent = out.len() - 1;
        }
    }
    refill(out, index, &stack);
    if out[index].message.is_empty()
        && let Some(cause) = out.get(index + 1).map(|cause| cause.message.clone())
    {
        out[index].message = cause;
    }
    for key in MEMBER_KEYS {
        let Some(Value::Array(members)) = get(error, key) else { continue };
        for (number, member) in members.iter().enumerate() {
            if let Value::Object(member) = member
                && stack_of(member).is_some()
            {
                add(out, member, Some(CauseOf { parent: index, source: format!("errors[{number}]") }), depth + 1);
            }
        }
    }
}

/// Whether a cause's text is a whole trace.
// "cause":"TypeError: x\n    at f (/srv/app/pay.js:3:7)"
fn is_trace(text: &str) -> bool {
    text.contains("\n    at ") && stack_of_text(text, None).is_some_and(|stack| !stack.frames.is_empty())
}

/// Whether the exception at `first` is one that this parent, or the parent itself, already is.
fn is_repeated(out: &[Exception], parent: usize, first: usize) -> bool {
    let Some(new) = out.get(first) else { return false };
    out[parent..first].iter().any(|old| old.kind == new.kind && old.message == new.message && old.frames == new.frames)
}

fn exception(error: &Object, stack: &Stack, cause_of: Option<CauseOf>) -> Exception {
    let kind = kind_of(error, stack);
    // Lambda's entries have words of their own beside the error's message.
    let told = ["errorMessage", "message", "error.message"].iter().find_map(|key| text(error, key));
    let named = !stack.kind.is_empty();
    let message = match told {
        Some(told) if !named || stack.message.is_empty() && !stack.kind.is_empty() => told.to_owned(),
        _ => stack.message.clone(),
    };
    let code = error.get("code").and_then(scalar).or_else(|| stack.code.clone());
    Exception {
        kind,
        message,
        code,
        frames: stack.frames.clone(),
        cause_of,
        properties: properties(error),
        ..Exception::default()
    }
}

/// The type: what the serializer says of the class, the error's own name, or what its text begins with.
fn kind_of(error: &Object, stack: &Stack) -> String {
    let fits = |name: &str| {
        head::is_type(name)
            || name == "error" && stack.kind == name
            || name.starts_with(char::is_uppercase) && stack.kind == name
    };
    // A printed error has its message in its text only: what it calls its type is a property of its own.
    let is_inspected = !error.contains_key("message");
    // The class tells more than a `name` that the library set later.
    let is_named =
        head::is_type(&stack.kind) || is_inspected && stack.kind.starts_with(|c: char| c.is_ascii_uppercase());
    let headed = is_named && stack.kind != "Error" && !stack.message.is_empty() && !stack.is_borrowed;
    for key in ["type", "name", "errorType", "error.type", "exception.type"] {
        if let Some(name) = text(error, key)
            && fits(name)
            && !(headed && (key == "name" || name == "Error" || key == "type" && is_inspected))
            && !(name == "Error" && text(error, "name").is_some_and(|own| own == stack.kind))
        {
            return name.to_owned();
        }
    }
    if !stack.kind.is_empty() {
        return stack.kind.clone();
    }
    let loose = ["errorType", "type", "name"].iter().find_map(|key| text(error, key));
    loose.filter(|name| !name.contains(' ')).unwrap_or_else(|| engine::kind_of(&stack.message)).to_owned()
}

/// Fills in the calls that `util.inspect` left out: they follow in the cause as the frame before them does.
fn refill(out: &mut [Exception], index: usize, stack: &Stack) {
    let Some((count, position)) = stack.elided.filter(|(count, _)| *count > 0) else { return };
    let Some(cause) = out.get(index + 1).map(|cause| cause.frames.clone()) else { return };
    let frames = &out[index].frames;
    let after = frames.get(position);
    let begins = |from: usize| {
        from + count <= cause.len()
            && after.is_none_or(|after| cause.get(from + count).is_none_or(|next| next == after))
    };
    let from = match position.checked_sub(1).and_then(|at| frames.get(at)) {
        Some(before) => (1..=cause.len()).find(|at| &cause[at - 1] == before && begins(*at)),
        None => (0..cause.len()).find(|at| begins(*at)),
    };
    if let Some(from) = from {
        out[index].frames.splice(position..position, cause[from..from + count].iter().cloned());
    }
}

/// Scalar properties, those of a few known objects with a dotted key.
fn properties(error: &Object) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (key, value) in error {
        let known = key == "message" || ENTRY_KEYS.contains(&key.as_str()) || STACK_KEYS.contains(&key.as_str());
        if found.len() >= MAX_PROPERTIES || known {
            continue;
        }
        if let Some(value) = scalar(value) {
            found.push((key.clone(), value));
        } else if let Value::Object(detail) = value
            && DETAIL_KEYS.contains(&key.as_str())
        {
            let scalars = detail.iter().filter(|(inner, _)| !STACK_KEYS.contains(&inner.as_str()));
            found.extend(scalars.filter_map(|(inner, value)| Some((format!("{key}.{inner}"), scalar(value)?))));
        }
    }
    found.truncate(MAX_PROPERTIES);
    found.extend(query_path(error).map(|path| (QUERY_PATH.to_owned(), path)));
    found
}

/// Where in a query an error came up, as the executor of the query adds it.
// path: [ 'cart', 0, 'total' ], locations: [ { line: 1, column: 2 } ]
fn query_path(error: &Object) -> Option<String> {
    let (path, Value::Array(_)) = (error.get("path")?.as_array()?, error.get("locations")?) else { return None };
    Some(path.iter().take(MAX_DEPTH).filter_map(scalar).collect::<Vec<_>>().join("."))
}

/// A string, number or boolean as text.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn text<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    get(object, key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A frame from its parts, as loggers that take stacks apart print them.
pub(crate) fn frame_of(place: &str, function: Option<&str>) -> Option<Frame> {
    let anonymous = || {
        (place == "<anonymous>" && function.is_some())
            .then(|| Frame { file: Some(place.to_owned()), ..Frame::default() })
    };
    let mut found = frame::file_line_column(place).or_else(anonymous)?;
    let function = function.map(|name| name.strip_prefix("async ").unwrap_or(name)).filter(|name| !name.is_empty());
    found.function = function.map(str::to_owned);
    found.in_app = found.file.as_deref().is_some_and(frame::is_in_app);
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain_of_json(text: &str) -> Vec<Exception> {
        chain(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn calls_left_out_come_from_the_cause() {
        let found = chain_of_json(
            r#"{"stack":"Error: top\n    at a (/x.js:1:1)\n    at m (/x.js:2:2)\n    ... 2 lines matching cause stack trace ...\n    at z (/x.js:9:9)",
                "cause":{"stack":"Error: low\n    at b (/x.js:5:5)\n    at m (/x.js:2:2)\n    at n (/x.js:3:3)\n    at o (/x.js:4:4)\n    at z (/x.js:9:9)"}}"#,
        );
        let functions: Vec<&str> = found[0].frames.iter().filter_map(|frame| frame.function.as_deref()).collect();
        assert_eq!(functions, ["a", "m", "n", "o", "z"]);
        assert_eq!(found[1].cause_of, Some(CauseOf { parent: 0, source: "cause".to_owned() }));
    }

    #[test]
    fn the_same_cause_under_two_keys_is_one() {
        let low = r#"{"type":"Error","message":"refused","stack":"Error: refused\n    at c (node:net:1:2)"}"#;
        let text = format!(
            r#"{{"type":"DbError","message":"refused","stack":"DbError: refused\n    at q (/a.js:1:2)","parent":{low},"original":{low}}}"#
        );
        let kinds: Vec<String> = chain_of_json(&text).into_iter().map(|exception| exception.kind).collect();
        assert_eq!(kinds, ["DbError", "Error"]);
    }

    #[test]
    fn names_of_the_type() {
        for (text, kind) in [
            (r#"{"type":"x","stack":"RateError: a\n    at f (/a.js:1:2)"}"#, "RateError"),
            (r#"{"name":"DbError","stack":"Error\n    at f (/a.js:1:2)"}"#, "DbError"),
            (r#"{"type":"Error","message":"wrapped","stack":"GotError: a\n    at f (/a.js:1:2)"}"#, "GotError"),
            (r#"{"name":"shop-api","stack":"Error: a\n    at f (/a.js:1:2)"}"#, "Error"),
            (r#"{"errorType":"Custom","errorMessage":"a","stack":["Custom: a","    at f (/a.js:1:2)"]}"#, "Custom"),
        ] {
            assert_eq!(chain_of_json(text)[0].kind, kind, "{text}");
        }
    }

    #[test]
    fn members_and_properties() {
        let found = chain_of_json(
            r#"{"stack":"AggregateError: all","code":7,"response":{"status":502,"data":{"a":1}},
                "errors":[{"stack":"Error: one\n    at f (/a.js:1:2)"},{"message":"no error"}]}"#,
        );
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].code.as_deref(), Some("7"));
        assert!(found[0].properties.contains(&("response.status".to_owned(), "502".to_owned())));
        assert_eq!(found[1].cause_of, Some(CauseOf { parent: 0, source: "errors[0]".to_owned() }));
    }
}
