//! Demo.
use errtail::issue::{Fingerprint, Repeats};
use errtail::pipeline::*;
use errtail::policy::*;
use errtail::store::*;
use errtail_parsers::*;
use jiff::Timestamp;
use std::path::Path;
use std::sync::Arc;
/// An occurrence of the failure `name`, by user `user`, the `number`th of its file.
fn finding(name: &str, user: u64, number: u64) -> Finding {
    let frames = (0..40).map(|index| Frame {
        function: Some(format!("step{index}")),
        module: Some("Shop\\Basket".to_owned()),
        file: Some("/srv/shop/app/Basket.php".to_owned()),
        line: Some(index),
        in_app: true,
        ..Frame::default()
    });
    let exception = Exception {
        kind: format!("Shop\\{name}"),
        message: "no stock".to_owned(),
        frames: frames.collect(),
        ..Exception::default()
    };
    Finding {
        record: Record {
            source: Source {
                path: "/var/log/shop.log".to_owned(),
                first_line: number * 42 + 1,
                last_line: number * 42 + 42,
                offset: number * 5000,
                length: 5000,
            },
            platform: Platform::Php,
            format: "laravel".to_owned(),
            timestamp: Some("2027-01-15T08:00:00Z".to_owned()),
            exceptions: vec![exception],
            user: Some(User { id: Some(user.to_string()), username: None }),
            ..Record::default()
        },
        verdict: Verdict { handled: Some(false), category: Category::Defect, action: Action::Send, reasons: vec![] },
        fingerprint: Fingerprint(format!("1{name}")),
        dsn_key: Some(Arc::from("shop")),
    }
}

#[test]
fn demo() {
    let Ok(dir) = std::env::var("DEMO_STORE") else { return };
    let mut store = Store::open(Path::new(&dir)).unwrap();
    let now = Timestamp::now();
    let many: u64 = std::env::var("DEMO_N").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    for hour in 0..24u64 {
        let mut findings = vec![];
        for n in 0..many.min(if hour == 0 { many } else { 200 }) {
            for k in 0..((n * 7 + hour * 3) % 5) {
                let mut f = finding(&format!("Failure{n}"), n * k, hour * 1000 + n * 10 + k);
                f.record.timestamp = Some((now - jiff::SignedDuration::from_hours(23 - hour as i64)).to_string());
                findings.push(f);
            }
        }
        if hour == 3 {
            findings.push(finding("<script>alert(1)</script>", 1, 999_999));
        }
        let mut event = |f: &Finding, r: &Repeats| {
            let e = &f.record.exceptions[0];
            let frames: Vec<_> = e.frames.iter().rev().enumerate().map(|(i, fr)| serde_json::json!({"function": fr.function, "module": fr.module, "abs_path": fr.file, "lineno": fr.line, "in_app": i % 3 == 0,
               "pre_context": ["function a() {", "  // <b>x</b>"], "context_line": "  throw new Empty(\"<script>alert(2)</script>\");", "post_context": ["}", ""]})).collect();
            let body = serde_json::json!({"exception": {"values": [
                {"type": "PDOException", "value": "SQLSTATE[HY000] [2002] Connection refused", "stacktrace": {"frames": frames}},
                {"type": e.kind, "value": format!("{} <script>alert(1)</script> a long message that goes on and on and on and on and on, until it is really long\nsecond line", e.message), "stacktrace": {"frames": frames}}]},
              "request": {"method": "POST", "url": "https://shop.example.com/basket?x=<script>"}, "user": {"id": "7"}, "environment": "production", "release": "shop@1.2", "tags": {"host": "web-1", "file": "/var/log/shop.log"},
              "breadcrumbs": {"values": [{"timestamp": "2027-01-15T08:00:00Z", "level": "info", "message": "user logged in"}, {"timestamp": "2027-01-15T08:00:01Z", "level": "warning", "message": "slow query"}]},
              "level": "error", "x": r.occurrences});
            Built { event_id: format!("{:032x}", f.record.source.offset + 1), body: body.to_string().into_bytes() }
        };
        store.commit(&Batch { findings, ..Batch::default() }, now, &mut event).unwrap();
    }
    store.resolve("2", now).unwrap();
    store.ignore("3", None, None).unwrap();
    let due = store.due(now, 20).unwrap();
    for (i, out) in due.iter().enumerate() {
        let outcome = if i == 0 { Outcome::Failed { why: "400: invalid event".into() } } else { Outcome::Sent };
        store.settle(out.id, &outcome, now).unwrap();
    }
}
