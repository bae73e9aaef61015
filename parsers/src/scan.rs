//! Finds the few lines of a stream at which an exception may stand, without cutting the others.
//!
//! In: whole lines. Out: the first line that holds one of the literals that every trace contains.
//! Invariant: one pass over the bytes, at memory speed; no allocation. Does not decide: a candidate may be nothing.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::packed::{Config, Searcher};
use aho_corasick::{AhoCorasick, Match};

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
    "\nError code: ",
    "database error ",
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
    "[Error: ",
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

/// Words of which one stands on each line that tells of a process's death without a trace. They are common in prose,
/// too: a line that holds one is looked at by itself before it counts.
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

/// What is sought: parts of the literals, one of which stands in each of them.
///
/// Vectors hold the first three bytes of each, in 16 groups, of which each 16th needle is one: a place of a text is looked
/// at where each of its three bytes could be, by either half, that of a needle of one group, and the needles of that group
/// are compared; around one that is found, its literals. Each is cut so that it is rare in ordinary lines, and stands where
/// few places of ordinary lines look like needles, some in a thousand; by chance it is one in ten, and a few needles more
/// may cost half of the speed. `benches/needles` finds such an order.
const NEEDLES: &[&str] = &[
    "--> ",
    "在 ",
    ") at ",
    "arse err",
    "  bij ",
    "  w ",
    "x\":\"",
    "bundle:",
    "de]",
    "\tat ",
    "ocess te",
    "TIME",
    " в ",
    "à ",
    "gal inst",
    "nhandled",
    "於 ",
    "Fatal ",
    "* stack ",
    "lass",
    "f memory",
    "  at ",
    "(at ",
    "\\tat ",
    "ב-",
    "oating p",
    "s error",
    ".js v",
    "CLR",
    "signal",
    "ck:",
    "oint tra",
    "\"Excepti",
    "\nat ",
    "Assertio",
    "rrupted ",
    "  ko",
    "  a köv",
    "\n at ",
    "buffer o",
    "場所 ",
    "9at ",
    "  @  ",
    ".js:",
    "CEPTION",
    "#0 ",
    "object] ",
    "ncaught ",
    "\nError c",
    "\"stack",
    "zend_mm_",
    "03E ",
    "  bei ",
    "  in ",
    "xited, c",
    "치: ",
    " σ",
    "FATAL ER",
    "  en ",
    "SIG",
    "orType\":",
    "Kill",
    "called",
    "egmentat",
    "[Error: ",
    "\nStack ",
    "++abi: ",
    "base err",
    "ouble fr",
    "  v",
    "(): ",
    "l error",
    " عند ",
    "@http",
    "  em ",
    ".cs:",
    " \u{fffd}",
];

/// The same in a code page that is not UTF-8.
const ENCODED_NEEDLES: &[&[u8]] = &[b" \xD4\xDA"];

/// What a literal's place says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Trace,
    /// It may be a script's name in a call.
    Place,
    Death,
    Wrapper,
}

/// What stands around a needle.
struct Literal {
    text: &'static [u8],
    /// Bytes of it before the needle.
    before: usize,
    role: Role,
}

/// The needles as vectors, where the machine has them, else as an automaton; and the literals that hold each.
struct Finder {
    packed: Option<Searcher>,
    automaton: Option<AhoCorasick>,
    literals: Vec<Vec<Literal>>,
}

static FINDER: LazyLock<Finder> = LazyLock::new(|| {
    let needles = || NEEDLES.iter().map(|text| text.as_bytes()).chain(ENCODED_NEEDLES.iter().copied());
    let packed = Config::new().heuristic_pattern_limits(false).builder().extend(needles()).build();
    let automaton = if packed.is_none() { AhoCorasick::new(needles()).ok() } else { None };
    Finder { packed, automaton, literals: needles().map(holders).collect() }
});

/// The literals that hold a needle.
fn holders(needle: &[u8]) -> Vec<Literal> {
    let literal = |(text, role): (&'static [u8], Role)| {
        let before = memchr::memmem::find(text, needle)?;
        Some(Literal { text, before, role })
    };
    literals().filter_map(literal).collect()
}

