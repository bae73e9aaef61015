//! One call of a V8 trace, as Node, Chrome, Edge and Hermes print it.
//!
//! In: a line from its `at ` on. Out: a `Frame`, or none. Invariant: a frame has a place that only JavaScript
//! prints, so that no frame of Java, .NET or PHP and no sentence is taken for one. Does not look at other lines.

use nom::bytes::complete::{is_not, tag, take_until};
use nom::combinator::{map_opt, opt};
use nom::sequence::preceded;
use nom::{IResult, Parser};

use crate::Frame;

/// The frame that a line (trimmed, beginning with `at `) holds.
pub(crate) fn frame(line: &str) -> Option<Frame> {
    let call = line.strip_prefix("at ")?.trim();
    let (function, place) = split(call)?;
    let place = place_of(place)?;
    let bare = place.file.is_some() && place.line.is_none() && function.is_empty();
    if bare && place.file.as_deref() != Some("<anonymous>") {
        return None;
    }
    let mut frame = place;
    let function = function.strip_prefix("async ").unwrap_or(function);
    frame.function = (!function.is_empty() && function != "<anonymous>").then(|| function.to_owned());
    if call.ends_with(')') && frame.file.as_deref().is_some_and(|file| file.starts_with("index ")) {
        frame.function = Some(function.to_owned());
    }
    frame.in_app = frame.file.as_deref().is_some_and(is_in_app);
    frame.raw = Some(call.to_owned());
    Some(frame)
}

/// Splits `fn (place)`, `fn(place)` and `place` into function and place.
fn split(call: &str) -> Option<(&str, &str)> {
    let Some(inner) = call.strip_suffix(')') else {
        // A cut line: `new <anonymous> (http://www.example.com/test.js:2:1`.
        if let Some((function, place)) = call.split_once(" (")
            && place.contains("://")
        {
            return Some((function.trim_end(), place));
        }
        return Some(call.strip_prefix("async ").map_or(("", call), |place| ("", place)));
    };
    let open = matching_open(inner).or_else(|| inner.find(" (").map(|at| at + 1))?;
    let function = inner[..open].trim_end();
    (!function.is_empty()).then(|| (function, &inner[open + 1..]))
}

