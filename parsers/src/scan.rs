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
    "atal error",
    "arse error",
    "Fatal Error (",
    "Uncaught ",
    "\nStack ",
    "--> ",
    "  @  ",
    "\"class",
    "nhandled ",
    "nhandledPromiseRejection",
    "UNHANDLED EXCEPTION",
    "Process terminated.",
    "Out of memory.",
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
    ".cs:",
    "   在 ",
    "   場所 ",
    "@http",
    ".js:",
    "bundle:",
    "\nat ",
    "\nNode.js v",
    "node --trace-uncaught ",
    "FATAL ERROR: ",
    "error stack:",
    " code]",
];

/// The same in a code page that is not UTF-8, for the traces that hold none of the others: Chinese frames in GBK.
const ENCODED: &[&[u8]] = &[b"   \xD4\xDA "];

/// Of the literals, the ends of scripts' names, which ordinary lines may hold, too: they count behind an `@`.
// pay@/srv/app/pay.js:3:7 · value@index.android.bundle:12:1917
const PLACES: [&str; 2] = [".js:", "bundle:"];
/// Bytes of a script's name in which its `@` is sought.
const PLACE_BYTES: usize = 256;

/// Wrappers that escape the lines which they hold, and so the literals above, hold one of these on every line.
const WRAPPERS: &[&str] = &["\"__REALTIME_TIMESTAMP\""];

/// The literals as vectors, where the machine has them, else as an automaton.
static FINDER: LazyLock<(Option<Searcher>, Option<AhoCorasick>)> = LazyLock::new(|| {
    let bytes = |texts: &'static [&'static str]| texts.iter().map(|text| text.as_bytes());
    let literals = || bytes(LITERALS).chain(ENCODED.iter().copied()).chain(bytes(WRAPPERS));
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
}

/// The first literal in `bytes`, which begin with a line: so a literal that leads its line may stand there, too.
pub(crate) fn find(bytes: &[u8]) -> Option<Hit> {
    let leads = |literal: &&&str| literal.strip_prefix('\n').is_some_and(|text| bytes.starts_with(text.as_bytes()));
    if let Some(literal) = LITERALS.iter().find(leads) {
        return Some(Hit { start: 0, end: literal.len() - 1, of_wrapper: false });
    }
    let (packed, automaton) = &*FINDER;
    let mut from = 0;
    loop {
        let hit = match packed {
            Some(packed) => packed.find_in(bytes, (from..bytes.len()).into()),
            None => automaton.as_ref()?.find(aho_corasick::Input::new(bytes).range(from..)),
        }?;
        let pattern = hit.pattern().as_usize();
        if LITERALS.get(pattern).is_some_and(|literal| PLACES.contains(literal)) && !is_called(bytes, hit.start()) {
            from = hit.end();
            continue;
        }
        let start = hit.start() + usize::from(bytes[hit.start()] == b'\n');
        return Some(Hit { start, end: hit.end(), of_wrapper: pattern >= LITERALS.len() + ENCODED.len() });
    }
}

/// Whether a script's name that ends at `end` stands behind the `@` of a call.
fn is_called(bytes: &[u8], end: usize) -> bool {
    let near = &bytes[end.saturating_sub(PLACE_BYTES)..end];
    memchr::memrchr2(b'@', b'\n', near).is_some_and(|at| near[at] == b'@' && !near[..at].ends_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_fit_the_vector_search() {
        let count = LITERALS.len() + ENCODED.len() + WRAPPERS.len();
        assert!(count <= 64, "{count}");
        assert!(LITERALS.iter().chain(WRAPPERS).all(|literal| literal.len() >= 4));
        #[cfg(target_arch = "x86_64")]
        assert!(FINDER.0.is_some());
    }

    #[test]
    fn lines_that_lead() {
        assert_eq!(find(b"#0 /srv/a.php(3): f()\n").map(|hit| hit.start), Some(0));
        assert_eq!(find(b"x\n#0 /srv/a.php(3): f()\n").map(|hit| hit.start), Some(2));
        assert!(find(b"2026-11-23 INFO nothing to see\n").is_none());
    }

    #[test]
    fn scripts_count_behind_an_at_sign() {
        assert!(find(b"src/pay.js:3 ready\na@b\n{\"caller\":\"pay.js:3:7\"}\n").is_none());
        assert_eq!(find(b"src/pay.js:3 ready\npay@/srv/pay.js:3:7\n").map(|hit| hit.start), Some(31));
    }
}
