//! Finds the few lines of a stream at which an exception may stand, without cutting the others.
//!
//! In: whole lines. Out: the first line that holds one of the literals that every trace contains.
//! Invariant: one pass over the bytes, at memory speed; no allocation. Does not decide: a candidate may be nothing.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use aho_corasick::packed::{Config, Searcher};

/// Each exception that the grammars know holds at least one of these. Two blanks before `at ` cover .NET, Node, Java and
/// their escaped forms in JSON.
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
    "   \u{fffd}",
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

/// What is sought: parts of the literals, one of which stands in each of them.
///
/// At most 32, of three bytes at least, for so many the vector search takes 32 bytes at a time; with more it takes 16.
/// Each should be rare in ordinary lines, for around it the literals are compared. Where one does not cost more, it
/// stands for several. Every eighth shares its place in the vectors: the order is one that mixes up little.
const NEEDLES: &[&str] = &[
    ".cs:",
    "DLED EX",
    "  at ",
    "\n at ",
    "TIMES",
    "@x\":\"",
    "\nat ",
    "003E ",
    ".js",
    "ATAL E",
    "emory.",
    "\\tat",
    "aught ",
    "rminat",
    "\tat ",
    "tion\":\"",
    "\"clas",
    " @ ",
    " code]",
    BLANKS,
    "09at ",
    "nhandled",
    "--> ",
    "tack",
    "(at ",
    "#0 ",
    "ect] (",
    "ror",
    "bundle:",
    "@http",
    ") at ",
];

/// Of the needles, the one that begins calls in translations. It is sought at the end of blanks.
const BLANKS: &str = "   ";

/// What stands around a needle.
struct Literal {
    text: &'static [u8],
    /// Bytes of it before the needle.
    before: usize,
    of_place: bool,
    of_wrapper: bool,
}

/// The needles as vectors, where the machine has them, else as an automaton; and the literals that hold each.
struct Finder {
    packed: Option<Searcher>,
    automaton: Option<AhoCorasick>,
    literals: Vec<Vec<Literal>>,
}

static FINDER: LazyLock<Finder> = LazyLock::new(|| {
    let packed = Config::new().builder().extend(NEEDLES).build();
    let automaton = if packed.is_none() { AhoCorasick::new(NEEDLES).ok() } else { None };
    Finder { packed, automaton, literals: NEEDLES.iter().map(|needle| holders(needle)).collect() }
});

/// The literals that hold a needle.
fn holders(needle: &str) -> Vec<Literal> {
    let texts = LITERALS.iter().map(|text| text.as_bytes()).chain(ENCODED.iter().copied());
    let traces = texts.map(|text| (text, false));
    let wrappers = WRAPPERS.iter().map(|text| (text.as_bytes(), true));
    let literal = |(text, of_wrapper): (&'static [u8], bool)| {
        let before = memchr::memmem::find(text, needle.as_bytes())?;
        let of_place = PLACES.iter().any(|place| place.as_bytes() == text);
        Some(Literal { text, before, of_place, of_wrapper })
    };
    traces.chain(wrappers).filter_map(literal).collect()
}

/// Words of which one stands on each line that tells of a process's death without a trace. They are common in prose,
/// too: a line that holds one is looked at by itself before it counts. Searched apart, as the vectors hold no more; each
/// begins with letters that are rare together, which is what the search is fast by.
const DEATHS: &[&str] = &[
    "Kill",
    "egmentation fault",
    SIGNAL,
    " SIG",
    "xited, code=",
    "WORKER TIMEOUT",
    "terminate called",
    "libc++abi: ",
    "free(): ",
    "lloc(): ",
    "unk(): ",
    "date(): ",
    "double free or ",
    "corrupted size vs",
    "corrupted double-l",
    "*** stack smash",
    "*** buffer over",
    "Bus error",
    "llegal instruction",
    "loating point exception",
    "breakpoint trap",
    "Assertion `",
    "#  Assertion failed: ",
    "# Fatal error in ",
    "Fatal Python error: ",
    "create CoreCLR",
    "zend_mm_heap ",
];

