//! What the fuzz targets share: the invariants, and lines of the samples to make logs of.
//!
//! In: the fuzzer's bytes. Out: a panic where an invariant does not hold. Invariants checked: the pieces in which bytes
//! come change no record; records lie within the bytes, in the order of their beginnings. Does not judge what was found.

use std::path::Path;

use errtail_parsers::{Options, Parser, Record};

/// Lines as they stand in the samples, each with its line break.
pub struct Lines(Vec<Vec<u8>>);

impl Lines {
    /// The lines of `samples/<language>`; of all languages where none is named.
    pub fn of(language: &str) -> Lines {
        let mut lines = Vec::new();
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples").join(language), &mut lines);
        lines.sort_unstable();
        lines.dedup();
        Lines(lines)
    }

    /// Checks the log that `input` describes: the size of the pieces, then three bytes a line: which one, and where it
    /// is cut (128 to 255), or whether it goes on as the line before it does (64 to 127).
    pub fn check(&self, input: &[u8]) {
        let Some((size, picks)) = input.split_first() else { return };
        let mut bytes = Vec::new();
        let mut before: &[u8] = b"\n";
        for pick in picks.chunks_exact(3) {
            let line = &self.0[usize::from(u16::from_le_bytes([pick[0], pick[1]])) % self.0.len()];
            let (kept, end) = match pick[2] {
                0..64 => (line.len(), &[] as &[u8]),
                64..128 => {
                    let at = usize::from(pick[2] - 64);
                    (at.min(line.len()), before.get(at..).unwrap_or(b"\n"))
                }
                128.. => (usize::from(pick[2] - 128).min(line.len()), &[] as &[u8]),
            };
            bytes.extend_from_slice(&line[..kept]);
            bytes.extend_from_slice(end);
            before = line;
        }
        // What is found goes to `corpus/push` as the bytes that it stands for.
        if let Ok(out) = std::env::var("ERRTAIL_FUZZ_OUT") {
            let _ = std::fs::write(out, [&[*size], bytes.as_slice()].concat());
        }
        check(*size, &bytes);
    }
}

/// Checks the invariants on `bytes`, which come in pieces of `size`.
pub fn check(size: u8, bytes: &[u8]) {
    let whole = parse(bytes, bytes.len().max(1));
    assert_eq!(whole, parse(bytes, usize::from(size).max(1)));
    // Records of two programs may overlap.
    let mut start = 0;
    for Record { source, .. } in &whole {
        let end = source.offset + source.length;
        let is_within = source.offset >= start && end <= bytes.len() as u64 && source.first_line <= source.last_line;
        assert!(is_within, "{source:?} after {start}, of {}", bytes.len());
        start = source.offset;
    }
}

fn parse(bytes: &[u8], size: usize) -> Vec<Record> {
    let mut parser = Parser::new(Options { max_record_bytes: 4096, ..Options::default() });
    bytes.chunks(size).for_each(|piece| parser.push(piece));
    parser.finish();
    parser.take()
}

fn collect(folder: &Path, lines: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, lines);
        } else if path.extension().is_some_and(|end| end == "log") {
            let bytes = std::fs::read(path).unwrap_or_default();
            lines.extend(bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
        }
    }
}
