//! The store against real files.

use std::path::Path;
use std::sync::Arc;

use errtail_parsers::{Exception, Frame, Platform, Record, Source, User};
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::issue::{Fingerprint, History, Repeats, State, Why};
use crate::pipeline::{Batch, Finding};
use crate::policy::{Action, Category, Effects, Verdict};
use crate::tail::{Checkpoint, FileId};

mod outbox;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// An occurrence of the failure `name`, by user `user`, the `number`th of its file.
pub(super) fn finding(name: &str, user: u64, number: u64) -> Finding {
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
        verdict: Verdict {
            handled: Some(false),
            category: Category::Defect,
            action: Action::Send,
            reasons: vec![],
            effects: Effects::default(),
            dropped: None,
        },
        fingerprint: Fingerprint(format!("1{name}")),
        dsn_key: Some(Arc::from("shop")),
    }
}

pub(super) fn build(finding: &Finding, repeats: &Repeats) -> Built {
    let exception = &finding.record.exceptions[0];
    let body = serde_json::json!({
        "exception": {"values": [{"type": exception.kind, "value": exception.message}]},
        "contexts": {"repeats": {"occurrences": repeats.occurrences, "why": repeats.why, "total": repeats.total}},
    });
    Built { event_id: format!("{:032x}", finding.record.source.offset + 1), body: body.to_string().into_bytes() }
}

fn commit(store: &mut Store, findings: Vec<Finding>, now: Timestamp) -> Committed {
    take(store, findings, now);
    store.commit(&Batch::default(), now, &mut build).unwrap()
}

fn take(store: &mut Store, findings: Vec<Finding>, now: Timestamp) {
    store.take(&mut findings.into(), now, &mut build).unwrap();
}

fn bodies(store: &mut Store, now: Timestamp) -> Vec<serde_json::Value> {
    let due = store.due(now, 1000).unwrap();
    due.iter().map(|out| serde_json::from_slice(&out.body).unwrap()).collect()
}

fn only(store: &Store, now: Timestamp) -> IssueRow {
    let mut rows = store.issues(&Filter::default(), now).unwrap();
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

fn outcomes(store: &Store) -> Vec<(String, String, i64)> {
    let mut query = store.db.prepare("SELECT outcome, reason, records FROM outcome WHERE records != 0").unwrap();
    query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap().map(Result::unwrap).collect()
}

/// The occurrences that the events in the outbox tell of.
fn told(store: &Store) -> u64 {
    let mut query = store.db.prepare("SELECT body FROM outbox").unwrap();
    let bodies = query.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    let occurrences = bodies.map(|body| {
        let body: serde_json::Value = serde_json::from_slice(&body.unwrap()).unwrap();
        body["contexts"]["repeats"]["occurrences"].as_u64().unwrap()
    });
    occurrences.sum()
}

#[test]
fn a_first_occurrence_is_queued_and_leaves_after_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let committed = commit(&mut store, vec![finding("Empty", 1, 0)], at(0));
    assert_eq!((committed.new.len(), committed.queued, committed.fill.events), (1, 1, 1));
    assert_eq!((committed.new[0].kind.as_str(), committed.new[0].message.as_str()), ("Shop\\Empty", "no stock"));

    let due = store.due(at(0), 10).unwrap();
    assert_eq!((due.len(), due[0].dsn_key.as_str(), due[0].attempts), (1, "shop", 0));
    assert_eq!(store.due(at(0), 10).unwrap(), vec![], "what is being sent is not handed out again");
    store.settle(due[0].id, &Outcome::Retry { at: at(60), why: "timeout".to_owned() }, at(1)).unwrap();
    assert_eq!(store.next_due(10).unwrap(), Some(at(60)));
    assert_eq!(store.due(at(59), 10).unwrap(), vec![]);

    drop(store);
    let mut store = Store::open(dir.path()).unwrap();
    let due = store.due(at(60), 10).unwrap();
    assert_eq!((due.len(), due[0].attempts), (1, 1));
    store.settle(due[0].id, &Outcome::Sent, at(61)).unwrap();
    assert_eq!(store.fill().unwrap().events, 0);
    let page = store.issue("1", at(61)).unwrap().unwrap();
    assert_eq!((page.row.sent, page.event_ids), (1, vec![due[0].event_id.clone()]));
    assert_eq!(outcomes(&store), [("sent".to_owned(), String::new(), 1)]);
}

