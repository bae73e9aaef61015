//! How the work grows with what an attacker writes: eight times the bytes may cost about eight times the work.
//!
//! In: texts that repeat what opens, nests or nearly ends something in a trace. Out: a failure where work grows faster than
//! its input. Work is the processor's time of this thread, and only ever compared with itself: no bound is in seconds.

#![cfg(test)]

use errtail_parsers::{Options, Parser};
use rustix::time::{ClockId, clock_gettime};

const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes of the smaller input; the larger one is as large as a record can be.
const SMALL_BYTES: usize = 64 * 1024;
const FACTOR: usize = 8;
/// Linear work grows by `FACTOR`, quadratic work by its square.
const MAX_GROWTH: f64 = 3.0 * FACTOR as f64;

/// What stands before the repeated part, the part, and what stands behind all of them.
type Case = (&'static str, &'static str, &'static str, &'static str);

const MONOLOG: &str =
    "[2026-11-24 10:00:00] production.ERROR: no {\"exception\":\"[object] (E(code: 0): no at /a.php:1)\n[stacktrace]\n";
const NET: &str = "Unhandled exception. System.Exception: no\n   at A.B.C() in /a.cs:line 1\n";
const NODE: &str = "/a.js:1\nthrow new Error('no')\n^\n\nError: no\n    at f (/a.js:1:1)\n";

const CASES: [Case; 60] = [
    ("one line", "", "x", "\n"),
    ("empty lines", NET, "\n", ""),
    ("numbers in a line", "", "#0 ", "\n"),
    ("numbers", "", "#0 \n", ""),
    ("PHP frames", MONOLOG, "#0 /a.php(1): f()\n", "\"} \n"),
    ("PHP frames without an entry", "", "#0 /a.php(1): f()\n", ""),
    ("open PHP frames", MONOLOG, "#0 /a.php(1): f('\n", ""),
    ("broken PHP frames", MONOLOG, "#0 /a\n", ""),
    ("mains", MONOLOG, "#0 {main}\n", ""),
    ("stack traces", MONOLOG, "[stacktrace]\n", ""),
    ("previous exceptions in a line", MONOLOG, "[previous exception] ", "\n"),
    (
        "previous exceptions",
        MONOLOG,
        "\n[previous exception] [object] (E(code: 0): no at /a.php:1)\n[stacktrace]\n#0 {main}\n",
        "\"} \n",
    ),
    (
        "objects in a line",
        "[2026-11-24 10:00:00] production.ERROR: no ",
        "{\"exception\":\"[object] (E(code: 0): ",
        "\n",
    ),
    (
        "parentheses",
        "[2026-11-24 10:00:00] production.ERROR: no {\"exception\":\"[object] (E(code: 0): ",
        "(",
        "\n[stacktrace]\n#0 {main}\n\"}\n",
    ),
    (
        "places",
        "[2026-11-24 10:00:00] production.ERROR: no {\"exception\":\"[object] (E(code: 0): ",
        " at /a.php:1",
        "\n",
    ),
    (
        "monolog heads",
        "",
        "[2026-11-24 10:00:00] production.ERROR: no {\"exception\":\"[object] (E(code: 0): no at /a.php:1)\n",
        "",
    ),
    ("uncaught in a line", "PHP Fatal error:  ", "Uncaught ", "\n"),
    ("uncaught", "", "PHP Fatal error:  Uncaught E: no in /a.php:1\n", ""),
    (
        "next",
        "PHP Fatal error:  Uncaught E: no in /a.php:1\nStack trace:\n#0 {main}\n",
        "\nNext E: no in /a.php:1\nStack trace:\n#0 {main}\n",
        "  thrown in /a.php on line 1\n",
    ),
    ("stack trace words", "PHP Fatal error:  Uncaught E: no in /a.php:1\n", "Stack trace:\n", ""),
    (
        "php-fpm",
        "",
        "[24-Nov-2026 10:00:00] WARNING: [pool www] child 12 said into stderr: \"#0 /a.php(1): f()\"\n",
        "",
    ),
    (
        "causes in a line",
        "Unhandled exception. System.Exception: no",
        " ---> System.Exception: no",
        "\n   at A.B.C()\n",
    ),
    ("arrows", "Unhandled exception. System.Exception: no", " ---> ", "\n"),
    ("causes", NET, " ---> System.Exception: no\n", ""),
    ("ends of causes", NET, "   --- End of inner exception stack trace ---\n", ""),
    (".NET frames", NET, "   at A.B.C() in /a.cs:line 1\n", ""),
    ("at in a line", "", "   at ", "\n"),
    ("ats", NET, "   at \n", ""),
    (".NET frames in a line", "System.Exception: no", "   at A.B.C() in /a.cs:line 1", "\n"),
    ("generics", "System.Exception: no\n   at A.B", "[A", "](T a)\n"),
    ("angles", "System.Exception: no\n   at A.", "<", ">b__0()\n"),
    ("ticks", "System.Exception: no\n   at A.B", "`1", ".C()\n"),
    ("members", NET, " ---> (Inner Exception #0) System.Exception: no\n   at A.B.C()<---\n", ""),
    ("aggregate messages", "System.AggregateException: One or more errors occurred.", " (no)", "\n   at A.B.C()\n"),
    (".NET heads", "", "System.Exception: no\n", "   at A.B.C()\n"),
    (".NET crashes", "", "Unhandled exception. System.Exception: no\n", ""),
    ("text in a trace", NET, "some words\n   at A.B.C()\n", ""),
    ("indented consoles", "fail: A.B[0]\n", "      System.Exception: no\n", ""),
    ("Node frames", NODE, "    at f (/a.js:1:1)\n", ""),
    ("Node heads", "", "Error: no\n", "    at f (/a.js:1:1)\n"),
    ("evals", "Error: no\n    at eval (", "eval at f (", "\n"),
    ("nested causes", NODE, "  [cause]: Error: no\n      at f (/a.js:1:1) {\n", ""),
    ("cause words", NODE, "[cause]: {\n", ""),
    ("causes that close", NODE, "  [cause]: Error: no\n      at f (/a.js:1:1) {\n  }\n", ""),
    ("braces", "Error: no\n    at f (/a.js:1:1) ", "{\n", ""),
    ("errors", NODE, "  [errors]: [\n", ""),
    ("properties", "Error: no\n    at f (/a.js:1:1) {\n", "  code: 'A',\n", "}\n"),
    ("elided lines", NODE, "    ... 4 lines matching cause stack trace ...\n", ""),
    ("Caused by", "Error: no\n    at f (/a.js:1:1)\n", "Caused by: Error: no\n    at f (/a.js:1:1)\n", ""),
    ("browser frames", "Error: no\n", "f@http://a/b.js:1:1\n", ""),
    ("stacks in a line", "{\"level\":\"error\",", "\"stack\":\"Error: no\\n    at f (/a.js:1:1)\",", "\"a\":1}\n"),
    ("deep objects", "{\"level\":\"error\",\"stack\":", "{\"a\":", "\n"),
    ("deep lists", "{\"level\":\"error\",\"stack\":\"Error: no\\n    at f (/a.js:1:1)\",\"a\":", "[", "\n"),
    ("open objects", "", "{\"stack\":\"Error: no\\n    at f (/a.js:1:1)\"\n", ""),
    ("JSON entries", "", "{\"level\":\"error\",\"stack\":\"Error: no\\n    at f (/a.js:1:1)\"}\n", ""),
    ("backslashes", "{\"level\":\"error\",\"stack\":\"Error: no\\n    at f (/a.js:1:1)", "\\\\", "\"}\n"),
    ("docker pieces", "", "{\"log\":\"   at A.B.C()\",\"stream\":\"stdout\",\"time\":\"2026-11-24T10:00:00Z\"}\n", ""),
    ("CRI pieces", "", "2026-11-24T10:00:00.000000001Z stderr P    at A.B.C()\n", ""),
    ("syslog", "", "Nov 24 10:00:00 web01 api[7]:    at A.B.C()\n", ""),
    ("compose", "", "api-1  |    at A.B.C()\n", ""),
];

