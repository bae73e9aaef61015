//! A file has its turn: it is opened if need be, read, and closed when nothing more comes of it.
//!
//! In: files that may hold something new. Out: steps. Invariants: one turn reads at most so many bytes; so many files
//! are open at a time, and the longest unused one is closed for the next. Does not look for files.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::io;
use std::time::{Duration, Instant};

use super::known::Passed;
use super::tailed::{Got, Handle};
use super::{Cause, Gap, Key, Step, Tail};

/// A file whose reading fails is tried again this soon at the latest.
const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(60);

impl Tail {
    pub(super) fn queue(&mut self, key: Key) {
        if let Some(file) = self.files.get_mut(&key).filter(|file| !file.queued) {
            file.queued = true;
            self.ready.push_back(key);
        }
    }

    /// A file has its turn.
    pub(super) fn turn(&mut self, key: Key, buffer: &mut Vec<u8>) -> Option<Step> {
        let before = self.files.get(&key)?.after;
        self.files.get_mut(&key)?.queued = false;
        if before.and_then(|before| self.files.get(&before)).is_some_and(|before| before.queued) {
            self.queue(key);
            return None;
        }
        if self.files.get(&key)?.retry_at.is_some_and(|at| Instant::now() < at) || !self.is_released(key) {
            return None;
        }
        if let Some(file) = self.files.get(&key).filter(|file| file.is_drained()) {
            return if file.away { self.leave(key) } else { None };
        }
        if !self.is_open(key) {
            return None;
        }
        let limit = self.settings.read_ahead_bytes;
        let got = match self.files.get_mut(&key)?.read(buffer, limit) {
            Ok(got) => got,
            Err(error) => return self.fail(key, &error),
        };
        self.succeed(key);
        let file = self.files.get_mut(&key)?;
        match got {
            Got::Bytes(range) => {
                file.grown = Instant::now();
                let offset = file.read - range.len() as u64;
                self.queue(key);
                Some(Step::Bytes { key, offset, range })
            }
            Got::Nothing => {
                // What is left, if anything, are NULs.
                file.seen = file.read;
                if file.packing.is_some() {
                    file.handle = None;
                    file.drained = Some((file.size, file.modified));
                }
                if file.away { self.leave(key) } else { None }
            }
            Got::Replaced => Some(self.replace(key)),
        }
    }

    /// Reading `key` failed: that is told once, counted, and tried again, ever more rarely. A file that was rotated away is
    /// given up at last.
    fn fail(&mut self, key: Key, error: &io::Error) -> Option<Step> {
        let (timeout, interval) = (self.settings.rotated_timeout(), self.settings.poll_interval());
        let file = self.files.get_mut(&key)?;
        if error.kind() == io::ErrorKind::StaleNetworkFileHandle {
            // The server has forgotten the open file, and may know its path still.
            file.handle = None;
            self.open.retain(|open| *open != key);
        }
        let wait = interval.saturating_mul(1 << file.failures.min(10)).min(MAX_RETRY_INTERVAL);
        let at = Instant::now() + wait;
        (file.failures, file.retry_at) = (file.failures.saturating_add(1), Some(at));
        file.ledger.failed_reads += 1;
        let path = file.path.clone();
        if file.away && file.grown.elapsed() >= timeout {
            let (offset, bytes) = (file.read, file.unread());
            self.lose(Gap { path, offset, bytes, cause: Cause::Unreadable });
            return Some(self.settle(key).unwrap_or(Step::Ended(key)));
        }
        self.say_trouble(&path, error);
        self.again.push(Reverse((at, key)));
        // So that its account is kept.
        Some(Step::Skipped(key))
    }

    /// Reading `key` succeeded.
    fn succeed(&mut self, key: Key) {
        let Some(file) = self.files.get_mut(&key).filter(|file| file.failures > 0) else { return };
        (file.failures, file.retry_at) = (0, None);
        if self.troubled.remove(&file.path) {
            tracing::info!("{}: can be read again", file.path.display());
        }
    }

    /// Sees to it that `key` has a descriptor; files over the limit are opened in turn.
    pub(super) fn is_open(&mut self, key: Key) -> bool {
        let Some(file) = self.files.get(&key) else { return false };
        if file.handle.is_some() {
            return true;
        }
        match file.reopen(file.real()) {
            Ok(handle) => {
                self.opened(key, handle);
                true
            }
            // A compressed file that is still being written.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.find_again(key),
            Err(error) => {
                let step = self.fail(key, &error);
                self.steps.extend(step);
                false
            }
        }
    }

    pub(super) fn opened(&mut self, key: Key, handle: Handle) {
        let packed = matches!(handle, Handle::Packed(_));
        let Some(file) = self.files.get_mut(&key) else { return };
        file.handle = Some(handle);
        if packed {
            return;
        }
        self.open.push_back(key);
        while self.open.len() > self.settings.max_open_files.max(2) {
            let Some(oldest) = self.open.pop_front() else { break };
            if oldest != key
                && let Some(file) = self.files.get_mut(&oldest)
            {
                file.handle = None;
            }
        }
    }

    /// What a step means for the room itself.
    pub(super) fn note(&mut self, step: Step) -> Step {
        match &step {
            Step::Ended(key) | Step::Moved { from: key, .. } => self.ended.push(*key),
            _ => {}
        }
        step
    }

    pub(super) fn drop_ended(&mut self) {
        for key in std::mem::take(&mut self.ended) {
            let Some(file) = self.files.remove(&key) else { continue };
            if self.by_place.get(&file.place()) == Some(&key) {
                self.by_place.remove(&file.place());
            }
            for path in file.paths() {
                if self.by_path.get(path) == Some(&key) {
                    self.by_path.remove(path);
                }
            }
            if let Some(facts) = file.facts().filter(|facts| !file.replaced && !facts.is_deleted) {
                self.passed.insert(file.place(), Passed::new(&facts));
            }
            self.open.retain(|open| *open != key);
            if let Entry::Occupied(mut kin) = self.kin.entry(file.kin) {
                kin.get_mut().retain(|member| *member != key);
                if kin.get().is_empty() {
                    kin.remove();
                }
            }
            self.parted.retain(|_, parted| *parted != key);
            if let Some(last) = file.last.filter(|_| !file.replaced) {
                // It may come back under a name that is wanted.
                self.miss(last);
            }
        }
    }
}
