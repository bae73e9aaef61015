//! What becomes of a file that is rotated: renamed, copied and cut short, deleted, compressed.
//!
//! In: files whose path or content changed. Out: steps. Invariant: what a file held is read to its end wherever it went
//! (its descriptor, its new name, its copy, its compressed copy), once. Does not parse.

use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::names::{family, is_marked_inside, is_rotated, kin, made_of, may_hold_rest, name_of};
use super::rest;
use super::tailed::{Edge, FIRST_BYTES, Handle, Tailed, before};
use super::{AWAY_INTERVAL, Cause, Gap, Key, Step, Tail, hash};
use crate::system::{self, Facts, Kind, Place};

/// Bytes of a copy and its original that are compared at a time.
const COMPARED_BYTES: usize = 64 * 1024;
/// A deleted file frees its space when it is closed: it is not kept open for long.
const DELETED_TIMEOUT: Duration = Duration::from_secs(5);
/// So long a writer may go on with a file that was renamed, when it is met for the first time.
const WRITTEN_LATE: i64 = 1_000_000_000;

impl Tail {
    /// Nothing new in a file that no wanted path leads to: closes it, once its writer had time to let go of it.
    pub(super) fn leave(&mut self, key: Key) -> Option<Step> {
        let file = self.files.get(&key)?;
        let deleted = match &file.handle {
            Some(Handle::Plain(handle)) => system::facts_of(handle).is_ok_and(|facts| facts.is_deleted),
            _ => false,
        };
        let mut timeout = self.settings.rotated_timeout();
        if deleted {
            timeout = timeout.min(DELETED_TIMEOUT);
        }
        let still = file.grown.elapsed();
        if still >= timeout {
            return Some(self.settle(key).unwrap_or(Step::Ended(key)));
        }
        let interval = AWAY_INTERVAL.max(still / 4).min(timeout - still);
        self.again.push(Reverse((Instant::now() + interval, key)));
        None
    }

    /// Another content stands where `key` was read: it is a new file, and the old one's rest may be in a copy.
    pub(super) fn replace(&mut self, key: Key) -> Step {
        let Some((path, target)) = self.files.get(&key).map(|file| (file.path.clone(), file.target.clone())) else {
            return Step::Ended(key);
        };
        // It may have been renamed meanwhile, and then its copy's name is not made of its own.
        for sibling in siblings(target.as_ref().unwrap_or(&path)) {
            self.visit(&sibling);
        }
        let is_copied = self.files.values().any(|file| file.copy_of == Some(key));
        let step = if is_copied {
            self.settle(key)
        } else {
            // The copy may have been compressed before anyone saw it.
            self.seek_rest(key).map(|to| Step::Moved { from: key, to })
        };
        let step = step.unwrap_or(Step::Ended(key));
        let Some(file) = self.files.get_mut(&key) else { return step };
        file.replaced = true;
        let handle = file.handle.take();
        let (away, read, unread) = (file.away, file.read, file.unread());
        let moved = if let Step::Moved { to, .. } = step { Some(to) } else { None };
        self.open.retain(|open| *open != key);
        if let Some(Handle::Plain(handle)) = handle
            && let Ok(facts) = system::facts_of(&handle)
        {
            let head = rest::head(&handle, None);
            let next = self.insert(&path, target, &facts, &head);
            for led in self.by_path.values_mut().filter(|led| **led == key) {
                *led = next;
            }
            if let Some(file) = self.files.get_mut(&next) {
                file.away = away;
                // A record may begin in the copy and end here.
                file.after = moved;
            }
            self.opened(next, Handle::Plain(handle));
            self.queue(next);
            // The copy's place first: without it, this one's would hide that it is a rest.
            self.steps.extend(moved.into_iter().chain([next]).map(Step::Skipped));
        }
        if moved.is_none() && unread.is_some() {
            self.lose(Gap { path, offset: read, bytes: unread, cause: Cause::CutShort });
        }
        step
    }

