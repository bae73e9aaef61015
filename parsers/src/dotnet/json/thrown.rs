//! Where in a JSON entry its exception is, and in which of the forms that loggers know.
//!
//! In: an entry. Out: the chain of exceptions, and which object holds it. Invariants: bounded in depth; what is taken
//! has frames of .NET, or causes. Does not read what else the entry says.

use std::cell::RefCell;

use serde_json::Value;

use super::text;
use crate::dotnet::{line, start, trace};
use crate::json::{Object, get};
use crate::memo::Memo;
use crate::node::stack;
use crate::record::{CauseOf, Exception, Frame};

/// Keys under which loggers put an exception, at the top or one level down.
const KEYS: &[&str] = &[
    "Exception",
    "@x",
    "exception",
    "Error",
    "error",
    "err",
    "error.stack_trace",
    "stack_trace",
    "StackTrace",
    "stackTrace",
    "ExceptionDetail",
    "exceptions",
    "details",
];

/// How deep objects are looked through; beyond it a chain is cut.
const DEPTH: usize = 64;
/// Objects that are looked through for a text with an exception.
const MAX_OBJECTS: usize = 256;

/// An entry's exception.
pub(super) struct Thrown<'a> {
    pub exceptions: Vec<Exception>,
    /// The object in which it stands, where it is not the entry's own member.
    pub holder: Option<&'a Object>,
    /// The text before it, where both are one text.
    pub before: Option<String>,
}

/// The exception of an entry.
pub(super) fn of_entry(entry: &Object) -> Option<Thrown<'_>> {
    // A stack among the entry's own members is not all, where they tell of its cause.
    let has_cause = INNER.iter().any(|key| get(entry, key).is_some_and(Value::is_object));
    let direct = Some(entry).filter(|_| has_cause).and_then(flat);
    let direct = direct.or_else(|| KEYS.iter().find_map(|key| exceptions(get(entry, key)?, entry)));
    let direct = direct.or_else(|| flat(entry));
    if let Some(exceptions) = direct {
        return Some(Thrown { exceptions, holder: None, before: None });
    }
    anywhere(entry)
}

/// The exceptions in a value: `ToString()`'s text, an object with a text or with members, or a list of these.
fn exceptions(value: &Value, entry: &Object) -> Option<Vec<Exception>> {
    match value {
        Value::String(text) if text.starts_with("[{") => {
            exceptions(&serde_json::from_str(text).ok().filter(Value::is_array)?, entry)
        }
        Value::String(text) => from_text(text, entry).map(|(exceptions, _)| exceptions),
        Value::Object(object) => {
            let whole = ["stack_trace", "StackTraceString", "ToString", "stackTrace", "StackTrace", "stack"];
            let mut found = Vec::new();
            members(object, None, &mut found, 0);
            let text = whole.iter().find_map(|key| from_text(get(object, key)?.as_str()?, object));
            let told = text.map(|(exceptions, _)| exceptions);
            // A text may tell of causes that no member does.
            let more = told.as_ref().is_some_and(|told| told.len() > found.len());
            if !more && found.iter().any(|exception| !exception.frames.is_empty()) {
                return Some(found);
            }
            told
                // A chain without calls is .NET's, unless V8's own key holds the calls.
                .or_else(|| (found.len() > 1 && !object.contains_key("stack")).then_some(found))
        }
        Value::Array(items) => listed(items),
        _ => None,
    }
}

// "exceptions":[{"Depth":0,"ClassName":"Shop.CartException",…},{"Depth":1,…}]
/// A chain as a list, outermost first.
fn listed(items: &[Value]) -> Option<Vec<Exception>> {
    let mut found = Vec::new();
    for item in items.iter().take(DEPTH) {
        let cause_of = found.len().checked_sub(1);
        let cause_of = cause_of.map(|parent| CauseOf { parent, source: "InnerException".to_owned() });
        members(item.as_object()?, cause_of, &mut found, 0);
    }
    found.iter().any(|exception| !exception.frames.is_empty()).then_some(found)
}

