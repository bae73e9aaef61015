//! Records that begin in one file and end in another, or before a kill and after it.
//!
//! In: the real binary. Out: a failure where such a record is cut in two, lost, or sent twice.

use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::kills::{agent, prepare, reconfigure, signal, status, terminate};
use crate::receiver::Receiver;
use crate::writer::{append, dotnet, laravel};

const LIMIT: Duration = Duration::from_secs(30);

/// `text` cut behind the line that holds `mark`.
fn cut<'a>(text: &'a str, mark: &str) -> (&'a str, &'a str) {
    let at = text.find(mark).unwrap();
    text.split_at(at + text[at..].find('\n').unwrap() + 1)
}

#[test]
fn over_a_copytruncate_and_over_a_rename() {
    for copies in [true, false] {
        let receiver = Receiver::start(1, false);
        let directory = prepare();
        let log = directory.path().join("logs/app.log");
        let rotated = directory.path().join("logs/app.log.1");
        append(&log, &laravel("m-r000000"));
        let mut running = agent(directory.path(), "state", &receiver, &[]);
        receiver.wait_for(&["m-r000000".to_owned()], LIMIT);
        let text = laravel("m-r000001");
        let (before, after) = cut(&text, "#0 ");
        append(&log, before);
        std::thread::sleep(Duration::from_millis(150));
        if copies {
            fs::copy(&log, &rotated).unwrap();
            fs::File::options().write(true).open(&log).unwrap().set_len(0).unwrap();
        } else {
            fs::rename(&log, &rotated).unwrap();
        }
        append(&log, after);
        append(&log, &laravel("m-r000002"));
        receiver.wait_for(&["m-r000001".to_owned(), "m-r000002".to_owned()], LIMIT);
        terminate(&mut running);
        assert_eq!(receiver.frames("m-r000001"), receiver.frames("m-r000002"), "copied: {copies}");
        assert!(receiver.ids_of_markers().values().all(|ids| *ids == 1), "{:?}", receiver.ids_of_markers());
        assert_eq!(status(directory.path(), "state")["gaps"]["totals"].as_array().map(Vec::len), Some(0));
    }
}

#[test]
fn however_long_a_writer_waits_within_a_record() {
    let receiver = Receiver::start(1, false);
    let directory = prepare();
    reconfigure(directory.path(), "[tail]\n", "[tail]\nidle_timeout_ms = 100\nunended_timeout_ms = 400\n");
    let now = jiff::Timestamp::now().as_millisecond();
    let json = |marker: &str| {
        format!(
            "{{\"level\":50,\"time\":{now},\"err\":{{\"type\":\"TypeError\",\"message\":\"{marker} is null\",\
             \"stack\":\"TypeError: {marker} is null\\n    at place (/srv/shop/orders.js:12:3)\\n    at run \
             (/srv/shop/run.js:5:1)\"}},\"msg\":\"unhandledRejection\"}}\n"
        )
    };
    // Where the writer's buffer was full: within a first line, behind it, behind the exception's own, within JSON.
    let cuts: [(&str, String, &str); 5] = [
        ("a.log", laravel("m-w000001"), "production.ERROR: m-w"),
        ("b.log", dotnet("m-w000002"), "application.\n"),
        ("c.log", dotnet("m-w000003"), " is not set\n"),
        ("d.log", dotnet("m-w000004"), "System.NullRef"),
        ("e.log", json("m-w000005"), "\"stack\":\"TypeError"),
    ];
    let mut running = agent(directory.path(), "state", &receiver, &[]);
    for (file, text, mark) in &cuts {
        append(&directory.path().join("logs").join(file), text.split_at(text.find(mark).unwrap() + mark.len()).0);
    }
    std::thread::sleep(Duration::from_millis(2500));
    for (file, text, mark) in &cuts {
        append(&directory.path().join("logs").join(file), text.split_at(text.find(mark).unwrap() + mark.len()).1);
    }
    let markers: Vec<String> = (1..=5).map(|index| format!("m-w{index:06}")).collect();
    receiver.wait_for(&markers, LIMIT);
    std::thread::sleep(Duration::from_millis(1000));
    terminate(&mut running);
    let frames: Vec<usize> = markers.iter().map(|marker| receiver.frames(marker)).collect();
    assert_eq!(frames, [3, 2, 2, 2, 2]);
    assert_eq!(receiver.told().1, markers.len(), "parts of records were sent as records");
}