/// Nanoseconds of processor time that this thread has had.
fn spent() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// The work of parsing the case with so many bytes of the repeated part, by pieces.
fn work((_, before, part, after): &Case, bytes: usize) -> f64 {
    let text = [*before, &part.repeat(bytes / part.len()), *after].concat();
    let begun = spent();
    let mut parser = Parser::new(Options::default());
    for chunk in text.as_bytes().chunks(CHUNK_BYTES) {
        parser.push(chunk);
        drop(parser.take());
    }
    parser.finish();
    drop(parser.take());
    spent() - begun
}

#[test]
fn work_grows_with_the_input_alone() {
    // What is done once, by whoever parses first.
    work(&CASES[0], 1000);
    let mut failed = Vec::new();
    for case in &CASES {
        let growth = || work(case, FACTOR * SMALL_BYTES) / work(case, SMALL_BYTES).max(50_000.0);
        // A busy machine may disturb one of them.
        let growth = (0..3).map(|_| growth()).find(|growth| *growth <= MAX_GROWTH).unwrap_or_else(growth);
        if std::env::var("ERRTAIL_WORK").is_ok() {
            eprintln!(
                "{:>30} grows {growth:5.1} times, {:.1} ns a byte",
                case.0,
                work(case, SMALL_BYTES) / SMALL_BYTES as f64
            );
        }
        if growth > MAX_GROWTH {
            failed.push(format!("{}: {growth:.1} times", case.0));
        }
    }
    assert!(failed.is_empty(), "{FACTOR} times the bytes cost more work: {failed:?}");
}
