//! Node.js: frames, modules and mechanisms as `@sentry/node` makes them.
//!
//! In: an exception with V8's frames. Out: frames, outermost first. Source: `@sentry/core`, `utils/node-stack-trace`;
//! `@sentry/node`, `utils/module` and the integrations. Invariant: every frame has a function, `?` when V8 names none.

use errtail_parsers::{self as parsers, Exception, Record};

use super::protocol::Frame;

/// The SDK's hook for what ends the process.
pub(super) const UNCAUGHT: &str = "auto.node.onuncaughtexception";

/// The frames of an exception; `root` is the directory of the entry script.
pub(super) fn frames(exception: &Exception, root: Option<&str>) -> Vec<Frame> {
    exception.frames.iter().rev().map(|call| frame(call, root)).collect()
}

/// Which hook of the SDK would have reported a record, and whether it counts as handled.
pub(super) fn mechanism(record: &Record) -> (&'static str, bool) {
    let by = record.mechanism.as_ref().map_or("", |by| by.kind.as_str());
    match by {
        "express.default_handler" => ("auto.middleware.express", false),
        "koa.default_handler" => ("auto.middleware.koa", false),
        "fastify.default_handler" => ("auto.function.fastify", false),
        "winston.exceptions" => (UNCAUGHT, false),
        _ if by.contains("rejection") => ("auto.node.onunhandledrejection", false),
        _ if by.contains("uncaught") => (UNCAUGHT, false),
        _ => ("generic", true),
    }
}

/// The error's `name`, which the SDK takes for its type: loggers and consoles print the class, and the name beside it
/// where it is another.
// {"type":"ConnectionRefusedError","name":"DbConnectionRefusedError","stack":"DbConnectionRefusedError: refused\n    at …"}
pub(super) fn name(exception: &Exception) -> &str {
    let name = exception.properties.iter().find(|(key, _)| key == "name").map(|(_, name)| name.as_str());
    name.filter(|name| name.ends_with("Error") || name.ends_with("Exception")).unwrap_or(&exception.kind)
}

// ENOENT: no such file or directory, open '/srv/data/x.csv'
/// A system error's message without the paths that the SDK takes out of it, so that files do not part issues.
pub(super) fn without_paths(message: &str) -> String {
    let Some((code, rest)) = message.split_once(": ") else { return message.to_owned() };
    let coded =
        code.len() > 2 && code.starts_with('E') && code.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    let Some((head, paths)) = rest.split_once(" '").filter(|_| coded && !rest.contains('\n')) else {
        return message.to_owned();
    };
    if !head.contains(", ") || !paths.ends_with('\'') {
        return message.to_owned();
    }
    let second = if paths.contains("' -> '") { "  ->" } else { "" };
    format!("{code}: {head}{second}")
}

fn frame(call: &parsers::Frame, root: Option<&str>) -> Frame {
    let address = call.file.as_deref().filter(|file| file.starts_with("file://") && file.contains('%')).map(decoded);
    let file = evaluated(call).or_else(|| address.as_deref().or(call.file.as_deref()).map(path));
    // Bun's name for a function without one, which V8 leaves out.
    let unnamed = call.raw.as_deref().filter(|raw| raw.starts_with("<anonymous> (")).map(|_| "<anonymous>");
    Frame {
        function: Some(function(call.function.as_deref().or(unnamed))),
        module: file.map(|file| module(file, root)),
        filename: file.map(str::to_owned),
        lineno: call.line,
        colno: call.column,
        in_app: call.in_app,
        ..Frame::default()
    }
}

/// An address with its escapes resolved, as far as they give text.
// file:///srv/my%20shop/pay.mjs
fn decoded(address: &str) -> String {
    let mut pieces = address.split('%');
    let mut bytes = pieces.next().unwrap_or("").as_bytes().to_vec();
    for piece in pieces {
        let value = piece.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match value {
            Some(value) => bytes.push(value),
            None => bytes.push(b'%'),
        }
        bytes.extend_from_slice(&piece.as_bytes()[if value.is_some() { 2 } else { 0 }..]);
    }
    String::from_utf8(bytes).unwrap_or_else(|_| address.to_owned())
}

/// The place of evaluated code as V8 prints it, with where it was evaluated: the SDK takes it for a file's name.
// eval (eval at run (/srv/rules.js:4:5), <anonymous>:1:7)
fn evaluated(call: &parsers::Frame) -> Option<&str> {
    let raw = call.raw.as_deref().filter(|_| call.file.as_deref() == Some("<anonymous>"))?;
    let place = raw[raw.find("(eval at ")? + 1..].strip_suffix(')')?;
    let line = place.rsplitn(3, ':').nth(2)?;
    line.ends_with("<anonymous>").then_some(line)
}

/// Puts a frame where its code was written, which a source map tells.
pub(super) fn write(frame: &mut Frame, path: String, line: u32, column: u32, root: Option<&str>) {
    frame.in_app = frame.in_app && !path.contains("node_modules/") && !path.contains("webpack/bootstrap");
    frame.module = Some(module(&path, root));
    frame.filename = Some(path);
    frame.lineno = Some(line);
    frame.colno = Some(column);
}

