//! Traces of Firefox and Safari (and React Native's engines), as a server logs what a browser reported.
//!
//! In: lines. Out: frames, or a trace. Invariant: a call has a script's place behind its `@`; mail addresses and
//! prose are none. Chrome's and Edge's calls are V8's, and read there.

use crate::Frame;
use crate::node::frame::{file_line_column, is_in_app};
use crate::node::stack::Stack;
use crate::node::text::{self, Trace};

const SCHEMES: [&str; 14] = [
    "http://",
    "https://",
    "file://",
    "resource://",
    "moz-extension://",
    "safari-extension://",
    "safari-web-extension://",
    "chrome://",
    "app://",
    "capacitor://",
    "webpack://",
    "webpack-internal://",
    "chrome-extension://",
    "blob:",
];

/// Marks in a line that are looked at: functions' names hold few.
const MAX_MARKS: usize = 8;

/// Whether a file is a page's, or an application's that a browser's engine runs.
pub(crate) fn is_page(file: &str) -> bool {
    SCHEMES.iter().any(|scheme| file.starts_with(scheme))
        && !file.starts_with("file://")
        && !file.starts_with("webpack")
        || file.ends_with(".bundle")
        || file.ends_with(".jsbundle")
}

/// The call in a line, if it is one.
// total/<@https://shop.example/app.js:2:52 · reduce@[native code] · eval code@ · @https://a.example/x.js line 15 > eval:1:1
pub(crate) fn call(line: &str) -> Option<Frame> {
    let text = line.trim();
    if !text.contains('@') {
        return copied(line);
    }
    for engine in ["[native code]", "[wasm code]"] {
        if let Some(function) = text.strip_suffix(engine).and_then(|rest| rest.strip_suffix('@')) {
            return Some(Frame { function: named(function), file: Some(engine.to_owned()), ..Frame::default() });
        }
    }
    if matches!(text, "eval code@" | "global code@" | "module code@") {
        return Some(Frame { function: Some(text.trim_end_matches('@').to_owned()), ..Frame::default() });
    }
    let at = text
        .match_indices('@')
        .map(|(at, _)| at)
        .find(|at| SCHEMES.iter().any(|scheme| text[at + 1..].starts_with(scheme)));
    if text.starts_with("Error created at ") || text.starts_with("Error thrown at ") {
        return None;
    }
    let (function, place) = match at {
        Some(at) => (&text[..at], &text[at + 1..]),
        // Scripts of React Native have names without a scheme.
        None => text
            .match_indices('@')
            .take(MAX_MARKS)
            .map(|(at, _)| (&text[..at], &text[at + 1..]))
            .find(|(function, place)| !is_path(function) && !place.contains(' ') && is_script(place))?,
    };
    let mut frame = place_of(place)?;
    frame.function = named(function);
    frame.in_app = frame.file.as_deref().is_some_and(is_in_app);
    Some(frame)
}

/// A call as Firefox's console copies it.
//     total https://shop.example/main.js:41
fn copied(line: &str) -> Option<Frame> {
    let (function, place) = line.strip_prefix("    ")?.trim_end().split_once(' ')?;
    let is_place = place.starts_with("http") && place.contains(".js") && !place.contains(' ');
    let is_name = !function.is_empty() && !function.contains([':', '"']) && !function.starts_with('(');
    let frame = if is_place && is_name { place_of(place)? } else { return None };
    let in_app = frame.file.as_deref().is_some_and(is_in_app);
    Some(Frame { function: named(function), in_app, ..frame })
}

/// What stands before the `@` of a package's scope or version, in a path, or in a sentence.
// /srv/app/node_modules/ · file:///srv/app/node_modules/.pnpm/express
fn is_path(function: &str) -> bool {
    function.ends_with(['/', '\\'])
        || function.starts_with(['/', '\\'])
        || function.contains("node_modules")
        || function.contains("://")
        || function.contains(": ")
}

fn is_script(place: &str) -> bool {
    let file = place.split(':').next().unwrap_or("");
    file.ends_with(".js")
        || file.ends_with(".bundle")
        || file.ends_with(".jsbundle")
        || place.starts_with(['/', '\\'])
        || file.contains('/')
        || file.len() == 1
}

/// A function without the marks of engines, and without the arguments that old Firefox and Opera printed.
// bar(1) · async*load · <anonymous function: run>([arguments not available]) · <?>.wasm-function[main]
fn named(function: &str) -> Option<String> {
    let function = function.strip_prefix("async*").unwrap_or(function);
    let bare = match (function.find('('), function.ends_with(')')) {
        (Some(open), true) => &function[..open],
        _ => function,
    };
    let wasm = bare.strip_prefix("<?>.wasm-function[").and_then(|rest| rest.strip_suffix(']'));
    let opera = bare.strip_prefix("<anonymous function").and_then(|rest| rest.strip_suffix('>'));
    let bare = wasm.or(opera.map(|name| name.trim_start_matches(": "))).unwrap_or(bare);
    (!bare.is_empty()).then(|| bare.to_owned())
}

