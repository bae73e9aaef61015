//! Which release wrote an entry, where the configuration does not name it: a file of the deployment, or a line of the log.
//!
//! In: a file's path; a pattern, and the bytes of a log. Out: the release at a time, or at a place in the log. Invariant:
//! an entry gets the release that was there when it was written. Does not judge whether Sentry takes a release.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use regex::bytes::{Captures, Regex, RegexBuilder};

/// Bytes of a release's file that are read.
const MAX_FILE_BYTES: u64 = 256 * 1024;
/// Releases of one file or log that are remembered.
const MAX_KNOWN: usize = 8;
/// Bytes of a line that is not whole yet.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// A pattern of lines that name the release from there on: `release_marker` of the configuration.
#[derive(Debug)]
pub struct Marker(Regex);

impl Marker {
    /// The release is the group `release`, else the first group, else all that matches.
    ///
    /// # Errors
    /// It is no regular expression.
    pub fn new(pattern: &str) -> Result<Marker, regex::Error> {
        RegexBuilder::new(pattern).multi_line(true).crlf(true).build().map(Marker)
    }
}

/// The releases that a log has named so far.
#[derive(Debug, Default)]
pub struct Releases {
    /// Where the next bytes begin.
    next: u64,
    /// A line whose end has not come.
    line: Vec<u8>,
    /// From which byte on which release.
    known: Vec<(u64, String)>,
}

impl Releases {
    /// Goes on in a log of which `release` is known.
    pub fn resume(release: Option<String>) -> Releases {
        Releases { known: release.map(|release| (0, release)).into_iter().collect(), ..Releases::default() }
    }

    /// The release that was named last.
    pub fn last(&self) -> Option<&str> {
        self.known.last().map(|(_, release)| release.as_str())
    }

    /// Takes the bytes of a log from `offset` on.
    pub fn push(&mut self, marker: &Marker, offset: u64, bytes: &[u8]) {
        if offset != self.next {
            self.line.clear();
        }
        if offset == 0 && self.next > 0 {
            // The file was emptied, and goes on.
            *self = Releases::resume(self.last().map(str::to_owned));
        }
        self.next = offset + bytes.len() as u64;
        let (Some(first), Some(last)) = (memchr::memchr(b'\n', bytes), memchr::memrchr(b'\n', bytes)) else {
            let room = MAX_LINE_BYTES.saturating_sub(self.line.len());
            self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
            return;
        };
        let begun = offset.saturating_sub(self.line.len() as u64);
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(&bytes[..first]);
        self.read(marker, begun, &line);
        self.read(marker, offset + first as u64 + 1, &bytes[first + 1..=last.max(first)]);
        let rest = &bytes[last + 1..];
        self.line.extend_from_slice(&rest[..rest.len().min(MAX_LINE_BYTES)]);
    }

    /// The release at a place in the log.
    pub fn of(&self, offset: u64) -> Option<&str> {
        self.known.iter().rev().find(|(from, _)| *from <= offset).map(|(_, release)| release.as_str())
    }

    fn read(&mut self, marker: &Marker, offset: u64, lines: &[u8]) {
        let named = |found: &Captures<'_>| {
            let group = found.name("release").or_else(|| found.get(1)).or_else(|| found.get(0))?;
            Some((group.start(), String::from_utf8_lossy(group.as_bytes()).trim().to_owned()))
        };
        for (at, release) in marker.0.captures_iter(lines).filter_map(|found| named(&found)) {
            self.known.push((offset + at as u64, release));
            remember(&mut self.known);
        }
    }
}

/// A file that names the release: `release_file` of the configuration.
#[derive(Debug)]
pub struct ReleaseFile {
    path: PathBuf,
    /// What it named since when.
    known: Mutex<Vec<(Timestamp, String)>>,
}

impl ReleaseFile {
    /// The file at `path`: git's `HEAD`, a `package.json` or `composer.json`, or one whose first line is the release.
    pub fn new(path: PathBuf) -> ReleaseFile {
        ReleaseFile { path, known: Mutex::default() }
    }

    /// The release that the file named at a time; for times before it was first seen, the first.
    pub fn at(&self, time: Timestamp) -> Option<String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = fs::metadata(&self.path).ok().filter(|file| file.len() <= MAX_FILE_BYTES);
        let changed = changed.and_then(|file| Timestamp::try_from(file.modified().ok()?).ok());
        if let Some(changed) = changed.filter(|changed| known.last().is_none_or(|(known, _)| known != changed))
            && let Some(release) = read(&self.path)
        {
            known.push((changed, release));
            remember(&mut known);
        }
        let then = known.iter().rev().find(|(since, _)| *since <= time).or(known.first());
        then.map(|(_, release)| release.clone())
    }
}

