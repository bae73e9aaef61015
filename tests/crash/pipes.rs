//! Standard input and the journal as inputs of the real binary.
//!
//! In: a pipe; a `journalctl` of the test's own on the `PATH`, which reads a file of the real one's JSON and knows its
//! options. Out: a failure where an error is lost, comes twice, or comes late.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::kills::{number, prepare, start, status, terminate};
use crate::receiver::Receiver;
use crate::writer::{Random, append, dotnet, laravel};

const LIMIT: Duration = Duration::from_secs(30);

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_errtail"));
    command.args(["run", "--config", "errtail.toml", "--state-dir", "state"]).args(arguments);
    command
}

#[test]
fn what_comes_through_a_pipe_is_sent_at_once_and_the_end_of_the_pipe_ends_the_agent() {
    let receiver = Receiver::start(1, false);
    let directory = prepare();
    // `start` closes standard input: the shell opens it again.
    let pipe = directory.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" run --config errtail.toml --state-dir state - < pipe"]);
    let mut running = start(shell.arg(env!("CARGO_BIN_EXE_errtail")), directory.path(), &receiver);
    let mut writer = fs::File::options().write(true).open(&pipe).unwrap();
    let mut random = Random(7);
    let mut written = Vec::new();
    for index in 0..20 {
        let marker = format!("m-s{index:06}");
        let text = if index % 2 == 0 { laravel(&marker) } else { dotnet(&marker) };
        let cut = random.below(text.len() as u64) as usize;
        writer.write_all(&text.as_bytes()[..cut]).unwrap();
        std::thread::sleep(Duration::from_millis(random.below(30)));
        writer.write_all(&text.as_bytes()[cut..]).unwrap();
        written.push(marker);
    }
    receiver.wait_for(&written, LIMIT);
    let last = "m-s999999".to_owned();
    // Not even its last line has an end.
    writer.write_all(dotnet(&last).trim_end().rsplit_once('\n').unwrap().0.as_bytes()).unwrap();
    drop(writer);
    assert!(running.wait().unwrap().success());
    written.push(last);
    assert_eq!(receiver.missing(&written), [""; 0]);
    assert!(receiver.ids_of_markers().values().all(|ids| *ids == 1));
}

#[test]
fn a_pipe_into_a_full_outbox_waits() {
    let receiver = Receiver::start(1, false);
    receiver.refuses.store(true, std::sync::atomic::Ordering::Relaxed);
    let directory = prepare();
    let config = fs::read_to_string(directory.path().join("errtail.toml")).unwrap();
    let config = config.replace("[store]\n", "[store]\nmax_outbox_events = 20\n");
    fs::write(directory.path().join("errtail.toml"), config).unwrap();
    let pipe = directory.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" run --config errtail.toml --state-dir state - < pipe"]);
    let mut running = start(shell.arg(env!("CARGO_BIN_EXE_errtail")), directory.path(), &receiver);
    let mut writer = fs::File::options().write(true).open(&pipe).unwrap();
    let markers: Vec<String> = (0..4000).map(|index| format!("m-t{index:06}")).collect();
    let text: String = markers.iter().map(|marker| laravel(marker)).collect();
    let (done, over) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        writer.write_all(text.as_bytes()).unwrap();
        done.send(()).unwrap();
    });
    assert!(over.recv_timeout(Duration::from_secs(5)).is_err(), "2 MB went into a full outbox");
    receiver.refuses.store(false, std::sync::atomic::Ordering::Relaxed);
    receiver.wait_for(&markers, Duration::from_secs(120));
    over.recv_timeout(LIMIT).unwrap();
    assert!(running.wait().unwrap().success());
}

/// What the real one does, as far as the agent asks for it: a cursor is the number of a line.
const JOURNALCTL: &str = r#"#!/bin/sh
journal=$(dirname "$0")/journal.json
first=1 follow=
for option in "$@"; do
    case $option in
    --after-cursor=*) first=$((${option##*i=} + 1)) ;;
    --lines=0) first=$(($(wc -l < "$journal") + 1)) ;;
    --follow) follow=-f ;;
    esac
done
echo "$$ $*" >> "$(dirname "$0")/calls"
exec tail -n +$first $follow "$journal"
"#;

/// A journal, to be read through a `journalctl` of its own.
struct Journal<'a> {
    directory: &'a Path,
    receiver: &'a Receiver,
    lines: usize,
}

