//! One stream of lines: keeps what a record may still need, finds where records begin and end.
//!
//! In: bytes in any pieces. Out: records with their places in this stream. Invariants: a decision depends on
//! the bytes before it and on the whole lines of its region, never on how the bytes were cut; what is kept is
//! bounded by `LOOK_BACK_BYTES` and the record limit. Does not know any language's grammar.

use std::collections::VecDeque;

use crate::assemble::{self, Extent, Step};
use crate::line::{self, Kind};
use crate::php;
use crate::unwrap::{self, Wrapper};
use crate::{Options, Record, scan};

/// How far before a trace its record may begin.
const LOOK_BACK_BYTES: usize = 64 * 1024;
/// How many lines before a trace its record may begin, where a header is found.
const LOOK_BACK_LINES: usize = 400;
/// How many lines before a trace are looked at where no header is found.
const HEADLESS_LINES: usize = 60;
/// After so many lines that are no part of a trace, a record is over.
const QUIET_LINES: u32 = 200;
/// An entry that does not go on within so many bytes of others was cut off.
const FOREIGN_BYTES: usize = 64 * 1024;
/// Programs (streams of one file) kept apart.
const MAX_STREAMS: usize = 256;

/// A stream: plain lines, or lines that some wrapper holds.
#[derive(Debug)]
pub(crate) struct Stream {
    options: Options,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Plain(Plain),
    Wrapped(Wrapped),
}

impl Stream {
    pub(crate) fn new(options: Options, offset: u64, line: u64) -> Stream {
        Stream { options, form: Form::Plain(Plain { base: offset, base_line: line, ..Plain::default() }) }
    }

    pub(crate) fn push(&mut self, bytes: &[u8], found: &mut Vec<Record>) {
        let switched = match &mut self.form {
            Form::Plain(plain) => plain.push(bytes, &self.options, found),
            Form::Wrapped(wrapped) => {
                wrapped.push(bytes, &self.options, found);
                None
            }
        };
        if let Some(wrapper) = switched {
            self.wrap(wrapper, found);
        }
    }

    /// Closes what is open; at the end of the input also a line that has no end.
    pub(crate) fn close(&mut self, ended: bool, found: &mut Vec<Record>) {
        let switched = match &mut self.form {
            Form::Plain(plain) => plain.close(ended, &self.options, found),
            Form::Wrapped(wrapped) => {
                wrapped.close(ended, &self.options, found);
                None
            }
        };
        if let Some(wrapper) = switched {
            self.wrap(wrapper, found);
            self.close(ended, found);
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        match &self.form {
            Form::Plain(plain) => plain.open.is_some(),
            Form::Wrapped(wrapped) => wrapped.programs.iter().any(|p| p.stream.is_open()),
        }
    }

    pub(crate) fn checkpoint(&self) -> (u64, u64) {
        match &self.form {
            Form::Plain(plain) => plain.checkpoint(),
            Form::Wrapped(wrapped) => wrapped.checkpoint(),
        }
    }

    /// The lines kept so far turn out to be wrapped: they are read again as such.
    fn wrap(&mut self, wrapper: Wrapper, found: &mut Vec<Record>) {
        let Form::Plain(plain) = &mut self.form else { return };
        let from = plain.floor;
        let line = plain.line_at(from);
        let kept = plain.buffer.split_off(from);
        let mut wrapped = Wrapped::new(wrapper, plain.base + from as u64, line);
        wrapped.push(&kept, &self.options, found);
        self.form = Form::Wrapped(wrapped);
    }
}

/// Lines as they stand. Indices are into `buffer`.
#[derive(Debug, Default)]
struct Plain {
    buffer: Vec<u8>,
    /// Stream offset and line number (from 1) of `buffer[0]`.
    base: u64,
    base_line: u64,
    /// The first line that was not scanned.
    next: usize,
    /// The end of the last record: nothing before it is looked at again.
    floor: usize,
    open: Option<Open>,
}

/// A region that has begun: from its first line to the line that comes next.
#[derive(Debug)]
struct Open {
    start: usize,
    hit: usize,
    cursor: usize,
    quiet: u32,
    /// Follows entries that several writers wrote line by line, where there may be such.
    weave: Option<php::Weave>,
    /// Where another entry began inside an open one: the region ends there, unless that one goes on behind it.
    breaks: Option<usize>,
    extent: Extent,
}

impl Plain {
    fn push(&mut self, bytes: &[u8], options: &Options, found: &mut Vec<Record>) -> Option<Wrapper> {
        let seen = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        let limit = match memchr::memrchr(b'\n', bytes) {
            Some(end) => seen + end + 1,
            // A line beyond every limit is taken in pieces.
            None if self.buffer.len() - self.next > 2 * options.max_record_bytes => self.buffer.len(),
            None => return None,
        };
        let switched = self.advance(limit, false, options, found);
        self.forget();
        switched
    }

