//! The fields that loggers of all languages share, under all the keys that they use.
//!
//! In: an entry's object. Out: the record's facts that it does not have yet. Invariant: bounded in depth and number;
//! a fact is taken from the first key that holds one. Does not look for exceptions.

mod keys;

use serde_json::Value;

use super::Object;
use crate::{Level, Record, Request, Trace, User, header, time};
use keys::{
    ENVIRONMENTS, LEVELS, LOGGERS, MESSAGES, METHODS, REQUEST_IDS, SPAN_IDS, STATUSES, TIMES, TRACE_IDS, URLS,
    USER_IDS, USER_NAMES,
};

/// Among so few keys one is found sooner by looking at each than by its hash.
const FEW_KEYS: usize = 24;

/// Structured fields kept of one entry.
const MAX_FIELDS: usize = 64;
/// Bytes kept of one field.
const MAX_FIELD_BYTES: usize = 2048;

/// Fills in what the record does not have yet.
pub(crate) fn fill(record: &mut Record, object: &Object) {
    if record.timestamp.is_none() {
        record.timestamp = TIMES.iter().filter_map(|key| at(object, key)).find_map(timestamp);
    }
    if record.level.is_none() {
        let tagged = || object.get("tags")?.as_array()?.iter().find_map(level);
        record.level = LEVELS.iter().filter_map(|key| at(object, key)).find_map(level).or_else(tagged);
    }
    if record.message.is_none() {
        record.message = first_text(object, &MESSAGES).map(|text| without_trace(&text).to_owned());
    }
    if record.logger.is_none() {
        // A context that was made a text is no name.
        let named = first_text(object, &LOGGERS).filter(|name| !name.starts_with('{'));
        record.logger = named.or_else(|| named_logger(object));
    }
    if record.environment.is_none() {
        record.environment = first_text(object, &ENVIRONMENTS);
    }
    fill_request(record, object);
    if record.user.is_none() {
        let user = User { id: first_scalar(object, &USER_IDS), username: first_text(object, &USER_NAMES) };
        record.user = (user != User::default()).then_some(user);
    }
    if record.trace.is_none() {
        let trace = Trace {
            trace_id: first_scalar(object, &TRACE_IDS).map(|id| id.rsplit('/').next().unwrap_or("").to_owned()),
            span_id: first_scalar(object, &SPAN_IDS),
        };
        record.trace = (trace != Trace::default()).then_some(trace);
    }
    if let Some(id) = first_scalar(object, &REQUEST_IDS) {
        record.fields.push(("request_id".to_owned(), id));
    }
    flatten(&mut record.fields, object, "", 0);
}

fn fill_request(record: &mut Record, object: &Object) {
    if record.request.is_some() {
        return;
    }
    // An entry that is an HTTP client's error holds the client's request, not the one that was served.
    let client = at(object, "config.adapter").is_some() || at(object, "config.headers").is_some();
    if client && object.get("req").is_none() {
        return;
    }
    let url =
        first_text(object, &URLS).filter(|url| url.starts_with('/') || url.contains("://") || url.starts_with('*'));
    let method = first_text(object, &METHODS)
        .filter(|word| (1..=10).contains(&word.len()) && word.bytes().all(|c| c.is_ascii_alphabetic()));
    if url.is_none() && method.is_none() {
        return;
    }
    let status =
        first_scalar(object, &STATUSES).and_then(|text| text.parse().ok()).filter(|status| (100..600).contains(status));
    record.request = Some(Request { method: method.map(|word| word.to_ascii_uppercase()), url, status });
}

/// The value at a dotted path; a key that holds the dots itself comes first, members of an array are numbered.
pub(crate) fn at<'a>(object: &'a Object, path: &str) -> Option<&'a Value> {
    let mut nested = None;
    if object.len() > FEW_KEYS {
        if let Some(value) = object.get(path) {
            return Some(value);
        }
        nested = path.split_once('.').and_then(|(first, rest)| Some((object.get(first)?, rest)));
    } else {
        for (key, value) in object {
            if key.as_bytes().first() != path.as_bytes().first() {
                continue;
            }
            match path.strip_prefix(key.as_str()) {
                Some("") => return Some(value),
                Some(rest) if nested.is_none() && !key.contains('.') => {
                    nested = rest.strip_prefix('.').map(|rest| (value, rest));
                }
                _ => {}
            }
        }
    }
    match nested? {
        (Value::Object(inner), rest) => at(inner, rest),
        (Value::Array(members), rest) => members.get(rest.parse::<usize>().ok()?),
        _ => None,
    }
}

/// The value of a key.
pub(crate) fn get<'a>(object: &'a Object, key: &str) -> Option<&'a Value> {
    if object.len() > FEW_KEYS {
        return object.get(key);
    }
    object.iter().find(|(known, _)| known.as_str() == key).map(|(_, value)| value)
}

