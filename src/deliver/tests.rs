//! Deliveries over real sockets: a server on the loopback answers as scripted.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use flate2::read::GzDecoder;

use super::*;

/// A request as it came over the wire.
struct Received {
    head: String,
    envelope: String,
}

/// What the server does with a request.
enum Step {
    Answer(&'static str),
    HangUp,
    Silence,
}

/// A server on the loopback that does one step a connection or request.
fn server(steps: Vec<Step>) -> (Dsn, mpsc::Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dsn = format!("http://publickey@{}/42", listener.local_addr().unwrap()).parse().unwrap();
    let (tell, received) = mpsc::channel();
    thread::spawn(move || {
        for step in steps {
            let (mut stream, _) = listener.accept().unwrap();
            tell.send(read(&mut stream)).ok();
            match step {
                Step::Answer(answer) => write!(stream, "{}", answer.replace('\n', "\r\n")).unwrap(),
                Step::HangUp => {}
                Step::Silence => drop(thread::spawn(move || {
                    thread::sleep(Duration::from_secs(3));
                    drop(stream);
                })),
            }
        }
    });
    (dsn, received)
}

fn read(stream: &mut TcpStream) -> Received {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse::<usize>().unwrap();
            if bytes.len() >= end + 4 + length {
                let mut envelope = String::new();
                GzDecoder::new(&bytes[end + 4..]).read_to_string(&mut envelope).unwrap();
                return Received { head, envelope };
            }
        }
        let count = stream.read(&mut chunk).unwrap();
        assert!(count > 0, "the request is cut off");
        bytes.extend_from_slice(&chunk[..count]);
    }
}

const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\n{}";

fn event(dsn: &Dsn) -> Outgoing {
    Outgoing {
        id: 1,
        event_id: "0123456789ab4cdef89abcdef0123456".to_owned(),
        dsn_key: dsn_key(dsn),
        body: br#"{"event_id":"0123456789ab4cdef89abcdef0123456","breadcrumbs":{"values":[{"message":"a"}]}}"#.to_vec(),
        attempts: 0,
    }
}

