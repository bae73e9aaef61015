//! Each fault, once and in a row: nothing is lost, nothing has two ids, and no outage ends in a burst.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::agent::{Folder, errors, terminate};
use crate::server::{Server, Step};

const MARKERS: [&str; 6] = ["m-a00", "m-a01", "m-a02", "m-a03", "m-a04", "m-a05"];

fn folder() -> Folder {
    let folder = Folder::new("[delivery]\ntimeout_seconds = 1\n");
    folder.write("logs/app.log", &errors(&MARKERS));
    folder
}

/// All errors arrive, each under one id, though the first requests fail so.
fn survives(plan: &[Step]) -> Server {
    survives_in(&folder(), plan)
}

fn survives_in(folder: &Folder, plan: &[Step]) -> Server {
    let server = Server::start(plan);
    let output = folder.once(&server.dsn("thekey", 1));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    arrived(&server);
    assert_eq!(folder.status()["outbox"]["events"], 0, "{plan:?}");
    server
}

fn arrived(server: &Server) {
    let markers = server.markers();
    assert_eq!(markers.keys().map(String::as_str).collect::<Vec<_>>(), MARKERS);
    assert!(markers.values().all(|ids| ids.len() == 1), "{markers:?}");
    // Nor was one tried under two.
    let tried: std::collections::BTreeSet<String> =
        server.received().iter().map(|request| request.envelope.lines().next().unwrap()[..48].to_owned()).collect();
    assert_eq!(tried.len(), MARKERS.len());
}

#[test]
fn ok() {
    let server = survives(&[]);
    assert_eq!(server.received().len(), MARKERS.len());
}

#[test]
fn server_errors() {
    survives(&[
        Step::Status(500, "", "oops"),
        Step::Status(502, "", "<html>bad gateway</html>"),
        Step::Status(504, "", ""),
    ]);
}

#[test]
fn unavailable_with_a_time() {
    let server = survives(&[Step::Status(503, "Retry-After: 2\r\n", ""); 1]);
    let received = server.received();
    let paused = received.windows(2).map(|pair| pair[1].at - pair[0].at).max().unwrap();
    assert!(paused >= Duration::from_millis(1500), "{paused:?}");
}

#[test]
fn limits_hold_for_their_time_and_the_longer_one_counts() {
    let headers = "Retry-After: 1\r\nX-Sentry-Rate-Limits: 3:error;default:key, 1:error:organization\r\n";
    let server = survives(&[Step::Status(429, headers, "{\"detail\":\"too many\"}")]);
    let received = server.received();
    let paused = received.windows(2).map(|pair| pair[1].at - pair[0].at).max().unwrap();
    assert!(paused >= Duration::from_millis(2500), "{paused:?}");
}

#[test]
fn a_limit_that_comes_with_a_success_holds() {
    // What is under way beside it may be answered first, and would let all others go.
    let folder = Folder::new("[delivery]\nmax_in_flight = 1\n");
    folder.write("logs/app.log", &errors(&MARKERS));
    let server = survives_in(&folder, &[Step::Ok("X-Sentry-Rate-Limits: 3:error:key\r\n")]);
    let received = server.received();
    let paused = received.windows(2).map(|pair| pair[1].at - pair[0].at).max().unwrap();
    assert!(paused >= Duration::from_millis(2500), "{paused:?}");
}

#[test]
fn a_limit_of_other_categories_holds_nothing() {
    let begun = Instant::now();
    survives(&[Step::Ok("X-Sentry-Rate-Limits: 3600:transaction;replay:key\r\n")]);
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_limit_without_a_header_holds_for_a_minute() {
    let server = Server::start(&[Step::Status(429, "", ""); 20]);
    let folder = folder();
    let mut agent = folder.start(&server.dsn("thekey", 1));
    let begun = Instant::now();
    let until = loop {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing is held");
        std::thread::sleep(Duration::from_millis(100));
        let status = if server.received().is_empty() { continue } else { folder.status() };
        if let Some(until) = status["destinations"][0]["held_until"].as_str() {
            break until.parse::<jiff::Timestamp>().unwrap();
        }
    };
    let left = until.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((40..=60).contains(&left), "{left}");
    terminate(&mut agent);
    assert_eq!(folder.status()["outbox"]["events"], MARKERS.len());
}

#[test]
fn connections_that_break() {
    survives(&[Step::Drop, Step::Reset]);
}

#[test]
fn an_answer_that_is_lost_gives_no_second_event() {
    survives(&[Step::LostAck, Step::LostAck]);
}

#[test]
fn silence() {
    survives(&[Step::Hang(Duration::from_secs(5))]);
}

#[test]
fn an_answer_that_takes_longer_than_the_whole_timeout() {
    survives(&[Step::Slow(Duration::from_secs(4)), Step::Slow(Duration::from_millis(300))]);
}

#[test]
fn a_port_that_is_closed_for_a_while() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let folder = folder();
    let mut agent = folder.start(&format!("http://thekey@{address}/1"));
    std::thread::sleep(Duration::from_secs(2));
    let server = Server::start_on(TcpListener::bind(address).unwrap(), &[]);
    let begun = Instant::now();
    while server.markers().len() < MARKERS.len() {
        assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", server.markers());
        std::thread::sleep(Duration::from_millis(50));
    }
    terminate(&mut agent);
    arrived(&server);
    // One tries first whether it is over.
    let received = server.received();
    assert!(received[1].at > received[0].at, "a burst");
}