    /// `key` ends. Its copies, if there are any, are what is left of it: the first one that holds more goes on.
    pub(super) fn settle(&mut self, key: Key) -> Option<Step> {
        let copies: Vec<Key> =
            self.files.iter().filter(|(_, file)| file.copy_of == Some(key)).map(|(key, _)| *key).collect();
        let mut step = None;
        for copy in copies {
            self.is_open(copy);
            let (Some(mut file), Some(original)) = (self.files.remove(&copy), self.files.get(&key)) else { continue };
            file.copy_of = None;
            match compare(&file, original) {
                Likeness::Holds if step.is_none() => {
                    file.read = original.read;
                    file.edge = original.edge;
                    file.first = original.first;
                    file.start = original.start.clone();
                    step = Some(Step::Moved { from: key, to: copy });
                }
                Likeness::Differs => {}
                // All of it was read.
                Likeness::Holds | Likeness::Shorter => file.pass(),
            }
            self.files.insert(copy, file);
            self.queue(copy);
        }
        step
    }

    /// Whether `key` may be read: it is no copy of another file, or not any more.
    pub(super) fn is_released(&mut self, key: Key) -> bool {
        let Some(copy) = self.files.get(&key) else { return false };
        let Some(original) = copy.copy_of else { return true };
        if self.files.contains_key(&original) {
            if !self.is_open(original) || !self.is_open(key) {
                return false;
            }
            let (Some(copy), Some(of)) = (self.files.get(&key), self.files.get(&original)) else { return false };
            if !of.is_itself() {
                // It will be found out at its turn, and decide about the copy.
                self.queue(original);
                return false;
            }
            let same = common_bytes(copy, of);
            if let Some(copy) = self.files.get_mut(&key).filter(|_| same.is_some()) {
                copy.same = same.unwrap_or_default();
                return false;
            }
        }
        if let Some(copy) = self.files.get_mut(&key) {
            copy.copy_of = None;
        }
        true
    }

    /// The file that `path`, which begins with `head`, may be a copy of: of the same kin, with the same beginning.
    pub(super) fn original_of(&self, path: &Path, head: &[u8]) -> Option<Key> {
        self.likeness_of(path, head).or_else(|| {
            let name = path.file_name()?.to_str()?;
            // Where there is nothing to compare yet, the name must tell.
            self.may_be_original(path, |original| {
                (original.first.bytes().is_empty() || head.is_empty())
                    && !original.away
                    && is_rotated(name, name_of(&original.path))
            })
        })
    }

    /// The same, where there are bytes to compare.
    pub(super) fn likeness_of(&self, path: &Path, head: &[u8]) -> Option<Key> {
        self.may_be_original(path, |original| {
            let first = original.first.bytes();
            let length = first.len().min(head.len());
            length > 0 && first[..length] == head[..length]
        })
    }

    fn may_be_original(&self, path: &Path, is_like: impl Fn(&Tailed) -> bool) -> Option<Key> {
        let name = path.file_name()?.to_str()?;
        let family = family(path);
        let may_be = |original: &Tailed| {
            // What was rotated away is not written to the old name again.
            !is_rotated(name_of(&original.path), name)
                // One day's file is no copy of another day's.
                && (original.family == family || is_rotated(name, name_of(&original.path)))
        };
        let is_it = |key: &&Key| self.files.get(key).is_some_and(|file| may_be(file) && is_like(file));
        self.kin.get(&kin(path))?.iter().find(is_it).copied()
    }

    /// Whether a file that was complete took the place of `key` by a rename over it, as editors do.
    pub(super) fn was_replaced_by(&self, key: Key, facts: &Facts) -> bool {
        let Some(original) = self.files.get(&key).filter(|original| original.read <= facts.size) else {
            return false;
        };
        original.facts().is_some_and(|gone| gone.is_deleted && gone.changed > facts.modified)
    }

