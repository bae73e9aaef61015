//! Frames as the platform's SDK spells them, outermost call first.
//!
//! In: a record. Out: a trace for each of its exceptions. Invariant: at most 50 frames, each with a function, module
//! or filename. Platforms with rules of their own have a file each; the others are here.

use errtail_parsers::{self as parsers, Platform, Record};

use super::protocol::Frame;
use super::{Context, dotnet, limits, node, php, surroundings};

/// The traces of a record's exceptions, in the record's order.
pub(super) fn of_chain(record: &Record, context: &Context<'_>) -> Vec<Vec<Frame>> {
    let root = context.settings.project_root.clone().or_else(|| super::root::guess(record));
    let root = root.as_deref().map(|root| root.trim_end_matches(['/', '\\']));
    let mut traces: Vec<Vec<Frame>> = match record.platform {
        Platform::Csharp => dotnet::traces(record),
        _ => record
            .exceptions
            .iter()
            .map(|exception| match record.platform {
                Platform::Php => php::frames(exception, root),
                Platform::Node => node::frames(exception, root),
                Platform::Javascript => exception.frames.iter().rev().map(page).collect(),
                _ => exception.frames.iter().rev().map(|frame| plain(record.platform, frame, root)).collect(),
            })
            .collect(),
    };
    for trace in &mut traces {
        trace.retain(|frame| frame.function.is_some() || frame.module.is_some() || frame.filename.is_some());
        let script = matches!(record.platform, Platform::Node | Platform::Javascript);
        *trace = if script { limits::innermost(std::mem::take(trace)) } else { limits::frames(std::mem::take(trace)) };
        for frame in trace {
            frame.function = frame.function.take().map(|name| limits::cut(&name, limits::FUNCTION_CHARS));
            surroundings::add(frame, record.platform, root, context);
        }
    }
    traces
}

/// A page's call, as `@sentry/browser` makes it: its files are addresses, and whose code they are the server decides.
// async pay (https://shop.example/app.js:3:7)
fn page(call: &parsers::Frame) -> Frame {
    let name = call.function.as_deref().filter(|name| *name != "<anonymous>").unwrap_or("?");
    let is_async = call.raw.as_deref().is_some_and(|raw| raw.starts_with("async ")) && call.function.is_some();
    Frame {
        function: Some(if is_async { format!("async {name}") } else { name.to_owned() }),
        filename: call.file.clone(),
        abs_path: call.file.clone(),
        lineno: call.line,
        colno: call.column,
        in_app: true,
        ..Frame::default()
    }
}

fn plain(platform: Platform, frame: &parsers::Frame, root: Option<&str>) -> Frame {
    let file = frame.file.as_deref();
    let (filename, abs_path) = match platform {
        // Java's files have no directories.
        Platform::Java | Platform::Other => (file.map(str::to_owned), None),
        Platform::Dart => {
            (file.map(|file| file.rsplit('/').next().unwrap_or(file).to_owned()), file.map(str::to_owned))
        }
        _ => (file.map(|file| relative(file, root).to_owned()), file.map(str::to_owned)),
    };
    Frame {
        function: frame.function.clone(),
        module: frame.module.clone(),
        filename,
        abs_path,
        lineno: frame.line,
        colno: frame.column,
        in_app: frame.in_app,
        ..Frame::default()
    }
}

/// A path below the root, without it.
fn relative<'a>(path: &'a str, root: Option<&str>) -> &'a str {
    root.and_then(|root| path.strip_prefix(root)?.strip_prefix(['/', '\\'])).unwrap_or(path)
}
