//! A reader of lines on top of the tail room, with a store that takes lines and checkpoints together.
//!
//! In: a directory. Out: the lines that were committed. Invariant: like the agent, it commits lines and positions in
//! one step, and starts again from what was committed.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use errtail::tail::{Checkpoint, Gap, Key, Position, Settings, Step, Tail};
use tempfile::TempDir;

/// The lines of one file that have no end yet.
#[derive(Default)]
struct Open {
    text: Vec<u8>,
    position: Position,
    end: u64,
}

/// What a store would hold.
#[derive(Default, Clone)]
pub struct Committed {
    pub lines: Vec<String>,
    pub gaps: Vec<Gap>,
    pub checkpoints: HashMap<(u64, u64), Checkpoint>,
}

/// The tail room in use.
pub struct Reader {
    pub directory: TempDir,
    pub settings: Settings,
    pub tail: Tail,
    pub committed: Committed,
    /// How long the system may take to tell of a change.
    pub notice: Duration,
    open: HashMap<Key, Open>,
    pending: Committed,
    buffer: Vec<u8>,
}

impl Reader {
    /// Reads `paths`, relative to a new directory, with short timeouts.
    pub fn new(paths: &[&str]) -> Reader {
        Reader::with(paths, |_| {})
    }

    /// The same with other settings.
    pub fn with(paths: &[&str], change: impl FnOnce(&mut Settings)) -> Reader {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = Settings {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            rotated_timeout_ms: 200,
            rescan_interval_ms: 60_000,
            poll_interval_ms: 10,
            ..Settings::default()
        };
        change(&mut settings);
        let tail = Tail::new(settings.clone(), Vec::new(), directory.path(), Vec::new()).unwrap();
        Reader {
            directory,
            settings,
            tail,
            committed: Committed::default(),
            notice: Duration::from_millis(80),
            open: HashMap::new(),
            pending: Committed::default(),
            buffer: Vec::new(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Appends to a file, which is made if need be.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        append(&self.path(name), text.as_ref());
    }

    pub fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// As logrotate's copytruncate.
    pub fn copy_truncate(&self, name: &str, copy: &str) {
        fs::copy(self.path(name), self.path(copy)).unwrap();
        self.truncate(name);
    }

    pub fn truncate(&self, name: &str) {
        OpenOptions::new().write(true).open(self.path(name)).unwrap().set_len(0).unwrap();
    }

    /// As gzip does: the compressed file beside it, with its time, then the original is deleted.
    pub fn gzip(&self, name: &str) {
        gzip(&self.path(name));
    }

    /// Reads what there is, and commits.
    pub fn read(&mut self) {
        self.read_without_commit();
        self.commit();
    }

    /// Reads until the system had time to tell everything.
    pub fn read_without_commit(&mut self) {
        let mut deadline = Instant::now() + self.notice;
        while self.step(deadline) {
            deadline = Instant::now() + self.notice;
        }
    }

    /// Reads for so long.
    pub fn read_for(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while self.step(deadline) {}
        self.commit();
    }

    /// One step; whether it was one.
    pub fn step(&mut self, deadline: Instant) -> bool {
        match self.tail.next(&mut self.buffer, deadline) {
            Step::Bytes { key, offset, range } => {
                let start = self.tail.start(key);
                let open = self.open.entry(key).or_insert_with(|| Open {
                    end: start.offset,
                    position: start,
                    text: Vec::new(),
                });
                if open.end != offset {
                    let text = std::mem::take(&mut open.text);
                    self.pending.lines.extend((!text.is_empty()).then(|| lossy(&text)));
                    open.position.offset = offset;
                }
                open.end = offset + range.len() as u64;
                open.text.extend_from_slice(&self.buffer[range]);
                while let Some(end) = open.text.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = open.text.drain(..=end).collect();
                    self.pending.lines.push(lossy(&line[..end]));
                    open.position.offset += line.len() as u64;
                    open.position.line += 1;
                }
                self.keep(key);
            }
            Step::Skipped(key) if self.open.contains_key(&key) => self.keep(key),
            Step::Missing(checkpoint) => self.put(*checkpoint),
            Step::Gap(gap) => self.pending.gaps.push(gap),
            Step::Skipped(key) => {
                let position = self.tail.start(key);
                if let Some(checkpoint) = self.tail.checkpoint(key, position) {
                    self.put(checkpoint);
                }
            }
            Step::Moved { from, to } => {
                if let Some(open) = self.open.remove(&from) {
                    self.open.insert(to, open);
                }
            }
            Step::Ended(key) => {
                if let Some(mut open) = self.open.remove(&key) {
                    if !open.text.is_empty() {
                        self.pending.lines.push(lossy(&open.text));
                    }
                    open.position.offset = open.end;
                    if let Some(checkpoint) = self.tail.checkpoint(key, open.position) {
                        self.put(checkpoint);
                    }
                }
            }
            Step::Quiet => return false,
            Step::Woken => {}
        }
        true
    }

    fn keep(&mut self, key: Key) {
        let position = self.open[&key].position.clone();
        if let Some(checkpoint) = self.tail.checkpoint(key, position) {
            self.put(checkpoint);
        }
    }

    fn put(&mut self, checkpoint: Checkpoint) {
        self.pending.checkpoints.insert((checkpoint.file.device, checkpoint.file.inode), checkpoint);
    }

    /// Lines and checkpoints together.
    pub fn commit(&mut self) {
        self.committed.lines.append(&mut self.pending.lines);
        self.committed.gaps.append(&mut self.pending.gaps);
        for file in self.tail.take_forgotten() {
            self.committed.checkpoints.remove(&(file.device, file.inode));
        }
        self.committed.checkpoints.extend(self.pending.checkpoints.drain());
    }

    /// The agent dies: what was not committed never was.
    pub fn kill(&mut self) {
        self.open.clear();
        self.pending = Committed::default();
        self.tail = Tail::new(Settings::default(), Vec::new(), self.directory.path(), Vec::new()).unwrap();
    }

    /// The agent starts on what was committed.
    pub fn start(&mut self) {
        let known = self.committed.checkpoints.values().cloned().collect();
        self.tail = Tail::new(self.settings.clone(), known, self.directory.path(), Vec::new()).unwrap();
    }

    /// Stops after a commit, and starts again.
    pub fn restart(&mut self) {
        self.commit();
        self.kill();
        self.start();
    }

    /// `app.log` holds `one`, which is read, and `two`, which is written, rotated away and compressed while nobody reads.
    pub fn compress_while_stopped(&mut self) {
        self.write("app.log", "one\n");
        self.read();
        self.kill();
        self.write("app.log", "two\n");
        self.rename("app.log", "app.log.1");
        self.gzip("app.log.1");
    }

    /// Asserts that exactly these lines were committed, in any order.
    #[track_caller]
    pub fn assert_lines<Line: AsRef<str>>(&self, expected: &[Line]) {
        let mut lines: Vec<&str> = self.committed.lines.iter().map(String::as_str).collect();
        let mut expected: Vec<&str> = expected.iter().map(AsRef::as_ref).collect();
        lines.sort_unstable();
        expected.sort_unstable();
        assert_eq!(lines, expected);
    }
}

pub fn append(path: &Path, text: &[u8]) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text).unwrap();
}

pub fn gzip(path: &Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    let packed = PathBuf::from(format!("{}.gz", path.display()));
    let file = fs::File::create(&packed).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(&file, flate2::Compression::fast());
    encoder.write_all(&fs::read(path).unwrap()).unwrap();
    encoder.finish().unwrap();
    file.set_modified(modified).unwrap();
    fs::remove_file(path).unwrap();
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
