//! Finds the files that are wanted: walks the directories, and takes in what stands at one path.
//!
//! In: patterns, changed paths. Out: files in the tail room's tables. Invariant: a file is in the tables once, however
//! many paths lead to it. Does not read.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::known::{Claim, Passed};
use super::names::{family, kin, made_of};
use super::pattern::Pattern;
use super::rest;
use super::tailed::{Edge, Handle, Tailed};
use super::walk::Walk;
use super::{Checkpoint, FileId, From, Key, Ledger, Position, Step, Tail};
use crate::system::{self, Facts, Kind};

/// What stands at a path.
#[derive(Clone)]
pub(super) enum Look {
    Missing,
    Directory,
    /// Nothing that is read, and why.
    Refused(String),
    File {
        target: Option<PathBuf>,
        facts: Facts,
    },
}

impl Tail {
    /// Looks at everything.
    pub(super) fn scan(&mut self) {
        let Walk { found, others, directories, .. } = self.walk();
        self.watch.keep(&directories);
        let gone: Vec<PathBuf> = self.by_path.keys().filter(|path| !found.contains(*path)).cloned().collect();
        for path in gone {
            self.visit(&path);
        }
        if self.started {
            for path in found.iter().chain(&others) {
                let look = self.look(path);
                self.take(path, look, false);
            }
        } else {
            self.start_up(found, &others);
        }
        self.forget();
    }

    /// The first look: the files that the store knows come first, so that others can be told from their copies.
    fn start_up(&mut self, found: HashSet<PathBuf>, rotated: &[PathBuf]) {
        for known in self.known.values() {
            for base in std::iter::once(known.path.clone()).chain(made_of(&known.path)) {
                if base == known.path || self.patterns.wants(&base) {
                    let previous = self.previous.entry(base).or_default();
                    *previous = known.modified.max(*previous);
                }
            }
            self.newest = known.modified.max(self.newest);
        }
        let mut others = Vec::new();
        for path in found {
            let look = self.look(&path);
            let Look::File { facts, .. } = &look else {
                self.take(&path, look, true);
                continue;
            };
            let (place, modified) = (facts.place, facts.modified);
            if self.known.contains_key(&place) {
                self.take(&path, look.clone(), true);
                if self.by_place.contains_key(&place) {
                    continue;
                }
            }
            others.push((modified, path, look));
        }
        self.seek_missing();
        others.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        for (_, path, look) in others {
            self.take(&path, look, true);
        }
        let before = self.files.len();
        self.seek_rests();
        if self.files.len() == before {
            self.link_successors();
        }
        for missing in self.patterns.all.iter().filter_map(Pattern::literal).filter(|path| !path.exists()) {
            tracing::info!("{}: not there yet; it is read as soon as it is", missing.display());
        }
        let others = rotated.iter().filter_map(|path| system::link_facts(path).ok());
        let others = others.map(|facts| (facts.place, Passed::new(&facts)));
        self.passed = others.filter(|(place, _)| !self.by_place.contains_key(place)).collect();
        self.started = true;
    }

    /// Files that stand now where known ones stood are their successors; where others came between, that is unknown.
    fn link_successors(&mut self) {
        for (path, predecessor) in &self.parted {
            let successor = self.by_path.get(path).filter(|successor| *successor != predecessor);
            if let Some(file) = successor.and_then(|successor| self.files.get_mut(successor))
                && file.start.offset == 0
            {
                file.after = Some(*predecessor);
            }
        }
    }

    /// Takes in what stands at `path` now; something was told of it.
    pub(super) fn visit(&mut self, path: &Path) {
        let look = self.look(path);
        self.take(path, look, true);
    }

    fn look(&self, path: &Path) -> Look {
        let Ok(mut facts) = system::link_facts(path) else { return Look::Missing };
        let mut target = None;
        if facts.kind == Kind::Link {
            let (Ok(real), Ok(followed)) = (fs::canonicalize(path), system::facts(path)) else { return Look::Missing };
            if followed.kind == Kind::File && !self.may_lead_to(&real) {
                return Look::Refused(format!(
                    "it leads to {}, out of the watched directories: add that directory to `roots`, or set `follow_symlinks`",
                    real.display()
                ));
            }
            target = Some(real);
            facts = followed;
        }
        if facts.kind == Kind::Directory {
            Look::Directory
        } else if facts.kind == Kind::File {
            Look::File { target, facts }
        } else {
            Look::Refused("not a regular file".to_owned())
        }
    }

