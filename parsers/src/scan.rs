//! Finds the few lines of a stream at which an exception may stand, without cutting the others.
//!
//! In: whole lines. Out: the first line that holds one of the literals that every trace contains.
//! Invariant: one pass over the bytes, at memory speed; no allocation. Does not decide: a candidate may be nothing.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Each exception that the grammars know holds at least one of these.
///
/// Two blanks before `at ` cover .NET, Node, Java and their escaped forms in JSON.
const LITERALS: &[&str] = &[
    "  at ",
    "\tat ",
    "\\tat ",
    "\\u0009at ",
    "\n at ",
    "#0 ",
    "[object] (",
    "PHP Fatal error:",
    "PHP Parse error:",
    "PHP Recoverable fatal error:",
    "PHP Catchable fatal error:",
    "Fatal error: ",
    "Parse error: ",
    "Fatal error</b>: ",
    "Fatal Error (E_",
    "Uncaught ",
    "\"class\":\"",
    "nhandled exception",
    "nhandled Exception",
    "UNHANDLED EXCEPTION",
    "nhandledPromiseRejection",
    "Stack overflow.",
    "Process terminated.",
    "Out of memory.",
    " ---> ",
    "\\u003E ",
    "\"stack",
    "stack: '",
    "\"Exception\":\"",
    "\"@x\":\"",
    "\"errorType\":",
    "   bei ",
    "   à ",
    "   en ",
    "   em ",
    "   bij ",
    "   ved ",
    "   vid ",
    "   kohteessa ",
    "   w ",
    "   в ",
    "   σε ",
    "   konum: ",
    "   in ",
    "   v ",
    "   στο ",
    "   a következő helyen: ",
    "   於 ",
    "   위치: ",
    "   عند ",
    "   ב-",
    "(at ",
    ") at ",
    ":line ",
    "   在 ",
    "   場所 ",
    "@http",
    "@file:",
    "@resource:",
    "\nat ",
    "\nNode.js v",
    "node --trace-uncaught ",
    "FATAL ERROR: ",
    "error stack:",
    "@[native code]",
];

/// Wrappers that escape the lines which they hold, and so the literals above, hold one of these on every line.
const WRAPPERS: [&str; 4] = ["\"stream\":\"std", "\"__REALTIME_TIMESTAMP\"", "\"source\":\"std", "\"textPayload\":\""];

static FINDER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(LITERALS.iter().chain(&WRAPPERS)).ok());

/// Where a literal stands.
pub(crate) struct Hit {
    pub start: usize,
    pub end: usize,
    /// Whether it only tells that its line is wrapped.
    pub of_wrapper: bool,
}

/// The first literal in `bytes`, which begin with a line: so a literal that leads its line may stand there, too.
pub(crate) fn find(bytes: &[u8]) -> Option<Hit> {
    let leads = |literal: &&&str| literal.strip_prefix('\n').is_some_and(|text| bytes.starts_with(text.as_bytes()));
    if let Some(literal) = LITERALS.iter().find(leads) {
        return Some(Hit { start: 0, end: literal.len() - 1, of_wrapper: false });
    }
    let hit = FINDER.as_ref()?.find(bytes)?;
    let start = hit.start() + usize::from(bytes[hit.start()] == b'\n');
    Some(Hit { start, end: hit.end(), of_wrapper: hit.pattern().as_usize() >= LITERALS.len() })
}
