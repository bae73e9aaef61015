//! From paths to bytes: which files there are, which file is which, and how far each has been read.
//!
//! In: paths, directories, globs; checkpoints. Out: chunks of bytes, each with its file and offset, and word when a
//! file ends. Invariants: a byte that was in a file while it could be opened comes out once, in order, through
//! rotation and restart; memory is bounded by `Settings`. Does not parse, and keeps nothing on disk.

mod checkpoint;
mod discover;
mod file_id;
mod gap;
mod known;
mod names;
mod pattern;
mod pipe;
mod rest;
mod rotate;
mod settings;
mod tailed;
mod turn;
mod walk;
mod watch;

pub use checkpoint::{Checkpoint, Ledger, Position};
pub use file_id::{FileId, hash};
pub use gap::{Cause, Gap};
pub use pattern::PatternError;
pub use settings::{From, Settings};
pub use watch::Waker;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::system::{self, Place};
use known::Passed;
use pattern::Patterns;
use pipe::Pipe;
use tailed::Tailed;
use watch::{Changes, Watch};

/// How soon a file that no directory names any more is looked at again.
const AWAY_INTERVAL: Duration = Duration::from_millis(250);

/// A file's content from its first byte on, for as long as the agent runs: after a truncation it is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(u64);

/// What the tail room has to say.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// The next bytes of a file.
    Bytes {
        /// The file.
        key: Key,
        /// Where the first of them stands in the file.
        offset: u64,
        /// Where they are in the buffer.
        range: Range<usize>,
    },
    /// A file is read from a place behind its beginning: worth a checkpoint.
    Skipped(Key),
    /// What goes on as `to` is the rest of `from`, in another file.
    Moved {
        /// It is forgotten at the next step.
        from: Key,
        /// What goes on.
        to: Key,
    },
    /// Nothing more comes of this file. It is forgotten at the next step.
    Ended(Key),
    /// A file that is known is not where it was: its checkpoint says so from now on.
    Missing(Box<Checkpoint>),
    /// Something could not be read.
    Gap(Gap),
    /// Nothing to read until the deadline.
    Quiet,
    /// Someone woke the room.
    Woken,
}

/// All files that are read.
pub struct Tail {
    settings: Settings,
    patterns: Patterns,
    roots: Vec<PathBuf>,
    watch: Watch,
    /// Each in a place of its own: a table of thousands grows by copying what is in it.
    files: HashMap<Key, Box<Tailed>>,
    last_key: u64,
    by_place: HashMap<Place, Key>,
    /// Paths as configured, and what symbolic links lead to.
    by_path: HashMap<PathBuf, Key>,
    /// Files among which copies are sought, by what their names have in common.
    kin: HashMap<PathBuf, Vec<Key>>,
    /// The files that stood last at paths which lead to them no more.
    parted: HashMap<PathBuf, Key>,
    /// Files that may hold something new, in the order of their turns.
    ready: VecDeque<Key>,
    steps: VecDeque<Step>,
    ended: Vec<Key>,
    /// Files with a descriptor, the longest unused one first.
    open: VecDeque<Key>,
    /// Files to look at again.
    again: BinaryHeap<Reverse<(Instant, Key)>>,
    /// Checkpoints whose file has not been seen.
    known: HashMap<Place, Checkpoint>,
    /// Checkpoints whose file holds something else now: the rest of what it held is sought.
    sought: Vec<Checkpoint>,
    /// Checkpoints that are of no use any more.
    forgotten: Vec<FileId>,
    /// When the files that the store knows had last been written to, by their path before any rotation.
    previous: HashMap<PathBuf, i64>,
    /// The latest of these times.
    newest: i64,
    /// Rotated files that are not read: those that were there before the agent, and those read to their ends.
    passed: HashMap<Place, Passed>,
    /// Files that this program writes.
    own: Vec<Place>,
    /// Paths of which it was said that they cannot be read.
    troubled: HashSet<PathBuf>,
    /// Inputs that are no files.
    pipes: Vec<Pipe>,
    /// Whether the pipes have the next turn.
    pipes_first: bool,
    next_scan: Instant,
    scan_soon: bool,
    started: bool,
}

impl Tail {
    /// Nothing is read yet. `current` is where relative paths begin; nothing below the directories `own` is read.
    ///
    /// # Errors
    /// A path or an exclude that is no glob.
    pub fn new(
        settings: Settings,
        known: Vec<Checkpoint>,
        current: &Path,
        own: Vec<PathBuf>,
    ) -> Result<Tail, PatternError> {
        let patterns = Patterns::new(&settings.paths, &settings.exclude, current, own)?;
        let watch = Watch::new(settings.poll);
        let mut settings = settings;
        // The store, the connections and the watcher need some too.
        settings.max_open_files = settings.max_open_files.min(system::descriptor_limit() / 2);
        Ok(Tail {
            patterns,
            roots: settings.roots.clone(),
            watch,
            files: HashMap::new(),
            last_key: 0,
            by_place: HashMap::new(),
            by_path: HashMap::new(),
            kin: HashMap::new(),
            parted: HashMap::new(),
            ready: VecDeque::new(),
            steps: VecDeque::new(),
            ended: Vec::new(),
            open: VecDeque::new(),
            again: BinaryHeap::new(),
            known: known.into_iter().map(|known| ((known.file.device, known.file.inode), known)).collect(),
            sought: Vec::new(),
            forgotten: Vec::new(),
            previous: HashMap::new(),
            newest: 0,
            passed: HashMap::new(),
            own: system::own_outputs(),
            troubled: HashSet::new(),
            pipes: Vec::new(),
            pipes_first: true,
            next_scan: Instant::now(),
            scan_soon: false,
            started: false,
            settings,
        })
    }

