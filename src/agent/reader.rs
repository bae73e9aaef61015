//! From the tail room through the pipelines into the store, on one thread.
//!
//! In: the tail room, the store. Out: commits, and word of each. Invariants: findings and the positions that produced
//! them are committed together; a full outbox stops the reading; one file's panic costs that file's chunk. Does not send.

mod job;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Parts;
use crate::format::Tables;
use crate::issue::Repeats;
use crate::pipeline::{Batch, Finding, Pipeline};
use crate::policy::Policy;
use crate::release::{Marker, Releases};
use crate::store::{Built, Committed, Load, Store, StoreError};
use crate::tail::{Cause, Checkpoint, Gap, Key, Position, Settings, Step, Tail};
use job::{Job, JobState};

/// What was found is committed when the first event that is to be sent is so old while there is still something to read,
const SEND_AGE: Duration = Duration::from_millis(100);
/// or, without one, when the first finding or position is so old.
const COMMIT_AGE: Duration = Duration::from_secs(1);
/// While there is something to read, the events of repeats, which only wait, are built so often.
const HELD_AGE: Duration = Duration::from_secs(1);
/// How soon a store is tried again that refused something.
pub(super) const STORE_RETRY: Duration = Duration::from_secs(1);
/// How long the reading waits for room in the outbox before it asks again.
const FULL_INTERVAL: Duration = Duration::from_secs(1);

/// Builds the event of a finding.
pub type EventOf = Box<dyn FnMut(&Finding, &Repeats) -> Built + Send>;

/// Hears of each commit.
pub type Told = Box<dyn FnMut(&Batch, &Committed) + Send>;

/// What becomes of findings before they are committed, and what is done with what came of it.
pub struct Hooks {
    /// Builds events.
    pub event_of: EventOf,
    /// Sees each finding before it is committed: which DSN it goes to, whether it is too old.
    pub admit: Box<dyn FnMut(&mut Finding) + Send>,
    /// Hears of each commit.
    pub committed: Told,
}

/// How the reading ends, told from other threads.
#[derive(Debug, Default)]
pub struct Control {
    /// Stop at once: what was found is committed, open records are read again next time.
    pub stop: AtomicBool,
}

/// The reading side of the agent.
pub struct Reader {
    tail: Tail,
    settings: Settings,
    formats: Tables,
    policy: Arc<Policy>,
    store: Arc<Mutex<Store>>,
    hooks: Hooks,
    control: Arc<Control>,
    reads: Reads,
    once: bool,
    release_marker: Option<Marker>,
    /// The releases that the files name, where they name any.
    releases: HashMap<Key, Releases>,
    /// Each in a place of its own: a table of thousands grows by copying what is in it.
    jobs: HashMap<Key, Box<Job>>,
    /// When to look whether a job has gone quiet; each job is in it at most once.
    quiet: BinaryHeap<Reverse<(Instant, Key)>>,
    /// Quiet jobs, the longest quiet one first.
    warm: VecDeque<Key>,
    batch: Batch,
    /// Files whose position has moved since the last commit.
    moved: HashSet<Key>,
    /// Findings so far.
    found: u64,
    /// What waits in the store for a commit.
    load: Load,
    /// When the first event came of those that are to be sent.
    first_event: Option<Instant>,
    first_move: Option<Instant>,
    /// Since when the store was told that another batch follows.
    deferred: Option<Instant>,
    full: bool,
    /// Whether something was given up that was not committed: then nothing behind it may be.
    gave_up: bool,
}

/// Whether the inputs are read; no longer once the reader is gone, however it went.
struct Reads(Arc<AtomicBool>);

