//! One file that is read: its descriptor, how far it was read, and whether it still is what was read.
//!
//! In: an open file. Out: the next bytes, or that there are none, or that another content stands there. Invariant: what
//! is handed out follows what was handed out before: the first bytes and those just before the place are compared at
//! each look. Does not know paths' patterns or other files.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::rest::{self, Packing};
use super::{Checkpoint, FileId, Key, Ledger, Position, hash};
use crate::system::{self, Facts, Place};

/// So many bytes are compared before the place of reading,
pub(super) const EDGE_BYTES: usize = 64;
/// and so many at the beginning: a log's first lines are the same at each start of its writer, but for their time.
pub(super) const FIRST_BYTES: usize = 256;

/// So many NULs in a row are no text.
const HOLE_BYTES: usize = 16;

/// A few bytes, to be compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge<const BYTES: usize> {
    length: u16,
    bytes: [u8; BYTES],
}

impl<const BYTES: usize> Edge<BYTES> {
    pub(super) fn first(bytes: &[u8]) -> Self {
        Edge::copy(&bytes[..bytes.len().min(BYTES)])
    }

    pub(super) fn last(bytes: &[u8]) -> Self {
        Edge::copy(&bytes[bytes.len().saturating_sub(BYTES)..])
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    fn copy(from: &[u8]) -> Self {
        let mut bytes = [0; BYTES];
        bytes[..from.len()].copy_from_slice(from);
        Edge { length: from.len() as u16, bytes }
    }

    /// The last bytes of what this edge ends, and of `more`.
    fn push(&mut self, more: &[u8]) {
        let mut joined = self.bytes().to_vec();
        joined.extend_from_slice(&more[more.len().saturating_sub(BYTES)..]);
        *self = Edge::last(&joined);
    }
}

/// The way to a file's bytes.
pub(super) enum Handle {
    Plain(File),
    /// Compressed: bytes come in order only.
    Packed(Box<dyn Read + Send>),
}

/// What a look at a file gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// New bytes, in this part of the buffer.
    Bytes(Range<usize>),
    /// Nothing new.
    Nothing,
    /// What was read is not there any more.
    Replaced,
}

pub(super) struct Tailed {
    pub id: FileId,
    /// Where it was last seen.
    pub path: PathBuf,
    /// What `path` leads to, where it is a symbolic link.
    pub target: Option<PathBuf>,
    /// Other paths that lead to it: hard links, symbolic links.
    pub aliases: Vec<PathBuf>,
    /// What its name had in common with its rotations' when it was met.
    pub family: PathBuf,
    /// Its copies are sought among these.
    pub kin: PathBuf,
    /// How it is compressed, whatever its name becomes.
    pub packing: Option<Packing>,
    pub handle: Option<Handle>,
    /// Bytes read.
    pub read: u64,
    /// Bytes read before `read` was put back: they are read again when something follows them.
    pub rested: Option<u64>,
    /// Where the parser begins.
    pub start: Position,
    pub first: Edge<FIRST_BYTES>,
    pub edge: Edge<EDGE_BYTES>,
    /// Size and time of the last look.
    pub size: u64,
    /// The most bytes that it was seen to hold.
    pub seen: u64,
    pub modified: i64,
    /// The same, when it was last read to its end, compressed.
    pub drained: Option<(u64, i64)>,
    /// When it last had something new.
    pub grown: Instant,
    pub queued: bool,
    /// How often reading failed since it last succeeded,
    pub failures: u32,
    /// and when it is tried again.
    pub retry_at: Option<Instant>,
    /// No path that is wanted leads here any more.
    pub away: bool,
    /// It looks like a copy of this file, and is not read as long as it does.
    pub copy_of: Option<Key>,
    /// It was complete before its original was deleted, and holds it and more: it goes on where the original ends.
    pub outlives: bool,
    /// So many first bytes were seen to be those of the original.
    pub same: u64,
    /// The file that stood at its path before it; that one is read first.
    pub after: Option<Key>,
    /// Its content was replaced: its place belongs to another generation.
    pub replaced: bool,
    pub ledger: Ledger,
    /// As in [`Checkpoint::release`].
    pub release: Option<String>,
    /// The last checkpoint that was made of it.
    pub last: Option<Checkpoint>,
}