/// The text of `ToString()`, and what stands before it; a stack alone takes type and message from the members beside it.
fn from_text(text: &str, beside: &Object) -> Option<(Vec<Exception>, String)> {
    let first = first_of_trace(text)?;
    let lines: Vec<&str> = text.lines().collect();
    let headed = start(&lines, first);
    let mut trace = match &headed {
        Some(start) => trace::read(&lines, start.line, start.offset, start.indent),
        None => trace::read_frames(&lines, first),
    };
    if trace.exceptions.iter().all(|exception| exception.frames.is_empty()) && trace.exceptions.len() < 2 {
        return None;
    }
    let above = headed.as_ref().map_or(first, |start| start.line);
    let mut before = lines[..above].join("\n");
    if let Some(start) = headed {
        before = format!("{before}\n{}", &lines[start.line][..start.offset]);
    }
    if let Some(outer) = trace.exceptions.first_mut()
        && outer.kind.is_empty()
    {
        outer.kind = named(beside, KINDS).or_else(|| named(beside, OWN_KINDS)).unwrap_or_default();
        if let Some(message) = named(beside, SAID).or_else(|| named(beside, OWN_SAID)) {
            outer.message = message;
        }
    }
    Some((trace.exceptions, before))
}

thread_local! {
    /// Which line of calls is the first of a trace, if one is.
    static CALLS: RefCell<Memo<Option<usize>>> = RefCell::new(Memo::new());
}

/// The first line of a text that is one of a trace. What calls of other runtimes are is remembered: they are asked about
/// under each key under which an entry holds them.
fn first_of_trace(text: &str) -> Option<usize> {
    let mut at = 0;
    for (index, whole) in text.split_inclusive('\n').enumerate() {
        if whole.trim_start().starts_with("at ") {
            let calls = &text[at..];
            let find = || calls.lines().position(line::is_trace);
            let found = CALLS.with_borrow_mut(|known| known.get_or_keep(calls.as_bytes(), find));
            return found.map(|found| index + found);
        }
        let line = whole.lines().next().unwrap_or("");
        if line::is_trace(line) {
            return Some(index);
        }
        at += whole.len();
    }
    None
}

/// Names of an exception's type among an entry's keys, without case and marks.
const KINDS: &[&str] = &["exceptiontype", "errortype", "errorkind", "exceptionclass", "exceptionname", "errorclass"];
/// The same in an object that is the exception.
const OWN_KINDS: &[&str] = &["type", "typename", "classname", "name", "kind", "class"];
/// Names of an exception's message among an entry's keys.
const SAID: &[&str] = &["exceptionmessage", "errormessage"];
/// The same in an object that is the exception.
const OWN_SAID: &[&str] = &["message"];
/// Keys of an exception's cause.
const INNER: &[&str] = &["InnerException", "innerException", "cause", "Cause", "inner", "Inner", "inner_exception"];
/// Names of its stack.
const STACKS: &[&str] = &[
    "stacktrace",
    "stacktracestring",
    "exceptionstacktrace",
    "errorstacktrace",
    "errorstack",
    "parsedstack",
    "stack",
    "remotestacktracestring",
];

/// The text under the first of these names, however its key is spelt: `error.type`, `_ExceptionType`, `exception_type`.
fn named(object: &Object, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| object.iter().find(|(key, _)| is_spelt(key, name)).and_then(|(_, value)| text(value)))
}

/// Whether a key is this name, without case and marks.
fn is_spelt(key: &str, name: &str) -> bool {
    let letters = key.bytes().filter(u8::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase());
    key.len() >= name.len() && letters.eq(name.bytes())
}

// {"Name":"Shop.CartException","Message":"full","StackTrace":"   at …","InnerException":{…}}
fn members(object: &Object, cause_of: Option<CauseOf>, found: &mut Vec<Exception>, depth: usize) {
    let kind = named(object, KINDS).or_else(|| named(object, OWN_KINDS));
    let Some(kind) = kind else { return };
    let kind = kind.split(", ").next().unwrap_or("").to_owned();
    let mut exception = Exception {
        kind,
        message: named(object, SAID).or_else(|| named(object, OWN_SAID)).unwrap_or_default(),
        cause_of,
        ..Exception::default()
    };
    let stacks = STACKS.iter().flat_map(|name| object.iter().filter(|(key, _)| is_spelt(key, name)));
    exception.frames =
        stacks.map(|(_, value)| frames(value)).find(|frames| !frames.is_empty()).unwrap_or_default().into();
    let index = found.len();
    found.push(exception);
    if depth > DEPTH {
        return;
    }
    let several = ["InnerExceptions", "innerExceptions"].iter().find_map(|key| get(object, key)?.as_array());
    if let Some(several) = several.filter(|several| several.iter().any(Value::is_object)) {
        for (number, inner) in several.iter().enumerate() {
            if let Value::Object(inner) = inner {
                let source = format!("InnerExceptions[{number}]");
                members(inner, Some(CauseOf { parent: index, source }), found, depth + 1);
            }
        }
        return;
    }
    for key in INNER {
        if let Some(Value::Object(inner)) = get(object, key) {
            members(inner, Some(CauseOf { parent: index, source: "InnerException".to_owned() }), found, depth + 1);
            return;
        }
    }
}

