//! Every log under `parsers/samples` against its golden, and against all that must change nothing.
//!
//! In: `samples/<language>/<case>.log`; `<case>.expected.jsonl` beside it holds its records, one a line. A new sample
//! needs no code: put the log there, run with `UPDATE_SAMPLES=1`, and read what was written. Free with each sample:
//! cuts, restarts, CRLF, noise around it, container wrappers, and that no other language claims it. `SAMPLES` names
//! another folder than `samples`, to try these on logs of one's own.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

use errtail_parsers::{Exception, Options, Parser, Platform, Record};

/// Up to so many bytes a sample is cut at each of them.
const EVERY_BYTE: usize = 2048;
/// A larger one at so many places, beside its line starts.
const RANDOM_CUTS: usize = 200;
/// The work of cutting one sample, in bytes parsed.
const CUT_BYTES: usize = 1 << 20;
/// Differing lines shown of one failure.
const DIFF_LINES: usize = 60;

struct Sample {
    language: String,
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Sample {
    fn name(&self) -> String {
        self.path.file_name().unwrap().to_string_lossy().into_owned()
    }

    /// Whether other bytes than UTF-8 text with its own line breaks are the point of it.
    fn is_text(&self) -> bool {
        !self.bytes.contains(&0) && !self.bytes.starts_with(b"\xEF\xBB\xBF") && std::str::from_utf8(&self.bytes).is_ok()
    }
}

fn samples() -> Vec<Sample> {
    let here = || Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let root = std::env::var_os("SAMPLES").map_or_else(here, PathBuf::from);
    let mut found = Vec::new();
    for language in list(&root) {
        for path in list(&language).into_iter().filter(|path| path.extension().is_some_and(|end| end == "log")) {
            let language = language.file_name().unwrap().to_string_lossy().into_owned();
            found.push(Sample { language, bytes: fs::read(&path).unwrap(), path });
        }
    }
    found
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).map(|all| all.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default();
    paths.sort();
    paths
}

fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Record> {
    let mut parser = Parser::new(Options::default());
    for piece in pieces {
        parser.push(piece);
    }
    parser.finish();
    parser.take()
}

fn records(bytes: &[u8]) -> Vec<Record> {
    parse([bytes])
}

/// Runs a property on all samples, and fails once, with all that does not hold.
fn for_each(check: impl Fn(&Sample) -> Result<(), String>) {
    let failures: Vec<String> = samples()
        .iter()
        .filter_map(|sample| check(sample).err().map(|what| format!("{}/{}: {what}", sample.language, sample.name())))
        .collect();
    assert!(failures.is_empty(), "{} samples fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn each_sample_matches_its_golden() {
    let update = std::env::var_os("UPDATE_SAMPLES").is_some();
    for_each(|sample| {
        let golden = sample.path.with_extension("expected.jsonl");
        let mut found = String::new();
        for mut record in records(&sample.bytes) {
            record.source.path = sample.name();
            found += &match sample.language.as_str() {
                "wrappers" => wrapper_facts(&record).to_string(),
                _ => serde_json::to_string(&record).unwrap(),
            };
            found.push('\n');
        }
        if update {
            return fs::write(&golden, found).map_err(|error| format!("{}: {error}", golden.display()));
        }
        let expected = fs::read_to_string(&golden)
            .map_err(|error| format!("{}: {error}; make it with UPDATE_SAMPLES=1", golden.display()))?;
        same(&expected, &found)
    });
}

/// What a wrapper's golden holds: the language's part of the record has samples of its own.
fn wrapper_facts(record: &Record) -> serde_json::Value {
    let exceptions: Vec<_> = record.exceptions.iter().map(|thrown| (&thrown.kind, &thrown.message)).collect();
    serde_json::json!({
        "source": record.source,
        "timestamp": record.timestamp,
        "origin": record.origin,
        "exceptions": exceptions,
    })
}

#[test]
fn a_sample_s_records_are_of_its_language() {
    for_each(|sample| {
        let platforms: &[Platform] = match sample.language.as_str() {
            "php" | "laravel" => &[Platform::Php],
            "dotnet" => &[Platform::Csharp],
            "node" => &[Platform::Node, Platform::Javascript],
            // What a wrapper holds may be of any, and so may a process that dies.
            "wrappers" | "crash" => return Ok(()),
            other => return Err(format!("say which platform the folder `{other}` is of, here")),
        };
        match records(&sample.bytes).iter().find(|record| !platforms.contains(&record.platform)) {
            Some(record) => Err(format!("line {}: claimed as {:?}", record.source.first_line, record.platform)),
            None => Ok(()),
        }
    });
}

#[test]
fn cutting_a_sample_anywhere_changes_nothing() {
    for_each(|sample| {
        let bytes = sample.bytes.as_slice();
        let whole = records(bytes);
        for cut in cuts(bytes) {
            let (head, tail) = bytes.split_at(cut);
            same_records(&whole, &parse([head, tail])).map_err(|diff| format!("cut at byte {cut}: {diff}"))?;
        }
        for size in [1, 7, 64, 1000, 4096].into_iter().filter(|size| bytes.len() / size <= 2 * EVERY_BYTE) {
            same_records(&whole, &parse(bytes.chunks(size))).map_err(|diff| format!("pieces of {size}: {diff}"))?;
        }
        Ok(())
    });
}

#[test]
fn reading_again_from_a_checkpoint_finds_what_was_not_told() {
    for_each(|sample| {
        let bytes = sample.bytes.as_slice();
        let mut whole = records(bytes);
        whole.iter_mut().for_each(|record| record.before.clear());
        for cut in cuts(bytes) {
            let mut parser = Parser::new(Options::default());
            parser.push(&bytes[..cut]);
            let mut found = parser.take();
            let (offset, line) = parser.checkpoint();
            let told = found.iter().map(|record| record.source.offset + record.source.length).max().unwrap_or(0);
            if told > offset || offset > cut as u64 {
                return Err(format!("cut at byte {cut}: told to {told}, to be read again from {offset}"));
            }
            let mut parser = Parser::resume(Options::default(), offset, line);
            parser.push(&bytes[offset as usize..]);
            parser.finish();
            found.append(&mut parser.take());
            // Context may begin at the checkpoint.
            found.iter_mut().for_each(|record| record.before.clear());
            same_records(&whole, &found).map_err(|diff| format!("cut at byte {cut}, from {offset}: {diff}"))?;
        }
        Ok(())
    });
}

/// Where a sample is cut: everywhere, or at its line starts and at pseudo-random places, as far as the work is bounded.
fn cuts(bytes: &[u8]) -> Vec<usize> {
    if bytes.len() <= EVERY_BYTE {
        return (1..bytes.len()).collect();
    }
    let mut cuts: Vec<usize> = memchr::memchr_iter(b'\n', bytes).map(|end| end + 1).collect();
    let mut state = bytes.len() as u64;
    for _ in 0..RANDOM_CUTS {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        cuts.push((state >> 33) as usize % bytes.len());
    }
    cuts.sort_unstable();
    let stride = (cuts.len() * bytes.len()).div_ceil(CUT_BYTES);
    cuts.into_iter().step_by(stride.max(1)).collect()
}

#[test]
fn line_breaks_of_windows_give_the_same_exceptions() {
    for_each(|sample| {
        if !sample.is_text() || sample.bytes.windows(2).any(|pair| pair == b"\r\n") {
            return Ok(());
        }
        let lines: Vec<&[u8]> = sample.bytes.split(|byte| *byte == b'\n').collect();
        same_exceptions(&records(&sample.bytes), &records(&lines.join(b"\r\n".as_slice())))
    });
}

#[test]
fn noise_around_a_sample_changes_only_places() {
    const NOISE: &str = "10.0.0.7 - - [23/Nov/2026:07:40:00 +0700] \"GET /health HTTP/1.1\" 200 2\n";
    const LINES: usize = 5;
    for_each(|sample| {
        if !sample.is_text() {
            return Ok(());
        }
        let noise = NOISE.repeat(LINES);
        let ended = sample.bytes.ends_with(b"\n");
        let mut noisy =
            records(&[noise.as_bytes(), &sample.bytes, if ended { b"" } else { b"\n" }, noise.as_bytes()].concat());
        let mut plain = records(&sample.bytes);
        for record in &mut noisy {
            record.source.first_line -= LINES as u64;
            record.source.last_line -= LINES as u64;
            record.source.offset -= noise.len() as u64;
        }
        for record in noisy.iter_mut().chain(&mut plain) {
            record.before.clear();
            record.source.length = 0;
        }
        same_records(&plain, &noisy)
    });
}

#[test]
fn containers_around_a_sample_change_only_places() {
    for_each(|sample| {
        if !sample.is_text() {
            return Ok(());
        }
        let plain = records(&sample.bytes);
        for (name, piece_bytes, wrap) in [
            ("docker", 16 << 10, docker as Wrap),
            ("docker in pieces", 900, docker),
            ("cri", 16 << 10, cri),
            ("cri in pieces", 900, cri),
        ] {
            let (wrapped, lines) = wrapped(&sample.bytes, piece_bytes, wrap);
            let found = records(&wrapped);
            same_exceptions(&plain, &found).map_err(|diff| format!("in {name}: {diff}"))?;
            for (plain, found) in plain.iter().zip(&found) {
                let expected =
                    (lines[plain.source.first_line as usize - 1].0, lines[plain.source.last_line as usize - 1].1);
                let place = (found.source.first_line, found.source.last_line);
                if place != expected {
                    return Err(format!("in {name}: lines {place:?} instead of {expected:?}"));
                }
            }
        }
        Ok(())
    });
}

type Wrap = fn(&str, bool) -> String;

/// The sample inside a wrapper, and for each of its lines the first and the last line that hold it there.
fn wrapped(bytes: &[u8], piece_bytes: usize, wrap: Wrap) -> (Vec<u8>, Vec<(u64, u64)>) {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::new();
    let mut places = Vec::new();
    let mut at = 1;
    for line in text.split_inclusive('\n') {
        let mut rest = line.strip_suffix('\n').unwrap_or(line);
        let first = at;
        while rest.len() > piece_bytes {
            let cut = (0..=piece_bytes).rev().find(|at| rest.is_char_boundary(*at)).unwrap();
            out += &wrap(&rest[..cut], true);
            rest = &rest[cut..];
            at += 1;
        }
        out += &wrap(rest, false);
        places.push((first, at));
        at += 1;
    }
    (out.into_bytes(), places)
}

fn docker(text: &str, partial: bool) -> String {
    let log = serde_json::to_string(&format!("{text}{}", if partial { "" } else { "\n" })).unwrap();
    format!("{{\"log\":{log},\"stream\":\"stderr\",\"time\":\"2026-11-23T21:53:02.142257404Z\"}}\n")
}

fn cri(text: &str, partial: bool) -> String {
    format!("2026-11-23T21:53:02.142257404Z stderr {} {text}\n", if partial { 'P' } else { 'F' })
}

fn same_records(expected: &[Record], found: &[Record]) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let lines = |records: &[Record]| -> String {
        records.iter().map(|record| format!("{}\n", serde_json::json!([record, record.before]))).collect()
    };
    same(&lines(expected), &lines(found))
}

fn same_exceptions(expected: &[Record], found: &[Record]) -> Result<(), String> {
    let exceptions = |records: &[Record]| -> String {
        let line = |record: &Record| -> String {
            let facts: (_, _, _, &Vec<Exception>) = (record.platform, &record.format, record.level, &record.exceptions);
            format!("{}\n", serde_json::to_string(&facts).unwrap())
        };
        records.iter().map(line).collect()
    };
    same(&exceptions(expected), &exceptions(found))
}

/// Compares JSON lines; the difference is told line by line of their indented form.
fn same(expected: &str, found: &str) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let pretty = |lines: &str| -> Vec<String> {
        let value = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok();
        let indent = |line: &str| value(line).map_or(line.to_owned(), |value| format!("{value:#}"));
        lines.lines().flat_map(|line| indent(line).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
    };
    let (expected, found) = (pretty(expected), pretty(found));
    let head = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
    let most = expected.len().min(found.len()) - head;
    let tail = expected.iter().rev().zip(found.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let mut diff = format!("differs at line {} of the indented records (- expected, + found):\n", head + 1);
    for (sign, lines) in [
        (' ', &expected[head.saturating_sub(3)..head]),
        ('-', &expected[head..expected.len() - tail]),
        ('+', &found[head..found.len() - tail]),
    ] {
        for line in lines.iter().take(DIFF_LINES) {
            diff += &format!("  {sign} {line}\n");
        }
        if lines.len() > DIFF_LINES {
            diff += &format!("  {sign} … {} lines more\n", lines.len() - DIFF_LINES);
        }
    }
    Err(diff)
}