#[test]
fn what_is_refused_is_kept_aside_told_and_sent_again_when_asked_for() {
    let server = Server::start(&[Step::Status(400, "", "{\"detail\":\"bad envelope\"}")]);
    let folder = folder();
    folder.once(&server.dsn("thekey", 1));
    assert_eq!(server.markers().len(), MARKERS.len() - 1);
    let listed = folder.command(&["status", "--failed"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("bad envelope") && !listed.contains("thekey"), "{listed}");
    let again = folder.command(&["status", "--retry-failed"]).output().unwrap();
    assert_eq!(String::from_utf8(again.stdout).unwrap(), "1 events queued again\n");
    folder.once(&server.dsn("thekey", 1));
    arrived(&server);
    let reports: Vec<_> = server.received().iter().flat_map(|request| request.items("client_report")).collect();
    assert_eq!(reports.len(), 1, "{reports:?}");
    let discarded = &reports[0]["discarded_events"][0];
    assert_eq!(
        (&discarded["reason"], &discarded["category"], &discarded["quantity"]),
        (&"send_error".into(), &"error".into(), &1.into())
    );
}

#[test]
fn what_is_too_large_is_shrunk_once() {
    let server = survives(&[Step::Status(413, "", "{\"detail\":\"envelope exceeded size limits\"}")]);
    assert_eq!(server.received().len(), MARKERS.len() + 1);
}

#[test]
fn a_refused_key_stops_its_dsn_and_the_right_one_takes_over() {
    for status in [401, 403] {
        let server = Server::start(&[Step::Status(status, "", "{\"detail\":\"bad key\"}")]);
        let folder = Folder::new("[delivery]\ntimeout_seconds = 1\nmax_in_flight = 1\n");
        folder.write("logs/app.log", &errors(&MARKERS));
        let output = folder.once(&server.dsn("wrongkey", 1));
        assert_eq!(server.received().len(), 1, "nothing more is sent to a DSN that is refused");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("bad key") && said.contains("refuses this DSN") && !said.contains("wrongkey"), "{said}");
        assert_eq!(folder.status()["outbox"]["events"], MARKERS.len());
        // What waits for the project goes out with the key that is right.
        folder.once(&server.dsn("rightkey", 1));
        arrived(&server);
    }
}

#[test]
fn no_burst_after_an_outage() {
    let server = Server::start(&[Step::Status(503, "", ""); 2]);
    let folder = Folder::new("[delivery]\ntimeout_seconds = 1\nmax_in_flight = 2\n");
    let markers: Vec<String> = (0..40).map(|number| format!("m-{number:03}")).collect();
    folder.write("logs/app.log", &errors(&markers.iter().map(String::as_str).collect::<Vec<_>>()));
    folder.once(&server.dsn("thekey", 1));
    assert_eq!(server.markers().len(), 40);
    let received = server.received();
    // While the outage lasts, one event at a time tries.
    let first_taken = received.iter().position(|request| request.taken).unwrap();
    assert!(first_taken <= 4, "{first_taken} requests ran into the outage");
}

#[test]
fn what_a_full_disk_cannot_note_is_not_sent_over_and_over() {
    let (server, folder) = (Server::start(&[]), Folder::new(""));
    let dsn = server.dsn("thekey", 1);
    folder.once(&dsn);
    let database = rusqlite::Connection::open(folder.path().join("state/errtail.db")).unwrap();
    let refuse = "CREATE TRIGGER no BEFORE DELETE ON outbox BEGIN SELECT raise(ABORT, 'disk full'); END";
    database.execute_batch(refuse).unwrap();
    folder.write("logs/app.log", &errors(&MARKERS));
    let mut agent = folder.start(&dsn);
    std::thread::sleep(Duration::from_secs(3));
    let sent = server.received().len();
    assert!((1..=MARKERS.len()).contains(&sent), "{sent} requests");
    database.execute_batch("DROP TRIGGER no").unwrap();
    let begun = Instant::now();
    while folder.status()["outbox"]["events"] != 0 {
        assert!(begun.elapsed() < Duration::from_secs(40), "{}", folder.status());
        std::thread::sleep(Duration::from_millis(100));
    }
    terminate(&mut agent);
    arrived(&server);
    assert_eq!(server.received().len(), MARKERS.len());
}
