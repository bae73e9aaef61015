//! A logger that nobody knows, described by its user: what each command makes of it.
//!
//! In: the real binary, a log in a made-up form, a configuration. Out: a failure where a field of the entry is not what the
//! log says, or where a wrong description is not shown with its place.

#![cfg(test)]

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const LOG: &str = "\
I 24.Nov.2026 10h15m00 <r-1> Shop.Api - up
E 24.Nov.2026 10h15m01 <r-2> Shop.Orders - u7 POST /orders 500: order failed
System.InvalidOperationException: no stock
2026-11-24 is no date of an entry here
   at Shop.Orders.Place(Order order) in /src/Orders.cs:line 12
   at Shop.Api.Post() in /src/Api.cs:line 5
I 24.Nov.2026 10h15m02 <r-3> Shop.Api - fine
F 24.Nov.2026 10h15m03 <r-4> Shop.Jobs - - - - -: job died
System.DivideByZeroException: Attempted to divide by zero.
   at Shop.Jobs.Run() in /src/Jobs.cs:line 9
   at Shop.Jobs.Main() in /src/Jobs.cs:line 3
I 24.Nov.2026 10h15m04 <r-5> Shop.Api - bye
";
const FORMAT: &str = r#"
[policy]
send_handled = true
[[format]]
name = "shop"
path = "*.log"
regex = '^(?<level>[A-Z]) (?<time>[\w.]+ \w+) <(?<request_id>[^>]*)> (?<logger>\S+) - ((?<user>\S+) (?<method>\S+) (?<url>\S+) (?<status>\S+): )?(?<message>.*)$'
time_format = "%d.%b.%Y %Hh%Mm%S"
"#;

fn prepare(config: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("errtail.toml"), config).unwrap();
    fs::write(folder.path().join("shop.log"), LOG).unwrap();
    folder
}

