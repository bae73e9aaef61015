//! Bref, PHP on AWS Lambda: `8f507cfc-…⇥Invoke Error⇥{"errorType":"App\\NoStock","errorMessage":"…","stack":["#0 …"]}`.
//!
//! In: a line, an entry. Out: the line's header, the entry's exceptions. Invariant: the stack is one of PHP's. Does not
//! read what Lambda's other runtimes print.

use serde_json::Value;

use super::frame;
use super::object::previous_of;
use crate::header::Header;
use crate::json::Object;
use crate::record::{Exception, Level};

const WORDS: &str = "\tInvoke Error\t";
/// Bytes of the id before them.
const ID_BYTES: usize = 36;

/// Bref's header: the id of what was invoked.
pub(super) fn header(line: &str) -> Option<Header> {
    let (id, rest) = line.split_at_checked(ID_BYTES)?;
    let rest = rest.strip_prefix(WORDS)?;
    let is_id = id.bytes().all(|c| c.is_ascii_hexdigit() || c == b'-');
    is_id.then(|| Header {
        length: line.len() - rest.len(),
        level: Some(Level::Error),
        format: Some("bref"),
        fields: vec![("request_id".to_owned(), id.to_owned())],
        ..Header::default()
    })
}

/// The exceptions of an entry, the outermost first.
pub(super) fn chain(object: &Object) -> Option<Vec<Exception>> {
    let mut chain = vec![exception(object)?];
    let previous = object.get("previous").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for cause in previous.iter().take(super::object::MAX_CHAIN) {
        let Some(mut cause) = cause.as_object().and_then(exception) else { break };
        cause.cause_of = previous_of(&chain);
        chain.push(cause);
    }
    Some(chain)
}

fn exception(object: &Object) -> Option<Exception> {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let lines: Vec<&str> = object.get("stack")?.as_array()?.iter().filter_map(Value::as_str).collect();
    let read = frame::frames(lines.iter().copied());
    (lines.first()?.starts_with("#0 ") && read.lines > 0).then(|| Exception {
        kind: text("errorType").unwrap_or("Exception").to_owned(),
        message: text("errorMessage").unwrap_or("").to_owned(),
        frames: read.frames,
        ..Exception::default()
    })
}
