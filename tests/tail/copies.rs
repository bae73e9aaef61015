//! Copies: made before the original is cut short, compressed, seen again, or no copies at all.
//!
//! In: a directory each. Out: a failure where a line is lost or comes twice.

use std::time::{Duration, Instant};

use crate::reader::Reader;

#[test]
fn made_rotated_and_compressed_while_stopped() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\n");
    reader.read();
    reader.kill();
    reader.rename("app.log", "app.log.2");
    reader.write("app.log", "two\n");
    reader.rename("app.log", "app.log.1");
    reader.write("app.log", "three\n");
    reader.gzip("app.log.1");
    std::thread::sleep(Duration::from_millis(20));
    reader.start();
    reader.read();
    reader.assert_lines(&["one", "two", "three"]);
}

#[test]
fn copied_and_truncated_and_rotated_again_while_stopped() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one, long enough to be told apart\n");
    reader.read_without_commit();
    reader.copy_truncate("app.log", "app.log.1");
    reader.read();
    reader.kill();
    reader.rename("app.log.1", "app.log.2");
    reader.rename("app.log", "app.log.1");
    reader.start();
    reader.read();
    reader.assert_lines(&["one, long enough to be told apart"]);
    assert!(reader.committed.gaps.is_empty(), "{:?}", reader.committed.gaps);
}

#[test]
fn a_compressed_file_with_the_inode_of_another_is_another_file() {
    // The file system gives a freed inode to the next file, soon or late.
    for round in 0..8 {
        let mut reader = Reader::new(&["app.log"]);
        for index in 0..round {
            reader.write(&format!("other{index}"), "");
        }
        reader.write("app.log", "one, two, three, four, five, six, seven\neight\n");
        reader.read();
        reader.kill();
        reader.write("app.log.tmp", "a line that is older than the agent and longer than all others\nnine\n");
        std::fs::remove_file(reader.path("app.log")).unwrap();
        reader.rename("app.log.tmp", "app.log.1");
        reader.gzip("app.log.1");
        reader.start();
        reader.read();
        let lines = &reader.committed.lines;
        assert!(lines.contains(&"nine".to_owned()) && lines.len() == 4, "{lines:?}");
    }
}

#[test]
fn copied_rotated_and_copied_again_while_running() {
    for _ in 0..10 {
        let mut reader = Reader::with(&["app.log"], |settings| {
            settings.rotated_timeout_ms = 30;
            settings.rescan_interval_ms = 10;
        });
        reader.notice = Duration::from_millis(25);
        reader.read_without_commit();
        reader.write("app.log", "000001 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n");
        std::thread::sleep(Duration::from_millis(12));
        reader.copy_truncate("app.log", "app.log.1");
        reader.read_without_commit();
        reader.rename("app.log.1", "app.log.2");
        reader.rename("app.log", "app.log.1");
        std::thread::sleep(Duration::from_millis(12));
        reader.gzip("app.log.1");
        std::thread::sleep(Duration::from_millis(12));
        reader.write("app.log", "000002 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n");
        std::thread::sleep(Duration::from_millis(12));
        reader.read_without_commit();
        reader.rename("app.log.2", "app.log.3");
        reader.rename("app.log.1.gz", "app.log.2.gz");
        reader.copy_truncate("app.log", "app.log.1");
        reader.read();
        reader.read_for(Duration::from_millis(80));
        assert_eq!(reader.committed.lines.len(), 2, "{:?}", reader.committed.lines);
    }
}

