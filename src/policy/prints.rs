//! Which prints are of one occurrence: the same exception, written by several layers of one program.
//!
//! In: a record and what it tells. Out: the occurrence that it is a print of. Invariant: a layer prints an
//! occurrence once, so the same text from the same layer is the next occurrence; the number of remembered
//! occurrences is bounded. Compares whole traces: a trace may be the beginning of a later, longer one.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use errtail_parsers::{Exception, Frame, Record};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::evidence::{Evidence, Strength};

/// Number of a remembered occurrence, counted from the beginning of the file.
pub(super) type OccurrenceId = u64;

/// The log's time: seconds, comparable with those of the same kind only.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Clock {
    Zoned(i64),
    Local(i64),
}

/// What is compared of a print.
#[derive(Debug, Clone)]
struct Print {
    message: u64,
    kind: u64,
    frames: Arc<Calls>,
    place: Option<(String, u32)>,
    time: Option<Clock>,
    process: Option<String>,
    death: Option<Death>,
    lines: (u64, u64),
}

/// A process's death.
#[derive(Debug, Clone)]
struct Death {
    /// The process, where the line names it.
    pid: Option<String>,
    /// Whether a shell or a process manager tells of it, which follows what the process itself said.
    is_echo: bool,
}

/// How many lines behind a crash its echo may stand.
const ECHO_LINES: u64 = 2;
/// Within how many seconds a server tells of a worker that it timed out, and then that it is gone.
const DEATH_SECONDS: i64 = 30;

/// Frames as they are compared.
#[derive(Debug)]
struct Calls(Vec<u64>);

/// An occurrence: its prints so far.
#[derive(Debug)]
pub(super) struct Occurrence {
    pub(super) id: OccurrenceId,
    print: Print,
    layers: Vec<String>,
    /// The evidence of the print that tells most.
    pub(super) best: Evidence,
    /// The frames of the print that tells most.
    best_frames: usize,
    /// Number of the record that tells most, and where it lies.
    pub(super) leader: (u64, String),
    /// Whether nothing that follows can change it.
    pub(super) settled: bool,
}

/// The occurrences of one file that a later record may be a print of.
#[derive(Debug)]
pub(super) struct Occurrences {
    known: VecDeque<Occurrence>,
    next_id: OccurrenceId,
    seconds: i64,
    limit: usize,
}

impl Occurrences {
    /// Remembers `limit` occurrences, and joins prints at most `seconds` of the log's time apart.
    pub(super) fn new(seconds: u32, limit: usize) -> Occurrences {
        Occurrences { known: VecDeque::new(), next_id: 0, seconds: i64::from(seconds), limit: limit.max(1) }
    }

    /// The occurrence that record number `number` is a print of: one that is remembered, or a new one.
    pub(super) fn join(&mut self, number: u64, record: &Record, evidence: &Evidence) -> OccurrenceId {
        let print = Print::of(record);
        let place = format!("line {}", record.source.first_line);
        let seconds = self.seconds;
        let known = self.known.iter_mut().find(|known| known.takes(&print, evidence, seconds));
        if let Some(known) = known {
            known.layers.push(evidence.layer.clone());
            known.print.lines = print.lines;
            let more = (evidence.strength, print.frames.0.len()) > (known.best.strength, known.best_frames);
            if more && !known.settled {
                known.best = evidence.clone();
                known.best_frames = print.frames.0.len();
                known.leader = (number, place);
            }
            known.settled |= evidence.strength == Strength::Certain || evidence.is_last_word;
            return known.id;
        }
        let id = self.next_id;
        self.next_id += 1;
        if self.known.len() >= self.limit {
            self.known.pop_front();
        }
        self.known.push_back(Occurrence {
            id,
            best_frames: print.frames.0.len(),
            print,
            layers: vec![evidence.layer.clone()],
            best: evidence.clone(),
            leader: (number, place),
            settled: evidence.strength == Strength::Certain || evidence.is_last_word,
        });
        id
    }

    /// The occurrence with this id, if it is still remembered.
    pub(super) fn get_mut(&mut self, id: OccurrenceId) -> Option<&mut Occurrence> {
        // They are numbered one by one, and forgotten from the front.
        let first = self.known.front()?.id;
        self.known.get_mut(usize::try_from(id.checked_sub(first)?).ok()?)
    }

    /// Whether a record at the time of `now` can no longer be a print of what `record` is a print of.
    pub(super) fn is_past(&self, record: &Record, now: &Record) -> bool {
        match (clock(record), clock(now)) {
            (Some(then), Some(now)) => apart(then, now).is_some_and(|seconds| seconds > self.seconds),
            _ => false,
        }
    }
}

