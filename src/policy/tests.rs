//! What the policy says of records, list by list.

use std::collections::BTreeSet;

use errtail_parsers::{Exception, Frame, Level, Mechanism, Platform, Record, Request, Source};

use super::*;

mod categories;

const PHP: Platform = Platform::Php;
const NET: Platform = Platform::Csharp;
const NODE: Platform = Platform::Node;

fn policy() -> Policy {
    Policy::new(Settings::default(), &[], None).unwrap()
}

fn exception(kind: &str, message: &str) -> Exception {
    Exception { kind: kind.to_owned(), message: message.to_owned(), ..Exception::default() }
}

fn record(platform: Platform, chain: &[(&str, &str)]) -> Record {
    let exceptions = chain.iter().map(|(kind, message)| exception(kind, message)).collect();
    Record { platform, exceptions, ..Record::default() }
}

/// A record that a logger wrote, at `line` of the file.
fn logged(line: u64, logger: &str, message: &str, level: Level, frames: u32) -> Record {
    let mut record = record(NET, &[("System.FormatException", "The input string 'x' was not in a correct format.")]);
    record.source = Source { first_line: line, ..Source::default() };
    record.logger = Some(logger.to_owned());
    record.message = Some(message.to_owned());
    record.level = Some(level);
    record.exceptions[0].frames = (1..=frames).map(|line| Frame { line: Some(line), ..Frame::default() }).collect();
    record
}

fn last_resort(mut record: Record, mechanism: &str) -> Record {
    record.mechanism = Some(Mechanism { kind: mechanism.to_owned(), handled: Some(false) });
    record
}

fn judge(policy: Policy, records: Vec<Record>) -> Vec<Verdict> {
    let mut judge = Judge::new(policy.into());
    let mut judged = Vec::new();
    records.into_iter().for_each(|record| judge.push(record, &mut judged));
    judge.finish(&mut judged);
    judged.into_iter().map(|(_, verdict)| verdict).collect()
}

fn actions(verdicts: &[Verdict]) -> Vec<Action> {
    verdicts.iter().map(|verdict| verdict.action).collect()
}

#[test]
fn the_words_and_the_level_tell_who_caught_it() {
    let error = Level::Error;
    let cases = [
        ("Shop.Prices", "Rates not available, using yesterday's", error, Some(true)),
        ("Shop.Prices", "Unhandled exception in job prices", error, Some(false)),
        ("Shop.Prices", "Could not read prices", Level::Warning, Some(true)),
        ("Shop.Program", "Host terminated unexpectedly", Level::Fatal, Some(false)),
        ("Shop.Prices", "The input string 'x' was not in a correct format.", error, None),
        ("Shop.ErrorHandlingMiddleware", "Something went wrong", error, Some(false)),
        ("Microsoft.EntityFrameworkCore.Query", "An exception occurred while iterating", error, None),
        ("Microsoft.AspNetCore.Diagnostics.ExceptionHandlerMiddleware", "An unhandled exception", error, Some(false)),
    ];
    for (logger, message, level, handled) in cases {
        let verdict = &judge(policy(), vec![logged(1, logger, message, level, 3)])[0];
        assert_eq!(verdict.handled, handled, "{logger}: {message}: {:?}", verdict.reasons);
    }
}

