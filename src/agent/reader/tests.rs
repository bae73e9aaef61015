//! What a failure of one file's parser costs: nothing of the others.

use std::fs;

use super::*;
use crate::policy;
use crate::store::Filter;

fn error(kind: &str) -> String {
    format!(
        "[2026-11-24 10:00:00] production.ERROR: no {kind} {{\"exception\":\"[object] (App\\\\{kind}(code: 0): no {kind} at \
         /srv/app/{kind}.php:12)\n[stacktrace]\n#0 {{main}}\n\"}} \n"
    )
}

#[test]
fn a_panic_in_one_files_parser_stops_neither_it_nor_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let log = |name: &str| folder.path().join(name);
    fs::write(log("a.log"), "[2026-11-24 09:00:00] production.INFO: up\n").unwrap();
    fs::write(log("b.log"), "[2026-11-24 09:00:00] production.INFO: up\n").unwrap();
    let settings = Settings { paths: vec![folder.path().display().to_string()], poll: true, ..Settings::default() };
    let tail = Tail::new(settings.clone(), Vec::new(), folder.path(), Vec::new()).unwrap();
    let state = tempfile::tempdir().unwrap();
    let store = Arc::new(Mutex::new(Store::open(state.path()).unwrap()));
    let built = |finding: &Finding, _: &Repeats| {
        let value = serde_json::json!({"type": finding.record.exceptions[0].kind});
        let body = serde_json::json!({"exception": {"values": [value]}}).to_string().into_bytes();
        Built { event_id: finding.fingerprint.0.clone(), body }
    };
    let hooks = Hooks { event_of: Box::new(built), admit: Box::new(|_| {}), committed: Box::new(|_, _| {}) };
    let parts = Parts {
        tail,
        settings,
        formats: Tables::default(),
        policy: Arc::new(Policy::new(policy::Settings::default(), &[], None).unwrap()),
        hooks,
        release_marker: None,
        in_flight: 1,
        reads: Arc::default(),
        once: true,
    };
    let mut reader = Reader::new(parts, Arc::clone(&store), Arc::default());
    let mut buffer = Vec::new();
    let mut read = |reader: &mut Reader| {
        let mut keys = Vec::new();
        loop {
            let step = reader.tail.next(&mut buffer, Instant::now() + Duration::from_millis(1500));
            keys.extend(if let Step::Bytes { key, .. } = &step { Some(*key) } else { None });
            if matches!(step, Step::Quiet) {
                return keys;
            }
            reader.take(step, &buffer);
        }
    };
    let keys = read(&mut reader);
    assert_eq!(keys.len(), 2);
    reader.work(keys[0], |_| panic!("a parser that fails"));
    for (name, kind) in [("a.log", "PriceA"), ("b.log", "PriceB")] {
        let text = fs::read_to_string(log(name)).unwrap() + &error(kind);
        fs::write(log(name), text).unwrap();
    }
    read(&mut reader);
    reader.commit(true);
    let issues = lock(&store).issues(&Filter::default(), Timestamp::now()).unwrap();
    let mut kinds: Vec<_> = issues.into_iter().map(|issue| issue.kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["App\\PriceA", "App\\PriceB"]);
}