#[test]
fn repeats_are_counted_and_go_out_when_the_window_closes() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    for second in 0..5 {
        commit(&mut store, vec![finding("Empty", 1, second)], at(second.cast_signed()));
    }
    assert_eq!(bodies(&mut store, at(5)).len(), 1);
    assert_eq!(store.tick(at(299), false).unwrap(), 0);
    assert_eq!(store.next_tick().unwrap(), Some(at(300)));
    assert_eq!(store.tick(at(300), false).unwrap(), 1);
    assert_eq!(store.next_tick().unwrap(), Some(at(86_400 * 30)), "what waits is given up one day");
    assert_eq!(store.tick(at(900), false).unwrap(), 0, "once");
    let closing = &bodies(&mut store, at(900))[0]["contexts"]["repeats"];
    assert_eq!(*closing, serde_json::json!({"occurrences": 4, "why": "close", "total": 5}));
    let records: i64 = outcomes(&store).iter().map(|(_, _, records)| records).sum();
    assert_eq!(records, 5);
}

/// As events say it.
fn as_sent(finding: &Finding, repeats: &Repeats) -> Built {
    let body = serde_json::json!({
        "tags": {}, "extra": {"repeats.occurrences": repeats.occurrences, "repeats.total": repeats.total},
    });
    Built { body: body.to_string().into_bytes(), ..build(finding, repeats) }
}

#[test]
fn events_that_only_wait_are_built_when_no_batch_follows_and_stand_for_all_that_was_counted() {
    for rests in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path()).unwrap();
        let mut built = 0;
        let mut event_of = |finding: &Finding, repeats: &Repeats| {
            built += 1;
            as_sent(finding, repeats)
        };
        for number in 0..9 {
            store.take(&mut [finding("Empty", 1, number)].into(), at(0), &mut event_of).unwrap();
            let batch = Batch { goes_on: true, ..Batch::default() };
            store.commit(&batch, at(0), &mut event_of).unwrap();
        }
        if rests {
            store.commit(&Batch::default(), at(0), &mut event_of).unwrap();
        }
        assert_eq!(built, if rests { 3 } else { 2 });
        store.tick(at(300), false).unwrap();
        let due = store.due(at(300), 10).unwrap();
        let extra = serde_json::from_slice::<serde_json::Value>(&due[1].body).unwrap()["extra"].clone();
        assert_eq!((&extra["repeats.occurrences"], &extra["repeats.total"]), (&8.into(), &9.into()));
        let last = if rests { 8 } else { 1 };
        assert_eq!(
            due[1].event_id,
            as_sent(&finding("Empty", 1, last), &History::default().repeats(Why::Close, at(0))).event_id
        );
    }
}

#[test]
fn without_a_dsn_a_batch_builds_one_event_of_an_issue() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let mut built = Vec::new();
    let unsent = |number| Finding { dsn_key: None, ..finding("Empty", number, number) };
    let mut event_of = |finding: &Finding, repeats: &Repeats| {
        built.push(repeats.total);
        build(finding, repeats)
    };
    store.take(&mut (0..100).map(unsent).collect(), at(0), &mut event_of).unwrap();
    store.commit(&Batch::default(), at(0), &mut event_of).unwrap();
    assert_eq!(built, [1, 100], "the first, and the last that the schedule would have sent");
    assert_eq!(only(&store, at(0)).users, 100);
}

#[test]
fn stopping_sends_the_last_count() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    commit(&mut store, (0..3).map(|number| finding("Empty", 1, number)).collect(), at(0));
    assert_eq!(store.tick(at(1), true).unwrap(), 1);
    drop(store);
    let mut store = Store::open(dir.path()).unwrap();
    let occurrences: Vec<_> =
        bodies(&mut store, at(1)).iter().map(|body| body["contexts"]["repeats"]["occurrences"].clone()).collect();
    assert_eq!(occurrences, [1, 2]);
}

