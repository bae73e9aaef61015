//! .NET exceptions in JSON entries: MEL's console, Serilog's formatters, CLEF, NLog, ZLogger, ECS, GELF, Lambda.
//!
//! In: an object. Out: the record with its exception and scalar fields. Invariant: text under a key for exceptions is
//! only taken when it reads as .NET's. Does not read the fields that all JSON loggers share.

mod thrown;

use serde_json::Value;

use super::record;
use crate::json::Object;
use crate::record::{Level, Record, Trace};
use crate::{header, time};

/// Keys under which loggers put the entry's own words.
const MESSAGES: &[&str] = &["Message", "RenderedMessage", "@m", "message", "msg", "short_message"];

/// The record of an entry that holds a .NET exception.
pub(super) fn parse(object: &Object) -> Option<Record> {
    let found = thrown::of_entry(object)?;
    let mut record = record(found.exceptions);
    record.format = format(object).to_owned();
    // The object that holds the exception may be one of several inside the entry.
    for entry in [object].into_iter().chain(found.holder.filter(|holder| !std::ptr::eq(*holder, object))) {
        facts(&mut record, entry);
    }
    if let Some(before) = found.before.filter(|_| record.message.as_deref().is_none_or(|text| text.contains('\n'))) {
        let before = before.trim().trim_end_matches([':', '-', '|']).trim_end();
        record.message = (!before.is_empty()).then(|| before.to_owned());
    }
    fields(&mut record, object);
    Some(record)
}

/// What an entry says beside its exception, where it is not known yet.
fn facts(record: &mut Record, object: &Object) {
    let one_of = |keys: &[&str]| keys.iter().find_map(|key| text(object.get(*key)?));
    if record.logger.is_none() {
        const LOGGERS: &[&str] = &[
            "Category",
            "SourceContext",
            "logger",
            "Logger",
            "LoggerName",
            "log.logger",
            "CategoryName",
            "_logger",
            "_LoggerName",
        ];
        let inside = |key: &str| text(object.get(key)?.get("SourceContext")?);
        record.logger = one_of(LOGGERS).or_else(|| inside("Properties")).or_else(|| inside("fields"));
    }
    if record.message.is_none() {
        record.message = one_of(MESSAGES);
    }
    if record.message.is_none() {
        let template = one_of(&["@mt", "MessageTemplate", "messageTemplate"]);
        record.message = template.map(|template| rendered(&template, object));
    }
    levels_and_times(record, object);
}

fn levels_and_times(record: &mut Record, object: &Object) {
    let one_of = |keys: &[&str]| keys.iter().find_map(|key| text(object.get(*key)?));
    if record.level.is_none() {
        let word = one_of(&["LogLevel", "@l", "Level", "level", "log.level", "severity", "severityLevel"]);
        record.level = word.and_then(|word| header::level(&word)).or_else(|| gelf_level(object));
    }
    // CLEF leaves the level out where it is Information.
    if record.level.is_none() && object.contains_key("@t") {
        record.level = Some(Level::Info);
    }
    if record.timestamp.is_none() {
        let stamp = one_of(&["@t", "Timestamp", "timestamp", "@timestamp", "time", "Time", "date", "LogTime"]);
        record.timestamp = stamp.and_then(|stamp| time::at_start(&stamp)?.value);
    }
    let trace = Trace {
        trace_id: one_of(&["@tr", "TraceId", "trace_id", "trace.id"]),
        span_id: one_of(&["@sp", "SpanId", "span_id", "span.id"]),
    };
    if record.trace.is_none() && trace != Trace::default() {
        record.trace = Some(trace);
    }
}

/// GELF's level is syslog's number.
fn gelf_level(object: &Object) -> Option<Level> {
    object.get("short_message")?;
    match object.get("level")?.as_u64()? {
        0 => Some(Level::Emergency),
        1 => Some(Level::Alert),
        2 => Some(Level::Critical),
        3 => Some(Level::Error),
        4 => Some(Level::Warning),
        5 => Some(Level::Notice),
        6 => Some(Level::Info),
        7 => Some(Level::Debug),
        _ => None,
    }
}

fn format(object: &Object) -> &'static str {
    if object.contains_key("@t") {
        "clef"
    } else if object.contains_key("LogLevel") && object.contains_key("Category") {
        "aspnetcore-json"
    } else if object.contains_key("MessageTemplate") || object.contains_key("messageTemplate") {
        "serilog-json"
    } else if object.contains_key("errorType") {
        "lambda"
    } else if object.contains_key("short_message") {
        "gelf"
    } else if object.contains_key("@timestamp") {
        "ecs"
    } else {
        "json"
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
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
