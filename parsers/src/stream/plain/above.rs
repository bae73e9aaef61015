//! What stands above a line: the entry that it belongs to, and the lines before it.
//!
//! In: the window, an index into it. Out: indices of lines' first bytes. Invariant: no further back than the window keeps,
//! and never before the end of the last record. Does not change the window.

use super::{CONTEXT_BYTES, HEADLESS_LINES, LOOK_BACK_BYTES, Plain};
use crate::line::{self, Kind};
use crate::stream::window::line_end;
use crate::text::{self, trim_break};
use crate::{Formats, assemble, php, unwrap};

/// How many lines before a trace its record may begin, where a header is found.
const LOOK_BACK_LINES: usize = 1000;
/// Lines that a command's output may have within the message of the error that tells of its failure.
const OUTPUT_LINES: usize = 20;
/// The lines above an object's brace that may be its title: one, and a blank one.
const TITLE_LINES: usize = 2;

impl Plain {
    /// Where the entry begins that the line at `hit` belongs to.
    pub(super) fn look_back(&self, hit: usize, formats: &Formats) -> usize {
        let bytes = &self.window.bytes;
        let text = text::clean(trim_break(&bytes[hit..line_end(bytes, hit)]));
        // Where only one kind of header can be this entry's, other first lines may be parts of its message.
        let surely = php::concerns(&text) && !assemble::is_whole(&text);
        let begins = line::kind_among(&text, formats) == Kind::Begin;
        if begins && (!surely || !text.starts_with(b"{")) {
            return hit;
        }
        self.entry_above(hit, surely, begins.then_some(hit), formats)
    }

    /// The first line of the entry that the line behind `below` belongs to; of an entry of a known kind, if `surely`
    /// and if there is one, else the `nearest` that looks so.
    pub(super) fn entry_above(
        &self,
        below: usize,
        surely: bool,
        mut nearest: Option<usize>,
        formats: &Formats,
    ) -> usize {
        let lowest = self.floor.max(below.saturating_sub(LOOK_BACK_BYTES));
        let mut start = below;
        let mut headless = below;
        for lines in 0..LOOK_BACK_LINES {
            if start <= lowest {
                break;
            }
            let before = self.window.line_start(start - 1);
            if before < lowest {
                break;
            }
            let text = text::clean(trim_break(&self.window.bytes[before..start]));
            let users = formats.begins(&text);
            if users || line::kind(&text) == Kind::Begin && !self.goes_on(before, &text, lowest) {
                if users || !surely || php::begins_entry(&text) {
                    return before;
                }
                nearest = nearest.or(Some(before));
            }
            start = before;
            if lines < HEADLESS_LINES {
                headless = before;
            }
        }
        nearest.unwrap_or(headless)
    }

    /// Whether the last line looks as if a wrapper's prefix stood before it, so that entries are not known yet.
    pub(super) fn may_be_wrapped(&self) -> bool {
        let start = self.window.line_start(self.next - 1);
        let line = trim_break(&self.window.bytes[start..self.next]);
        self.unwraps && (unwrap::certain(line).is_some() || self.outermost && unwrap::is_prefixed(line))
    }

    pub(super) fn lines_above(&self, below: usize, count: usize) -> usize {
        let lowest = self.floor.max(below.saturating_sub(LOOK_BACK_BYTES));
        let starts = std::iter::successors(Some(below), |start| {
            (*start > lowest).then(|| self.window.line_start(start - 1)).filter(|start| *start >= lowest)
        });
        starts.take(count + 1).last().unwrap_or(below)
    }

    /// Whether a line that looks like the first of an entry is the second of the entry before it.
    fn goes_on(&self, start: usize, text: &[u8], lowest: usize) -> bool {
        if start <= lowest {
            return false;
        }
        if assemble::is_output(text, || self.lines_before(start, OUTPUT_LINES)) {
            return true;
        }
        // An object below its title, as tslog prints an error's `details:`, and `assert` what is not equal.
        if text == b"{" {
            let above = self.lines_before(start, TITLE_LINES).trim_ascii_end();
            return above.ends_with(b":") || above.ends_with(b"deep-equal");
        }
        if !assemble::may_follow(text) {
            return false;
        }
        let above = text::clean(trim_break(&self.window.bytes[self.window.line_start(start - 1)..start]));
        matches!(above.first(), Some(b'[' | b'0'..=b'9')) && line::kind(&above) == Kind::Begin
    }

    /// At most `count` whole lines that end at `index`.
    pub(super) fn lines_before(&self, index: usize, count: usize) -> &[u8] {
        let lowest = index.saturating_sub(CONTEXT_BYTES);
        let mut begin = index;
        for _ in 0..count {
            let start = if begin > lowest { self.window.line_start(begin - 1) } else { break };
            if start < lowest {
                break;
            }
            begin = start;
        }
        &self.window.bytes[begin..index]
    }
}
