//! Lines of calls that were looked at in a region before: recognised by their bytes, they are passed at once.
//!
//! In: a region's bytes from one of its lines on, and all of the region's state that such lines depend on or change. Out: how
//! far they go, and the state behind them. Invariants: what is recognised is what looking at each line would tell; a run holds
//! whole lines that look like calls, none of which shows a region's end or a wrapper. Does not know what a region is.

use std::cell::RefCell;

use super::window::line_end;
use crate::memo::Memo;
use crate::text::trim_break;
use crate::{line, node, php, unwrap};

/// A shorter run is not worth its place.
const MIN_LINES: usize = 3;

/// All of a region's state that lines of calls depend on or change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// How far the entry is that is followed, if one may be.
    pub entry: Option<php::Place>,
    pub calls: node::Extent,
    /// Whether the lines are a crash's.
    pub crash: bool,
}

/// Lines of calls, one below the other, that were looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// Where they begin and end.
    pub start: usize,
    pub end: usize,
    /// The state before them and behind them.
    pub before: State,
    pub after: State,
    /// Lines that count towards those at which a region is parsed.
    pub lines: usize,
}

/// The same, to be recognised.
#[derive(Debug)]
struct Known {
    text: Box<[u8]>,
    run: Run,
}

thread_local! {
    /// Runs by their first line.
    static KNOWN: RefCell<Memo<Vec<Known>>> = RefCell::new(Memo::new());
}

/// The run that begins at `start` of `bytes` in the state `before`.
pub(super) fn known(bytes: &[u8], start: usize, before: State) -> Option<Run> {
    let run = find(&bytes[start..], |run| run.before == before)?;
    Some(Run { start, end: start + run.end - run.start, ..run })
}

/// Bytes of the run that `bytes` begin with; 0 where none does.
pub(super) fn length(bytes: &[u8]) -> usize {
    find(bytes, |_| true).map_or(0, |run| run.end - run.start)
}

fn find(bytes: &[u8], fits: impl Fn(&Run) -> bool) -> Option<Run> {
    let first = &bytes[..line_end(bytes, 0)];
    if !line::is_call(first) {
        return None;
    }
    KNOWN.with_borrow(|known| {
        let known = known.get(first)?.iter().find(|known| fits(&known.run) && bytes.starts_with(&known.text))?;
        Some(known.run)
    })
}

/// Remembers a run in `bytes`.
pub(super) fn keep(run: Run, bytes: &[u8]) {
    let text = &bytes[run.start..run.end];
    let mut lines = 0;
    let mut at = 0;
    while at < text.len() {
        let end = line_end(text, at);
        if unwrap::detect(trim_break(&text[at..end])).is_some() {
            return;
        }
        lines += 1;
        at = end;
    }
    let is_open = |state: State| state.entry.is_some_and(php::Place::is_open);
    if lines < MIN_LINES || is_open(run.before) != is_open(run.after) {
        return;
    }
    let known = Known { text: text.into(), run };
    let first = &text[..line_end(text, 0)];
    KNOWN.with_borrow_mut(|memo| memo.keep_alike(first, known, text.len(), |known| known.text.len()));
}
