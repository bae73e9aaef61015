//! Calls that stand one below the other, as most of a stack does: read once, and recognised by their bytes after that.
//!
//! In: a stack's text from one of its lines on. Out: the frames of the calls that begin it. Invariant: what is recognised
//! is what reading would give: a run holds whole lines that are calls, and nothing else. Does not know messages.

use std::cell::RefCell;

use super::stack::{self, Part};
use crate::Frames;
use crate::memo::Memo;

/// A longer run is read in several.
const MAX_LINES: usize = 128;

/// A run that was read before.
#[derive(Debug)]
struct Run {
    /// Its lines, without the last one's break.
    text: Box<str>,
    frames: Frames,
}

thread_local! {
    /// Runs by their first line.
    static RUNS: RefCell<Memo<Vec<Run>>> = RefCell::new(Memo::new());
}

/// The calls that `text` begins with: how many bytes they take, and their frames; none where it begins with no call.
pub(super) fn read(text: &str) -> Option<(usize, Frames)> {
    let first = line_of(text);
    if !stack::is_call(first) || first.trim_start().starts_with(stack::IGNORED) {
        return None;
    }
    RUNS.with_borrow_mut(|runs| {
        let alike = runs.get(first.as_bytes());
        if let Some(known) = alike.and_then(|alike| alike.iter().find(|run| run.begins(text))) {
            return Some((known.text.len(), known.frames.clone()));
        }
        let run = parse(text);
        let found = (run.text.len(), run.frames.clone());
        let bytes = run.text.len();
        runs.keep_alike(first.as_bytes(), run, bytes, |run| run.text.len());
        Some(found)
    })
}

impl Run {
    fn begins(&self, text: &str) -> bool {
        text.strip_prefix(&*self.text).is_some_and(|rest| rest.is_empty() || rest.starts_with(['\n', '\r']))
    }
}

fn parse(text: &str) -> Run {
    let mut frames = Vec::new();
    let mut end = 0;
    let mut next = 0;
    for _ in 0..MAX_LINES {
        let Some(rest) = text.get(next..) else { break };
        let line = line_of(rest);
        let Part::Call(frame) = stack::part(line) else { break };
        // `at <anonymous>` alone tells nothing.
        if frame.function.is_some() || frame.line.is_some() {
            frames.push(*frame);
        }
        end = next + line.len();
        next = end + 1;
    }
    Run { text: text[..end].into(), frames: frames.into() }
}

fn line_of(text: &str) -> &str {
    &text[..memchr::memchr2(b'\n', b'\r', text.as_bytes()).unwrap_or(text.len())]
}