    fn close(&mut self, ended: bool, options: &Options, found: &mut Vec<Record>) -> Option<Wrapper> {
        let limit =
            if ended { self.buffer.len() } else { memchr::memrchr(b'\n', &self.buffer).map_or(0, |end| end + 1) };
        self.advance(limit, true, options, found)
    }

    /// Scans the whole lines before `limit`; `last` says that nothing more is waited for.
    fn advance(&mut self, limit: usize, last: bool, options: &Options, found: &mut Vec<Record>) -> Option<Wrapper> {
        loop {
            let Some(mut open) = self.open.take() else {
                let Some(hit) = scan::find(&self.buffer[..limit], self.next.min(limit)) else {
                    self.next = self.next.max(limit);
                    return None;
                };
                let hit = self.line_start(hit);
                self.next = hit;
                let cursor = line_end(&self.buffer[..limit], hit);
                let text = trim_break(&self.buffer[hit..cursor]);
                if let Some(wrapper) = unwrap::detect(text) {
                    return Some(wrapper);
                }
                let start = self.look_back(hit);
                let extent = Extent::new(&self.buffer[start..hit], text);
                let mut open = Open { start, hit, cursor, quiet: 0, weave: None, breaks: None, extent };
                if php::concerns(text) {
                    open.weave = Some(self.weave(start, cursor));
                }
                if assemble::is_whole(text) {
                    self.finish(open, cursor, options, found);
                } else {
                    self.open = Some(open);
                }
                continue;
            };
            match self.extend(&mut open, limit, options) {
                Some(end) => self.finish(open, end, options, found),
                None if last => self.finish(open, limit, options, found),
                None => {
                    self.open = Some(open);
                    return None;
                }
            }
        }
    }

    /// What the lines of `start..end` open.
    fn weave(&self, start: usize, end: usize) -> php::Weave {
        let mut weave = php::Weave::default();
        let mut at = start;
        while at < end {
            let stop = line_end(&self.buffer[..end], at);
            weave.step(trim_break(&self.buffer[at..stop]));
            at = stop;
        }
        weave
    }

