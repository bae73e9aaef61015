//! Files that are renamed, moved, deleted, made again or put in the place of one another.
//!
//! In: a directory each. Out: a failure where a line is lost or comes twice.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use crate::reader::Reader;

#[test]
fn rename_and_create_with_late_writes_to_the_old_file() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\n");
    reader.read();
    reader.write("app.log", "two\n");
    reader.rename("app.log", "app.log.1");
    reader.write("app.log", "three\n");
    reader.read();
    reader.write("app.log.1", "late\n");
    reader.write("app.log", "four\n");
    reader.read();
    reader.assert_lines(&["one", "two", "three", "late", "four"]);
    reader.read_for(Duration::from_millis(400));
    assert_eq!(reader.tail.count(), 1, "the rotated file is closed");
}

#[test]
fn renamed_within_a_wanted_name() {
    let mut reader = Reader::new(&["app.log*"]);
    reader.write("app.log", "one\n");
    reader.read();
    reader.rename("app.log", "app.log.1");
    reader.write("app.log", "two\n");
    reader.read();
    reader.rename("app.log.1", "app.log.2");
    reader.rename("app.log", "app.log.1");
    reader.write("app.log", "three\n");
    reader.read();
    reader.restart();
    reader.read();
    reader.assert_lines(&["one", "two", "three"]);
}

#[test]
fn renamed_once_while_stopped() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\n");
    reader.read();
    reader.kill();
    reader.write("app.log", "two\n");
    reader.rename("app.log", "app.log.1");
    reader.write("app.log", "three\n");
    reader.start();
    reader.read();
    reader.assert_lines(&["one", "two", "three"]);
}

/// `app.log.1` to `.2` and so on, then `app.log` to `.1`.
fn shift(reader: &Reader, count: u32) {
    for index in (1..=count).rev() {
        let from = reader.path(&format!("app.log.{index}"));
        if from.exists() {
            fs::rename(from, reader.path(&format!("app.log.{}", index + 1))).unwrap();
        }
    }
    reader.rename("app.log", "app.log.1");
}

#[test]
fn renamed_five_times_while_stopped() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log.1", "older than the agent\n");
    reader.write("app.log", "a\n");
    std::thread::sleep(Duration::from_millis(20));
    reader.read();
    reader.kill();
    reader.write("app.log", "b\n");
    for text in ["c\n", "d\n", "e\n", "f\n", "g\n"] {
        shift(&reader, 7);
        std::thread::sleep(Duration::from_millis(10));
        reader.write("app.log", text);
    }
    reader.start();
    reader.read();
    reader.assert_lines(&["a", "b", "c", "d", "e", "f", "g"]);
    reader.restart();
    reader.read();
    reader.assert_lines(&["a", "b", "c", "d", "e", "f", "g"]);
}

#[test]
fn rotated_often_between_two_looks() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log.1", "older than the agent\n");
    reader.write("app.log", "a\n");
    reader.read();
    for text in ["b\n", "c\n", "d\n", "e\n"] {
        shift(&reader, 7);
        reader.write("app.log", text);
    }
    reader.read();
    reader.assert_lines(&["a", "b", "c", "d", "e"]);
}

#[test]
fn renamed_compressed_and_deleted_while_running() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\n");
    reader.read();
    reader.write("app.log", "two\n");
    reader.rename("app.log", "app.log.1");
    reader.gzip("app.log.1");
    reader.write("app.log", "three\n");
    reader.read();
    fs::remove_file(reader.path("app.log.1.gz")).unwrap();
    reader.read();
    reader.assert_lines(&["one", "two", "three"]);
}

#[test]
fn renamed_and_compressed_while_stopped() {
    let mut reader = Reader::new(&["app.log"]);
    reader.compress_while_stopped();
    reader.write("app.log", "three\n");
    reader.start();
    reader.read();
    reader.assert_lines(&["one", "two", "three"]);
    reader.restart();
    reader.read();
    reader.assert_lines(&["one", "two", "three"]);
}

#[test]
fn deleted_and_made_again() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\n");
    reader.read();
    reader.write("app.log", "two\n");
    fs::remove_file(reader.path("app.log")).unwrap();
    reader.write("app.log", "three\n");
    reader.read();
    reader.assert_lines(&["one", "two", "three"]);
}

