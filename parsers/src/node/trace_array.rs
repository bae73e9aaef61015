//! Stacks that a logger took apart: arrays of lines, or of objects with a place and a function.
//!
//! In: the array. Out: a `Stack`, or none where its members are no calls. Does not look for the array.

use serde_json::Value;

use super::error::{frame_of, scalar};
use super::stack::{self, Stack};
use crate::Frame;
use crate::json::Object;

/// The stack in an array.
// ["TypeError: x","    at f (/a.js:1:2)"] · [{"fullFilePath":"/a.js:1:2","method":"f"}] · [{"file":"/a.js","line":1,"column":2,"function":"f"}]
pub(crate) fn stack(values: &[Value], message: Option<&str>) -> Option<Stack> {
    if values.iter().all(Value::is_string) {
        let lines: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        let found = stack::parse(&lines.join("\n"), message);
        return (!found.frames.is_empty()).then_some(found);
    }
    let frames: Vec<Frame> = values.iter().filter_map(|value| call(value.as_object()?)).collect();
    (!frames.is_empty()).then(|| Stack { frames: frames.into(), ..Stack::default() })
}

fn call(site: &Object) -> Option<Frame> {
    let text = |key: &str| site.get(key).and_then(Value::as_str);
    let function =
        text("function").or_else(|| text("functionName")).or_else(|| text("method")).or_else(|| text("methodName"));
    if let Some(place) = text("fullFilePath") {
        return frame_of(place, function);
    }
    let file = text("file").or_else(|| text("fileName")).or_else(|| text("filename"))?;
    let number = |keys: [&str; 2]| keys.iter().find_map(|key| scalar(site.get(*key)?));
    let line = number(["line", "lineNumber"])?;
    match number(["column", "columnNumber"]) {
        Some(column) => frame_of(&format!("{file}:{line}:{column}"), function),
        None => frame_of(&format!("{file}:{line}"), function),
    }
}
