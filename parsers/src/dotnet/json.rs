//! .NET exceptions in JSON entries: MEL's console, Serilog's formatters, CLEF, NLog, ZLogger, ECS, Lambda.
//!
//! In: an object. Out: the record with its exception and scalar fields. Invariant: text under a key for exceptions is
//! only taken when it reads as .NET's. Does not read the fields that all JSON loggers share.

use serde_json::Value;

use super::{line, record, trace};
use crate::json::Object;
use crate::record::{CauseOf, Exception, Frame, Record, Trace};
use crate::{header, time};

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
];

/// The record of an entry that holds a .NET exception.
pub(super) fn parse(object: &Object) -> Option<Record> {
    let exceptions = KEYS.iter().find_map(|key| exceptions(object.get(*key)?, object)).or_else(|| lambda(object))?;
    let mut record = record(exceptions);
    record.format = format(object).to_owned();
    record.logger = ["Category", "SourceContext", "logger", "Logger", "LoggerName", "log.logger", "CategoryName"]
        .iter()
        .find_map(|key| text(object.get(*key)?))
        .or_else(|| text(object.get("Properties")?.get("SourceContext")?));
    record.message =
        ["Message", "RenderedMessage", "@m", "message", "msg"].iter().find_map(|key| text(object.get(*key)?));
    if record.message.is_none() {
        let template = ["@mt", "MessageTemplate"].iter().find_map(|key| text(object.get(*key)?));
        record.message = template.map(|template| rendered(&template, object));
    }
    levels_and_times(&mut record, object);
    fields(&mut record, object);
    Some(record)
}

fn levels_and_times(record: &mut Record, object: &Object) {
    let level =
        ["LogLevel", "@l", "Level", "level", "log.level", "severity"].iter().find_map(|key| text(object.get(*key)?));
    record.level = level.and_then(|word| header::level(&word));
    // CLEF leaves the level out where it is Information.
    if record.level.is_none() && object.contains_key("@t") {
        record.level = header::level("info");
    }
    let stamp = ["@t", "Timestamp", "timestamp", "@timestamp", "time", "Time", "date"]
        .iter()
        .find_map(|key| text(object.get(*key)?));
    record.timestamp = stamp.and_then(|stamp| time::at_start(&stamp)?.value);
    let id = |keys: &[&str]| keys.iter().find_map(|key| text(object.get(*key)?));
    let trace = Trace {
        trace_id: id(&["@tr", "TraceId", "trace_id", "trace.id"]),
        span_id: id(&["@sp", "SpanId", "span_id", "span.id"]),
    };
    record.trace = (trace != Trace::default()).then_some(trace);
}

