//! From bytes to findings: parser, policy, fingerprint, in that order, for one file.
//!
//! In: chunks of bytes. Out: `Finding`s. Invariant: pure and synchronous; every record that the parser finds
//! comes out once, with one verdict. Does not read, store or send.

mod kubernetes;

use std::sync::Arc;

use errtail_parsers::{Options, Parser, Record, Source};
use serde::Serialize;

use crate::issue::{self, Fingerprint};
use crate::policy::{Judge, Policy, Verdict};
use crate::tail::{Checkpoint, FileId, Gap, Position};

/// A record, judged.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What the log holds.
    #[serde(flatten)]
    pub record: Record,
    /// What follows from it.
    pub verdict: Verdict,
    /// Which failure it is one of.
    pub fingerprint: Fingerprint,
    /// Which DSN it goes to; none keeps it in the local store.
    #[serde(skip)]
    pub dsn_key: Option<Arc<str>>,
}

/// What becomes of positions with what was found on the way: the store takes all of it, or nothing.
#[derive(Debug, Default)]
pub struct Batch {
    /// How far the files are read.
    pub checkpoints: Vec<Checkpoint>,
    /// Identities whose checkpoints are to go: the file has another one now, or is gone.
    pub forgotten: Vec<FileId>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// Another batch follows at once, which may make events needless that only wait for a repeat's window to close.
    pub goes_on: bool,
}

impl Batch {
    /// Whether there is nothing to be stored.
    pub fn is_empty(&self) -> bool {
        self.checkpoints.is_empty() && self.forgotten.is_empty() && self.gaps.is_empty()
    }
}

/// The open end of a file that was rotated away: what follows it stands at the beginning of its successor. The parser
/// sees both as one file that begins where the carried bytes do.
struct Carry {
    path: String,
    position: Position,
    bytes: u64,
    lines: u64,
}

/// The rooms between a file's bytes and its findings.
pub struct Pipeline {
    path: String,
    /// What the path tells of the writer.
    writer: Vec<(String, String)>,
    /// What was taken over from the file that stood at the path before.
    carry: Option<Carry>,
    parser: Parser,
    judge: Judge,
    found: Vec<Finding>,
    /// Where the records begin (byte, line) that the judge holds back.
    held: Vec<(u64, u64)>,
    /// Of each stream, the end of what had been found before this pipeline began: that was handed on then.
    floors: Vec<(String, u64)>,
    /// Of each stream, the end of what has been found.
    ends: Vec<(String, u64)>,
}

impl Pipeline {
    /// A pipeline for the file at `path`, from its beginning.
    pub fn new(path: String, policy: &Arc<Policy>) -> Pipeline {
        Pipeline::resume(path, policy, Options::default(), Position::beginning())
    }

    /// A pipeline for the file at `path`, from `position`; it finds what follows the findings up to there.
    pub fn resume(path: String, policy: &Arc<Policy>, options: Options, position: Position) -> Pipeline {
        Pipeline {
            writer: kubernetes::facts(&path),
            path,
            carry: None,
            parser: Parser::resume(options, position.offset, position.line),
            judge: Judge::new(Arc::clone(policy)),
            found: Vec::new(),
            held: Vec::new(),
            floors: position.streams.clone(),
            ends: position.streams,
        }
    }

    /// A pipeline for the file at `path`, from its beginning, where it goes on with what its predecessor ended with:
    /// `bytes`, from `position` on to the end.
    pub fn carry_on(
        path: String,
        policy: &Arc<Policy>,
        options: Options,
        from: (String, Position),
        bytes: &[u8],
    ) -> Pipeline {
        let (old, position) = from;
        let shift = |(stream, end): &(String, u64)| (stream.clone(), end.saturating_sub(position.offset));
        let start = Position { streams: position.streams.iter().map(shift).collect(), ..Position::beginning() };
        let mut pipeline = Pipeline::resume(path, policy, options, start);
        let lines = memchr::memchr_iter(b'\n', bytes).count() as u64;
        pipeline.carry = Some(Carry { path: old, position, bytes: bytes.len() as u64, lines });
        pipeline.push(bytes);
        pipeline
    }

    /// Whether a record is open that begins in the predecessor.
    pub fn is_carrying(&self) -> bool {
        self.carry.as_ref().is_some_and(|carry| self.oldest().0 < carry.bytes)
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.parser.push(bytes);
        self.pass_on(|_, _| {});
    }

    /// Nothing came for a while: closes what could only have gone on. A line without its end stays open.
    pub fn idle(&mut self) {
        self.parser.idle();
        self.pass_on(Judge::idle);
    }

    /// The file ends here.
    pub fn finish(&mut self) {
        self.parser.finish();
        self.pass_on(Judge::finish);
    }

