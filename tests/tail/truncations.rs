//! Files that are cut short, with and without a copy, and space that a writer leaves empty.
//!
//! In: a directory each. Out: a failure where a line is lost or comes twice.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use errtail::tail::{Position, Step};

use crate::reader::Reader;

#[test]
fn copied_and_truncated_while_running() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\n");
    reader.read();
    reader.write("app.log", "two\n");
    reader.copy_truncate("app.log", "app.log.1");
    reader.write("app.log", "three\n");
    reader.read();
    reader.assert_lines(&["one", "two", "three"]);
}

#[test]
fn a_copy_with_a_wanted_name_is_no_new_file() {
    let mut reader = Reader::new(&["app*"]);
    reader.write("app.log", "one\n");
    reader.read();
    reader.write("app.log", "two\n");
    reader.copy_truncate("app.log", "app.log.1");
    reader.write("app.log", "three\n");
    reader.read();
    reader.restart();
    reader.read();
    reader.write("app.log", "four\n");
    reader.read();
    reader.assert_lines(&["one", "two", "three", "four"]);
}

#[test]
fn truncated_and_then_longer_than_before() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\n");
    reader.read();
    reader.truncate("app.log");
    reader.write("app.log", "two is longer\nthree\n");
    reader.read();
    reader.assert_lines(&["one", "two is longer", "three"]);
}

#[test]
fn truncated_and_then_of_the_same_size() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\n");
    reader.read();
    reader.truncate("app.log");
    reader.write("app.log", "two\n");
    reader.read();
    reader.assert_lines(&["one", "two"]);
}

#[test]
fn truncated_and_then_with_the_same_beginning() {
    let banner = format!("{}\n", "banner ".repeat(30));
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", format!("{banner}one\n"));
    reader.read();
    reader.truncate("app.log");
    reader.write("app.log", format!("{banner}two\nthree\n"));
    reader.read();
    let banner = banner.trim_end_matches('\n');
    reader.assert_lines(&[banner, "one", banner, "two", "three"]);
}

#[test]
fn truncated_twice_between_looks() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\n");
    reader.read();
    reader.truncate("app.log");
    reader.write("app.log", "never seen\n");
    reader.truncate("app.log");
    reader.write("app.log", "two\n");
    reader.read();
    reader.assert_lines(&["one", "two"]);
}

#[test]
fn copied_and_truncated_while_stopped() {
    for paths in [&["app.log"], &["app.log*"]] {
        let mut reader = Reader::new(paths);
        reader.write("app.log", "one\n");
        reader.read();
        reader.kill();
        reader.write("app.log", "two\n");
        reader.copy_truncate("app.log", "app.log.1");
        reader.write("app.log", "three\n");
        reader.start();
        reader.read();
        reader.assert_lines(&["one", "two", "three"]);
        reader.restart();
        reader.read();
        reader.assert_lines(&["one", "two", "three"]);
    }
}

#[test]
fn a_hole_of_a_writer_that_does_not_append() {
    let mut reader = Reader::new(&["app.log"]);
    let mut writer = OpenOptions::new().write(true).create(true).truncate(true).open(reader.path("app.log")).unwrap();
    writer.write_all(&b"line before the hole\n".repeat(20_000)).unwrap();
    reader.read();
    assert_eq!(reader.committed.lines.len(), 20_000);
    reader.truncate("app.log");
    reader.read();
    writer.write_all(b"behind the hole\n").unwrap();
    reader.read();
    assert_eq!(reader.committed.lines.len(), 20_001);
    assert_eq!(reader.committed.lines[20_000], "behind the hole");
    reader.restart();
    writer.write_all(b"more\n").unwrap();
    reader.read();
    assert_eq!(reader.committed.lines[20_001..], ["more"]);
}

#[test]
fn space_reserved_with_nuls_is_written_over() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\n");
    let mut writer = OpenOptions::new().write(true).open(reader.path("app.log")).unwrap();
    writer.set_len(1_000_000).unwrap();
    writer.seek(SeekFrom::Start(4)).unwrap();
    reader.read();
    writer.write_all(b"two\n").unwrap();
    reader.read();
    reader.assert_lines(&["one", "two"]);
}

#[test]
fn a_copy_of_what_was_read_is_not_read_when_it_is_seen_again() {
    let mut reader = Reader::with(&["app.log"], |settings| {
        settings.rotated_timeout_ms = 30;
        settings.rescan_interval_ms = 10;
    });
    reader.write("app.log", "one, which is long enough to be known\n");
    reader.read();
    reader.kill();
    reader.copy_truncate("app.log", "app.log.1");
    reader.start();
    reader.read_for(Duration::from_millis(300));
    reader.restart();
    reader.read_for(Duration::from_millis(300));
    reader.assert_lines(&["one, which is long enough to be known"]);
}

#[test]
fn a_file_that_was_put_back_waits_for_more_and_is_no_gap_when_it_is_cut_short() {
    let mut reader = Reader::with(&["app.log"], |settings| settings.rescan_interval_ms = 10);
    reader.write("app.log", "one\n");
    let steps = |reader: &mut Reader| {
        let deadline = Instant::now() + Duration::from_millis(100);
        let (mut buffer, mut steps) = (Vec::new(), Vec::new());
        loop {
            match reader.tail.next(&mut buffer, deadline) {
                Step::Quiet => return steps,
                step => steps.push(step),
            }
        }
    };
    let read = steps(&mut reader);
    let Some(Step::Bytes { key, .. }) = read.last() else { panic!("{read:?}") };
    assert!(reader.tail.rewind(*key, Position::beginning()));
    assert_eq!(steps(&mut reader), []);
    reader.write("app.log", "two\n");
    assert!(matches!(steps(&mut reader)[..], [Step::Bytes { offset: 0, ref range, .. }] if range.len() == 8));
    assert!(reader.tail.rewind(*key, Position::beginning()));
    reader.truncate("app.log");
    let cut = steps(&mut reader);
    assert!(cut.iter().all(|step| !matches!(step, Step::Gap(_))), "{cut:?}");
}
