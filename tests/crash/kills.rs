//! Kills at random moments; and how soon an error is sent by an agent that lives.
//!
//! In: the real binary. Out: a failure where an error is lost, or has two event ids, or comes late.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::receiver::Receiver;
use crate::writer::{Random, Rotation, Writer, append, laravel};

pub fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

pub fn agent(directory: &Path, state: &str, receiver: &Receiver, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_errtail"));
    command.arg("run").args(arguments).args(["--config", "errtail.toml", "--state-dir", state, "logs/*.log"]);
    start(&mut command, directory, receiver)
}

/// Starts `command` in `directory`, to send to `receiver`.
pub fn start(command: &mut Command, directory: &Path, receiver: &Receiver) -> Child {
    command
        .current_dir(directory)
        .env("SENTRY_DSN", format!("http://0123456789abcdef0123456789abcdef@{}/1", receiver.address))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(OpenOptions::new().append(true).create(true).open(directory.join("agent.log")).unwrap())
        .spawn()
        .unwrap()
}

/// What `errtail status` says; null while there is no store.
pub fn status(directory: &Path, state: &str) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_errtail"));
    command.args(["status", "--output", "json", "--config", "errtail.toml", "--state-dir", state]);
    let output = command.current_dir(directory).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// Adds to the configuration.
pub fn configure(directory: &Path, more: &str) {
    let path = directory.join("errtail.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, more.to_owned() + &text).unwrap();
}

/// Replaces a part of the configuration.
pub fn reconfigure(directory: &Path, part: &str, other: &str) {
    let path = directory.join("errtail.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(part), "{text}");
    fs::write(path, text.replace(part, other)).unwrap();
}

pub fn prepare() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("logs")).unwrap();
    // Each occurrence is sent, so that each can be missed.
    let config = "dedupe = \"off\"\n[store]\nevents_per_hour = 0\n[delivery]\ntimeout_seconds = 1\n\
                  [tail]\nrotated_timeout_ms = 1000\nrescan_interval_ms = 5000\n";
    fs::write(directory.path().join("errtail.toml"), config).unwrap();
    directory
}

pub fn signal(agent: &Child, signal: rustix::process::Signal) {
    let id = rustix::process::Pid::from_raw(i32::try_from(agent.id()).unwrap()).unwrap();
    rustix::process::kill_process(id, signal).unwrap();
}

/// Waits until the agent ends by itself.
pub fn terminate(agent: &mut Child) {
    signal(agent, rustix::process::Signal::TERM);
    let status = agent.wait().unwrap();
    assert!(status.success(), "{status}");
}

#[test]
fn nothing_is_lost_and_nothing_has_two_ids() {
    let kills = number("ERRTAIL_CRASH_KILLS", 8);
    let seed = number("ERRTAIL_CRASH_SEED", 1);
    println!("{kills} kills, seed {seed}");
    let directory = prepare();
    let receiver = Receiver::start(seed, true);
    let writers = [
        Writer::start(directory.path().join("logs/app.log"), "a", Rotation::Rename, seed),
        Writer::start(directory.path().join("logs/web.log"), "b", Rotation::CopyTruncate, seed + 1),
        Writer::start(directory.path().join("logs/job.log"), "c", Rotation::Never, seed + 2),
    ];
    let mut random = Random(seed);
    // An agent that has never committed cannot tell what it had seen.
    let mut running = agent(directory.path(), "state", &receiver, &[]);
    let first: Vec<String> = ["a", "b", "c"].iter().map(|name| format!("m-{name}000000")).collect();
    while !receiver.missing(&first).is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    writers.iter().for_each(|writer| writer.rotates.store(true, Ordering::Relaxed));
    running.kill().unwrap();
    running.wait().unwrap();
    for _ in 0..kills {
        let mut running = agent(directory.path(), "state", &receiver, &[]);
        std::thread::sleep(Duration::from_millis(80 + random.below(700)));
        running.kill().unwrap();
        running.wait().unwrap();
    }
    let written: Vec<String> = writers.into_iter().flat_map(Writer::stop).collect();
    receiver.faults.store(false, Ordering::Relaxed);
    let mut running = agent(directory.path(), "state", &receiver, &[]);
    let deadline = Instant::now() + Duration::from_secs(120);
    while !receiver.missing(&written).is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(100));
    }
    terminate(&mut running);

    let lost = receiver.missing(&written);
    let twice: BTreeMap<String, usize> = receiver.ids_of_markers().into_iter().filter(|(_, ids)| *ids > 1).collect();
    let frames = |marker: &str| if marker.starts_with("m-b") { 2 } else { 3 };
    let cut: Vec<&String> = written.iter().filter(|marker| receiver.frames(marker) != frames(marker)).collect();
    // What is no marker's event is a part of a record.
    let parts = receiver.told().1.abs_diff(written.len() - lost.len());
    println!(
        "{} written, {} lost, {} under two ids, {parts} parts, {} cut, {}",
        written.len(),
        lost.len(),
        twice.len(),
        cut.len(),
        receiver.tally()
    );
    if !lost.is_empty() || !twice.is_empty() || parts > 0 || !cut.is_empty() {
        println!("logs, store and what the agents said are kept: {}", directory.keep().display());
        panic!("lost: {lost:?}; under two ids: {twice:?}; cut: {cut:?}");
    }
}

#[test]
fn an_error_is_sent_at_once() {
    let directory = prepare();
    let receiver = Receiver::start(1, false);
    let path = directory.path().join("logs/app.log");
    append(&path, "[2026-11-25 00:00:00] production.INFO: up\n");
    let mut running = agent(directory.path(), "state", &receiver, &[]);
    let count = number("ERRTAIL_LATENCY_COUNT", 20);
    let mut times = Vec::new();
    for index in 0..=count {
        let marker = format!("m-z{index:06}");
        let started = Instant::now();
        append(&path, &laravel(&marker));
        while !receiver.missing(std::slice::from_ref(&marker)).is_empty() {
            assert!(started.elapsed() < Duration::from_secs(20), "{marker} does not arrive");
            std::thread::sleep(Duration::from_micros(200));
        }
        // The first one waits for the program's start.
        times.extend((index > 0).then(|| started.elapsed()));
        std::thread::sleep(Duration::from_millis(20));
    }
    terminate(&mut running);
    times.sort_unstable();
    println!("append to request: p50 {:?}, p99 {:?}", times[times.len() / 2], times[times.len() * 99 / 100]);
    assert!(times[times.len() / 2] < Duration::from_millis(500), "{times:?}");
}