fn errtail(folder: &TempDir, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_errtail"));
    command.args(arguments).args(["--config", "errtail.toml"]).current_dir(folder.path());
    for name in ["SENTRY_DSN", "SENTRY_ENVIRONMENT", "SENTRY_RELEASE"] {
        command.env_remove(name);
    }
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn records(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn its_fields_are_the_entry_s() {
    let folder = prepare(FORMAT);
    let found = records(&errtail(&folder, &["parse", "shop.log", "--output", "jsonl"]));
    assert_eq!(found.len(), 2);
    let first = &found[0];
    assert_eq!((first["format"].as_str(), first["timestamp"].as_str()), (Some("shop"), Some("2026-11-24T10:15:01")));
    assert_eq!((first["level"].as_str(), first["logger"].as_str()), (Some("error"), Some("Shop.Orders")));
    assert_eq!(first["message"], "order failed");
    assert_eq!(first["user"]["id"], "u7");
    assert_eq!(first["request"], serde_json::json!({"method": "POST", "url": "/orders", "status": 500}));
    assert_eq!(first["fields"][0], serde_json::json!(["request_id", "r-2"]));
    assert_eq!((first["source"]["first_line"].as_u64(), first["source"]["last_line"].as_u64()), (Some(2), Some(6)));
    assert_eq!(first["exceptions"][0]["frames"].as_array().unwrap().len(), 2);
    let second = &found[1];
    assert_eq!((second["level"].as_str(), second["message"].as_str()), (Some("fatal"), Some("job died")));
    assert_eq!((second["user"].as_null(), second["request"].as_null()), (Some(()), Some(())), "a dash is nothing");
    // Without the description, the same exceptions are found, but not what the entry says.
    fs::write(folder.path().join("errtail.toml"), "").unwrap();
    let plain = records(&errtail(&folder, &["parse", "shop.log", "--output", "jsonl"]));
    assert_eq!(plain.len(), 2);
    assert_ne!(plain[0]["timestamp"], "2026-11-24T10:15:01");
    // Nor in a file that it does not hold for.
    fs::write(folder.path().join("errtail.toml"), FORMAT.replace("*.log", "*.txt")).unwrap();
    assert_eq!(records(&errtail(&folder, &["parse", "shop.log", "--output", "jsonl"])), plain);
}

#[test]
fn run_explain_and_test_use_it() {
    let folder = prepare(FORMAT);
    let done = errtail(&folder, &["run", "--once", "--state-dir", "state", "shop.log"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let issues = errtail(&folder, &["issues", "--state-dir", "state", "--output", "json"]);
    let issues: Value = serde_json::from_slice(&issues.stdout).unwrap();
    let row = |kind: &str| issues.as_array().unwrap().iter().find(|row| row["type"] == kind).unwrap().clone();
    let row = (row("System.InvalidOperationException"), row("System.DivideByZeroException"));
    assert_eq!((row.0["users"].as_u64(), row.0["level"].as_str()), (Some(1), Some("error")));
    assert_eq!((row.1["users"].as_u64(), row.1["level"].as_str()), (Some(0), Some("fatal")));
    assert_eq!(row.0["first_seen"], "2026-11-24T10:15:01.000Z");
    let told = text(&errtail(&folder, &["explain", "shop.log:4"]).stdout);
    assert!(told.contains("logged as: order failed") && !told.contains("job died"), "{told}");
    assert!(errtail(&folder, &["test", "--update", "."]).status.success());
    assert!(errtail(&folder, &["test", "."]).status.success());
    fs::write(folder.path().join("errtail.toml"), "").unwrap();
    assert_eq!(errtail(&folder, &["test", "."]).status.code(), Some(1));
}

#[test]
fn check_says_how_much_of_the_logs_it_matches() {
    let folder = prepare(FORMAT);
    let output = errtail(&folder, &["check", "shop.log"]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(said.contains("format shop: 1 files; 5 of their first 12 lines begin an entry"), "{said}");
    for (from, to, complaint) in [
        ("*.log", "*.txt", "format shop: its `path` matches none of the files that are read"),
        (" <(", " <<(", "format shop: its `regex` matches no line at the beginning of its files"),
    ] {
        fs::write(folder.path().join("errtail.toml"), FORMAT.replace(from, to)).unwrap();
        let output = errtail(&folder, &["check", "shop.log"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(complaint), "{}", text(&output.stderr));
    }
}

#[test]
fn mistakes_are_shown_with_their_place() {
    let folder = prepare("");
    for (config, complaint) in [
        (
            "[[format]]\nregex = '^(?<time>\\S+ (?<level>\\w+'\n",
            "errtail: errtail.toml:2:23: format 1: regex: unclosed group: `^(?<time>\\S+ ▶(◀?<level>\\w+`",
        ),
        (
            "[[format]]\nname = \"shop\"\nregex = '^(?<tim>\\S+)'\n",
            "errtail: errtail.toml:3:14: shop: regex: `tim` is no field of an entry; these are: time,",
        ),
        ("[[format]]\nregex = '^\\S+'\n", "errtail: errtail.toml:2:10: format 1: regex: no group has a name"),
        ("[[format]]\nregex = '(?<time>\\S+)\\n'\n", "errtail: errtail.toml:2:10: format 1: regex: can never match"),
        (
            "[[format]]\nregex = '(?<time>x)'\ntime_format = '%H'\n",
            "errtail: errtail.toml:3:16: format 1: time_format: gives no date",
        ),
        ("[[format]]\nregex = '(?<time>x)'\npath = '[a'\n", "errtail: errtail.toml:3:8: format 1: path: "),
        ("[[format]]\npath = '*'\n", "errtail: errtail.toml:1:1: missing field `regex`"),
        (
            "[[format]]\nregexp = 'x'\n",
            "errtail: errtail.toml:2:1: unknown field `regexp`: `regexp`; did you mean `regex`?",
        ),
    ] {
        fs::write(folder.path().join("errtail.toml"), config).unwrap();
        for command in ["parse", "run", "check", "explain", "test"] {
            let output = errtail(&folder, &[command, if command == "test" { "." } else { "shop.log" }]);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{command}: {said}");
            assert!(said.starts_with(complaint) && said.lines().count() == 1, "{command}: {said}");
        }
    }
}
