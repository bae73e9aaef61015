//! Logs mixed of samples, and what fuzzing found, in any pieces.
//!
//! In: `samples/*/*.log`, `fuzz/corpus/push/*`. Invariant: the pieces in which bytes come change no record.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

use errtail_parsers::{Options, Parser, Record};
use proptest::prelude::*;

/// A larger sample makes a slow mix, and no other one.
const MAX_SAMPLE_BYTES: usize = 8 * 1024;

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn samples() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let logs = files(&root).into_iter().flat_map(|folder| files(&folder));
    let logs = logs.filter(|path| path.extension().is_some_and(|end| end == "log"));
    logs.map(|path| fs::read(path).unwrap()).filter(|bytes| bytes.len() <= MAX_SAMPLE_BYTES).collect()
}

fn parse<'a>(options: &Options, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Record> {
    let mut parser = Parser::new(options.clone());
    pieces.into_iter().for_each(|piece| parser.push(piece));
    parser.finish();
    parser.take()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mixes_in_any_pieces(
        choice in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
        mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        limit in prop::sample::select(vec![2048, 16 * 1024, 1 << 20]),
    ) {
        let samples = samples();
        let bytes: Vec<u8> = choice.iter().flat_map(|index| index.get(&samples).clone()).collect();
        let options = Options { max_record_bytes: limit, ..Options::default() };
        let whole = parse(&options, [bytes.as_slice()]);
        let mut places: Vec<usize> = cuts.drain(..).map(|cut| cut.index(bytes.len() + 1)).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let pieces = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        let found = parse(&options, pieces);
        let first = found.iter().zip(&whole).find(|(found, whole)| found != whole);
        prop_assert!(found == whole, "{first:#?}");
    }
}

#[test]
fn what_fuzzing_found() {
    let options = Options { max_record_bytes: 4096, ..Options::default() };
    for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/push")) {
        let input = fs::read(&path).unwrap();
        let (size, bytes) = input.split_first().unwrap();
        let whole = parse(&options, [bytes]);
        for size in [usize::from(*size).max(1), 1, 2, 3, 64] {
            assert_eq!(parse(&options, bytes.chunks(size)), whole, "{} in pieces of {size}", path.display());
        }
    }
}

/// A writer may wait anywhere: behind a header, behind the exception's own line, within its frames.
#[test]
fn a_pause_anywhere_loses_no_exception() {
    let options = Options::default();
    for sample in samples() {
        let whole = parse(&options, [sample.as_slice()]).len();
        for cut in memchr::memchr_iter(b'\n', &sample) {
            let (before, after) = sample.split_at(cut + 1);
            let mut parser = Parser::new(options.clone());
            parser.push(before);
            parser.idle();
            parser.push(after);
            parser.finish();
            let found = parser.take().len();
            let last = String::from_utf8_lossy(before).lines().next_back().map(str::to_owned);
            assert!(found >= whole, "{found} of {whole} where nothing came behind {last:?}");
        }
    }
}

#[test]
fn the_rest_of_a_record_that_was_told_is_no_record() {
    let (record, rest) = (
        "2026-11-25 09:00:00 fail: Shop.Orders[0] no order\nSystem.InvalidOperationException: no order\n   at Shop.Orders.Place()\n",
        "   at Shop.Orders.All()\n   at Shop.Web.Get()\n   at Shop.Program.Main()\n",
    );
    let mut parser = Parser::new(Options::default());
    parser.push(record.as_bytes());
    parser.idle();
    assert_eq!(parser.take().len(), 1);
    let (offset, line) = parser.checkpoint();
    parser.push(rest.as_bytes());
    parser.finish();
    assert_eq!(parser.take(), []);
    let mut parser = Parser::resume(Options::default(), offset, line);
    parser.push(rest.as_bytes());
    parser.finish();
    assert_eq!(parser.take(), []);
    let alone = parse(&Options::default(), [rest.as_bytes()]);
    assert_eq!(alone.len(), 1, "a log may begin within a trace");
}