    /// What ends a wait.
    pub fn waker(&self) -> Waker {
        self.watch.waker()
    }

    /// The next step; waits for one until `deadline`. Bytes are put into `buffer`, which is grown as needed.
    pub fn next(&mut self, buffer: &mut Vec<u8>, deadline: Instant) -> Step {
        self.drop_ended();
        let mut until = Instant::now();
        loop {
            if self.look_around(until) {
                return Step::Woken;
            }
            if let Some(step) = self.steps.pop_front() {
                return self.note(step);
            }
            self.pipes_first = !self.pipes_first || self.ready.is_empty();
            if self.pipes_first
                && let Some(step) = self.pipes.iter_mut().find_map(|pipe| pipe.next(buffer))
            {
                return step;
            }
            while let Some(key) = self.ready.pop_front() {
                if let Some(step) = self.turn(key, buffer) {
                    return self.note(step);
                }
            }
            if !self.steps.is_empty() {
                continue;
            }
            let now = Instant::now();
            if now >= deadline {
                return Step::Quiet;
            }
            let again = self.again.peek().map(|Reverse((at, _))| *at);
            let again = again.into_iter().chain(self.pipes.iter().filter_map(Pipe::again)).min();
            until = deadline.min(self.next_scan).min(again.unwrap_or(deadline));
        }
    }

    /// Keeps files in sight without reading, until `deadline` or until someone wakes the room.
    pub fn hold(&mut self, deadline: Instant) {
        while Instant::now() < deadline && !self.look_around(deadline.min(self.next_scan)) {}
    }

    /// Reads standard input too.
    pub fn add_stdin(&mut self) {
        let key = self.next_key();
        self.pipes.push(Pipe::stdin(key, self.waker()));
    }

    /// Reads the journal too: of these units, or all of it; with `once`, to its end.
    ///
    /// # Errors
    /// `journalctl` cannot be started.
    pub fn add_journal(&mut self, units: &[String], once: bool) -> io::Result<()> {
        let key = self.next_key();
        let (id, waker) = (pipe::journal_id(units), self.waker());
        let known = self.known.remove(&(id.device, id.inode));
        self.pipes.push(Pipe::journal(key, units, known, self.settings.from, once, waker)?);
        Ok(())
    }

    /// Whether nothing more can come but from files.
    pub fn pipes_ended(&self) -> bool {
        self.pipes.iter().all(Pipe::has_ended)
    }

    /// Whether nothing more can come.
    pub fn is_exhausted(&self) -> bool {
        self.settings.paths.is_empty() && self.pipes_ended()
    }

    fn next_key(&mut self) -> Key {
        self.last_key += 1;
        Key(self.last_key)
    }

    fn pipe(&self, key: Key) -> Option<&Pipe> {
        self.pipes.iter().find(|pipe| pipe.key == key)
    }

    /// Where the parser of `key` begins.
    pub fn start(&self, key: Key) -> Position {
        if let Some(pipe) = self.pipe(key) {
            return pipe.start.clone();
        }
        self.files.get(&key).map_or_else(Position::beginning, |file| file.start.clone())
    }

    /// The path of `key`, where it was last seen.
    pub fn path(&self, key: Key) -> Option<&Path> {
        let file = self.files.get(&key).map(|file| file.path.as_path());
        file.or_else(|| self.pipe(key).map(|pipe| pipe.name.as_path()))
    }

    /// Names the content that has a record of `key` at an offset: the same after renaming and copying, another one for
    /// another file's. It is of the path before any rotation, and of the file's first bytes before the record.
    pub fn content_ids(&self, key: Key) -> impl FnMut(u64) -> u64 {
        let file = self.files.get(&key);
        let mut last = None;
        move |offset| {
            let Some(file) = file else { return 0 };
            let first = file.first.bytes();
            let before = first.len().min(usize::try_from(offset).unwrap_or(usize::MAX));
            match last {
                Some((length, id)) if length == before => id,
                _ => last.insert((before, content_name(&file.family, first, offset))).1,
            }
        }
    }

    /// Checkpoints whose files are gone for good, or go on elsewhere; told once, and no sooner than where they go on.
    pub fn take_forgotten(&mut self) -> Vec<FileId> {
        if !self.steps.is_empty() {
            return Vec::new();
        }
        let mut forgotten = std::mem::take(&mut self.forgotten);
        let place = |file: &FileId| (file.device, file.inode);
        forgotten.retain(|file| !self.by_place.contains_key(&place(file)) && !self.known.contains_key(&place(file)));
        forgotten
    }

