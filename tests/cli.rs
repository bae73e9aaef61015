//! The command line as people meet it: exit statuses, one-line errors, bad input that loses nothing.
//!
//! In: the real binary, files in temporary folders. Out: a failure where what it says or returns is not what was
//! promised. Does not test what is found in a log beyond that it is found.

#![cfg(test)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const CRASH: &str = "PHP Fatal error:  Uncaught RuntimeException: no ink in /srv/print.php:3\nStack trace:\n#0 /srv/a.php(9): \
                     printer()\n#1 {main}\n  thrown in /srv/print.php on line 3\n";

fn errtail(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_errtail"));
    command.args(arguments).env_remove("SENTRY_DSN").env_remove("SENTRY_ENVIRONMENT").env_remove("SENTRY_RELEASE");
    command
}

fn run(arguments: &[&str]) -> Output {
    errtail(arguments).output().unwrap()
}

fn write(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The one line on standard error.
fn complaint(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text.trim_end().to_owned()
}

fn found(output: &Output) -> usize {
    String::from_utf8(output.stdout.clone()).unwrap().lines().filter(|line| line.contains("\"no ink\"")).count()
}

#[test]
fn a_missing_file_costs_nothing_of_the_others() {
    let folder = TempDir::new().unwrap();
    let log = write(&folder, "app.log", CRASH);
    let missing = folder.path().join("gone.log");
    let output = run(&["parse", missing.to_str().unwrap(), &log, folder.path().to_str().unwrap()]);
    assert_eq!((output.status.code(), found(&output)), (Some(1), 1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("gone.log: no such file"), "{text}");
    assert!(text.contains("is a directory; name the log files in it"), "{text}");
}

#[test]
fn usage_and_configuration_are_status_2() {
    let folder = TempDir::new().unwrap();
    let log = write(&folder, "app.log", CRASH);
    assert_eq!(run(&["parse"]).status.code(), Some(2));
    assert_eq!(run(&["prase", &log]).status.code(), Some(2));
    let config = write(&folder, "errtail.toml", "[tail]\nexclud = []\n");
    for command in ["run", "parse", "check"] {
        let output = run(&[command, &log, "--config", &config]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        let said = complaint(&output);
        assert!(
            said.ends_with("errtail.toml:2:1: unknown field `exclud`: `exclud`; did you mean `exclude`?"),
            "{said}"
        );
    }
    let output = errtail(&["run", "--once", &log]).env("SENTRY_DSN", "sentry.example.com/1").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("the DSN is not one"), "{}", complaint(&output));
    for levels in ["errtail=loud", "wran"] {
        let output = errtail(&["run", "--once", &log]).env("ERRTAIL_LOG", levels).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(complaint(&output).contains(&format!("ERRTAIL_LOG={levels}: write a level")), "{}", complaint(&output));
    }
}

#[test]
fn a_reader_who_goes_away_is_no_failure() {
    let folder = TempDir::new().unwrap();
    let log = write(&folder, "app.log", CRASH);
    let state = folder.path().join("state");
    let state = state.to_str().unwrap();
    let commands: [&[&str]; 8] = [
        &["run", "--once", "--state-dir", state, &log],
        &["check", "--state-dir", state, &log],
        &["parse", &log],
        &["explain", &log],
        &["rules"],
        &["status", "--state-dir", state],
        &["issues", "--state-dir", state],
        &["issues", "resolve", "1", "--state-dir", state],
    ];
    for command in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = errtail(command).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_store_that_cannot_be_opened_stops_the_agent() {
    let folder = TempDir::new().unwrap();
    let log = write(&folder, "app.log", CRASH);
    let file = write(&folder, "state", "not a directory");
    let output = run(&["run", "--once", "--state-dir", &file, &log]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("the state directory is a file; move it away"), "{}", complaint(&output));

    let damaged = folder.path().join("damaged");
    fs::create_dir(&damaged).unwrap();
    fs::write(damaged.join("errtail.db"), vec![b'x'; 8192]).unwrap();
    let output = run(&["run", "--once", "--state-dir", damaged.to_str().unwrap(), &log]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("move it away"), "{}", complaint(&output));
}

#[test]
fn bad_bytes_lose_nothing() {
    let folder = TempDir::new().unwrap();
    let utf16: Vec<u8> =
        "\u{feff}first line\n".chars().chain(CRASH.chars()).flat_map(|c| (c as u16).to_le_bytes()).collect();
    let mut binary: Vec<u8> = (0..200_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    binary.push(b'\n');
    binary.extend_from_slice(CRASH.as_bytes());
    let mut latin1 = b"caf\xe9 cr\xe8me\n".to_vec();
    latin1.extend_from_slice(CRASH.as_bytes());
    let mut long = vec![b'x'; 100 << 20];
    long.push(b'\n');
    long.extend_from_slice(CRASH.as_bytes());
    for (name, bytes, count) in [
        ("empty.log", Vec::new(), 0),
        ("utf16.log", utf16, 1),
        ("binary.log", binary, 1),
        ("latin1.log", latin1, 1),
        ("long.log", long, 1),
    ] {
        let log = write(&folder, name, bytes);
        let output = run(&["parse", "--output", "jsonl", &log]);
        assert_eq!((output.status.code(), found(&output)), (Some(0), count), "{name}");
        assert!(output.stderr.is_empty(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn compressed_logs_and_standard_input_are_read_as_they_are() {
    let folder = TempDir::new().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(CRASH.as_bytes()).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(CRASH.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    for (name, bytes) in [("app.log.gz", gzip.finish().unwrap()), ("app.log.zst", zstd)] {
        let output = run(&["parse", &write(&folder, name, bytes)]);
        assert_eq!((output.status.code(), found(&output)), (Some(0), 1), "{name}");
    }
    let mut child = errtail(&["parse", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(CRASH.as_bytes()).unwrap();
    assert_eq!(found(&child.wait_with_output().unwrap()), 1);
}

/// Waits until the store below `state` is there.
fn wait_for_store(state: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !state.join("errtail.db").exists() {
        assert!(Instant::now() < deadline, "the agent does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn terminate(child: &Child) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
}

#[test]
fn an_agent_waits_for_its_file_and_stops_when_asked() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state");
    let log = folder.path().join("later.log");
    let arguments = ["run", "--state-dir", state.to_str().unwrap(), log.to_str().unwrap()];
    let child = errtail(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_store(&state);

    let second = run(&arguments);
    assert_eq!(second.status.code(), Some(2));
    assert!(complaint(&second).contains("in use by another agent"), "{}", complaint(&second));

    fs::write(&log, CRASH).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let issues = || run(&["issues", "--output", "json", "--state-dir", state.to_str().unwrap()]);
    while !String::from_utf8_lossy(&issues().stdout).contains("no ink") {
        assert!(Instant::now() < deadline, "the file that came later is not read");
        std::thread::sleep(Duration::from_millis(50));
    }
    terminate(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 issues, 1 occurrences"));
}

#[test]
fn stats_tell_what_was_found_and_what_was_not_understood() {
    let folder = TempDir::new().unwrap();
    let odd = |number: u32| {
        format!(
            "Unhandled exception. System.InvalidOperationException: no ink\n   at Shop.Printer.Print() in /src/P.cs:line 9\n   \
             the printer is on fire {number}\n   at Shop.Printer.Main() in /src/P.cs:line 3\n"
        )
    };
    let log = write(&folder, "app.log", [CRASH, "\n", &odd(12), "\n", &odd(700)].concat());
    let output = run(&["parse", "--stats", "--output", "jsonl", &log, "/no/such.log"]);
    assert_eq!(output.status.code(), Some(1));
    let stats: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((stats["files"].as_u64(), stats["files_not_read"].as_u64()), (Some(1), Some(1)));
    assert_eq!(
        (stats["records"].as_u64(), stats["exceptions"].as_u64(), stats["frames"].as_u64()),
        (Some(3), Some(3), Some(5))
    );
    assert_eq!(stats["bytes"].as_u64(), Some(fs::metadata(&log).unwrap().len()));
    let kinds = stats["by_kind"].as_array().unwrap();
    assert_eq!(kinds.iter().map(|kind| kind["records"].as_u64().unwrap()).sum::<u64>(), 3);
    assert_eq!((kinds[0]["platform"].as_str(), kinds[1]["platform"].as_str()), (Some("csharp"), Some("php")));
    assert_eq!(
        (stats["unparsed_lines"].as_u64(), stats["unparsed"][0]["lines"].as_u64()),
        (Some(2), Some(2)),
        "{stats}"
    );

    let people = String::from_utf8(run(&["parse", "--stats", &log]).stdout).unwrap();
    assert!(people.contains("3 records with 3 exceptions and 5 frames"), "{people}");
    assert!(people.contains("the printer is on fire 12"), "{people}");
    let pretty = String::from_utf8(run(&["parse", "--output", "pretty", &log]).stdout).unwrap();
    assert_eq!(pretty.matches("not understood:    the printer is on fire").count(), 2, "{pretty}");
    assert_eq!(run(&["parse", "--stats", "--output", "sentry", &log]).status.code(), Some(2));
}