impl Journal<'_> {
    fn new<'a>(directory: &'a Path, receiver: &'a Receiver) -> Journal<'a> {
        let script = directory.join("bin/journalctl");
        fs::create_dir(directory.join("bin")).unwrap();
        fs::write(&script, JOURNALCTL).unwrap();
        fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
        fs::write(directory.join("bin/journal.json"), "").unwrap();
        Journal { directory, receiver, lines: 0 }
    }

    fn agent(&self, arguments: &[&str]) -> Child {
        let mut command = command(&["--journald", "shop.service"]);
        let path = format!("{}:{}", self.directory.join("bin").display(), std::env::var("PATH").unwrap());
        start(command.args(arguments).env("PATH", path), self.directory, self.receiver)
    }

    /// Each line of `text` as an entry of its own, as journald makes them of a service's output.
    fn log(&mut self, text: &str, as_bytes: bool) {
        let mut entries = String::new();
        for line in text.lines() {
            self.lines += 1;
            let message = if as_bytes { json!(line.as_bytes()) } else { json!(line) };
            let entry = json!({
                "_PID": "18", "_TRANSPORT": "stdout", "__MONOTONIC_TIMESTAMP": "17", "PRIORITY": "6",
                "__CURSOR": format!("s=8f3a;i={}", self.lines), "_SYSTEMD_UNIT": "shop.service",
                "SYSLOG_IDENTIFIER": "dotnet", "MESSAGE": message, "_HOSTNAME": "web-1",
                "__REALTIME_TIMESTAMP": (1_795_428_000_000_000_u64 + self.lines as u64).to_string(),
            });
            entries.push_str(&entry.to_string());
            entries.push('\n');
        }
        append(&self.directory.join("bin/journal.json"), &entries);
    }

    /// How often `journalctl` was started, and with what.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.directory.join("bin/calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }
}

#[test]
fn the_journal_is_read_on_from_its_cursor_after_kills() {
    let receiver = Receiver::start(1, false);
    let directory = prepare();
    let mut journal = Journal::new(directory.path(), &receiver);
    let mut random = Random(number("ERRTAIL_CRASH_SEED", 1));
    let mut written = Vec::new();
    for round in 0..number("ERRTAIL_CRASH_KILLS", 8) {
        let mut running = journal.agent(&[]);
        for _ in 0..6 {
            let marker = format!("m-j{:06}", written.len());
            let text = dotnet(&marker);
            // Between the lines of a record too, and lines that are no entries.
            let (before, after) = text.split_at(text.find("   at ").unwrap());
            journal.log(before, false);
            std::thread::sleep(Duration::from_millis(random.below(60)));
            journal.log(after, false);
            written.push(marker);
        }
        std::thread::sleep(Duration::from_millis(random.below(900)));
        if round % 3 == 2 {
            terminate(&mut running);
        } else {
            running.kill().unwrap();
            running.wait().unwrap();
        }
    }
    let mut running = journal.agent(&["--once"]);
    assert!(running.wait().unwrap().success());
    assert_eq!(receiver.missing(&written), [""; 0]);
    assert!(receiver.ids_of_markers().values().all(|ids| *ids == 1), "{:?}", receiver.ids_of_markers());
    let calls = journal.calls();
    assert!(calls.last().unwrap().contains("--after-cursor=s=8f3a;i="), "{calls:?}");
    assert!(calls[0].contains("--unit=shop.service") && calls[0].contains("--lines=all"), "{calls:?}");
    let file = &status(directory.path(), "state")["files"][0];
    assert_eq!(
        (file["path"].as_str(), file["ledger"]["records"].as_u64()),
        (Some("journald:shop.service"), Some(written.len() as u64))
    );
}

