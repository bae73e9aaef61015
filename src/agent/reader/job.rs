//! The parser of one file: how it begins, goes on with what its predecessor left open, and is brought to rest.
//!
//! In: files that go on or go quiet. Out: parsers. Invariant: each quiet file is looked at once its time has come, and of
//! those at rest only so many parsers are kept. Does not read or commit.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::{Duration, Instant};

use errtail_parsers::Options;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Reader;
use crate::pipeline::Pipeline;
use crate::policy::Policy;
use crate::release::Releases;
use crate::tail::{Key, Position};

/// Who looks so much too late whether a file went quiet did not see it in the meantime: the outbox was full, or the
/// machine stood still, and with it the file's writer.
const UNSEEN: Duration = Duration::from_millis(250);
/// Parsers of quiet files that are kept; those of others are made again when their files go on.
const WARM_PIPELINES: usize = 64;

/// One file's parser.
pub(super) struct Job {
    pub pipeline: Pipeline,
    pub path: String,
    /// Where the pipeline began, or was at the last commit.
    pub known: Position,
    /// Where the next bytes must begin.
    pub next: u64,
    pub last: Instant,
    /// Whether the last byte ended no line.
    pub unended: bool,
    /// Whether `quiet` knows of it.
    pub watched: bool,
    pub state: JobState,
    /// The checkpoint that stays as long as the successor's parser needs the bytes behind it.
    pub pinned: Option<Position>,
    /// The predecessor whose checkpoint is pinned for this job.
    pub pins: Option<Key>,
}

impl Job {
    /// Its parser starts afresh at `position`.
    fn resume(&mut self, policy: &Arc<Policy>, options: Options, position: Position) {
        self.known = position.clone();
        self.pipeline = Pipeline::resume(self.path.clone(), policy, options, position);
    }

    /// Whether its parser can be dropped, and made again later.
    fn is_cold(&self) -> bool {
        self.state == JobState::Settled && self.pinned.is_none() && self.pins.is_none()
    }
}

/// How far a job has been brought to rest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum JobState {
    Busy,
    /// Its records are closed.
    Closed,
    /// A line without its end is taken too: nothing is open.
    Settled,
}

impl Reader {
    /// A parser for `key`. It goes on with what the file's predecessor left open.
    pub(super) fn begin(&mut self, key: Key) {
        let known = self.tail.start(key);
        let path = self.tail.path(key).map(|path| path.display().to_string()).unwrap_or_default();
        let pins = self.tail.take_predecessor(key).filter(|_| known.offset == 0);
        let named = pins.and_then(|before| Some(self.releases.get(&before)?.last()?.to_owned()));
        if let Some(release) = named {
            self.releases.entry(key).or_insert_with(|| Releases::resume(Some(release)));
        }
        let carried = pins.and_then(|before| self.carry(before, &path));
        let pins = pins.filter(|_| carried.is_some());
        let fresh = || Pipeline::resume(path.clone(), &self.policy, self.options(&path), known.clone());
        let pipeline = carried.unwrap_or_else(fresh);
        let job = Job {
            pipeline,
            path,
            next: known.offset,
            known,
            last: Instant::now(),
            unended: false,
            watched: false,
            state: JobState::Busy,
            pinned: None,
            pins,
        };
        self.jobs.insert(key, Box::new(job));
    }

    /// What `before` left open goes on in its successor at `path`; its own checkpoint stays until that is closed.
    fn carry(&mut self, before: Key, path: &str) -> Option<Pipeline> {
        let options = self.options(path);
        let job = self.jobs.get_mut(&before)?;
        let open = job.pipeline.checkpoint();
        let bytes = self.tail.read_back(before, open.offset).filter(|bytes| !bytes.is_empty())?;
        let end = self.tail.end(before, &open);
        job.pipeline = Pipeline::resume(job.path.clone(), &self.policy, options.clone(), end.clone());
        job.known = end;
        job.state = JobState::Settled;
        job.pinned = Some(open.clone());
        Some(Pipeline::carry_on(path.to_owned(), &self.policy, options, (job.path.clone(), open), &bytes))
    }

    /// Lets the predecessors go whose open ends were closed in their successors.
    pub(super) fn unpin(&mut self) {
        let done = |job: &&mut Box<Job>| job.pins.is_some() && !job.pipeline.is_carrying();
        let done: Vec<Key> = self.jobs.values_mut().filter(done).filter_map(|job| job.pins.take()).collect();
        for before in done {
            if let Some(job) = self.jobs.get_mut(&before) {
                job.pinned = None;
                self.moved.insert(before);
            }
        }
    }

