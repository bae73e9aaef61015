//! What goes wrong: clocks, names, reads that fail, links in circles, files that shrink; and what is forgotten when.
//!
//! In: a directory each. Out: a failure where a line is lost or comes twice, or where work has no end.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant, SystemTime};

use errtail::tail::{Cause, Checkpoint};

use crate::reader::{Reader, append};

#[test]
fn names_that_are_not_unicode_and_names_with_line_breaks() {
    let mut reader = Reader::new(&["*.log"]);
    let names = [&b"caf\xe9.log"[..], b"two\nlines.log"];
    for (index, name) in names.iter().enumerate() {
        append(&reader.directory.path().join(OsStr::from_bytes(name)), format!("{index}\n").as_bytes());
    }
    reader.read();
    // As the store keeps it.
    for checkpoint in reader.committed.checkpoints.values_mut() {
        let text = serde_json::to_string(checkpoint).unwrap();
        assert_eq!(&serde_json::from_str::<Checkpoint>(&text).unwrap(), checkpoint);
    }
    reader.restart();
    for (index, name) in names.iter().enumerate() {
        append(&reader.directory.path().join(OsStr::from_bytes(name)), format!("more {index}\n").as_bytes());
    }
    reader.read();
    reader.assert_lines(&["0", "1", "more 0", "more 1"]);
}

#[test]
fn clocks_that_jump() {
    let mut reader = Reader::new(&["*.log"]);
    let far = SystemTime::now() + Duration::from_secs(400 * 86_400);
    let times = [SystemTime::UNIX_EPOCH, far, SystemTime::now()];
    let mut expected = Vec::new();
    for round in 0..4 {
        for (index, time) in times.iter().enumerate() {
            let name = format!("{index}.log");
            reader.write(&name, format!("{index} {round}\n"));
            expected.push(format!("{index} {round}"));
            fs::File::options().write(true).open(reader.path(&name)).unwrap().set_modified(*time).unwrap();
        }
        reader.read();
        if round == 1 {
            reader.restart();
        }
        if round == 2 {
            reader.rename("1.log", "1.log.1");
        }
    }
    reader.assert_lines(&expected);
}

#[test]
fn a_read_that_fails_is_tried_again_and_disturbs_nobody() {
    let mut reader = Reader::with(&["*.log"], |settings| {
        settings.follow_symlinks = true;
        settings.poll_interval_ms = 20;
        settings.rotated_timeout_ms = 100;
    });
    // A regular file whose first page cannot be read.
    symlink("/proc/self/mem", reader.path("broken.log")).unwrap();
    reader.write("app.log", "one\n");
    reader.read_for(Duration::from_millis(300));
    reader.write("app.log", "two\n");
    reader.read_for(Duration::from_millis(300));
    reader.assert_lines(&["one", "two"]);
    let failed = |reader: &Reader| {
        let mut files = reader.committed.checkpoints.values();
        files.find(|file| file.path.ends_with("broken.log")).map_or(0, |file| file.ledger.failed_reads)
    };
    // Ever more rarely: 20, 40, 80, 160, 320 ms.
    assert!((2..=8).contains(&failed(&reader)), "{}", failed(&reader));
    assert!(reader.committed.gaps.is_empty());
    // Rotated away, it is given up.
    fs::remove_file(reader.path("broken.log")).unwrap();
    reader.read_for(Duration::from_millis(1_500));
    let causes: Vec<Cause> = reader.committed.gaps.iter().map(|gap| gap.cause).collect();
    assert_eq!(causes, [Cause::Unreadable]);
    assert_eq!(reader.tail.count(), 1);
}

#[test]
fn a_writer_that_takes_its_last_bytes_back() {
    for left in [7, 5] {
        let mut reader = Reader::new(&["app.log"]);
        reader.write("app.log", "one\ntwo\n");
        reader.read();
        let mut file = OpenOptions::new().write(true).open(reader.path("app.log")).unwrap();
        file.set_len(left).unwrap();
        reader.read();
        file.seek(SeekFrom::Start(left)).unwrap();
        file.write_all(&b"one\ntwo\nthree\n"[usize::try_from(left).unwrap()..]).unwrap();
        reader.read();
        reader.assert_lines(&["one", "two", "three"]);
        assert!(reader.committed.gaps.is_empty());
    }
}

