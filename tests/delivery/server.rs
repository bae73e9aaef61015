//! A receiver of envelopes that does what its plan says, step by step, and answers 200 behind it.
//!
//! In: HTTP/1.1 on a loopback port. Out: what came, whole, and which of it was taken. Invariant: an event counts as
//! taken when it was answered with 200, or its answer was lost.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What becomes of one request.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// The event is taken; these header lines go with the answer.
    Ok(&'static str),
    /// A refusal with its header lines and its text.
    Status(u16, &'static str, &'static str),
    /// Read, and closed without an answer.
    Drop,
    /// Taken, and closed without an answer.
    LostAck,
    /// The connection is broken off before the body is read.
    Reset,
    /// Read, and silent for so long.
    Hang(Duration),
    /// Taken, and answered byte by byte over so long.
    Slow(Duration),
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub at: Instant,
    /// The request line and the headers.
    pub head: String,
    /// The envelope, unpacked.
    pub envelope: String,
    pub taken: bool,
}

impl Received {
    /// The items' payloads of this type.
    pub fn items(&self, kind: &str) -> Vec<Value> {
        let lines: Vec<Value> = self.envelope.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        lines.windows(2).filter(|pair| pair[0]["type"] == kind).map(|pair| pair[1].clone()).collect()
    }

    /// The public key in the request's authorization.
    pub fn key(&self) -> String {
        let key = self.head.split("sentry_key=").nth(1).unwrap_or_default();
        key.chars().take_while(|c| c.is_ascii_alphanumeric()).collect()
    }
}

#[derive(Clone, Default)]
pub struct Server {
    plan: Arc<Mutex<VecDeque<Step>>>,
    received: Arc<Mutex<Vec<Received>>>,
    address: Option<SocketAddr>,
}

impl Server {
    pub fn start(plan: &[Step]) -> Server {
        Server::start_on(TcpListener::bind("127.0.0.1:0").unwrap(), plan)
    }

    pub fn start_on(listener: TcpListener, plan: &[Step]) -> Server {
        let address = Some(listener.local_addr().unwrap());
        let server =
            Server { plan: Arc::new(Mutex::new(plan.iter().copied().collect())), address, ..Server::default() };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                std::thread::spawn(move || serving.serve(&stream));
            }
        });
        server
    }

    pub fn address(&self) -> SocketAddr {
        self.address.unwrap()
    }

    pub fn dsn(&self, key: &str, project: u32) -> String {
        format!("http://{key}@{}/{project}", self.address())
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Of each marker (`m-…` in an exception's value) that was taken, its event ids.
    pub fn markers(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut markers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for event in self.received().iter().filter(|request| request.taken).flat_map(|request| request.items("event")) {
            let text = event["exception"]["values"][0]["value"].as_str().unwrap_or_default().to_owned();
            let marker: String = text[text.find("m-").unwrap_or(0)..].chars().take(5).collect();
            markers.entry(marker).or_default().insert(event["event_id"].as_str().unwrap_or_default().to_owned());
        }
        markers
    }

    /// Notes a request that another server took for this one.
    pub fn note(&self, head: String, envelope: String) {
        self.received.lock().unwrap().push(Received { at: Instant::now(), head, envelope, taken: true });
    }

    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(head) = head(&mut reader) {
            let step = self.plan.lock().unwrap().pop_front().unwrap_or(Step::Ok(""));
            if matches!(step, Step::Reset) {
                // Closed with unread bytes, the system answers with a reset.
                return;
            }
            let Some(envelope) = body(&mut reader, &head) else { return };
            let taken = matches!(step, Step::Ok(_) | Step::LostAck | Step::Slow(_));
            self.received.lock().unwrap().push(Received { at: Instant::now(), head, envelope, taken });
            let answer = |status: u16, headers: &str, text: &str| {
                format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{text}", text.len())
            };
            let mut stream = stream;
            let written = match step {
                Step::Ok(headers) => stream.write_all(answer(200, headers, "{}").as_bytes()),
                Step::Status(status, headers, text) => stream.write_all(answer(status, headers, text).as_bytes()),
                Step::Drop | Step::LostAck | Step::Reset => return,
                Step::Hang(time) => return std::thread::sleep(time),
                Step::Slow(time) => {
                    let text = answer(200, "", "{}");
                    text.bytes().try_for_each(|byte| {
                        std::thread::sleep(time / u32::try_from(text.len()).unwrap());
                        stream.write_all(&[byte])
                    })
                }
            };
            if written.is_err() {
                return;
            }
        }
    }
}

pub fn head(reader: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

pub fn body(reader: &mut impl BufRead, head: &str) -> Option<String> {
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "))?.trim().parse().ok()?;
    let mut packed = vec![0; length];
    reader.read_exact(&mut packed).ok()?;
    unpack(&packed)
}

pub fn unpack(packed: &[u8]) -> Option<String> {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(packed).read_to_string(&mut text).ok()?;
    Some(text)
}