/// All that is sought, as bytes.
fn literals() -> impl Iterator<Item = (&'static [u8], Role)> {
    let of = |texts: &'static [&'static str], role| texts.iter().map(move |text| (text.as_bytes(), role));
    let trace = |text: &&'static str| (text.as_bytes(), if PLACES.contains(text) { Role::Place } else { Role::Trace });
    let encoded = ENCODED.iter().map(|text| (*text, Role::Trace));
    LITERALS.iter().map(trace).chain(encoded).chain(of(WRAPPERS, Role::Wrapper)).chain(of(DEATHS, Role::Death))
}

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
    let leads = |literal: &&&str| literal.strip_prefix('\n').is_some_and(|text| bytes.starts_with(text.as_bytes()));
    if let Some(literal) = LITERALS.iter().find(leads) {
        return Some(Hit { start: 0, end: literal.len() - 1, of_wrapper: false });
    }
    let mut from = 0;
    // The end of the last line whose word of a death did not count: another word on it tells no more.
    let mut refused = 0;
    loop {
        let needle = FINDER.find(bytes, from)?;
        for literal in FINDER.literals.get(needle.pattern().as_usize())? {
            let Some(hit) = literal.around(bytes, needle.start()) else { continue };
            if literal.role != Role::Death {
                return Some(hit);
            }
            if hit.start >= refused {
                let line = line_around(bytes, &hit);
                if counts(&bytes[line.clone()]) {
                    return Some(hit);
                }
                refused = line.end;
            }
        }
        // Another needle may begin within this one.
        from = needle.start() + 1;
    }
}

/// The line that a hit stands in, without its line break.
fn line_around(bytes: &[u8], hit: &Hit) -> Range<usize> {
    let start = memchr::memrchr(b'\n', &bytes[..hit.start]).map_or(0, |found| found + 1);
    start..memchr::memchr(b'\n', &bytes[hit.end..]).map_or(bytes.len(), |found| hit.end + found)
}

impl Finder {
    /// The first needle in `bytes` from `from` on.
    fn find(&self, bytes: &[u8], from: usize) -> Option<Match> {
        match &self.packed {
            Some(packed) => packed.find_in(bytes, (from..bytes.len()).into()),
            None => self.automaton.as_ref()?.find(aho_corasick::Input::new(bytes).range(from..)),
        }
    }
}

impl Literal {
    /// This literal, if it stands around the needle at `at`, and counts there.
    fn around(&self, bytes: &[u8], at: usize) -> Option<Hit> {
        let start = at.checked_sub(self.before)?;
        if !bytes[start..].starts_with(self.text) {
            return None;
        }
        let end = start + self.text.len();
        let counts = match self.role {
            Role::Place => is_called(bytes, start),
            Role::Death => self.text != SIGNAL.as_bytes() || is_named(&bytes[end..]),
            Role::Trace | Role::Wrapper => true,
        };
        let of_wrapper = self.role == Role::Wrapper;
        counts.then(|| Hit { start: start + usize::from(bytes[start] == b'\n'), end, of_wrapper })
    }
}

/// Whether what stands behind the word names a signal, by number or name.
fn is_named(behind: &[u8]) -> bool {
    matches!(behind, [b' ', b'0'..=b'9' | b'A'..=b'Z' | b'[', ..])
}

