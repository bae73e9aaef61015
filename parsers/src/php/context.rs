//! What a record's context and extra say: the exception, who was served, what was served, and other fields.
//!
//! In: the values that a formatter printed. Out: exceptions, and the record's facts filled in. Invariant: what
//! is already known stays. Does not read text: the values are decoded.

use serde_json::{Map, Value};

use super::frame;
use super::native;
use super::object::{self, MAX_CHAIN, previous_of};
use crate::json::get;
use crate::record::{Exception, Record, Request, Trace, User};
use crate::text::Literal;

/// Fields kept of one record.
const MAX_FIELDS: usize = 64;
/// Bytes kept of one field's value.
const MAX_FIELD_BYTES: usize = 1024;
/// How deep exceptions and fields are looked for.
const MAX_DEPTH: usize = 8;
/// Where a printed trace begins.
static FIRST: Literal = Literal::new("#0 ");
/// An exception found in a context.
#[derive(Debug, Default)]
pub(super) struct Thrown {
    pub chain: Vec<Exception>,
    pub unparsed: Vec<String>,
}

/// The exception in an object: under `exception`, else under the first key that holds one, at any depth.
pub(super) fn thrown(object: &Map<String, Value>) -> Option<Thrown> {
    thrown_beside(object, &[])
}

/// The same, without looking into the texts under the keys `skip`; or the object is one itself.
pub(super) fn thrown_beside(object: &Map<String, Value>, skip: &[&str]) -> Option<Thrown> {
    // {"type":"throwable","class":"App\\NoStock","code":0,"file":"/srv/a.php","line":3,"message":"…","trace":[…]}
    let own = ["class", "file", "message", "trace"].iter().all(|key| object.contains_key(*key));
    own.then(|| in_normalized(object)).flatten().or_else(|| in_object(object, MAX_DEPTH, skip))
}

fn in_object(object: &Map<String, Value>, depth: usize, skip: &[&str]) -> Option<Thrown> {
    let depth = depth.checked_sub(1)?;
    let skipped = |key: &str, value: &Value| value.is_string() && skip.contains(&key);
    let others = object.iter().filter(|(key, value)| *key != "exception" && !skipped(key, value));
    let first = get(object, "exception").into_iter();
    first.chain(others.map(|(_, value)| value)).find_map(|value| in_value(value, depth))
}

fn in_value(value: &Value, depth: usize) -> Option<Thrown> {
    match value {
        Value::String(text) => in_text(text),
        Value::Object(object) => {
            in_normalized(object).or_else(|| in_nextcloud(object)).or_else(|| in_object(object, depth, &[]))
        }
        Value::Array(items) => {
            let depth = depth.checked_sub(1)?;
            items.iter().take(MAX_FIELDS).find_map(|item| in_value(item, depth))
        }
        _ => None,
    }
}

/// `[object] (…)`, or an exception that was made a string, as PHP or as JSON.
pub(super) fn in_text(text: &str) -> Option<Thrown> {
    if text.starts_with(object::MARK) {
        let (chain, unparsed) = object::chain(text)?;
        return Some(Thrown { chain, unparsed });
    }
    if text.starts_with("{\"class\":") || text.starts_with("{\"type\":\"throwable\"") {
        return in_normalized(&serde_json::from_str(text).ok()?);
    }
    if text.starts_with("{\"Exception\":") {
        return in_nextcloud(&serde_json::from_str(text).ok()?);
    }
    let trace = FIRST.find(text.as_bytes())?;
    let lines: Vec<&str> = text.split('\n').map(|line| line.trim_end_matches('\r')).collect();
    let hit = memchr::memchr_iter(b'\n', &text.as_bytes()[..trace]).count();
    let printed = native::parse(&lines, hit)?;
    Some(Thrown { chain: printed.chain, unparsed: printed.unparsed })
}

