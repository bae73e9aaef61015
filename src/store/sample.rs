//! An issue's event, read back for people.
//!
//! In: an event's JSON, as it goes to Sentry. Out: what a developer wants to see of it, in reading order: outermost
//! exception first, innermost call first. Invariant: whatever the JSON holds, reading it does not fail. Does not build events.

use jiff::Timestamp;
use serde_json::Value;

/// What an event says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// Outermost first.
    pub exceptions: Vec<SampleException>,
    /// Request, user, release, tags, …: name and value.
    pub facts: Vec<(String, String)>,
    /// What the log said before, oldest first.
    pub breadcrumbs: Vec<Breadcrumb>,
}

/// One exception of the chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SampleException {
    /// Its type.
    pub kind: String,
    /// Its message.
    pub value: String,
    /// Innermost call first.
    pub frames: Vec<SampleFrame>,
}

/// One call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SampleFrame {
    /// Function with its module.
    pub name: String,
    /// File and line.
    pub place: String,
    /// Whether it is the application's own.
    pub in_app: bool,
    /// Source lines with their numbers, and which of them was being executed.
    pub source: Vec<(u64, String, bool)>,
}

/// A log record before the exception.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breadcrumb {
    /// Its time, as the event spells it.
    pub time: String,
    /// Its level.
    pub level: String,
    /// Its message.
    pub message: String,
}

impl Sample {
    /// Reads an event.
    pub fn parse(body: &[u8]) -> Sample {
        let event: Value = serde_json::from_slice(body).unwrap_or_default();
        let exceptions = values(&event["exception"]).iter().rev().map(exception).collect();
        let breadcrumbs = values(&event["breadcrumbs"]).iter().map(breadcrumb).collect();
        Sample { exceptions, facts: facts(&event), breadcrumbs }
    }
}

/// `{"values": […]}`, or the list itself.
fn values(value: &Value) -> &[Value] {
    value["values"].as_array().or(value.as_array()).map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A time for people: events tell theirs in seconds since 1970.
fn moment(value: &Value) -> String {
    let time = value.as_f64().and_then(|seconds| Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok());
    time.map_or_else(|| text(value), |time| time.to_string())
}

fn exception(value: &Value) -> SampleException {
    let frames = value["stacktrace"]["frames"].as_array().map_or(&[][..], Vec::as_slice);
    SampleException {
        kind: text(&value["type"]),
        value: text(&value["value"]),
        frames: frames.iter().rev().map(frame).collect(),
    }
}

fn frame(value: &Value) -> SampleFrame {
    let (module, function) = (text(&value["module"]), text(&value["function"]));
    let name = match (module.is_empty(), function.is_empty()) {
        (false, false) => format!("{module}.{function}"),
        (false, true) => module,
        _ => function,
    };
    let path = ["abs_path", "filename"].iter().map(|key| text(&value[*key])).find(|path| !path.is_empty());
    let line = value["lineno"].as_u64().unwrap_or(0);
    let place = match path {
        Some(path) if line > 0 => format!("{path}:{line}"),
        path => path.unwrap_or_default(),
    };
    SampleFrame { name, place, in_app: value["in_app"].as_bool().unwrap_or(false), source: source(value, line) }
}

fn source(frame: &Value, line: u64) -> Vec<(u64, String, bool)> {
    if !frame["context_line"].is_string() {
        return Vec::new();
    }
    let list = |key: &str| frame[key].as_array().map_or(&[][..], Vec::as_slice);
    let before = list("pre_context");
    let first = line.saturating_sub(before.len() as u64);
    let is_it = before.len();
    let all = before.iter().chain([&frame["context_line"]]).chain(list("post_context"));
    all.enumerate().map(|(index, code)| (first + index as u64, text(code), index == is_it)).collect()
}

fn breadcrumb(value: &Value) -> Breadcrumb {
    Breadcrumb { time: moment(&value["timestamp"]), level: text(&value["level"]), message: text(&value["message"]) }
}

fn facts(event: &Value) -> Vec<(String, String)> {
    let request = &event["request"];
    let called = [text(&request["method"]), text(&request["url"])].join(" ").trim().to_owned();
    let mut facts = vec![("request".to_owned(), called)];
    for key in ["transaction", "environment", "release", "server_name", "level", "logger"] {
        facts.push((key.to_owned(), text(&event[key])));
    }
    facts.push(("time".to_owned(), moment(&event["timestamp"])));
    for key in ["id", "username", "email"] {
        facts.push((format!("user.{key}"), text(&event["user"][key])));
    }
    for (key, value) in event["tags"].as_object().into_iter().flatten() {
        facts.push((key.clone(), text(value)));
    }
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_in_the_order_of_people() {
        let body = serde_json::json!({
            "exception": {"values": [{"type": "Cause", "value": "b"}, {"type": "Outer", "value": "a", "stacktrace": {"frames": [
                {"function": "main"},
                {"module": "Basket", "function": "add", "abs_path": "/srv/basket.js", "lineno": 7, "in_app": true,
                 "pre_context": ["x"], "context_line": "y", "post_context": ["z"]},
            ]}}]},
            "request": {"method": "GET", "url": "/a"}, "tags": {"host": "web-1"},
            "breadcrumbs": {"values": [{"level": "info", "message": "hello", "timestamp": 1.5}]},
        });
        let sample = Sample::parse(body.to_string().as_bytes());
        let kinds: Vec<&str> = sample.exceptions.iter().map(|exception| exception.kind.as_str()).collect();
        assert_eq!(kinds, ["Outer", "Cause"]);
        let frame = &sample.exceptions[0].frames[0];
        assert_eq!((frame.name.as_str(), frame.place.as_str(), frame.in_app), ("Basket.add", "/srv/basket.js:7", true));
        let lines: Vec<_> = frame.source.iter().map(|(number, code, is_it)| (*number, code.as_str(), *is_it)).collect();
        assert_eq!(lines, [(6, "x", false), (7, "y", true), (8, "z", false)]);
        let facts: Vec<_> = sample.facts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(facts, [("request", "GET /a"), ("host", "web-1")]);
        assert_eq!(
            (sample.breadcrumbs[0].message.as_str(), sample.breadcrumbs[0].time.as_str()),
            ("hello", "1970-01-01T00:00:01.5Z")
        );
    }

    #[test]
    fn nonsense_is_no_failure() {
        for body in ["", "[]", "1", "{\"exception\": 3, \"tags\": [1], \"breadcrumbs\": {\"values\": {}}}"] {
            assert_eq!(Sample::parse(body.as_bytes()).exceptions, []);
        }
    }
}
