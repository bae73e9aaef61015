//! Any bytes, in any pieces, through every language: no panic, and the pieces change nothing.
//!
//! `cargo +nightly fuzz run push`, in `parsers/`. What it finds goes to `fuzz/corpus/push`, which the tests replay.

#![no_main]

use errtail_parsers::{Options, Parser, Record};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // The first byte is the size of the pieces.
    let Some((size, bytes)) = input.split_first() else { return };
    assert_eq!(parse(bytes, bytes.len().max(1)), parse(bytes, usize::from(*size).max(1)));
});

fn parse(bytes: &[u8], size: usize) -> Vec<Record> {
    let mut parser = Parser::new(Options { max_record_bytes: 4096, ..Options::default() });
    bytes.chunks(size).for_each(|piece| parser.push(piece));
    parser.finish();
    parser.take()
}