impl Tailed {
    pub(super) fn place(&self) -> Place {
        (self.id.device, self.id.inode)
    }

    pub(super) fn real(&self) -> &PathBuf {
        self.target.as_ref().unwrap_or(&self.path)
    }

    /// The way to its next bytes, if it is at `path`.
    pub(super) fn reopen(&self, path: &Path) -> io::Result<Handle> {
        let file = system::open(path, self.place())?;
        match self.packing {
            None => Ok(Handle::Plain(file)),
            Some(packing) => rest::unpack(file, packing, self.read).map(Handle::Packed),
        }
    }

    /// What the system says of what was read to its end.
    pub(super) fn facts(&self) -> Option<Facts> {
        match &self.handle {
            Some(Handle::Plain(file)) => system::facts_of(file).ok(),
            Some(Handle::Packed(_)) => None,
            // Compressed, it is closed at its end.
            None => system::link_facts(self.real())
                .ok()
                .filter(|facts| facts.place == self.place() && self.drained == Some((facts.size, facts.modified))),
        }
    }

    /// It is at `path` now; `away` says that nobody wants what is there.
    pub(super) fn rename(&mut self, path: &Path, target: Option<PathBuf>, away: bool) {
        self.path = path.to_owned();
        self.target = target;
        if away && !self.away {
            // Its writer has until then to let go of it.
            self.grown = Instant::now();
        }
        self.away = away;
    }