    /// Of which wanted file a rotation made `path`, just now, by its name: it came and went between two looks.
    pub(super) fn fresh_rotation_of(&self, path: &Path, facts: &Facts) -> Option<PathBuf> {
        let is_passed = self.passed.get(&facts.place).is_some_and(|passed| passed.is(facts));
        if is_passed || self.patterns.leaves_out(path) || (self.started && rest::packing(path).is_some()) {
            return None;
        }
        let modified = facts.modified;
        made_of(path).find(|base| {
            if self.started {
                self.patterns.wants(base)
            } else {
                self.previous.get(base).is_some_and(|previous| modified > *previous)
            }
        })
    }

    /// Whether `path` was once at `base`. Of a name that programs also write to from the first byte on, that is so where
    /// what is at `base` began when `path` ended.
    pub(super) fn was_at(&self, base: &Path, path: &Path, facts: &Facts) -> bool {
        if !is_marked_inside(path, base) {
            return true;
        }
        let begins_anew = |key: &Key| self.files.get(key).is_some_and(|file| file.last.is_none());
        if !self.started && self.by_path.get(base).is_none_or(begins_anew) {
            return true;
        }
        let made = system::facts(base).ok().and_then(|base| base.made);
        made.is_none_or(|made| facts.modified - WRITTEN_LATE <= made)
    }

    /// Whether a file that is not wanted, and not in the tables, has a name that a rotation makes.
    pub(super) fn is_news(&self, path: &Path, place: Place) -> bool {
        !self.by_place.contains_key(&place) && made_of(path).any(|base| self.patterns.wants(&base))
    }

    /// The file of `key` is not at its path, and is not open: looks for its new name, or for its compressed rest.
    pub(super) fn find_again(&mut self, key: Key) -> bool {
        let Some(file) = self.files.get_mut(&key) else { return false };
        let path = file.real().clone();
        if let Some(found) = find_inode(&path, file.place())
            && let Ok(handle) = file.reopen(&found)
        {
            file.path = found;
            file.target = None;
            self.opened(key, handle);
            return true;
        }
        let (offset, unread) = (file.read, file.unread());
        let moved = self.seek_rest(key).map(|to| Step::Moved { from: key, to });
        if let (None, Some(unread)) = (&moved, unread) {
            self.lose(Gap { path, offset, bytes: Some(unread), cause: Cause::Vanished });
        }
        let step = moved.or_else(|| self.settle(key)).unwrap_or(Step::Ended(key));
        self.steps.push_back(step);
        false
    }

    /// What holds what `key` held, and more, beside it: it goes on from there.
    fn seek_rest(&mut self, key: Key) -> Option<Key> {
        let file = self.files.get(&key)?;
        let (path, last_key) = (file.real().clone(), self.last_key);
        let mut sought = file.last.clone().unwrap_or_default();
        (sought.file, sought.path, sought.offset) = (file.id, path.clone(), file.read);
        (sought.edge, sought.edge_bytes) = (hash(file.edge.bytes()), file.edge.bytes().len() as u32);
        let (id, offset) = (sought.file, sought.offset);
        self.sought.push(sought);
        for sibling in siblings(&path) {
            self.visit(&sibling);
        }
        let count = self.sought.len();
        self.sought.retain(|other| other.file != id);
        if self.sought.len() < count {
            return None;
        }
        let goes_on = |key: &Key| self.files.get(key).is_some_and(|file| file.start.offset == offset);
        (last_key + 1..=self.last_key).map(Key).find(goes_on)
    }
}

