//! Walks the directories in which wanted files may lie.
//!
//! In: patterns. Out: paths of what is wanted, of what a rotation may have made, and the directories to be watched.
//! Invariant: bounded; each directory is entered once, and watched before it is looked at. Opens no file.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::Tail;
use crate::system::{self, Kind, Place};

/// Directories entered in one walk.
const MAX_DIRECTORIES: usize = 100_000;

/// What a walk through the directories found.
#[derive(Default)]
pub(super) struct Walk {
    /// Paths that are wanted.
    pub found: HashSet<PathBuf>,
    /// Paths that a rotation may have made.
    pub others: Vec<PathBuf>,
    /// Directories to be watched.
    pub directories: HashSet<PathBuf>,
    /// Where these lie: a symbolic link may lead back to one of them.
    places: HashSet<Place>,
}

impl Tail {
    /// The files that are wanted and there, whether they can be read or not. Begins nothing.
    pub fn survey(&mut self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.walk().found.into_iter().collect();
        files.sort();
        files
    }

    pub(super) fn walk(&mut self) -> Walk {
        let mut walk = Walk::default();
        let mut stack: Vec<(PathBuf, usize)> = Vec::new();
        for pattern in &self.patterns.all {
            match pattern.literal() {
                Some(path) if system::facts(path).is_ok_and(|facts| facts.kind == Kind::Directory) => {
                    stack.push((path.to_owned(), usize::MAX));
                }
                Some(_) => stack.push((pattern.base.clone(), 1)),
                None => stack.push((pattern.base.clone(), pattern.depth.saturating_add(1))),
            }
        }
        while let Some((directory, depth)) = stack.pop() {
            if !walk.directories.contains(&directory) && walk.directories.len() < MAX_DIRECTORIES {
                self.enter(&directory, depth, &mut stack, &mut walk);
            }
        }
        walk
    }

    /// Looks at one directory, and notes the directories in it that are to be entered as deep as `depth` says.
    fn enter(&mut self, directory: &Path, depth: usize, stack: &mut Vec<(PathBuf, usize)>, walk: &mut Walk) {
        let Ok(facts) = system::facts(directory) else {
            // Not there yet: the nearest directory that is there will tell.
            if let Some(parent) = directory.parent() {
                stack.push((parent.to_owned(), 0));
            }
            return;
        };
        let (device, inode) = facts.place;
        // First the watch, then the look: what comes between is told.
        self.watch.add(directory, inode);
        walk.directories.insert(directory.to_owned());
        walk.places.insert((device, inode));
        if depth == 0 {
            return;
        }
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => return self.say_trouble(directory, &error),
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else { continue };
            let led_to =
                if kind.is_symlink() && self.settings.follow_symlinks { system::facts(&path).ok() } else { None };
            let led_to = led_to.filter(|facts| facts.kind == Kind::Directory).map(|facts| facts.place);
            if kind.is_dir() || led_to.is_some() {
                let is_loop = led_to.is_some_and(|place| walk.places.contains(&place));
                if depth > 1 && !is_loop && !self.patterns.leaves_out(&path) {
                    stack.push((path, if depth == usize::MAX { depth } else { depth - 1 }));
                }
            } else if self.patterns.wants(&path) {
                walk.found.insert(path);
            } else if self.is_news(&path, (device, system::inode(&entry))) {
                walk.others.push(path);
            }
        }
    }
}
