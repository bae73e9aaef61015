//! Input without end costs no memory. Alone in its program: the largest size is the whole process's.

#![cfg(test)]

use errtail_parsers::{Options, Parser};

const CHUNK_BYTES: usize = 256 * 1024;

/// The largest resident size so far, in KiB, where the system tells.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[test]
fn input_without_end_costs_no_memory() {
    let calls = (0..4000).map(|call| format!("   at Shop.Tree.Walk{call}(Node node) in /src/Tree.cs:line 9\n"));
    let title = "Unhandled exception. System.InvalidOperationException: too deep\n".to_owned();
    let trace = calls.fold(title, |text, call| text + &call).into_bytes();
    let docker = br#"{"log":"0123456789abcdef","stream":"stdout","time":"2026-11-23T21:53:02Z"}"#;
    let docker = [docker.as_slice(), b"\n"].concat().repeat(3000);
    let cases: [(&str, Vec<u8>, usize); 6] = [
        ("a line", b"x".repeat(CHUNK_BYTES), 400),
        ("a hole", vec![0; CHUNK_BYTES], 400),
        ("a trace", trace, 16),
        ("a line in pieces", docker, 64),
        ("a line of JSON", br#"{"level":"error","stack":"#.repeat(10_000), 40),
        ("empty lines", b"\n".repeat(CHUNK_BYTES), 40),
    ];
    let before = peak_kib();
    for (name, chunk, times) in cases {
        let mut parser = Parser::new(Options::default());
        for _ in 0..times {
            parser.push(&chunk);
            drop(parser.take());
        }
        parser.finish();
        if let (Some(before), Some(after)) = (before, peak_kib()) {
            assert!(after < before + 48 * 1024, "{name}: {before} KiB became {after} KiB");
        }
    }
}