/// Of these, the one that stands in most prose: a number or a name must follow.
// exited on signal 11 · exit signal Segmentation fault (11) · via signal [SIGABRT]
const SIGNAL: &str = " signal";

/// The same for `DEATHS`.
static DEATH_FINDER: LazyLock<(Option<Searcher>, Option<AhoCorasick>)> = LazyLock::new(|| {
    let packed = Config::new().builder().extend(DEATHS).build();
    let automaton = if packed.is_none() { AhoCorasick::new(DEATHS).ok() } else { None };
    (packed, automaton)
});

/// Bytes that are searched for the ones and then for the others, while the cache holds them.
const BLOCK_BYTES: usize = 16 * 1024;

/// Where a literal stands.
pub(crate) struct Hit {
    pub start: usize,
    pub end: usize,
    /// Whether it only tells that its line is wrapped.
    pub of_wrapper: bool,
}

/// The first literal in `bytes`, which begin with a line: so a literal that leads its line may stand there, too.
/// `counts` says whether a line with a word of a death is one.
pub(crate) fn find(bytes: &[u8], counts: impl Fn(&[u8]) -> bool) -> Option<Hit> {
    let mut at = 0;
    while at < bytes.len() {
        // Whole lines.
        let near = bytes.len().min(at + BLOCK_BYTES);
        let within = memchr::memrchr(b'\n', &bytes[at..near]).map(|found| at + found + 1);
        let beyond = || memchr::memchr(b'\n', &bytes[near..]).map_or(bytes.len(), |found| near + found + 1);
        let end = if near == bytes.len() { near } else { within.unwrap_or_else(beyond) };
        let block = &bytes[at..end];
        let trace = find_trace(block);
        let before = trace.as_ref().map_or(block.len(), |hit| hit.start);
        if let Some(hit) = find_death(&block[..before], block, &counts).or(trace) {
            return Some(Hit { start: at + hit.start, end: at + hit.end, ..hit });
        }
        at = end;
    }
    None
}

/// The first word of a death in `bytes`, the beginning of `block`, on a line that counts.
fn find_death(bytes: &[u8], block: &[u8], counts: &impl Fn(&[u8]) -> bool) -> Option<Hit> {
    let (packed, automaton) = &*DEATH_FINDER;
    let mut from = 0;
    while from < bytes.len() {
        let hit = match packed {
            Some(packed) => packed.find_in(bytes, (from..bytes.len()).into()),
            None => automaton.as_ref()?.find(aho_corasick::Input::new(bytes).range(from..)),
        }?;
        let is_signal = DEATHS.get(hit.pattern().as_usize()) == Some(&SIGNAL);
        let named = matches!(block.get(hit.end()..), Some([b' ', b'0'..=b'9' | b'A'..=b'Z' | b'[', ..]));
        if is_signal && !named {
            from = hit.end();
            continue;
        }
        let start = memchr::memrchr(b'\n', &bytes[..hit.start()]).map_or(0, |found| found + 1);
        let end = memchr::memchr(b'\n', &block[hit.end()..]).map_or(block.len(), |found| hit.end() + found);
        if counts(&block[start..end]) {
            return Some(Hit { start: hit.start(), end: hit.end(), of_wrapper: false });
        }
        // Another word on the same line tells no more.
        from = end;
    }
    None
}