fn sender(dsn: &Dsn) -> Sender {
    let settings = Settings { timeout_seconds: 1, ..Settings::default() };
    Sender::new(std::slice::from_ref(dsn), &settings, None).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

#[tokio::test]
async fn an_event_goes_out_as_sentrys_protocol_says() {
    let (dsn, received) = server(vec![Step::Answer(OK)]);
    let reports = [ClientReport { reason: "cache_overflow".to_owned(), quantity: 3 }];
    assert_eq!(sender(&dsn).send(&event(&dsn), &reports, at(0)).await, Outcome::Sent);
    let request = received.recv().unwrap();
    assert!(request.head.starts_with("post /api/42/envelope/ http/1.1"), "{}", request.head);
    for part in [
        "sentry_key=publickey",
        "sentry_version=7",
        "sentry_client=errtail/",
        "user-agent: errtail/",
        "application/x-sentry-envelope",
    ] {
        assert!(request.head.contains(part), "{part}: {}", request.head);
    }
    let lines: Vec<&str> = request.envelope.lines().collect();
    assert!(
        lines[0].contains("\"event_id\":\"0123456789ab4cdef89abcdef0123456\"")
            && lines[0].contains("\"sent_at\":\"2027-01-15T08:00:00Z\"")
    );
    assert!(lines[1].contains(&format!("\"length\":{}", lines[2].len())));
    assert!(lines[3].contains("client_report") && lines[4].contains("\"quantity\":3"));
}

#[tokio::test]
async fn a_limit_holds_what_follows_even_on_success() {
    let (dsn, received) = server(vec![
        Step::Answer(
            "HTTP/1.1 200 OK\nX-Sentry-Rate-Limits: 30:error:key, 5:error:key\nContent-Length: 0\nConnection: close\n\n",
        ),
        Step::Answer(OK),
    ]);
    let sender = sender(&dsn);
    assert_eq!(sender.send(&event(&dsn), &[], at(0)).await, Outcome::Sent);
    assert!(matches!(sender.send(&event(&dsn), &[], at(10)).await, Outcome::Hold { until, .. } if until == at(30)));
    assert_eq!(received.try_iter().count(), 1);
    assert_eq!(sender.send(&event(&dsn), &[], at(31)).await, Outcome::Sent);
}

#[tokio::test]
async fn outages_are_tried_by_one_event_with_growing_pauses() {
    let (dsn, received) = server(vec![
        Step::Answer("HTTP/1.1 503 Busy\nContent-Length: 0\nConnection: close\n\n"),
        Step::HangUp,
        Step::Silence,
        Step::Answer(OK),
    ]);
    let sender = sender(&dsn);
    let mut now = at(0);
    let mut pauses = Vec::new();
    for _ in 0..3 {
        let Outcome::Retry { at: next, .. } = sender.send(&event(&dsn), &[], now).await else { panic!("no retry") };
        // Others do not run into the same wall.
        assert!(matches!(sender.send(&event(&dsn), &[], now).await, Outcome::Hold { until, .. } if until == next));
        pauses.push(next.duration_since(now).as_secs());
        now = next;
    }
    assert!(pauses[0] >= 2 && pauses[1] > pauses[0] && pauses[2] > pauses[1], "{pauses:?}");
    assert_eq!(sender.send(&event(&dsn), &[], now).await, Outcome::Sent);
    let ids = received.try_iter().map(|request| request.envelope.lines().next().unwrap()[..60].to_owned());
    let ids: std::collections::HashSet<String> = ids.collect();
    assert_eq!(ids.len(), 1, "one event, one id");
}

#[tokio::test]
async fn an_event_that_often_failed_does_not_hold_the_others() {
    let failed = "HTTP/1.1 500 Internal Server Error\nContent-Length: 0\nConnection: close\n\n";
    let (dsn, _received) = server(vec![Step::Answer(failed), Step::Answer(OK)]);
    let sender = sender(&dsn);
    let often = Outgoing { attempts: 9, ..event(&dsn) };
    let Outcome::Retry { at: next, .. } = sender.send(&often, &[], at(0)).await else { panic!("no retry") };
    assert!(next > at(5) && next <= at(60), "{next}");
    assert_eq!(sender.send(&event(&dsn), &[], at(5)).await, Outcome::Sent);
}

#[tokio::test]
async fn a_refused_event_is_set_aside_and_a_refused_key_stops_the_dsn() {
    let (dsn, received) = server(vec![
        Step::Answer(
            "HTTP/1.1 400 Bad Request\nContent-Length: 24\nConnection: close\n\n{\"detail\":\"bad envelope\"}",
        ),
        Step::Answer("HTTP/1.1 403 Forbidden\nContent-Length: 0\nConnection: close\n\n"),
    ]);
    let sender = sender(&dsn);
    let refused = sender.send(&event(&dsn), &[], at(0)).await;
    assert!(matches!(&refused, Outcome::Failed { why } if why.contains("400")), "{refused:?}");
    assert!(matches!(sender.send(&event(&dsn), &[], at(1)).await, Outcome::Hold { .. }));
    assert!(matches!(sender.send(&event(&dsn), &[], at(60)).await, Outcome::Hold { .. }));
    assert_eq!(received.try_iter().count(), 2);
}

#[tokio::test]
async fn what_is_too_large_is_sent_once_more_and_smaller() {
    let large = "HTTP/1.1 413 Too Large\nContent-Length: 0\nConnection: close\n\n";
    let (dsn, received) = server(vec![Step::Answer(large), Step::Answer(OK), Step::Answer(large), Step::Answer(large)]);
    let sender = sender(&dsn);
    assert_eq!(sender.send(&event(&dsn), &[], at(0)).await, Outcome::Sent);
    assert!(received.recv().unwrap().envelope.contains("breadcrumbs"));
    assert!(!received.recv().unwrap().envelope.contains("breadcrumbs"));
    assert!(matches!(sender.send(&event(&dsn), &[], at(1)).await, Outcome::Failed { .. }));
}

#[tokio::test]
async fn an_unknown_dsn_holds_and_nothing_tells_the_key() {
    let dsn: Dsn = "https://verysecretkey@o1.ingest.example.org/42".parse().unwrap();
    let sender = sender(&dsn);
    assert!(!format!("{sender:?}").contains("verysecretkey"));
    assert!(!dsn_key(&dsn).contains("verysecretkey"));
    let lost = Outgoing { dsn_key: "gone".to_owned(), ..event(&dsn) };
    assert!(matches!(sender.send(&lost, &[], at(0)).await, Outcome::Hold { .. }));
}

#[test]
fn pauses_double_up_to_a_quarter_of_an_hour() {
    assert_eq!(backoff(1, "ffff"), Duration::from_secs(5));
    assert_eq!(backoff(1, "0000"), Duration::from_millis(2500));
    assert_eq!(backoff(3, "ffff"), Duration::from_secs(20));
    assert_eq!(backoff(40, "ffff"), MAX_BACKOFF);
}
