//! The page over a real socket.

use std::net::Ipv4Addr;
use std::os::unix::fs::MetadataExt;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::store::Status;
use crate::tail::{Checkpoint, FileId, Ledger};

/// Serves an empty store, asks once, and returns the answer as it comes.
fn get(token: Option<&str>, request: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let store = Store::open_shared(dir.path()).unwrap();
    let ready = Arc::new(AtomicBool::new(false));
    let web = Arc::new(Web::new(store, Arc::default(), ready, token.map(str::to_owned)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &web).await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(serve(listener, web, std::future::pending()));
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        served.abort();
        answer
    })
}

fn ask(token: Option<&str>, path: &str, headers: &str) -> String {
    get(token, &format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n"))
}

#[test]
fn the_board_is_served_with_a_strict_policy() {
    let answer = ask(None, "/", "Host: localhost:9271\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("content-security-policy: default-src 'none'; style-src 'self'"), "{answer}");
    assert!(answer.contains("No issues."), "{answer}");
    assert!(!answer.contains("<script") && !answer.contains(" style="), "{answer}");
    assert!(ask(None, "/issues/7", "Host: 127.0.0.1\r\n").starts_with("HTTP/1.1 404"));
}

#[test]
fn probes_and_numbers() {
    assert!(ask(None, "/healthz", "Host: x\r\n").starts_with("HTTP/1.1 200"));
    assert!(ask(None, "/readyz", "Host: x\r\n").starts_with("HTTP/1.1 503"));
    assert!(ask(None, "/metrics", "Host: [::1]:9271\r\n").contains("errtail_records_total 0"));
}

#[test]
fn another_name_for_this_machine_is_refused() {
    assert!(ask(None, "/", "Host: evil.example.com\r\n").starts_with("HTTP/1.1 403"));
}

#[test]
fn a_token_is_asked_for() {
    let token = Some("open sesame");
    assert!(ask(token, "/", "Host: x\r\n").starts_with("HTTP/1.1 401"));
    assert!(ask(token, "/metrics", "Host: x\r\nAuthorization: Bearer open\r\n").starts_with("HTTP/1.1 401"));
    assert!(ask(token, "/", "Host: x\r\nAuthorization: Bearer open sesame\r\n").starts_with("HTTP/1.1 200"));
    // any:open sesame
    assert!(ask(token, "/", "Host: x\r\nAuthorization: Basic YW55Om9wZW4gc2VzYW1l\r\n").starts_with("HTTP/1.1 200"));
    assert!(ask(token, "/healthz", "Host: x\r\n").starts_with("HTTP/1.1 200"));
}

#[test]
fn it_does_not_listen_to_the_world_without_a_token() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let web = Web::new(Store::open_shared(dir.path()).unwrap(), Arc::default(), Arc::default(), None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(bind(SocketAddr::from(([0, 0, 0, 0], 0)), &web)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "--listen 0.0.0.0:0: reaches beyond this machine; give --listen-token-file too, or listen on 127.0.0.1"
    );
}

#[test]
fn ready_is_who_reads_and_has_a_store() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let store = Store::open_shared(dir.path()).unwrap();
    let reads = Arc::new(AtomicBool::new(true));
    let web = Arc::new(Web::new(store, Arc::default(), Arc::clone(&reads), None));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let asked = || runtime.block_on(ready(State(Arc::clone(&web)))).status();
    assert_eq!(asked(), StatusCode::OK);
    reads.store(false, Ordering::Relaxed);
    assert_eq!(asked(), StatusCode::SERVICE_UNAVAILABLE);
    reads.store(true, Ordering::Relaxed);
    let database = rusqlite::Connection::open(dir.path().join("errtail.db")).unwrap();
    database.execute_batch("DROP TABLE outbox").unwrap();
    assert_eq!(asked(), StatusCode::SERVICE_UNAVAILABLE);
}

#[test]
fn numbers_of_files_are_bounded_and_their_totals_whole() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoints = (0..1000_u64).map(|number| {
        let path = dir.path().join(format!("{number}.log"));
        // The lag is that of the file itself, not of one that took its place.
        let size = if number < 3 { 10 + number } else { 0 };
        std::fs::write(&path, vec![b'x'; usize::try_from(size).unwrap()]).unwrap();
        let facts = std::fs::metadata(&path).unwrap();
        let (device, inode) = (facts.dev(), facts.ino() + u64::from(number == 2));
        let ledger = Ledger { gaps: 1, bytes_read: 2, ..Ledger::default() };
        Checkpoint { file: FileId { device, inode, ..FileId::default() }, path, ledger, ..Checkpoint::default() }
    });
    let status = Status { checkpoints: checkpoints.collect(), ..Status::default() };
    let text = numbers::text(&status, &Counters::default(), true, Timestamp::now());
    let lines = |start: &str| text.lines().filter(|line| line.starts_with(start)).collect::<Vec<_>>();
    assert_eq!(lines("errtail_file_gaps_total{").len(), 200);
    for (name, value) in [("files", 1000), ("lag_bytes", 21), ("read_bytes_total", 2000)] {
        assert_eq!(lines(&format!("errtail_{name} ")), [format!("errtail_{name} {value}")]);
    }
    let mut families = lines("# TYPE ");
    families.sort_unstable();
    assert!(families.windows(2).all(|two| two[0] != two[1]), "{families:?}");
    let lags = lines("errtail_file_lag_bytes{");
    assert!(lags[0].ends_with("/1.log\"} 11") && lags[1].ends_with("/0.log\"} 10"), "{:?}", &lags[..3]);
}
