//! PHP: frames as sentry-php makes them.
//!
//! In: an exception with its throw site and its trace. Out: frames, outermost first. Invariant: `n` entries of the
//! trace give `n + 1` frames: PHP prints beside each call the place that called, Sentry the place where the call was.
//! Source: sentry-php, `StacktraceBuilder` and `FrameBuilder`.

use errtail_parsers::{self as parsers, Exception};

use super::protocol::Frame;

/// The frames of an exception.
pub(super) fn frames(exception: &Exception, root: Option<&str>) -> Vec<Frame> {
    let mut places: Vec<(Option<&str>, Option<u32>, bool)> = vec![(exception.file.as_deref(), exception.line, true)];
    places.extend(exception.frames.iter().map(|frame| (frame.file.as_deref(), frame.line, frame.in_app)));
    let functions = exception.frames.iter().map(Some).chain([None]);
    let mut frames: Vec<Frame> = functions
        .zip(places)
        .enumerate()
        // Without a throw site, the first entry has a function and no place.
        .filter(|(index, (function, _))| *index > 0 || exception.file.is_some() || function.is_some())
        .map(|(_, (function, (file, line, in_app)))| frame(function, file, line, in_app, root))
        .collect();
    frames.reverse();
    frames
}

/// The type and the value of an error at which PHP ended that is no exception: sentry-php makes one of it, unless
/// Laravel did before. Source: `ErrorHandler::handleFatalError`; Laravel's `HandleExceptions::handleShutdown`.
// Fatal error: Allowed memory size of 134217728 bytes exhausted · E_ERROR: Fatal Error (E_ERROR): Allowed memory …
pub(super) fn fatal(exception: &Exception) -> Option<(&'static str, String)> {
    const ERRORS: [(&str, &str); 9] = [
        ("Fatal error", "Error"),
        ("Parse error", "Parse Error"),
        ("Compile error", "Compile Error"),
        ("Core error", "Core Error"),
        ("Recoverable fatal error", "Catchable Fatal Error"),
        ("E_ERROR", "Error"),
        ("E_PARSE", "Parse Error"),
        ("E_COMPILE_ERROR", "Compile Error"),
        ("E_CORE_ERROR", "Core Error"),
    ];
    let (_, level) = ERRORS.iter().find(|(kind, _)| *kind == exception.kind)?;
    let message = exception.message.strip_prefix("Fatal Error (").and_then(|rest| rest.split_once("): "));
    let message = message.map_or(exception.message.as_str(), |(_, message)| message);
    let files = exception.frames.iter().filter_map(|frame| frame.file.as_deref()).chain(exception.file.as_deref());
    if files.into_iter().any(|file| file.contains("/laravel/framework/")) {
        return Some(("Symfony\\Component\\ErrorHandler\\Error\\FatalError", message.to_owned()));
    }
    Some(("Sentry\\Exception\\FatalErrorException", format!("{level}: {message}")))
}

fn frame(
    called: Option<&parsers::Frame>,
    file: Option<&str>,
    line: Option<u32>,
    in_app: bool,
    root: Option<&str>,
) -> Frame {
    let function = called.and_then(|frame| {
        let name = frame.function.as_deref()?;
        let module = frame.module.as_deref().map(|module| class(module, root));
        Some(module.map_or_else(|| closure(name, root), |module| format!("{module}::{name}")))
    });
    let method = called.is_some_and(|frame| frame.module.is_some());
    let own = function.as_deref().is_none_or(|name| !name.starts_with("Sentry\\"));
    let raw = called.and_then(|frame| Some(format!("{}::{}", frame.module.as_deref()?, frame.function.as_deref()?)));
    let mut frame = Frame { raw_function: raw.filter(|_| method), function, ..Frame::default() };
    match file.filter(|file| !file.is_empty() && !file.starts_with('[')) {
        Some(file) => {
            let (file, line) = evaluated(file, line);
            frame.filename = Some(below(file, root).to_owned());
            frame.abs_path = Some(file.to_owned());
            frame.lineno = line;
            frame.in_app = in_app && own && is_in_app(file, root);
        }
        None => {
            frame.filename = Some("[internal]".to_owned());
            frame.lineno = Some(0);
        }
    }
    frame
}

// class@anonymous, a NUL, /srv/shop/app/Pay.php:12$0
/// A class as the SDK names it: an anonymous one without the root and the number of its definition.
fn class(module: &str, root: Option<&str>) -> String {
    let Some((kind, place)) = module.split_once("@anonymous\0") else { return module.to_owned() };
    let numbered = |place: &str, mark: &str| {
        let (path, number) = place.rsplit_once(mark)?;
        let hex = !number.is_empty() && number.bytes().all(|c| c.is_ascii_hexdigit());
        let line = path.rsplit_once(':').filter(|(_, line)| line.bytes().all(|c| c.is_ascii_digit()));
        hex.then(|| line.map_or(path, |(path, _)| path).to_owned())
    };
    let place = numbered(place, "$").or_else(|| numbered(place, "0x")).unwrap_or_else(|| place.to_owned());
    format!("{kind}@anonymous\0{}", below(&place, root))
}

