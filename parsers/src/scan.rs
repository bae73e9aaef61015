//! Finds the few lines of a stream at which an exception may stand, without cutting the others.
//!
//! In: whole lines. Out: the first line that holds one of the literals that every trace contains.
//! Invariant: one pass over the bytes, at memory speed; no allocation. Does not decide: a candidate may be nothing.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Each exception that the grammars know holds at least one of these.
///
/// Two blanks before `at ` cover .NET, Node, Java and their escaped forms in JSON.
const LITERALS: [&str; 51] = [
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
    "   在 ",
    "   場所 ",
    "@http",
    "\nNode.js v",
    "node --trace-uncaught ",
    "FATAL ERROR: ",
    "error stack:",
    "@[native code]",
];

static FINDER: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| AhoCorasick::new(LITERALS).ok());

/// The position of the first literal in `bytes`, or none.
pub(crate) fn find(bytes: &[u8]) -> Option<usize> {
    FINDER.as_ref()?.find(bytes).map(|hit| hit.start())
}
