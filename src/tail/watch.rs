//! Word from the system that something changed: one watch a directory, none a file.
//!
//! In: directories. Out: the paths that changed since the last question. Invariants: bounded (past `MAX_PATHS` it only
//! says "look at everything"); a directory that the system cannot watch is said once, and polled. Does not look at
//! what changed.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::system;
use notify::event::{EventKind, Flag};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

/// Changed paths kept between two looks.
const MAX_PATHS: usize = 65_536;

/// What has changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub paths: HashSet<PathBuf>,
    /// Word was lost: everything may have changed.
    pub everything: bool,
    /// Someone asked for attention.
    pub woken: bool,
    /// A pipe has something.
    piped: bool,
}

#[derive(Debug, Default)]
struct Shared {
    changes: Mutex<Changes>,
    arrived: Condvar,
}

/// The watched directories.
#[derive(Debug)]
pub(super) struct Watch {
    shared: Arc<Shared>,
    watcher: Option<RecommendedWatcher>,
    /// Watched by the system: each directory's inode.
    watched: HashMap<PathBuf, u64>,
    polled: HashSet<PathBuf>,
    said: bool,
}

/// Ends the tail room's wait, from another thread.
#[derive(Debug, Clone)]
pub struct Waker(Arc<Shared>);

impl Waker {
    /// Ends the wait, or the next one.
    pub fn wake(&self) {
        lock(&self.0).woken = true;
        self.0.arrived.notify_one();
    }
}

impl Waker {
    /// Ends the wait because a pipe has something.
    pub(super) fn pipe(&self) {
        lock(&self.0).piped = true;
        self.0.arrived.notify_one();
    }
}

impl Watch {
    /// Watches nothing yet; with `poll`, never asks the system.
    pub(super) fn new(poll: bool) -> Watch {
        let shared = Arc::new(Shared::default());
        let told = Arc::clone(&shared);
        let watcher =
            (!poll).then(|| notify::recommended_watcher(move |event| take(&told, event))).and_then(Result::ok);
        Watch { shared, watcher, watched: HashMap::new(), polled: HashSet::new(), said: poll }
    }

    pub(super) fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.shared))
    }

    /// Watches `directory`, if that is new; another directory at a watched path is new.
    pub(super) fn add(&mut self, directory: &Path, inode: u64) {
        if self.watched.get(directory) == Some(&inode) || self.polled.contains(directory) {
            return;
        }
        self.forget(directory);
        let mut problem = system::without_notices(directory).map(|kind| format!("it lies on {kind}"));
        if let Some(watcher) = &mut self.watcher {
            match watcher.watch(directory, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(directory.to_owned(), inode);
                    if problem.is_none() {
                        return;
                    }
                }
                Err(error) if matches!(error.kind, notify::ErrorKind::PathNotFound) => return,
                Err(error) => problem = problem.or(Some(error.to_string())),
            }
        }
        self.polled.insert(directory.to_owned());
        if !std::mem::replace(&mut self.said, true) {
            tracing::warn!(
                "{}: polled, because the system gives no notices there ({}); nothing to do, new lines take longer",
                directory.display(),
                problem.as_deref().unwrap_or("no watcher"),
            );
        }
    }

    /// `directory` is not wanted any more, or is gone.
    pub(super) fn forget(&mut self, directory: &Path) {
        self.polled.remove(directory);
        if self.watched.remove(directory).is_some()
            && let Some(watcher) = &mut self.watcher
        {
            // Where the directory is gone, the system has dropped the watch by itself.
            let _ = watcher.unwatch(directory);
        }
    }

    /// Forgets the directories that are not among `wanted`.
    pub(super) fn keep(&mut self, wanted: &HashSet<PathBuf>) {
        let gone = |directory: &&PathBuf| !wanted.contains(*directory);
        let gone: Vec<PathBuf> = self.watched.keys().chain(&self.polled).filter(gone).cloned().collect();
        for directory in gone {
            self.forget(&directory);
        }
    }

    /// Whether `directory` is watched or polled.
    pub(super) fn has(&self, directory: &Path) -> bool {
        self.watched.contains_key(directory) || self.polled.contains(directory)
    }

    /// Whether something must be polled.
    pub(super) fn polls(&self) -> bool {
        !self.polled.is_empty() || self.watcher.is_none()
    }

    /// What changed since the last call; waits for it until `deadline`.
    pub(super) fn wait(&self, deadline: Instant) -> Changes {
        let mut changes = lock(&self.shared);
        while changes.paths.is_empty() && !changes.everything && !changes.woken && !changes.piped {
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                break;
            }
            let waited = self.shared.arrived.wait_timeout(changes, left);
            changes = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::take(&mut *changes)
    }
}

/// The watcher's thread brings an event.
fn take(shared: &Shared, event: notify::Result<notify::Event>) {
    let mut changes = lock(shared);
    match event {
        Ok(event) if matches!(event.kind, EventKind::Access(_)) && event.flag() != Some(Flag::Rescan) => return,
        Ok(event) if event.flag() == Some(Flag::Rescan) => changes.everything = true,
        Ok(event) => {
            if changes.paths.len() + event.paths.len() > MAX_PATHS {
                changes.paths.clear();
                changes.everything = true;
            } else if !changes.everything {
                changes.paths.extend(event.paths);
            }
        }
        Err(_) => changes.everything = true,
    }
    shared.arrived.notify_one();
}

fn lock(shared: &Shared) -> MutexGuard<'_, Changes> {
    shared.changes.lock().unwrap_or_else(PoisonError::into_inner)
}
