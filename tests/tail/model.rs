//! Random sequences of writes, rotations, truncations, deletions, stops and kills, beside a model of what must come out.
//!
//! In: sequences made by proptest; `ERRTAIL_MODEL_CASES` says how many (default 24). Out: the shortest sequence that
//! loses a line, or gives one twice. Each line is written once, so that each line must come once.

use std::collections::HashSet;
use std::fs;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::reader::Reader;

/// Rotated files that are kept.
const KEPT: u32 = 5;

#[derive(Debug, Clone)]
enum Op {
    /// Writes so many lines in one write; with `open`, the last one without its end.
    Write {
        lines: u8,
        open: bool,
    },
    /// Renames, and makes a new file.
    Rotate,
    CopyTruncate,
    Truncate,
    Delete,
    /// Compresses the newest rotated file.
    Gzip,
    Read {
        commit: bool,
    },
    Kill,
    Start,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (1..40_u8, any::<bool>()).prop_map(|(lines, open)| Op::Write { lines, open }),
        3 => Just(Op::Rotate),
        2 => Just(Op::CopyTruncate),
        1 => Just(Op::Truncate),
        1 => Just(Op::Delete),
        1 => Just(Op::Gzip),
        5 => prop::bool::weighted(0.8).prop_map(|commit| Op::Read { commit }),
        2 => Just(Op::Kill),
        3 => Just(Op::Start),
    ]
}

/// One file's content, wherever it lies.
#[derive(Default)]
struct Content {
    lines: Vec<String>,
    /// The agent has looked at it since it started.
    open: bool,
    packed: bool,
    /// It is a copy of what the agent has begun to read, and will find cut short.
    copied: bool,
}

/// What is on the disk, and what of it must come out.
struct Model {
    reader: Reader,
    running: bool,
    /// `app.log`, then `app.log.1`, ….
    files: Vec<Option<Content>>,
    unended: bool,
    written: usize,
    must: HashSet<String>,
    /// Lines that only the agent's descriptors hold.
    held: HashSet<String>,
}

impl Model {
    fn new(poll: bool, glob: bool) -> Model {
        let path = if glob { "app.log*" } else { "app.log" };
        let mut reader = Reader::with(&[path], |settings| {
            settings.poll = poll;
            settings.rotated_timeout_ms = 30;
            settings.read_ahead_bytes = 512;
            // Each read looks for itself too, so that it need not wait for notices that come late under load.
            settings.rescan_interval_ms = 10;
        });
        reader.notice = Duration::from_millis(25);
        reader.read_without_commit();
        Model {
            reader,
            running: true,
            files: vec![None],
            unended: false,
            written: 0,
            must: HashSet::new(),
            held: HashSet::new(),
        }
    }

    fn apply(&mut self, op: &Op) {
        // Times of files are coarse.
        std::thread::sleep(Duration::from_millis(12));
        match op {
            Op::Write { lines, open } => self.write(*lines, *open),
            Op::Rotate => self.rotate(false),
            Op::CopyTruncate => self.rotate(true),
            Op::Truncate => self.truncate(),
            Op::Delete => self.delete(),
            Op::Gzip => self.gzip(),
            Op::Read { commit } => self.read(*commit),
            Op::Kill => self.kill(),
            Op::Start => self.start(),
        }
    }

    fn write(&mut self, lines: u8, open: bool) {
        let mut text = if std::mem::take(&mut self.unended) { "\n".to_owned() } else { String::new() };
        let file = self.files[0].get_or_insert_default();
        for _ in 0..lines {
            self.written += 1;
            let line = format!("{:06} {}", self.written, "x".repeat(self.written * 37 % 90));
            text.push_str(&line);
            text.push('\n');
            self.must.insert(line.clone());
            file.lines.push(line);
        }
        if open {
            text.pop();
            self.unended = true;
        }
        self.reader.write("app.log", text);
    }

    /// A writer ends its line before its file is taken away.
    fn end_line(&mut self) {
        if std::mem::take(&mut self.unended) {
            self.reader.write("app.log", "\n");
        }
    }

    fn rotate(&mut self, copy: bool) {
        self.end_line();
        let Some(content) = self.files[0].take() else { return };
        for index in (1..=KEPT).rev() {
            for end in ["", ".gz"] {
                let from = self.reader.path(&format!("app.log.{index}{end}"));
                if !from.exists() {
                    continue;
                }
                if index == KEPT {
                    fs::remove_file(from).unwrap();
                } else {
                    fs::rename(from, self.reader.path(&format!("app.log.{}{end}", index + 1))).unwrap();
                }
            }
        }
        if copy {
            self.reader.copy_truncate("app.log", "app.log.1");
            // What the agent's descriptor leads to is cut short; the copy was not looked at.
            self.files[0] = Some(Content { open: content.open, ..Content::default() });
            let begun = content.lines.first().is_some_and(|line| self.reader.committed.lines.contains(line));
            self.files.insert(1, Some(Content { open: false, copied: content.open && begun, ..content }));
        } else {
            self.reader.rename("app.log", "app.log.1");
            self.files.insert(1, Some(content));
        }
        if self.files.len() > KEPT as usize + 1
            && let Some(gone) = self.files.pop().flatten()
        {
            self.lose(gone);
        }
    }

