//! Lines as they stand: keeps what a record may still need, finds where records begin and end.
//!
//! In: bytes in any pieces. Out: records with their places. Invariants: each decision is taken on whole lines and on
//! what lies within fixed distances before them; a chunk without a candidate is searched where it lies, and only its
//! end is copied; lines and regions above the record limit lose their middle. Does not know any language's grammar.

mod above;

use super::region::{Extent, Open};
use super::run;
use super::window::{Window, line_end};
use crate::line::{self, Kind};
use crate::text::{self, trim_break};
use crate::unwrap::{self, Wrapper};
use crate::{Before, Formats, Options, Record, Source, assemble, scan};

/// Wrappers inside wrappers that are taken off: more is no deployment but an attack.
const MAX_DEPTH: u8 = 4;
/// How far before a trace its record may begin.
const LOOK_BACK_BYTES: usize = 32 * 1024;
/// How far before a record its context is taken from.
const CONTEXT_BYTES: usize = 16 * 1024;
/// Kept before what is not yet settled: all that both can reach.
pub(super) const KEPT_BYTES: usize = LOOK_BACK_BYTES + CONTEXT_BYTES;
/// Kept of a stream in which nothing happens.
const IDLE_BYTES: usize = 2 * 1024;
/// How many lines before a record are its context.
const CONTEXT_LINES: usize = 50;
/// How many lines before a trace are looked at where no header is found.
const HEADLESS_LINES: usize = 60;
/// A record that ends so many lines before its region does, is complete.
const MARGIN_LINES: usize = 48;
/// A longer first line is not waited for.
const FIRST_LINE_BYTES: usize = 64 * 1024;
/// Bytes that may be read again beyond four times those that were settled.
const MAX_REREAD_BYTES: usize = 4 * 1024 * 1024;
/// So much of a stream's beginning tells its encoding.
const HEAD_BYTES: usize = 16;

/// What is expected behind the lines that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coming {
    More,
    /// Nothing came for a while.
    Unlikely,
    Nothing,
}

/// Plain lines. Indices are into the window's bytes.
#[derive(Debug)]
pub(super) struct Plain {
    window: Window,
    /// The first line that was not scanned.
    next: usize,
    /// The end of the last record: nothing before it is looked at again.
    floor: usize,
    open: Option<Open>,
    /// Where a record was closed for want of more, or the reading began: a trace that goes on there is the rest of one
    /// that was told.
    broken_off: Option<u64>,
    /// Bytes that were read and will be read again, beyond four times those that were settled.
    reread: usize,
    /// Whether the beginning was looked at for an encoding.
    started: bool,
    /// Whether lines may turn out to be wrapped.
    unwraps: bool,
    /// Whether these are a file's own lines, not a program's in one.
    outermost: bool,
}

impl Plain {
    /// Plain lines from a place in their stream on, at `depth` wrappers.
    pub(super) fn new(offset: u64, line: u64, depth: u8) -> Plain {
        let unwraps = depth < MAX_DEPTH;
        let outermost = depth == 0;
        Plain {
            window: Window::new(offset, line),
            next: 0,
            floor: 0,
            open: None,
            broken_off: (offset > 0).then_some(offset),
            reread: 0,
            started: !unwraps,
            unwraps,
            outermost,
        }
    }

    /// Takes bytes; the wrapper, once a line shows one.
    pub(super) fn push(&mut self, bytes: &[u8], options: &Options, found: &mut Vec<Record>) -> Option<Wrapper> {
        let switched = if !self.started {
            self.window.bytes.extend_from_slice(bytes);
            let length = self.window.bytes.len();
            let whole = length >= HEAD_BYTES && memchr::memchr(b'\n', &self.window.bytes).is_some();
            if !whole && length < FIRST_LINE_BYTES {
                return None;
            }
            self.start().or_else(|| self.take_lines(0, options, found))
        } else if self.open.is_some() {
            self.append(bytes, options, found)
        } else if self.window.bytes.len() == self.next {
            self.scan_in_place(bytes, options, found)
        } else {
            let end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
            let (head, rest) = bytes.split_at(end);
            let switched = self.append(head, options, found);
            if switched.is_some() || self.open.is_some() {
                switched
                    .inspect(|_| self.window.bytes.extend_from_slice(rest))
                    .or_else(|| self.append(rest, options, found))
            } else if rest.is_empty() {
                None
            } else {
                self.scan_in_place(rest, options, found)
            }
        };
        self.forget();
        switched
    }

