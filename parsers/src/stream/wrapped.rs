//! Lines that a wrapper holds, given to one stream a program, and told in the order of the file.
//!
//! In: raw bytes in any pieces. Out: records with their places in the raw stream, in its order. Invariants: a record
//! is told only when reading again from the checkpoint finds all later ones and not this one; so one that overlaps
//! with what is not yet settled waits. Programs, pieces and lines are bounded. Does not know the wrappers' grammars.

use std::collections::VecDeque;

use jiff::civil::Date;

use super::Stream;
use crate::text::trim_break;
use crate::unwrap::{self, Unwrapped, Wrapper};
use crate::{Options, Record, header, time};

/// Programs kept apart; beyond, the one that was silent longest is closed.
const MAX_PROGRAMS: usize = 256;
/// When so many lines came from others, a program's entry is over.
const SILENT_LINES: u64 = 200;
/// Pieces of one program; beyond, those in the middle of a long record are forgotten.
const MAX_PIECES: usize = 32 * 1024;
/// Settled pieces are dropped so many at a time.
const SPARE_PIECES: usize = 1024;

#[derive(Debug)]
pub(super) struct Wrapped {
    wrapper: Wrapper,
    depth: u8,
    /// The beginning of a line that has no end yet.
    carry: Vec<u8>,
    /// Place of `carry[0]`.
    offset: u64,
    line: u64,
    programs: Vec<Program>,
    /// The program of the last line, and how long that line's prefix was.
    last: usize,
    prefix: usize,
    /// Records that are complete and not told, by offset.
    held: Vec<Record>,
    scratch: Vec<u8>,
}

/// One program's stream, and where its pieces lie in the raw one.
#[derive(Debug)]
struct Program {
    key: Vec<u8>,
    origin: Vec<(String, String)>,
    stream: Stream,
    /// Bytes given to the stream so far, and those gathered for it.
    pushed: u64,
    batch: Vec<u8>,
    /// The last raw line of it.
    line: u64,
    /// Whether the last piece had no line break of its own.
    partial: bool,
    /// Whether the stream may hold the beginning of a record.
    unsettled: bool,
    pieces: VecDeque<Piece>,
}

/// One raw line's contribution to a program's stream.
#[derive(Debug, Clone, Copy)]
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

