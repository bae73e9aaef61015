//! The examples say what is true: the logs in `examples/logs` give the events in `examples/events`.
//!
//! In: the real binary, the examples. Out: a failure where an example and the program differ. An example's events
//! are written anew with `UPDATE_EXAMPLES=1`. What differs from place to place (ids, the host) is left out.

#![cfg(test)]

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

/// The events of one example's log, without what differs from place to place.
fn events(log: &str) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_errtail"))
        .args(["parse", "--output", "sentry", "--sent", log])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("SENTRY_DSN")
        .env_remove("SENTRY_ENVIRONMENT")
        .env_remove("SENTRY_RELEASE")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for event in &mut events {
        let event = event.as_object_mut().unwrap();
        let id = event.remove("event_id").unwrap();
        assert_eq!(id.as_str().unwrap().len(), 32);
        event.remove("server_name");
        // A crash has no time of its own: its event is of the moment in which it was found.
        event.remove("timestamp");
    }
    events
}

#[test]
fn each_log_gives_its_events() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut seen = 0;
    for entry in fs::read_dir(folder.join("logs")).unwrap() {
        let log = entry.unwrap().path();
        let name = log.file_stem().unwrap().to_str().unwrap().to_owned();
        let found = events(&format!("examples/logs/{name}.log"));
        assert!(!found.is_empty(), "{name}.log: no event");
        let golden = folder.join("events").join(format!("{name}.jsonl"));
        if env::var_os("UPDATE_EXAMPLES").is_some() {
            let text: String = found.iter().map(|event| format!("{event}\n")).collect();
            fs::write(&golden, text).unwrap();
            continue;
        }
        let text = fs::read_to_string(&golden).unwrap_or_else(|error| panic!("{}: {error}", golden.display()));
        let expected: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(found, expected, "{name}.log");
        seen += 1;
    }
    assert!(seen > 3 || env::var_os("UPDATE_EXAMPLES").is_some());
}