    /// The findings since the last call, in file order.
    pub fn take(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.found)
    }

    /// From where a later pipeline finds all that was not taken from this one, once: the start of the oldest record
    /// that is open or held back.
    pub fn checkpoint(&self) -> Position {
        let (offset, line) = self.oldest();
        let ends = self.ends.iter().filter(|(_, end)| *end > offset).cloned();
        match &self.carry {
            Some(carry) if offset < carry.bytes => Position::beginning(),
            Some(carry) => Position {
                offset: offset - carry.bytes,
                line: line - carry.lines,
                streams: ends.map(|(stream, end)| (stream, end - carry.bytes)).collect(),
            },
            None => Position { offset, line, streams: ends.collect() },
        }
    }

    /// Where the oldest record begins that is open or held back, as the parser counts.
    fn oldest(&self) -> (u64, u64) {
        let open = self.parser.checkpoint();
        self.held.iter().copied().chain([open]).min().unwrap_or(open)
    }

    /// The file that holds the byte at `offset`, as the parser counts.
    fn path_at(&self, offset: u64) -> &String {
        self.carry.as_ref().filter(|carry| offset < carry.bytes).map_or(&self.path, |carry| &carry.path)
    }

    /// Says in which file a record stands, and where.
    fn locate(&self, source: &mut Source) {
        source.path.clone_from(self.path_at(source.offset));
        let Some(carry) = &self.carry else { return };
        if source.offset < carry.bytes {
            source.offset += carry.position.offset;
            source.first_line += carry.position.line - 1;
            source.last_line += carry.position.line - 1;
        } else {
            source.offset -= carry.bytes;
            source.first_line -= carry.lines;
            source.last_line -= carry.lines;
        }
    }

    fn pass_on(&mut self, then: impl FnOnce(&mut Judge, &mut Vec<(Record, Verdict)>)) {
        let mut judged = Vec::new();
        for mut record in self.parser.take() {
            self.held.push((record.source.offset, record.source.first_line));
            // Rules may name the file; the place in it is counted as the parser does, until the judge is done.
            record.source.path.clone_from(self.path_at(record.source.offset));
            self.judge.push(record, &mut judged);
        }
        then(&mut self.judge, &mut judged);
        for (mut record, verdict) in judged {
            let (begin, end) = (record.source.offset, record.source.offset + record.source.length);
            if let Some(index) = self.held.iter().position(|(offset, _)| *offset == begin) {
                self.held.remove(index);
            }
            let stream = stream(&record);
            if self.floors.iter().any(|(name, floor)| *name == stream && begin < *floor) {
                continue;
            }
            match self.ends.iter_mut().find(|(name, _)| *name == stream) {
                Some((_, last)) => *last = end,
                None => self.ends.push((stream, end)),
            }
            self.locate(&mut record.source);
            for (name, value) in &self.writer {
                if !record.origin.iter().any(|(known, _)| known == name) {
                    record.origin.push((name.clone(), value.clone()));
                }
            }
            let fingerprint = issue::by_rule(issue::fingerprint(&record), &verdict.effects.fingerprint);
            self.found.push(Finding { record, verdict, fingerprint, dsn_key: None });
        }
        if self.ends.len() > MAX_STREAMS {
            let open = self.oldest().0;
            self.ends.retain(|(_, end)| *end > open);
        }
    }
}

/// Streams of one file whose ends are kept, before those are dropped that no record can reach any more.
const MAX_STREAMS: usize = 16;

