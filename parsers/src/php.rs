//! PHP: Laravel and other Monolog records, PHP's own error log.

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

/// Whether a line that begins with `PHP ` is the first of an entry.
pub(crate) fn begins(line: &[u8]) -> bool {
    [
        "PHP Fatal",
        "PHP Warning",
        "PHP Notice",
        "PHP Parse",
        "PHP Deprecated",
        "PHP Recoverable",
        "PHP Catchable",
        "PHP Strict",
    ]
    .iter()
    .any(|word| line.starts_with(word.as_bytes()))
}

/// Whether a line can only be the last one of a record.
pub(crate) fn closes(line: &[u8]) -> bool {
    line.starts_with(b"\"}") || line.starts_with(b"  thrown in ")
}