fn first_text(object: &Object, paths: &[&str]) -> Option<String> {
    paths.iter().find_map(|path| at(object, path)?.as_str()).map(str::to_owned)
}

fn first_scalar(object: &Object, paths: &[&str]) -> Option<String> {
    paths.iter().find_map(|path| scalar(at(object, path)?))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        // Nextcloud writes `--` for none.
        Value::String(text) if !text.is_empty() && text != "--" => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `name` is the logger of pino and bunyan, whose level is a number; elsewhere it may be anything.
fn named_logger(object: &Object) -> Option<String> {
    object.get("level").filter(|level| level.is_number())?;
    // An entry that is itself an error has the error's name.
    let stack = object.get("stack").and_then(Value::as_str);
    let name = object.get("name")?.as_str()?;
    stack.is_none_or(|stack| !stack.starts_with(name)).then(|| name.to_owned())
}

fn timestamp(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.len() >= 10 && text.bytes().all(|c| c.is_ascii_digit()) => {
            time::from_epoch(text.parse().ok()?)
        }
        Value::String(text) => time::at_start(text)?.value,
        Value::Number(number) => time::from_epoch(number.as_f64()?),
        _ => None,
    }
}

/// A level as a word, or as the numbers of pino and bunyan.
fn level(value: &Value) -> Option<Level> {
    match value {
        Value::String(word) => header::level(word),
        Value::Number(number) => match number.as_u64()? {
            10 => Some(Level::Trace),
            20 => Some(Level::Debug),
            30 => Some(Level::Info),
            40 => Some(Level::Warning),
            50 => Some(Level::Error),
            60 => Some(Level::Fatal),
            _ => None,
        },
        _ => None,
    }
}

/// A message that holds a trace, up to the trace.
fn without_trace(message: &str) -> &str {
    match message.split_once('\n') {
        Some((first, rest)) if rest.contains("    at ") || rest.contains('@') => first,
        _ => message,
    }
}

/// Scalars at any place, under dotted keys.
fn flatten(fields: &mut Vec<(String, String)>, object: &Object, prefix: &str, depth: usize) {
    const TOLD: [&str; 22] = [
        "message",
        "msg",
        "level",
        "time",
        "timestamp",
        "@timestamp",
        "ts",
        "stack",
        "stack_trace",
        "trace",
        "err",
        "error",
        "exception",
        "@t",
        "@l",
        "@m",
        "@x",
        "Message",
        "Level",
        "Timestamp",
        "Exception",
        "v",
    ];
    for (key, value) in object {
        if fields.len() >= MAX_FIELDS {
            return;
        }
        if depth == 0 && TOLD.contains(&key.as_str()) && !value.is_object()
            || matches!(key.as_str(), "err" | "error" | "exception")
        {
            continue;
        }
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Object(inner) if depth < 3 => flatten(fields, inner, &name, depth + 1),
            Value::String(text) if text.len() <= MAX_FIELD_BYTES => fields.push((name, text.clone())),
            Value::Number(_) | Value::Bool(_) => fields.push((name, value.to_string())),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_loggers() {
        for (text, level, logger, url, status, user) in [
            (
                r#"{"level":50,"time":1700000000000,"name":"shop","req":{"method":"get","url":"/a?b=1"},"res":{"statusCode":502},"msg":"x","user":{"id":7}}"#,
                Level::Error,
                Some("shop"),
                "/a?b=1",
                Some(502),
                Some("7"),
            ),
            (
                r#"{"log.level":"warn","@timestamp":"2026-01-02T03:04:05Z","message":"x","url":{"path":"/a"},"http":{"request":{"method":"POST"},"response":{"status_code":404}}}"#,
                Level::Warning,
                None,
                "/a",
                Some(404),
                None,
            ),
            (
                r#"{"_meta":{"logLevelName":"FATAL","date":"2026-01-02T03:04:05Z","name":"jobs"},"0":"x","method":"GET","path":"/a","userId":"u1"}"#,
                Level::Fatal,
                Some("jobs"),
                "/a",
                None,
                Some("u1"),
            ),
        ] {
            let object: Object = serde_json::from_str(text).unwrap();
            let mut record = Record::default();
            fill(&mut record, &object);
            assert_eq!(record.level, Some(level), "{text}");
            assert_eq!(record.logger.as_deref(), logger, "{text}");
            assert_eq!(record.message.as_deref(), Some("x"), "{text}");
            assert!(record.timestamp.is_some(), "{text}");
            let request = record.request.unwrap();
            assert_eq!((request.url.as_deref(), request.status), (Some(url), status), "{text}");
            assert_eq!(record.user.and_then(|user| user.id).as_deref(), user, "{text}");
        }
    }
}