impl Occurrence {
    fn takes(&self, print: &Print, evidence: &Evidence, seconds: i64) -> bool {
        if self.print.message != print.message && print.death.is_none() {
            return false;
        }
        let open = !self.settled || self.best.handled == Some(false) && evidence.handled != Some(true);
        // What an application logs and throws on is printed again with the frames that it passed since.
        let told = self.best.strength == Strength::Told && self.best.handled == Some(true);
        let thrown_on = !told || print.frames.0.len() > self.best_frames;
        let unhandled = self.best.handled == Some(false) && self.best.strength == Strength::Certain;
        let same = self.print.is_same(print, seconds) || unhandled && self.print.is_death_of(print, seconds);
        open && thrown_on && !self.layers.contains(&evidence.layer) && same
    }
}

impl Print {
    fn of(record: &Record) -> Print {
        let outermost = record.exceptions.first();
        let calls = |frames: &[Frame]| Calls(frames.iter().map(frame_hash).collect());
        Print {
            message: hash(outermost.map_or("", |exception| exception.message.trim())),
            kind: hash(outermost.map_or("", |exception| exception.kind.as_str())),
            frames: outermost.map_or_else(|| Arc::new(calls(&[])), |exception| exception.frames.fact(calls)),
            place: outermost.and_then(place),
            time: clock(record),
            process: process(record),
            death: death(record),
            lines: (record.source.first_line, record.source.last_line),
        }
    }

    /// Whether `other` tells of the death that this crash is: of the same process, or on the lines behind it.
    fn is_death_of(&self, other: &Print, seconds: i64) -> bool {
        let Some(died) = &other.death else { return false };
        let near = match (self.time, other.time) {
            (Some(a), Some(b)) => apart(a, b).is_none_or(|apart| apart <= seconds.max(DEATH_SECONDS)),
            _ => true,
        };
        let own = self.death.as_ref();
        let same_process = own.is_some_and(|own| own.pid.is_some() && own.pid == died.pid);
        let behind = other.lines.0 > self.lines.1 && other.lines.0 - self.lines.1 <= ECHO_LINES;
        near && (same_process || behind && died.is_echo && own.is_none_or(|own| !own.is_echo))
    }

    fn is_same(&self, other: &Print, seconds: i64) -> bool {
        let (own, others) = (&self.frames.0, &other.frames.0);
        let common = own.len().min(others.len());
        let traced = common > 0 && own[..common] == others[..common];
        let placed = self.place.is_some() && self.place == other.place;
        let untraced = common == 0 && (self.place.is_none() || other.place.is_none() || placed);
        let near = match (self.time, other.time) {
            (Some(a), Some(b)) => apart(a, b).is_none_or(|apart| apart <= seconds),
            _ => true,
        };
        let one_process = match (&self.process, &other.process) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        self.message == other.message
            && (self.kind == other.kind || traced || placed)
            && (traced || untraced)
            && near
            && one_process
    }
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn frame_hash(frame: &Frame) -> u64 {
    hash((&frame.function, &frame.module, frame.line))
}

fn place(exception: &Exception) -> Option<(String, u32)> {
    Some((exception.file.clone()?, exception.line?))
}

/// Bytes of a time's date.
const DATE_BYTES: usize = 10;

/// The process that wrote the record, where the log tells.
fn process(record: &Record) -> Option<String> {
    const KEYS: [&str; 4] = ["pid", "process", "container", "pod"];
    let named: Vec<&str> =
        record.origin.iter().filter(|(key, _)| KEYS.contains(&key.as_str())).map(|(_, value)| value.as_str()).collect();
    (!named.is_empty()).then(|| named.join("/"))
}

fn death(record: &Record) -> Option<Death> {
    record.mechanism.as_ref().filter(|by| by.kind.starts_with("process."))?;
    let pid = record.fields.iter().find(|(name, _)| name == "process.pid").map(|(_, pid)| pid.clone());
    Some(Death { pid, is_echo: matches!(record.format.as_str(), "shell" | "systemd" | "pm2" | "supervisord") })
}

fn clock(record: &Record) -> Option<Clock> {
    let text = record.timestamp.as_deref()?;
    // Without a zone it is no point in time.
    let zoned = text.get(DATE_BYTES..).is_some_and(|clock| clock.contains(['Z', 'z', '+', '-']));
    if zoned && let Ok(time) = text.parse::<Timestamp>() {
        return Some(Clock::Zoned(time.as_second()));
    }
    let local = text.parse::<DateTime>().ok()?;
    Some(Clock::Local(TimeZone::UTC.to_timestamp(local).ok()?.as_second()))
}

fn apart(a: Clock, b: Clock) -> Option<i64> {
    match (a, b) {
        (Clock::Zoned(a), Clock::Zoned(b)) | (Clock::Local(a), Clock::Local(b)) => Some((a - b).abs()),
        _ => None,
    }
}