    /// Closes what is open; at the end of the input also a line that has no end. Before the end, what is no record yet
    /// stays open, and so does all of it while a line has no end: a writer whose buffer is full goes on when it likes.
    pub(super) fn close(&mut self, ended: bool, options: &Options, found: &mut Vec<Record>) -> Option<Wrapper> {
        if !self.started {
            if !ended {
                return None;
            }
            if let Some(wrapper) = self.start() {
                return Some(wrapper);
            }
        }
        let limit = self.window.bytes.len();
        if !ended && self.window.bytes.last() != Some(&b'\n') {
            return None;
        }
        let switched = self.advance(limit, if ended { Coming::Nothing } else { Coming::Unlikely }, options, found);
        if switched.is_none() && self.next > KEPT_BYTES {
            self.drop_front(self.next - IDLE_BYTES);
            self.window.bytes.shrink_to_fit();
        }
        switched
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// No later record begins in the lines so far.
    pub(super) fn settle(&mut self) {
        self.open = None;
        self.floor = self.next;
    }

    /// The place from which this stream must be read again: the start of its last entry.
    pub(super) fn checkpoint(&self, formats: &Formats) -> (u64, u64) {
        let from = match &self.open {
            Some(open) => open.start,
            None if self.next > self.floor && self.may_be_wrapped() => self.lines_above(self.next, HEADLESS_LINES),
            None => self.entry_above(self.next, true, None, formats),
        };
        (self.window.offset_at(from), self.window.line_at(from))
    }

    /// All bytes that may still belong to a record, and their place. Nothing is left.
    pub(super) fn take_kept(&mut self) -> (u64, u64, Vec<u8>) {
        let from = self.floor.max(self.window.last_gap());
        let place = (self.window.offset_at(from), self.window.line_at(from));
        (place.0, place.1, self.window.bytes.split_off(from))
    }

    /// The wrapper that the stream's beginning shows.
    fn start(&mut self) -> Option<Wrapper> {
        self.started = true;
        let bytes = &self.window.bytes;
        let first = &bytes[..line_end(bytes, 0).min(FIRST_LINE_BYTES)];
        unwrap::encoding(&bytes[..bytes.len().min(HEAD_BYTES)]).or_else(|| unwrap::certain(trim_break(first)))
    }

    /// Searches whole lines where they lie. The window holds nothing that was not searched.
    fn scan_in_place(&mut self, bytes: &[u8], options: &Options, found: &mut Vec<Record>) -> Option<Wrapper> {
        let limit = memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1);
        let passed = match scan::find(&bytes[..limit], |line| self.may_die(line)) {
            Some(hit) => memchr::memrchr(b'\n', &bytes[..hit.start]).map_or(0, |end| end + 1),
            None => limit,
        };
        let (head, rest) = bytes.split_at(passed);
        let dropped = self.window.pass(head);
        self.floor = self.floor.saturating_sub(dropped);
        self.next = self.window.bytes.len();
        self.raise_floor(dropped);
        self.append(rest, options, found)
    }

    fn append(&mut self, bytes: &[u8], options: &Options, found: &mut Vec<Record>) -> Option<Wrapper> {
        let seen = self.window.bytes.len();
        self.window.bytes.extend_from_slice(bytes);
        self.take_lines(seen, options, found)
    }

