//! What no log may do: input without lines, without end, or without sense must cost neither memory nor records.

#![cfg(test)]

use errtail_parsers::{Options, Parser, Record};

const CHUNK_BYTES: usize = 256 * 1024;

fn parse(options: Options, bytes: &[u8]) -> Vec<Record> {
    let mut parser = Parser::new(options);
    bytes.chunks(CHUNK_BYTES).for_each(|chunk| parser.push(chunk));
    parser.finish();
    parser.take()
}

/// A trace of .NET with many calls.
fn long_trace(calls: usize) -> String {
    let mut text = "Unhandled exception. System.InvalidOperationException: too deep\n".to_owned();
    for call in 0..calls {
        text += &format!("   at Shop.Tree.Walk{call}(Node node) in /src/Tree.cs:line 9\n");
    }
    text
}

#[test]
fn a_record_above_the_limit_keeps_head_and_tail() {
    let text = format!("INFO before\n{}INFO after\n", long_trace(5000));
    let options = Options { max_record_bytes: 32 * 1024, ..Options::default() };
    let found = parse(options.clone(), text.as_bytes());
    assert_eq!(found.len(), 1);
    let frames = &found[0].exceptions[0].frames;
    let name = |at: usize| frames[at].function.as_deref().unwrap_or("").to_owned();
    assert!(name(0).contains("Walk0") && name(frames.len() - 1).contains("Walk4999"), "{} frames", frames.len());
    assert!(found[0].bytes_cut > 0 && frames.len() < 1000);
    assert_eq!((found[0].source.first_line, found[0].source.last_line), (2, 5002));
    assert_eq!(found[0].source.length as usize, text.len() - "INFO before\nINFO after\n".len());
    for size in [1000, 4097, 65_536] {
        let mut parser = Parser::new(options.clone());
        text.as_bytes().chunks(size).for_each(|chunk| parser.push(chunk));
        parser.finish();
        assert_eq!(parser.take(), found, "pieces of {size}");
    }
}

#[test]
fn a_message_above_the_limit_loses_its_middle() {
    let message = "x".repeat(200_000);
    let text = format!("Unhandled exception. System.Exception: begin {message} end\n   at A.B.C()\n");
    let options = Options { max_record_bytes: 64 * 1024, ..Options::default() };
    let found = parse(options, text.as_bytes());
    assert_eq!(found.len(), 1);
    let message = &found[0].exceptions[0].message;
    assert!(message.starts_with("begin ") && message.ends_with(" end") && message.len() < 66_000, "{}", message.len());
    assert!(found[0].bytes_cut > 100_000);
    assert_eq!(found[0].source.length as usize, text.len());
}

#[test]
fn a_hole_before_an_entry_hides_nothing() {
    let entry = long_trace(2);
    let mut bytes = vec![0; 100_000];
    bytes.extend_from_slice(entry.as_bytes());
    let found = parse(Options::default(), &bytes);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].exceptions[0].kind, "System.InvalidOperationException");
    assert_eq!(found[0].exceptions[0].frames.len(), 2);
}

#[test]
fn noise_is_no_record() {
    let mut state = 1u64;
    let bytes: Vec<u8> = (0..4 << 20)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect();
    assert_eq!(parse(Options::default(), &bytes), []);
    assert_eq!(parse(Options::default(), b""), []);
}

#[test]
fn more_programs_than_are_kept_apart_lose_nothing() {
    let mut text = String::new();
    let programs = 600;
    for program in 0..programs {
        for line in long_trace(2).lines() {
            text += &format!("[pod/api-{program}/api] {line}\n");
        }
    }
    let found = parse(Options::default(), text.as_bytes());
    assert_eq!(found.len(), programs);
    for (index, record) in found.iter().enumerate() {
        assert_eq!(record.source.first_line, 3 * index as u64 + 1);
        assert_eq!(record.origin[0], ("pod".to_owned(), format!("api-{index}")));
    }
}

#[test]
fn interleaved_writers_come_out_whole_and_in_order() {
    let mut text = String::new();
    let traces: Vec<String> = (0..3).map(|writer| long_trace(20 + writer)).collect();
    let mut lines: Vec<_> = traces.iter().map(|trace| trace.lines()).collect();
    loop {
        let mut written = false;
        for (writer, lines) in lines.iter_mut().enumerate() {
            if let Some(line) = lines.next() {
                text += &format!("app-{writer}  | {line}\n");
                written = true;
            }
        }
        if !written {
            break;
        }
    }
    let found = parse(Options::default(), text.as_bytes());
    let frames: Vec<usize> = found.iter().map(|record| record.exceptions[0].frames.len()).collect();
    assert_eq!(frames, [20, 21, 22]);
}

#[test]
fn idle_tells_what_waits() {
    let text = format!("[pod/a/x] INFO up\n{}", long_trace(3).replace('\n', "\n[pod/b/x] "));
    let text = text.replace("[pod/a/x] INFO up\n", "[pod/a/x] INFO up\n[pod/b/x] ");
    let mut parser = Parser::new(Options::default());
    parser.push(text.as_bytes());
    parser.idle();
    assert_eq!(parser.take(), [], "a line has begun that has no end");
    assert!(parser.is_open());
    parser.push(b"\n");
    parser.idle();
    let found = parser.take();
    assert_eq!(found.len(), 1);
    assert!(!parser.is_open());
    assert!(parser.checkpoint().0 >= found[0].source.offset + found[0].source.length);
}

/// How many records are found, and how many times the bytes are looked at, in parts of the input.
#[test]
fn chains_and_calls_without_end_cost_what_they_weigh() {
    let cases = [
        ("causes", "A.BException: x".to_owned() + &"\n ---> A.BException: y".repeat(200_000) + "\n   at A.B()\n"),
        (
            "causes on a line",
            "A.BException: x".to_owned() + &" ---> A.BException: y".repeat(200_000) + "\n   at A.B()\n",
        ),
        ("calls", "A.BException: x\n".to_owned() + &"   at A.B()\n".repeat(1_000_000)),
        ("calls on a line", "A.BException: x".to_owned() + &"   at A.B()".repeat(200_000) + "\n"),
        (
            "members",
            "System.AggregateException: x\n".to_owned()
                + &" ---> (Inner Exception #1) A.B: c\n   at A.B()<---\n".repeat(100_000),
        ),
        ("open parentheses", "A.BException: x\n".to_owned() + &format!("   at A.B{}\n", "(".repeat(2000)).repeat(400)),
        ("open brackets", "A.BException: x\n   at ".to_owned() + &"A<B[".repeat(100_000) + "(C c)\n   at A.B()\n"),
        ("labels", "Type: A\nMessage: b\n".repeat(100_000) + "StackTrace:\n   at A.B()\n"),
        ("brackets of a page", "[A.BException: x\n".repeat(100_000) + "   A.B() +1\nunhandled \n"),
        ("an event of the log", "Event code: 3005\nunhandled \n".repeat(60_000)),
        ("nested JSON", r#"{"Exception":{"Type":"A","InnerException":"#.repeat(100_000) + "\n   at A.B()\n"),
    ];
    let budget = std::time::Instant::now();
    for (name, text) in cases {
        let found = parse(Options::default(), text.as_bytes());
        let kept: usize =
            found.iter().flat_map(|record| &record.exceptions).map(|exception| exception.frames.capacity()).sum();
        assert!(found.len() < 2000 && kept < 600_000, "{name}: {} records, {kept} frames", found.len());
        eprintln!("{name} {:?}", budget.elapsed());
    }
}
