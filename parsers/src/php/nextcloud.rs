//! Nextcloud and ownCloud: JSON entries with `reqId` and `app`, whose exceptions' keys begin with capitals.
//!
//! In: an entry. Out: what its message holds of an exception, and who logged it. Invariant: another logger's entry is
//! left alone. Does not read the exception's keys: `context` does.

use serde_json::Value;

use super::context::{self, Thrown};
use super::mechanism::{self, By};
use crate::json::{Object, value};
use crate::record::Record;

pub(super) fn is_entry(object: &Object) -> bool {
    object.contains_key("reqId") && object.contains_key("app")
}

// "message":"Error while running background job (…): {\"Exception\":\"OC\\\\Late\",\"Message\":\"…\",\"Trace\":\"#0 …\"}"
/// The exception that an old version made a part of its message, and the words before it.
pub(super) fn in_message(message: &str) -> Option<(Thrown, &str)> {
    let at = memchr::memmem::find(message.as_bytes(), b"{\"Exception\":\"")?;
    let Value::Object(object) = value::parse(message, at)?.value else { return None };
    Some((context::in_nextcloud(&object)?, message[..at].trim_end_matches([':', ' '])))
}

/// Who logged it: `index.php` and the background jobs log what nobody caught.
pub(super) fn judge(record: &mut Record, object: &Object) {
    let app = object.get("app").and_then(Value::as_str).unwrap_or("");
    let message = record.message.as_deref().unwrap_or("");
    let Some(outer) = record.exceptions.first() else { return };
    let job = message.starts_with("Error while running background job");
    // What its loggers say where they are given no words.
    let own = message.is_empty() || message == "Exception" || mechanism::is_same(message, &outer.message);
    let handled = if job || own && app == "index" { Some(false) } else { (!own).then_some(true) };
    mechanism::found(record, By::Nextcloud, handled);
    record.format = "nextcloud".to_owned();
}