// {"class":"App\\Late","message":"…","code":0,"file":"/srv/a.php:3","trace":["/srv/b.php:9"],"previous":{…}}
fn in_normalized(object: &Map<String, Value>) -> Option<Thrown> {
    let mut found = Thrown::default();
    let mut next = Some(object);
    while let Some(object) = next.filter(|_| found.chain.len() < MAX_CHAIN) {
        let Some(mut exception) = normalized(object) else { break };
        exception.cause_of = previous_of(&found.chain);
        found.chain.push(exception);
        next = get(object, "previous").and_then(Value::as_object);
    }
    (!found.chain.is_empty()).then_some(found)
}

// {"Exception":"OC\\Late","Message":"…","Code":0,"Trace":[{"file":"/srv/a.php","line":3,"function":"f","class":"A","type":"->"}],"File":"…","Line":9,"Previous":{…}}
/// Nextcloud's and ownCloud's, whose keys begin with capitals.
pub(super) fn in_nextcloud(object: &Map<String, Value>) -> Option<Thrown> {
    const KEYS: [(&str, &str); 6] = [
        ("Exception", "class"),
        ("Message", "message"),
        ("Code", "code"),
        ("File", "file"),
        ("Line", "line"),
        ("Trace", "trace"),
    ];
    let mut found = Thrown::default();
    let mut next = Some(object);
    while let Some(object) = next.filter(|_| found.chain.len() < MAX_CHAIN) {
        let known = |(own, name): &(&str, &str)| Some(((*name).to_owned(), object.get(*own)?.clone()));
        let Some(mut exception) = normalized(&KEYS.iter().filter_map(known).collect()) else { break };
        exception.cause_of = previous_of(&found.chain);
        found.chain.push(exception);
        next = get(object, "Previous").and_then(Value::as_object);
    }
    (!found.chain.is_empty()).then_some(found)
}

fn normalized(object: &Map<String, Value>) -> Option<Exception> {
    let kind = get(object, "class").or_else(|| get(object, "type"))?.as_str()?;
    let mut exception = Exception { kind: kind.split('\0').next().unwrap_or(kind).to_owned(), ..Exception::default() };
    exception.message = get(object, "message").and_then(Value::as_str).unwrap_or("").to_owned();
    exception.code = get(object, "code").and_then(scalar).filter(|code| !code.is_empty());
    let place = get(object, "file").and_then(Value::as_str);
    // Elastic's schema has a name of its own for it.
    let trace = get(object, "trace").or_else(|| get(object, "stack_trace"));
    match (place, get(object, "line").and_then(Value::as_u64)) {
        (Some(file), Some(line)) => {
            exception.file = Some(file.to_owned());
            exception.line = u32::try_from(line).ok();
        }
        (Some(place), None) => match frame::file_and_line(place) {
            Some((file, line)) => {
                exception.file = Some(file.to_owned());
                exception.line = Some(line);
            }
            // The text was cut inside the place.
            None => exception.file = Some(place.to_owned()),
        },
        // Other languages' loggers print a type and a message too; PHP's say the place, or number the calls.
        (None, _) if trace.and_then(Value::as_str).is_none_or(|text| !text.starts_with("#0 ")) => return None,
        (None, _) => {}
    }
    let named = || object.contains_key("class") || exception.file.is_none();
    let php = exception.file.as_ref().is_some_and(|file| file.contains(".php")) || named();
    if !php || kind.is_empty() || kind.contains(' ') {
        return None;
    }
    for key in ["faultcode", "faultactor", "detail"] {
        if let Some(value) = get(object, key).and_then(scalar) {
            exception.properties.push((key.to_owned(), value));
        }
    }
    match trace {
        Some(Value::Array(items)) => exception.frames = items.iter().filter_map(trace_item).collect(),
        Some(Value::String(text)) if text.starts_with("#0 ") => {
            exception.frames = frame::frames(text.lines()).frames;
        }
        Some(Value::String(text)) => {
            let printed = in_text(text).and_then(|thrown| thrown.chain.into_iter().next());
            exception.frames = printed.map(|printed| printed.frames).unwrap_or_default();
        }
        _ => {}
    }
    Some(exception)
}