#[test]
fn cut_short_to_whole_lines_it_is_another_content() {
    for (cut, lines) in [("one\n", vec!["one", "two", "one", "two"]), ("on", vec!["one", "two", "one", "two"])] {
        let mut reader = Reader::new(&["app.log"]);
        reader.write("app.log", "one\ntwo\n");
        reader.read();
        reader.truncate("app.log");
        reader.write("app.log", cut);
        reader.read();
        reader.write("app.log", &"one\ntwo\n"[cut.len()..]);
        reader.read();
        reader.assert_lines(&lines);
    }
}

#[test]
fn replaced_by_an_editor_with_what_it_held_and_more() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\ntwo\n");
    reader.read();
    reader.write("app.log.swap", "one\ntwo\nthree\n");
    std::thread::sleep(Duration::from_millis(20));
    reader.rename("app.log.swap", "app.log");
    reader.read_for(Duration::from_millis(700));
    reader.write("app.log", "four\n");
    reader.read_for(Duration::from_millis(200));
    reader.restart();
    reader.read();
    reader.assert_lines(&["one", "two", "three", "four"]);
    assert!(reader.committed.gaps.is_empty());
}

#[test]
fn deleted_and_written_again_with_what_it_held_and_more() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\ntwo\n");
    reader.read();
    fs::remove_file(reader.path("app.log")).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    reader.write("app.log", "one\ntwo\nthree\n");
    reader.read_for(Duration::from_millis(700));
    reader.assert_lines(&["one", "one", "two", "two", "three"]);
}

#[test]
fn links_in_circles() {
    let mut reader = Reader::with(&["**/*.log"], |settings| settings.follow_symlinks = true);
    fs::create_dir_all(reader.path("a/b")).unwrap();
    for (index, name) in ["here", "a/up", "a/b/up"].iter().enumerate() {
        symlink(reader.directory.path(), reader.path(name)).unwrap();
        symlink(reader.path(&format!("self{index}")), reader.path(&format!("self{index}"))).unwrap();
    }
    reader.write("a/b/app.log", "one\n");
    let started = Instant::now();
    reader.read();
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    reader.assert_lines(&["one"]);
}

#[test]
fn one_file_by_two_globs_and_two_links_is_read_once() {
    let mut reader =
        Reader::with(&["logs/*.log", "logs/**/*", "other/*.log"], |settings| settings.follow_symlinks = true);
    fs::create_dir(reader.path("logs")).unwrap();
    symlink(reader.path("logs"), reader.path("other")).unwrap();
    reader.write("logs/app.log", "one\n");
    symlink(reader.path("logs/app.log"), reader.path("logs/link.log")).unwrap();
    reader.read();
    reader.write("logs/app.log", "two\n");
    reader.read();
    reader.restart();
    reader.write("logs/app.log", "three\n");
    reader.read();
    reader.assert_lines(&["one", "two", "three"]);
}

#[test]
fn a_sparse_file() {
    let mut reader = Reader::new(&["app.log"]);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(reader.path("app.log")).unwrap();
    file.write_all(b"one\n").unwrap();
    file.seek(SeekFrom::Start(1 << 36)).unwrap();
    file.write_all(b"two\n").unwrap();
    let started = Instant::now();
    reader.read();
    assert!(started.elapsed() < Duration::from_secs(5), "64 GiB of nothing: {:?}", started.elapsed());
    reader.assert_lines(&["one", "two"]);
}

#[test]
fn one_noisy_file_and_999_quiet_ones() {
    let mut reader = Reader::with(&["*.log"], |settings| settings.read_ahead_bytes = 4096);
    reader.write("noisy.log", "noise\n".repeat(1_000_000));
    for index in 0..999 {
        reader.write(&format!("{index}.log"), "quiet\n");
    }
    let mut steps = 0;
    let quiet = |reader: &Reader| reader.committed.lines.iter().filter(|line| *line == "quiet").count();
    while quiet(&reader) < 999 {
        for _ in 0..100 {
            assert!(reader.step(Instant::now() + Duration::from_millis(500)));
        }
        reader.commit();
        steps += 100;
    }
    assert!(steps <= 2_200, "{steps}");
}