fn remember<T>(known: &mut Vec<T>) {
    if known.len() > MAX_KNOWN {
        known.remove(0);
    }
}

fn read(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let is_package = path.file_name().is_some_and(|name| name == "package.json" || name == "composer.json");
    let release = if is_package { of_package(&text) } else { of_git(path, &text).or_else(|| first_line(&text)) };
    release.filter(|release| !release.is_empty())
}

// {"name":"@shop/api","version":"2.4.1"}
fn of_package(text: &str) -> Option<String> {
    let package: serde_json::Value = serde_json::from_str(text).ok()?;
    let version = package.get("version")?.as_str()?;
    // Sentry takes no slash.
    let name = package.get("name").and_then(|name| name.as_str()).and_then(|name| name.rsplit('/').next());
    Some(name.map_or_else(|| version.to_owned(), |name| format!("{name}@{version}")))
}

// ref: refs/heads/main
fn of_git(head: &Path, text: &str) -> Option<String> {
    let branch = text.strip_prefix("ref: ")?.trim();
    let folder = head.parent()?;
    if let Some(commit) = fs::read_to_string(folder.join(branch)).ok().as_deref().and_then(first_line) {
        return Some(commit);
    }
    let packed = fs::read_to_string(folder.join("packed-refs")).ok()?;
    let commit = packed.lines().find_map(|line| line.strip_suffix(branch)?.strip_suffix(' '));
    Some(commit?.to_owned())
}

fn first_line(text: &str) -> Option<String> {
    text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_release_of_what_follows() {
        let marker = Marker::new(r"^\S+ booting shop (?<release>\S+)$").unwrap();
        let log = b"10:00 booting shop 1.0\n10:01 ERROR a\n10:02 booting shop 1.1\r\n10:03 ERROR b\n10:04 booting sh";
        let (a, b) = (23, 61);
        for size in [1, 7, 30, 1000] {
            let mut releases = Releases::default();
            let mut offset = 0;
            for piece in log.chunks(size) {
                releases.push(&marker, offset, piece);
                offset += piece.len() as u64;
            }
            assert_eq!((releases.of(a), releases.of(b), releases.of(2)), (Some("1.0"), Some("1.1"), None), "{size}");
        }
        assert!(Marker::new("(").is_err());
    }

    #[test]
    fn files_name_a_release_in_their_ways() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let named = |name: &str, text: &str| {
            fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            fs::write(path(name), text).unwrap();
            ReleaseFile::new(path(name)).at(Timestamp::now())
        };
        assert_eq!(named("REVISION", "3f2a9c1\n").as_deref(), Some("3f2a9c1"));
        assert_eq!(named("package.json", r#"{"name":"@shop/api","version":"2.4.1"}"#).as_deref(), Some("api@2.4.1"));
        assert_eq!(named("composer.json", r#"{"name":"shop/api"}"#), None);
        assert_eq!(named("detached/HEAD", "0a1b2c\n").as_deref(), Some("0a1b2c"));
        assert_eq!(named("none/HEAD", ""), None);
        fs::create_dir_all(path("git/refs/heads")).unwrap();
        fs::write(path("git/packed-refs"), "# pack-refs\naaa111 refs/heads/main\n").unwrap();
        assert_eq!(named("git/HEAD", "ref: refs/heads/main\n").as_deref(), Some("aaa111"));
        fs::write(path("git/refs/heads/main"), "bbb222\n").unwrap();
        assert_eq!(named("git/HEAD", "ref: refs/heads/main\n").as_deref(), Some("bbb222"));
    }

    #[test]
    fn what_was_known_goes_on() {
        let marker = Marker::new(r"booting shop (\S+)").unwrap();
        let mut releases = Releases::resume(Some("1.0".to_owned()));
        releases.push(&marker, 500, b"10:01 ERROR a\n10:02 booting shop 1.1\n10:03 ERROR b\n");
        assert_eq!((releases.of(500), releases.of(540)), (Some("1.0"), Some("1.1")));
        releases.push(&marker, 0, b"10:04 ERROR c\n");
        assert_eq!((releases.of(0), releases.last()), (Some("1.1"), Some("1.1")));
    }

    #[test]
    fn an_earlier_entry_keeps_the_earlier_release() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("VERSION");
        let file = ReleaseFile::new(path.clone());
        fs::write(&path, "1").unwrap();
        let before = Timestamp::now();
        assert_eq!(file.at(before).as_deref(), Some("1"));
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(&path, "2").unwrap();
        assert_eq!(file.at(Timestamp::now()).as_deref(), Some("2"));
        assert_eq!(file.at(before).as_deref(), Some("1"));
    }
}
