//! Calls that stand one below the other, as most of a trace does: read once, and recognised by their bytes after that.
//!
//! In: the lines of a trace. Out: the frames of the calls that begin with one of them. Invariant: what is recognised is
//! what reading would give: a run holds only lines that are a call alone, or part calls without a meaning of their own.
//! Does not know exceptions.

use std::cell::RefCell;

use super::super::line::{self, Piece};
use super::words::without_nested;
use crate::frames::Frames;
use crate::memo::Memo;
use crate::record::Frame;

/// A longer run is read in several.
const MAX_LINES: usize = 128;

/// A run that was read before.
#[derive(Debug)]
struct Run {
    /// Its lines, each with a line break.
    text: Box<str>,
    lines: usize,
    frames: Frames,
}

thread_local! {
    /// Runs by their first line.
    static RUNS: RefCell<Memo<Vec<Run>>> = RefCell::new(Memo::new());
}

/// The calls from `lines[at]` on: how many lines they take, and their frames; none where no call stands there alone.
pub(super) fn read(lines: &[&str], at: usize) -> Option<(usize, Frames)> {
    let lines = lines.get(at..)?;
    let first = lines.first().filter(|line| line::is_trace(line))?;
    RUNS.with_borrow_mut(|runs| {
        let alike = runs.get(first.as_bytes());
        if let Some(known) = alike.and_then(|alike| alike.iter().find(|run| run.begins(lines))) {
            return Some((known.lines, known.frames.clone()));
        }
        let run = parse(lines)?;
        let found = (run.lines, run.frames.clone());
        let bytes = run.text.len();
        runs.keep_alike(first.as_bytes(), run, bytes, |run| run.lines);
        Some(found)
    })
}

impl Run {
    /// Whether these lines begin with this run.
    fn begins(&self, lines: &[&str]) -> bool {
        let mut rest = &*self.text;
        lines.len() >= self.lines
            && lines[..self.lines].iter().all(|line| {
                let after = rest.strip_prefix(line).and_then(|rest| rest.strip_prefix('\n'));
                after.inspect(|after| rest = after).is_some()
            })
    }
}

fn parse(lines: &[&str]) -> Option<Run> {
    let mut frames = vec![call(lines.first()?)??];
    let mut text = format!("{}\n", lines[0]);
    let mut count = 1;
    for line in lines.iter().take(MAX_LINES).skip(1) {
        let Some(call) = call(line) else { break };
        frames.extend(call);
        text.push_str(line);
        text.push('\n');
        count += 1;
    }
    Some(Run { text: text.into(), lines: count, frames: frames.into() })
}

/// The frame of a line that is a call and nothing else; no frame for a line that only parts calls.
fn call(line: &str) -> Option<Option<Frame>> {
    if line::pieces(line).len() != 1 || without_nested(line).0.len() < line.len() {
        return None;
    }
    match line::piece(line) {
        Piece::Frame(frame, "") => Some(Some(frame)),
        Piece::Rethrow => Some(None),
        _ => None,
    }
}
