//! The source lines around a frame, as the SDKs send them.
//!
//! In: a frame, the file that a source root has for it. Out: the frame with its line and the lines around. Invariant:
//! a file that changed after the record was written is not believed. A source map leads to what was written. Sentry groups PHP, Node, Python and Ruby by these
//! lines. Does not read files.

use errtail_parsers::Platform;

use super::protocol::Frame;
use super::{Context, limits, node};

/// What a platform's SDK sends.
struct Habit {
    /// Lines on each side.
    around: usize,
    /// Whether the empty text behind the last line break counts as a line.
    last_empty: bool,
    /// Whether long lines are cut.
    snip: bool,
}

/// Adds the source lines, if the platform's SDK sends them and they can be read.
pub(super) fn add(frame: &mut Frame, platform: Platform, root: Option<&str>, context: &Context<'_>) {
    let Some(habit) = habit(platform) else { return };
    let (Some(path), Some(line)) = (frame.abs_path.as_deref().or(frame.filename.as_deref()), frame.lineno) else {
        return;
    };
    let Some(file) = (context.sources)(path).filter(|file| file.modified <= context.time) else { return };
    let map = file.generated.as_ref().filter(|_| platform == Platform::Node);
    if let Some(original) = map.and_then(|map| map.original(path, line, frame.colno.unwrap_or(1))) {
        node::write(frame, original.path, original.line, original.column, root);
        if let Some(text) = original.text {
            show(frame, text, original.line, &habit);
        }
        return;
    }
    // @sentry/node leaves these out: minified code, and places that are hardly written by hand.
    let generated = line > 10_000 || frame.colno > Some(1000) || is_minified(path);
    if platform != Platform::Node || !generated {
        show(frame, &file.text, line, &habit);
    }
}

fn show(frame: &mut Frame, text: &str, line: u32, habit: &Habit) {
    let mut lines: Vec<&str> = text.split('\n').collect();
    if !habit.last_empty && lines.last() == Some(&"") {
        lines.pop();
    }
    let Some(at) = (line as usize).checked_sub(1).filter(|at| *at < lines.len()) else { return };
    let show = |line: &&str| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if habit.snip { snipped(line) } else { limits::cut(line, limits::FIELD_CHARS) }
    };
    frame.pre_context = Some(lines[at.saturating_sub(habit.around)..at].iter().map(show).collect());
    frame.context_line = Some(show(&lines[at]));
    frame.post_context = Some(lines[at + 1..lines.len().min(at + 1 + habit.around)].iter().map(show).collect());
}

fn habit(platform: Platform) -> Option<Habit> {
    match platform {
        Platform::Php => Some(Habit { around: 5, last_empty: true, snip: false }),
        Platform::Node => Some(Habit { around: 5, last_empty: false, snip: true }),
        Platform::Python => Some(Habit { around: 5, last_empty: false, snip: false }),
        Platform::Ruby => Some(Habit { around: 3, last_empty: false, snip: false }),
        _ => None,
    }
}

fn is_minified(path: &str) -> bool {
    [".min.js", ".min.mjs", ".min.cjs", ".d.ts"].iter().any(|end| path.ends_with(end))
}

/// A line of more than 150 UTF-16 units, cut to 140 as `snipLine` of `@sentry/core` does.
fn snipped(line: &str) -> String {
    if line.len() <= 150 || line.encode_utf16().count() <= 150 {
        return line.to_owned();
    }
    let mut units = 0;
    let end = line.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > 140
    });
    format!("{} {{snip}}", &line[..end.map_or(line.len(), |(at, _)| at)])
}