#[test]
fn an_inode_used_again_is_another_file() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\n");
    reader.read();
    reader.kill();
    // The file system may give the inode to the next file: the content tells.
    fs::remove_file(reader.path("app.log")).unwrap();
    reader.write("app.log", "two\nthree\n");
    reader.start();
    reader.read();
    reader.assert_lines(&["one", "two", "three"]);
}

#[test]
fn moved_away_and_back() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\n");
    reader.read();
    fs::create_dir(reader.path("elsewhere")).unwrap();
    reader.rename("app.log", "elsewhere/app.log");
    reader.read();
    reader.write("elsewhere/app.log", "two\n");
    reader.read_for(Duration::from_millis(600));
    assert_eq!(reader.tail.count(), 0);
    reader.rename("elsewhere/app.log", "app.log");
    reader.write("app.log", "three\n");
    reader.read();
    reader.assert_lines(&["one", "two", "three"]);
}

#[test]
fn a_symbolic_link_is_swapped() {
    let mut reader = Reader::new(&["current.log"]);
    reader.write("app-1.log", "one\n");
    symlink("app-1.log", reader.path("current.log")).unwrap();
    reader.read();
    reader.write("app-1.log", "two\n");
    reader.read();
    reader.write("app-1.log", "three\n");
    reader.write("app-2.log", "four\n");
    symlink("app-2.log", reader.path("next")).unwrap();
    reader.rename("next", "current.log");
    reader.read();
    reader.write("app-2.log", "five\n");
    reader.read();
    reader.assert_lines(&["one", "two", "three", "four", "five"]);
}

#[test]
fn equal_beginnings_are_two_files() {
    let banner = format!("{}\n", "banner ".repeat(300));
    let mut reader = Reader::new(&["*.log*"]);
    reader.write("a.log", &banner);
    reader.write("b.log", &banner);
    reader.read();
    reader.write("a.log.1", &banner);
    reader.read();
    reader.write("a.log", "one\n");
    reader.write("b.log", "two\n");
    reader.write("a.log.1", "three\n");
    reader.read();
    let lines = |text: &str| reader.committed.lines.iter().filter(|line| *line == text).count();
    assert_eq!((lines("one"), lines("two"), lines("three")), (1, 1, 1));
    assert!((2..=3).contains(&lines(banner.trim_end_matches('\n'))), "a copy of a whole file cannot be told from it");
}

/// What a writer logs at one second: alike at both ends, and as long.
fn alike(line: &str) -> String {
    format!("{}\n{line}\n{}\n", "same start ".repeat(9), "same end ".repeat(9))
}

#[test]
fn a_file_that_is_like_its_predecessor_at_both_ends_is_no_copy() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", alike("one"));
    reader.read();
    reader.rename("app.log", "app.log.1");
    reader.write("app.log", &alike("two")[..20]);
    reader.read();
    reader.write("app.log", &alike("two")[20..]);
    reader.read_for(Duration::from_millis(400));
    assert!(["one", "two"].iter().all(|line| reader.committed.lines.iter().any(|came| came == line)));
}

#[test]
fn a_file_made_and_rotated_between_two_looks_is_no_copy_of_one_like_it() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", alike("one"));
    reader.read();
    reader.rename("app.log", "app.log.1");
    reader.write("app.log", alike("two"));
    reader.rename("app.log", "app.log.2");
    reader.write("app.log", alike("six"));
    reader.read_for(Duration::from_millis(400));
    for line in ["one", "two", "six"] {
        assert_eq!(reader.committed.lines.iter().filter(|came| *came == line).count(), 1, "{line}");
    }
}

#[test]
fn replaced_atomically() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\n");
    reader.read();
    reader.write("app.log", "two\n");
    reader.write("app.log.tmp", "three\n");
    reader.rename("app.log.tmp", "app.log");
    reader.read();
    reader.write("app.log", "four\n");
    reader.read();
    reader.assert_lines(&["one", "two", "three", "four"]);
}

#[test]
fn a_line_is_ended_then_copied_and_truncated_and_rotated_between_two_looks() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\ntwo\nthree");
    reader.read();
    reader.write("app.log", "\n");
    reader.copy_truncate("app.log", "app.log.1");
    reader.rename("app.log.1", "app.log.2");
    reader.rename("app.log", "app.log.1");
    reader.read();
    reader.assert_lines(&["one", "two", "three"]);
}
