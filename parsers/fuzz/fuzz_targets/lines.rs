//! Lines of the samples in any order, cut anywhere, in any pieces: what no writer would write, but interleaving might.
//!
//! `cargo +nightly fuzz run lines`, in `parsers/`. Reaches deeper into the grammars than bytes at random do; what it
//! finds is written out as bytes, so that it can go to `fuzz/corpus/push`: set ERRTAIL_FUZZ_OUT to a file's name.

#![no_main]

use std::sync::LazyLock;

use errtail_parsers_fuzz::Lines;
use libfuzzer_sys::fuzz_target;

static LINES: LazyLock<Lines> = LazyLock::new(|| Lines::of(""));

fuzz_target!(|input: &[u8]| LINES.check(input));