impl Reads {
    fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn have_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Reads {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Reader {
    /// A reader that has read nothing.
    pub fn new(parts: Parts, store: Arc<Mutex<Store>>, control: Arc<Control>) -> Reader {
        let Parts { tail, settings, formats, policy, hooks, reads, once, release_marker, .. } = parts;
        Reader {
            tail,
            settings,
            formats,
            policy,
            store,
            hooks,
            control,
            reads: Reads(reads),
            once,
            release_marker,
            releases: HashMap::new(),
            jobs: HashMap::new(),
            quiet: BinaryHeap::new(),
            warm: VecDeque::new(),
            batch: Batch::default(),
            moved: HashSet::new(),
            found: 0,
            load: Load::default(),
            first_event: None,
            first_move: None,
            deferred: None,
            full: false,
            gave_up: false,
        }
    }

    /// Reads until it is told to stop; with `once`, to the end of what is there.
    pub fn run(mut self) {
        let mut buffer = Vec::new();
        self.full = lock(&self.store).is_full().unwrap_or(false);
        while !self.control.stop.load(Ordering::Relaxed) {
            if self.full {
                self.reads.begin();
                self.wait_for_room();
                continue;
            }
            // The first step does not wait: with it, the inputs were looked for.
            let deadline = if self.reads.have_begun() { self.deadline() } else { Instant::now() };
            let step = self.tail.next(&mut buffer, deadline);
            self.reads.begin();
            let at_rest = matches!(step, Step::Quiet);
            self.take(step, &buffer);
            self.bring_to_rest();
            if self.is_due(at_rest) {
                self.commit(at_rest);
            }
            if at_rest && self.is_empty() && (self.tail.is_exhausted() || self.once && self.tail.pipes_ended()) {
                break;
            }
        }
        if (self.once || self.tail.is_exhausted()) && !self.control.stop.load(Ordering::Relaxed) {
            for key in self.jobs.keys().copied().collect::<Vec<_>>() {
                self.work(key, |pipeline| pipeline.finish());
            }
        }
        self.commit(true);
    }

    fn is_empty(&self) -> bool {
        !self.has_found() && self.moved.is_empty()
    }

    /// Until when there is nothing to do but to read.
    fn deadline(&self) -> Instant {
        let now = Instant::now();
        // What was found goes out as soon as there is nothing to read.
        let at_end = self.once && self.tail.pipes_ended();
        if at_end || self.tail.is_exhausted() || self.has_found() || self.deferred.is_some() {
            return now;
        }
        let quiet = self.quiet.peek().map(|Reverse((at, _))| *at);
        let positions = self.first_move.map(|since| since + COMMIT_AGE);
        quiet.into_iter().chain(positions).min().unwrap_or(now + Duration::from_secs(3600))
    }

    fn take(&mut self, step: Step, buffer: &[u8]) {
        match step {
            Step::Bytes { key, offset, range } => self.push(key, offset, &buffer[range]),
            Step::Skipped(key) if self.jobs.contains_key(&key) => self.note(key),
            Step::Skipped(key) => {
                let position = self.tail.start(key);
                self.batch.checkpoints.extend(self.tail.checkpoint(key, position));
                self.first_move.get_or_insert_with(Instant::now);
            }
            Step::Missing(checkpoint) => {
                self.batch.checkpoints.push(*checkpoint);
                self.first_move.get_or_insert_with(Instant::now);
            }
            Step::Gap(gap) => {
                self.batch.gaps.push(gap);
                self.first_move.get_or_insert_with(Instant::now);
            }
            Step::Moved { from, to } => {
                self.moved.remove(&from);
                if let Some(mut job) = self.jobs.remove(&from) {
                    job.watched = false;
                    self.jobs.insert(to, job);
                    self.watch(to);
                }
                if let Some(releases) = self.releases.remove(&from) {
                    self.releases.insert(to, releases);
                }
            }
            Step::Ended(key) => {
                self.work(key, |pipeline| pipeline.finish());
                self.unpin();
                if let Some(job) = self.jobs.remove(&key).filter(|job| job.pinned.is_none()) {
                    let end = self.tail.end(key, &job.pipeline.checkpoint());
                    let checkpoint = checkpoint(&mut self.tail, self.releases.get(&key), key, end);
                    self.batch.checkpoints.extend(checkpoint);
                    self.first_move.get_or_insert_with(Instant::now);
                }
                self.moved.remove(&key);
                self.releases.remove(&key);
            }
            Step::Quiet | Step::Woken => {}
        }
    }

    /// The next bytes of a file.
    fn push(&mut self, key: Key, offset: u64, bytes: &[u8]) {
        if self.jobs.get(&key).is_some_and(|job| job.next != offset) {
            // A hole lies between.
            self.work(key, |pipeline| pipeline.finish());
            self.begin_again(key, offset);
        }
        if !self.jobs.contains_key(&key) {
            self.begin(key);
            if self.jobs.get(&key).is_some_and(|job| job.next != offset) {
                self.begin_again(key, offset);
            }
        }
        if let Some(job) = self.jobs.get_mut(&key) {
            job.next = offset + bytes.len() as u64;
            job.last = Instant::now();
            job.unended = bytes.last() != Some(&b'\n');
            job.state = JobState::Busy;
        }
        if let Some(marker) = &self.release_marker {
            let known = || Releases::resume(self.tail.release(key).and_then(|release| release.clone()));
            self.releases.entry(key).or_insert_with(known).push(marker, offset, bytes);
        }
        self.work(key, |pipeline| pipeline.push(bytes));
        self.watch(key);
    }

    /// Lets a pipeline work, and takes what it found. A panic costs the file what the pipeline held.
    fn work(&mut self, key: Key, work: impl FnOnce(&mut Pipeline)) {
        let Some(job) = self.jobs.get_mut(&key) else { return };
        let found = catch_unwind(AssertUnwindSafe(|| {
            work(&mut job.pipeline);
            job.pipeline.take()
        }));
        let mut found = match found {
            Ok(found) => found,
            Err(_) => {
                let (begin, end) = (job.known.offset, job.next);
                let (path, bytes) = (PathBuf::from(&job.path), Some(end - begin));
                self.first_move.get_or_insert_with(Instant::now);
                self.batch.gaps.push(Gap { path, offset: begin, bytes, cause: Cause::Parser });
                tracing::error!(
                    "{}: the parser failed before byte {end} and goes on behind it: please report it with those lines",
                    job.path
                );
                self.begin_again(key, end);
                return;
            }
        };
        // So that a record's event has the same id whatever its file is called by then.
        let offsets = found.iter().map(|finding| finding.record.source.offset);
        let ids: Vec<u64> = offsets.map(self.tail.content_ids(key)).collect();
        for (finding, id) in found.iter_mut().zip(ids) {
            finding.record.origin.push(("file_id".to_owned(), format!("{id:016x}")));
            let release = self.releases.get(&key).and_then(|releases| releases.of(finding.record.source.offset));
            finding.record.origin.extend(release.map(|release| ("release".to_owned(), release.to_owned())));
            (self.hooks.admit)(finding);
        }
        if let Some(ledger) = self.tail.ledger(key) {
            ledger.records += found.len() as u64;
        }
        self.note(key);
        self.found += found.len() as u64;
        if !found.is_empty() {
            self.hand_on(found.into());
        }
    }

    /// Lets the store count what was found.
    fn hand_on(&mut self, mut found: VecDeque<Finding>) {
        let taken = self.insist(|store, hooks| store.take(&mut found, Timestamp::now(), &mut hooks.event_of));
        let Some(load) = taken else { return };
        self.load = load;
        if load.sends {
            self.first_event.get_or_insert_with(Instant::now);
        }
    }

    /// Lets the store work until it can; until then, nothing is read. None where the agent is to stop before: what was
    /// found will be read again.
    fn insist<T>(&mut self, mut work: impl FnMut(&mut Store, &mut Hooks) -> Result<T, StoreError>) -> Option<T> {
        let mut said = false;
        while !self.gave_up {
            let done = work(&mut lock(&self.store), &mut self.hooks);
            match done {
                Ok(done) => return Some(done),
                Err(error) if !said => {
                    said = true;
                    tracing::error!("{error}: nothing is read until the store can be used again; see to its disk");
                }
                Err(_) => {}
            }
            self.gave_up = self.control.stop.load(Ordering::Relaxed);
            if !self.gave_up {
                self.tail.hold(Instant::now() + STORE_RETRY);
            }
        }
        None
    }

    /// The position of `key` is to be committed.
    fn note(&mut self, key: Key) {
        self.first_move.get_or_insert_with(Instant::now);
        self.moved.insert(key);
    }

    fn is_due(&self, at_rest: bool) -> bool {
        let age = |since: Option<Instant>| since.map_or(Duration::ZERO, |since| since.elapsed());
        self.load.is_full
            || (at_rest && (self.once || self.has_found() || self.deferred.is_some()))
            || age(self.first_event) >= SEND_AGE
            || age(self.first_move) >= COMMIT_AGE
            || age(self.deferred) >= HELD_AGE
    }

    /// Whether there is something beside positions to be committed.
    fn has_found(&self) -> bool {
        self.load.findings > 0 || !self.batch.is_empty()
    }

    /// Commits what was found with the positions that produced it. Until the store takes it, nothing is read. At rest,
    /// nothing is left for a later commit.
    fn commit(&mut self, at_rest: bool) {
        self.unpin();
        for key in self.moved.drain() {
            if let Some(job) = self.jobs.get_mut(&key) {
                job.known = job.pipeline.checkpoint();
                let position = job.pinned.as_ref().unwrap_or(&job.known);
                let position = position.clone();
                let checkpoint = checkpoint(&mut self.tail, self.releases.get(&key), key, position);
                self.batch.checkpoints.extend(checkpoint);
            }
        }
        self.batch.forgotten = self.tail.take_forgotten();
        (self.first_event, self.first_move) = (None, None);
        let deferred = self.deferred.take();
        if !self.has_found() && deferred.is_none() {
            return;
        }
        let mut batch = std::mem::take(&mut self.batch);
        batch.goes_on = !at_rest && deferred.is_none_or(|since| since.elapsed() < HELD_AGE);
        self.deferred = batch.goes_on.then(|| deferred.unwrap_or_else(Instant::now));
        self.load = Load::default();
        let committed = self.insist(|store, hooks| store.commit(&batch, Timestamp::now(), &mut hooks.event_of));
        if let Some(committed) = committed {
            self.full = committed.fill.is_full;
            (self.hooks.committed)(&batch, &committed);
        }
    }

    /// The outbox is full: files are kept in sight, and not read.
    fn wait_for_room(&mut self) {
        self.tail.note_stall();
        self.commit(true);
        while self.full && !self.control.stop.load(Ordering::Relaxed) {
            self.tail.hold(Instant::now() + FULL_INTERVAL);
            self.full = lock(&self.store).is_full().unwrap_or(true);
        }
    }
}

/// The checkpoint of `key` at `position`, with the release that its lines named before.
fn checkpoint(tail: &mut Tail, releases: Option<&Releases>, key: Key, position: Position) -> Option<Checkpoint> {
    let named = releases.and_then(|releases| releases.of(position.offset));
    if let (Some(named), Some(release)) = (named, tail.release(key)) {
        *release = Some(named.to_owned());
    }
    tail.checkpoint(key, position)
}

/// The store; what a panicking thread left of it is whole, since each change is one transaction.
pub(super) fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
