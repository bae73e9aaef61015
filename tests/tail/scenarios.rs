//! One test a way of writing, rotating, losing.
//!
//! In: a directory each. Out: a failure where a line is lost or comes twice.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

use errtail::tail::{From, Position, Step};

use crate::reader::Reader;

#[test]
fn append() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\n");
    reader.read();
    reader.write("app.log", "two\n");
    reader.read();
    reader.assert_lines(&["one", "two"]);
}

#[test]
fn many_lines_in_one_write_and_a_line_in_several() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\ntwo\nthree\nfo");
    reader.read();
    reader.write("app.log", "ur");
    reader.read();
    reader.write("app.log", "\nfive\n");
    reader.read();
    reader.assert_lines(&["one", "two", "three", "four", "five"]);
}

#[test]
fn a_line_without_its_end_is_completed_later() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\ntw");
    reader.read();
    reader.assert_lines(&["one"]);
    reader.restart();
    reader.read();
    reader.write("app.log", "o\n");
    reader.read();
    reader.assert_lines(&["one", "two"]);
}

#[test]
fn a_line_that_never_ends_comes_with_the_end_of_its_file() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\ntwo");
    reader.read();
    fs::remove_file(reader.path("app.log")).unwrap();
    reader.read_for(Duration::from_millis(500));
    reader.assert_lines(&["one", "two"]);
}

#[test]
fn an_empty_file() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "");
    reader.read();
    reader.restart();
    reader.read();
    reader.write("app.log", "one\n");
    reader.read();
    reader.assert_lines(&["one"]);
}

#[test]
fn a_kill_before_the_commit_reads_again() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\n");
    reader.read();
    reader.write("app.log", "two\n");
    reader.read_without_commit();
    reader.kill();
    reader.start();
    reader.read();
    reader.assert_lines(&["one", "two"]);
}

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
fn a_link_out_of_the_watched_directories_is_refused_unless_allowed() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret\n").unwrap();
    for (allowed, expected) in [(false, &["one"][..]), (true, &["one", "secret"])] {
        let mut reader = Reader::with(&["*.log"], |settings| {
            settings.roots.extend(allowed.then(|| outside.path().to_owned()));
        });
        reader.write("app.log", "one\n");
        symlink(outside.path().join("secret"), reader.path("link.log")).unwrap();
        reader.read();
        reader.assert_lines(expected);
    }
}

#[test]
fn a_hard_link_is_read_once() {
    let mut reader = Reader::new(&["*.log"]);
    reader.write("app.log", "one\n");
    fs::hard_link(reader.path("app.log"), reader.path("same.log")).unwrap();
    reader.read();
    reader.write("same.log", "two\n");
    reader.read();
    fs::remove_file(reader.path("app.log")).unwrap();
    reader.read();
    reader.write("same.log", "three\n");
    reader.read_for(Duration::from_millis(400));
    reader.assert_lines(&["one", "two", "three"]);
    assert_eq!(reader.tail.count(), 1);
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
fn permission_denied_and_then_granted() {
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "one\n");
    fs::set_permissions(reader.path("app.log"), Permissions::from_mode(0o000)).unwrap();
    reader.read();
    if fs::File::open(reader.path("app.log")).is_err() {
        reader.assert_lines::<&str>(&[]);
    }
    fs::set_permissions(reader.path("app.log"), Permissions::from_mode(0o600)).unwrap();
    reader.read();
    reader.assert_lines(&["one"]);
}

#[test]
fn directories_come_later_vanish_and_come_back() {
    let mut reader = Reader::new(&["var/**/*.log"]);
    reader.read();
    fs::create_dir_all(reader.path("var/a/b")).unwrap();
    reader.write("var/a/b/app.log", "one\n");
    reader.read();
    reader.write("var/a/b/app.log", "two\n");
    reader.read();
    fs::remove_dir_all(reader.path("var")).unwrap();
    reader.read();
    fs::create_dir_all(reader.path("var/a/b")).unwrap();
    reader.read();
    reader.write("var/a/b/app.log", "three\n");
    reader.read();
    reader.assert_lines(&["one", "two", "three"]);
}