#[test]
fn states_hold_beside_a_running_agent() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Store::open(dir.path()).unwrap();
    commit(&mut agent, vec![finding("Empty", 1, 0)], at(0));
    let mut hand = Store::open_shared(dir.path()).unwrap();
    assert!(hand.ignore("1", None, None).unwrap());
    assert!(!hand.ignore("2", None, None).unwrap());
    let committed = commit(&mut agent, (1..20).map(|number| finding("Empty", number, number)).collect(), at(1));
    assert_eq!(committed.queued, 0);
    assert_eq!(only(&hand, at(1)).events, 20);

    let before_it = Timestamp::from_second(at(0).as_second() - 3_000_000).unwrap();
    assert!(hand.resolve("1", before_it).unwrap());
    let committed = commit(&mut agent, vec![finding("Empty", 1, 20)], at(2));
    assert_eq!((committed.queued, committed.regressed.len()), (1, 1));
    assert_eq!(only(&hand, at(2)).state, State::Regressed);
    assert!(hand.reopen("1").unwrap());
    assert_eq!(only(&hand, at(2)).state, State::Unresolved);
}

#[test]
fn a_failed_commit_moves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    commit(&mut store, vec![finding("Empty", 1, 0)], at(0));
    let checkpoint = Checkpoint { file: FileId { inode: 7, ..FileId::default() }, offset: 99, ..Checkpoint::default() };
    take(&mut store, vec![finding("Empty", 2, 1), finding("Full", 2, 2)], at(1));
    let batch = Batch { checkpoints: vec![checkpoint.clone()], ..Batch::default() };
    // The last thing of a batch that is written is refused.
    store
        .db
        .execute_batch("CREATE TRIGGER no BEFORE INSERT ON checkpoint BEGIN SELECT raise(ABORT, 'no'); END")
        .unwrap();
    assert!(store.commit(&batch, at(1), &mut build).is_err());
    assert_eq!((only(&store, at(1)).events, only(&store, at(1)).users), (1, 1));
    assert_eq!((store.fill().unwrap().events, store.checkpoints().unwrap()), (1, vec![]));
    store.db.execute_batch("DROP TRIGGER no").unwrap();
    let committed = store.commit(&batch, at(2), &mut build).unwrap();
    assert_eq!((committed.new.len(), committed.queued), (1, 2));
    assert_eq!(store.checkpoints().unwrap(), vec![checkpoint]);
}

#[test]
fn what_people_say_between_two_findings_of_a_commit_holds() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Store::open(dir.path()).unwrap();
    commit(&mut agent, vec![finding("Empty", 1, 0), finding("Full", 1, 1)], at(0));
    let mut hand = Store::open_shared(dir.path()).unwrap();
    let before_it = Timestamp::from_second(at(0).as_second() - 3_000_000).unwrap();
    assert!(hand.resolve("1", before_it).unwrap());
    // It comes back, and goes out once, whatever is said of another one before the commit.
    take(&mut agent, vec![finding("Empty", 1, 2)], at(1));
    assert!(hand.ignore("2", None, None).unwrap());
    take(&mut agent, vec![finding("Empty", 1, 3), finding("Full", 2, 4)], at(1));
    let committed = agent.commit(&Batch::default(), at(1), &mut build).unwrap();
    assert_eq!((committed.regressed.len(), committed.queued), (1, 1));
    let states = |store: &Store| {
        let rows = store.issues(&Filter::default(), at(1)).unwrap();
        let mut states: Vec<_> = rows.into_iter().map(|row| (row.id, row.state, row.events)).collect();
        states.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        states
    };
    let expected = [("1".to_owned(), State::Regressed, 3), ("2".to_owned(), State::Ignored, 2)];
    assert_eq!(states(&agent), expected);
    // What is said last counts, also of what is not written yet.
    take(&mut agent, vec![finding("Full", 3, 5)], at(2));
    assert!(hand.reopen("2").unwrap());
    agent.commit(&Batch::default(), at(2), &mut build).unwrap();
    assert_eq!(states(&agent)[1], ("2".to_owned(), State::Unresolved, 3));
}

#[test]
fn windows_close_over_all_that_was_taken() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    commit(&mut store, (0..3).map(|number| finding("Empty", 1, number)).collect(), at(0));
    take(&mut store, vec![finding("Empty", 1, 3)], at(1));
    assert_eq!(store.tick(at(301), false).unwrap(), 0, "a commit is ahead");
    assert_eq!(store.commit(&Batch::default(), at(302), &mut build).unwrap().queued, 1);
    let occurrences: Vec<_> =
        bodies(&mut store, at(302)).iter().map(|body| body["contexts"]["repeats"]["occurrences"].clone()).collect();
    assert_eq!(occurrences, [1, 3]);
}

