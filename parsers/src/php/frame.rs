//! Frames of PHP's traces: `#0 /srv/app/Job.php(12): App\Job->run(Array)`.
//!
//! In: the text of a trace, unescaped. Out: frames, innermost first. Invariant: each line is looked at once.
//! Does not find traces.

use std::borrow::Cow;

use crate::frames;
use crate::record::Frame;
use crate::text::Literal;

/// What stands between a frame's place and its call.
static CALLED: Literal = Literal::new("): ");

/// The frames of one trace.
#[derive(Debug, Clone, Default)]
pub(super) struct Frames {
    pub frames: frames::Frames,
    /// Lines inside the trace that are no frames.
    pub unparsed: Vec<String>,
    /// How many lines the trace takes.
    pub lines: usize,
    /// Whether `{main}`, or the end of the trace's text, was reached.
    pub ended: bool,
}

/// Lines of others that may stand between two frames.
const MAX_FOREIGN: usize = 4;

/// Reads the frames at the beginning of `lines`, to `{main}` or to the first line that is none, unless the next number
/// follows behind it.
pub(super) fn frames<'a>(mut lines: impl Iterator<Item = &'a str> + Clone) -> Frames {
    let mut read = Frames { ended: true, ..Frames::default() };
    // A frame whose argument holds a line break goes on in the next line.
    let mut broken: Option<String> = None;
    // What numbers the next frame has.
    let mut next = 0;
    while let Some(line) = lines.next() {
        let text = line.trim_start();
        if let Some(rest) = numbered(text) {
            if let Some(lost) = broken.take() {
                read.unparsed.push(lost);
            }
            read.lines += 1;
            next += 1;
            if is_main(rest) {
                return read;
            }
            match frame(rest) {
                Some(frame) => read.frames.push(frame),
                None => broken = Some(text.to_owned()),
            }
            continue;
        }
        let Some(open) = &mut broken else {
            // An argument's later lines belong to the frame that began it.
            if read.frames.last().is_some_and(is_open) && !text.is_empty() {
                read.lines += 1;
                if let Some(raw) = read.frames.last_mut().and_then(|frame| frame.raw.as_mut()) {
                    raw.push('\n');
                    raw.push_str(line);
                }
                continue;
            }
            let mut numbers = lines.clone().take(MAX_FOREIGN).map(number).enumerate();
            let numbered = numbers.find_map(|(others, number)| Some((others, number?)));
            if let Some((others, _)) = numbered.filter(|(_, number)| *number == next && next > 0 && !text.is_empty()) {
                read.unparsed.push(line.to_owned());
                read.unparsed.extend(lines.by_ref().take(others).map(str::to_owned));
                read.lines += 1 + others;
                continue;
            }
            read.ended = false;
            break;
        };
        open.push_str(text);
        read.lines += 1;
        if let Some(frame) = numbered(open).and_then(frame) {
            read.frames.push(frame);
            broken = None;
        }
    }
    read.unparsed.extend(broken);
    read
}

/// The number of a frame line.
fn number(line: &str) -> Option<usize> {
    let line = line.trim_start();
    let rest = numbered(line)?;
    line[1..line.len() - rest.len() - 1].parse().ok()
}

/// Whether a line is `#12 {main}`.
pub(super) fn is_last(line: &str) -> bool {
    numbered(line.trim_start()).is_some_and(is_main)
}

fn is_main(rest: &str) -> bool {
    rest.starts_with("{main}")
}

/// Whether a frame's arguments are not closed.
fn is_open(frame: &Frame) -> bool {
    frame.raw.as_ref().is_some_and(|raw| raw.len() < 4096 && !raw.trim_end().ends_with(')'))
}

/// What stands behind `#12 `.
pub(super) fn numbered(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('#')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > 7 {
        return None;
    }
    rest[digits..].strip_prefix(' ')
}

/// The frame behind its number.
fn frame(rest: &str) -> Option<Frame> {
    // #3 [internal function]: App\Jobs\Import->{closure}('b')
    if let Some(called) = rest.strip_prefix("[internal function]") {
        let called = called.strip_prefix(": ").unwrap_or(called);
        return Some(call(called, None, None));
    }
    if let Some((file, line, called)) = place(rest) {
        return Some(call(called, Some(file), Some(line)));
    }
    // #1 App\Cart->save() called at [/srv/app/Cart.php:33]
    let (called, place) = rest.strip_suffix(']')?.rsplit_once(") called at [")?;
    let (file, line) = file_and_line(place)?;
    Some(call(&rest[..=called.len()], Some(file), Some(line)))
}

// /srv/app/tpl.php(12) : eval()'d code(1): render(Array)
fn place(text: &str) -> Option<(&str, u32, &str)> {
    let mut from = 0;
    while let Some(found) = CALLED.find(&text.as_bytes()[from..]) {
        let close = from + found;
        let digits = text[..close].bytes().rev().take_while(u8::is_ascii_digit).count();
        let open = close - digits;
        if digits > 0 && open > 1 && text.as_bytes()[open - 1] == b'(' {
            return Some((&text[..open - 1], text[open..close].parse().ok()?, &text[close + 3..]));
        }
        from = close + 3;
    }
    None
}

