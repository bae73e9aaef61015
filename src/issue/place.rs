//! Where an exception was, as people and Sentry name it: a function, and the place that it was executing.
//!
//! In: an exception. Out: its places, innermost first; the one that a developer looks at first. Invariant: PHP's callees
//! are moved to the places at which they were executing. Does not group.

use errtail_parsers::{Exception, Platform};

/// The place that a developer looks at first: the innermost one of the application's own, else the innermost.
pub fn culprit(exception: &Exception, platform: Platform) -> Option<String> {
    let place =
        places(exception, platform).find(|place| place.in_app).or_else(|| places(exception, platform).next())?;
    let name = match (place.module, place.function) {
        (Some(module), Some(function)) if platform == Platform::Php => Some(format!("{module}::{function}")),
        (Some(module), Some(function)) => Some(format!("{module}.{function}")),
        (module, function) => module.or(function).map(str::to_owned),
    };
    let place = place.file.map(|file| match place.line {
        Some(line) => format!("{file}:{line}"),
        None => file.to_owned(),
    });
    match (name, place) {
        (Some(name), Some(place)) => Some(format!("{name} ({place})")),
        (name, place) => name.or(place),
    }
}

/// A function, and the place that it was executing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub module: Option<&'a str>,
    pub function: Option<&'a str>,
    pub file: Option<&'a str>,
    pub line: Option<u32>,
    pub column: Option<u32>,
    pub in_app: bool,
}

/// The calls of an exception, innermost first. PHP prints beside each call the place of its caller: there a function
/// belongs to the place of the entry before it, the first one to the throw site.
pub(super) fn places(exception: &Exception, platform: Platform) -> impl Iterator<Item = Place<'_>> {
    let shifted = platform == Platform::Php && (exception.file.is_some() || !exception.frames.is_empty());
    let frames = &exception.frames;
    (0..frames.len() + usize::from(shifted)).map(move |index| {
        let called = frames.get(index);
        let mut place = Place {
            module: called.and_then(|frame| frame.module.as_deref()),
            function: called.and_then(|frame| frame.function.as_deref()),
            file: exception.file.as_deref(),
            line: exception.line,
            column: None,
            in_app: exception.file.as_deref().is_some_and(|file| !is_package(file)),
        };
        let entry = if shifted { index.checked_sub(1).map(|index| &frames[index]) } else { called };
        if let Some(frame) = entry {
            place.file = frame.file.as_deref();
            (place.line, place.column, place.in_app) = (frame.line, frame.column, frame.in_app);
        }
        place
    })
}

/// Whether a throw site lies in a package; frames say it of themselves.
fn is_package(file: &str) -> bool {
    file.split(['/', '\\']).any(|part| part == "vendor")
}
