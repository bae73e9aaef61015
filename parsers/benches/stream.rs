//! The parser on logs as busy services write them, and the scanner alone on the one without exceptions.
//!
//! `cargo bench -p errtail-parsers`; each line is the time for 16 MiB and what that is a second.
//! `WORKLOAD=dir cargo bench -p errtail-parsers` writes the logs there instead, for other programs to read.

mod workload;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use errtail_parsers::{Options, Parser};
use workload::{LOGS, Log};

const LOG_BYTES: usize = 16 << 20;
/// As `errtail parse` reads.
const CHUNK_BYTES: usize = 256 * 1024;

fn main() {
    match std::env::var_os("WORKLOAD") {
        None => divan::main(),
        Some(folder) => {
            let bytes = std::env::var("WORKLOAD_BYTES").ok().and_then(|bytes| bytes.parse().ok()).unwrap_or(LOG_BYTES);
            for kind in LOGS {
                let path = std::path::Path::new(&folder).join(format!("{kind:?}.log").to_lowercase());
                if let Err(error) = std::fs::write(&path, workload::log(kind, bytes)) {
                    eprintln!("{}: {error}", path.display());
                }
            }
        }
    }
}

#[divan::bench(args = LOGS, sample_count = 10, sample_size = 1)]
fn parse(bencher: Bencher<'_, '_>, kind: &Log) {
    let log = workload::log(*kind, LOG_BYTES);
    bencher.counter(BytesCount::of_slice(&log)).bench_local(|| {
        let mut parser = Parser::new(Options::default());
        let mut found = 0;
        for chunk in log.chunks(CHUNK_BYTES) {
            parser.push(black_box(chunk));
            found += parser.take().len();
        }
        parser.finish();
        found + parser.take().len()
    });
}

/// What nothing can be faster than: the line breaks counted.
#[divan::bench(args = [Log::Quiet, Log::Cri], sample_count = 10, sample_size = 1)]
fn count_lines(bencher: Bencher<'_, '_>, kind: &Log) {
    let log = workload::log(*kind, LOG_BYTES);
    bencher.counter(BytesCount::of_slice(&log)).bench_local(|| {
        log.chunks(CHUNK_BYTES).map(|chunk| memchr::memchr_iter(b'\n', black_box(chunk)).count()).sum::<usize>()
    });
}