#[test]
fn compressed_into_an_inode_that_another_known_file_had() {
    // The file system gives a freed inode to the next file, soon or late.
    for _ in 0..20 {
        let mut reader = Reader::with(&["app.log*"], |settings| settings.rotated_timeout_ms = 30);
        reader.notice = Duration::from_millis(25);
        reader.write("app.log", "one, which nobody rotates but deletes\n");
        reader.read();
        let freed = inode(&reader, "app.log");
        std::fs::remove_file(reader.path("app.log")).unwrap();
        reader.write("app.log", "two, which is rotated, read, and compressed\n");
        reader.copy_truncate("app.log", "app.log.1");
        reader.read_for(Duration::from_millis(100));
        reader.kill();
        reader.write("app.log", "three\n");
        reader.gzip("app.log.1");
        reader.start();
        reader.read();
        assert_eq!(reader.committed.lines.len(), 3, "{:?}", reader.committed.lines);
        assert!(reader.committed.gaps.is_empty(), "{:?}", reader.committed.gaps);
        if inode(&reader, "app.log.1.gz") == freed {
            return;
        }
    }
}

#[test]
fn compressed_and_renamed_after_it_was_read_on() {
    let mut reader = Reader::with(&["app.log"], |settings| settings.poll = true);
    reader.compress_while_stopped();
    reader.start();
    reader.read();
    reader.rename("app.log.1.gz", "app.log.2.gz");
    reader.read_for(Duration::from_millis(300));
    reader.assert_lines(&["one", "two"]);
}

#[test]
fn compressed_into_the_inode_that_an_empty_one_had() {
    for _ in 0..20 {
        let mut reader = Reader::with(&["app.log"], |settings| settings.poll = true);
        reader.read();
        reader.write("app.log", "");
        reader.rename("app.log", "app.log.1");
        reader.read();
        let freed = inode(&reader, "app.log.1");
        std::fs::remove_file(reader.path("app.log.1")).unwrap();
        reader.write("app.log", "one\n");
        reader.copy_truncate("app.log", "app.log.1");
        // Until here, the agent holds it.
        reader.kill();
        reader.start();
        reader.read();
        reader.gzip("app.log.1");
        reader.read_for(Duration::from_millis(250));
        reader.assert_lines(&["one"]);
        if inode(&reader, "app.log.1.gz") == freed {
            return;
        }
    }
}

#[test]
fn copied_compressed_and_rotated_while_stopped_under_a_glob() {
    let mut reader = Reader::new(&["app.log*"]);
    reader.write("app.log", "one\n");
    reader.rename("app.log", "app.log.1");
    reader.read();
    reader.kill();
    std::thread::sleep(Duration::from_millis(20));
    reader.write("app.log", "two\n");
    reader.rename("app.log.1", "app.log.2");
    reader.copy_truncate("app.log", "app.log.1");
    reader.gzip("app.log.1");
    reader.rename("app.log.2", "app.log.3");
    reader.rename("app.log.1.gz", "app.log.2.gz");
    reader.rename("app.log", "app.log.1");
    reader.start();
    reader.read();
    reader.assert_lines(&["one", "two"]);
}

#[test]
fn a_compressed_rest_that_was_read_is_left_alone() {
    let mut reader = Reader::with(&["app.log"], |settings| {
        (settings.rescan_interval_ms, settings.rotated_timeout_ms) = (10, 30);
    });
    reader.compress_while_stopped();
    reader.start();
    reader.read_for(Duration::from_millis(300));
    reader.assert_lines(&["one", "two"]);
    assert!(!reader.step(Instant::now() + Duration::from_millis(200)));
}

fn inode(reader: &Reader, name: &str) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(reader.path(name)).unwrap())
}

#[test]
fn copied_cut_short_and_compressed_between_two_looks() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\ntwo, which is long enough to be told apart\n");
    reader.read();
    reader.write("app.log", "three\nfour\n");
    reader.copy_truncate("app.log", "app.log.1");
    reader.gzip("app.log.1");
    reader.write("app.log", "five\n");
    reader.read();
    reader.assert_lines(&["one", "two, which is long enough to be told apart", "three", "four", "five"]);
    assert!(reader.committed.gaps.is_empty(), "{:?}", reader.committed.gaps);
    reader.restart();
    reader.write("app.log", "six\n");
    reader.read();
    reader.assert_lines(&["one", "two, which is long enough to be told apart", "three", "four", "five", "six"]);
}