#[test]
fn each_user_counts_once_however_many_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    for round in 0..4 {
        // Of each round's 300 users, 200 are of the round before.
        let findings = (0..600).map(|n| finding("Empty", round * 100 + n % 300, round * 600 + n)).collect();
        commit(&mut store, findings, at(round.cast_signed()));
        assert_eq!(only(&store, at(9)).users, 300 + 100 * round);
    }
    drop(store);
    let mut store = Store::open(dir.path()).unwrap();
    let sent = commit(&mut store, vec![finding("Empty", 5, 9000), finding("Empty", 999, 9001)], at(400));
    assert_eq!((only(&store, at(400)).users, sent.queued), (601, 2), "one by the interval, one by its user");
}

#[test]
fn a_second_agent_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let agent = Store::open(dir.path()).unwrap();
    let refused = Store::open(dir.path()).err().unwrap().to_string();
    let expected = format!(
        "{}: in use by another agent (process {}); stop that one, or give this one another directory with --state-dir",
        dir.path().display(),
        std::process::id()
    );
    assert_eq!(refused, expected);
    Store::open_shared(dir.path()).unwrap();
    drop(agent);
    Store::open(dir.path()).unwrap();
}

#[test]
fn what_cannot_be_opened_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let error = |path: &Path| Store::open(path).err().unwrap().to_string();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    assert!(error(&file).contains("is a file"), "{}", error(&file));
    assert!(error(&file.join("below")).contains("is a file"), "{}", error(&file.join("below")));

    let other = dir.path().join("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("errtail.db"), "no database, but longer than a header of SQLite would be: ".repeat(40))
        .unwrap();
    assert!(error(&other).contains("not a store of errtail"), "{}", error(&other));

    let foreign = dir.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    Connection::open(foreign.join("errtail.db")).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(error(&foreign).contains("not a store of errtail"), "{}", error(&foreign));

    let newer = dir.path().join("newer");
    Store::open(&newer).unwrap().db.execute_batch("PRAGMA user_version = 99").unwrap();
    assert!(error(&newer).contains("schema 99"), "{}", error(&newer));

    let missing = Store::open_shared(&dir.path().join("missing")).err().unwrap().to_string();
    assert!(missing.contains("no store here"), "{missing}");
}

#[cfg(unix)]
#[test]
fn the_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("a/b");
    let mut store = Store::open(&state).unwrap();
    commit(&mut store, vec![finding("Empty", 1, 0)], at(0));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for name in std::fs::read_dir(&state).unwrap() {
        assert_eq!(mode(&name.unwrap().path()), 0o600);
    }
}

/// One failure a million times, from 50 users, in batches of 1,000.
#[test]
fn a_storm_costs_little() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    let mut findings: Vec<Finding> = (0..1000).map(|n| finding("Empty", n % 50, n)).collect();
    let begun = std::time::Instant::now();
    let mut spent = std::time::Duration::ZERO;
    for round in 0..1000 {
        for (finding, number) in findings.iter_mut().zip(round * 1000..) {
            finding.record.source.offset = number * 5000;
        }
        let mut taken = findings.clone().into();
        let from = std::time::Instant::now();
        let now = at(round.cast_signed() / 50);
        store.take(&mut taken, now, &mut build).unwrap();
        store.commit(&Batch::default(), now, &mut build).unwrap();
        spent += from.elapsed();
    }
    store.tick(at(100), true).unwrap();
    let row = only(&store, at(100));
    assert_eq!((row.events, row.users), (1_000_000, 50));
    let queued = store.fill().unwrap().events;
    assert!(queued <= 100, "{queued} events");
    let told: u64 = bodies(&mut store, at(100))
        .iter()
        .map(|body| body["contexts"]["repeats"]["occurrences"].as_u64().unwrap())
        .sum();
    assert_eq!(told, 1_000_000, "each occurrence is told of once");
    eprintln!("{queued} events; {spent:?} in commit of {:?}", begun.elapsed());
    assert!(spent.as_secs() < 20, "{spent:?}");
}

/// Findings of one batch of the crash test.
const CRASH_BATCH: u64 = 100;

