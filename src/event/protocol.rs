//! The parts of a Sentry event that errtail fills, spelt as Sentry's event payload spells them.
//!
//! In: nothing. Out: types that serialise. Invariant: what is empty is left out of the JSON; exceptions stand oldest
//! cause first, frames outermost call first. Own types, because the `sentry` crate's lack the fields of exception groups.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Event {
    /// 32 hex digits, from the place in the log and what stands there: each attempt sends the same.
    pub event_id: String,
    /// Seconds since 1970, UTC: the log's time.
    pub timestamp: f64,
    /// Sentry's name of the platform.
    pub platform: &'static str,
    /// `debug`, `info`, `warning`, `error` or `fatal`.
    pub level: &'static str,
    /// The logger, category or channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logger: Option<String>,
    /// Route, controller, job or command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
    /// Host or pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// The application's release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// `production`, `staging`, …
    pub environment: String,
    /// Stands in for Sentry's own grouping, where that would part one failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Vec<String>>,
    /// The entry's own message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logentry: Option<LogEntry>,
    /// The chain.
    pub exception: Values<Exception>,
    /// What happened before.
    #[serde(skip_serializing_if = "Values::is_empty")]
    pub breadcrumbs: Values<Breadcrumb>,
    /// What was served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// Who was served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// `runtime`, `trace`, …
    pub contexts: BTreeMap<&'static str, Map<String, Value>>,
    /// Indexed and searchable.
    pub tags: BTreeMap<String, String>,
    /// The rest: the place in the log, and fields of the entry.
    pub extra: Map<String, Value>,
    /// Who sends.
    pub sdk: Sdk,
}

/// Sentry wraps lists.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Values<T> {
    /// The list.
    pub values: Vec<T>,
}

/// The message of a log entry.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LogEntry {
    /// As printed.
    pub formatted: String,
}

/// One exception.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Exception {
    /// Its class.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The package of the class, for Java.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Its trace; none rather than an empty one, which Sentry takes for an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stacktrace: Option<Stacktrace>,
    /// How it came to be reported.
    pub mechanism: Mechanism,
}

/// How an exception came to be reported.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Mechanism {
    /// Never empty: Sentry drops `handled` otherwise.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether the application caught it.
    pub handled: bool,
    /// The parent's member that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// 0 is the outermost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception_id: Option<usize>,
    /// Whose cause or member it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<usize>,
    /// Whether its members are exceptions of their own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_exception_group: bool,
    /// What the platform knows besides.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub data: Map<String, Value>,
}

/// A trace.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stacktrace {
    /// Outermost call first.
    pub frames: Vec<Frame>,
}

/// A call.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Frame {
    /// Its function, as the platform's SDK spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The same before the SDK shortens it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_function: Option<String>,
    /// Module or declaring type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Where it is, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Where it is, whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abs_path: Option<String>,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lineno: Option<u32>,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colno: Option<u32>,
    /// Whether it is the application's own code.
    pub in_app: bool,
    /// Lines before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre_context: Option<Vec<String>>,
    /// The line itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_line: Option<String>,
    /// Lines behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_context: Option<Vec<String>>,
}

/// Something that happened before.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Breadcrumb {
    /// Seconds since 1970, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<f64>,
    /// The logger, or `log`.
    pub category: String,
    /// As an event's.
    pub level: &'static str,
    /// What was logged.
    pub message: String,
}

/// What was served.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Request {
    /// Without its query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// In capitals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Without `?`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_string: Option<String>,
    /// Such as the log tells.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// Who was served.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct User {
    /// The application's own id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Only with `send_pii`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
}

/// Who sends.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sdk {
    /// `errtail`.
    pub name: &'static str,
    /// Its release.
    pub version: &'static str,
}

impl<T> Values<T> {
    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl<T> Default for Values<T> {
    fn default() -> Self {
        Values { values: Vec::new() }
    }
}

impl Default for Sdk {
    fn default() -> Self {
        Sdk { name: "errtail", version: env!("CARGO_PKG_VERSION") }
    }
}
