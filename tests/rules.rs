//! A user's rules in a real configuration: each thing that can be matched, each that can be done, their order, and what
//! `explain`, `rules` and `check` say of them.
//!
//! In: the real binary, one log in a form that the configuration describes, so that each field can be matched. Out: a failure
//! where a rule does not do what it says.

#![cfg(test)]

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const FORMAT: &str = r#"
environment = "production"
[[format]]
name = "shop"
regex = '^(?<time>[\d-]+ [\d:]+)\|(?<level>\w+)\|(?<logger>\S+)\|(?<method>\w+) (?<url>\S+) (?<status>\d+)\|(?<message>.*)$'
"#;
const LOG: &str = "\
2026-11-24 10:15:01|ERROR|Shop.Orders|POST /orders?id=7 503|System.InvalidOperationException: no stock left
   at Shop.Orders.Place(Order order) in /src/Orders.cs:line 12
   at Shop.Api.Main() in /src/Api.cs:line 5
2026-11-24 10:15:02|INFO|Shop.Api|GET / 200|fine
";

struct Shop(TempDir);

impl Shop {
    /// A shop with these rules.
    fn new(rules: &str) -> Shop {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("errtail.toml"), format!("{FORMAT}{rules}")).unwrap();
        fs::write(folder.path().join("shop.log"), LOG).unwrap();
        Shop(folder)
    }

    fn errtail(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_errtail"));
        command.args(arguments).args(["--config", "errtail.toml"]).current_dir(self.0.path());
        for name in ["SENTRY_DSN", "SENTRY_ENVIRONMENT", "SENTRY_RELEASE"] {
            command.env_remove(name);
        }
        command.output().unwrap()
    }

    fn said(&self, arguments: &[&str]) -> String {
        let output = self.errtail(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn first(&self, output: &str) -> Value {
        let text = self.said(&["parse", "shop.log", "--output", output]);
        serde_json::from_str(text.lines().next().unwrap()).unwrap()
    }

    /// What is done with the record, and why.
    fn verdict(&self) -> (String, String) {
        let verdict = self.first("jsonl")["verdict"].clone();
        (verdict["action"].as_str().unwrap().to_owned(), verdict["reasons"].to_string())
    }
}

#[test]
fn each_key_matches_what_it_names_and_nothing_else() {
    let without = Shop::new("").verdict();
    assert_eq!(without.0, "send", "{without:?}");
    for (key, yes, no) in [
        ("type", "'System.Invalid*'", "'System.Arg*'"),
        ("error.type", "['Nope', '*OperationException']", "'System'"),
        ("message", "'*stock*'", "'stock'"),
        ("message", "'/^no \\w+ left$/'", "'/^left/'"),
        ("error.value", "'no stock left'", "'no stock'"),
        ("level", "'error'", "'fatal'"),
        ("logger", "'Shop.*'", "'Shop'"),
        ("environment", "'prod*'", "'staging'"),
        ("path", "'*/shop.log'", "'*/other.log'"),
        ("module", "'Shop.Orders'", "'Shop.Cart'"),
        ("stack.module", "'Shop.*'", "'Orders'"),
        ("function", "'Place'", "'Cancel'"),
        ("stack.function", "'P*'", "'p'"),
        ("file", "'/src/*.cs'", "'/src/*.php'"),
        ("stack.abs_path", "'*Orders.cs'", "'*/Cart.cs'"),
        ("platform", "'csharp'", "['php', 'node']"),
        ("category", "'defect'", "['infra', 'integration']"),
        ("url", "'/orders*'", "'/orders'"),
        ("handled", "false", "true"),
        ("error.handled", "false", "true"),
        ("status", "503", "500"),
        ("status", "['4xx', '5xx']", "'4??'"),
    ] {
        let rule = |pattern: &str| {
            format!("[[rule]]\nname = \"mine\"\nmatch = {{ \"{key}\" = {pattern} }}\naction = \"drop\"\n")
        };
        let (action, reasons) = Shop::new(&rule(yes)).verdict();
        assert!(action == "drop" && reasons.contains("rule 1 (mine)"), "{key} = {yes}: {reasons}");
        let (action, reasons) = Shop::new(&rule(no)).verdict();
        assert!(action == "send" && !reasons.contains("rule 1"), "{key} = {no}: {reasons}");
    }
    // All keys of a rule must hold.
    let both = "[[rule]]\nmatch = { level = \"error\", function = \"Cancel\" }\naction = \"drop\"\n";
    assert_eq!(Shop::new(both).verdict().0, "send");
}

#[test]
fn each_action_does_what_it_says() {
    let shop = |what: &str| Shop::new(&format!("[[rule]]\nmatch = {{ level = \"error\" }}\n{what}\n"));
    assert_eq!(shop("action = \"drop\"").verdict().0, "drop");
    // Sent, whatever speaks against it.
    let quiet = "action = \"send\"\n[policy]\nmin_level = \"fatal\"\ncategories = [\"infra\"]\n";
    assert_eq!(shop(quiet).verdict().0, "send");
    let record = shop("category = \"integration\"").first("jsonl");
    assert_eq!(
        (record["verdict"]["category"].as_str(), record["verdict"]["action"].as_str()),
        (Some("integration"), Some("send"))
    );
    assert_eq!(shop("category = \"http\"").verdict().0, "drop", "a category that is not sent");
    assert_eq!(shop("level = \"warning\"").first("sentry")["level"], "warning");
    assert_eq!(shop("tags = { team = \"orders\" }").first("sentry")["tags"]["team"], "orders");
    let event = shop("fingerprint = [\"{{ default }}\", \"orders\"]").first("sentry");
    assert_eq!(event["fingerprint"], serde_json::json!(["{{ default }}", "orders"]));
    let plain = Shop::new("").first("jsonl")["fingerprint"].clone();
    assert_ne!(shop("fingerprint = [\"orders\"]").first("jsonl")["fingerprint"], plain);
}

#[test]
fn the_first_that_matches_wins() {
    let rule = |name: &str, function: &str, action: &str| {
        format!("[[rule]]\nname = \"{name}\"\nmatch = {{ function = \"{function}\" }}\naction = \"{action}\"\n")
    };
    let rules = [rule("a", "Cancel", "send"), rule("b", "Place", "drop"), rule("c", "P*", "send")];
    let (action, reasons) = Shop::new(&rules.concat()).verdict();
    assert!(action == "drop" && reasons.contains("rule 2 (b)"), "{reasons}");
    let (action, reasons) = Shop::new(&rules.iter().rev().cloned().collect::<String>()).verdict();
    assert!(action == "send" && reasons.contains("rule 1 (c)"), "{reasons}");
}

#[test]
fn what_can_never_match_is_found() {
    for (rules, complaint) in [
        (
            "[[rule]]\nmatch = {}\naction = \"drop\"\n[[rule]]\nmatch = { level = \"error\" }\naction = \"send\"\n",
            "errtail: errtail.toml:9:1: rule 2: can never match: rule 1 before it matches everything",
        ),
        (
            "[[rule]]\nname = \"all\"\nmatch = { level = [\"error\", \"fatal\"] }\naction = \"drop\"\n[[rule]]\nmatch = { level = \"fatal\", type = \"X\" }\naction = \"send\"\n",
            "rule 2: can never match: rule 1 (all) before it matches all that it matches",
        ),
        ("[[rule]]\nmatch = { status = \"60x\" }\naction = \"drop\"\n", "no status is like that"),
        ("[[rule]]\nmatch = { message = \"/a(/\" }\naction = \"drop\"\n", "/a(/"),
        ("[[rule]]\nmatch = { mesage = \"a\" }\naction = \"drop\"\n", "did you mean `message`?"),
        ("[[rule]]\nmatch = { type = \"X\" }\naction = \"ignore\"\n", "unknown variant `ignore`"),
        ("[policy.override]\n\"php.nothing\" = \"infra\"\n", "php.nothing"),
    ] {
        for command in ["check", "parse", "run", "explain"] {
            let output = Shop::new(rules).errtail(&[command, "shop.log"]);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{command}: {said}");
            assert!(said.contains(complaint) && said.lines().count() == 1, "{command}: {said}");
        }
    }
}

#[test]
fn explain_tells_the_way_and_names_the_rule() {
    let shop = Shop::new("[[rule]]\nname = \"known\"\nmatch = { function = \"Place\" }\nlevel = \"fatal\"\n");
    let told = shop.said(&["explain", "shop.log:2"]);
    for part in [
        "System.InvalidOperationException: no stock left",
        "found: lines 1 to 3",
        "rule 1 (known)",
        "group: ",
        "The event that would be sent:",
        "\"level\": \"fatal\"",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    let output = shop.errtail(&["explain", "shop.log:4"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "errtail: shop.log: no exception stands at line 4\n");
    assert_eq!(output.status.code(), Some(1));
    let summary = shop.said(&["explain", "--summary", "shop.log"]);
    assert!(summary.starts_with("1 exceptions were found; 1 issues would be made: 1 defect."), "{summary}");
    assert!(summary.contains("100 %"), "{summary}");
    assert!(summary.contains("defect    System.InvalidOperationException: no stock left"), "{summary}");
}

#[test]
fn rules_shows_the_lists_and_what_was_overridden() {
    let shop = Shop::new("[policy.override]\n\"php.throttling\" = \"infra\"\n");
    let row = |text: &str| text.lines().find(|line| line.contains("php.throttling ")).unwrap().to_owned();
    let line = row(&shop.said(&["rules"]));
    assert!(line.contains("infra") && line.contains("yes"), "{line}");
    let line = row(&Shop::new("").said(&["rules"]));
    assert!(line.contains("http") && line.contains("never"), "{line}");
    let one = shop.said(&["rules", "php.throttling"]);
    assert!(one.contains("ThrottleRequestsException"), "{one}");
    assert!(Shop::new("").said(&["rules", "--category", "validation"]).contains("validation"));
    let none = shop.errtail(&["rules", "no.such.entry"]);
    assert_eq!(none.status.code(), Some(1));
}

#[test]
fn environments_have_other_names() {
    let verdict = |environment: &str, more: &str| {
        let shop = Shop::new("");
        let config = FORMAT.replace("\"production\"", &format!("\"{environment}\""));
        fs::write(shop.0.path().join("errtail.toml"), format!("{config}{more}")).unwrap();
        shop.verdict()
    };
    for environment in ["production", "prod", "Live", "staging", "uat", "dev"] {
        assert_eq!(verdict(environment, "").0, "send", "{environment}");
    }
    for environment in ["local", "testing", "sandbox"] {
        let (action, reasons) = verdict(environment, "");
        assert!(action == "drop" && reasons.contains(environment), "{reasons}");
    }
    assert_eq!(verdict("sandbox", "[policy.environment_aliases]\nsandbox = \"staging\"\n").0, "send");
    assert_eq!(verdict("sandbox", "[policy]\nenvironments = [\"sandbox\"]\n").0, "send");
    let production = verdict("production", "[policy]\nenvironments = [\"sandbox\"]\n");
    assert_eq!(production.0, "drop", "{}", production.1);
}