    /// All paths that lead to it.
    pub(super) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.aliases.iter().chain(&self.target).chain([&self.path])
    }

    /// Whether it was read to its end as it stands there, compressed: another look would unpack all of it again.
    pub(super) fn is_drained(&self) -> bool {
        self.packing.is_some() && self.drained == Some((self.size, self.modified))
    }

    /// Takes note of a look at the file; whether something may be new.
    pub(super) fn notice(&mut self, facts: &Facts) -> bool {
        let (size, modified) = (facts.size, facts.modified);
        let changed = size != self.size || modified != self.modified;
        (self.size, self.modified) = (size, modified);
        self.seen = self.seen.max(size);
        changed || size != self.reached()
    }

    /// Looks at the file itself; whether a turn may find something new. What a turn found to be NULs is nothing new.
    pub(super) fn has_changed(&mut self) -> bool {
        let looked = match &self.handle {
            Some(Handle::Plain(file)) => system::facts_of(file),
            Some(Handle::Packed(_)) => return false,
            None => system::facts(self.real()),
        };
        let before = (self.size, self.modified);
        let changed = looked
            .is_ok_and(|now| now.place == self.place() && before != (now.size, now.modified) && self.notice(&now));
        changed || self.unread().is_some()
    }

    /// Bytes that it was seen to hold and that were not read, if there are any.
    pub(super) fn unread(&self) -> Option<u64> {
        self.seen.checked_sub(self.reached()).filter(|unread| *unread > 0)
    }

    /// Up to where it was read.
    fn reached(&self) -> u64 {
        self.rested.unwrap_or(self.read)
    }

    /// Reads at most `limit` new bytes into `buffer`.
    pub(super) fn read(&mut self, whole: &mut Vec<u8>, limit: usize) -> io::Result<Got> {
        let known = usize::from(self.edge.length);
        if whole.len() < known + limit {
            whole.resize(known + limit, 0);
        }
        let buffer = &mut whole[..known + limit];
        match &mut self.handle {
            None => Ok(Got::Nothing),
            Some(Handle::Packed(reader)) => {
                let count = fill(reader, &mut buffer[known..])?;
                Ok(self.take(&buffer[known..known + count], known))
            }
            Some(Handle::Plain(file)) => {
                let mut first = [0; FIRST_BYTES];
                let first = &mut first[..usize::from(self.first.length)];
                let count = system::read_at(file, buffer, self.read - known as u64)?;
                let (end, begins) = (count.min(known), system::read_at(file, first, 0)?);
                let (edge, whole_first) = (self.edge.bytes(), self.first.bytes());
                if buffer[..end] != edge[..end] || first[..begins] != whole_first[..begins] {
                    return Ok(Got::Replaced);
                }
                if end < known || begins < first.len() {
                    return Ok(if is_taken_back(edge, end) { Got::Nothing } else { Got::Replaced });
                }
                let fresh = &buffer[known..count];
                let Some(last) = fresh.iter().rposition(|byte| *byte != 0) else {
                    let holds_more = count == known + limit && self.skip_hole(limit)?;
                    return if holds_more { self.read(whole, limit) } else { Ok(self.take_short(fresh, known)) };
                };
                // NULs at the end may yet be written over; NULs before a line are a hole. A few are text in UTF-16.
                let end = if fresh.len() - last > HOLE_BYTES { last + 1 } else { fresh.len() };
                let mut start = 0;
                if matches!(self.edge.bytes().last(), None | Some(b'\n' | 0)) {
                    start = fresh.iter().position(|byte| *byte != 0).filter(|hole| *hole >= HOLE_BYTES).unwrap_or(0);
                }
                if start > 0 {
                    self.skip(&fresh[..start]);
                }
                Ok(self.take(&fresh[start..end], known + start))
            }
        }
    }

    /// Nothing but NULs, up to the file's end.
    fn take_short(&mut self, nuls: &[u8], at: usize) -> Got {
        if nuls.len() < HOLE_BYTES { self.take(nuls, at) } else { Got::Nothing }
    }

    /// `fresh` was read; it stands at `at` in the buffer.
    fn take(&mut self, fresh: &[u8], at: usize) -> Got {
        if fresh.is_empty() {
            return Got::Nothing;
        }
        let length = self.first.bytes().len();
        if length < FIRST_BYTES
            && let Some(known) = (length as u64).checked_sub(self.read)
            && let Some(more) = fresh.get(known as usize..)
        {
            let mut first = self.first.bytes().to_vec();
            first.extend_from_slice(&more[..more.len().min(FIRST_BYTES)]);
            self.first = Edge::first(&first);
        }
        self.rested = None;
        self.read += fresh.len() as u64;
        self.ledger.bytes_read += fresh.len() as u64;
        self.edge.push(fresh);
        Got::Bytes(at..at + fresh.len())
    }

    fn skip(&mut self, hole: &[u8]) {
        self.read += hole.len() as u64;
        self.ledger.bytes_skipped += hole.len() as u64;
        self.edge.push(hole);
    }

    /// A whole buffer of NULs: goes on behind them, if anything stands there.
    fn skip_hole(&mut self, limit: usize) -> io::Result<bool> {
        let Some(Handle::Plain(file)) = &self.handle else { return Ok(false) };
        let mut at = self.read;
        let mut piece = vec![0; limit];
        loop {
            at = system::next_data(file, at).unwrap_or(at).max(at);
            let count = system::read_at(file, &mut piece, at)?;
            if count == 0 {
                return Ok(false);
            }
            if let Some(found) = piece[..count].iter().position(|byte| *byte != 0) {
                at += found as u64;
                break;
            }
            at += count as u64;
        }
        self.ledger.bytes_skipped += at - self.read;
        self.read = at;
        self.edge = Edge::last(&[0; EDGE_BYTES]);
        Ok(true)
    }

    /// Lets the next bytes begin at `position`; whether that can be read again.
    pub(super) fn rewind(&mut self, position: Position) -> bool {
        let Some(Handle::Plain(file)) = &self.handle else { return false };
        // Where it was replaced, the next look will tell.
        let still = before(file, self.read).is_ok_and(|edge| edge == self.edge.bytes());
        let (true, Ok(edge)) = (still, before(file, position.offset)) else { return false };
        self.edge = Edge::last(&edge);
        self.ledger.bytes_read = self.ledger.bytes_read.saturating_sub(self.read - position.offset);
        self.rested = Some(self.reached());
        self.read = position.offset;
        self.start = position;
        true
    }

    /// The bytes from `offset` on to the end of what was read.
    pub(super) fn read_back(&self, offset: u64) -> Option<Vec<u8>> {
        let Some(Handle::Plain(file)) = &self.handle else { return None };
        let mut bytes = vec![0; usize::try_from(self.read.checked_sub(offset)?).ok()?];
        (system::read_at(file, &mut bytes, offset).ok()? == bytes.len()).then_some(bytes)
    }

    /// The end of what was read; its line is counted on from `position`.
    pub(super) fn end(&self, position: &Position) -> Position {
        let mut line = position.line;
        if let Some(Handle::Plain(file)) = &self.handle {
            let mut at = position.offset;
            let mut piece = vec![0; 64 * 1024];
            while at < self.read {
                let limit = piece.len().min(usize::try_from(self.read - at).unwrap_or(usize::MAX));
                match system::read_at(file, &mut piece[..limit], at) {
                    Ok(count) if count > 0 => {
                        line += memchr::memchr_iter(b'\n', &piece[..count]).count() as u64;
                        at += count as u64;
                    }
                    _ => break,
                }
            }
        }
        Position { offset: self.read, line, streams: Vec::new() }
    }

    /// The checkpoint at `position`, which is not behind what was read.
    pub(super) fn checkpoint(&mut self, position: Position) -> Option<Checkpoint> {
        if self.replaced {
            return None;
        }
        let mut edge = Vec::new();
        if let Some(Handle::Plain(file)) = &self.handle {
            if (self.id.head_bytes as usize) < FileId::HEAD_BYTES {
                let mut head = vec![0; FileId::HEAD_BYTES.min(usize::try_from(self.read).unwrap_or(usize::MAX))];
                if system::read_at(file, &mut head, 0).ok() == Some(head.len()) {
                    self.id = FileId::new(self.id.device, self.id.inode, &head);
                }
            }
            edge = before(file, position.offset).unwrap_or_default();
        }
        let checkpoint = Checkpoint {
            file: self.id,
            path: self.path.clone(),
            offset: position.offset,
            line: position.line,
            streams: position.streams,
            edge: hash(&edge),
            edge_bytes: edge.len() as u32,
            modified: self.modified,
            size: self.seen.max(self.read),
            missing_since: 0,
            cursor: None,
            release: self.release.clone(),
            ledger: self.ledger.clone(),
        };
        self.last = Some(checkpoint.clone());
        Some(checkpoint)
    }
}

/// Whether a writer took back, of the last line alone, what stood behind the first `left` bytes of `edge`: it writes
/// them again, with more behind them. What was cut short ends with a line, or before the last one.
fn is_taken_back(edge: &[u8], left: usize) -> bool {
    let (Some(last), Some((_, gone))) = (left.checked_sub(1), edge.get(left..).and_then(<[u8]>::split_last)) else {
        return false;
    };
    edge[last] != b'\n' && !gone.contains(&b'\n')
}

/// The (at most `EDGE_BYTES`) bytes before `offset`.
pub(super) fn before(file: &File, offset: u64) -> io::Result<Vec<u8>> {
    let count = offset.min(EDGE_BYTES as u64);
    let mut edge = vec![0; count as usize];
    let read = system::read_at(file, &mut edge, offset - count)?;
    edge.truncate(read);
    Ok(edge)
}

/// Reads until `buffer` is full or the input ends.
pub(super) fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A compressed file that is still being written ends in the middle.
            Err(_) if filled > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