impl Wrapped {
    pub(super) fn new(wrapper: Wrapper, depth: u8, offset: u64, line: u64) -> Wrapped {
        Wrapped {
            wrapper,
            depth,
            carry: Vec::new(),
            offset,
            line,
            programs: Vec::new(),
            last: 0,
            prefix: 0,
            held: Vec::new(),
            scratch: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, mut bytes: &[u8], options: &Options, found: &mut Vec<Record>) {
        let limit = 2 * options.max_record_bytes;
        while !bytes.is_empty() {
            // A line beyond every limit is taken in pieces of the same size, however it comes.
            let room = &bytes[..bytes.len().min(limit - self.carry.len())];
            let end = unwrap::line_end(self.wrapper, &self.carry, room)
                .or_else(|| (self.carry.len() + room.len() == limit).then_some(room.len()));
            let Some(end) = end else {
                self.carry.extend_from_slice(bytes);
                break;
            };
            let (head, rest) = bytes.split_at(end);
            if self.carry.is_empty() {
                self.take_line(head, options);
            } else {
                let mut line = std::mem::take(&mut self.carry);
                line.extend_from_slice(head);
                self.take_line(&line, options);
                line.clear();
                self.carry = line;
            }
            bytes = rest;
        }
        for index in 0..self.programs.len() {
            self.flush(index);
            if self.programs[index].unsettled && self.line - self.programs[index].line > SILENT_LINES {
                self.settle_program(index);
            }
        }
        self.tell(found);
    }

    pub(super) fn close(&mut self, ended: bool, options: &Options, found: &mut Vec<Record>) {
        if !ended && !self.carry.is_empty() {
            return;
        }
        if !self.carry.is_empty() {
            let line = std::mem::take(&mut self.carry);
            self.take_line(&line, options);
        }
        for index in 0..self.programs.len() {
            self.flush(index);
            self.close_program(index, ended);
        }
        // Entries that could only have gone on must not keep back what is complete.
        let complete = self.held.iter().map(|record| record.source.offset + record.source.length).max().unwrap_or(0);
        for program in &mut self.programs {
            if ended || program.checkpoint().is_some_and(|(offset, _)| offset < complete) {
                program.settle();
            }
        }
        self.tell(found);
    }

    pub(super) fn settle(&mut self) {
        self.programs.iter_mut().for_each(Program::settle);
    }

    pub(super) fn is_open(&self) -> bool {
        !self.held.is_empty() || self.programs.iter().any(|program| program.stream.is_open())
    }

    /// The place from which nothing was told yet, and behind which nothing was that is not told.
    pub(super) fn checkpoint(&self) -> (u64, u64) {
        let held = self.held.first().map(|record| (record.source.offset, record.source.first_line));
        let open = self.unsettled();
        held.into_iter().chain([open]).min().unwrap_or(open)
    }

    /// Where the first record may begin that is not complete.
    fn unsettled(&self) -> (u64, u64) {
        let open = self.programs.iter().filter_map(Program::checkpoint);
        open.fold((self.offset, self.line), Ord::min)
    }

    /// Tells the records that lie wholly before all that is not settled, and overlap with none that does not.
    fn tell(&mut self, found: &mut Vec<Record>) {
        if self.held.is_empty() {
            return;
        }
        self.held.sort_by_key(|record| (record.source.offset, record.source.length));
        let (bound, _) = self.unsettled();
        let mut told = 0;
        let mut end = 0;
        for (index, record) in self.held.iter().enumerate() {
            if record.source.offset >= end {
                told = index;
            }
            end = end.max(record.source.offset + record.source.length);
            if end > bound {
                found.extend(self.held.drain(..told));
                return;
            }
        }
        found.append(&mut self.held);
    }

    fn take_line(&mut self, raw: &[u8], options: &Options) {
        let text = trim_break(raw);
        let mut scratch = std::mem::take(&mut self.scratch);
        let (place, line) = (self.offset, self.line);
        self.offset += raw.len() as u64;
        self.line += u64::from(raw.ends_with(b"\n") || raw.ends_with(b"\n\0"));
        let mut piece = Piece { inner: 0, offset: place, length: raw.len() as u64, line, stamp: Stamp::new(b"") };
        if let Some(unwrapped) = unwrap::take_off(self.wrapper, text, &mut scratch) {
            if self.wrapper == Wrapper::JournalFields && unwrapped.partial {
                // The wrapper's own line.
                self.scratch = Vec::new();
                return;
            }
            self.prefix = text.len().saturating_sub(unwrapped.text.len());
            piece.stamp = Stamp::new(unwrapped.stamp);
            let index = self.program(unwrapped.key, text, options);
            self.gather(index, &unwrapped, piece);
        } else {
            let begins = options.formats.begins(text) || header::begins(text);
            let continues = unwrap::foreign_continues(self.wrapper) && !self.programs.is_empty() && !begins;
            let index = if continues { self.last } else { self.program(b"", text, options) };
            // journalctl indents the further lines of a message by the width of its prefix.
            let blanks = text.iter().take(self.prefix).take_while(|c| **c == b' ').count();
            let indented = self.wrapper == Wrapper::Syslog && blanks == self.prefix;
            let text = if indented { &text[blanks..] } else { text };
            self.gather(index, &Unwrapped { text, ..Unwrapped::default() }, piece);
        }
        self.scratch = scratch;
    }

    /// Adds a line to what a program is given next.
    fn gather(&mut self, index: usize, unwrapped: &Unwrapped<'_>, mut piece: Piece) {
        self.last = index;
        if self.programs[index].unsettled && piece.line - self.programs[index].line > SILENT_LINES {
            self.flush(index);
            self.settle_program(index);
        }
        let program = &mut self.programs[index];
        piece.inner = program.pushed + program.batch.len() as u64;
        program.pieces.push_back(piece);
        program.batch.extend_from_slice(unwrapped.text);
        if !unwrapped.partial {
            program.batch.push(b'\n');
        }
        program.partial = unwrapped.partial;
        program.line = piece.line;
        program.unsettled = true;
    }

    /// Gives a program's stream what was gathered for it.
    fn flush(&mut self, index: usize) {
        let program = &mut self.programs[index];
        if program.batch.is_empty() {
            return;
        }
        let from = self.held.len();
        program.stream.push(&program.batch, &mut self.held);
        program.pushed += program.batch.len() as u64;
        program.batch.clear();
        program.place(&mut self.held[from..]);
        program.forget();
    }

    fn close_program(&mut self, index: usize, ended: bool) {
        let from = self.held.len();
        let program = &mut self.programs[index];
        program.stream.close(ended, &mut self.held);
        program.place(&mut self.held[from..]);
    }

    /// A program is silent: what it began is over.
    fn settle_program(&mut self, index: usize) {
        if self.programs[index].partial {
            self.programs[index].batch.push(b'\n');
            self.programs[index].partial = false;
            self.flush(index);
        }
        self.close_program(index, true);
        self.programs[index].settle();
    }

    /// The program of a key; a new one in the place of the one that was silent longest, where there are too many.
    fn program(&mut self, key: &[u8], line: &[u8], options: &Options) -> usize {
        if self.programs.get(self.last).is_some_and(|program| program.key == key) {
            return self.last;
        }
        if let Some(index) = self.programs.iter().position(|program| program.key == key) {
            return index;
        }
        let program = Program {
            key: key.to_vec(),
            origin: unwrap::origin(self.wrapper, line, key),
            stream: Stream::inner(options, self.depth),
            pushed: 0,
            batch: Vec::new(),
            line: self.line,
            partial: false,
            unsettled: false,
            pieces: VecDeque::new(),
        };
        if self.programs.len() < MAX_PROGRAMS {
            self.programs.push(program);
            return self.programs.len() - 1;
        }
        let silent = self.programs.iter().enumerate().min_by_key(|(_, program)| program.line);
        let index = silent.map_or(0, |(index, _)| index);
        self.flush(index);
        self.close_program(index, true);
        self.programs[index] = program;
        index
    }
}

impl Program {
    /// Turns the places in this program's stream into places in the raw one, and adds the wrapper's facts.
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
            if record.timestamp.is_none() {
                record.timestamp = first.stamp.value(self.stream.latest());
            }
            record.origin.extend_from_slice(&self.origin);
        }
    }

    fn piece(&self, inner: u64) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.inner <= inner);
        self.pieces.get(after.checked_sub(1)?)
    }

    /// Drops the places that no record can have any more.
    fn forget(&mut self) {
        if self.pieces.len() < 2 * SPARE_PIECES {
            return;
        }
        let (needed, _) = self.stream.checkpoint();
        let settled = self.pieces.partition_point(|piece| piece.inner <= needed).saturating_sub(1);
        if settled > SPARE_PIECES {
            self.pieces.drain(..settled);
        }
        if self.pieces.len() > MAX_PIECES {
            self.pieces.drain(SPARE_PIECES..MAX_PIECES / 2);
        }
    }

    fn settle(&mut self) {
        self.stream.settle();
        self.unsettled = self.partial;
        if !self.partial {
            self.pieces.clear();
        }
    }

    /// Where the raw stream must be read again for this program; none when all of it is settled.
    fn checkpoint(&self) -> Option<(u64, u64)> {
        if !self.unsettled {
            return None;
        }
        let (inner, _) = self.stream.checkpoint();
        if inner >= self.pushed && !self.partial {
            return None;
        }
        self.piece(inner).map(|piece| (piece.offset, piece.line))
    }
}

impl Stamp {
    fn new(text: &[u8]) -> Stamp {
        let mut bytes = [0; 39];
        let length = text.len().min(bytes.len());
        bytes[..length].copy_from_slice(&text[..length]);
        Stamp { length: length as u8, bytes }
    }

    /// As RFC 3339, where it has a date; its year may be that of `latest`.
    fn value(&self, latest: Option<Date>) -> Option<String> {
        let text = std::str::from_utf8(&self.bytes[..usize::from(self.length)]).ok()?;
        if let Some(seconds) = text.strip_prefix('@').and_then(|label| label.get(..16)) {
            return time::from_tai(seconds);
        }
        // Microseconds, or seconds with as many digits behind a point.
        match text.replacen('.', "", 1).parse() {
            Ok(micros) => time::from_epoch_micros(micros),
            Err(_) => time::at_start(text)?.value.or_else(|| time::in_year(text, latest?)),
        }
    }
}