/// Where the parenthesis opens that closes behind `inner`.
fn matching_open(inner: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in inner.bytes().enumerate().rev() {
        match c {
            b')' => depth += 1,
            b'(' if depth == 0 => return Some(at),
            b'(' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// A frame that holds only its place.
fn place_of(text: &str) -> Option<Frame> {
    let text = text.trim();
    match text {
        "<anonymous>" => return Some(file_only("<anonymous>")),
        "native" | "unknown location" | "[native code]" | "native code" => return Some(Frame::default()),
        _ => {}
    }
    if let Some(number) = text.strip_prefix("index ") {
        return number.bytes().all(|c| c.is_ascii_digit()).then(|| file_only(text));
    }
    if let Some(origin) = text.strip_prefix("eval at ") {
        return eval(origin);
    }
    let text = text.strip_prefix("address at ").unwrap_or(text);
    if let Some((file, offset)) = text.split_once(":wasm-function[") {
        let hex = offset.split_once("]:0x").map(|(_, hex)| hex)?;
        return hex.bytes().all(|c| c.is_ascii_hexdigit()).then(|| Frame { line: Some(1), ..file_only(file) });
    }
    file_line_column(text)
}

fn file_only(file: &str) -> Frame {
    Frame { file: Some(file.to_owned()), ..Frame::default() }
}

/// Evals within evals that are followed; V8 prints no more than a few.
const MAX_EVALS: u8 = 16;

/// The frame of evaluated code: its own place, or where it was evaluated.
fn eval(text: &str) -> Option<Frame> {
    let (_, (outer, own)) = origin(text, 0).ok()?;
    match own {
        // A browser's page names its script; the code of a server's eval, whose files have whole paths, has only its own
        // place.
        Some(own) if !text.contains("://") && is_whole(&outer) => Some(own),
        _ => Some(outer),
    }
}

/// Whether a frame's file has its whole path, or none that could be one.
fn is_whole(frame: &Frame) -> bool {
    let file = frame.file.as_deref().unwrap_or("");
    !file.ends_with(".js") || file.contains(['/', '\\'])
}

// evalRule (/srv/a/rules.js:114:12), <anonymous>:1:65 · <anonymous> (eval at sub (https://a.example/x.js:5:2))
/// Where code was evaluated, in the innermost of nested evals, and the code's own place behind it.
fn origin(text: &str, depth: u8) -> IResult<&str, (Frame, Option<Frame>)> {
    let (text, _) = (take_until(" ("), tag(" (")).parse(text)?;
    let (text, outer) = match text.strip_prefix("eval at ").filter(|_| depth < MAX_EVALS) {
        Some(nested) => origin(nested, depth + 1).map(|(rest, (outer, _))| (rest, outer))?,
        None => map_opt(take_until(")"), place_of_eval).parse(text)?,
    };
    let (text, _) = tag(")").parse(text)?;
    let (text, own) = opt(preceded(tag(", "), map_opt(is_not(")"), file_line_column))).parse(text)?;
    Ok((text, (outer, own)))
}

/// Where code was evaluated: bundlers' modules have no line.
// webpack:///./src/proxy.js?
fn place_of_eval(text: &str) -> Option<Frame> {
    let module = text.starts_with("webpack") && text.ends_with('?');
    file_line_column(text).or_else(|| module.then(|| file_only(text)))
}

/// `file:line:column` or `file:line`.
pub(crate) fn file_line_column(text: &str) -> Option<Frame> {
    let (head, last) = number_at_end(text)?;
    let (file, line, column) = match number_at_end(head) {
        Some((file, line)) if !file.is_empty() => (file, line, Some(last)),
        _ => (head, last, None),
    };
    if file.is_empty() || (column.is_none() && !is_script(file)) || file.starts_with("dart:") {
        return None;
    }
    Some(Frame { line: Some(line), column, ..file_only(file) })
}

/// `text:12` as `text` and 12.
fn number_at_end(text: &str) -> Option<(&str, u32)> {
    let (head, digits) = text.rsplit_once(':')?;
    if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    Some((head, digits.parse().ok()?))
}

/// Whether a place without a column is JavaScript's: Java prints `(Main.java:12)`.
fn is_script(file: &str) -> bool {
    let known = [".js", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".jsx", ".tsx", ".vue", ".coffee"];
    file.contains("://") || file.starts_with("node:") || known.iter().any(|end| file.ends_with(end))
}

/// Whether a file is the application's own code.
pub(crate) fn is_in_app(file: &str) -> bool {
    let path = file.strip_prefix("file://").unwrap_or(file);
    let library = ["node_modules/", "node_modules\\", "/.yarn/", "/.pnp.", "/usr/share/nodejs/", "-extension://"];
    let runtime =
        ["node:", "bun:", "deno:", "ext:", "internal/", "electron/", "/var/runtime/", "webpack/", "<", "[", "index "];
    // Code that was given to `vm` or to the prompt without a name.
    let nameless = file.starts_with("evalmachine.<") || file.starts_with("REPL");
    let bundler = ["webpack:///webpack/", "webpack://webpack/", "webpack-internal:///webpack/"];
    !(library.iter().any(|part| file.contains(part))
        || runtime.iter().chain(&bundler).any(|start| path.starts_with(start))
        || file.contains("://") && file.contains("/webpack/bootstrap")
        || file.starts_with("wasm://")
        || nameless
        || is_builtin(file))
}

/// The names that Node before 16 gave to its own modules.
fn is_builtin(file: &str) -> bool {
    let Some(name) = file.strip_suffix(".js") else { return file == "native" || file == "native code" };
    const NAMES: [&str; 30] = [
        "assert",
        "async_hooks",
        "bootstrap_node",
        "buffer",
        "child_process",
        "cluster",
        "console",
        "crypto",
        "dgram",
        "dns",
        "domain",
        "events",
        "fs",
        "http",
        "https",
        "module",
        "net",
        "node",
        "path",
        "perf_hooks",
        "readline",
        "repl",
        "stream",
        "timers",
        "tls",
        "tty",
        "url",
        "util",
        "vm",
        "zlib",
    ];
    NAMES.contains(&name) || (name.starts_with('_') && !name.contains(['/', '\\']))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row = (&'static str, Option<&'static str>, Option<&'static str>, Option<u32>, Option<u32>, bool);

    #[test]
    fn forms_of_frames() {
        let rows: [Row; 26] = [
            ("at pay (/app/a.js:1:2)", Some("pay"), Some("/app/a.js"), Some(1), Some(2), true),
            ("at /app/a.js:1:2", None, Some("/app/a.js"), Some(1), Some(2), true),
            ("at async /app/a.js:1:2", None, Some("/app/a.js"), Some(1), Some(2), true),
            ("at async pay (file:///app/a.mjs:1:2)", Some("pay"), Some("file:///app/a.mjs"), Some(1), Some(2), true),
            ("at new Box (C:\\a b\\x.ts:3:4)", Some("new Box"), Some("C:\\a b\\x.ts"), Some(3), Some(4), true),
            ("at T.f [as g] (node:net:1:2)", Some("T.f [as g]"), Some("node:net"), Some(1), Some(2), false),
            ("at Array.map (<anonymous>)", Some("Array.map"), Some("<anonymous>"), None, None, false),
            ("at <anonymous>", None, Some("<anonymous>"), None, None, false),
            ("at Array.0 (native)", Some("Array.0"), None, None, None, false),
            ("at async Promise.all (index 3)", Some("Promise.all"), Some("index 3"), None, None, false),
            ("at f (/u/me (x)/a.js:1:2)", Some("f"), Some("/u/me (x)/a.js"), Some(1), Some(2), true),
            ("at e (eval at g (/a.js:1:2), <anonymous>:3:4)", Some("e"), Some("<anonymous>"), Some(3), Some(4), false),
            (
                "at eval (eval at <anonymous> (http://h/x.js:5:6))",
                Some("eval"),
                Some("http://h/x.js"),
                Some(5),
                Some(6),
                true,
            ),
            ("at o.e(webpack:///x:1:2)", Some("o.e"), Some("webpack:///x"), Some(1), Some(2), true),
            (
                "at f (webpack-internal:///(api)/./x.ts:1:2)",
                Some("f"),
                Some("webpack-internal:///(api)/./x.ts"),
                Some(1),
                Some(2),
                true,
            ),
            ("at #load (/a.js:1:2)", Some("#load"), Some("/a.js"), Some(1), Some(2), true),
            ("at weird name (/a.js:1:2)", Some("weird name"), Some("/a.js"), Some(1), Some(2), true),
            ("at f (address at i.bundle:1:12)", Some("f"), Some("i.bundle"), Some(1), Some(12), true),
            ("at f (wasm://wasm/0a:wasm-function[9]:0xbb)", Some("f"), Some("wasm://wasm/0a"), Some(1), None, false),
            ("at g (/a/node_modules/b/c.js:1:2)", Some("g"), Some("/a/node_modules/b/c.js"), Some(1), Some(2), false),
            ("at Timer.on (timers.js:110:15)", Some("Timer.on"), Some("timers.js"), Some(110), Some(15), false),
            (
                "at b (internal/process/next_tick.js:1:2)",
                Some("b"),
                Some("internal/process/next_tick.js"),
                Some(1),
                Some(2),
                false,
            ),
            ("at f (file:///x.js:878)", Some("f"), Some("file:///x.js"), Some(878), None, true),
            (
                "at (anonymous function).then (C:\\x.js:1:2)",
                Some("(anonymous function).then"),
                Some("C:\\x.js"),
                Some(1),
                Some(2),
                true,
            ),
            ("at r (rules/d-7.js:1:24)", Some("r"), Some("rules/d-7.js"), Some(1), Some(24), true),
            (
                "at new <anonymous> (http://h/t.js:2:1",
                Some("new <anonymous>"),
                Some("http://h/t.js"),
                Some(2),
                Some(1),
                true,
            ),
        ];
        for (line, function, file, number, column, in_app) in rows {
            let found = frame(line).unwrap_or_else(|| panic!("{line}"));
            let got = (found.function.as_deref(), found.file.as_deref(), found.line, found.column, found.in_app);
            assert_eq!(got, (function, file, number, column, in_app), "{line}");
        }
    }

    #[test]
    fn other_languages_and_prose() {
        for line in [
            "at com.acme.Main.run(Main.java:40)",
            "at A.B.C(String s) in /a/b.cs:line 12",
            "at A.B.C(String s)",
            "at A.B.C()",
            "at not a frame",
            "at least three of them: 12",
            "at App\\Foo->bar() in /a/b.php:12",
            "at (dart:async/future.dart:10:15)",
            "at Foo",
            "at ",
            "at java.lang.Thread.run(Native Method)",
            "at X.Y (System.Int32 a) [0x00007] in /f.cs:9",
        ] {
            assert_eq!(frame(line), None, "{line}");
        }
    }
}
