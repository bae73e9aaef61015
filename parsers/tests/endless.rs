//! Node's logs that go on and on: an entry above the limit keeps its error, and work is linear in the bytes.

#![cfg(test)]

use errtail_parsers::{Level, Options, Parser, Record};

fn parse(options: Options, bytes: &[u8]) -> Vec<Record> {
    let mut parser = Parser::new(options);
    bytes.chunks(256 * 1024).for_each(|chunk| parser.push(chunk));
    parser.finish();
    parser.take()
}

#[test]
fn an_entry_of_json_above_the_limit_keeps_its_error() {
    let blob = "y,\\\"z\\\":1,".repeat(20_000);
    let err =
        r#""err":{"type":"TypeError","message":"no cart","stack":"TypeError: no cart\n    at pay (/srv/pay.js:3:7)"}"#;
    let entries = [
        format!(r#"{{"level":50,"time":1767607872131,{err},"body":"{blob}","msg":"failed"}}"#),
        format!(r#"{{"level":50,"time":1767607872131,"body":"{blob}",{err},"msg":"failed"}}"#),
        format!(
            r#"{{"level":50,"time":1767607872131,"body":{{"rows":[{}0]}},{err},"msg":"failed"}}"#,
            "[1,2],".repeat(40_000)
        ),
    ];
    for entry in entries {
        let text = format!("ready\n{entry}\nnext\n");
        let options = Options { max_record_bytes: 64 * 1024, ..Options::default() };
        let found = parse(options.clone(), text.as_bytes());
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].exceptions[0].kind.as_str(), found[0].exceptions[0].frames.len()), ("TypeError", 1));
        assert_eq!((found[0].level, found[0].message.as_deref()), (Some(Level::Error), Some("failed")));
        assert_eq!(found[0].timestamp.as_deref(), Some("2026-01-05T10:11:12.131Z"));
        assert!(found[0].bytes_cut > 100_000);
        assert_eq!(found[0].source.length as usize, entry.len() + 1);
        for size in [1000, 4097, 65_536] {
            let mut parser = Parser::new(options.clone());
            text.as_bytes().chunks(size).for_each(|chunk| parser.push(chunk));
            parser.finish();
            assert_eq!(parser.take(), found, "pieces of {size}");
        }
    }
}

/// Were the work on one of these not linear in its bytes, this would not end.
#[test]
fn what_goes_on_and_on_in_node_s_logs_ends() {
    let nested = |depth: usize| {
        let level = |depth: usize| {
            format!("{}[cause]: Error: {depth}\n      at f (/srv/a.js:1:2) {{\n", " ".repeat(2 + depth % 40))
        };
        let causes: String = (0..depth).map(level).collect();
        format!("Error: top\n    at f (/srv/a.js:1:2) {{\n{causes}")
    };
    let cases = [
        ("calls", 1, format!("Error: x\n{}", "    at f (/srv/a.js:1:2)\n".repeat(500_000))),
        ("calls of nobody", 0, "    at \n".repeat(500_000)),
        ("causes", 1, nested(50_000)),
        ("objects", 1, format!("Error: x\n    at f (/srv/a.js:1:2) {{\n{}", "  a: {\n".repeat(200_000))),
        ("brackets", 1, format!("Error: x\n    at f (/srv/a.js:1:2) {{\n  a: {}\n}}\n", "[[".repeat(400_000))),
        ("a line of JSON", 0, format!("{{\"stack\":{}\n", "{\"a\":".repeat(400_000))),
        ("texts", 0, format!("failed {{\"stack\": \"{}\n", "\\n    at ".repeat(400_000))),
        ("marks", 1, format!("x{}/a.js:1:2\n", "@".repeat(1_000_000))),
        ("types", 1, format!("{}\n    at f (/srv/a.js:1:2)\n", "Error [".repeat(150_000))),
        ("heads", 1, format!("{}    at f (/srv/a.js:1:2)\n", "Error: y\n".repeat(300_000))),
        ("copies", 50_000, "Error: boom\n    at f (/srv/a.js:1:2)\n".repeat(50_000)),
    ];
    for (name, records, text) in cases {
        assert_eq!(parse(Options::default(), text.as_bytes()).len(), records, "{name}");
    }
}
