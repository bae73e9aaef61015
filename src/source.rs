//! The application's source files, where they are mounted beside the agent.
//!
//! In: a path as the log spells it. Out: the file's text, without the secrets written into it, and its time.
//! Invariant: only regular files below a configured root are read, never through a link out of it; files and memory
//! are bounded. Does not know what a frame is.

mod generated;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::scrub::Scrubber;

pub use generated::{Generated, Original};

/// Bytes of a file that is read: larger ones are generated.
const MAX_FILE_BYTES: u64 = 2 << 20;
/// Bytes of all files that are kept.
const MAX_CACHE_BYTES: usize = 64 << 20;

/// Bytes of a source map that is read.
const MAX_MAP_BYTES: u64 = 16 << 20;

/// A source file.
#[derive(Debug)]
pub struct SourceFile {
    /// Its text.
    pub text: String,
    /// When it, or its map, was last changed.
    pub modified: Timestamp,
    /// The map beside it, for generated JavaScript.
    pub generated: Option<Generated>,
    /// Bytes that it takes in memory, about.
    bytes: usize,
}

impl SourceFile {
    /// A file of this text, without a map.
    pub fn new(text: String, modified: Timestamp) -> SourceFile {
        SourceFile { bytes: text.len(), text, modified, generated: None }
    }
}

/// The source roots, with what was read from them.
#[derive(Debug, Default)]
pub struct Sources {
    /// Prefix in the log and the real directory, longest prefix first.
    roots: Vec<(String, PathBuf)>,
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    files: HashMap<PathBuf, Arc<SourceFile>>,
    bytes: usize,
}

impl Sources {
    /// Sources below `roots`: path prefixes in the log, and the directories that hold those files here. A directory
    /// that does not exist gives no sources.
    pub fn new(roots: &BTreeMap<String, PathBuf>) -> Sources {
        let mut roots: Vec<(String, PathBuf)> = roots
            .iter()
            .filter_map(|(prefix, directory)| {
                Some((prefix.trim_end_matches(['/', '\\']).to_owned(), directory.canonicalize().ok()?))
            })
            .collect();
        roots.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Sources { roots, cache: Mutex::default() }
    }

    /// The file that the log calls `path`; none when it is outside of the roots, is too large, or cannot be read.
    pub fn read(&self, path: &str, scrubber: &Scrubber) -> Option<Arc<SourceFile>> {
        let real = self.find(path)?;
        let map =
            [".js", ".mjs", ".cjs"].iter().any(|end| path.ends_with(end)).then(|| self.find(&format!("{path}.map")));
        let map = map.flatten().and_then(|map| Some((changed(&map, MAX_MAP_BYTES)?, map)));
        let written = changed(&real, MAX_FILE_BYTES)?;
        let modified = map.as_ref().map_or(written, |(changed, _)| written.max(*changed));
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = cache.files.get(&real).filter(|file| file.modified == modified) {
            return Some(Arc::clone(file));
        }
        let text = scrubber.source(&String::from_utf8_lossy(&fs::read(&real).ok()?)).into_owned();
        let mut file = SourceFile::new(text, modified);
        if let Some(bytes) = map.and_then(|(_, map)| fs::read(map).ok()) {
            file.bytes += 2 * bytes.len();
            file.generated = Generated::read(&bytes, scrubber);
        }
        if cache.bytes + file.bytes > MAX_CACHE_BYTES {
            *cache = Cache::default();
        }
        cache.bytes += file.bytes;
        let file = Arc::new(file);
        if let Some(old) = cache.files.insert(real, Arc::clone(&file)) {
            cache.bytes -= old.bytes;
        }
        Some(file)
    }

    /// The real path: below the root, with every link followed and still below it.
    fn find(&self, path: &str) -> Option<PathBuf> {
        let below = |prefix: &str| path.strip_prefix(prefix).filter(|rest| rest.starts_with(['/', '\\']));
        let (root, rest) = self.roots.iter().find_map(|(prefix, root)| Some((root, below(prefix)?)))?;
        let relative: PathBuf = rest.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
        let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
        let real = if plain { root.join(relative).canonicalize().ok()? } else { return None };
        real.starts_with(root).then_some(real)
    }
}

/// When a regular file of at most `most` bytes was last changed.
fn changed(path: &Path, most: u64) -> Option<Timestamp> {
    let metadata = fs::metadata(path).ok().filter(|found| found.is_file() && found.len() <= most)?;
    Timestamp::try_from(metadata.modified().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrub;

    fn scrubber() -> Scrubber {
        Scrubber::new(&scrub::Settings::default(), false).unwrap()
    }

    #[test]
    fn only_what_lies_below_a_root_is_read() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.php"), "outside").unwrap();
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("app")).unwrap();
        fs::write(root.path().join("app/Pay.php"), "<?php\n$key = 1;\n").unwrap();
        let roots = BTreeMap::from([("/var/www/html/".to_owned(), root.path().to_owned())]);
        let sources = Sources::new(&roots);
        let read = |path: &str| sources.read(path, &scrubber()).map(|file| file.text.clone());
        assert_eq!(read("/var/www/html/app/Pay.php").as_deref(), Some("<?php\n$key = 1;\n"));
        for path in
            ["/var/www/html/app", "/var/www/htmlx/app/Pay.php", "/var/www/html/../html/app/Pay.php", "/etc/passwd"]
        {
            assert_eq!(read(path), None, "{path}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
            assert_eq!(read("/var/www/html/link/secret.php"), None);
        }
    }

    #[test]
    fn the_longest_prefix_wins_and_drives_are_paths() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(two.path().join("a.js"), "two").unwrap();
        let roots = BTreeMap::from([
            ("C:\\shop".to_owned(), one.path().to_owned()),
            ("C:\\shop\\lib".to_owned(), two.path().to_owned()),
        ]);
        let found = Sources::new(&roots).read("C:\\shop\\lib\\a.js", &scrubber());
        assert_eq!(found.map(|file| file.text.clone()).as_deref(), Some("two"));
    }
}
