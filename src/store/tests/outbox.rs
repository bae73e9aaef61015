//! What waits, what is held, given up or refused, and the last counts of issues.

use super::*;

#[test]
fn the_budget_of_an_hour_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { events_per_hour: Some(3), ..Settings::default() };
    let mut store = Store::open(dir.path()).unwrap().with(settings, issue::Settings::default());
    let names = ["A", "B", "C", "D", "E"];
    let committed = commit(&mut store, names.iter().zip(0..).map(|(name, n)| finding(name, 1, n)).collect(), at(0));
    assert_eq!((committed.new.len(), committed.queued), (5, 3));
    assert_eq!(store.tick(at(600), false).unwrap(), 0);
    assert_eq!(store.tick(at(3600), false).unwrap(), 2, "what was kept back goes out in the next hour");
}

#[test]
fn a_full_outbox_says_so_and_what_waited_too_long_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { max_outbox_events: 2, max_outbox_days: 1, ..Settings::default() };
    let mut store = Store::open(dir.path()).unwrap().with(settings, issue::Settings::default());
    assert!(!commit(&mut store, vec![finding("A", 1, 0)], at(0)).fill.is_full);
    assert!(commit(&mut store, vec![finding("B", 1, 1)], at(0)).fill.is_full);
    store.tick(at(86_401), false).unwrap();
    assert!(!store.is_full().unwrap());
    let report = ClientReport { reason: "cache_overflow".to_owned(), quantity: 2 };
    assert_eq!(store.take_client_reports("shop").unwrap(), [report]);
    assert_eq!(store.take_client_reports("shop").unwrap(), []);
    assert_eq!(outcomes(&store), [("dropped".to_owned(), "expired".to_owned(), 2)]);
}

#[test]
fn a_held_dsn_does_not_hold_up_another() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let other = Finding { dsn_key: Some(Arc::from("other")), ..finding("A", 1, 2) };
    commit(&mut store, vec![finding("A", 1, 0), finding("B", 1, 1), other], at(0));
    let due = store.due(at(0), 1).unwrap();
    let dsns: Vec<_> = due.iter().map(|out| out.dsn_key.as_str()).collect();
    assert_eq!(dsns, ["other", "shop"], "each DSN has its own share");
    assert_eq!((store.due(at(0), 1).unwrap(), store.next_due(1).unwrap()), (vec![], None));
    store.settle(due[1].id, &Outcome::Hold { until: at(100), why: "429".to_owned() }, at(0)).unwrap();
    let retry = Outcome::Retry { at: at(40), why: "timeout".to_owned() };
    store.settle(due[0].id, &retry, at(0)).unwrap();
    assert_eq!(store.next_due(1).unwrap(), Some(at(40)));
    let due: Vec<_> = store.due(at(50), 10).unwrap().into_iter().map(|out| (out.dsn_key, out.attempts)).collect();
    assert_eq!(due, [("other".to_owned(), 1)]);
    assert_eq!(store.due(at(100), 10).unwrap().len(), 2);
}

#[test]
fn what_waits_for_an_old_key_goes_to_the_projects_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let of = |key: &str, number| Finding { dsn_key: Some(Arc::from(key)), ..finding("A", 1, number) };
    commit(&mut store, vec![of("host/1#old", 0), of("host/2#other", 1)], at(0));
    store.configure(&["host/1#new".to_owned(), "host/3#third".to_owned()]).unwrap();
    let due = store.due(at(0), 10).unwrap();
    let dsns: Vec<_> = due.iter().map(|out| out.dsn_key.as_str()).collect();
    assert_eq!(dsns, ["host/1#new", "host/2#other"]);
    // The issue went with it: its next occurrence is a repeat.
    assert_eq!(commit(&mut store, vec![of("host/1#new", 2)], at(1)).queued, 0);
    let known: Vec<_> = store.status(at(1)).unwrap().destinations.into_iter().map(|to| to.dsn_key).collect();
    assert_eq!(known, ["host/1#new", "host/2#other", "host/3#third"]);
    // A server that moved.
    store.configure(&["other.host:8000/2#other".to_owned()]).unwrap();
    assert_eq!(store.status(at(1)).unwrap().destinations[1].dsn_key, "host/3#third");
}

#[test]
fn reports_that_did_not_arrive_are_told_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    commit(&mut store, vec![finding("A", 1, 0)], at(0));
    let due = store.due(at(0), 1).unwrap();
    store.settle(due[0].id, &Outcome::Failed { why: "400: bad".to_owned() }, at(0)).unwrap();
    let told = [ClientReport { reason: "send_error".to_owned(), quantity: 1 }];
    assert_eq!(store.take_client_reports("shop").unwrap(), told);
    assert_eq!(store.take_client_reports("shop").unwrap(), []);
    store.return_client_reports("shop", &told).unwrap();
    assert_eq!(store.take_client_reports("shop").unwrap(), told);
}

