//! The board in the terminal, as people use it: listing, showing, resolving, ignoring; and one look at the agent.
//!
//! In: the real binary, a log of a small shop. Out: a failure where a number, an order or a state is not what was promised.

#![cfg(test)]

use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Command, Output};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;

struct Shop {
    folder: TempDir,
}

/// An entry of Laravel's log, so many hours old.
fn entry(hours: f64, kind: &str, message: &str, file: &str, user: u32) -> String {
    let age = SignedDuration::from_secs_f64(hours * 3600.0);
    let time = (Timestamp::now() - age).strftime("%Y-%m-%d %H:%M:%S");
    let user = if user == 0 { String::new() } else { format!("\"userId\":{user},") };
    format!(
        "[{time}] production.ERROR: {message} {{{user}\"exception\":\"[object] ({kind}(code: 0): {message} at /srv/shop/app/{file}.php:7)\n\
         [stacktrace]\n#0 /srv/shop/app/Kernel.php(9): App\\\\{file}->run()\n#1 {{main}}\n\"}} \n"
    )
}

impl Shop {
    fn new() -> Shop {
        Shop { folder: tempfile::tempdir().unwrap() }
    }

    fn log(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn errtail(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_errtail"));
        command.args(arguments).args(["--state-dir", "state"]).current_dir(self.folder.path());
        for name in ["SENTRY_DSN", "SENTRY_ENVIRONMENT", "SENTRY_RELEASE"] {
            command.env_remove(name);
        }
        command.output().unwrap()
    }

    fn read(&self) -> String {
        let output = self.errtail(&["run", "--once", "shop.log", "jobs.log"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    fn issues(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.errtail(&[&["issues", "--output", "json"], arguments].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The types of the issues, in their order, without their namespaces.
    fn kinds(&self, arguments: &[&str]) -> String {
        let rows = self.issues(arguments);
        let kinds = rows.iter().map(|row| row["type"].as_str().unwrap().rsplit('\\').next().unwrap().to_owned());
        kinds.collect::<Vec<_>>().join(" ")
    }

    fn id(&self, kind: &str) -> String {
        let rows = self.issues(&[]);
        let row = rows.iter().find(|row| row["type"].as_str().unwrap().ends_with(kind)).unwrap();
        row["id"].as_str().unwrap().to_owned()
    }

    /// An issue's state, events, and what it says of a command.
    fn state(&self, kind: &str) -> (String, u64) {
        let id = self.id(kind);
        let rows = self.issues(&[]);
        let row = rows.iter().find(|row| row["id"] == id.as_str()).unwrap();
        (row["state"].as_str().unwrap().to_owned(), row["events"].as_u64().unwrap())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Four failures, of which each leads by another measure.
fn shop() -> Shop {
    let shop = Shop::new();
    let mut log = String::new();
    for number in 0..9 {
        log += &entry(40.0 - f64::from(number) / 10.0, "TypeError", "no stock", "Stock", 1);
    }
    for number in 0..5 {
        log += &entry(20.0 + f64::from(number) / 10.0, "DivisionByZeroError", "Division by zero", "Cart", 10 + number);
    }
    shop.log("shop.log", &log);
    let sql = "SQLSTATE[HY000] [2002] Connection refused";
    let mut log = String::new();
    for number in 0..8 {
        log += &entry(30.0 - f64::from(number) * 3.5, "Illuminate\\\\Database\\\\QueryException", sql, "Ledger", 0);
    }
    log += &entry(0.1, "ErrorException", "Undefined array key 3", "Voucher", 7);
    shop.log("jobs.log", &log);
    shop.read();
    shop
}

#[test]
fn issues_are_sorted_and_filtered() {
    let shop = shop();
    for (sort, first) in [
        ("events", "TypeError QueryException DivisionByZeroError ErrorException"),
        ("users", "DivisionByZeroError ErrorException TypeError QueryException"),
        ("frequency", "QueryException DivisionByZeroError ErrorException TypeError"),
        ("last-seen", "ErrorException QueryException DivisionByZeroError TypeError"),
        ("first-seen", "ErrorException DivisionByZeroError QueryException TypeError"),
        ("oldest", "TypeError QueryException DivisionByZeroError ErrorException"),
    ] {
        let found = shop.kinds(&["--sort", sort]);
        // Of equals the newer issue comes first.
        let (found, first) = if sort == "users" { (&found[..19], &first[..19]) } else { (found.as_str(), first) };
        assert_eq!(found, first, "{sort}");
    }
    for (arguments, expected) in [
        (&["--category", "infra"][..], "QueryException"),
        (&["--file", "shop.log", "--sort", "events"], "TypeError DivisionByZeroError"),
        (&["--text", "ARRAY KEY"], "ErrorException"),
        (&["--text", "app\\cart"], "DivisionByZeroError"),
        (&["--state", "resolved"], ""),
        (&["--sort", "events", "--limit", "2"], "TypeError QueryException"),
        (&["--category", "defect", "--file", "jobs"], "ErrorException"),
    ] {
        assert_eq!(shop.kinds(arguments), expected, "{arguments:?}");
    }
    let row = &shop.issues(&["--text", "DivisionByZero"])[0];
    let keys: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
    let promised = [
        "id",
        "fingerprint",
        "state",
        "platform",
        "category",
        "type",
        "message",
        "culprit",
        "events",
        "users",
        "first_seen",
        "last_seen",
        "sent",
        "level",
    ];
    assert_eq!(keys, promised);
    assert_eq!((row["events"].as_u64(), row["users"].as_u64(), row["sent"].as_u64()), (Some(5), Some(5), Some(0)));
    assert_eq!((row["platform"].as_str(), row["level"].as_str()), (Some("php"), Some("error")));
}

#[test]
fn the_table_tells_the_last_day_at_a_glance() {
    let shop = shop();
    let table = text(&shop.errtail(&["issues", "--sort", "frequency"]).stdout);
    let line = table.lines().find(|line| line.contains("QueryException")).unwrap();
    let bars = line.chars().filter(|c| "·▁▂▃▄▅▆▇█".contains(*c)).count();
    assert_eq!(bars, 24, "{line}");
    assert!(line.contains("infra") && line.contains("unresolved") && line.contains(" h ago"), "{line}");
    assert!(table.lines().next().unwrap().contains("last 24 hours"), "{table}");
    assert!(!table.contains('\u{1b}'), "no colours where there is no terminal");
}

#[test]
fn an_issue_is_shown_with_its_frames_and_places() {
    let shop = shop();
    let id = shop.id("DivisionByZeroError");
    let shown = text(&shop.errtail(&["issues", "show", &id]).stdout);
    for part in [
        "DivisionByZeroError: Division by zero",
        "5 events, 5 users, 0 sent",
        "/srv/shop/app/Cart.php:7",
        "/srv/shop/app/Kernel.php:9",
        "shop.log:",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    let fingerprint = shop.issues(&["--text", "DivisionByZero"])[0]["fingerprint"].as_str().unwrap().to_owned();
    assert_eq!(text(&shop.errtail(&["issues", "show", &fingerprint[..12]]).stdout), shown);
    let unknown = shop.errtail(&["issues", "show", "4711"]);
    assert_eq!((unknown.status.code(), text(&unknown.stderr).lines().count()), (Some(1), 1));
}

#[test]
fn what_was_resolved_and_comes_back_is_a_regression() {
    let shop = shop();
    let id = shop.id("TypeError");
    let said = text(&shop.errtail(&["issues", "resolve", &id]).stdout);
    assert_eq!(said, format!("{id}: resolved\n"));
    assert_eq!(shop.kinds(&["--stale"]), "QueryException DivisionByZeroError ErrorException", "oldest first");
    // Written before it was resolved: no return.
    shop.log("shop.log", &entry(1.0, "TypeError", "no stock", "Stock", 1));
    assert!(!shop.read().contains("back again"));
    assert_eq!(shop.state("TypeError"), ("resolved".to_owned(), 10));
    shop.log("shop.log", &entry(-1.0, "TypeError", "no stock", "Stock", 1));
    assert!(shop.read().contains(&format!("back again {id}: TypeError")));
    assert_eq!(shop.state("TypeError"), ("regressed".to_owned(), 11));
    assert_eq!(shop.kinds(&["--state", "regressed"]), "TypeError");
    assert!(shop.kinds(&["--stale"]).starts_with("TypeError "), "nobody looked at its return");
    assert!(shop.errtail(&["issues", "reopen", &id]).status.success());
    assert_eq!(shop.state("TypeError").0, "unresolved");
}

#[test]
fn what_is_ignored_is_counted_until_it_is_over() {
    let shop = shop();
    let id = shop.id("TypeError");
    assert!(shop.errtail(&["issues", "ignore", &id, "--events", "2"]).status.success());
    for (count, state) in [(1, "ignored"), (2, "ignored"), (3, "unresolved")] {
        shop.log("shop.log", &entry(0.0, "TypeError", "no stock", "Stock", 1));
        shop.read();
        assert_eq!(shop.state("TypeError"), (state.to_owned(), 9 + count));
    }
    let ids = [shop.id("TypeError"), shop.id("QueryException")];
    assert!(shop.errtail(&["issues", "ignore", &ids[0], &ids[1], "--until", "7d"]).status.success());
    assert_eq!(shop.kinds(&["--state", "ignored", "--sort", "events"]), "TypeError QueryException");
    shop.log("shop.log", &entry(0.0, "TypeError", "no stock", "Stock", 1));
    shop.read();
    assert_eq!(shop.state("TypeError"), ("ignored".to_owned(), 13));
    let status: Value = serde_json::from_slice(&shop.errtail(&["status", "--output", "json"]).stdout).unwrap();
    let ignored = status["outcomes"].as_array().unwrap().iter().find(|outcome| outcome["reason"] == "ignored").unwrap();
    assert_eq!((ignored["outcome"].as_str(), ignored["records"].as_u64()), (Some("counted"), Some(3)));
}

#[test]
fn mistakes_are_told_in_one_line() {
    let shop = shop();
    for (arguments, status, part) in [
        (&["issues", "resolve", "99"][..], 1, "99: no such issue; `errtail issues` lists them"),
        (&["issues", "ignore", "1", "--until", "soon"], 2, "not a time, and not a span"),
        (&["issues", "ignore", "1", "--until", "2020-01-01"], 2, "lies in the past"),
        (&["issues", "ignore", "1", "--until", "7d", "--events", "3"], 2, "cannot be used with"),
        (&["issues", "--sort", "loudest"], 2, "possible values: last-seen, first-seen, events, users, frequency"),
        (&["issues", "--state", "gone"], 2, "possible values: unresolved, resolved, ignored, regressed"),
        (&["issues", "--category", "defects"], 2, "defect, infra, integration"),
        (&["issues", "--stale", "--sort", "users"], 2, "cannot be used with"),
        (&["issues", "resolve"], 2, "<IDS>"),
    ] {
        let output = shop.errtail(arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(part), "{arguments:?}: {}", text(&output.stderr));
    }
    let nowhere = Shop::new();
    for command in ["issues", "status"] {
        let output = nowhere.errtail(&[command]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("no store here"), "{}", text(&output.stderr));
    }
}

#[test]
fn status_accounts_for_each_record() {
    let shop = shop();
    shop.log("shop.log", "[2026-11-24 10:00:00] production.INFO: unread\n");
    let status: Value = serde_json::from_slice(&shop.errtail(&["status", "--output", "json"]).stdout).unwrap();
    let outcomes = status["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.iter().map(|outcome| outcome["records"].as_u64().unwrap()).sum::<u64>(), 23, "{status}");
    assert_eq!(status["agent"]["running"], false);
    assert_eq!(status["issues"]["unresolved"], 4);
    let file = |name: &str| {
        status["files"].as_array().unwrap().iter().find(|file| file["path"].as_str().unwrap().ends_with(name)).unwrap()
    };
    assert_eq!((file("shop.log")["lag_bytes"].as_u64(), file("jobs.log")["lag_bytes"].as_u64()), (Some(46), Some(0)));
    assert_eq!(file("shop.log")["ledger"]["records"], 14);
    let people = text(&shop.errtail(&["status"]).stdout);
    for part in ["agent: not running", "issues: 4 unresolved", "outbox: 0 events", "shop.log", "46"] {
        assert!(people.contains(part), "{part} is not in {people}");
    }
}
