//! Ways of writing, and what stands where a log file is looked for.
//!
//! In: a directory each. Out: a failure where a line is lost or comes twice.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

use errtail::tail::From;

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