#[test]
fn messages_that_are_bytes_and_lines_that_are_no_entries() {
    let receiver = Receiver::start(1, false);
    let directory = prepare();
    let mut journal = Journal::new(directory.path(), &receiver);
    journal.log(&dotnet("m-k000000"), true);
    append(&directory.path().join("bin/journal.json"), "-- no entries --\n{\"__CURSOR\":\"\n\n");
    journal.lines += 3;
    journal.log(&dotnet("m-k000001"), false);
    let written = ["m-k000000".to_owned(), "m-k000001".to_owned()];
    let mut running = journal.agent(&[]);
    receiver.wait_for(&written, LIMIT);
    terminate(&mut running);
    assert!(receiver.ids_of_markers().values().all(|ids| *ids == 1));
    assert_eq!((receiver.frames(&written[0]), receiver.frames(&written[1])), (2, 2));
}

#[test]
fn a_journalctl_that_ends_is_started_again_behind_its_last_line() {
    let receiver = Receiver::start(1, false);
    let directory = prepare();
    let mut journal = Journal::new(directory.path(), &receiver);
    journal.log(&dotnet("m-l000000"), false);
    let mut running = journal.agent(&[]);
    receiver.wait_for(&["m-l000000".to_owned()], LIMIT);
    for round in 1..3 {
        let call = journal.calls().last().unwrap().clone();
        let id = rustix::process::Pid::from_raw(call.split(' ').next().unwrap().parse().unwrap()).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
        let marker = format!("m-l{round:06}");
        journal.log(&dotnet(&marker), false);
        receiver.wait_for(&[marker], LIMIT);
    }
    terminate(&mut running);
    assert_eq!(journal.calls().len(), 3);
    assert!(receiver.ids_of_markers().values().all(|ids| *ids == 1), "{:?}", receiver.ids_of_markers());
}

/// Entries under this name alone are asked for: a machine's own journal may hold years.
fn identifier() -> String {
    format!("errtail-test-{}", std::process::id())
}

/// Writes through journald, as a service does whose output goes there.
fn log_to_journald(text: &str) {
    let mut command = Command::new("systemd-cat");
    let mut child =
        command.arg(format!("--identifier={}", identifier())).arg("cat").stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_real_journald_where_it_runs() {
    // Its socket may outlive it.
    if UnixStream::connect("/run/systemd/journal/stdout").is_err() {
        return println!("not tried: journald does not run here");
    }
    let (directory, receiver) = (prepare(), Receiver::start(1, false));
    fs::create_dir(directory.path().join("bin")).unwrap();
    let script = directory.path().join("bin/journalctl");
    let own = format!("#!/bin/sh\nexec /usr/bin/journalctl --identifier={} \"$@\"\n", identifier());
    fs::write(&script, own).unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", directory.path().join("bin").display(), std::env::var("PATH").unwrap());
    let agent = |arguments: &[&str]| {
        start(command(&["--journald"]).args(arguments).env("PATH", &path), directory.path(), &receiver)
    };
    let mut random = Random(number("ERRTAIL_CRASH_SEED", 1));
    let mut written = Vec::new();
    for _ in 0..number("ERRTAIL_CRASH_KILLS", 8) {
        let mut running = agent(&[]);
        for _ in 0..6 {
            let marker = format!("m-r{:06}", written.len());
            log_to_journald(&if written.len() % 2 == 0 { dotnet(&marker) } else { laravel(&marker) });
            std::thread::sleep(Duration::from_millis(random.below(60)));
            written.push(marker);
        }
        std::thread::sleep(Duration::from_millis(random.below(900)));
        running.kill().unwrap();
        running.wait().unwrap();
    }
    assert!(agent(&["--once"]).wait().unwrap().success());
    assert_eq!(receiver.missing(&written), [""; 0]);
    assert!(receiver.ids_of_markers().values().all(|ids| *ids == 1), "{:?}", receiver.ids_of_markers());
    println!("{} errors through journald, {}", written.len(), receiver.tally());
}
