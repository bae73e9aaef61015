//! Any bytes, in any pieces, through every language: no panic, and the pieces change nothing.
//!
//! `cargo +nightly fuzz run push`, in `parsers/`. What it finds goes to `fuzz/corpus/push`, which the tests replay.

#![no_main]

use errtail_parsers_fuzz::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // The first byte is the size of the pieces.
    let Some((size, bytes)) = input.split_first() else { return };
    check(*size, bytes);
});
