//! Files that the store knows and that are not read now: found again, missing for a while, forgotten at last.
//!
//! In: checkpoints, what stands in the directories. Out: the checkpoint that a file goes on from; word of what is missing.
//! Invariants: a file that comes back within `missing_days` goes on where it was; what is remembered of files that are
//! gone is bounded. Does not read on.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::names::{beginnings, made_of, may_hold_rest, name_of, stem};
use super::rest::{self, Packing};
use super::{Cause, Checkpoint, Gap, Step, Tail};
use crate::system::{self, Facts, Place};

/// So many first bytes tell a file apart of which nothing is settled yet.
const MIN_HEAD_BYTES: u32 = 16;
/// A file that nobody had written to for so long, when others were written to, is deleted because it is old: that it is
/// gone loses nothing.
const RETIRED: Duration = Duration::from_secs(3600);

/// A file that is not read, as it was when that was decided.
#[derive(Debug)]
pub(super) struct Passed {
    size: u64,
    modified: i64,
    made: Option<i64>,
}

impl Passed {
    pub(super) fn new(facts: &Facts) -> Passed {
        Passed { size: facts.size, modified: facts.modified, made: facts.made }
    }

    /// Whether that is the file, and no other one with its inode.
    pub(super) fn is(&self, facts: &Facts) -> bool {
        match (self.made, facts.made) {
            (Some(then), Some(now)) => then == now,
            _ => facts.size >= self.size,
        }
    }

    /// Whether nothing was written to it since.
    fn is_unchanged(&self, facts: &Facts) -> bool {
        self.is(facts) && (self.size, self.modified) == (facts.size, facts.modified)
    }
}

/// What the store knows of a file.
pub(super) enum Claim {
    /// It goes on from here.
    Known(Box<Checkpoint>),
    /// At the start, another file had its inode: what it may be the rest of is told when all that is sought is known.
    Unsettled,
    Stranger,
}

