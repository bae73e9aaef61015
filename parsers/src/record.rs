//! The vocabulary: what the parser finds in a log.
//!
//! In: nothing. Out: the types that every other room speaks, serialised as the outward contract of
//! `errtail parse --output jsonl` spells them. Invariant: a `Record` holds at least one exception.
//! Does not judge (no verdict), does not scrub, does not know Sentry's event.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::frames::Frames;
use crate::text;

/// One log entry that holds an exception.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Where the entry lies in the file.
    pub source: Source,
    /// Whose exception it is, in Sentry's names.
    pub platform: Platform,
    /// How the entry was framed: `laravel`, `serilog`, `node-crash`, `plain`, …
    pub format: String,
    /// RFC 3339 where the log gives a zone, else local time without an offset.
    pub timestamp: Option<String>,
    /// The level that the logging library means, as the log spells it out.
    pub level: Option<Level>,
    /// The logger, category or channel, where it is not the environment.
    pub logger: Option<String>,
    /// The environment, where the log says it (Laravel's channel).
    pub environment: Option<String>,
    /// The entry's own message, where it has one.
    pub message: Option<String>,
    /// Outermost first, then each cause in the order in which causes are reached from it.
    pub exceptions: Vec<Exception>,
    /// Who was served.
    #[serde(default)]
    pub user: Option<User>,
    /// What was served.
    #[serde(default)]
    pub request: Option<Request>,
    /// Distributed tracing's ids.
    #[serde(default)]
    pub trace: Option<Trace>,
    /// Who printed the exception, where the text tells: the evidence that the policy judges.
    #[serde(default)]
    pub mechanism: Option<Mechanism>,
    /// Structured fields of the entry that have no place above, as (dotted key, value).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
    /// Lines inside the trace that the grammar does not know, as they stand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unparsed: Vec<String>,
    /// The lines just before the entry in its stream, oldest first: context and breadcrumbs.
    #[serde(skip)]
    pub before: Before,
    /// The wrapper's own facts: `stdout` or `stderr`, container, host, process, …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origin: Vec<(String, String)>,
    /// How many bytes were cut out of the middle because the record was larger than the limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes_cut: u64,
}

/// Lines of a stream, as they stand in it: they are made text only where somebody reads them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Before(Box<[u8]>);

impl Before {
    /// These whole lines.
    pub(crate) fn new(lines: &[u8]) -> Before {
        Before(lines.into())
    }

    /// Bytes of all lines.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// The lines without colours and line breaks, each to its first 1000 bytes.
    pub fn lines(&self) -> Vec<String> {
        let lines = self.0.split_inclusive(|byte| *byte == b'\n');
        lines.map(|line| text::lossy_head(line, LINE_BYTES).into_owned()).collect()
    }
}

impl fmt::Debug for Before {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.lines()).finish()
    }
}

impl From<Vec<String>> for Before {
    fn from(lines: Vec<String>) -> Before {
        Before(lines.iter().flat_map(|line| [line, "\n"]).collect::<String>().into_bytes().into())
    }
}

/// Bytes of one line before a record.
const LINE_BYTES: usize = 1000;

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// A place in a file as it lies on disk, wrapper included. Lines count from 1, bytes from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The file; empty until a reader of files fills it in.
    pub path: String,
    /// First line of the entry.
    pub first_line: u64,
    /// Last line of the entry.
    pub last_line: u64,
    /// Byte offset of the first line.
    pub offset: u64,
    /// Bytes from there to the end of the last line, its line break included.
    pub length: u64,
}

/// Sentry's names of platforms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// PHP, Laravel, Symfony.
    Php,
    /// .NET.
    Csharp,
    /// Node.js.
    Node,
    /// A browser.
    Javascript,
    /// Java and Android.
    Java,
    /// Dart and Flutter.
    Dart,
    /// Python.
    Python,
    /// Go.
    Go,
    /// Ruby.
    Ruby,
    /// None of these.
    #[default]
    Other,
}

/// One exception of a chain.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Exception {
    /// As the log spells it.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whole, with its own line breaks; without the runtime's prefix and what follows it.
    pub message: String,
    /// The code, where the log prints one apart from the type.
    pub code: Option<String>,
    /// The throw site, for the languages whose frames do not hold it (PHP).
    pub file: Option<String>,
    /// The throw site's line.
    pub line: Option<u32>,
    /// Innermost call first, as logs print them.
    pub frames: Frames,
    /// Which of the chain this one is the cause of, and how; none for the outermost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause_of: Option<CauseOf>,
    /// Properties printed with the exception (`code`, `errno`, `statusCode`, …).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<(String, String)>,
}

/// An exception's place in its chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseOf {
    /// Index of the parent in `Record::exceptions`.
    pub parent: usize,
    /// The parent's member that holds it: `cause`, `errors[0]`, `InnerException`, `InnerExceptions[1]`, `previous`.
    pub source: String,
}

/// One call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The function, as the log spells it, without its arguments.
    pub function: Option<String>,
    /// The class or type it belongs to.
    pub module: Option<String>,
    /// Path or URL, as the log spells it.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// From 1.
    pub column: Option<u32>,
    /// Whether the frame is the application's own code.
    pub in_app: bool,
    /// The frame as printed, where function and module do not hold all of it (arguments, generics).
    #[serde(skip)]
    pub raw: Option<String>,
}

/// A log level: PSR-3's eight, and `fatal` and `trace` of other libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Finer than debug.
    Trace,
    /// For developers.
    Debug,
    /// Information.
    Info,
    /// Normal but significant.
    Notice,
    /// A warning.
    Warning,
    /// An error.
    Error,
    /// Critical.
    Critical,
    /// Action must be taken at once.
    Alert,
    /// The system is unusable.
    Emergency,
    /// The process ends.
    Fatal,
}

/// Who was served.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The application's own id.
    pub id: Option<String>,
    /// The login name.
    pub username: Option<String>,
}

/// What was served.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// In capitals.
    pub method: Option<String>,
    /// As the log spells it, with the query.
    pub url: Option<String>,
    /// The answer's status.
    pub status: Option<u16>,
}

/// Distributed tracing's ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// 32 hex digits.
    pub trace_id: Option<String>,
    /// 16 hex digits.
    pub span_id: Option<String>,
}

/// Who printed an exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mechanism {
    /// A stable name: `php.uncaught`, `laravel.handler`, `dotnet.crash`, `node.uncaught_exception`, `express.default_handler`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// `Some(false)`: a last resort printed it. `Some(true)`: the application caught it. `None`: the text does not tell.
    pub handled: Option<bool>,
}

impl Record {
    /// Sets the mechanism; the names of mechanisms are listed with the language that finds them.
    pub(crate) fn found_by(&mut self, kind: &str, handled: Option<bool>) {
        self.mechanism = Some(Mechanism { kind: kind.to_owned(), handled });
    }
}