#[test]
fn a_restart_with_many_files_does_not_look_at_each_for_each() {
    let mut reader = Reader::new(&["*.log"]);
    for index in 0..4_000 {
        reader.write(&format!("{index}.log"), format!("{index}\n"));
    }
    reader.read();
    for index in 0..2_000 {
        reader.rename(&format!("{index}.log"), &format!("{index}.log.1"));
    }
    let started = Instant::now();
    reader.restart();
    reader.read();
    println!("restart with 4,000 files: {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert_eq!(reader.committed.lines.len(), 4_000);
}

#[test]
fn a_rotated_file_that_was_read_is_not_opened_at_each_look() {
    let mut reader = Reader::with(&["app.log"], |settings| {
        settings.rotated_timeout_ms = 30;
        settings.rescan_interval_ms = 10;
        settings.poll = true;
    });
    reader.write("app.log", "one\n");
    reader.read();
    reader.rename("app.log", "app.log.1");
    reader.write("app.log", "two\n");
    reader.read_for(Duration::from_millis(300));
    for _ in 0..10 {
        reader.read_for(Duration::from_millis(30));
        assert_eq!(reader.tail.count(), 1);
    }
    reader.write("app.log.1", "late\n");
    reader.read_for(Duration::from_millis(100));
    reader.assert_lines(&["one", "two", "late"]);
}

#[test]
fn what_is_gone_is_remembered_for_as_long_as_it_may_come_back() {
    let day = 86_400;
    let mut reader = Reader::with(&["*.log"], |settings| settings.rotated_timeout_ms = 30);
    for name in ["back.log", "gone.log", "there.log"] {
        reader.write(name, format!("{name}\n"));
    }
    reader.read();
    reader.rename("back.log", "back");
    reader.rename("there.log", "there.log.1");
    fs::remove_file(reader.path("gone.log")).unwrap();
    reader.read_for(Duration::from_millis(600));
    reader.restart();
    reader.read_for(Duration::from_millis(600));
    assert_eq!(reader.committed.checkpoints.len(), 3);
    assert!(reader.committed.checkpoints.values().all(|checkpoint| checkpoint.missing_since > 0));
    // 29 days later one comes back.
    for checkpoint in reader.committed.checkpoints.values_mut() {
        checkpoint.missing_since -= 29 * day;
    }
    reader.rename("back", "back.log");
    reader.restart();
    reader.read_for(Duration::from_millis(600));
    assert_eq!(reader.committed.checkpoints.len(), 3);
    // Two days later one is forgotten: not the one that was there, nor the one that is there under another name.
    for checkpoint in reader.committed.checkpoints.values_mut().filter(|checkpoint| checkpoint.missing_since > 0) {
        checkpoint.missing_since -= 2 * day;
    }
    reader.restart();
    reader.read_for(Duration::from_millis(600));
    let mut left: Vec<String> = reader
        .committed
        .checkpoints
        .values()
        .map(|known| known.path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    left.sort_unstable();
    assert_eq!(left, ["back.log", "there.log.1"]);
    reader.write("back.log", "more\n");
    reader.read();
    reader.assert_lines(&["back.log", "gone.log", "there.log", "more"]);
}

#[test]
fn of_what_is_gone_only_so_much_is_remembered() {
    let mut reader = Reader::with(&["*.log"], |settings| {
        settings.rotated_timeout_ms = 30;
        settings.rescan_interval_ms = 10;
        settings.max_missing_files = 3;
    });
    for index in 0..10 {
        reader.write(&format!("{index}.log"), format!("{index}\n"));
        reader.read();
        fs::remove_file(reader.path(&format!("{index}.log"))).unwrap();
        reader.read_for(Duration::from_millis(400));
    }
    assert!((1..=4).contains(&reader.committed.checkpoints.len()), "{}", reader.committed.checkpoints.len());
    assert_eq!(reader.committed.lines.len(), 10);
}
