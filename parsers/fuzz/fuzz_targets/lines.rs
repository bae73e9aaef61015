//! Lines of the samples in any order, cut anywhere, in any pieces: what no writer would write, but interleaving might.
//!
//! `cargo +nightly fuzz run lines`, in `parsers/`. Reaches deeper into the grammars than bytes at random do; what it
//! finds is written out as bytes, so that it can go to `fuzz/corpus/push`: set ERRTAIL_FUZZ_OUT to a file's name.

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use errtail_parsers::{Options, Parser, Record};
use libfuzzer_sys::fuzz_target;

static LINES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut lines = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples"), &mut lines);
    lines.sort_unstable();
    lines.dedup();
    lines
});

fuzz_target!(|input: &[u8]| {
    let Some((size, picks)) = input.split_first() else { return };
    let mut bytes = Vec::new();
    for pick in picks.chunks_exact(3) {
        let line = &LINES[usize::from(u16::from_le_bytes([pick[0], pick[1]])) % LINES.len()];
        // A third byte above 127 cuts the line there.
        let end = if pick[2] < 128 { line.len() } else { usize::from(pick[2] - 128).min(line.len()) };
        bytes.extend_from_slice(&line[..end]);
    }
    if let Ok(out) = std::env::var("ERRTAIL_FUZZ_OUT") {
        let _ = std::fs::write(out, [&[*size], bytes.as_slice()].concat());
    }
    assert_eq!(parse(&bytes, bytes.len().max(1)), parse(&bytes, usize::from(*size).max(1)));
});

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

fn parse(bytes: &[u8], size: usize) -> Vec<Record> {
    let mut parser = Parser::new(Options { max_record_bytes: 4096, ..Options::default() });
    bytes.chunks(size).for_each(|piece| parser.push(piece));
    parser.finish();
    parser.take()
}