    /// Whether a symbolic link may lead to `real`.
    fn may_lead_to(&self, real: &Path) -> bool {
        let bases = self.patterns.all.iter().map(|pattern| &pattern.base);
        let mut roots = bases.chain(&self.roots).filter_map(|root| fs::canonicalize(root).ok());
        self.settings.follow_symlinks || roots.any(|root| real.starts_with(root))
    }

    fn take(&mut self, path: &Path, look: Look, told: bool) {
        let (target, facts) = match look {
            Look::File { target, facts } => (target, facts),
            Look::Missing => {
                self.scan_soon |= self.watch.has(path);
                return self.part(path);
            }
            Look::Directory => {
                // A new directory may hold what is wanted.
                self.scan_soon |= !self.watch.has(path);
                return self.part(path);
            }
            Look::Refused(reason) => {
                if self.patterns.wants(path) {
                    self.say_trouble(path, &reason);
                }
                return self.part(path);
            }
        };
        let place = facts.place;
        let Some(&key) = self.by_place.get(&place) else {
            self.part(path);
            return self.meet(path, target, &facts);
        };
        if self.by_path.get(path).is_some_and(|other| *other != key) {
            self.part(path);
        }
        let wanted = self.patterns.wants(path);
        let Some(file) = self.files.get_mut(&key) else { return };
        if file.path != path && file.real() != path && !file.aliases.iter().any(|alias| alias == path) {
            let stays = system::facts(&file.path).is_ok_and(|facts| facts.place == place);
            if stays && (wanted <= !file.away) {
                file.aliases.push(path.to_owned());
            } else {
                file.rename(path, target.clone(), !wanted);
            }
        }
        if file.notice(&facts) || told || file.away {
            self.queue(key);
        }
        self.by_path.insert(path.to_owned(), key);
        if let Some(target) = target {
            self.watch_target(&target, key);
        }
    }

    /// `path` does not lead to what it led to.
    fn part(&mut self, path: &Path) {
        let Some(key) = self.by_path.remove(path) else { return };
        self.parted.insert(path.to_owned(), key);
        let Some(file) = self.files.get_mut(&key) else { return };
        file.aliases.retain(|alias| alias != path);
        if file.path != path {
            return;
        }
        match file.aliases.pop().or(file.target.take()) {
            Some(other) => {
                let away = !self.patterns.wants(&other);
                file.rename(&other, None, away);
            }
            None => file.rename(path, None, true),
        }
        self.queue(key);
    }

    /// A link's target lies in a directory of its own.
    fn watch_target(&mut self, target: &Path, key: Key) {
        if let Some(directory) = target.parent()
            && let Ok(facts) = system::facts(directory)
        {
            self.watch.add(directory, facts.place.1);
        }
        self.by_path.insert(target.to_owned(), key);
    }

