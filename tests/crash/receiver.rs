//! A receiver of envelopes that fails in every way: answers 429 and 500, hangs, takes an event and loses the answer.
//!
//! In: HTTP requests on a loopback port. Out: the event ids under which each marker came, and how many occurrences the
//! events tell of. Invariant: an event counts
//! as taken when it was answered with 200, or its answer was lost.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::writer::Random;

pub struct Receiver {
    pub address: SocketAddr,
    pub faults: Arc<AtomicBool>,
    /// Whether everything is refused for now.
    pub refuses: Arc<AtomicBool>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Event ids by marker.
    taken: Mutex<BTreeMap<String, BTreeSet<String>>>,
    /// Occurrences that each event stands for, by its id.
    occurrences: Mutex<BTreeMap<String, u64>>,
    answers: Mutex<BTreeMap<&'static str, usize>>,
    /// Frames of the exceptions, by marker.
    frames: Mutex<BTreeMap<String, usize>>,
    /// Events of the agent's own.
    own: Mutex<Vec<Value>>,
}

impl Receiver {
    pub fn start(seed: u64, faults: bool) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let faults = Arc::new(AtomicBool::new(faults));
        let refuses = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Shared::default());
        let (failing, refusing, told) = (Arc::clone(&faults), Arc::clone(&refuses), Arc::clone(&shared));
        std::thread::spawn(move || {
            for (index, stream) in listener.incoming().flatten().enumerate() {
                let (failing, refusing, told) = (Arc::clone(&failing), Arc::clone(&refusing), Arc::clone(&told));
                let random = Random(seed.wrapping_mul(1_000_003).wrapping_add(index as u64));
                std::thread::spawn(move || serve(&stream, &told, (&failing, &refusing), random));
            }
        });
        Receiver { address, faults, refuses, shared }
    }

    /// The markers of which no event came.
    pub fn missing(&self, markers: &[String]) -> Vec<String> {
        let taken = self.shared.taken.lock().unwrap();
        markers.iter().filter(|marker| !taken.contains_key(*marker)).cloned().collect()
    }

    pub fn ids_of_markers(&self) -> BTreeMap<String, usize> {
        let taken = self.shared.taken.lock().unwrap();
        taken.iter().map(|(marker, ids)| (marker.clone(), ids.len())).collect()
    }

    /// Requests, events, and the occurrences that those stand for.
    pub fn told(&self) -> (usize, usize, u64) {
        let occurrences = self.shared.occurrences.lock().unwrap();
        let requests = self.shared.answers.lock().unwrap().values().sum();
        (requests, occurrences.len(), occurrences.values().sum())
    }

    /// The markers of which an event came.
    pub fn markers(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.shared.taken.lock().unwrap().clone()
    }

    /// Waits until all of them came.
    #[track_caller]
    pub fn wait_for(&self, markers: &[String], limit: Duration) {
        let deadline = Instant::now() + limit;
        while !self.missing(markers).is_empty() {
            assert!(Instant::now() < deadline, "missing: {:?}; {}", self.missing(markers), self.tally());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn frames(&self, marker: &str) -> usize {
        self.shared.frames.lock().unwrap().get(marker).copied().unwrap_or(0)
    }

    pub fn own(&self) -> Vec<Value> {
        self.shared.own.lock().unwrap().clone()
    }

    pub fn tally(&self) -> String {
        format!("answers {:?}", self.shared.answers.lock().unwrap())
    }
}

/// One connection, request after request.
fn serve(stream: &TcpStream, shared: &Shared, (faults, refuses): (&AtomicBool, &AtomicBool), mut random: Random) {
    let mut reader = BufReader::new(stream);
    while let Some(body) = request(&mut reader) {
        let dice = if faults.load(Ordering::Relaxed) { random.below(100) } else { 100 };
        let (name, answer, takes) = match dice {
            _ if refuses.load(Ordering::Relaxed) => {
                ("refused", Some("503 Service Unavailable\r\nRetry-After: 1"), false)
            }
            0..6 => ("limited", Some("429 Too Many Requests\r\nRetry-After: 1"), false),
            6..14 => ("failed", Some("500 Internal Server Error"), false),
            14..18 => ("hung", None, false),
            18..30 => ("lost", None, true),
            _ => ("taken", Some("200 OK"), true),
        };
        *shared.answers.lock().unwrap().entry(name).or_default() += 1;
        if takes {
            take(&body, shared);
        }
        if name == "hung" {
            std::thread::sleep(Duration::from_millis(1500));
        }
        let Some(answer) = answer else { return };
        let text = format!("HTTP/1.1 {answer}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}");
        if (&mut &*stream).write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

/// The body of the next request, unpacked.
fn request(reader: &mut BufReader<&TcpStream>) -> Option<Vec<u8>> {
    let mut length = 0;
    let mut packed = false;
    let mut begun = false;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() && begun {
            break;
        }
        begun = true;
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        packed |= line.starts_with("content-encoding:") && line.contains("gzip");
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    if packed {
        let mut whole = Vec::new();
        flate2::read::MultiGzDecoder::new(body.as_slice()).read_to_end(&mut whole).ok()?;
        body = whole;
    }
    Some(body)
}

/// Notes the markers in the exceptions of an envelope's events, each with the event's id.
fn take(envelope: &[u8], shared: &Shared) {
    for line in envelope.split(|byte| *byte == b'\n') {
        let Ok(event) = serde_json::from_slice::<Value>(line) else { continue };
        if event["logger"] == "errtail.tail" {
            shared.own.lock().unwrap().push(event);
            continue;
        }
        let Some(values) = event.pointer("/exception/values").and_then(Value::as_array) else { continue };
        let id = event["event_id"].as_str().unwrap_or_default().to_owned();
        let occurrences = event["extra"]["repeats.occurrences"].as_u64().unwrap_or(0);
        shared.occurrences.lock().unwrap().insert(id.clone(), occurrences);
        for value in values {
            let text = value["value"].as_str().unwrap_or_default();
            if let Some(at) = text.find("m-") {
                let marker = text[at..].chars().take(9).collect::<String>();
                let frames = value.pointer("/stacktrace/frames").and_then(Value::as_array).map_or(0, Vec::len);
                shared.frames.lock().unwrap().insert(marker.clone(), frames);
                shared.taken.lock().unwrap().entry(marker).or_default().insert(id.clone());
            }
        }
    }
}