    /// Moves the cursor over the lines before `limit`; the region's end, once a line shows it.
    fn extend(&self, open: &mut Open, limit: usize, options: &Options) -> Option<usize> {
        while open.cursor < limit {
            let end = line_end(&self.buffer[..limit], open.cursor);
            let text = trim_break(&self.buffer[open.cursor..end]);
            match open.weave.as_mut().map_or(php::Step::Idle, |weave| weave.step(text)) {
                php::Step::Idle => {}
                php::Step::End => return Some(open.breaks.unwrap_or(end)),
                step => {
                    match step {
                        php::Step::Foreign => open.breaks = open.breaks.or(Some(open.cursor)),
                        php::Step::Back => open.breaks = None,
                        _ => {}
                    }
                    open.quiet += u32::from(open.breaks.is_some());
                    open.cursor = end;
                    if let Some(at) = open.breaks.filter(|at| end - at > FOREIGN_BYTES) {
                        return Some(at);
                    }
                    if end - open.start > options.max_record_bytes {
                        return Some(end);
                    }
                    continue;
                }
            }
            match line::kind(text) {
                Kind::Begin => return Some(open.cursor),
                Kind::Trace => open.quiet = 0,
                Kind::Blank | Kind::Text => open.quiet += 1,
            }
            let step = open.extent.step(&self.buffer[open.start..open.hit], text);
            if step == Step::Before {
                return Some(open.cursor);
            }
            open.cursor = end;
            if open.extent.is_open() {
                open.quiet = 0;
            }
            // An entry that is followed is closed by its own last line, not by one that looks so.
            let closes = assemble::closes(text) && !(open.weave.is_some() && text.starts_with(b"\""));
            let full = open.quiet > QUIET_LINES || end - open.start > options.max_record_bytes;
            if step == Step::After || full || closes {
                return Some(end);
            }
        }
        None
    }

    /// Parses the region `open.start..end`, and goes on behind what it held.
    fn finish(&mut self, open: Open, end: usize, options: &Options, found: &mut Vec<Record>) {
        let region = assemble::Region::cut(&self.buffer, open.start, open.hit, end);
        let parsed = assemble::parse(&region);
        let mut consumed = if parsed.is_empty() { region.offset(region.after_trace()) } else { open.start };
        for (mut record, lines) in parsed {
            let (first, last) = (region.offset(lines.start), region.offset(lines.end));
            let line = self.line_at(first);
            record.source.offset = self.base + first as u64;
            record.source.length = (last - first) as u64;
            record.source.first_line = line;
            record.source.last_line = line + (lines.len() as u64).max(1) - 1;
            record.before = self.lines_before(first, options.context_lines);
            assemble::complete(&mut record);
            found.push(record);
            consumed = consumed.max(last);
            self.floor = consumed;
        }
        drop(region);
        // A hit is never looked at twice.
        self.next = consumed.max(line_end(&self.buffer[..end], open.hit));
    }

    /// Drops what no record can reach any more.
    fn forget(&mut self) {
        let needed = self.open.as_ref().map_or(self.next, |open| open.start);
        let keep = needed.saturating_sub(LOOK_BACK_BYTES);
        if keep < LOOK_BACK_BYTES {
            return;
        }
        let keep = self.line_start(keep);
        self.base_line = self.line_at(keep);
        self.base += keep as u64;
        self.buffer.drain(..keep);
        self.next -= keep;
        self.floor = self.floor.saturating_sub(keep);
        if let Some(open) = &mut self.open {
            open.start -= keep;
            open.hit -= keep;
            open.cursor -= keep;
        }
    }