fn place_of(place: &str) -> Option<Frame> {
    // Code of `eval` has the place of the `eval` itself.
    if let Some((url, rest)) = place.split_once(" line ").filter(|_| !place.contains(":wasm-function[")) {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let line = rest[..digits].parse().ok().filter(|_| rest[digits..].starts_with(" > "))?;
        return Some(Frame { file: Some(url.to_owned()), line: Some(line), ..Frame::default() });
    }
    if let Some((file, _)) = place.split_once(":wasm-function[") {
        let file = file.split(" line ").next().unwrap_or(file);
        return Some(Frame { file: Some(file.to_owned()), line: Some(1), ..Frame::default() });
    }
    if let Some((file, column)) = place.rsplit_once("::") {
        return Some(Frame { file: Some(file.to_owned()), column: Some(column.parse().ok()?), ..Frame::default() });
    }
    file_line_column(place.trim_end_matches(':'))
}

/// The stack in a text of its own.
pub(crate) fn stack(text: &str) -> Option<Stack> {
    let lines: Vec<&str> = text.split('\n').collect();
    // Safari's anonymous functions are places alone.
    let is_place = |line: &str| in_run(line).flatten().is_some_and(|frame| frame.line.is_some());
    let mut first =
        lines.iter().position(|line| call(line).is_some()).or_else(|| lines.iter().position(|line| is_place(line)))?;
    while first > 1 && in_run(lines[first - 1]).is_some() {
        first -= 1;
    }
    let head = lines[..first].join("\n");
    let mut found = crate::node::stack::parse(&head, None);
    found.frames = lines[first..].iter().filter_map(|line| in_run(line)?).collect();
    Some(found)
}

/// A line that is one of a run of calls: a call, or a script's place alone, as Safari prints anonymous functions.
// http://a.example/file.js:48:22 · 102.js:1:2956 · [native code]
pub(crate) fn in_run(line: &str) -> Option<Option<Frame>> {
    if let Some(frame) = call(line) {
        return Some(Some(frame));
    }
    let text = line.trim();
    if text == "[native code]" {
        return Some(Some(Frame { file: Some(text.to_owned()), ..Frame::default() }));
    }
    if text == "eval code" {
        return Some(None);
    }
    if text.contains(' ') || !text.ends_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let named = SCHEMES.iter().any(|scheme| text.starts_with(scheme))
        || [".js:", "bundle:"].iter().any(|end| text.contains(end));
    let frame = file_line_column(text).filter(|_| named)?;
    let in_app = frame.file.as_deref().is_some_and(is_in_app);
    Some(Some(Frame { in_app, ..frame }))
}

/// The trace at the first call at or below `hit`.
pub(crate) fn trace(lines: &[&str], hit: usize) -> Option<Trace> {
    let mut first = (hit..lines.len()).find(|index| call(lines[*index]).is_some())?;
    while first > 0 && in_run(lines[first - 1]).is_some() {
        first -= 1;
    }
    let end = end_of_run(lines, first);
    let (head, at) = text::head_above(lines, first)?;
    let mut body = lines[head][at..].to_owned();
    for line in lines.get(head + 1..first).unwrap_or(&[]) {
        body.push('\n');
        body.push_str(line);
    }
    let mut found = if head == first { Stack::default() } else { crate::node::stack::parse(&body, None) };
    found.frames = lines[first..end].iter().filter_map(|line| in_run(line)?).collect();
    Some(Trace::of_stack(found, lines, head..end, at))
}

/// The line behind the calls that begin at `first`; one blank line may stand between two of them.
fn end_of_run(lines: &[&str], first: usize) -> usize {
    let is_call = |index: usize| lines.get(index).is_some_and(|line| in_run(line).is_some());
    let is_gap = |index: usize| lines.get(index).is_some_and(|line| line.trim().is_empty());
    let mut end = first;
    while is_call(end) || is_gap(end) && is_call(end + 1) {
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_browsers() {
        for (line, function, file, number, column) in [
            (
                "total/<@https://a.example/app.js:2:52",
                Some("total/<"),
                Some("https://a.example/app.js"),
                Some(2),
                Some(52),
            ),
            ("@https://a.example/app.js line 15 > eval:1:1", None, Some("https://a.example/app.js"), Some(15), None),
            ("    total https://a.example/x.js:13", Some("total"), Some("https://a.example/x.js"), Some(13), None),
            ("reduce@[native code]", Some("reduce"), Some("[native code]"), None, None),
            ("eval code@", Some("eval code"), None, None, None),
            ("bar(1)@http://a.example/file.js:13", Some("bar"), Some("http://a.example/file.js"), Some(13), None),
            ("value@index.android.bundle:12:1917", Some("value"), Some("index.android.bundle"), Some(12), Some(1917)),
            (
                "f@https://cdn.example/@scope/x.js:1:2",
                Some("f"),
                Some("https://cdn.example/@scope/x.js"),
                Some(1),
                Some(2),
            ),
        ] {
            let frame = call(line).unwrap_or_else(|| panic!("{line}"));
            let got = (frame.function.as_deref(), frame.file.as_deref(), frame.line, frame.column);
            assert_eq!(got, (function, file, number, column), "{line}");
        }
        for line in [
            "mail ops@example.com: 12",
            "user@host:22",
            "@param x",
            "see a@b",
            "http://a.example/x.js:1:2",
            "/srv/node_modules/@a/b.js:1",
            "/srv/.pnpm/a@1.2/b.js:1:2",
        ] {
            assert_eq!(call(line), None, "{line}");
        }
    }
}