#[test]
fn symfony_logs_as_error_what_it_refuses() {
    for (level, category) in [(Level::Error, Category::Http), (Level::Critical, Category::Defect)] {
        let mut record = last_resort(record(PHP, &[(r"Shop\Gate\Shut", "shut")]), "symfony.uncaught");
        record.message = Some(r#"Uncaught PHP Exception Shop\Gate\Shut: "shut" at Gate.php line 9"#.to_owned());
        record.level = Some(level);
        assert_eq!(judge(policy(), vec![record])[0].category, category);
    }
}

#[test]
fn one_failure_printed_by_several_layers_is_sent_once() {
    let prints = || {
        vec![
            logged(1, "Microsoft.EntityFrameworkCore.Query", "An exception occurred", Level::Error, 4),
            logged(9, "Microsoft.AspNetCore.Server.Kestrel", "An unhandled exception was thrown", Level::Error, 9),
        ]
    };
    let verdicts = judge(policy(), prints());
    assert_eq!(actions(&verdicts), [Action::Duplicate, Action::Send]);
    assert!(verdicts[0].reasons.last().unwrap().contains("line 9"), "{:?}", verdicts[0].reasons);
    assert_eq!(verdicts[0].handled, Some(false));
    // The same again, from the same layers, is the next occurrence.
    let verdicts = judge(policy(), prints().into_iter().chain(prints()).collect());
    assert_eq!(actions(&verdicts), [Action::Duplicate, Action::Send, Action::Duplicate, Action::Send]);
    // Mono prints a crash twice; the next crash is another.
    let crash = || ["mono.unhandled", "mono.crash"].map(|by| last_resort(logged(1, "", "", Level::Error, 4), by));
    let verdicts = judge(policy(), crash().into_iter().chain(crash()).collect());
    assert_eq!(actions(&verdicts), [Action::Send, Action::Duplicate, Action::Send, Action::Duplicate]);
}

#[test]
fn a_stack_alone_is_unhandled_until_another_print_tells() {
    let bare = |line| {
        let mut found = logged(line, "", "", Level::Error, 3);
        (found.platform, found.level, found.logger, found.message) = (Platform::Node, None, None, None);
        last_resort(found, "node.bare_stack")
    };
    let alone = judge(policy(), vec![bare(1)]);
    assert_eq!((alone[0].handled, alone[0].action), (Some(false), Action::Send));
    let mut told = logged(9, "shop", "using cached prices", Level::Error, 3);
    told.platform = Platform::Node;
    let both = judge(policy(), vec![bare(1), told]);
    assert!(both.iter().all(|verdict| verdict.handled == Some(true)), "{both:?}");
}

#[test]
fn what_was_dealt_with_is_not_the_failure_that_followed() {
    let retried = logged(1, "Shop.Import", "Attempt 1 failed, retrying in 5 s", Level::Error, 4);
    let crash = last_resort(logged(9, "", "", Level::Fatal, 6), "dotnet.crash");
    let verdicts = judge(policy(), vec![retried, crash.clone()]);
    assert_eq!(actions(&verdicts), [Action::Drop, Action::Send]);
    // Logged and thrown on: the last resort prints it with more frames.
    let logged_only = logged(1, "Shop.Import", "Import of row 7 failed", Level::Error, 4);
    let verdicts = judge(policy(), vec![logged_only, crash]);
    assert_eq!(actions(&verdicts), [Action::Duplicate, Action::Send]);
    assert_eq!(verdicts[0].handled, Some(false));
}

#[test]
fn prints_far_apart_are_two_occurrences() {
    let mut first = logged(1, "Microsoft.EntityFrameworkCore.Query", "x", Level::Error, 4);
    first.timestamp = Some("2026-03-01T10:00:00Z".to_owned());
    let mut second = logged(9, "Microsoft.AspNetCore.Server.Kestrel", "x", Level::Error, 9);
    second.timestamp = Some("2026-03-01T10:00:31Z".to_owned());
    assert_eq!(actions(&judge(policy(), vec![first, second])), [Action::Send, Action::Send]);
}

#[test]
fn no_more_records_are_held_than_the_limit_says() {
    let settings = Settings { held_records: 3, ..Settings::default() };
    let policy = Policy::new(settings, &[], None).unwrap();
    let mut judge = Judge::new(policy.into());
    let mut judged = Vec::new();
    for line in 1..=10 {
        judge.push(logged(line, &format!("Shop.L{line}"), "It failed", Level::Error, 4), &mut judged);
        assert!(line as usize - judged.len() <= 3);
    }
    judge.idle(&mut judged);
    let lines: Vec<u64> = judged.iter().map(|(record, _)| record.source.first_line).collect();
    assert_eq!(lines, (1..=10).collect::<Vec<_>>());
}

#[test]
fn only_known_environments_are_reported() {
    let verdict = |environment: Option<&str>, configured: Option<&str>| {
        let mut record = last_resort(record(PHP, &[("TypeError", "x")]), "php.uncaught");
        record.environment = environment.map(str::to_owned);
        let policy = Policy::new(Settings::default(), &[], configured.map(str::to_owned)).unwrap();
        judge(policy, vec![record]).remove(0)
    };
    for reported in ["production", "staging", "development", "prod", "Dev", "uat"] {
        assert_eq!(verdict(Some(reported), None).action, Action::Send, "{reported}");
    }
    assert_eq!(verdict(None, None).action, Action::Send);
    for other in ["local", "testing"] {
        let verdict = verdict(Some(other), Some("production"));
        assert_eq!(verdict.action, Action::Drop);
        assert!(verdict.reasons.last().unwrap().contains(other), "{:?}", verdict.reasons);
    }
    assert_eq!(verdict(None, Some("local")).action, Action::Drop);
}

#[test]
fn an_application_with_the_sdk_is_not_reported_twice() {
    let mut traced = last_resort(record(PHP, &[("TypeError", "x")]), "laravel.handler");
    let module = Some(r"Sentry\Laravel\Tracing\Middleware".to_owned());
    traced.exceptions[0].frames = vec![Frame { module, ..Frame::default() }].into();
    let plain = last_resort(record(PHP, &[("TypeError", "y")]), "laravel.handler");
    let verdicts = judge(policy(), vec![traced.clone(), plain]);
    assert_eq!(actions(&verdicts), [Action::Drop, Action::Drop]);
    let settings = Settings { sentry_sdk: SdkReports::Send, ..Settings::default() };
    assert_eq!(actions(&judge(Policy::new(settings, &[], None).unwrap(), vec![traced])), [Action::Send]);
}

/// The tables `[policy]` and `[[rule]]`, as the configuration embeds them.
#[derive(Debug, serde::Deserialize)]
struct Tables {
    #[serde(default)]
    policy: Settings,
    #[serde(default)]
    rule: Vec<Rule>,
}

fn from_toml(text: &str) -> Result<Policy, String> {
    let tables: Tables = toml::from_str(text).map_err(|error| error.to_string())?;
    Policy::new(tables.policy, &tables.rule, None).map_err(|error| error.to_string())
}

#[test]
fn the_first_rule_that_matches_wins() {
    let policy = || {
        from_toml(
            r#"
            [[rule]]
            name = "noise"
            match = { type = 'App\Legacy\*', message = ["/row \\d+ of/", "*ignored*"] }
            action = "drop"
            [[rule]]
            match = { "error.type" = 'App\*', status = "4xx" }
            category = "infra"
            action = "send"
            level = "fatal"
            tags = { team = "orders" }
            fingerprint = ["{{ default }}", "orders"]
            "#,
        )
        .unwrap()
    };
    let mut record = last_resort(record(PHP, &[(r"App\Legacy\ImportError", "row 12 of 40")]), "php.uncaught");
    record.request = Some(Request { status: Some(404), ..Request::default() });
    let verdict = judge(policy(), vec![record.clone()]).remove(0);
    assert_eq!(verdict.action, Action::Drop);
    assert!(verdict.reasons.iter().any(|reason| reason.contains("noise")), "{:?}", verdict.reasons);
    record.exceptions[0].message = "another".to_owned();
    let verdict = judge(policy(), vec![record]).remove(0);
    assert_eq!((verdict.action, verdict.category), (Action::Send, Category::Infra));
    assert_eq!(verdict.effects.tags["team"], "orders");
    assert_eq!(verdict.effects.level, Some(Level::Fatal));
}

#[test]
fn an_entry_of_the_lists_can_be_overridden() {
    let policy = from_toml("[policy.override]\n\"php.throttling\" = \"infra\"\n").unwrap();
    let kind = r"Illuminate\Http\Exceptions\ThrottleRequestsException";
    let verdict = judge(policy, vec![last_resort(record(PHP, &[(kind, "x")]), "laravel.handler")]).remove(0);
    assert_eq!((verdict.action, verdict.category), (Action::Send, Category::Infra));
}

#[test]
fn what_cannot_be_understood_is_an_error_with_its_text() {
    let cases = [
        ("[[rule]]\nmatch = { message = \"/a(/\" }\naction = \"drop\"\n", "/a(/"),
        ("[[rule]]\nmatch = { type = \"[\" }\naction = \"drop\"\n", "\"[\""),
        ("[[rule]]\nmatch = { type = \"X\" }\n", "does nothing"),
        (
            "[[rule]]\nmatch = {}\naction = \"drop\"\n[[rule]]\nmatch = { type = \"X\" }\naction = \"send\"\n",
            "can never match",
        ),
        (
            "[[rule]]\nmatch = { type = [\"X\", \"Y\"] }\naction = \"drop\"\n[[rule]]\nmatch = { type = \"Y\", level = \"error\" }\naction = \"send\"\n",
            "rule 2: can never match: rule 1 before it matches all that it matches",
        ),
        ("[[rule]]\nmatch = { status = \"6xx\" }\naction = \"drop\"\n", "no status is like that"),
        ("[[rule]]\nmatch = { typo = \"X\" }\naction = \"drop\"\n", "typo"),
        ("[policy.override]\n\"php.nothing\" = \"infra\"\n", "php.nothing"),
        ("[policy]\nminimum = 1\n", "minimum"),
        ("[policy]\nown_hosts = [\"\"]\n", "own_hosts"),
    ];
    for (text, shown) in cases {
        let error = from_toml(text).unwrap_err();
        assert!(error.contains(shown), "{text}: {error}");
    }
}

/// A process's death, told at `line` by a writer of this format.
fn death(line: u64, format: &str, kind: &str, pid: Option<&str>) -> Record {
    let mut record = last_resort(record(Platform::Other, &[(kind, &format!("{format} says so"))]), "process.signal");
    record.source = Source { first_line: line, last_line: line, ..Source::default() };
    record.format = format.to_owned();
    record.fields.extend(pid.map(|pid| ("process.pid".to_owned(), pid.to_owned())));
    record
}

#[test]
fn a_death_is_told_once() {
    let mut crash =
        last_resort(record(NODE, &[("FATAL ERROR", "JavaScript heap out of memory")]), "node.uncaught_exception");
    crash.source = Source { first_line: 1, last_line: 9, ..Source::default() };
    let verdicts = judge(
        policy(),
        vec![
            crash,
            death(10, "shell", "SIGABRT", None),
            death(40, "gunicorn", "WORKER TIMEOUT", Some("12")),
            death(41, "uwsgi", "SIGKILL", Some("13")),
            death(50, "shell", "SIGKILL", Some("12")),
            death(60, "shell", "SIGSEGV", None),
            death(61, "systemd", "SIGSEGV", None),
        ],
    );
    use Action::{Duplicate, Send};
    assert_eq!(actions(&verdicts), [Send, Duplicate, Send, Send, Duplicate, Send, Send]);
    let categories: Vec<_> = verdicts.iter().map(|verdict| verdict.category).collect();
    assert_eq!(categories[2..6], [Category::Infra, Category::Infra, Category::Infra, Category::Defect]);
}

#[test]
fn a_rules_dsn_is_printed_without_its_key() {
    let dsn = Some("https://verysecret@sentry.example.com/7".to_owned());
    let printed = serde_json::to_string(&Effects { dsn, ..Effects::default() }).unwrap();
    assert_eq!(printed, r#"{"dsn":"https://…@sentry.example.com/7"}"#);
}