/// How many bytes `copy` holds, if they are the first ones of what `original` holds now; what outlives it may hold more.
/// Each is compared once: logs of one writer can be alike at both ends and differ between.
fn common_bytes(copy: &Tailed, original: &Tailed) -> Option<u64> {
    let (mut same, outlives) = (copy.same, copy.outlives);
    let (copy, original) = match (&copy.handle, &original.handle) {
        (Some(Handle::Plain(copy)), Some(Handle::Plain(original))) => (copy, original),
        // Its bytes come in order only: the first ones must do.
        (Some(Handle::Packed(_)), Some(Handle::Plain(original))) => {
            return copy.id.begins(&rest::head(original, None)).then_some(same);
        }
        _ => return Some(same),
    };
    let end = if outlives { system::facts_of(original).map_or(0, |facts| facts.size) } else { u64::MAX };
    let (mut piece, mut other) = (vec![0; COMPARED_BYTES], vec![0; COMPARED_BYTES]);
    loop {
        let limit = COMPARED_BYTES.min(usize::try_from(end.saturating_sub(same)).unwrap_or(COMPARED_BYTES));
        let count = system::read_at(copy, &mut piece[..limit], same).unwrap_or(0);
        if count == 0 {
            return Some(same);
        }
        if system::read_at(original, &mut other[..count], same).ok() != Some(count) || piece[..count] != other[..count]
        {
            return None;
        }
        same += count as u64;
    }
}

/// How what may be a copy stands to what was read of its original, which is gone.
enum Likeness {
    /// It holds all that was read, and perhaps more.
    Holds,
    /// It holds less, and may be a copy from before.
    Shorter,
    Differs,
}

fn compare(copy: &Tailed, original: &Tailed) -> Likeness {
    let Some(Handle::Plain(file)) = &copy.handle else { return Likeness::Shorter };
    let size = system::facts_of(file).map_or(0, |facts| facts.size);
    let first = original.first.bytes();
    let mut begin = vec![0; first.len().min(usize::try_from(size).unwrap_or(usize::MAX))];
    if system::read_at(file, &mut begin, 0).is_err() || begin != first[..begin.len()] {
        return Likeness::Differs;
    }
    if size < original.read {
        // What was not compared while it could be is rather read twice, under the same ids, than not at all.
        return if copy.same >= size { Likeness::Shorter } else { Likeness::Differs };
    }
    match before(file, original.read) {
        Ok(edge) if edge == original.edge.bytes() => Likeness::Holds,
        _ => Likeness::Differs,
    }
}

impl Tailed {
    /// Whether what was read still stands there.
    fn is_itself(&self) -> bool {
        let Some(Handle::Plain(file)) = &self.handle else { return true };
        let mut first = vec![0; self.first.bytes().len()];
        system::read_at(file, &mut first, 0).is_ok()
            && first == self.first.bytes()
            && before(file, self.read).is_ok_and(|edge| edge == self.edge.bytes())
    }

    /// Goes to the end without reading.
    fn pass(&mut self) {
        let Some(Handle::Plain(file)) = &self.handle else { return };
        let end = system::facts_of(file).map_or(0, |facts| facts.size);
        let mut first = vec![0; FIRST_BYTES.min(usize::try_from(end).unwrap_or(FIRST_BYTES))];
        if let (Ok(_), Ok(edge)) = (system::read_at(file, &mut first, 0), before(file, end)) {
            self.first = Edge::first(&first);
            self.edge = Edge::last(&edge);
            self.read = end;
            self.start.offset = end;
        }
    }
}

/// The paths beside `path` where what it held may be now.
fn siblings(path: &Path) -> Vec<PathBuf> {
    let entries = path.parent().map(fs::read_dir).into_iter().flatten().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|other| other != path && may_hold_rest(other, path)).collect()
}

/// The path of the file at `place`, in the directory of `path`.
fn find_inode(path: &Path, place: Place) -> Option<PathBuf> {
    let entries = fs::read_dir(path.parent()?).ok()?.flatten();
    let found = entries.into_iter().find(|entry| system::inode(entry) == place.1)?.path();
    let facts = system::link_facts(&found).ok()?;
    (facts.kind == Kind::File && facts.place == place).then_some(found)
}