    /// How many files are watched.
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// The account of `key`, to be written into.
    pub fn ledger(&mut self, key: Key) -> Option<&mut Ledger> {
        let pipe = self.pipes.iter_mut().find(|pipe| pipe.key == key).map(|pipe| &mut pipe.ledger);
        pipe.or(self.files.get_mut(&key).map(|file| &mut file.ledger))
    }

    /// Reading stops because the outbox is full: what waits is told so in its account.
    pub fn note_stall(&mut self) {
        for key in &self.ready {
            if let Some(file) = self.files.get_mut(key) {
                file.ledger.stalls += 1;
            }
        }
    }

    /// The release that the lines of `key` named last, as far as it was read.
    pub fn release(&mut self, key: Key) -> Option<&mut Option<String>> {
        let pipe = self.pipes.iter_mut().find(|pipe| pipe.key == key).map(|pipe| &mut pipe.release);
        pipe.or(self.files.get_mut(&key).map(|file| &mut file.release))
    }

    /// The checkpoint of `key` at `position`; none when another content took the file's place.
    pub fn checkpoint(&mut self, key: Key, position: Position) -> Option<Checkpoint> {
        if let Some(pipe) = self.pipes.iter_mut().find(|pipe| pipe.key == key) {
            return pipe.checkpoint(position);
        }
        let mut checkpoint = self.files.get_mut(&key)?.checkpoint(position)?;
        if self.ended.contains(&key) {
            checkpoint.missing_since = known::seconds();
            self.files.get_mut(&key)?.last = Some(checkpoint.clone());
        }
        Some(checkpoint)
    }

    /// Lets the next bytes of `key` begin at `position`, which is not behind what was read, so that its parser can be
    /// dropped; whether that is possible.
    pub fn rewind(&mut self, key: Key, position: Position) -> bool {
        self.files.get_mut(&key).is_some_and(|file| file.rewind(position))
    }

    /// Whether `key` may hold bytes that were not read; it has its turn then.
    pub fn has_more(&mut self, key: Key) -> bool {
        let Some(file) = self.files.get_mut(&key) else { return false };
        if !file.queued && !file.has_changed() {
            return false;
        }
        self.queue(key);
        true
    }

    /// The file that stood at the path of `key` before it was rotated away, if it is still there; told once.
    pub fn take_predecessor(&mut self, key: Key) -> Option<Key> {
        self.files.get_mut(&key)?.after.take()
    }

    /// The bytes of `key` from `offset` on to where it was read, if they can be read again.
    pub fn read_back(&mut self, key: Key, offset: u64) -> Option<Vec<u8>> {
        self.is_open(key);
        self.files.get(&key)?.read_back(offset)
    }

    /// The end of what was read of `key`, where the line is counted on from `position`.
    pub fn end(&self, key: Key, position: &Position) -> Position {
        if let Some(pipe) = self.pipe(key) {
            return Position { offset: pipe.read, ..position.clone() };
        }
        self.files.get(&key).map_or_else(Position::beginning, |file| file.end(position))
    }

    /// Takes in what changed, waiting for it until `until`; whether someone asked for attention.
    fn look_around(&mut self, until: Instant) -> bool {
        let Changes { paths, everything, woken, .. } = self.watch.wait(until);
        self.scan_soon |= everything;
        if !self.scan_soon {
            for path in paths {
                self.visit(&path);
            }
        }
        let now = Instant::now();
        if self.scan_soon || now >= self.next_scan {
            self.scan_soon = false;
            self.scan();
            let interval =
                if self.watch.polls() { self.settings.poll_interval() } else { self.settings.rescan_interval() };
            self.next_scan = Instant::now() + interval;
        }
        while self.again.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            if let Some(Reverse((_, key))) = self.again.pop() {
                self.queue(key);
            }
        }
        woken
    }

    /// Says once that something cannot be read.
    fn say_trouble(&mut self, path: &Path, problem: &dyn std::fmt::Display) {
        if self.troubled.insert(path.to_owned()) {
            tracing::warn!("{}: cannot be read: {problem}; it is tried again", path.display());
        }
    }
}

/// What `Tail::content_ids` gives for a record at `offset` of a file that lies at the absolute `path` and begins with
/// `head`.
pub fn content_id(path: &Path, head: &[u8], offset: u64) -> u64 {
    content_name(&names::family(path), &head[..head.len().min(tailed::FIRST_BYTES)], offset)
}

fn content_name(family: &Path, first: &[u8], offset: u64) -> u64 {
    let before = usize::try_from(offset).unwrap_or(usize::MAX);
    let mut name = family.as_os_str().as_encoded_bytes().to_vec();
    name.push(b'\n');
    name.extend_from_slice(&first[..first.len().min(before)]);
    hash(&name)
}