    /// Goes on with the whole lines, the last of which ends behind `seen`.
    fn take_lines(&mut self, seen: usize, options: &Options, found: &mut Vec<Record>) -> Option<Wrapper> {
        if let Some(end) = memchr::memrchr(b'\n', &self.window.bytes[seen..]) {
            return self.advance(seen + end + 1, Coming::More, options, found);
        }
        let line = self.open.as_ref().map_or(self.next, |open| open.cursor);
        if self.window.bytes.len() - line > 2 * options.max_record_bytes {
            self.window.shorten(line, self.window.bytes.len(), options.max_record_bytes);
        }
        None
    }

    /// Scans the whole lines before `limit`, behind which `coming` is expected.
    fn advance(
        &mut self,
        mut limit: usize,
        coming: Coming,
        options: &Options,
        found: &mut Vec<Record>,
    ) -> Option<Wrapper> {
        loop {
            let mut open = match self.open.take() {
                Some(open) => open,
                None => match self.find(&mut limit, options) {
                    Ok(Some(open)) => open,
                    Ok(None) => {
                        self.next = self.next.max(limit);
                        return None;
                    }
                    Err(wrapper) => return Some(wrapper),
                },
            };
            let extent = open.extend(&mut self.window, &mut limit, options);
            let (end, behind) = match extent {
                Extent::Ends(end) => (end, Coming::Nothing),
                Extent::Long(end) => (end, if end == limit { coming } else { Coming::More }),
                Extent::Unknown if coming != Coming::More => (limit, coming),
                Extent::Unknown => {
                    self.open = Some(open);
                    return None;
                }
            };
            if let Some(wrapper) = self.unwrapped_by(&open) {
                return Some(wrapper);
            }
            if self.finish(&open, end, behind, options, found) {
                continue;
            }
            if behind != Coming::More {
                self.open = Some(open);
                return None;
            }
            open.wait();
            self.open = Some(open);
        }
    }

    /// The next candidate before `limit`, as a region that begins; or the wrapper that its line stands in.
    fn find(&mut self, limit: &mut usize, options: &Options) -> Result<Option<Open>, Wrapper> {
        let mut from = self.next;
        while let Some(hit) = scan::find(&self.window.bytes[from.min(*limit)..*limit], |line| self.may_die(line)) {
            let start = self.window.line_start(from + hit.start);
            let end = line_end(&self.window.bytes[..*limit], start);
            let cut = self.window.shorten(start, end, options.max_record_bytes);
            if cut > 0 {
                *limit -= cut;
                self.next = start;
                from = start;
                continue;
            }
            self.next = start;
            let raw = trim_break(&self.window.bytes[start..end]);
            if let Some(wrapper) = unwrap::detect(raw).filter(|_| self.unwraps && !options.formats.begins(raw)) {
                return Err(wrapper);
            }
            if hit.of_wrapper {
                from += hit.end;
                continue;
            }
            if assemble::is_whole(&text::clean(raw)) {
                return Ok(Some(Open::whole(start, end)));
            }
            let follows = self.reread < MAX_REREAD_BYTES;
            return Ok(Some(Open::new(&self.window, self.look_back(start, &options.formats), start, end, follows)));
        }
        Ok(None)
    }

    /// Whether a line with a word of a death is one, or holds one in a wrapper that is not yet known.
    fn may_die(&self, line: &[u8]) -> bool {
        let raw = trim_break(line);
        assemble::may_die(&text::clean(raw)) || self.unwraps && unwrap::detect(raw).is_some()
    }

    /// The wrapper that a line of the region shows, or the line that ended it: where only the frames prove it.
    fn unwrapped_by(&self, open: &Open) -> Option<Wrapper> {
        if !self.unwraps {
            return None;
        }
        let bytes = &self.window.bytes[..open.looked];
        let mut at = line_end(bytes, open.hit);
        let anywhere = unwrap::may_stand_anywhere(&bytes[at.min(bytes.len())..]);
        while at < bytes.len() {
            // No line of a run shows one.
            at += run::length(&bytes[at..]);
            let stop = line_end(bytes, at);
            let line = trim_break(&bytes[at..stop]);
            if (anywhere || !unwrap::is_bare(line))
                && let Some(wrapper) = unwrap::detect(line)
            {
                return Some(wrapper);
            }
            at = stop;
        }
        None
    }