#[test]
fn without_notices_directories_are_polled() {
    let mut reader = Reader::with(&["*.log"], |settings| settings.poll = true);
    reader.write("app.log", "one\n");
    reader.read();
    reader.write("app.log", "two\n");
    reader.write("other.log", "three\n");
    reader.read();
    reader.copy_truncate("app.log", "app.log.1");
    reader.write("app.log", "four\n");
    reader.read();
    reader.assert_lines(&["one", "two", "three", "four"]);
}

#[test]
fn more_files_than_descriptors_are_read_in_turn() {
    let mut reader = Reader::with(&["*.log"], |settings| settings.max_open_files = 4);
    let names: Vec<String> = (0..40).map(|index| format!("{index}.log")).collect();
    let mut expected = Vec::new();
    for round in 0..3 {
        for name in &names {
            reader.write(name, format!("{name} {round}\n"));
            expected.push(format!("{name} {round}"));
        }
        reader.read();
    }
    reader.write("7.log", "the last word\n");
    reader.rename("7.log", "7.log.1");
    reader.gzip("7.log.1");
    reader.read();
    expected.push("the last word".to_owned());
    reader.assert_lines(&expected);
}

#[test]
fn a_noisy_file_does_not_starve_a_quiet_one() {
    let mut reader = Reader::with(&["*.log"], |settings| settings.read_ahead_bytes = 4096);
    reader.write("noisy.log", "noise\n".repeat(100_000));
    reader.write("quiet.log", "quiet\n");
    let mut steps = 0;
    while !reader.committed.lines.iter().any(|line| line == "quiet") {
        assert!(reader.step(Instant::now() + Duration::from_millis(100)));
        reader.commit();
        steps += 1;
    }
    assert!(steps <= 5, "{steps}");
}

#[test]
fn a_long_line_nuls_and_utf16() {
    let mut reader = Reader::new(&["*.log"]);
    let long = "x".repeat(3_000_000);
    reader.write("long.log", format!("{long}\n"));
    reader.write("nul.log", b"a\0b\nc\n");
    let utf16: Vec<u8> = "wide\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    reader.write("wide.log", &utf16);
    reader.read();
    reader.write("wide.log", &utf16);
    reader.read();
    let read: u64 = reader.committed.checkpoints.values().map(|checkpoint| checkpoint.ledger.bytes_read).sum();
    assert_eq!(read, 3_000_001 + 6 + 20, "each byte is handed on");
    assert!(reader.committed.lines.contains(&long));
    assert!(reader.committed.lines.contains(&"a\0b".to_owned()));
}

#[test]
fn only_regular_files_are_opened() {
    let mut reader = Reader::new(&["*"]);
    let fifo = std::ffi::CString::new(reader.path("pipe").to_str().unwrap()).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        fifo.as_c_str(),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    symlink("/dev/zero", reader.path("zero")).unwrap();
    reader.write("app.log", "one\n");
    reader.read();
    reader.assert_lines(&["one"]);
    assert_eq!(reader.tail.count(), 1);
}

#[test]
fn from_the_end_only_what_is_new() {
    let mut reader = Reader::with(&["*.log"], |settings| settings.from = From::End);
    reader.write("app.log", "old\n");
    reader.read();
    reader.write("app.log", "new\n");
    reader.write("later.log", "later\n");
    reader.read();
    reader.kill();
    reader.write("app.log", "while stopped\n");
    std::thread::sleep(Duration::from_millis(20));
    reader.write("third.log", "made while stopped\n");
    reader.start();
    reader.read();
    reader.assert_lines(&["new", "later", "while stopped", "made while stopped"]);
}

#[test]
fn what_linemux_sees_is_what_we_see() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.log");
    fs::write(&path, "").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut reader = Reader::new(&["app.log"]);
    reader.write("app.log", "");
    reader.read();
    let theirs: Vec<String> = runtime.block_on(async {
        let mut lines = linemux::MuxedLines::new().unwrap();
        lines.add_file(&path).await.unwrap();
        for round in 0..50 {
            let text: String = (0..round % 7).map(|line| format!("round {round} line {line}\n")).collect();
            crate::reader::append(&path, text.as_bytes());
            reader.write("app.log", &text);
        }
        let mut seen = Vec::new();
        while let Ok(Ok(Some(line))) = tokio::time::timeout(Duration::from_millis(500), lines.next_line()).await {
            seen.push(line.line().to_owned());
        }
        seen
    });
    reader.read();
    assert_eq!(theirs.len(), 147);
    assert_eq!(reader.committed.lines, theirs);
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
