//! The page over a real socket.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

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
