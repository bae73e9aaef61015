//! Finds the few lines of a stream at which an exception may stand, without cutting the others.
//!
//! In: whole lines. Out: the first line that holds one of the literals that every trace contains.
//! Invariant: one pass over the bytes, at memory speed; no allocation. Does not decide: a candidate may be nothing.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use aho_corasick::packed::{Config, Searcher};

/// Each exception that the grammars know holds at least one of these.
///
/// At most 64, of four bytes at least: so they are searched with vector instructions, 32 bytes at a time. Two blanks
/// before `at ` cover .NET, Node, Java and their escaped forms in JSON.
const LITERALS: &[&str] = &[
    "  at ",
    "\tat ",
    "\\tat ",
    "\\u0009at ",
    "\n at ",
    "\n#0 ",
    " #0 ",
    "\"#0 ",
    "n#0 ",
    "[object] (",
    "atal ",
    "arse error: ",
    "Uncaught ",
    "\"class\":\"",
    "nhandled ",
    "UNHANDLED EXCEPTION",
    "nhandledPromiseRejection",
    "Stack overflow.",
    " ---> ",
    "\\u003E ",
    "\"stack",
    "stack:",
    "\"Exception\":\"",
    "\"@x\":\"",
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
    "   σ",
    "   konum: ",
    "   in ",
    "   v ",
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
    "\nat ",
    "\nNode.js v",
    "node --trace-uncaught ",
    "FATAL ERROR: ",
];

/// Words of which one stands on each line that tells of a process's death without a trace. They are common: their lines
/// are looked at by themselves, before anything else is.
const DEATHS: &[&str] = &[
    "terminat",
    "ut of memory",
    "Killed",
    "egmentation fault",
    " signal",
    "process exited, code=",
    "WORKER TIMEOUT",
    "free(): ",
    "lloc(): ",
];

/// Wrappers that escape the lines which they hold, and so the literals above, hold one of these on every line.
const WRAPPERS: &[&str] = &["\"__REALTIME_TIMESTAMP\""];

/// The literals as vectors, where the machine has them, else as an automaton.
static FINDER: LazyLock<(Option<Searcher>, Option<AhoCorasick>)> = LazyLock::new(|| {
    let literals = || LITERALS.iter().chain(WRAPPERS).chain(DEATHS);
    let packed = Config::new().builder().extend(literals()).build();
    let automaton = if packed.is_none() { AhoCorasick::new(literals()).ok() } else { None };
    (packed, automaton)
});

/// Where a literal stands.
pub(crate) struct Hit {
    pub start: usize,
    pub end: usize,
    /// Whether it only tells that its line is wrapped.
    pub of_wrapper: bool,
    /// Whether its line alone tells whether it is one.
    pub of_death: bool,
}

/// The first literal in `bytes`, which begin with a line: so a literal that leads its line may stand there, too.
pub(crate) fn find(bytes: &[u8]) -> Option<Hit> {
    let leads = |literal: &&&str| literal.strip_prefix('\n').is_some_and(|text| bytes.starts_with(text.as_bytes()));
    if let Some(literal) = LITERALS.iter().find(leads) {
        return Some(Hit { start: 0, end: literal.len() - 1, of_wrapper: false, of_death: false });
    }
    let (packed, automaton) = &*FINDER;
    let hit = match packed {
        Some(packed) => packed.find(bytes),
        None => automaton.as_ref()?.find(bytes),
    }?;
    let start = hit.start() + usize::from(bytes[hit.start()] == b'\n');
    let index = hit.pattern().as_usize();
    let of_death = index >= LITERALS.len() + WRAPPERS.len();
    Some(Hit { start, end: hit.end(), of_wrapper: index >= LITERALS.len() && !of_death, of_death })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_fit_the_vector_search() {
        let count = LITERALS.len() + WRAPPERS.len() + DEATHS.len();
        assert!(count <= 64, "{count}");
        assert!(LITERALS.iter().chain(WRAPPERS).chain(DEATHS).all(|literal| literal.len() >= 4));
        #[cfg(target_arch = "x86_64")]
        assert!(FINDER.0.is_some());
    }

    #[test]
    fn lines_that_lead() {
        assert_eq!(find(b"#0 /srv/a.php(3): f()\n").map(|hit| hit.start), Some(0));
        assert_eq!(find(b"x\n#0 /srv/a.php(3): f()\n").map(|hit| hit.start), Some(2));
        assert!(find(b"2026-11-23 INFO nothing to see\n").is_none());
    }
}
