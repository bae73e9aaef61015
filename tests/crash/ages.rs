//! What is old: kept out by `--since`, or kept in the store and not sent.
//!
//! In: the real binary, errors of several ages by their log's own time. Out: a failure where one is sent that should
//! not be, or is not counted.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::kills::{agent, prepare, status, terminate};
use crate::receiver::Receiver;
use crate::writer::{append, laravel};

const DAYS: [(&str, i64); 3] = [("m-t000040", 40), ("m-t000003", 3), ("m-t000000", 0)];

/// What was sent and what the store says was dropped, with the reason, of errors that are `DAYS` old.
fn sent(arguments: &[&str]) -> (Vec<String>, String) {
    let receiver = Receiver::start(1, false);
    let directory = prepare();
    let stamp = |days: i64| (Timestamp::now() - SignedDuration::from_hours(24 * days)).strftime("%Y-%m-%d").to_string();
    let text: String = DAYS.iter().map(|(marker, days)| laravel(marker).replace(&stamp(0), &stamp(*days))).collect();
    append(&directory.path().join("logs/app.log"), &text);
    let mut running = agent(directory.path(), "state", &receiver, arguments);
    receiver.wait_for(&[DAYS[2].0.to_owned()], Duration::from_secs(30));
    std::thread::sleep(Duration::from_millis(500));
    terminate(&mut running);
    (receiver.markers().into_keys().collect(), status(directory.path(), "state")["outcomes"].to_string())
}

#[test]
fn what_sentry_would_not_take_is_kept_in_the_store() {
    let (markers, outcomes) = sent(&[]);
    assert_eq!(markers, [DAYS[2].0, DAYS[1].0], "{outcomes}");
    assert!(outcomes.contains("\"old\""), "{outcomes}");
}

#[test]
fn since_is_held_against_the_logs_own_time() {
    let (markers, outcomes) = sent(&["--since", "24h"]);
    assert_eq!(markers, [DAYS[2].0], "{outcomes}");
    assert!(outcomes.contains("\"since\""), "{outcomes}");
}
