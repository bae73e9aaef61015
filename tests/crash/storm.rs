//! One failure, again and again: the real binary reads a storm of it, and Sentry hears of it a few times.
//!
//! In: `ERRTAIL_STORM_RECORDS` (default 20,000; 1,000,000 is what is promised). Out: a failure where the storm costs more than
//! 100 requests, where an occurrence or a user is not counted, or where memory grows with the storm.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::idle::status_kb;
use crate::kills::{agent, number, prepare};
use crate::receiver::Receiver;
use crate::writer::Random;

const USERS: u64 = 50;
const FRAMES: usize = 40;

/// A record of Laravel's log without its user, cut where that is named.
fn record() -> (String, String) {
    let now = Timestamp::now().strftime("%Y-%m-%d %H:%M:%S");
    let frames = (0..FRAMES).map(|index| {
        format!("#{index} /srv/shop/app/Basket/Step{index}.php({}): App\\\\Basket\\\\Step{index}->run(Object(App\\\\Cart))\n", 10 + index)
    });
    let head = format!("[{now}] production.ERROR: no stock {{\"userId\":");
    let exception =
        "\"exception\":\"[object] (TypeError(code: 0): no stock at /srv/shop/app/Basket.php:7)\n[stacktrace]\n";
    (head, format!(",{exception}{}#{FRAMES} {{main}}\n\"}} \n", frames.collect::<String>()))
}

/// The issues, as `errtail issues` tells them; null while there is no store.
fn board(state: &Path) -> serde_json::Value {
    let board = Command::new(env!("CARGO_BIN_EXE_errtail"))
        .args(["issues", "--output", "json", "--state-dir", state.to_str().unwrap()])
        .output()
        .unwrap();
    serde_json::from_slice(&board.stdout).unwrap_or_default()
}

#[test]
fn a_storm_of_one_failure_is_a_few_events_and_all_its_occurrences() {
    let records = number("ERRTAIL_STORM_RECORDS", 20_000);
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(1, false);
    let state = folder.path().join("state");
    let mut agent = Command::new(env!("CARGO_BIN_EXE_errtail"))
        .args(["run", "--once", "--state-dir", state.to_str().unwrap(), "-"])
        .current_dir(folder.path())
        .env("SENTRY_DSN", format!("http://0123456789abcdef0123456789abcdef@{}/1", receiver.address))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.path().join("agent.log")).unwrap())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let mut input = BufWriter::with_capacity(1 << 16, agent.stdin.take().unwrap());
    let (head, tail) = record();
    // A first sight of the memory, once everything that a storm needs is there.
    let settled = (records / 4).max(5_000);
    let mut resident = 0;
    for number in 0..records {
        write!(input, "{head}{}{tail}", number % USERS + 1).unwrap();
        if number == settled {
            resident = status_kb(agent.id(), "VmRSS");
        }
    }
    input.flush().unwrap();
    let peak = status_kb(agent.id(), "VmHWM");
    drop(input);
    assert!(agent.wait().unwrap().success(), "{}", fs::read_to_string(folder.path().join("agent.log")).unwrap());

    let (requests, events, told) = receiver.told();
    let board = board(&state);
    println!(
        "{records} records in {:?}: {requests} requests, {events} events that tell of {told}; {resident} kB, at most {peak} kB",
        begun.elapsed()
    );
    assert_eq!(board.as_array().unwrap().len(), 1);
    assert_eq!((board[0]["events"].as_u64(), board[0]["users"].as_u64()), (Some(records), Some(USERS)));
    assert!(requests <= 100, "{requests} requests");
    assert_eq!(told, records, "each occurrence is told of once");
    assert!(peak < resident + 24 * 1024, "{resident} kB became {peak} kB");
}

#[test]
fn kills_in_a_storm_lose_no_count() {
    const RECORDS: u64 = 20_000;
    let receiver = Receiver::start(1, false);
    let directory = prepare();
    fs::write(directory.path().join("errtail.toml"), "").unwrap();
    let (head, tail) = record();
    let storm: String = (0..RECORDS).map(|number| format!("{head}{}{tail}", number % USERS + 1)).collect();
    fs::write(directory.path().join("logs/app.log"), storm).unwrap();
    let mut random = Random(number("ERRTAIL_CRASH_SEED", 1));
    let mut counts = vec![0];
    for _ in 0..number("ERRTAIL_CRASH_KILLS", 8) {
        let mut killed = agent(directory.path(), "state", &receiver, &[]);
        std::thread::sleep(Duration::from_millis(100 + random.below(500)));
        killed.kill().unwrap();
        killed.wait().unwrap();
        counts.push(board(&directory.path().join("state"))[0]["events"].as_u64().unwrap_or(0));
    }
    assert!(agent(directory.path(), "state", &receiver, &["--once"]).wait().unwrap().success());
    let board = board(&directory.path().join("state"));
    println!("counts at the kills: {counts:?}");
    assert!(counts.is_sorted(), "{counts:?}");
    assert_eq!((board[0]["events"].as_u64(), board[0]["users"].as_u64()), (Some(RECORDS), Some(USERS)));
    assert_eq!(receiver.told().2, RECORDS, "each occurrence is told of once");
}