/// Frames of a text, of an array of lines, or of an array of objects.
fn frames(value: &Value) -> Vec<Frame> {
    let of_line = |line: &str| {
        let indented = format!(" {line}");
        // Cheaper than to read the calls of another runtime, again and again.
        match line::is_trace(&indented).then(|| line::piece(&indented))? {
            line::Piece::Frame(frame, _) => Some(frame),
            _ => None,
        }
    };
    match value {
        Value::String(text) if is_of_v8(text) => Vec::new(),
        Value::String(text) => text.lines().filter_map(of_line).collect(),
        Value::Array(items) => items
            .iter()
            .filter_map(|item| match item {
                Value::String(line) => of_line(line),
                Value::Object(call) => parsed(call),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Whether a text's first call is V8's: then none of them is .NET's.
fn is_of_v8(text: &str) -> bool {
    text.lines().find(|line| line.trim_start().starts_with("at ")).is_some_and(stack::is_call)
}

// {"level":0,"method":"Shop.Cart.Add","assembly":"Shop, Version=1.0.0.0","fileName":"/src/Cart.cs","line":3}
/// A call as Application Insights tells it.
fn parsed(call: &Object) -> Option<Frame> {
    call.get("level")?;
    let name = call.get("method")?.as_str()?;
    let (module, function) = crate::dotnet::frame::split(name);
    let line = call.get("line").and_then(Value::as_u64).and_then(|line| u32::try_from(line).ok());
    Some(Frame {
        function: Some(function.to_owned()),
        module: (!module.is_empty()).then(|| module.to_owned()),
        file: call.get("fileName").and_then(text),
        line: line.filter(|line| *line > 0),
        raw: Some(name.to_owned()),
        ..Frame::default()
    })
}

// {"errorType":"CartException","errorMessage":"full","stackTrace":["at Shop.Cart.Add(Item item) in /src/Cart.cs:line 3"]}
// {"short_message":"x","_ExceptionType":"Shop.CartException","_ExceptionMessage":"full","_StackTrace":"   at …"}
/// An exception whose type, message and stack are the entry's own members.
fn flat(object: &Object) -> Option<Vec<Exception>> {
    let stack = |(key, value): (&String, &Value)| STACKS.iter().any(|name| is_spelt(key, name)) && !value.is_object();
    object.iter().find(|member| stack(*member))?;
    // A text, or a list of its lines, may be the whole text of the exception.
    let joined = object.iter().filter(|member| stack(*member)).find_map(|(_, value)| match value {
        Value::Array(lines) => Some(lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")),
        Value::String(text) => Some(text.clone()),
        _ => None,
    });
    let whole = joined.and_then(|text| from_text(&text, object)).map(|(exceptions, _)| exceptions);
    let causes = |found: &Vec<Exception>| found.len() > 1;
    whole.filter(causes).or_else(|| {
        let mut found = Vec::new();
        members(object, None, &mut found, 0);
        found.iter().any(|exception| !exception.frames.is_empty()).then_some(found)
    })
}

/// The first exception that stands somewhere inside of an entry: in an object of its own, or in any text.
fn anywhere(entry: &Object) -> Option<Thrown<'_>> {
    let mut open = vec![entry];
    let mut looked = 0;
    while let Some(object) = open.pop() {
        looked += 1;
        if looked > 1
            && let Some(exceptions) =
                KEYS.iter().find_map(|key| exceptions(get(object, key)?, object)).or_else(|| flat(object))
        {
            return Some(Thrown { exceptions, holder: Some(object), before: None });
        }
        for value in object.values() {
            if let Value::String(text) = value
                && text.contains(['\n', '('])
                && let Some((exceptions, before)) = from_text(text, object)
                    .filter(|(found, _)| found.first().is_some_and(|first| !first.kind.is_empty()))
            {
                return Some(Thrown { exceptions, holder: Some(object), before: Some(before) });
            }
        }
        if looked < MAX_OBJECTS {
            let inner = object.values().flat_map(|value| match value {
                Value::Array(items) => items.as_slice(),
                value => std::slice::from_ref(value),
            });
            let inner: Vec<&Object> = inner.filter_map(Value::as_object).take(MAX_OBJECTS).collect();
            open.extend(inner.into_iter().rev());
        }
    }
    None
}
