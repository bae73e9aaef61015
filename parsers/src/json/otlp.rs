//! OpenTelemetry's own JSON (OTLP): records of a log inside of their resource and scope.
//!
//! In: an exporter's object. Out: the first record in it that holds an exception, flat, under the keys that loggers
//! use. Invariant: one pass. Does not read the others: exporters that write files write one record a line.

use serde_json::Value;

use super::Object;

// {"resourceLogs":[{"resource":{…},"scopeLogs":[{"scope":{"name":"Shop.Cart"},"logRecords":[{"timeUnixNano":"…",…}]}]}]}
/// The record of an exporter's object; none where it is another kind of object.
pub(super) fn record(object: &Object) -> Option<Object> {
    let list = |value: &'_ Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    for resource in object.get("resourceLogs")?.as_array()? {
        for scope in list(resource, "scopeLogs") {
            for entry in list(&scope, "logRecords") {
                let attributes = list(&entry, "attributes");
                if !attributes.iter().any(|pair| name(pair).is_some_and(|name| name.starts_with("exception."))) {
                    continue;
                }
                let mut flat = Object::new();
                for pair in
                    list(resource.get("resource").unwrap_or(&Value::Null), "attributes").iter().chain(&attributes)
                {
                    if let (Some(name), Some(value)) = (name(pair), pair.get("value").and_then(plain)) {
                        flat.insert(name.to_owned(), value);
                    }
                }
                facts(&mut flat, &entry, &scope);
                return Some(flat);
            }
        }
    }
    None
}

fn facts(flat: &mut Object, entry: &Value, scope: &Value) {
    let found = [
        ("message", entry.get("body").and_then(plain)),
        ("level", entry.get("severityText").cloned()),
        ("trace_id", entry.get("traceId").cloned()),
        ("span_id", entry.get("spanId").cloned()),
        ("logger", scope.get("scope").and_then(|scope| scope.get("name")).cloned()),
        ("timestamp", time(entry)),
    ];
    for (key, value) in found {
        if let Some(value) = value.filter(|value| value.as_str().is_none_or(|text| !text.is_empty())) {
            flat.insert(key.to_owned(), value);
        }
    }
}

fn name(pair: &Value) -> Option<&str> {
    pair.get("key")?.as_str()
}

/// `{"stringValue":"x"}`
fn plain(value: &Value) -> Option<Value> {
    let (_, value) = value.as_object()?.iter().next()?;
    Some(value.clone()).filter(|value| !value.is_object() && !value.is_array())
}

/// Nanoseconds, as text or number, in the milliseconds that loggers write.
fn time(entry: &Value) -> Option<Value> {
    let nanos = entry.get("timeUnixNano")?;
    let nanos: u64 = nanos.as_u64().or_else(|| nanos.as_str()?.parse().ok())?;
    Some(Value::from(nanos / 1_000_000))
}