/// The stream of a file that a record is of: what its wrapper says of it.
fn stream(record: &Record) -> String {
    let words: Vec<&str> = record.origin.iter().map(|(_, value)| value.as_str()).collect();
    words.join("\u{1f}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{self, Action};

    fn policy() -> Arc<Policy> {
        Arc::new(Policy::new(policy::Settings::default(), &[], None).unwrap())
    }

    /// Where each exception of a log stands, and what it is.
    fn places(findings: &[Finding]) -> Vec<(u64, u64, u64, String)> {
        let place = |finding: &Finding| {
            let (source, first) = (&finding.record.source, &finding.record.exceptions[0]);
            (source.offset, source.length, source.first_line, format!("{}: {}", first.kind, first.message))
        };
        let mut places: Vec<_> = findings.iter().map(place).collect();
        places.sort_unstable();
        places
    }

    fn whole(log: &[u8], policy: &Arc<Policy>) -> Vec<Finding> {
        let mut pipeline = Pipeline::new("app.log".to_owned(), policy);
        pipeline.push(log);
        pipeline.finish();
        pipeline.take()
    }

    /// Five errors of two languages, with other lines between them.
    fn log() -> Vec<u8> {
        let php = |second: u32| {
            format!(
                "[2026-11-24 10:00:{second}] production.ERROR: order {second} {{\"exception\":\"[object] (TypeError(code: 0): \
                 order {second} at /srv/app/Orders.php:12)\n[stacktrace]\n#0 /srv/app/Http.php(33): App\\\\Orders->place(NULL)\n\
                 #1 {{main}}\n\"}} \n"
            )
        };
        let dotnet = |second: u32| {
            format!(
                "2026-11-24 10:00:{second}.000 +00:00 [ERR] Request failed\nSystem.InvalidOperationException: order {second}\n   \
                 at Shop.Orders.Place(Order order) in /src/Orders.cs:line 12\n   at Shop.Program.Main() in /src/Program.cs:line 5\n"
            )
        };
        let quiet = "[2026-11-24 10:00:59] production.INFO: nothing happened\n".repeat(3);
        [php(10), quiet.clone(), dotnet(20), php(31), quiet.clone(), dotnet(42), dotnet(43), quiet]
            .concat()
            .into_bytes()
    }

    #[test]
    fn a_later_pipeline_finds_the_rest_wherever_the_first_one_ends() {
        let (log, policy) = (log(), policy());
        let expected = places(&whole(&log, &policy));
        assert_eq!(expected.len(), 5);
        for cut in 0..=log.len() {
            let mut pipeline = Pipeline::new("app.log".to_owned(), &policy);
            pipeline.push(&log[..cut]);
            let mut found = pipeline.take();
            let position = pipeline.checkpoint();
            let begin = usize::try_from(position.offset).unwrap();
            let mut pipeline = Pipeline::resume("app.log".to_owned(), &policy, Options::default(), position);
            pipeline.push(&log[begin..]);
            pipeline.finish();
            found.extend(pipeline.take());
            assert_eq!(places(&found), expected, "cut at {cut}");
        }
    }

    /// Errors of Node, some of which two layers print, and the answers around them.
    fn node_log() -> Vec<u8> {
        let entry = |second: u32, words: &str| {
            format!(
                "2026-11-24 10:00:{second} error: {words}Error: no route {second}\n    at route (/srv/app/route.js:3:9)\n    \
                 at async plan (/srv/app/plan.js:{second}:5)\n"
            )
        };
        let bare = "TypeError: cart is null\n    at price (/srv/app/price.js:7:2)\n";
        let crash = "/srv/app/run.js:4\n    throw e;\n    ^\n\nError: no route 12\n    at route (/srv/app/route.js:3:9)\n    \
                     at async plan (/srv/app/plan.js:12:5)\n    at main (/srv/app/run.js:9:1)\n\nNode.js v22.11.0\n";
        let parts = [
            entry(10, "using the last plan, "),
            entry(11, ""),
            "GET /plans/11 500 3 ms - 12\n".to_owned(),
            bare.repeat(2),
            "POST /carts 201 3 ms - 12\n".to_owned(),
            entry(12, "could not plan: "),
            crash.to_owned(),
            entry(13, "unhandledRejection: "),
            "2026-11-24 10:00:59 info: nothing happened\n".repeat(3),
        ];
        parts.concat().into_bytes()
    }

    #[test]
    fn a_verdict_does_not_depend_on_how_the_file_was_cut_into_reads() {
        let policy = policy();
        let told = |findings: Vec<Finding>| {
            let tell = |finding: Finding| (finding.record, finding.verdict, finding.fingerprint.0);
            findings.into_iter().map(tell).collect::<Vec<_>>()
        };
        for log in [log(), node_log()] {
            let expected = told(whole(&log, &policy));
            assert!(expected.len() >= 5);
            for size in (1..200).chain([512, 1000]) {
                let mut pipeline = Pipeline::new("app.log".to_owned(), &policy);
                let mut found = Vec::new();
                for piece in log.chunks(size) {
                    pipeline.push(piece);
                    found.extend(pipeline.take());
                }
                pipeline.finish();
                found.extend(pipeline.take());
                assert_eq!(told(found), expected, "pieces of {size}");
            }
        }
        let actions: Vec<Action> =
            whole(&node_log(), &policy).into_iter().map(|finding| finding.verdict.action).collect();
        assert!(actions.contains(&Action::Duplicate) && actions.contains(&Action::Drop), "{actions:?}");
    }

    #[test]
    fn a_record_goes_on_in_the_successor_of_its_file() {
        let (log, policy) = (log(), policy());
        let expected = places(&whole(&log, &policy));
        for cut in 1..log.len() {
            let mut old = Pipeline::new("app.log.1".to_owned(), &policy);
            old.push(&log[..cut]);
            let mut found = old.take();
            let position = old.checkpoint();
            let begin = usize::try_from(position.offset).unwrap();
            let mut pipeline = Pipeline::carry_on(
                "app.log".to_owned(),
                &policy,
                Options::default(),
                ("app.log.1".to_owned(), position),
                &log[begin..cut],
            );
            pipeline.push(&log[cut..]);
            pipeline.finish();
            found.extend(pipeline.take());
            let lines = log[..cut].iter().filter(|byte| **byte == b'\n').count() as u64;
            for finding in found.iter_mut().filter(|finding| finding.record.source.path == "app.log") {
                finding.record.source.offset += cut as u64;
                finding.record.source.first_line += lines;
            }
            assert_eq!(places(&found), expected, "cut at {cut}");
        }
    }
}
