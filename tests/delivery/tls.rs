//! TLS with an authority of one's own, HTTP/2, and proxies.
//!
//! In: `tls/`, a certificate for the loopback and its key. Out: a failure where an event does not arrive, or arrives
//! where the certificate is not trusted.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::agent::{Folder, errors};
use crate::server::{Server, body, head, unpack};

fn file(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/delivery/tls").join(name).display().to_string()
}

fn server_config(protocols: &[&[u8]]) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let certificate = CertificateDer::from_pem_file(file("ca.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("key.pem")).unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Arc::new(config)
}

/// A server that speaks HTTP/1.1 over TLS; what it takes is noted by `receiver`.
fn https(receiver: &Server) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let receiver = receiver.clone();
    let config = server_config(&[b"http/1.1"]);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (config, receiver) = (Arc::clone(&config), receiver.clone());
            std::thread::spawn(move || {
                let stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
                let mut reader = BufReader::new(stream);
                while let Some(head) = head(&mut reader) {
                    let Some(envelope) = body(&mut reader, &head) else { return };
                    receiver.note(head, envelope);
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
                    if reader.get_mut().write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// The same in HTTP/2, and nothing else.
fn http2(receiver: &Server) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    let receiver = receiver.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let acceptor = tokio_rustls::TlsAcceptor::from(server_config(&[b"h2"]));
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let version = format!("{:?}", request.version());
                    let mut body = request.into_body();
                    let receiver = receiver.clone();
                    tokio::spawn(async move {
                        let mut bytes = Vec::new();
                        while let Some(Ok(chunk)) = body.data().await {
                            body.flow_control().release_capacity(chunk.len()).unwrap();
                            bytes.extend_from_slice(&chunk);
                        }
                        receiver.note(version, unpack(&bytes).unwrap());
                        let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
                        stream.send_data("{}".into(), true).unwrap();
                    });
                }
            }
        });
    });
    address
}

/// A proxy that leads each tunnel to `to`; what it was asked for is noted.
fn tunnel(to: SocketAddr, asked: &Server) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = asked.clone();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut reader = BufReader::new(client.try_clone().unwrap());
            asked.note(head(&mut reader).unwrap(), String::new());
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            let server = TcpStream::connect(to).unwrap();
            for (mut from, mut to) in
                [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client.try_clone().unwrap())]
            {
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        }
    });
    address
}

fn folder(ca: bool) -> Folder {
    let ca = if ca { format!("ca_file = \"{}\"\n", file("ca.pem")) } else { String::new() };
    let folder = Folder::new(&format!("[delivery]\ntimeout_seconds = 2\n{ca}"));
    folder.write("logs/app.log", &errors(&["m-t00", "m-t01"]));
    folder
}

fn run(folder: &Folder, dsn: &str, environment: &[(&str, &str)]) -> Output {
    let mut command = folder.command(&["run", "--once", "--config", "errtail.toml", "logs"]);
    command.env("SENTRY_DSN", dsn).envs(environment.iter().copied()).output().unwrap()
}

#[test]
fn an_authority_of_ones_own_is_trusted_where_it_is_named() {
    let receiver = Server::default();
    let dsn = format!("https://thekey@{}/1", https(&receiver));
    run(&folder(true), &dsn, &[]);
    assert_eq!(receiver.markers().len(), 2);
    let untrusted = Server::default();
    let dsn = format!("https://thekey@{}/1", https(&untrusted));
    let folder = folder(false);
    let mut agent = folder.start(&dsn);
    let begun = std::time::Instant::now();
    let error = loop {
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(begun.elapsed().as_secs() < 20, "no word of the certificate");
        if !folder.path().join("state/errtail.db").exists() {
            continue;
        }
        if let Some(error) = folder.status()["destinations"][0]["last_error"].as_str() {
            break error.to_owned();
        }
    };
    crate::agent::terminate(&mut agent);
    assert!(error.contains("certificate"), "{error}");
    assert!(untrusted.received().is_empty());
}

#[test]
fn a_file_of_authorities_that_is_none_is_said() {
    let folder = Folder::new("[delivery]\nca_file = \"nothing.pem\"\n");
    folder.write("logs/app.log", "");
    let output = run(&folder, "https://thekey@localhost/1", &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("nothing.pem: delivery.ca_file: no such file"), "{said}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn http2_is_spoken_where_the_server_does() {
    let receiver = Server::default();
    let dsn = format!("https://thekey@{}/1", http2(&receiver));
    run(&folder(true), &dsn, &[]);
    assert_eq!(receiver.markers().len(), 2);
    assert!(receiver.received().iter().all(|request| request.head == "HTTP/2.0"));
}

#[test]
fn proxies_are_used_and_left_out_as_the_environment_says() {
    // Plain HTTP: the proxy is asked for the whole address.
    let proxy = Server::start(&[]);
    let address = format!("http://{}", proxy.address());
    run(&folder(false), "http://thekey@sentry.example.test/1", &[("HTTP_PROXY", &address)]);
    assert_eq!(proxy.markers().len(), 2);
    let asked = proxy.received()[0].head.clone();
    assert!(asked.starts_with("POST http://sentry.example.test/api/1/envelope/ "), "{asked}");
    // TLS: through a tunnel.
    let (receiver, asked) = (Server::default(), Server::default());
    let address = format!("http://{}", tunnel(https(&receiver), &asked));
    run(&folder(true), "https://thekey@sentry.example.test/1", &[("HTTPS_PROXY", &address)]);
    assert_eq!(receiver.markers().len(), 2);
    assert!(asked.received()[0].head.starts_with("CONNECT sentry.example.test:443 "));
    // Not for what NO_PROXY names.
    let receiver = Server::start(&[]);
    let nowhere = [("HTTP_PROXY", "http://127.0.0.1:9"), ("NO_PROXY", "127.0.0.1")];
    run(&folder(false), &receiver.dsn("thekey", 1), &nowhere);
    assert_eq!(receiver.markers().len(), 2);
}