/// The first literal of a trace in `bytes`, which begin with a line.
fn find_trace(bytes: &[u8]) -> Option<Hit> {
    let leads = |literal: &&&str| literal.strip_prefix('\n').is_some_and(|text| bytes.starts_with(text.as_bytes()));
    if let Some(literal) = LITERALS.iter().find(leads) {
        return Some(Hit { start: 0, end: literal.len() - 1, of_wrapper: false });
    }
    let mut from = 0;
    loop {
        let hit = match &FINDER.packed {
            Some(packed) => packed.find_in(bytes, (from..bytes.len()).into()),
            None => FINDER.automaton.as_ref()?.find(aho_corasick::Input::new(bytes).range(from..)),
        }?;
        let needle = hit.pattern().as_usize();
        let mut at = hit.start();
        if NEEDLES.get(needle) == Some(&BLANKS) {
            at += bytes[hit.end()..].iter().take_while(|byte| **byte == b' ').count();
        }
        let literals = FINDER.literals.get(needle)?;
        if let Some(hit) = literals.iter().find_map(|literal| literal.around(bytes, at)) {
            return Some(hit);
        }
        // Another needle may begin within this one.
        from = at + 1;
    }
}

impl Literal {
    /// This literal, if it stands around the needle at `at`, and counts there.
    fn around(&self, bytes: &[u8], at: usize) -> Option<Hit> {
        let start = at.checked_sub(self.before)?;
        if !bytes[start..].starts_with(self.text) || self.of_place && !is_called(bytes, start) {
            return None;
        }
        let end = start + self.text.len();
        Some(Hit { start: start + usize::from(bytes[start] == b'\n'), end, of_wrapper: self.of_wrapper })
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
    fn needles_fit_the_vector_search_and_stand_in_each_literal() {
        assert!(NEEDLES.len() <= 32 && NEEDLES.iter().all(|needle| needle.len() >= 3));
        #[cfg(target_arch = "x86_64")]
        assert!(FINDER.packed.is_some());
        let texts = LITERALS.iter().chain(WRAPPERS).map(|text| text.as_bytes());
        for text in texts.chain(ENCODED.iter().copied()) {
            let line = [b"12 x) ", &b"/"[..], text, b"\n"].concat();
            let line = if text.starts_with(b".js") || text.starts_with(b"bundle") {
                [b"f@", &line[7..]].concat()
            } else {
                line
            };
            let hit = find_trace(&line);
            assert!(hit.is_some_and(|hit| hit.end <= line.len()), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn blanks_are_looked_at_by_their_end() {
        for (line, found) in [
            (&b"x        bei Shop.Go()\n"[..], Some(6)),
            (b"x       wer\n", None),
            (b"x    at f\n", Some(3)),
            (b"x    @  y\n", Some(3)),
            (b"         \n", None),
        ] {
            assert_eq!(find_trace(line).map(|hit| hit.start), found, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn deaths_count_on_lines_that_tell_of_one() {
        let log = b"got a signal\nmore\nKilled\n   at x()\n";
        assert_eq!(find(log, |line| line == b"Killed").map(|hit| hit.start), Some(18));
        assert_eq!(find(log, |_| false).map(|hit| hit.start), Some(26));
        let far = [&b"x".repeat(3 * BLOCK_BYTES)[..], b"\n", log].concat();
        assert_eq!(find(&far, |line| line == b"Killed").map(|hit| hit.start), Some(3 * BLOCK_BYTES + 19));
        assert!(DEATHS.iter().all(|literal| literal.len() >= 4));
    }

    #[test]
    fn lines_that_lead() {
        assert_eq!(find_trace(b"#0 /srv/a.php(3): f()\n").map(|hit| hit.start), Some(0));
        assert_eq!(find_trace(b"x\n#0 /srv/a.php(3): f()\n").map(|hit| hit.start), Some(2));
        assert!(find(b"2026-11-23 INFO nothing to see\n", |_| true).is_none());
    }

    #[test]
    fn scripts_count_behind_an_at_sign() {
        assert!(find_trace(b"src/pay.js:3 ready\na@b\n{\"caller\":\"pay.js:3:7\"}\n").is_none());
        assert_eq!(find_trace(b"src/pay.js:3 ready\npay@/srv/pay.js:3:7\n").map(|hit| hit.start), Some(31));
    }
}
