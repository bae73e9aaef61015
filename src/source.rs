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
    /// Its map, for generated JavaScript.
    pub generated: Option<Generated>,
    /// When the file itself was last changed.
    written: Timestamp,
    /// The map's file, and when that was last changed.
    map: Option<(PathBuf, Timestamp)>,
    /// Bytes that it takes in memory, about.
    bytes: usize,
}

impl SourceFile {
    /// A file of this text, without a map.
    pub fn new(text: String, modified: Timestamp) -> SourceFile {
        SourceFile { bytes: text.len(), text, modified, generated: None, written: modified, map: None }
    }

    /// Whether the file, changed last at `written`, and its map are as they were read.
    fn is_as(&self, written: Timestamp) -> bool {
        let map_is = |(map, then): &(PathBuf, Timestamp)| changed(map, MAX_MAP_BYTES) == Some(*then);
        self.written == written && self.map.as_ref().is_none_or(map_is)
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
        // A package's own map is nobody's upload to Sentry: its frames stay as the SDK sends them.
        let script = [".js", ".mjs", ".cjs"].iter().any(|end| path.ends_with(end)) && !path.contains("node_modules");
        let written = changed(&real, MAX_FILE_BYTES)?;
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = cache.files.get(&real).filter(|file| file.is_as(written)) {
            return Some(Arc::clone(file));
        }
        let raw = String::from_utf8_lossy(&fs::read(&real).ok()?).into_owned();
        let mut file = SourceFile::new(scrubber.source(&raw).into_owned(), written);
        if script {
            self.add_map(&mut file, path, &raw, scrubber);
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

    /// Adds the map that a script has within itself, names at its end, or has beside it.
    fn add_map(&self, file: &mut SourceFile, path: &str, text: &str, scrubber: &Scrubber) {
        let named = generated::named(text);
        if let Some(inline) = named.filter(|url| url.starts_with("data:")) {
            file.generated = Generated::inline(inline, scrubber);
            file.bytes += inline.len();
            return;
        }
        let folder = path.rfind(['/', '\\']).map_or("", |at| &path[..=at]);
        let beside = format!("{path}.map");
        let paths = named.map(|name| format!("{folder}{name}")).into_iter().chain([beside]);
        let Some(map) = paths.into_iter().find_map(|path| self.find(&path)) else { return };
        let (Some(written), Ok(bytes)) = (changed(&map, MAX_MAP_BYTES), fs::read(&map)) else { return };
        file.bytes += 2 * bytes.len();
        file.modified = file.modified.max(written);
        file.generated = Generated::read(&bytes, scrubber);
        file.map = Some((map, written));
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
    use std::fs::File;

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
    fn a_script_names_its_map_or_holds_it() {
        const MAP: &str = r#"{"version":3,"sources":["../src/app.ts"],"sourcesContent":["a\n\n    fail();\n"],"names":[],"mappings":"AAEI"}"#;
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(root.path().join(name), text).unwrap();
        write("named.js", "x()\n//# sourceMappingURL=maps.json\n");
        write("maps.json", MAP);
        write("beside.js", "x()\n");
        write("beside.js.map", MAP);
        // The same, in base64.
        let inline = "eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbIi4uL3NyYy9hcHAudHMiXSwic291cmNlc0NvbnRlbnQiOlsiYVxuXG4gICAgZmFpbCgpO1xuIl0sIm5hbWVzIjpbXSwibWFwcGluZ3MiOiJBQUVJIn0=";
        write("inline.js", &format!("x()\n//# sourceMappingURL=data:application/json;charset=utf-8;base64,{inline}\n"));
        write("none.js", "x()\n//# sourceMappingURL=../../etc/passwd\n");
        fs::create_dir(root.path().join("node_modules")).unwrap();
        write("node_modules/none.js", "x()\n");
        write("node_modules/none.js.map", MAP);
        let sources = Sources::new(&BTreeMap::from([("/srv".to_owned(), root.path().to_owned())]));
        for name in ["named.js", "beside.js", "inline.js", "none.js", "node_modules/none.js"] {
            let file = sources.read(&format!("/srv/{name}"), &scrubber()).unwrap();
            let original = file.generated.as_ref().and_then(|map| map.original("/srv/dist/a.js", 1, 1));
            let found = original.map(|original| (original.path, original.line));
            let expected = (!name.ends_with("none.js")).then(|| ("/srv/src/app.ts".to_owned(), 3));
            assert_eq!(found, expected, "{name}");
        }
        // A map that changes is read again.
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
        write("maps.json", &MAP.replace("app.ts", "b.ts"));
        File::options().append(true).open(root.path().join("maps.json")).unwrap().set_modified(later).unwrap();
        let file = sources.read("/srv/named.js", &scrubber()).unwrap();
        assert_eq!(file.generated.as_ref().unwrap().original("/srv/dist/a.js", 1, 1).unwrap().path, "/srv/src/b.ts");
        assert!(file.modified > Timestamp::now());
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