    /// The parser of `key` starts afresh at `offset`, to which the file was read.
    pub(super) fn begin_again(&mut self, key: Key, offset: u64) {
        let Some(options) = self.jobs.get(&key).map(|job| self.options(&job.path)) else { return };
        let Some(job) = self.jobs.get_mut(&key) else { return };
        let position = Position { offset, ..self.tail.end(key, &job.known) };
        job.next = offset;
        job.resume(&self.policy, options, position);
    }

    fn options(&self, path: &str) -> Options {
        let formats = self.formats.of(path);
        let latest = Some(TimeZone::UTC.to_datetime(Timestamp::now()).date());
        Options { max_record_bytes: self.settings.max_record_bytes, formats, latest, ..Options::default() }
    }

    /// Sees to it that someone looks whether `key` goes quiet.
    pub(super) fn watch(&mut self, key: Key) {
        let timeout = Duration::from_millis(self.settings.idle_timeout_ms);
        if let Some(job) = self.jobs.get_mut(&key).filter(|job| !job.watched) {
            job.watched = true;
            self.quiet.push(Reverse((job.last + timeout, key)));
        }
    }

    /// Closes what went quiet.
    pub(super) fn bring_to_rest(&mut self) {
        let now = Instant::now();
        while self.quiet.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((_, key))) = self.quiet.pop() else { return };
            let Some(job) = self.jobs.get_mut(&key) else { continue };
            let timeout = match job.state {
                JobState::Busy => self.settings.idle_timeout_ms,
                JobState::Closed | JobState::Settled => self.settings.unended_timeout_ms,
            };
            let timeout = Duration::from_millis(timeout);
            let mut due = job.last + timeout;
            if due + UNSEEN < now || due <= now && self.tail.has_more(key) {
                job.last = now;
                due = now + timeout;
            }
            if due > now {
                self.quiet.push(Reverse((due, key)));
                continue;
            }
            match job.state {
                JobState::Busy if job.unended => {
                    job.state = JobState::Closed;
                    let due = job.last + Duration::from_millis(self.settings.unended_timeout_ms);
                    self.quiet.push(Reverse((due, key)));
                    self.work(key, Pipeline::idle);
                }
                JobState::Busy => {
                    self.work(key, Pipeline::idle);
                    self.settle(key);
                }
                JobState::Closed => {
                    self.take_unended(key);
                    self.settle(key);
                }
                JobState::Settled => {}
            }
        }
    }

    /// Takes the last line of `key` as it is; where nothing is found so, it waits for its end, and so does JSON, which
    /// always has one.
    fn take_unended(&mut self, key: Key) {
        let Some(job) = self.jobs.get(&key) else { return };
        let (open, end, carries) = (job.pipeline.checkpoint(), job.next, job.pipeline.is_carrying());
        let options = self.options(&job.path);
        let bytes = (!carries).then(|| self.tail.read_back(key, open.offset)).flatten().unwrap_or_default();
        if bytes.rsplit(|byte| *byte == b'\n').next().is_some_and(|line| line.starts_with(b"{")) {
            return;
        }
        let found = self.found;
        self.work(key, Pipeline::finish);
        if bytes.is_empty() || self.found > found {
            return self.begin_again(key, end);
        }
        if let Some(job) = self.jobs.get_mut(&key) {
            job.resume(&self.policy, options, open);
        }
        self.work(key, |pipeline| pipeline.push(&bytes));
    }

    /// Nothing is open in `key`. Of the files that are quiet, the parsers of the longest quiet ones are dropped.
    fn settle(&mut self, key: Key) {
        if let Some(job) = self.jobs.get_mut(&key) {
            (job.state, job.watched) = (JobState::Settled, false);
            self.warm.push_back(key);
        }
        if self.warm.len() <= WARM_PIPELINES {
            return;
        }
        let Some(cold) = self.warm.pop_front() else { return };
        let Some(job) = self.jobs.get(&cold).filter(|job| job.is_cold()) else { return };
        let position = job.pipeline.checkpoint();
        if self.moved.remove(&cold) {
            let checkpoint = super::checkpoint(&mut self.tail, self.releases.get(&cold), cold, position.clone());
            self.batch.checkpoints.extend(checkpoint);
        }
        if self.tail.rewind(cold, position) {
            self.jobs.remove(&cold);
        }
    }
}