/// One item of a normalized trace: a place, a printed frame, or a frame of `getTrace()`.
fn trace_item(item: &Value) -> Option<crate::record::Frame> {
    match item {
        Value::String(text) if text.starts_with('{') => trace_item(&serde_json::from_str(text).ok()?),
        Value::String(text) if text.starts_with('#') => frame::frames(std::iter::once(text.as_str())).frames.pop(),
        Value::String(text) => frame::from_place(text),
        Value::Object(frame) => {
            let text = |key: &str| frame.get(key).and_then(Value::as_str).map(str::to_owned);
            let file = text("file");
            let line = frame.get("line").and_then(Value::as_u64).and_then(|line| u32::try_from(line).ok());
            let in_app = file.as_deref().is_some_and(frame::in_app);
            let (function, module) = (text("function"), text("class"));
            (function.is_some() || file.is_some()).then(|| crate::record::Frame {
                function,
                module,
                file,
                line,
                in_app,
                ..Default::default()
            })
        }
        _ => None,
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Fills in user, request, trace ids and fields from a context or an extra.
pub(super) fn fill(record: &mut Record, object: &Map<String, Value>) {
    facts(record, object);
    fields(&mut record.fields, "", object, MAX_DEPTH);
}

/// Fills in user, request and trace ids.
pub(super) fn facts(record: &mut Record, object: &Map<String, Value>) {
    // Nextcloud's word for none.
    let told = |text: &String| !text.is_empty() && text != "--";
    let at = |keys: &[&str]| keys.iter().find_map(|key| scalar(get(object, key)?)).filter(told);
    user(record, object, &at);
    request(record, object, &at);
    let trace = record.trace.get_or_insert_default();
    let (trace_id, span_id) = (at(&["trace_id", "traceId", "trace.id"]), at(&["span_id", "spanId", "span.id"]));
    trace.trace_id = trace.trace_id.take().or(trace_id);
    trace.span_id = trace.span_id.take().or(span_id);
    if *trace == Trace::default() {
        record.trace = None;
    }
}

fn user(record: &mut Record, object: &Map<String, Value>, at: &dyn Fn(&[&str]) -> Option<String>) {
    let user = record.user.get_or_insert_default();
    let nested = get(object, "user");
    let inside = |keys: &[&str]| keys.iter().find_map(|key| scalar(nested?.get(*key)?));
    let id = at(&["userId", "user_id", "userid", "user.id"]).or_else(|| inside(&["id", "user_id", "uid"]));
    let name = at(&["username", "user_name", "userName", "user.name"])
        .or_else(|| inside(&["username", "name", "user_identifier"]))
        .or_else(|| nested.and_then(scalar).filter(|name| name != "--"));
    user.id = user.id.take().or(id);
    user.username = user.username.take().or(name);
    if *user == User::default() {
        record.user = None;
    }
}

/// A URL alone may be one that the application called: it counts with a method beside it, or under a key that
/// only a served request has.
fn request(record: &mut Record, object: &Map<String, Value>, at: &dyn Fn(&[&str]) -> Option<String>) {
    for key in ["request", "http", "req", "httpRequest"] {
        if let Some(Value::Object(inner)) = get(object, key) {
            let at = |keys: &[&str]| keys.iter().find_map(|key| scalar(get(inner, key)?));
            served(record, &at, true);
        }
    }
    served(record, at, false);
}

fn served(record: &mut Record, at: &dyn Fn(&[&str]) -> Option<String>, inside: bool) {
    let method = at(&["method", "http_method", "request_method", "httpMethod", "requestMethod"])
        .filter(|method| is_method(method));
    let surely = at(&["request_uri", "full_url", "fullUrl", "requestUri", "request_url", "requestUrl"]);
    let url = surely.or_else(|| at(&["url", "uri", "path"]).filter(|_| method.is_some() || inside));
    if method.is_none() && url.is_none() {
        return;
    }
    let request: &mut Request = record.request.get_or_insert_default();
    let status = at(&["status", "status_code", "statusCode", "http_status", "responseStatusCode"]);
    request.method = request.method.take().or(method.map(|method| method.to_ascii_uppercase()));
    request.url = request.url.take().or(url);
    request.status = request.status.or(status.and_then(|status| status.parse().ok()));
}

fn is_method(text: &str) -> bool {
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"].iter().any(|known| text.eq_ignore_ascii_case(known))
}

/// The scalars of an object, under dotted keys.
fn fields(fields: &mut Vec<(String, String)>, prefix: &str, object: &Map<String, Value>, depth: usize) {
    for (key, value) in object {
        if fields.len() >= MAX_FIELDS {
            return;
        }
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Object(inner) if depth > 0 && normalized(inner).is_none() => fields_of(fields, &name, inner, depth),
            Value::String(text) if text.starts_with(object::MARK) => {}
            _ => {
                if let Some(mut text) = scalar(value) {
                    text.truncate(super::head(&text, MAX_FIELD_BYTES).len());
                    fields.push((name, text));
                }
            }
        }
    }
}

fn fields_of(into: &mut Vec<(String, String)>, name: &str, inner: &Map<String, Value>, depth: usize) {
    fields(into, name, inner, depth - 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn exceptions_in_every_form() {
        let forms = [
            (r#"{"exception":"[object] (A(code: 0): x at /srv/a.php:3)"}"#, "A", 0),
            (r#"{"n":{"e":["[object] (A(code: 0): x at /srv/a.php:3)"]},"exception":null}"#, "A", 0),
            (r#"{"error":"App\\A: x in /srv/a.php:3\nStack trace:\n#0 /srv/b.php(1): f()\n#1 {main}"}"#, "App\\A", 1),
            (
                r#"{"exception":{"class":"A","message":"x","code":0,"file":"/srv/a.php:3","trace":["/srv/b.php:9"]}}"#,
                "A",
                1,
            ),
            (
                r#"{"exception":{"Exception":"A","Message":"x","Code":0,"Trace":[{"file":"/srv/b.php","line":9,"function":"f"}],"File":"/srv/a.php","Line":3,"message":"x","exception":{}}}"#,
                "A",
                1,
            ),
            (
                r##"{"e":{"class":"A","message":"x","file":"/srv/a.php","line":3,"trace":"#0 /srv/b.php(1): f()\n#1 {main}"}}"##,
                "A",
                1,
            ),
            (
                r#"{"e":{"class":"A","message":"x","file":"/srv/a.php","line":3,"trace":[{"file":"/srv/b.php","line":1,"class":"B","function":"f"}]}}"#,
                "A",
                1,
            ),
        ];
        for (text, kind, frames) in forms {
            let found = thrown(&object(text)).unwrap();
            let outer = &found.chain[0];
            assert_eq!(
                (outer.kind.as_str(), outer.message.as_str(), outer.line, outer.frames.len()),
                (kind, "x", Some(3), frames),
                "{text}"
            );
        }
        for text in
            [r#"{"exception":null}"#, r#"{"e":{"type":"A","message":"x"}}"#, r#"{"class":"btn","file":"a.css"}"#]
        {
            assert!(thrown(&object(text)).is_none(), "{text}");
        }
    }

    #[test]
    fn facts() {
        let mut record = Record::default();
        fill(
            &mut record,
            &object(
                r#"{"userId":42,"url":"https://shop.example/a?b=1","method":"get","order":{"id":7,"paid":true},"list":[1]}"#,
            ),
        );
        assert_eq!(record.user.as_ref().unwrap().id.as_deref(), Some("42"));
        assert_eq!(record.request.as_ref().unwrap().method.as_deref(), Some("GET"));
        assert!(record.fields.contains(&("order.id".to_owned(), "7".to_owned())));
        let mut record = Record::default();
        fill(
            &mut record,
            &object(r#"{"url":"https://api.example/charge","user":{"id":3,"name":"x"},"trace_id":"ab"}"#),
        );
        assert_eq!((record.request, record.user.unwrap().id.as_deref()), (None, Some("3")));
        assert_eq!(record.trace.unwrap().trace_id.as_deref(), Some("ab"));
    }
}
