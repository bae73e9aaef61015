//! What could not be read is told with numbers: in the status, in the metrics, in one event of the agent's own.
//!
//! In: the real binary, whose files are taken away from it. Out: a failure where that is not told, or told too often.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Child;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kills::{agent, configure, prepare, status, terminate};
use crate::receiver::Receiver;
use crate::writer::{append, laravel};

const LIMIT: Duration = Duration::from_secs(30);

fn prepared(receiver: &Receiver) -> tempfile::TempDir {
    let directory = prepare();
    configure(directory.path(), &format!("self_dsn = \"http://fedcba@{}/2\"\n", receiver.address));
    directory
}

fn kill(mut agent: Child) {
    agent.kill().unwrap();
    agent.wait().unwrap();
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !done() {
        assert!(Instant::now() < deadline, "{what} does not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Bytes and number of gaps of one cause.
fn total(directory: &Path, cause: &str) -> (u64, u64) {
    let status = status(directory, "state");
    let totals = status["gaps"]["totals"].as_array().unwrap().clone();
    let found = totals.iter().find(|total| total["cause"] == cause);
    let number = |name: &str| found.map_or(0, |total| total[name].as_u64().unwrap());
    (number("gaps"), number("bytes"))
}

#[test]
fn a_file_that_vanishes_while_the_agent_is_dead_is_told_once() {
    let receiver = Receiver::start(1, false);
    let directory = prepared(&receiver);
    let log = directory.path().join("logs/app.log");
    append(&log, &laravel("m-g000000"));
    let running = agent(directory.path(), "state", &receiver, &[]);
    receiver.wait_for(&["m-g000000".to_owned()], LIMIT);
    wait("the position", || status(directory.path(), "state")["files"][0]["offset"].as_u64() > Some(100));
    kill(running);
    append(&log, &laravel("m-g000001"));
    fs::remove_file(&log).unwrap();
    for start in 0..2 {
        let marker = format!("m-g00001{start}");
        append(&log, &laravel(&marker));
        let mut running = agent(directory.path(), "state", &receiver, &[]);
        receiver.wait_for(&[marker], LIMIT);
        wait("the agent's own event", || !receiver.own().is_empty());
        assert_eq!(total(directory.path(), "vanished"), (1, 0), "start {start}");
        terminate(&mut running);
    }
    let own = receiver.own();
    assert_eq!(own.len(), 1, "{own:?}");
    let named = own[0]["extra"]["files"][0].as_str().unwrap();
    assert!(named.contains("logs/app.log: vanished at byte ") && named.ends_with("bytes missing: unknown"), "{named}");
    assert_eq!((&own[0]["extra"]["gaps"], &own[0]["extra"]["unknown"]), (&Value::from(1), &Value::from(1)));
    assert_eq!(status(directory.path(), "state")["outcomes"].as_array().unwrap().len(), 1, "a gap is no record");
}

#[test]
fn what_is_cut_off_unread_is_counted_in_bytes_and_told_once_an_hour() {
    let receiver = Receiver::start(1, false);
    let directory = prepared(&receiver);
    let config = fs::read_to_string(directory.path().join("errtail.toml")).unwrap();
    let config = config.replace("[store]\n", "[store]\nmax_outbox_events = 2\n");
    fs::write(directory.path().join("errtail.toml"), config).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let log = directory.path().join("logs/app.log");
    append(&log, &laravel("m-g000000"));
    let mut running = agent(directory.path(), "state", &receiver, &["--listen", &listen]);
    receiver.wait_for(&["m-g000000".to_owned()], LIMIT);
    let mut lost = 0;
    for round in 1..=2 {
        receiver.refuses.store(true, Ordering::Relaxed);
        let markers: Vec<String> = (0..2).map(|n| format!("m-h{round:03}{n:03}")).collect();
        append(&log, &markers.iter().map(|marker| laravel(marker)).collect::<String>());
        wait("a full outbox", || status(directory.path(), "state")["outbox"]["full"] == true);
        std::thread::sleep(Duration::from_millis(300));
        let unread = "never seen by anyone\n".repeat(1000);
        append(&log, &unread);
        lost += unread.len() as u64;
        // The agent keeps the file in sight while it waits.
        std::thread::sleep(Duration::from_millis(500));
        fs::File::options().write(true).open(&log).unwrap().set_len(0).unwrap();
        let after = format!("m-i{round:06}");
        append(&log, &laravel(&after));
        receiver.refuses.store(false, Ordering::Relaxed);
        receiver.wait_for(&[markers, vec![after]].concat(), LIMIT);
        wait("the gap", || total(directory.path(), "cut_short") == (round, lost));
    }
    wait("the agent's own event", || !receiver.own().is_empty());
    let mut metrics = TcpStream::connect(&listen).unwrap();
    write!(metrics, "GET /metrics HTTP/1.1\r\nHost: {listen}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    metrics.read_to_string(&mut text).unwrap();
    assert!(text.contains(&format!("errtail_gap_bytes_total{{cause=\"cut_short\"}} {lost}")), "{text}");
    assert!(text.contains("errtail_gaps_total{cause=\"cut_short\"} 2"), "{text}");
    terminate(&mut running);
    let own = receiver.own();
    assert_eq!(own.len(), 1, "{own:?}");
    assert_eq!(own[0]["extra"]["bytes"], Value::from(lost / 2));
}