#[test]
fn where_the_agent_stood_still_no_record_is_cut() {
    for with_its_writer in [false, true] {
        let receiver = Receiver::start(1, false);
        let directory = prepare();
        let log = directory.path().join("logs/app.log");
        append(&log, &laravel("m-s000000"));
        let mut running = agent(directory.path(), "state", &receiver, &[]);
        receiver.wait_for(&["m-s000000".to_owned()], LIMIT);
        let text = laravel("m-s000001");
        let (before, after) = cut(&text, "#0 ");
        append(&log, before);
        std::thread::sleep(Duration::from_millis(150));
        signal(&running, rustix::process::Signal::STOP);
        std::thread::sleep(Duration::from_millis(1500));
        if with_its_writer {
            signal(&running, rustix::process::Signal::CONT);
            std::thread::sleep(Duration::from_millis(200));
        }
        append(&log, &(after.to_owned() + &laravel("m-s000002")));
        signal(&running, rustix::process::Signal::CONT);
        receiver.wait_for(&["m-s000001".to_owned(), "m-s000002".to_owned()], LIMIT);
        terminate(&mut running);
        assert_eq!(receiver.frames("m-s000001"), receiver.frames("m-s000002"), "with its writer: {with_its_writer}");
        assert_eq!(receiver.told().1, 3, "{:?}", receiver.markers());
    }
}

#[test]
fn where_a_full_outbox_stopped_the_reading_no_record_is_cut() {
    let receiver = Receiver::start(1, false);
    receiver.refuses.store(true, Ordering::Relaxed);
    let directory = prepare();
    reconfigure(directory.path(), "[store]\n", "[store]\nmax_outbox_events = 100\n");
    let mut markers = Vec::new();
    for file in ["a", "b", "c"] {
        // Each holds more than is read in one turn, which ends within a record.
        let own: Vec<String> = (0..1500).map(|index| format!("m-{file}{index:06}")).collect();
        let text: String = own.iter().map(|marker| laravel(marker)).collect();
        append(&directory.path().join(format!("logs/{file}.log")), &text);
        markers.extend(own);
    }
    let mut running = agent(directory.path(), "state", &receiver, &[]);
    std::thread::sleep(Duration::from_secs(3));
    receiver.refuses.store(false, Ordering::Relaxed);
    receiver.wait_for(&markers, Duration::from_secs(120));
    terminate(&mut running);
    assert!(markers.iter().all(|marker| receiver.frames(marker) == receiver.frames(&markers[0])));
    assert_eq!(receiver.told().1, markers.len(), "parts of records were sent as records");
}

/// The lines of `text` as containerd writes them, each of the first in two parts.
fn cri(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let (first, second) = line.split_at(line.len() / 2);
        lines.push(format!("2026-11-25T00:00:00.000000000Z stdout P {first}\n"));
        lines.push(format!("2026-11-25T00:00:00.000000000Z stdout F {second}\n"));
    }
    lines
}

#[test]
fn a_partial_line_of_a_container_over_a_rotation_and_a_restart() {
    for kill in [false, true] {
        let receiver = Receiver::start(1, false);
        let directory = prepare();
        let config = fs::read_to_string(directory.path().join("errtail.toml")).unwrap();
        let config = config.replace("[tail]\n", "[tail]\nidle_timeout_ms = 20000\n");
        fs::write(directory.path().join("errtail.toml"), config).unwrap();
        let log = directory.path().join("logs/0.log");
        append(&log, &cri(&dotnet("m-p000000")).concat());
        let mut running = agent(directory.path(), "state", &receiver, &[]);
        receiver.wait_for(&["m-p000000".to_owned()], LIMIT);
        let lines = cri(&dotnet("m-p000001"));
        // In the middle of the line of the second frame.
        let (before, after) = lines.split_at(9);
        assert!(before[8].contains(" P ") && before[8].contains("   at "), "{}", before[8]);
        append(&log, &before.concat());
        std::thread::sleep(Duration::from_millis(if kill { 1500 } else { 150 }));
        if kill {
            running.kill().unwrap();
            running.wait().unwrap();
        }
        fs::rename(&log, directory.path().join("logs/0.log.20261125-000000")).unwrap();
        append(&log, &after.concat());
        append(&log, &cri(&dotnet("m-p000002")).concat());
        if kill {
            running = agent(directory.path(), "state", &receiver, &[]);
        }
        receiver.wait_for(&["m-p000001".to_owned(), "m-p000002".to_owned()], LIMIT);
        terminate(&mut running);
        assert_eq!(receiver.frames("m-p000001"), receiver.frames("m-p000002"), "killed: {kill}");
        assert!(receiver.ids_of_markers().values().all(|ids| *ids == 1), "{:?}", receiver.ids_of_markers());
    }
}