/// A call with its place.
pub(super) fn call(called: &str, file: Option<&str>, line: Option<u32>) -> Frame {
    // A server cuts a message at its limit, and writes three points there.
    let (name, arguments) =
        split_arguments(called.strip_suffix("...").filter(|cut| !cut.contains('(')).unwrap_or(called));
    let (module, function) = split_module(name);
    Frame {
        function: (!function.is_empty()).then(|| function.to_owned()),
        module: module.map(str::to_owned),
        file: file.map(str::to_owned),
        line,
        column: None,
        in_app: file.is_some_and(in_app),
        raw: (!arguments.is_empty() && arguments != "()").then(|| called.to_owned()),
    }
}

/// A frame of a trace that holds places alone: `/srv/app/Job.php:12`.
pub(super) fn from_place(text: &str) -> Option<Frame> {
    let (file, line) = file_and_line(text)?;
    Some(Frame { file: Some(file.to_owned()), line: Some(line), in_app: in_app(file), ..Frame::default() })
}

/// `/srv/app/Job.php:12` in its two parts.
pub(super) fn file_and_line(text: &str) -> Option<(&str, u32)> {
    let (file, line) = text.rsplit_once(':')?;
    let line = line.parse().ok().filter(|_| line.len() < 9 && !line.starts_with('+'))?;
    (!file.is_empty()).then_some((file, line))
}

/// The name before the argument list; a parenthesis inside `{closure:App\A::b():12}` does not begin it.
fn split_arguments(called: &str) -> (&str, &str) {
    let mut depth = 0u32;
    for (at, byte) in called.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b'(' if depth == 0 => return called.split_at(at),
            _ => {}
        }
    }
    (called, "")
}

/// `App\Job->run` and `App\Job::make` in class and method.
fn split_module(name: &str) -> (Option<&str>, &str) {
    let bytes = name.as_bytes();
    let mut depth = 0u32;
    for at in (0..bytes.len()).rev() {
        match bytes[at] {
            b'}' => depth += 1,
            b'{' => depth = depth.saturating_sub(1),
            b'>' | b':' if depth == 0 && at > 1 && bytes[at - 1] == if bytes[at] == b'>' { b'-' } else { b':' } => {
                return (Some(&name[..at - 1]), &name[at + 1..]);
            }
            _ => {}
        }
    }
    (None, name)
}

/// Folders of frameworks that are installed outside `vendor/`, and the names that loggers shorten them to.
const FRAMEWORKS: [&str; 42] = [
    "/wp-includes/",
    "/wp-admin/",
    "/core/lib/Drupal",
    "/core/modules/",
    "/core/includes/",
    "/modules/contrib/",
    "/typo3/sysext/",
    "/Packages/Framework/",
    "/Packages/Libraries/",
    "/lib/Cake/",
    "/lib/internal/Magento/",
    "/lib/Varien/",
    "/lib/Zend/",
    "/app/code/core/Mage/",
    "/app/Mage.php",
    "/library/Zend/",
    "/framework/yiilite.php",
    "/framework/web/",
    "/framework/db/",
    "/framework/base/",
    "/framework/caching/",
    "/framework/console/",
    "/framework/zii/",
    "/system/core/",
    "/system/classes/",
    "/system/database/",
    "/system/engine/",
    "/system/libraries/",
    "/fuel/core/",
    "/thinkphp/library/",
    "/ThinkPHP/Library/",
    "/libraries/joomla/",
    "/libraries/src/",
    "/3rdparty/",
    "/modules/backend/classes/",
    "/modules/cms/classes/",
    "/modules/system/classes/",
    "/core/model/modx/",
    "/core/xpdo/",
    // What a framework compiled: proxies, containers, templates.
    "/generated/code/",
    "/var/cache/",
    "/var/generation/",
];
const SHORTENED: [&str; 4] = ["SYSTEMPATH", "VENDORPATH", "CORE", "[ROOT]/libraries"];