    /// Where the entry begins that the line at `hit` belongs to.
    fn look_back(&self, hit: usize) -> usize {
        let text = trim_break(&self.buffer[hit..line_end(&self.buffer, hit)]);
        // Where only one kind of header can be this entry's, other first lines may be parts of its message.
        let surely = php::concerns(text) && !assemble::is_whole(text);
        let begins = |text: &[u8]| line::kind(text) == Kind::Begin;
        if begins(text) && (!surely || !text.starts_with(b"{")) {
            return hit;
        }
        let lowest = self.floor.max(hit.saturating_sub(LOOK_BACK_BYTES));
        let mut start = hit;
        let mut headless = hit;
        let mut nearest = begins(text).then_some(hit);
        for lines in 0..LOOK_BACK_LINES {
            if start <= lowest {
                break;
            }
            let before = self.line_start(start - 1);
            if before < lowest {
                break;
            }
            let text = trim_break(&self.buffer[before..start]);
            if begins(text) && !self.goes_on(before, text, lowest) {
                if !surely || php::begins_entry(text) {
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

    /// Whether a line that looks like the first of an entry is the second of the entry before it.
    fn goes_on(&self, start: usize, text: &[u8], lowest: usize) -> bool {
        if start <= lowest || !assemble::may_follow(text) {
            return false;
        }
        let above = trim_break(&self.buffer[self.line_start(start - 1)..start]);
        matches!(above.first(), Some(b'[' | b'0'..=b'9')) && line::kind(above) == Kind::Begin
    }

    /// The place from which this stream must be read again: the start of its last entry.
    fn checkpoint(&self) -> (u64, u64) {
        let from = match &self.open {
            Some(open) => open.start,
            None if self.next > self.floor => self.look_back(self.line_start(self.next - 1)),
            None => self.next,
        };
        (self.base + from as u64, self.line_at(from))
    }

    fn lines_before(&self, index: usize, count: usize) -> Vec<String> {
        let mut lines = Vec::new();
        let mut end = index;
        while lines.len() < count && end > 0 {
            let start = self.line_start(end - 1);
            let text = trim_break(&self.buffer[start..end]);
            lines.push(String::from_utf8_lossy(&text[..text.len().min(1000)]).into_owned());
            end = start;
        }
        lines.reverse();
        lines
    }

    fn line_start(&self, index: usize) -> usize {
        memchr::memrchr(b'\n', &self.buffer[..index]).map_or(0, |end| end + 1)
    }

    fn line_at(&self, index: usize) -> u64 {
        self.base_line + memchr::memchr_iter(b'\n', &self.buffer[..index]).count() as u64
    }
}

/// The end of the line that begins at `start`, its line break included.
fn line_end(buffer: &[u8], start: usize) -> usize {
    memchr::memchr(b'\n', &buffer[start..]).map_or(buffer.len(), |end| start + end + 1)
}

/// The line without its line break, CRLF or LF.
pub(crate) fn trim_break(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Lines that a wrapper holds, given to one stream a program.
#[derive(Debug)]
struct Wrapped {
    wrapper: Wrapper,
    /// The beginning of a line that has no end yet.
    carry: Vec<u8>,
    /// Place of `carry[0]`.
    offset: u64,
    line: u64,
    programs: Vec<Program>,
}

/// One program's stream, and where its pieces lie in the raw one.
#[derive(Debug)]
struct Program {
    key: String,
    stream: Stream,
    /// Bytes given to `stream` so far.
    pushed: u64,
    /// Whether the last piece had no line break of its own.
    partial: bool,
    pieces: VecDeque<Piece>,
}

/// One raw line's contribution to a program's stream.
#[derive(Debug)]
struct Piece {
    inner: u64,
    offset: u64,
    length: u64,
    line: u64,
    stamp: Stamp,
}

/// A wrapper's time without an allocation.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    length: u8,
    bytes: [u8; 39],
}

impl Stamp {
    fn new(text: &str) -> Stamp {
        let mut bytes = [0; 39];
        let length = text.len().min(bytes.len());
        bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
        Stamp { length: length as u8, bytes }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or("")
    }
}

impl Wrapped {
    fn new(wrapper: Wrapper, offset: u64, line: u64) -> Wrapped {
        Wrapped { wrapper, carry: Vec::new(), offset, line, programs: Vec::new() }
    }

    fn push(&mut self, mut bytes: &[u8], options: &Options, found: &mut Vec<Record>) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (head, rest) = bytes.split_at(end + 1);
            if self.carry.is_empty() {
                self.take_line(head, options, found);
            } else {
                let mut line = std::mem::take(&mut self.carry);
                line.extend_from_slice(head);
                self.take_line(&line, options, found);
                line.clear();
                self.carry = line;
            }
            bytes = rest;
        }
        self.carry.extend_from_slice(bytes);
    }

    fn close(&mut self, ended: bool, options: &Options, found: &mut Vec<Record>) {
        if ended && !self.carry.is_empty() {
            let line = std::mem::take(&mut self.carry);
            self.take_line(&line, options, found);
        }
        for program in &mut self.programs {
            let from = found.len();
            program.stream.close(ended, found);
            program.place(&mut found[from..]);
        }
        // Streams end in any order; a file's records are told in its own.
        found.sort_by_key(|record| record.source.offset);
    }

    fn take_line(&mut self, raw: &[u8], options: &Options, found: &mut Vec<Record>) {
        let text = trim_break(raw);
        let (offset, line) = (self.offset, self.line);
        self.offset += raw.len() as u64;
        self.line += 1;
        let unwrapped = unwrap::take_off(self.wrapper, text).unwrap_or(unwrap::Unwrapped {
            key: "".into(),
            text: text.into(),
            stamp: "",
            partial: false,
        });
        let program = self.program(&unwrapped.key, options);
        let piece =
            Piece { inner: program.pushed, offset, length: raw.len() as u64, line, stamp: Stamp::new(unwrapped.stamp) };
        program.pieces.push_back(piece);
        program.pushed += unwrapped.text.len() as u64 + u64::from(!unwrapped.partial);
        program.partial = unwrapped.partial;
        let from = found.len();
        program.stream.push(&unwrapped.text, found);
        if !unwrapped.partial {
            program.stream.push(b"\n", found);
        }
        program.place(&mut found[from..]);
        program.forget();
    }

    fn program(&mut self, key: &str, options: &Options) -> &mut Program {
        let index = self.programs.iter().position(|program| program.key == key).unwrap_or_else(|| {
            let index = self.programs.len().min(MAX_STREAMS);
            if index < MAX_STREAMS {
                self.programs.push(Program::new(key, options));
            }
            index.min(MAX_STREAMS - 1)
        });
        &mut self.programs[index]
    }

    fn checkpoint(&self) -> (u64, u64) {
        let open = self.programs.iter().filter_map(Program::checkpoint);
        open.chain([(self.offset, self.line)]).min().unwrap_or((self.offset, self.line))
    }
}

impl Program {
    fn new(key: &str, options: &Options) -> Program {
        Program {
            key: key.to_owned(),
            stream: Stream::new(options.clone(), 0, 1),
            pushed: 0,
            partial: false,
            pieces: VecDeque::new(),
        }
    }

    /// Turns the places in this program's stream into places in the raw one.
    fn place(&self, found: &mut [Record]) {
        for record in found {
            let source = &mut record.source;
            let (Some(first), Some(last)) =
                (self.piece(source.offset), self.piece(source.offset + source.length.max(1) - 1))
            else {
                continue;
            };
            source.offset = first.offset;
            source.length = last.offset + last.length - first.offset;
            source.first_line = first.line;
            source.last_line = last.line;
            if record.timestamp.is_none() && first.stamp.length > 0 {
                record.timestamp = Some(first.stamp.text().to_owned());
            }
            if !self.key.is_empty() {
                record.origin.push(("stream".to_owned(), self.key.clone()));
            }
        }
    }

    fn piece(&self, inner: u64) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.inner <= inner);
        self.pieces.get(after.checked_sub(1)?)
    }

    fn forget(&mut self) {
        if self.pieces.len() < 4096 {
            return;
        }
        let needed = self.stream.checkpoint().0.min(self.pushed.saturating_sub(2 * LOOK_BACK_BYTES as u64));
        let keep = self.pieces.partition_point(|piece| piece.inner <= needed).saturating_sub(1);
        if keep > 2048 {
            self.pieces.drain(..keep);
        }
    }

    /// Where the raw stream must be read again for this program; none when all of it is settled.
    fn checkpoint(&self) -> Option<(u64, u64)> {
        let (inner, _) = self.stream.checkpoint();
        if inner >= self.pushed && !self.partial {
            return None;
        }
        self.piece(inner).map(|piece| (piece.offset, piece.line))
    }
}