#[test]
fn a_refused_event_is_kept_aside_and_can_go_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    commit(&mut store, vec![finding("A", 1, 0)], at(0));
    let due = store.due(at(0), 1).unwrap();
    store.settle(due[0].id, &Outcome::Failed { why: "400: bad".to_owned() }, at(0)).unwrap();
    assert_eq!((store.due(at(0), 1).unwrap(), store.fill().unwrap().events), (vec![], 0));
    assert_eq!(store.failed().unwrap()[0].why, "400: bad");
    assert_eq!(store.retry_failed().unwrap(), 1);
    assert_eq!(store.due(at(0), 1).unwrap().len(), 1);
    assert_eq!(outcomes(&store), [("queued".to_owned(), String::new(), 1)]);
}

#[test]
fn issues_from_before_there_was_a_dsn_are_the_dsns() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let local = |number| Finding { dsn_key: None, ..finding("A", 1, number) };
    let committed = commit(&mut store, vec![local(0), local(1)], at(0));
    assert_eq!((committed.new.len(), committed.queued), (1, 0));
    assert_eq!(store.tick(at(0), true).unwrap(), 0);
    let committed = commit(&mut store, vec![finding("A", 1, 2)], at(1));
    assert_eq!((committed.new.len(), committed.queued), (0, 1));
    assert_eq!(only(&store, at(1)).events, 3);
    assert_eq!(bodies(&mut store, at(1))[0]["contexts"]["repeats"]["why"], serde_json::json!(Why::First));
}

#[test]
fn old_occurrences_are_kept_here() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let later = at(0) + SignedDuration::from_hours(31 * 24);
    let committed = commit(&mut store, vec![finding("A", 1, 0)], later);
    assert_eq!((committed.new.len(), committed.queued), (1, 0));
    assert_eq!(outcomes(&store), [("counted".to_owned(), "old".to_owned(), 1)]);
}

#[test]
fn more_last_counts_than_one_transaction_takes_all_go_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let issues = 2_500;
    // Three occurrences of each: the first is sent, two wait.
    let all = (0..3 * issues).map(|number| finding(&format!("E{}", number % issues), 1, number));
    commit(&mut store, all.collect(), at(0));
    assert_eq!((store.fill().unwrap().events, told(&store)), (issues, issues));
    assert_eq!(store.tick(at(1), true).unwrap(), issues);
    assert_eq!(told(&store), 3 * issues);
    assert_eq!(store.tick(at(2), true).unwrap(), 0);
    assert_eq!(outcomes(&store).iter().map(|(_, _, records)| *records as u64).sum::<u64>(), 3 * issues);
}

#[test]
fn last_counts_that_find_no_room_at_the_end_go_out_after_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let limits = |max_outbox_events| Settings { max_outbox_events, ..Settings::default() };
    let mut store = Store::open(dir.path()).unwrap().with(limits(60), issue::Settings::default());
    let all = (0..100).map(|number| finding(&format!("E{}", number % 50), 1, number));
    commit(&mut store, all.collect(), at(0));
    assert_eq!(store.tick(at(1), true).unwrap(), 10, "as many as there is room for");
    drop(store);
    let mut store = Store::open(dir.path()).unwrap().with(limits(1000), issue::Settings::default());
    assert_eq!(store.tick(at(2), false).unwrap(), 0, "their windows are open still");
    assert_eq!(store.tick(at(301), false).unwrap(), 40);
    assert_eq!(told(&store), 100);
}

#[test]
fn a_dsn_without_budget_does_not_keep_anothers_counts_back() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { events_per_hour: Some(1_200), ..Settings::default() };
    let mut store = Store::open(dir.path()).unwrap().with(settings, issue::Settings::default());
    let mut all: Vec<Finding> = (0..2_400).map(|number| finding(&format!("E{}", number % 1_200), 1, number)).collect();
    all.extend((0..2).map(|number| Finding { dsn_key: Some(Arc::from("two")), ..finding("Z", 1, 9_000 + number) }));
    commit(&mut store, all, at(0));
    assert_eq!(store.tick(at(1), true).unwrap(), 1, "the other's");
    let counts = outcomes(&store);
    assert!(counts.contains(&("counted".to_owned(), "budget".to_owned(), 1_200)), "{counts:?}");
    // The next hour's budget takes them, and each leaves the outcome that it was in.
    assert_eq!(store.tick(at(3600), false).unwrap(), 1_200);
    assert_eq!(outcomes(&store), [("queued".to_owned(), String::new(), 2_402)]);
}
