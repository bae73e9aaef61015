//! Few descriptors, few watches, a full outbox: the real binary within its limits.
//!
//! In: limits set by the system (`ulimit`, a user namespace) and by the configuration. Out: a failure where something is
//! lost, or more is used than was given.

use std::fs;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::idle::status_kb;
use crate::kills::{agent, prepare, reconfigure, start, status, terminate};
use crate::receiver::Receiver;
use crate::writer::{append, laravel};

const LIMIT: Duration = Duration::from_secs(60);

/// The agent, started by a shell that runs `before`.
fn shell(before: &str) -> Command {
    let mut command = Command::new("sh");
    let run = "exec \"$0\" run --config errtail.toml --state-dir state 'logs/**/*.log'";
    command.args(["-c", &format!("{before}; {run}"), env!("CARGO_BIN_EXE_errtail")]);
    command
}

#[test]
fn with_few_descriptors_files_are_read_in_turn() {
    let receiver = Receiver::start(1, false);
    let directory = prepare();
    let mut running = start(&mut shell("ulimit -n 64"), directory.path(), &receiver);
    let mut written = Vec::new();
    for round in 0..3 {
        for file in 0..150 {
            let marker = format!("m-f{:06}", round * 1000 + file);
            append(&directory.path().join(format!("logs/{file}.log")), &laravel(&marker));
            written.push(marker);
        }
        receiver.wait_for(&written, LIMIT);
    }
    let open = fs::read_dir(format!("/proc/{}/fd", running.id())).unwrap().count();
    assert!(open <= 64, "{open}");
    terminate(&mut running);
    assert!(receiver.ids_of_markers().values().all(|ids| *ids == 1));
    assert!(!fs::read_to_string(directory.path().join("agent.log")).unwrap().contains("Too many open files"));
}

#[test]
fn without_watches_directories_are_polled_and_that_is_said_once() {
    let namespace = ["unshare", "-Ur", "sh", "-c", "echo 2 > /proc/sys/user/max_inotify_watches"];
    if !Command::new(namespace[0]).args(&namespace[1..]).status().is_ok_and(|status| status.success()) {
        return println!("not tried: this host gives no user namespaces");
    }
    let receiver = Receiver::start(1, false);
    let directory = prepare();
    for index in 0..5 {
        fs::create_dir(directory.path().join(format!("logs/{index}"))).unwrap();
    }
    let inner = "echo 2 > /proc/sys/user/max_inotify_watches; exec \"$0\" run --config errtail.toml --state-dir state 'logs/**/*.log'";
    let mut command = Command::new("unshare");
    command.args(["-Ur", "sh", "-c", inner, env!("CARGO_BIN_EXE_errtail")]);
    let mut running = start(&mut command, directory.path(), &receiver);
    let mut written = Vec::new();
    for round in 0..3 {
        for index in 0..5 {
            let marker = format!("m-w{:06}", round * 10 + index);
            append(&directory.path().join(format!("logs/{index}/app.log")), &laravel(&marker));
            written.push(marker);
        }
        receiver.wait_for(&written, LIMIT);
    }
    terminate(&mut running);
    let said = fs::read_to_string(directory.path().join("agent.log")).unwrap();
    assert_eq!(said.matches(": polled, because").count(), 1, "{said}");
}

#[test]
fn a_full_outbox_stops_the_reading_and_not_the_memory() {
    let receiver = Receiver::start(1, false);
    receiver.refuses.store(true, Ordering::Relaxed);
    let directory = prepare();
    reconfigure(directory.path(), "[store]\n", "[store]\nmax_outbox_events = 200\n");
    let markers: Vec<String> = (0..3000).map(|index| format!("m-o{index:06}")).collect();
    // Much that is no error too: bytes alone must not fill the memory.
    let noise = "[2026-11-25 00:00:00] production.INFO: nothing to see here\n".repeat(150);
    let log = directory.path().join("logs/app.log");
    let text: String = markers.iter().map(|marker| laravel(marker) + &noise).collect();
    append(&log, &text);
    let size = text.len() as u64;
    drop(text);
    let mut running = agent(directory.path(), "state", &receiver, &[]);
    let deadline = Instant::now() + LIMIT;
    while status(directory.path(), "state")["outbox"]["full"] != true {
        assert!(Instant::now() < deadline, "the outbox is not full");
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_secs(1));
    let stalled = status(directory.path(), "state");
    let (read, memory) = (stalled["files"][0]["offset"].as_u64().unwrap(), status_kb(running.id(), "VmHWM"));
    std::thread::sleep(Duration::from_secs(2));
    let later = status(directory.path(), "state");
    println!("read {read} of {size} bytes, {} events wait, peak {memory} kB", stalled["outbox"]["events"]);
    assert_eq!(later["files"][0]["offset"].as_u64(), Some(read), "the reading stops");
    assert!(read < size / 2 && stalled["outbox"]["events"].as_u64() < Some(1200), "{stalled}");
    assert!(memory < 64 * 1024 && status_kb(running.id(), "VmHWM") < memory + 4096, "{memory} kB");
    receiver.refuses.store(false, Ordering::Relaxed);
    receiver.wait_for(&markers, Duration::from_secs(180));
    terminate(&mut running);
    assert!(receiver.ids_of_markers().values().all(|ids| *ids == 1));
    assert!(status(directory.path(), "state")["files"][0]["ledger"]["stalls"].as_u64() > Some(0));
}