    /// A file that is not in the tables.
    fn meet(&mut self, path: &Path, target: Option<PathBuf>, facts: &Facts) {
        let place = facts.place;
        let wanted = self.patterns.wants(path);
        if !wanted && self.is_done(facts) {
            return self.see(place);
        }
        let base = if wanted { None } else { self.fresh_rotation_of(path, facts) };
        let is_new = wanted || base.is_some();
        if self.own.contains(&place) || !(is_new || self.known.contains_key(&place) || self.may_hold_rest(path)) {
            return;
        }
        let file = match system::open(target.as_deref().unwrap_or(path), place) {
            Ok(file) => file,
            Err(error) => return self.say_trouble(path, &error),
        };
        if self.troubled.remove(path) {
            tracing::info!("{}: can be read now", path.display());
        }
        let packing = rest::packing(path);
        let head = rest::head(&file, packing);
        let known = match self.claim(&file, &head, place, packing, path) {
            Claim::Known(known) => Some(*known),
            Claim::Stranger => None,
            Claim::Unsettled => return,
        };
        if known.is_none() && !is_new {
            return;
        }
        let copy_of = match &known {
            None => self.original_of(path, &head),
            // What is known is that an empty file had its inode: the bytes tell more.
            Some(known) if known.offset == 0 && known.file.head_bytes == 0 => self.likeness_of(path, &head),
            Some(_) => None,
        };
        let known = known.filter(|_| copy_of.is_none());
        let is_another = |base: &PathBuf| !self.was_at(base, path, facts);
        if known.is_none() && copy_of.is_none() && base.as_ref().is_some_and(is_another) {
            self.passed.insert(place, Passed::new(facts));
            return;
        }
        if let Some(moved) = known.as_ref().filter(|known| known.path != path) {
            self.parted.insert(moved.path.clone(), Key(self.last_key + 1));
        }
        let outlives = copy_of.is_some_and(|original| self.was_replaced_by(original, facts));
        let key = self.insert(path, target, facts, &head);
        self.begin_at(key, known, facts, !wanted);
        let Some(tailed) = self.files.get_mut(&key) else { return };
        (tailed.copy_of, tailed.outlives) = (copy_of, outlives);
        tailed.after = self.parted.get(path).copied();
        tailed.away = !wanted;
        let read = tailed.read;
        tailed.first = Edge::first(&head[..head.len().min(usize::try_from(read).unwrap_or(usize::MAX))]);
        match packing {
            None => {
                tailed.edge = Edge::last(&super::tailed::before(&file, read).unwrap_or_default());
                self.opened(key, Handle::Plain(file));
            }
            Some(packing) => match rest::unpack(file, packing, read) {
                Ok(reader) => self.opened(key, Handle::Packed(reader)),
                Err(error) => self.say_trouble(path, &error),
            },
        }
        self.queue(key);
    }

    pub(super) fn insert(&mut self, path: &Path, target: Option<PathBuf>, facts: &Facts, head: &[u8]) -> Key {
        let key = self.next_key();
        let (device, inode) = facts.place;
        if let Some(target) = &target {
            self.watch_target(target, key);
        }
        let tailed = Tailed {
            id: FileId::new(device, inode, head),
            path: path.to_owned(),
            target,
            aliases: Vec::new(),
            family: family(path),
            kin: kin(path),
            packing: rest::packing(path),
            handle: None,
            read: 0,
            rested: None,
            start: Position::beginning(),
            first: Edge::first(&[]),
            edge: Edge::last(&[]),
            size: facts.size,
            seen: facts.size,
            modified: facts.modified,
            drained: None,
            grown: Instant::now(),
            queued: false,
            failures: 0,
            retry_at: None,
            away: false,
            copy_of: None,
            outlives: false,
            same: 0,
            after: None,
            replaced: false,
            ledger: Ledger::default(),
            release: None,
            last: None,
        };
        self.kin.entry(tailed.kin.clone()).or_default().push(key);
        self.files.insert(key, Box::new(tailed));
        self.by_place.insert((device, inode), key);
        self.by_path.insert(path.to_owned(), key);
        key
    }

    /// Sets where the file is read from: the checkpoint, or what the settings say of files that were there before.
    fn begin_at(&mut self, key: Key, known: Option<Checkpoint>, facts: &Facts, rotated: bool) {
        let from_end = !self.started && self.settings.from == From::End && !self.is_younger_than_the_store(facts);
        let Some(file) = self.files.get_mut(&key) else { return };
        match known {
            Some(known) => {
                file.start = known.position();
                file.ledger = known.ledger.clone();
                file.release = known.release.clone();
                let moved = (known.file.device, known.file.inode) != file.place() || known.missing_since != 0;
                file.last = Some(Checkpoint { file: file.id, path: file.path.clone(), missing_since: 0, ..known });
                if moved {
                    // A copy goes on with its original's place, or it was missing: its own is known from now on.
                    self.steps.push_front(Step::Skipped(key));
                }
            }
            // Its checkpoint comes before its successor's: behind that one, nobody would look for it.
            None if rotated => self.steps.push_front(Step::Skipped(key)),
            None if from_end && facts.size > 0 => {
                file.start = Position { offset: facts.size, ..Position::beginning() };
                file.ledger.bytes_skipped = facts.size;
                self.steps.push_back(Step::Skipped(key));
            }
            // So that after a crash before the first commit it is known what the agent had seen.
            None if !self.started => self.steps.push_back(Step::Skipped(key)),
            None => {}
        }
        file.read = file.start.offset;
    }
}