/// Runs as a process of its own, until it is killed: commits batch after batch from where the store stands, and
/// says each.
#[test]
fn crash_child() {
    let Ok(dir) = std::env::var("ERRTAIL_CRASH_DIR") else { return };
    let mut store = Store::open(Path::new(&dir)).unwrap();
    let mut number = store.checkpoints().unwrap().first().map_or(0, |checkpoint| checkpoint.offset);
    loop {
        let names = ["Empty", "Full", "Late"];
        let findings = (number..number + CRASH_BATCH).map(|n| finding(names[n as usize % 3], n % 7, n)).collect();
        number += CRASH_BATCH;
        let file = FileId { inode: 7, ..FileId::default() };
        let checkpoints = vec![Checkpoint { file, offset: number, ..Checkpoint::default() }];
        take(&mut store, findings, at(0));
        store.commit(&Batch { checkpoints, ..Batch::default() }, at(0), &mut build).unwrap();
        println!("committed {number}");
        for out in store.due(at(0), 3).unwrap() {
            store.settle(out.id, &Outcome::Retry { at: at(1), why: "busy".to_owned() }, at(0)).unwrap();
        }
    }
}

#[test]
fn a_kill_loses_nothing_that_was_committed() {
    use std::io::BufRead;
    use std::process::{Command, Stdio};

    let dir = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 0..8_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "store::tests::crash_child", "--nocapture"])
            .env("ERRTAIL_CRASH_DIR", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        // In the middle of its work, whenever that is.
        lines.by_ref().filter(|line| line.contains("committed")).take(3 + (round * 7 % 5) as usize).for_each(drop);
        std::thread::sleep(std::time::Duration::from_micros(round * 700));
        child.kill().unwrap();
        child.wait().unwrap();
        let said = lines.filter_map(|line| line.rsplit_once("committed ")?.1.parse().ok()).last().unwrap_or(last);

        let store = Store::open(dir.path()).unwrap();
        let position = store.checkpoints().unwrap()[0].offset;
        assert!(position >= said && position > last, "{position}, but {said} were committed");
        last = position;
        let rows = store.issues(&Filter::default(), at(0)).unwrap();
        assert_eq!(rows.iter().map(|row| row.events).sum::<u64>(), position);
        assert_eq!(rows.iter().map(|row| row.users).sum::<u64>(), 21);
        assert_eq!(outcomes(&store).iter().map(|(_, _, records)| *records as u64).sum::<u64>(), position);
        let pending: i64 = store.db.query_row("SELECT sum(pending) FROM issue", [], |row| row.get(0)).unwrap();
        let mut query = store.db.prepare("SELECT body FROM outbox").unwrap();
        let told = query.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap().map(|body| {
            let body: serde_json::Value = serde_json::from_slice(&body.unwrap()).unwrap();
            body["contexts"]["repeats"]["occurrences"].as_u64().unwrap()
        });
        assert_eq!(
            told.sum::<u64>() + pending.cast_unsigned(),
            position,
            "each occurrence is told of once, or waits to be"
        );
    }
}

#[test]
fn issues_are_bounded_those_not_seen_for_longest_go_first() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { max_issues: 2, ..Settings::default() };
    let mut store = Store::open(dir.path()).unwrap().with(settings, issue::Settings::default());
    for (second, name) in (0_i64..).zip(["A", "B", "C"]) {
        let mut finding = finding(name, 1, second.unsigned_abs());
        finding.record.timestamp = Some(at(second - 100).to_string());
        commit(&mut store, vec![finding], at(second));
    }
    store.tidy(at(1000)).unwrap();
    let kinds: Vec<_> = store.issues(&Filter::default(), at(10)).unwrap().into_iter().map(|row| row.kind).collect();
    assert_eq!(kinds, ["Shop\\C", "Shop\\B"]);
    commit(&mut store, vec![finding("A", 1, 9)], at(11));
    assert_eq!(store.issues(&Filter::default(), at(11)).unwrap().len(), 3);
}

#[test]
fn a_resolved_issue_is_silent_about_what_was_counted_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path()).unwrap();
    commit(&mut store, (0..3).map(|number| finding("Empty", 1, number)).collect(), at(0));
    let day_later = at(86_400);
    assert!(store.resolve("1", at(1)).unwrap());
    assert_eq!(store.tick(day_later, false).unwrap() + store.tick(day_later, true).unwrap(), 0);
    let mut back = finding("Empty", 1, 9);
    back.record.timestamp = Some(day_later.to_string());
    let committed = commit(&mut store, vec![back], day_later);
    assert_eq!((committed.queued, committed.regressed.len(), told(&store)), (1, 1, 4));
}
