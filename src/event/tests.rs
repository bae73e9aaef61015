//! Whole events, from logs as applications print them.

use errtail_parsers::{Options, Parser};
use serde_json::json;

use super::*;
use crate::issue::{Repeats, Why};
use crate::policy::{Action, Category, Effects};
use crate::scrub;

const LARAVEL: &str = r##"[2026-11-23 07:39:58] staging.INFO: cart opened {"userId":7}
[2026-11-23 07:40:00] staging.ERROR: no price for 12 {"userId":7,"exception":"[object] (App\\Errors\\NoPrice(code: 0): no price for 12 at /srv/shop/app/Price.php:3)
[stacktrace]
#0 /srv/shop/app/Http/Controllers/CartController.php(2): App\\Price->of(12)
#1 /srv/shop/vendor/laravel/framework/src/Illuminate/Routing/Controller.php(54): App\\Http\\Controllers\\CartController->show()
#2 {main}
"}
"##;

fn record(log: &str) -> Record {
    let mut parser = Parser::new(Options::default());
    parser.push(log.as_bytes());
    parser.finish();
    let mut record = parser.take().remove(0);
    "logs/shop.log".clone_into(&mut record.source.path);
    record
}

fn verdict() -> Verdict {
    Verdict {
        handled: Some(false),
        category: Category::Defect,
        action: Action::Send,
        reasons: vec!["why".to_owned()],
        effects: Effects::default(),
        dropped: None,
    }
}

fn now() -> Timestamp {
    "2026-11-24T00:00:00Z".parse().unwrap()
}

fn builder(settings: Settings, sources: Box<Sources>) -> Builder {
    let scrubber = Scrubber::new(&scrub::Settings::default(), settings.send_pii).unwrap();
    Builder::new(settings, Arc::new(scrubber), sources)
}

fn plain() -> Builder {
    builder(Settings::default(), Box::new(|_| None))
}

fn json(event: &Event) -> Value {
    serde_json::to_value(event).unwrap()
}

#[test]
fn a_laravel_record_is_the_sdks_event() {
    let source = |path: &str| {
        let text = (path == "/srv/shop/app/Price.php")
            .then_some("<?php\nfunction of($id) {\n  throw new NoPrice($id);\n}\n")?;
        Some(Arc::new(SourceFile::new(text.to_owned(), "2026-01-01T00:00:00Z".parse().unwrap())))
    };
    let settings = Settings {
        release: Some("shop@1.2".to_owned()),
        server_name: Some("web-1".to_owned()),
        timezone: TimeZone::get("Asia/Jakarta").unwrap(),
        ..Settings::default()
    };
    let event = json(&builder(settings, Box::new(source)).event(&record(LARAVEL), &verdict(), None, now()));
    assert_eq!(event["timestamp"], json!(1_795_394_400.0));
    assert_eq!(
        (&event["platform"], &event["level"], &event["environment"]),
        (&json!("php"), &json!("error"), &json!("staging"))
    );
    assert_eq!(
        (&event["release"], &event["server_name"], &event["user"]["id"]),
        (&json!("shop@1.2"), &json!("web-1"), &json!("7"))
    );
    assert_eq!(event["transaction"], json!("App\\Http\\Controllers\\CartController@show"));
    assert_eq!(event["breadcrumbs"]["values"][0]["message"], json!("cart opened {\"userId\":7}"));
    assert_eq!(event["extra"]["log.line"], json!(2));
    let exception = &event["exception"]["values"][0];
    assert_eq!((&exception["type"], &exception["value"]), (&json!("App\\Errors\\NoPrice"), &json!("no price for 12")));
    assert_eq!(exception["mechanism"], json!({"type": "generic", "handled": false}));
    let frames = exception["stacktrace"]["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 3);
    assert_eq!(
        frames[2],
        json!({
            "function": "App\\Price::of", "raw_function": "App\\Price::of", "filename": "/app/Price.php",
            "abs_path": "/srv/shop/app/Price.php", "lineno": 3, "in_app": true,
            "pre_context": ["<?php", "function of($id) {"], "context_line": "  throw new NoPrice($id);", "post_context": ["}", ""],
        })
    );
    assert_eq!(frames[0].get("function"), None);
    assert_eq!(frames[0]["in_app"], json!(false));
}

#[test]
fn a_source_that_is_newer_than_the_record_is_not_believed() {
    let source =
        |_: &str| Some(Arc::new(SourceFile::new("a\nb\nc\n".to_owned(), "2026-11-23T07:40:01Z".parse().unwrap())));
    let event = builder(Settings::default(), Box::new(source)).event(&record(LARAVEL), &verdict(), None, now());
    let frames = &event.exception.values[0].stacktrace.as_ref().unwrap().frames;
    assert!(frames.iter().all(|frame| frame.context_line.is_none()));
}

#[test]
fn the_id_depends_on_the_place_and_nothing_else() {
    let id = |record: &Record, now: &str| plain().event(record, &verdict(), None, now.parse().unwrap()).event_id;
    let first = record(LARAVEL);
    assert_eq!(id(&first, "2026-11-24T00:00:00Z"), id(&first, "2027-01-01T00:00:00Z"));
    let mut later = first.clone();
    later.source.offset += 1;
    assert_ne!(id(&first, "2026-11-24T00:00:00Z"), id(&later, "2026-11-24T00:00:00Z"));
    let text = id(&first, "2026-11-24T00:00:00Z");
    assert!(text.len() == 32 && text.as_bytes()[12] == b'4' && text.bytes().all(|c| c.is_ascii_hexdigit()));
}

#[test]
fn no_field_of_an_event_holds_a_planted_secret() {
    let log =
        LARAVEL.replace("no price for 12", "login with password=Hunter22x failed").replace("of(12)", "of('Hunter22x')");
    let log = log.replace("cart opened", "GET https://ann:Hunter22x@api.example.org/?token=Hunter22x");
    let mut record = record(&log);
    record.fields.push(("context.password".to_owned(), "Hunter22x".to_owned()));
    record.request = Some(errtail_parsers::Request {
        method: Some("get".to_owned()),
        url: Some("/a?api_key=Hunter22x".to_owned()),
        status: None,
    });
    record.origin.push(("label".to_owned(), "secret=Hunter22x".to_owned()));
    let reasons = vec!["the message says \"password=Hunter22x\"".to_owned()];
    let event = plain().event(&record, &Verdict { reasons, ..verdict() }, None, now());
    let text = serde_json::to_string(&event).unwrap();
    assert!(!text.contains("Hunter22x"), "{text}");
    assert!(text.contains("login with password=[Filtered] failed"), "{text}");
}

#[test]
fn a_chain_has_ids_where_the_sdk_sets_them() {
    let log = "TypeError: outer\n    at a (/srv/app/a.js:1:2) {\n  [cause]: Error: inner\n      at b (/srv/app/b.js:3:4)\n}\n";
    let event = json(&plain().event(&record(log), &verdict(), None, now()));
    let values = event["exception"]["values"].as_array().unwrap();
    assert_eq!((&values[0]["type"], &values[1]["type"]), (&json!("Error"), &json!("TypeError")));
    let chained = json!({"type": "chained", "handled": true, "source": "cause", "exception_id": 1, "parent_id": 0});
    assert_eq!(values[0]["mechanism"], chained);
    assert_eq!(values[1]["mechanism"]["exception_id"], json!(0));
}

#[test]
fn an_event_is_never_larger_than_sentry_takes() {
    let mut record = record(LARAVEL);
    let long = "x".repeat(20_000);
    record.exceptions[0].message = long.clone();
    record.fields = (0..500).map(|n| (format!("field{n}"), long.clone())).collect();
    record.before = vec![format!("2026-11-23 07:40:00 INFO {long}"); 50].into();
    record.exceptions = vec![record.exceptions[0].clone(); 200];
    let event = plain().event(&record, &verdict(), None, now());
    assert!(serde_json::to_vec(&event).unwrap().len() <= EVENT_BYTES);
    assert!(event.exception.values.last().unwrap().value.as_ref().unwrap().chars().count() <= 8192);
}

#[test]
fn what_an_event_stands_for_is_said() {
    let repeats = Repeats {
        why: Why::Schedule,
        occurrences: 12,
        total: 40,
        first_seen: now(),
        last_seen: now(),
        hosts: vec!["a".to_owned(), "b".to_owned()],
        files: Vec::new(),
    };
    let event = plain().event(&record(LARAVEL), &verdict(), Some(&repeats), now());
    assert_eq!((&event.extra["repeats.occurrences"], &event.extra["repeats.hosts"]), (&json!(12), &json!(["a", "b"])));
    assert_eq!((event.tags["occurrences"].as_str(), event.tags.get("regression")), ("12", None));
    let json = serde_json::to_vec(&event).unwrap();
    assert_eq!(restated(&json, &repeats), None);
    let later = Repeats { occurrences: repeats.occurrences + 7, total: repeats.total + 7, ..repeats.clone() };
    let other: Value = serde_json::from_slice(&restated(&json, &later).unwrap()).unwrap();
    let built = plain().event(&record(LARAVEL), &verdict(), Some(&later), now());
    assert_eq!(other, serde_json::to_value(&built).unwrap(), "as if it had been built so");
    let back = Repeats { why: Why::Regression, occurrences: 1, ..repeats };
    let event = plain().event(&record(LARAVEL), &verdict(), Some(&back), now());
    assert_eq!((event.tags["regression"].as_str(), event.tags.get("occurrences")), ("true", None));
    assert_eq!(event.level, plain().event(&record(LARAVEL), &verdict(), None, now()).level, "the record's level stays");
}

#[test]
fn a_users_rule_has_the_last_word() {
    let effects = Effects {
        level: Some(Level::Warning),
        tags: BTreeMap::from([("team".to_owned(), "billing".to_owned())]),
        fingerprint: vec!["prices".to_owned()],
        dsn: None,
    };
    let event = plain().event(&record(LARAVEL), &Verdict { effects, ..verdict() }, None, now());
    assert_eq!((event.level, event.tags["team"].as_str()), ("warning", "billing"));
    assert_eq!(event.fingerprint, Some(vec!["prices".to_owned()]));
}

#[test]
fn a_numbered_method_of_net_does_not_part_issues() {
    let log =
        "Unhandled exception. System.Exception: no\n   at lambda_method12(Closure, Object)\n   at Shop.Cart.Total()\n";
    let event = plain().event(&record(log), &verdict(), None, now());
    assert!(event.fingerprint.is_some());
    let other = plain().event(&record(&log.replace("12", "77")), &verdict(), None, now());
    assert_eq!(event.fingerprint, other.fingerprint);
}

#[test]
fn phps_own_errors_are_what_the_sdks_handler_makes_of_them() {
    let log = "PHP Fatal error:  Allowed memory size of 128 bytes exhausted in /srv/shop/app/A.php on line 12\n";
    let event = json(&plain().event(&record(log), &verdict(), None, now()));
    let exception = &event["exception"]["values"][0];
    assert_eq!(exception["type"], json!("Sentry\\Exception\\FatalErrorException"));
    assert_eq!(exception["value"], json!("Error: Allowed memory size of 128 bytes exhausted"));
    assert_eq!(event["level"], json!("fatal"));
}

#[test]
fn a_crash_tells_its_runtimes_version() {
    let version =
        |log: &str| json(&plain().event(&record(log), &verdict(), None, now()))["contexts"]["runtime"].clone();
    let node = "/srv/a.js:3\n  throw new Error('x')\n  ^\n\nError: x\n    at pay (/srv/a.js:3:9)\n\nNode.js v20.11.0\n";
    assert_eq!(version(node), json!({"name": "node", "version": "v20.11.0"}));
    let net = "Application: Shop.exe\nFramework Version: v4.0.30319\nDescription: The process was terminated due to an \
               unhandled exception.\nException Info: System.InvalidOperationException\n   at Shop.Cart.Total()\n";
    assert_eq!(version(net), json!({"name": ".NET", "version": "4.0.30319"}));
}
