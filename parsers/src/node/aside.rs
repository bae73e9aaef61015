//! What is printed as errors are, and is no failure of the application: warnings, traces of callers, tests, npm.
//!
//! In: lines, and the trace found in them. Out: whether it is one of these. Invariant: linear in the lines looked at,
//! which are few. Does not read traces.

use super::inspect;
use super::text::Trace;

/// Lines above an error that may tell that it is a test's.
const TITLE_LINES: usize = 4;
/// Outermost calls among which a runner's are.
const RUNNER_CALLS: usize = 4;
/// Parts of paths of what runs tests.
const TEST_RUNNERS: [&str; 9] = [
    "/node_modules/mocha/",
    "/node_modules/jest-",
    "/node_modules/@jest/",
    "/node_modules/jasmine-core/",
    "/node_modules/vitest/",
    "/node_modules/@vitest/",
    "/node_modules/ava/",
    "/node_modules/tap/",
    "node:internal/test_runner/",
];

/// Whether a test failed, as its runner reports it: no failure of the application.
//   ● Cart › totals · TypeError: x ·       at Object.<anonymous> (src/cart.test.js:11:15)
//   1) Cart ·        totals: ·      TypeError: x ·       at Context.<anonymous> (test/cart.js:4:10)
pub(super) fn is_test(lines: &[&str], found: &Trace) -> bool {
    let outermost = found.exceptions[0].frames.iter().rev().take(RUNNER_CALLS);
    let mut files = outermost.filter_map(|frame| frame.file.as_deref());
    let is_run = files
        .any(|file| TEST_RUNNERS.iter().any(|part| file.contains(part) || file.strip_prefix(&part[1..]).is_some()));
    let is_title = |line: &&str| {
        let text = line.trim_start();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        line.len() >= text.len() + 2 && (text.starts_with("● ") || digits > 0 && text[digits..].starts_with(") "))
    };
    let is_titled = || {
        inspect::indent_of(lines[found.head]) >= 4 && lines[..found.head].iter().rev().take(TITLE_LINES).any(is_title)
    };
    is_run || is_titled()
}

/// The stack of a process warning or of `console.trace` tells who called: no exception.
// Trace: who calls audit() · (node:31330) [DEP0005] DeprecationWarning: Buffer() is deprecated
pub(super) fn is_warning(lines: &[&str], found: &Trace) -> bool {
    let text = lines[found.head].trim_start();
    let kind = found.exceptions[0].kind.as_str();
    let traced = matches!(kind, "Trace" | "DeprecationError") || kind.ends_with("Warning");
    let rejected = text.contains("UnhandledPromiseRejectionWarning");
    (traced || text.starts_with("(node:")) && !rejected
}

/// Whether npm tells of itself: an application's failure is printed by the application, too.
// npm ERR!     at f (/usr/lib/x.js:1:2) · 5 verbose stack     at f (/usr/lib/x.js:1:2)
pub(super) fn is_npm(line: &str) -> bool {
    let numbered = line.trim_start_matches(|c: char| c.is_ascii_digit());
    line.starts_with("npm ") || numbered.len() < line.len() && numbered.starts_with(" verbose stack ")
}
