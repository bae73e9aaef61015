//! Inputs that are no files: standard input, and the journal through `journalctl`.
//!
//! In: a stream of bytes. Out: its pieces, and for the journal checkpoints that hold its own cursor. Invariants: a piece
//! is taken from the stream only when there is room for it; offsets count on over restarts. Does not parse: the journal's
//! JSON is taken off by the parser, as any wrapper.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::{Checkpoint, FileId, From, Key, Ledger, Position, Step, Waker, hash};

/// Pieces that wait to be taken.
const PIECES: usize = 4;
/// Bytes of a piece.
const PIECE_BYTES: usize = 64 * 1024;

/// How soon a `journalctl` that ended is started again.
const RESTART_INTERVAL: Duration = Duration::from_secs(1);

/// Bytes, and the marks of the journal in them: where a line ends, and its cursor.
struct Piece {
    bytes: Vec<u8>,
    cursors: Vec<(usize, String)>,
}

/// One input.
pub(super) struct Pipe {
    pub key: Key,
    pub name: PathBuf,
    pub start: Position,
    pub read: u64,
    pub ledger: Ledger,
    /// As in [`Checkpoint::release`].
    pub release: Option<String>,
    id: FileId,
    pieces: Receiver<Piece>,
    /// Ends of lines that may yet be a checkpoint, with their cursors; none for standard input.
    cursors: Option<VecDeque<(u64, String)>>,
    ended: bool,
    journal: Option<Journal>,
}

/// What it takes to start `journalctl`, which ends with the agent, and to start it again.
struct Journal {
    units: Vec<String>,
    /// Of the last line that was taken.
    cursor: Option<String>,
    from: From,
    once: bool,
    waker: Waker,
    child: Child,
    /// When it is started again, if it has ended.
    again: Option<Instant>,
    said: bool,
}

/// The identity of the journal of these units: it has a checkpoint as a file has.
pub(super) fn journal_id(units: &[String]) -> FileId {
    FileId { device: 0, inode: hash(units.join("\n").as_bytes()) >> 1, ..FileId::default() }
}

impl Pipe {
    pub(super) fn stdin(key: Key, waker: Waker) -> Pipe {
        let (sender, pieces) = sync_channel(PIECES);
        spawn(waker, move |told| {
            let mut input = io::stdin();
            loop {
                let mut bytes = vec![0; PIECE_BYTES];
                match input.read(&mut bytes) {
                    Ok(0) => return,
                    Ok(count) => bytes.truncate(count),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return tracing::error!("standard input cannot be read: {error}"),
                }
                if !put(&sender, Piece { bytes, cursors: Vec::new() }, told) {
                    return;
                }
            }
        });
        Pipe::new(key, "-", FileId::default(), pieces)
    }

    pub(super) fn journal(
        key: Key,
        units: &[String],
        known: Option<Checkpoint>,
        from: From,
        once: bool,
        waker: Waker,
    ) -> io::Result<Pipe> {
        let cursor = known.as_ref().and_then(|known| known.cursor.clone());
        let (child, pieces) = follow(units, cursor.as_deref(), from, once, waker.clone())?;
        let name = format!("journald:{}", units.join(","));
        let mut pipe = Pipe::new(key, name.trim_end_matches(':'), journal_id(units), pieces);
        pipe.cursors = Some(VecDeque::new());
        if let Some(known) = known {
            (pipe.start, pipe.read, pipe.ledger) = (known.position(), known.offset, known.ledger.clone());
            pipe.release = known.release.clone();
            pipe.cursors = Some(known.cursor.map(|cursor| (known.offset, cursor)).into_iter().collect());
        }
        pipe.journal =
            Some(Journal { units: units.to_vec(), cursor, from, once, waker, child, again: None, said: false });
        Ok(pipe)
    }

    fn new(key: Key, name: &str, id: FileId, pieces: Receiver<Piece>) -> Pipe {
        Pipe {
            key,
            name: name.into(),
            start: Position::beginning(),
            read: 0,
            ledger: Ledger::default(),
            release: None,
            id,
            pieces,
            cursors: None,
            ended: false,
            journal: None,
        }
    }

    /// The next piece, or the end.
    pub(super) fn next(&mut self, buffer: &mut Vec<u8>) -> Option<Step> {
        if let Some(journal) = self.journal.as_mut().filter(|journal| journal.again.is_some()) {
            self.pieces = journal.start_again()?;
        }
        match self.pieces.try_recv() {
            Ok(piece) => {
                let offset = self.read;
                self.read += piece.bytes.len() as u64;
                self.ledger.bytes_read += piece.bytes.len() as u64;
                if let (Some(journal), Some((_, last))) = (&mut self.journal, piece.cursors.last()) {
                    journal.cursor = Some(last.clone());
                    journal.said = false;
                }
                if let Some(cursors) = &mut self.cursors {
                    cursors.extend(piece.cursors.into_iter().map(|(end, cursor)| (offset + end as u64, cursor)));
                }
                *buffer = piece.bytes;
                Some(Step::Bytes { key: self.key, offset, range: 0..buffer.len() })
            }
            Err(TryRecvError::Disconnected) if !self.ended => match &mut self.journal {
                Some(journal) if !journal.once => {
                    journal.broke_off();
                    None
                }
                _ => {
                    self.ended = true;
                    Some(Step::Ended(self.key))
                }
            },
            Err(_) => None,
        }
    }