/// Whether a file is the application's own: neither a package, nor the runtime, nor the entry script that the
/// framework's installer wrote.
pub(super) fn in_app(file: &str) -> bool {
    let mut parts = file.rsplit(['/', '\\']);
    let name = parts.next().unwrap_or("");
    let folder = parts.next().unwrap_or("");
    if folder.eq_ignore_ascii_case("vendor") || parts.any(|part| part.eq_ignore_ascii_case("vendor")) {
        return false;
    }
    let compiled = folder == "bootstrap" && name == "compiled.php";
    let entry = matches!(name, "artisan" | "spark" | "wp-load.php" | "wp-settings.php" | "wp-blog-header.php")
        || name == "index.php" && matches!(folder, "public" | "web" | "public_html" | "webroot" | "pub" | "FCPATH");
    let slashed = if file.contains('\\') { Cow::Owned(file.replace('\\', "/")) } else { Cow::Borrowed(file) };
    let framework = FRAMEWORKS.iter().any(|folder| slashed.contains(folder))
        || SHORTENED.iter().any(|name| file.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')));
    let runtime = file.starts_with("phar://") || matches!(file, "" | "-" | "Command line code");
    !compiled && !entry && !framework && !runtime
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Frames {
        frames(text.lines())
    }

    #[test]
    fn every_form_of_a_frame() {
        let text = "#0 /srv/app/Job.php(12): App\\Job->run(Array, 'it''s (x): y', NULL)\n\
            #1 [internal function]: App\\Job::{closure}('b')\n\
            #2 /srv/a.php(3) : eval()'d code(1): helper()\n\
            #3 C:\\www\\vendor\\acme\\x.php(9): App\\Jobs\\{closure:App\\Jobs\\Import::rows():139}(Object(Closure))\n\
            #4 /srv/app/Http/Kernel.php(7): class@anonymous->handle()\n\
            #5 /srv/lib.php(1): {closure:{closure:/srv/lib.php:3}:5}()\n\
            #6 Command line code(1): require('/srv/lib.php')\n\
            #7 {main}\nnot of it";
        let read = read(text);
        assert_eq!((read.lines, read.ended, read.unparsed.len()), (8, true, 0));
        let told: Vec<_> = read
            .frames
            .iter()
            .map(|f| (f.module.as_deref().unwrap_or(""), f.function.as_deref().unwrap_or(""), f.line, f.in_app))
            .collect();
        assert_eq!(
            told,
            [
                ("App\\Job", "run", Some(12), true),
                ("App\\Job", "{closure}", None, false),
                ("", "helper", Some(1), true),
                ("", "App\\Jobs\\{closure:App\\Jobs\\Import::rows():139}", Some(9), false),
                ("class@anonymous", "handle", Some(7), true),
                ("", "{closure:{closure:/srv/lib.php:3}:5}", Some(1), true),
                ("", "require", Some(1), false),
            ]
        );
        assert_eq!(read.frames[2].file.as_deref(), Some("/srv/a.php(3) : eval()'d code"));
    }

    #[test]
    fn an_argument_with_a_line_break() {
        let read = read("#0 /srv/a.php(1): run('a\nb', 2)\n#1 /srv/a.php(2): go()\n\nend");
        assert_eq!((read.frames.len(), read.lines, read.ended), (2, 3, false));
        assert_eq!(read.frames[0].raw.as_deref(), Some("run('a\nb', 2)"));
    }

    #[test]
    fn lines_of_others() {
        let read =
            read("#0 /srv/a.php(1): f()\n* Connection #0 left intact\nok\n#1 /srv/a.php(2): g()\n#2 {main}\nend");
        assert_eq!((read.frames.len(), read.lines, read.ended), (2, 5, true));
        assert_eq!(read.unparsed, ["* Connection #0 left intact", "ok"]);
        let read = frames("#0 /srv/a.php(1): f()\nother\n#0 /srv/b.php(1): f()\n#1 {main}".lines());
        assert_eq!((read.frames.len(), read.lines, read.ended), (1, 1, false));
    }

    #[test]
    fn a_place_over_two_lines() {
        let read = read("#0 C:\\www\n\\app\\a.php(1): run()\n#1 {main}");
        assert_eq!((read.frames.len(), read.lines, read.ended), (1, 3, true));
        assert_eq!(read.frames[0].file.as_deref(), Some("C:\\www\\app\\a.php"));
    }

    #[test]
    fn other_traces_are_not_ours() {
        for line in ["#0      main (file:///a.dart:3:1)", "#12 hours", "#0 antrian kosong", "# 3", "#", "#1: x"] {
            assert!(numbered(line).and_then(frame).is_none(), "{line}");
        }
    }

    #[test]
    fn the_applications_own_files() {
        for own in ["/srv/app/A.php", "routes/web.php", "/srv/storage/framework/views/1f.php", "/srv/bin/console"] {
            assert!(in_app(own), "{own}");
        }
        for other in [
            "/srv/vendor/a/b.php",
            "C:\\x\\Vendor\\b.php",
            "vendor/a.php",
            "/srv/bootstrap/compiled.php",
            "/srv/artisan",
            "/srv/public/index.php",
            "/srv/wp-includes/plugin.php",
            "SYSTEMPATH/View/View.php",
            "C:\\xampp\\htdocs\\blog\\wp-includes\\plugin.php",
            "/srv/web/core/lib/Drupal.php",
            "/srv/var/cache/prod/App_KernelProdContainer.php",
        ] {
            assert!(!in_app(other), "{other}");
        }
    }
}
