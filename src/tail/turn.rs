//! A file has its turn: it is opened if need be, read, and closed when nothing more comes of it.
//!
//! In: files that may hold something new. Out: steps. Invariants: one turn reads at most so many bytes; so many files
//! are open at a time, and the longest unused one is closed for the next. Does not look for files.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::time::Instant;
use std::{fs, io};

use super::known::Passed;
use super::tailed::{Got, Handle};
use super::{Key, Step, Tail, unix};

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
        if !self.is_released(key) {
            return None;
        }
        if let Some(file) = self.files.get(&key).filter(|file| file.is_drained()) {
            return if file.away { self.leave(key) } else { None };
        }
        if !self.is_open(key) {
            return None;
        }
        let limit = self.settings.read_ahead_bytes;
        let file = self.files.get_mut(&key)?;
        match file.read(buffer, limit) {
            Ok(Got::Bytes(range)) => {
                file.grown = Instant::now();
                let offset = file.read - range.len() as u64;
                self.queue(key);
                Some(Step::Bytes { key, offset, range })
            }
            Ok(Got::Nothing) => {
                // What is left, if anything, are NULs.
                file.seen = file.read;
                if file.packing.is_some() {
                    file.handle = None;
                    file.drained = Some((file.size, file.modified));
                }
                if file.away { self.leave(key) } else { None }
            }
            Ok(Got::Replaced) => Some(self.replace(key)),
            Err(error) => {
                let path = file.path.clone();
                self.say_trouble(&path, &error);
                None
            }
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
                let path = file.path.clone();
                self.say_trouble(&path, &error);
                self.again.push(Reverse((Instant::now() + self.settings.poll_interval(), key)));
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
            self.open.retain(|open| *open != key);
            if let Entry::Occupied(mut family) = self.families.entry(file.family.clone()) {
                family.get_mut().retain(|member| *member != key);
                if family.get().is_empty() {
                    family.remove();
                }
            }
            self.parted.retain(|_, parted| *parted != key);
            let metadata = match &file.handle {
                Some(Handle::Plain(handle)) => handle.metadata(),
                _ => fs::symlink_metadata(file.real()),
            };
            if let Ok(metadata) = metadata
                && unix::place(&metadata) == file.place()
                && !file.replaced
                && !unix::is_deleted(&metadata)
            {
                self.passed.insert(file.place(), Passed::new(&metadata));
            }
            if let Some(last) = file.last.filter(|_| !file.replaced) {
                // It may come back under a name that is wanted.
                self.miss(last);
            }
        }
    }
}
