//! What many idle files cost: the real binary, its CPU time and memory as the system counts them.
//!
//! In: `ERRTAIL_IDLE_FILES` (default 2,000), `ERRTAIL_IDLE_SECONDS` (default 3). Out: a failure where idleness is not free.

use std::fs;
use std::time::Duration;

use crate::kills::{agent, number, prepare, reconfigure, terminate};
use crate::receiver::Receiver;

/// Milliseconds of CPU time that a process has used; the system counts in hundredths of a second.
fn cpu_ms(id: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
}

/// Bytes that a process has read, from wherever.
fn read_bytes(id: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{id}/io")).unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

pub fn status_kb(id: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn idle_files_cost_nothing() {
    let files = number("ERRTAIL_IDLE_FILES", 2_000);
    let seconds = number("ERRTAIL_IDLE_SECONDS", 3);
    let directory = prepare();
    reconfigure(directory.path(), "rescan_interval_ms = 5000", "rescan_interval_ms = 1000");
    let receiver = Receiver::start(1, false);
    for index in 0..files {
        let text = format!("[2026-11-24 10:00:00] production.INFO: file {index}\n");
        fs::write(directory.path().join(format!("logs/{index}.log")), text).unwrap();
    }
    let mut running = agent(directory.path(), "state", &receiver, &[]);
    let id = running.id();
    // The start, the first look, the first commit, and the closing of what may go on.
    let mut before = cpu_ms(id);
    loop {
        std::thread::sleep(Duration::from_secs(3));
        let now = cpu_ms(id);
        // Directories are looked at again all the time.
        if now <= before + 60 {
            break;
        }
        before = now;
    }
    let (started, read) = (cpu_ms(id), read_bytes(id));
    std::thread::sleep(Duration::from_secs(seconds));
    let (spent, peak) = (cpu_ms(id) - started, status_kb(id, "VmHWM"));
    let (read, resident) = (read_bytes(id) - read, status_kb(id, "VmRSS"));
    println!(
        "{files} files: start {started} ms CPU, then {spent} ms in {seconds} s and {read} bytes read; {resident} kB resident, peak {peak} kB"
    );
    terminate(&mut running);
    assert!(spent <= 50 + 20 * seconds, "{spent} ms");
    // Directories were looked at again: what stands in the files was not.
    assert!(read < 10 * files, "{read} bytes");
    assert!(peak < 64 * 1024 + files * 3, "{peak} kB");
}