    /// When it is to be looked at though nobody says so.
    pub(super) fn again(&self) -> Option<Instant> {
        self.journal.as_ref()?.again
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The journal's checkpoint at `position`, where a line begins; standard input has none.
    pub(super) fn checkpoint(&mut self, position: Position) -> Option<Checkpoint> {
        let cursors = self.cursors.as_mut()?;
        while cursors.get(1).is_some_and(|(end, _)| *end <= position.offset) {
            cursors.pop_front();
        }
        let (offset, cursor) = cursors.front().filter(|(end, _)| *end <= position.offset)?.clone();
        Some(Checkpoint {
            file: self.id,
            path: self.name.clone(),
            offset,
            line: position.line,
            streams: position.streams,
            cursor: Some(cursor),
            release: self.release.clone(),
            ledger: self.ledger.clone(),
            ..Checkpoint::default()
        })
    }
}

impl Journal {
    /// `journalctl` has ended, which it does only when something is wrong: it is started again in a while.
    fn broke_off(&mut self) {
        // Its output is at its end: there is nothing more to wait for.
        let _ = self.child.kill();
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        if !std::mem::replace(&mut self.said, true) {
            tracing::warn!("journalctl ended ({status}); it is started again behind the last line that it gave");
        }
        self.again = Some(Instant::now() + RESTART_INTERVAL);
    }

    /// Starts it again, if it is time.
    fn start_again(&mut self) -> Option<Receiver<Piece>> {
        self.again.filter(|again| *again <= Instant::now())?;
        match follow(&self.units, self.cursor.as_deref(), self.from, self.once, self.waker.clone()) {
            Ok((child, pieces)) => {
                (self.child, self.again) = (child, None);
                Some(pieces)
            }
            Err(error) => {
                tracing::warn!("journalctl cannot be started: {error}; it is tried again");
                self.again = Some(Instant::now() + RESTART_INTERVAL);
                None
            }
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `journalctl`, behind `cursor` if there is one, and what it gives.
fn follow(
    units: &[String],
    cursor: Option<&str>,
    from: From,
    once: bool,
    waker: Waker,
) -> io::Result<(Child, Receiver<Piece>)> {
    let mut command = Command::new("journalctl");
    command.args(["--output=json", "--no-pager", "--quiet", "--all"]);
    for unit in units.iter().filter(|unit| !unit.is_empty()) {
        command.arg(format!("--unit={unit}"));
    }
    match cursor {
        Some(cursor) => command.arg(format!("--after-cursor={cursor}")).arg("--lines=all"),
        None if from == From::End => command.arg("--lines=0"),
        None => command.arg("--lines=all"),
    };
    if !once {
        command.arg("--follow");
    }
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let (sender, pieces) = sync_channel(PIECES);
    spawn(waker, move |told| {
        let mut lines = BufReader::with_capacity(PIECE_BYTES, output);
        while let Some(piece) = journal_piece(&mut lines) {
            if !put(&sender, piece, told) {
                return;
            }
        }
    });
    Ok((child, pieces))
}

/// Runs `feed` on a thread, and lets the room know when it ends.
fn spawn(waker: Waker, feed: impl FnOnce(&Waker) + Send + 'static) {
    thread::spawn(move || {
        // When it returns, its sender is gone: the room will see the end.
        feed(&waker);
        waker.pipe();
    });
}

/// Waits for room; whether the piece is wanted.
fn put(sender: &SyncSender<Piece>, piece: Piece, told: &Waker) -> bool {
    let taken = sender.send(piece).is_ok();
    told.pipe();
    taken
}

/// Whole lines, as many as are there, with their cursors.
fn journal_piece(lines: &mut BufReader<impl Read>) -> Option<Piece> {
    let mut piece = Piece { bytes: Vec::new(), cursors: Vec::new() };
    loop {
        let start = piece.bytes.len();
        lines.read_until(b'\n', &mut piece.bytes).ok()?;
        if piece.bytes.last() != Some(&b'\n') || piece.bytes.len() == start {
            // A line without its end is that of a journalctl that was killed: it comes again, whole.
            piece.bytes.truncate(start);
            return (!piece.bytes.is_empty()).then_some(piece);
        }
        if let Some(cursor) = cursor(&piece.bytes[start..]) {
            piece.cursors.push((piece.bytes.len(), cursor));
        }
        // Only what is here already: asking for more would wait for it.
        if !lines.buffer().contains(&b'\n') || piece.bytes.len() >= PIECE_BYTES {
            return Some(piece);
        }
    }
}

// {"__CURSOR":"s=8f3a;i=1c;b=77;m=1;t=2;x=3","MESSAGE":"up","_SYSTEMD_UNIT":"shop.service"}
fn cursor(line: &[u8]) -> Option<String> {
    let at = memchr::memmem::find(line, b"\"__CURSOR\"")? + 10;
    let rest = std::str::from_utf8(&line[at..]).ok()?;
    let value = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
    Some(value.split('"').next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_tells_where_it_is() {
        let text: &[u8] =
            b"{\"MESSAGE\":\"a\",\"__CURSOR\" : \"s=1;i=1\"}\n{\"__CURSOR\":\"s=1;i=2\",\"MESSAGE\":\"b\"}\n";
        let length = text.len();
        let mut lines = BufReader::new(text);
        let piece = journal_piece(&mut lines).unwrap();
        assert_eq!(piece.bytes.len(), length);
        assert_eq!(piece.cursors, [(39, "s=1;i=1".to_owned()), (length, "s=1;i=2".to_owned())]);
        assert!(journal_piece(&mut lines).is_none());
    }
}