/// Whether a script's name that ends at `end` stands behind the `@` of a call.
fn is_called(bytes: &[u8], end: usize) -> bool {
    let near = &bytes[end.saturating_sub(PLACE_BYTES)..end];
    memchr::memrchr2(b'@', b'\n', near).is_some_and(|at| near[at] == b'@' && !near[..at].ends_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the first literal stands, if no death counts.
    fn found(bytes: &[u8]) -> Option<usize> {
        find(bytes, |_| false).map(|hit| hit.start)
    }

    #[test]
    fn needles_fit_the_vector_search_and_stand_in_each_literal() {
        let needles: Vec<&[u8]> = NEEDLES.iter().map(|text| text.as_bytes()).chain(ENCODED_NEEDLES.to_vec()).collect();
        for (index, needle) in needles.iter().enumerate() {
            // Of two that begin at one place, only the first is found.
            assert!(
                needles.iter().skip(index + 1).all(|other| !other.starts_with(needle) && !needle.starts_with(other))
            );
            assert!(needle.len() >= 3 && !holders(needle).is_empty(), "{}", String::from_utf8_lossy(needle));
        }
        #[cfg(target_arch = "x86_64")]
        assert!(FINDER.packed.is_some());
        for (text, role) in literals() {
            let before: &[u8] = if role == Role::Place { b"12 f@" } else { b"12 x) /" };
            let behind: &[u8] = if text == SIGNAL.as_bytes() { b" 11\n" } else { b"\n" };
            let line = [before, text, behind].concat();
            let hit = find(&line, |_| true);
            assert!(hit.is_some_and(|hit| hit.end <= line.len()), "{}", String::from_utf8_lossy(text));
        }
    }

    /// The search compares needles where three bytes look like those of one group, half byte by half byte; that costs
    /// more than all else, and neither results nor counts of instructions tell of it.
    #[test]
    fn few_places_of_ordinary_lines_look_like_needles() {
        const GROUPS: usize = 16;
        let text = b"[2026-01-05 10:11:12] production.INFO: invoice 4711 sent to customer 12 in 35 ms {\"user\":12,\"ip\":\"10.2.0.9\"} []\n\
            2026-01-05 10:11:12.140 +00:00 [INF] HTTP GET /api/orders/4711?page=2 responded 200 in 12.5 ms\n\
            info: Microsoft.Hosting.Lifetime[14]\n      Now listening on: http://localhost:5000\n\
            {\"level\":30,\"time\":1767607889131,\"pid\":41,\"hostname\":\"web-1\",\"msg\":\"request completed\",\"res\":{\"statusCode\":200}}\n\
            10.0.3.7 - - [05/Jan/2026:10:11:12 +0000] \"POST /cart/checkout HTTP/1.1\" 302 512 \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"\n\
            Jan  5 10:11:12 web-1 shop[812]: the queue is empty, the next look at the tenants is in 30 seconds\n";
        let needles = NEEDLES.iter().map(|text| text.as_bytes()).chain(ENCODED_NEEDLES.to_vec());
        // Of each group, which lower and upper halves its needles' first, second and third bytes have.
        let mut halves = [[[[false; 16]; 2]; 3]; GROUPS];
        for (index, needle) in needles.enumerate() {
            for (of, byte) in halves[index % GROUPS].iter_mut().zip(needle) {
                (of[0][usize::from(byte & 15)], of[1][usize::from(byte >> 4)]) = (true, true);
            }
        }
        let looks = |of: &[[bool; 16]; 2], byte: &u8| of[0][usize::from(byte & 15)] && of[1][usize::from(byte >> 4)];
        let is_like = |group: &[[[bool; 16]; 2]; 3], at: &[u8]| group.iter().zip(at).all(|(of, byte)| looks(of, byte));
        let places = text.windows(3).filter(|at| halves.iter().any(|group| is_like(group, at))).count();
        assert!(places * 100 < text.len(), "{places} of {}", text.len());
    }

    #[test]
    fn blanks_are_looked_at_by_their_end() {
        for (line, start) in [
            (&b"x        bei Shop.Go()\n"[..], Some(6)),
            (b"x       wer\n", None),
            (b"x    at f\n", Some(3)),
            (b"x    @  y\n", Some(3)),
            (b"         \n", None),
        ] {
            assert_eq!(found(line), start, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn deaths_count_on_lines_that_tell_of_one() {
        let log = b"got a signal\nmore\nKilled\n   at x()\n";
        assert_eq!(find(log, |line| line == b"Killed").map(|hit| hit.start), Some(18));
        assert_eq!(find(log, |_| false).map(|hit| hit.start), Some(26));
        let asked = std::cell::Cell::new(0);
        let one = b"Kill Kill signal 9 Kill\nKilled";
        assert!(find(one, |_| asked.replace(asked.get() + 1) > 1).is_none() && asked.get() == 2);
    }

    #[test]
    fn lines_that_lead() {
        assert_eq!(found(b"#0 /srv/a.php(3): f()\n"), Some(0));
        assert_eq!(found(b"x\n#0 /srv/a.php(3): f()\n"), Some(2));
        assert!(find(b"2026-11-23 INFO nothing to see\n", |_| true).is_none());
    }

    #[test]
    fn scripts_count_behind_an_at_sign() {
        assert!(found(b"src/pay.js:3 ready\na@b\n{\"caller\":\"pay.js:3:7\"}\n").is_none());
        assert_eq!(found(b"src/pay.js:3 ready\npay@/srv/pay.js:3:7\n"), Some(31));
    }
}