fn format(object: &Object) -> &'static str {
    if object.contains_key("@t") {
        "clef"
    } else if object.contains_key("LogLevel") && object.contains_key("Category") {
        "aspnetcore-json"
    } else if object.contains_key("MessageTemplate") {
        "serilog-json"
    } else if object.contains_key("errorType") {
        "lambda"
    } else if object.contains_key("@timestamp") {
        "ecs"
    } else {
        "json"
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The exceptions in a value: `ToString()`'s text, or an object with a text or with members.
fn exceptions(value: &Value, entry: &Object) -> Option<Vec<Exception>> {
    match value {
        Value::String(text) => from_text(text, entry),
        Value::Object(object) => {
            let whole = ["stack_trace", "StackTraceString", "ToString", "stackTrace", "StackTrace"];
            let mut found = Vec::new();
            members(object, None, &mut found, 0);
            if found.iter().any(|exception| !exception.frames.is_empty()) {
                return Some(found);
            }
            whole
                .iter()
                .find_map(|key| from_text(object.get(*key)?.as_str()?, object))
                .or_else(|| (found.len() > 1).then_some(found))
        }
        _ => None,
    }
}

/// The text of `ToString()`; a stack alone takes type and message from the members beside it.
fn from_text(text: &str, beside: &Object) -> Option<Vec<Exception>> {
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.iter().position(|line| line::is_trace(line))?;
    let headed = super::start(&lines, first);
    let mut trace = match &headed {
        Some(start) => trace::read(&lines, start.line, start.offset, start.indent),
        None => trace::read_frames(&lines, first),
    };
    if trace.exceptions.iter().all(|exception| exception.frames.is_empty()) && trace.exceptions.len() < 2 {
        return None;
    }
    if let Some(outer) = trace.exceptions.first_mut()
        && outer.kind.is_empty()
    {
        let member = |keys: &[&str]| keys.iter().find_map(|key| self::text(beside.get(*key)?));
        outer.kind = member(&["type", "Type", "error.type", "ClassName", "ExceptionType", "Name"]).unwrap_or_default();
        if let Some(message) = member(&["error.message", "ExceptionMessage", "Message", "message"]) {
            outer.message = message;
        }
    }
    Some(trace.exceptions)
}

/// How deep members are followed; beyond it a chain is cut.
const DEPTH: usize = 64;

// {"Name":"Shop.CartException","Message":"full","StackTrace":"   at …","InnerException":{…}}
fn members(object: &Object, cause_of: Option<CauseOf>, found: &mut Vec<Exception>, depth: usize) {
    let member = |keys: &[&str]| keys.iter().find_map(|key| text(object.get(*key)?));
    let kind = member(&["Type", "type", "Name", "name", "ClassName", "className", "errorType", "ExceptionType"]);
    let Some(kind) = kind else { return };
    let kind = kind.split(", ").next().unwrap_or("").to_owned();
    let mut exception = Exception {
        kind,
        message: member(&["Message", "message", "errorMessage"]).unwrap_or_default(),
        cause_of,
        ..Exception::default()
    };
    for key in ["StackTrace", "stackTrace", "StackTraceString", "stack_trace", "Stack"] {
        exception.frames = object.get(key).map(frames).unwrap_or_default().into();
        if !exception.frames.is_empty() {
            break;
        }
    }
    let index = found.len();
    found.push(exception);
    if depth > DEPTH {
        return;
    }
    for key in ["InnerException", "innerException", "cause", "Cause", "inner"] {
        if let Some(Value::Object(inner)) = object.get(key) {
            members(inner, Some(CauseOf { parent: index, source: "InnerException".to_owned() }), found, depth + 1);
            return;
        }
    }
    for key in ["InnerExceptions", "innerExceptions"] {
        for (number, inner) in object.get(key).and_then(Value::as_array).into_iter().flatten().enumerate() {
            if let Value::Object(inner) = inner {
                let source = format!("InnerExceptions[{number}]");
                members(inner, Some(CauseOf { parent: index, source }), found, depth + 1);
            }
        }
    }
}

/// Frames of a text, or of an array of lines.
fn frames(value: &Value) -> Vec<Frame> {
    let lines: Vec<&str> = match value {
        Value::String(text) => text.lines().collect(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => return Vec::new(),
    };
    let frame = |line: &&str| match line::piece(&format!(" {line}")) {
        line::Piece::Frame(frame, _) => Some(frame),
        _ => None,
    };
    lines.iter().filter_map(frame).collect()
}

// {"errorType":"CartException","errorMessage":"full","stackTrace":["at Shop.Cart.Add(Item item) in /src/Cart.cs:line 3"]}
fn lambda(object: &Object) -> Option<Vec<Exception>> {
    object.get("errorType").or_else(|| object.get("StackTrace")).or_else(|| object.get("stackTrace"))?;
    let mut found = Vec::new();
    members(object, None, &mut found, 0);
    found.iter().any(|exception| !exception.frames.is_empty()).then_some(found)
}

/// A message template with its properties filled in.
fn rendered(template: &str, object: &Object) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let Some(close) = rest.find('}') else { break };
        let name = rest[1..close].trim_start_matches(['@', '$']);
        let name = name.split([':', ',']).next().unwrap_or(name);
        let properties = object.get("Properties").and_then(Value::as_object);
        match object.get(name).or_else(|| properties?.get(name)) {
            Some(Value::String(text)) => out.push_str(text),
            Some(value) => out.push_str(&value.to_string()),
            None => out.push_str(&rest[..=close]),
        }
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    out
}

/// The scopes' properties; those of the entry itself are no language's own.
fn fields(record: &mut Record, object: &Object) {
    for key in ["Scopes", "scopes"] {
        if let Some(scopes) = object.get(key) {
            field(&mut record.fields, key, scopes, 0);
        }
    }
}

fn field(fields: &mut Vec<(String, String)>, key: &str, value: &Value, depth: usize) {
    // A record's fields are context, not a store: what is larger is left out.
    if fields.len() >= 200 || depth > 3 {
        return;
    }
    match value {
        Value::String(text) if text.len() <= 4096 => fields.push((key.to_owned(), text.clone())),
        Value::Number(_) | Value::Bool(_) => fields.push((key.to_owned(), value.to_string())),
        Value::Object(object) => {
            for (name, value) in object {
                field(fields, &format!("{key}.{name}"), value, depth + 1);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate().filter(|(_, item)| item.is_object()) {
                field(fields, &format!("{key}.{index}"), item, depth + 1);
            }
        }
        _ => {}
    }
}