/// The path of a place: `file:///srv/a.mjs` is `/srv/a.mjs`, `file:///C:/a.mjs` is `C:/a.mjs`.
pub(super) fn path(file: &str) -> &str {
    let path = file.strip_prefix("file://").unwrap_or(file);
    let drive = path.strip_prefix('/').filter(|rest| rest.as_bytes().get(1) == Some(&b':'));
    drive.unwrap_or(path)
}

fn function(name: Option<&str>) -> String {
    let Some(name) = name else { return "?".to_owned() };
    let Some(dot) = name.rfind('.').filter(|dot| *dot > 0) else { return name.to_owned() };
    // `Module._extensions..js`: the method begins with a dot.
    let dot = if name[..dot].ends_with('.') { dot - 1 } else { dot };
    let (object, method) = (&name[..dot], &name[dot + 1..]);
    let cut = object.find(".Module").filter(|at| *at > 0);
    if method == "<anonymous>" {
        return format!("{}.?", cut.map_or(object, |at| &object[..at]));
    }
    cut.map_or(name, |at| &name[at + 1..]).to_owned()
}

fn module(file: &str, root: Option<&str>) -> String {
    let slashes;
    let file = if file.contains('\\') {
        slashes = file.replace('\\', "/");
        &slashes
    } else {
        file
    };
    let (directory, base) = file.rsplit_once('/').unwrap_or((".", file));
    let base = [".js", ".mjs", ".cjs"].iter().find_map(|end| base.strip_suffix(end)).unwrap_or(base);
    let named = |path: &str| {
        let path = path.trim_start_matches('/').replace('/', ".");
        if path.is_empty() { base.to_owned() } else { format!("{path}:{base}") }
    };
    if let Some(at) = directory.rfind("/node_modules") {
        return named(&directory[at + "/node_modules".len()..]);
    }
    let root = root.map(|root| root.replace('\\', "/"));
    match root.as_deref().and_then(|root| directory.strip_prefix(root)) {
        Some(below) if below.is_empty() || below.starts_with('/') => named(below),
        _ => base.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_spelt_as_the_sdk_does() {
        for (v8, sdk) in [
            (None, "?"),
            (Some("pay"), "pay"),
            (Some("Object.<anonymous>"), "Object.?"),
            (Some("Module._extensions..js"), "Module._extensions..js"),
            (Some("Object.Module._extensions..js"), "Module._extensions..js"),
            (Some("new Cart"), "new Cart"),
            (Some("Timeout.onTimer [as _onTimeout]"), "Timeout.onTimer [as _onTimeout]"),
        ] {
            assert_eq!(function(v8), sdk);
        }
    }

    #[test]
    fn modules_are_named_from_the_entry_or_the_package() {
        for (file, name) in [
            ("/srv/shop/services/orders.js", "services:orders"),
            ("/srv/shop/index.mjs", "index"),
            ("/srv/other/index.ts", "index.ts"),
            ("/srv/shop/node_modules/axios/dist/node/axios.cjs", "axios.dist.node:axios"),
            ("/srv/node_modules/a/node_modules/@b/c/d.js", "@b.c:d"),
            ("node:internal/timers", "timers"),
            ("node:events", "node:events"),
            ("<anonymous>", "<anonymous>"),
            ("C:\\shop\\lib\\a.js", "a"),
        ] {
            assert_eq!(module(file, Some("/srv/shop")), name, "{file}");
        }
        assert_eq!(module("C:\\shop\\lib\\a.js", Some("C:\\shop")), "lib:a");
        assert_eq!(path("file:///C:/a.mjs"), "C:/a.mjs");
    }

    #[test]
    fn places_as_the_sdk_spells_them() {
        for (place, raw, sdk) in [
            ("file:///srv/my%20shop/caf%C3%A9.mjs", "pay (…)", ("?", "/srv/my shop/café.mjs", "café")),
            ("file:///C:/a%2.mjs", "C:/a%2.mjs:1:2", ("?", "C:/a%2.mjs", "a%2")),
            ("/srv/a%20b.ts", "<anonymous> (/srv/a%20b.ts:1:2)", ("<anonymous>", "/srv/a%20b.ts", "a%20b.ts")),
        ] {
            let call = parsers::Frame { file: Some(place.to_owned()), raw: Some(raw.to_owned()), ..Default::default() };
            let made = frame(&call, None);
            let got = (made.function.as_deref(), made.filename.as_deref(), made.module.as_deref());
            assert_eq!(got, (Some(sdk.0), Some(sdk.1), Some(sdk.2)), "{place}");
        }
    }

    #[test]
    fn system_errors_lose_their_paths() {
        assert_eq!(
            without_paths("ENOENT: no such file or directory, open '/a b'"),
            "ENOENT: no such file or directory, open"
        );
        assert_eq!(
            without_paths("EXDEV: cross-device link not permitted, rename '/a' -> '/b'"),
            "EXDEV: cross-device link not permitted, rename  ->"
        );
        assert_eq!(without_paths("Error: no 'x'"), "Error: no 'x'");
    }
}
