//! Entries that are JSON objects, one a line or spread over lines.
//!
//! In: a region. Out: the record of the object at its hit, with the fields that JSON loggers share (time, level,
//! logger, message, user, request, trace ids); each language reads its own exceptions out of the object.
//! Invariant: only candidate lines are parsed. Does not know a language's keys for exceptions.

pub(crate) mod value;

use serde_json::{Map, Value};

use crate::assemble::{Found, Region};
use crate::{Record, dotnet, header, node, php, time};

/// A JSON object.
pub(crate) type Object = Map<String, Value>;

/// The record of the object at the region's hit.
pub(crate) fn parse(region: &Region<'_>) -> Option<Found> {
    let line = &region.lines[region.hit];
    let open = line.find('{')?;
    if open > 0 && header(line).is_none_or(|header| header.length != open) {
        return None;
    }
    let (object, lines) = match serde_json::from_str(line[open..].trim_end()) {
        Ok(object) => (object, 1),
        Err(_) => broken(&line[open..], &region.lines[region.hit + 1..])?,
    };
    let mut record =
        php::from_json(&object).or_else(|| dotnet::from_json(&object)).or_else(|| node::from_json(&object))?;
    fill(&mut record, &object);
    Some(Found { record, lines: region.hit..region.hit + lines, has_header: true })
}

/// An object that goes on in the next lines, because its writer or a limit on a line's length broke it, or whose end
/// is lost; and how many lines it takes.
fn broken(first: &str, others: &[std::borrow::Cow<'_, str>]) -> Option<(Object, usize)> {
    if !first.starts_with("{\"") && first != "{" {
        return None;
    }
    let mut text = first.to_owned();
    let mut ends = vec![text.len()];
    for line in others {
        text.push_str(line);
        ends.push(text.len());
    }
    let parsed = value::parse(&text, 0)?;
    let Value::Object(object) = parsed.value else { return None };
    Some((object, 1 + ends.partition_point(|end| *end < parsed.end)))
}

/// Fields that the record does not have yet, from the keys under which loggers put them.
fn fill(record: &mut Record, object: &Object) {
    if record.timestamp.is_none() {
        let keys = ["@timestamp", "timestamp", "time", "@t", "Timestamp", "datetime", "ts", "date"];
        record.timestamp = keys.iter().find_map(|key| object.get(*key)).and_then(|value| match value {
            Value::String(text) => time::at_start(text)?.value,
            Value::Number(number) => time::from_epoch(number.as_f64()?),
            _ => None,
        });
    }
    if record.level.is_none() {
        let keys = ["level_name", "level", "@l", "Level", "LogLevel", "severity", "log.level"];
        record.level = keys.iter().find_map(|key| object.get(*key)?.as_str()).and_then(header::level);
    }
    if record.message.is_none() {
        let keys = ["message", "msg", "@m", "Message", "@mt"];
        record.message = keys.iter().find_map(|key| object.get(*key)?.as_str()).map(str::to_owned);
    }
}