    /// A content is gone, but for what the agent's descriptor leads to.
    fn lose(&mut self, gone: Content) {
        for line in gone.lines {
            if gone.open && self.must.contains(&line) {
                self.held.insert(line);
            } else {
                self.must.remove(&line);
            }
        }
    }

    fn truncate(&mut self) {
        self.end_line();
        let Some(content) = &mut self.files[0] else { return };
        let committed: HashSet<&String> = self.reader.committed.lines.iter().collect();
        for line in content.lines.drain(..) {
            if !committed.contains(&line) {
                self.must.remove(&line);
            }
        }
        self.reader.truncate("app.log");
    }

    fn delete(&mut self) {
        self.end_line();
        let Some(content) = self.files[0].take() else { return };
        fs::remove_file(self.reader.path("app.log")).unwrap();
        self.lose(content);
    }

    fn gzip(&mut self) {
        let Some(Some(content)) = self.files.get_mut(1) else { return };
        // Renamed and compressed between two looks: that cannot be told from what was there before.
        if !content.packed && (content.open || content.copied || !self.running) {
            self.reader.gzip("app.log.1");
            content.packed = true;
        }
    }

    fn read(&mut self, commit: bool) {
        if !self.running {
            return;
        }
        self.reader.read_without_commit();
        for content in self.files.iter_mut().flatten() {
            content.open |= !content.packed;
        }
        if commit {
            self.reader.commit();
            self.held.clear();
            // A machine under load may tell late.
            for _ in 0..50 {
                if self.missing().is_empty() {
                    return;
                }
                self.reader.read();
            }
            panic!("lost: {:?}", self.missing());
        }
    }

    /// What lies in files that are there, and has not come.
    fn missing(&self) -> Vec<&String> {
        let open = self.unended.then(|| self.files[0].as_ref().and_then(|file| file.lines.last())).flatten();
        let came: HashSet<&String> = self.reader.committed.lines.iter().collect();
        let lines = self.files.iter().flatten().flat_map(|file| &file.lines);
        lines.filter(|line| self.must.contains(*line) && !came.contains(line) && Some(*line) != open).collect()
    }

    fn kill(&mut self) {
        if !std::mem::take(&mut self.running) {
            return;
        }
        self.reader.kill();
        let came: HashSet<&String> = self.reader.committed.lines.iter().collect();
        for line in self.held.drain() {
            if !came.contains(&line) {
                self.must.remove(&line);
            }
        }
        for content in self.files.iter_mut().flatten() {
            content.open = false;
        }
        self.forget_what_was_before();
    }

    fn start(&mut self) {
        if !self.running {
            self.forget_what_was_before();
            self.reader.start();
            self.running = true;
            self.read(false);
        }
    }

    /// An agent that has committed nothing does not know which rotated files are news to it.
    fn forget_what_was_before(&mut self) {
        if self.reader.committed.checkpoints.is_empty() {
            for line in self.files.iter().skip(1).flatten().flat_map(|file| &file.lines) {
                self.must.remove(line);
            }
        }
    }

    fn check(&mut self) {
        self.start();
        self.end_line();
        self.read(true);
        self.reader.read_for(Duration::from_millis(80));
        let mut lines = self.reader.committed.lines.clone();
        let count = lines.len();
        lines.sort_unstable();
        let twice: Vec<&String> = lines.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
        assert!(twice.is_empty(), "twice: {twice:?}");
        let came: HashSet<&String> = lines.iter().collect();
        let lost: Vec<&String> = self.must.iter().filter(|line| !came.contains(line)).collect();
        assert!(lost.is_empty(), "lost: {lost:?} of {count}");
        assert!(lines.iter().all(|line| line.len() >= 7), "a line was cut: {lines:?}");
    }
}

fn cases() -> u32 {
    std::env::var("ERRTAIL_MODEL_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(24)
}

/// The same sequences each time, unless others are asked for.
fn seed() -> RngSeed {
    RngSeed::Fixed(std::env::var("ERRTAIL_MODEL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1))
}

fn config() -> ProptestConfig {
    let failure_persistence = None; // The seed says it all.
    ProptestConfig { cases: cases(), rng_seed: seed(), max_shrink_iters: 60, failure_persistence, ..Default::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn nothing_is_lost_and_nothing_comes_twice(
        poll in any::<bool>(),
        glob in any::<bool>(),
        ops in prop::collection::vec(op(), 1..24),
    ) {
        let mut model = Model::new(poll, glob);
        for op in &ops {
            println!("{op:?}"); model.apply(op);
        }
        model.check();
    }
}

/// The inode of a file that was truncated and deleted before anything was read of it goes to another one's copy.
#[test]
fn a_copy_gets_the_inode_of_a_file_known_to_be_empty() {
    let mut model = Model::new(false, false);
    let write = |lines, open| Op::Write { lines, open };
    let read = |commit| Op::Read { commit };
    let before = [write(17, true), read(true), write(63, true), Op::CopyTruncate, Op::Delete, read(false)];
    before.iter().chain(&[write(5, true), read(true), Op::CopyTruncate]).for_each(|op| model.apply(op));
    model.check();
}