// {closure:/srv/shop/routes/web.php:12}
/// A function's name; closures name their file since PHP 8.4, which the SDK gives without the root.
fn closure(name: &str, root: Option<&str>) -> String {
    match name.strip_prefix("{closure:") {
        Some(place) => format!("{{closure:{}", below(place, root)),
        None => name.to_owned(),
    }
}

// /srv/app/tpl.php(12) : eval()'d code · /srv/app/tpl.php(12) : runtime-created function
fn evaluated(file: &str, line: Option<u32>) -> (&str, Option<u32>) {
    let own = [") : eval()'d code", ") : runtime-created function"].iter().find_map(|end| file.strip_suffix(end));
    match own.and_then(|own| own.rsplit_once('(')).and_then(|(file, line)| Some((file, line.parse().ok()?))) {
        Some((file, line)) => (file, Some(line)),
        None => (file, line),
    }
}

/// A path below the root, with its leading slash.
fn below<'a>(file: &'a str, root: Option<&str>) -> &'a str {
    root.and_then(|root| file.strip_prefix(root)).filter(|rest| rest.starts_with(['/', '\\'])).unwrap_or(file)
}

fn is_in_app(file: &str, root: Option<&str>) -> bool {
    let below = below(file, root);
    let library = ["/vendor/", "\\vendor\\"].iter().any(|vendor| below.contains(vendor));
    !library && !matches!(below, "/artisan" | "\\artisan")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(module: Option<&str>, function: &str, file: Option<&str>, line: u32) -> parsers::Frame {
        parsers::Frame {
            function: Some(function.to_owned()),
            module: module.map(str::to_owned),
            file: file.map(str::to_owned),
            line: Some(line),
            in_app: file.is_some(),
            ..parsers::Frame::default()
        }
    }

    #[test]
    fn errors_that_are_no_exceptions() {
        let made = |kind: &str, message: &str, file: &str| {
            let mut exception =
                Exception { kind: kind.to_owned(), message: message.to_owned(), ..Exception::default() };
            exception.file = Some(file.to_owned());
            fatal(&exception)
        };
        let told = |kind: &'static str, value: &str| Some((kind, value.to_owned()));
        let sentry = "Sentry\\Exception\\FatalErrorException";
        assert_eq!(made("Parse error", "x", "/srv/a.php"), told(sentry, "Parse Error: x"));
        assert_eq!(made("E_ERROR", "Fatal Error (E_ERROR): x", "/srv/a.php"), told(sentry, "Error: x"));
        let laravel = "/srv/vendor/laravel/framework/src/Illuminate/Support/Str.php";
        let kind = "Symfony\\Component\\ErrorHandler\\Error\\FatalError";
        assert_eq!(made("Fatal error", "x", laravel), told(kind, "x"));
        assert_eq!(made("RuntimeException", "x", "/srv/a.php"), None);
    }

    #[test]
    fn functions_move_to_the_place_where_they_were() {
        let exception = Exception {
            file: Some("/srv/shop/app/Pay.php".to_owned()),
            line: Some(12),
            frames: vec![
                entry(Some("App\\Pay"), "charge", None, 0),
                entry(None, "array_map", Some("/srv/shop/vendor/lib/Run.php"), 5),
                entry(Some("App\\Kernel"), "{closure}", Some("/srv/shop/tpl.php(7) : eval()'d code"), 1),
            ]
            .into(),
            ..Exception::default()
        };
        let frames = frames(&exception, Some("/srv/shop"));
        let seen: Vec<_> =
            frames.iter().map(|f| (f.function.as_deref(), f.filename.as_deref(), f.lineno, f.in_app)).collect();
        assert_eq!(
            seen,
            [
                (None, Some("/tpl.php"), Some(7), true),
                (Some("App\\Kernel::{closure}"), Some("/vendor/lib/Run.php"), Some(5), false),
                (Some("array_map"), Some("[internal]"), Some(0), false),
                (Some("App\\Pay::charge"), Some("/app/Pay.php"), Some(12), true),
            ]
        );
    }

    #[test]
    fn names_lose_the_root() {
        let root = Some("/srv/shop");
        assert_eq!(class("class@anonymous\0/srv/shop/app/Pay.php:12$0", root), "class@anonymous\0/app/Pay.php");
        assert_eq!(class("class@anonymous\0/srv/lib.php0x7f3a", root), "class@anonymous\0/srv/lib.php");
        assert_eq!(class("class@anonymous", root), "class@anonymous");
        assert_eq!(closure("{closure:/srv/shop/routes/web.php:12}", root), "{closure:/routes/web.php:12}");
        assert_eq!(closure("{closure:App\\Pay::rows():12}", root), "{closure:App\\Pay::rows():12}");
        assert_eq!(evaluated("/a.php(3) : runtime-created function", Some(1)), ("/a.php", Some(3)));
        let inner = "C:\\x (x86)\\a.php(3) : eval()'d code";
        assert_eq!(evaluated(&format!("{inner}(7) : eval()'d code"), Some(1)), (inner, Some(7)));
    }

    #[test]
    fn a_trace_without_entries_is_its_throw_site() {
        let exception = Exception { file: Some("/a.php".to_owned()), line: Some(3), ..Exception::default() };
        assert_eq!(frames(&exception, None).len(), 1);
    }
}