impl Tail {
    /// At the start: files that the store knows and that are not where they were. They may have been renamed.
    pub(super) fn seek_missing(&mut self) {
        let mut directories: HashMap<PathBuf, HashMap<u64, Place>> = HashMap::new();
        for (place, known) in &self.known {
            if let Some(directory) = known.path.parent().filter(|directory| self.watch.has(directory)) {
                directories.entry(directory.to_owned()).or_default().insert(place.1, *place);
            }
        }
        for (directory, missing) in directories {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                if missing.contains_key(&system::inode(&entry)) {
                    self.visit(&entry.path());
                }
            }
            self.sought.extend(missing.values().filter_map(|place| self.known.remove(place)));
        }
    }

    /// At the start, when all files are known: what was rotated unseen, and where the rest of vanished files is.
    pub(super) fn seek_rests(&mut self) {
        let mut rotated = self.rotated();
        rotated.sort_by_cached_key(|path| system::facts(path).map_or(0, |facts| facts.modified));
        for path in rotated {
            self.visit(&path);
        }
        let retired = self.newest.saturating_sub(i64::try_from(RETIRED.as_nanos()).unwrap_or(i64::MAX));
        for lost in std::mem::take(&mut self.sought) {
            let unread = lost.size.checked_sub(lost.offset).filter(|unread| *unread > 0);
            // Of what was missing before it was told then.
            if lost.missing_since == 0 && (unread.is_some() || lost.modified > retired) {
                let (path, offset) = (lost.path.clone(), lost.offset);
                self.lose(Gap { path, offset, bytes: unread, cause: Cause::Vanished });
            }
            self.known.entry((lost.file.device, lost.file.inode)).or_insert(lost);
        }
        let absent: Vec<Checkpoint> = self.known.drain().map(|(_, known)| known).collect();
        absent.into_iter().for_each(|known| self.miss(known));
    }

    /// What rotations made of files that the store knows, and what begins like one of those that are sought.
    fn rotated(&self) -> Vec<PathBuf> {
        let sought = self.sought.iter().map(|known| &known.path);
        let mut directories: HashMap<&Path, HashSet<&str>> = HashMap::new();
        for path in self.previous.keys() {
            directories.entry(path.parent().unwrap_or(path)).or_default();
        }
        for path in sought {
            directories.entry(path.parent().unwrap_or(path)).or_default().extend(stem(path));
        }
        let mut rotated = Vec::new();
        for (directory, stems) in directories {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if made_of(&path).any(|base| self.previous.contains_key(&base))
                    || beginnings(name_of(&path)).any(|stem| stems.contains(stem))
                {
                    rotated.push(path);
                }
            }
        }
        rotated
    }

    /// The file of `known` is not read any more.
    pub(super) fn miss(&mut self, mut known: Checkpoint) {
        let place = (known.file.device, known.file.inode);
        if self.by_place.contains_key(&place) {
            return;
        }
        if known.missing_since == 0 {
            known.missing_since = seconds();
            self.steps.push_back(Step::Missing(Box::new(known.clone())));
        }
        self.known.insert(place, known);
    }

    /// Forgets files that are missing for too long, or are too many.
    pub(super) fn forget(&mut self) {
        let limit = seconds() - 86_400 * i64::from(self.settings.missing_days);
        let mut gone: Vec<Place> =
            self.known.iter().filter(|(_, known)| known.missing_since < limit).map(|(place, _)| *place).collect();
        let left = self.known.len() - gone.len();
        if let Some(excess) = left.checked_sub(self.settings.max_missing_files).filter(|excess| *excess > 0) {
            tracing::warn!("{left} files are gone that were read: the {excess} longest gone are forgotten");
            let mut rest: Vec<(i64, Place)> =
                self.known.iter().map(|(place, known)| (known.missing_since, *place)).collect();
            rest.sort_unstable();
            gone = rest.into_iter().take(gone.len() + excess).map(|(_, place)| place).collect();
        }
        for place in gone {
            self.passed.remove(&place);
            self.forgotten.extend(self.known.remove(&place).map(|known| known.file));
        }
    }

    /// Something could not be read: it is told, and stands in the account of the file that is there now.
    pub(super) fn lose(&mut self, gap: Gap) {
        gap.say();
        if let Some(file) = self.by_path.get(&gap.path).and_then(|key| self.files.get_mut(key)) {
            file.ledger.gaps += 1;
        }
        self.steps.push_back(Step::Gap(gap));
    }

    /// A file that is not read stands there still.
    pub(super) fn see(&mut self, place: Place) {
        if let Some(known) = self.known.get_mut(&place).filter(|known| known.missing_since > 0) {
            known.missing_since = seconds();
        }
    }

    /// Whether that file was read to its end, or is none that is read, and nothing was written to it since.
    pub(super) fn is_done(&self, facts: &Facts) -> bool {
        self.passed.get(&facts.place).is_some_and(|passed| passed.is_unchanged(facts))
    }

    /// Whether `path` may hold the rest of a file that is sought.
    pub(super) fn may_hold_rest(&self, path: &Path) -> bool {
        self.sought.iter().any(|known| may_hold_rest(path, &known.path))
    }

    /// Takes the sought checkpoint that `file` is the rest of.
    pub(super) fn take_sought(
        &mut self,
        file: &File,
        head: &[u8],
        packing: Option<Packing>,
        path: &Path,
    ) -> Option<Checkpoint> {
        let found = self.sought.iter().position(|known| {
            may_hold_rest(path, &known.path)
                && (known.offset > 0 || known.file.head_bytes >= MIN_HEAD_BYTES)
                && rest::holds(file, packing, head, known)
        })?;
        let known = self.sought.swap_remove(found);
        if !self.started {
            // It goes on elsewhere: nobody is to look for it at the next start.
            self.forgotten.push(known.file);
        }
        Some(known)
    }

    /// Whether the file was made after the agent had last run.
    pub(super) fn is_younger_than_the_store(&self, facts: &Facts) -> bool {
        self.newest > 0 && facts.made.is_some_and(|made| made > self.newest)
    }

    /// The checkpoint that the file goes on from, if there is one.
    pub(super) fn claim(
        &mut self,
        file: &File,
        head: &[u8],
        place: Place,
        packing: Option<Packing>,
        path: &Path,
    ) -> Claim {
        match self.known.remove(&place) {
            // No file is compressed in its place: of an empty one, nothing else tells.
            Some(known) if packing == rest::packing(&known.path) && rest::holds(file, packing, head, &known) => {
                return Claim::Known(Box::new(known));
            }
            Some(known) if !self.started => {
                self.sought.push(known);
                self.scan_soon = true;
                return Claim::Unsettled;
            }
            _ => {}
        }
        self.take_sought(file, head, packing, path).map_or(Claim::Stranger, |known| Claim::Known(Box::new(known)))
    }
}

/// Seconds since 1970.
pub(super) fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