    /// Parses the region `open.start..end`, behind which `coming` is expected, and goes on behind what it held; false
    /// where the record may go on.
    fn finish(&mut self, open: &Open, end: usize, coming: Coming, options: &Options, found: &mut Vec<Record>) -> bool {
        let mut region = assemble::Region::cut(&self.window.bytes, open.start, open.hit, end);
        region.is_cut = self.window.cut_between(open.start, end) > 0;
        let parsed = assemble::parse(&region, &options.formats);
        let goes_on = match coming {
            Coming::More => parsed.iter().any(|(_, lines)| lines.end + MARGIN_LINES > region.lines.len()),
            Coming::Unlikely => parsed.is_empty(),
            Coming::Nothing => false,
        };
        if goes_on {
            return false;
        }
        let is_empty = parsed.is_empty();
        let mut consumed = if is_empty { region.offset(region.after_trace()) } else { open.start };
        let places = parsed.iter().map(|(_, lines)| (region.offset(lines.start), region.offset(lines.end)));
        let places: Vec<(usize, usize)> = places.collect();
        for ((record, _), (first, last)) in parsed.into_iter().zip(places) {
            if !self.is_rest(first) {
                found.push(self.placed(record, first, last, options));
            }
            self.broken_off = (coming == Coming::Unlikely && last == end).then(|| self.window.offset_at(last));
            consumed = consumed.max(last);
            self.floor = consumed;
        }
        // A hit is never looked at twice.
        self.next = consumed.max(line_end(&self.window.bytes[..end], open.hit));
        let reread = self.reread + open.cursor.max(end).saturating_sub(self.next);
        self.reread = reread.saturating_sub(4 * (self.next - open.hit));
        // Text that looks like traces everywhere, and is none, is passed over region by region.
        if is_empty && self.reread > MAX_REREAD_BYTES {
            self.next = end;
        }
        true
    }

    /// Whether what begins at `first` is the rest of a record that was told.
    fn is_rest(&self, first: usize) -> bool {
        let bytes = &self.window.bytes;
        self.broken_off == Some(self.window.offset_at(first))
            && line::kind(&text::clean(trim_break(&bytes[first..line_end(bytes, first)]))) == Kind::Trace
    }

    /// The record with its place, and what stands before it.
    fn placed(&mut self, mut record: Record, first: usize, last: usize, options: &Options) -> Record {
        let first_line = self.window.line_at(first);
        self.window.mark(first, first_line);
        let end = last.max(first + 1) - 1;
        let last_line = self.window.line_at(end);
        self.window.mark(end, last_line);
        let offset = self.window.offset_at(first);
        let length = self.window.offset_at(last) - offset;
        record.source = Source { path: String::new(), first_line, last_line, offset, length };
        record.bytes_cut = self.window.cut_between(first, last);
        let before = || Before::new(self.lines_before(first, CONTEXT_LINES));
        assemble::complete(&mut record, before);
        if options.context {
            record.before = before();
        }
        record
    }

    /// Drops what no record can reach any more, when it has become much.
    fn forget(&mut self) {
        let needed = self.open.as_ref().map_or(self.next, |open| open.start);
        let front = needed.saturating_sub(KEPT_BYTES);
        if front >= KEPT_BYTES {
            self.drop_front(front);
        }
    }

    fn drop_front(&mut self, count: usize) {
        self.window.drop_front(count);
        self.next -= count;
        self.floor = self.floor.saturating_sub(count);
        if let Some(open) = &mut self.open {
            open.move_down(count);
        }
        self.raise_floor(count);
    }

    /// What is left of a line whose beginning was dropped is no line.
    fn raise_floor(&mut self, dropped: usize) {
        if dropped > 0 && self.floor == 0 {
            self.floor = line_end(&self.window.bytes[..self.next], 0);
        }
    }
}
