//! Node: V8 traces, crash output, util.inspect.

use crate::assemble::Found;
use crate::header::Header;
use crate::json::Object;
use crate::record::Record;

/// The header forms that only this language's loggers print.
pub(crate) fn header(_line: &str) -> Option<Header> {
    None
}

/// The exception in these lines, if it is one of this language; `lines[0]` is cut to the entry's message.
pub(crate) fn parse(_lines: &[&str], _hit: usize) -> Option<Found> {
    None
}

/// The exception in a JSON entry, if it is one of this language.
pub(crate) fn from_json(_object: &Object) -> Option<Record> {
    None
}

/// Whether a line can only be the last one of a record.
pub(crate) fn closes(line: &[u8]) -> bool {
    line.starts_with(b"Node.js v")
}
