//! The target `lines` with the samples of .NET alone: so its grammar is reached by nearly each line.
//!
//! `cargo +nightly fuzz run dotnet`, in `parsers/`. What is found is kept as `lines` says.

#![no_main]

use std::sync::LazyLock;

use errtail_parsers_fuzz::Lines;
use libfuzzer_sys::fuzz_target;

static LINES: LazyLock<Lines> = LazyLock::new(|| Lines::of("dotnet"));

fuzz_target!(|input: &[u8]| LINES.check(input));
