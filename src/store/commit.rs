//! One batch into the tables.
//!
//! In: a batch, `now`, and how an event is built. Out: rows, and what of it is news. Invariant: each record adds
//! one to exactly one outcome. Runs inside a transaction; does not open or end it.

use std::collections::{BTreeMap, HashMap};

use errtail_parsers::{Exception, Record};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::{Connection, params};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::known::Issue;
use super::outbox::{self, Fill, Queued};
use super::{IssueRow, State, board, gaps, millis};
use crate::issue::{self, Counted, Decision, History, Occurrence, Repeats, Why};
use crate::pipeline::{Batch, Finding};
use crate::policy::Action;
use crate::tail::{Checkpoint, FileId};

/// A built event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// 32 hex digits, the same for the same occurrence.
    pub event_id: String,
    /// The event, JSON, scrubbed.
    pub body: Vec<u8>,
}

/// What a batch brought.
#[derive(Debug, Default)]
pub struct Committed {
    /// Issues that were not known.
    pub new: Vec<IssueRow>,
    /// Issues that were resolved, and came back.
    pub regressed: Vec<IssueRow>,
    /// Events that were put into the outbox.
    pub queued: u64,
    /// How full the outbox is now.
    pub fill: Fill,
    /// Whether files came that were not known where they are now.
    pub new_files: bool,
}

/// Whether the event that an issue's sample holds was kept back, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    No = 0,
    Repeat = 1,
    Budget = 2,
}

impl Held {
    pub fn from_row(number: i64) -> Held {
        match number {
            0 => Held::No,
            2 => Held::Budget,
            _ => Held::Repeat,
        }
    }

    /// As the outcome of its record names it.
    pub fn reason(self) -> &'static str {
        counted(if self == Held::Budget { Counted::Budget } else { Counted::Repeat })
    }
}

type EventOf<'a> = &'a mut dyn FnMut(&Finding, &Repeats) -> Built;

pub(super) fn commit(
    state: &mut State<'_>,
    db: &Connection,
    batch: &Batch,
    now: Timestamp,
    event_of: EventOf<'_>,
) -> rusqlite::Result<Committed> {
    let mut work = Work {
        db,
        now,
        event_of,
        tally: Tally::default(),
        budgets: HashMap::new(),
        new: vec![],
        regressed: vec![],
        queued: 0,
    };
    for (index, finding) in batch.findings.iter().enumerate() {
        match finding.verdict.action {
            Action::Send => work.take(state, index, finding)?,
            Action::Drop => {
                let why = finding.verdict.dropped.unwrap_or(finding.verdict.category.name());
                work.tally.add("dropped", why);
            }
            Action::Duplicate => work.tally.add("duplicate", "print"),
        }
    }
    work.write_issues(state, batch)?;
    work.write_budgets()?;
    work.tally.write(db)?;
    let new_files = write_checkpoints(db, &batch.checkpoints, &batch.forgotten)?;
    gaps::write(db, &batch.gaps, now)?;
    work.queued += gaps::tell(db, now, state.settings)?;
    Ok(Committed {
        new: work.new.iter().map(|id| board::row(db, *id)).collect::<Result<_, _>>()?,
        regressed: work.regressed.iter().map(|id| board::row(db, *id)).collect::<Result<_, _>>()?,
        queued: work.queued,
        fill: outbox::fill(db, state.settings)?,
        new_files,
    })
}

struct Work<'a> {
    db: &'a Connection,
    now: Timestamp,
    event_of: EventOf<'a>,
    tally: Tally,
    /// Events left of this hour, by DSN, and whether some were taken.
    budgets: HashMap<String, Budget>,
    new: Vec<i64>,
    regressed: Vec<i64>,
    queued: u64,
}

impl Work<'_> {
    /// Counts an occurrence on its issue, and queues it where it is due.
    fn take(&mut self, state: &mut State<'_>, index: usize, finding: &Finding) -> rusqlite::Result<()> {
        let dsn = finding.dsn_key.as_deref().unwrap_or("");
        let seen = seen_at(&finding.record, &state.settings.timezone, self.now);
        let user = user_hash(&finding.record);
        let in_budget = self.budget(dsn, state.settings.budget(state.dedupe.report))?.left > 0;
        let occurrence = Occurrence {
            time: seen,
            new_user: false,
            in_budget,
            host: host(&finding.record),
            file: &finding.record.source.path,
        };
        let fingerprint = finding.fingerprint.0.as_str();
        let mut built = None;
        let decision = match state.known.get(self.db, dsn, fingerprint)? {
            Some(issue) => {
                let new_user = user.map_or(Ok(false), |user| issue.meet(self.db, user))?;
                issue::decide(&mut issue.history, &Occurrence { new_user, ..occurrence }, self.now, state.dedupe)
            }
            None => {
                let mut history = History::default();
                let decision = issue::decide(&mut history, &occurrence, self.now, state.dedupe);
                let event = (self.event_of)(finding, &repeats_of(&decision, &history, self.now));
                let mut issue = Issue::new(insert(self.db, dsn, finding, &event, seen)?, history, seen);
                user.map_or(Ok(false), |user| issue.meet(self.db, user))?;
                write_sample(self.db, issue.id, &event, Held::No)?;
                self.new.push(issue.id);
                state.known.insert(dsn, fingerprint, issue);
                built = Some(event);
                decision
            }
        };
        let Some(issue) = state.known.peek(dsn, fingerprint) else { return Ok(()) };
        let source = &finding.record.source;
        issue.count(seen, &source.path, occurrence.host.unwrap_or(""), source.first_line, source.offset);
        let repeats = match decision {
            Decision::Send(repeats) => repeats,
            Decision::Count(why) => {
                match why {
                    Counted::Repeat => issue.held = Some((index, Held::Repeat)),
                    Counted::Budget => issue.held = Some((index, Held::Budget)),
                    Counted::Ignored | Counted::Old => {}
                }
                self.tally.add("counted", counted(why));
                return Ok(());
            }
        };
        (issue.held, issue.is_held, issue.waiting) = (None, false, None);
        let id = issue.id;
        if repeats.why == Why::Regression {
            self.regressed.push(id);
        }
        if dsn.is_empty() {
            // Its event would only be shown: that of the batch's last one is, and a new user's shows nothing new.
            if built.is_none() && repeats.why != Why::User {
                issue.shown = Some((index, repeats));
            }
            self.tally.add("counted", "no_dsn");
            return Ok(());
        }
        let event = match built {
            Some(event) => event,
            None => {
                let event = (self.event_of)(finding, &repeats);
                write_sample(self.db, id, &event, Held::No)?;
                event
            }
        };
        self.queue(dsn, id, &event)
    }

    fn queue(&mut self, dsn: &str, issue: i64, event: &Built) -> rusqlite::Result<()> {
        match outbox::push(self.db, dsn, Some(issue), event, self.now)? {
            Queued::New => {
                self.queued += 1;
                if let Some(budget) = self.budgets.get_mut(dsn) {
                    budget.left = budget.left.saturating_sub(1);
                    budget.taken += 1;
                }
                self.tally.add("queued", "");
            }
            Queued::Already => self.tally.add("duplicate", "queued_before"),
        }
        Ok(())
    }

    /// The issues' rows, and of each the event that waits for its window to close, or that is shown without a DSN.
    fn write_issues(&mut self, state: &mut State<'_>, batch: &Batch) -> rusqlite::Result<()> {
        for (dsn, issue) in state.known.dirty() {
            issue.write(self.db)?;
            if let Some((index, repeats)) = issue.shown.take()
                && let Some(finding) = batch.findings.get(index)
            {
                let event = (self.event_of)(finding, &repeats);
                write_sample(self.db, issue.id, &event, Held::No)?;
            }
            let held = issue.held.take().filter(|_| !dsn.is_empty());
            let Some((finding, why)) = held.and_then(|(index, why)| Some((batch.findings.get(index)?, why))) else {
                continue;
            };
            if batch.goes_on && issue.is_held {
                issue.waiting = Some((Box::new(finding.clone()), why));
            } else {
                self.hold(issue, finding, why)?;
            }
        }
        if !batch.goes_on || state.known.waits_enough() {
            for issue in state.known.all() {
                if let Some((finding, why)) = issue.waiting.take() {
                    self.hold(issue, &finding, why)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the event that goes out when the issue's window closes.
    fn hold(&mut self, issue: &mut Issue, finding: &Finding, why: Held) -> rusqlite::Result<()> {
        let event = (self.event_of)(finding, &issue.history.repeats(Why::Close, self.now));
        (issue.is_held, issue.waiting) = (true, None);
        write_sample(self.db, issue.id, &event, why)
    }

    fn budget(&mut self, dsn: &str, limit: u64) -> rusqlite::Result<&Budget> {
        if !self.budgets.contains_key(dsn) {
            let left = outbox::budget_left(self.db, dsn, limit, self.now)?;
            self.budgets.insert(dsn.to_owned(), Budget { left, taken: 0 });
        }
        Ok(&self.budgets[dsn])
    }

    fn write_budgets(&self) -> rusqlite::Result<()> {
        let mut taken = self.budgets.iter().filter(|(_, budget)| budget.taken > 0);
        taken.try_for_each(|(dsn, budget)| outbox::take_budget(self.db, dsn, budget.taken, self.now))
    }
}

struct Budget {
    left: u64,
    taken: u64,
}

/// Records by outcome and reason.
#[derive(Default)]
pub(super) struct Tally(BTreeMap<(&'static str, &'static str), i64>);

impl Tally {
    pub fn add(&mut self, outcome: &'static str, reason: &'static str) {
        *self.0.entry((outcome, reason)).or_default() += 1;
    }

    /// One record is no longer in that outcome.
    pub fn take(&mut self, outcome: &'static str, reason: &'static str) {
        *self.0.entry((outcome, reason)).or_default() -= 1;
    }

    pub fn write(&self, db: &Connection) -> rusqlite::Result<()> {
        let mut add = db.prepare_cached(
            "INSERT INTO outcome (outcome, reason, records) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET records = records + excluded.records",
        )?;
        self.0
            .iter()
            .try_for_each(|((outcome, reason), records)| add.execute(params![outcome, reason, records]).map(drop))
    }
}

fn repeats_of(decision: &Decision, history: &History, now: Timestamp) -> Repeats {
    match decision {
        Decision::Send(repeats) => repeats.clone(),
        Decision::Count(_) => history.repeats(Why::First, now),
    }
}

/// What the built event says of itself: its texts are scrubbed, the record's are not.
#[derive(Default, Deserialize)]
struct Event {
    #[serde(default)]
    exception: Values,
}

#[derive(Default, Deserialize)]
struct Values {
    values: Vec<Value>,
}

#[derive(Default, Deserialize)]
struct Value {
    #[serde(rename = "type")]
    kind: Option<String>,
    value: Option<String>,
}

fn insert(db: &Connection, dsn: &str, finding: &Finding, event: &Built, seen: Timestamp) -> rusqlite::Result<i64> {
    let outermost = serde_json::from_slice::<Event>(&event.body).unwrap_or_default().exception.values.pop();
    let Value { kind, value } = outermost.unwrap_or_default();
    db.prepare_cached(
        "INSERT INTO issue (fingerprint, dsn_key, platform, category, level, type, message, culprit, first_seen, last_seen)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)",
    )?
    .execute(params![
        finding.fingerprint.0,
        dsn,
        spelling(&finding.record.platform),
        finding.verdict.category.name(),
        finding.record.level.as_ref().map(spelling),
        shorten(&kind.unwrap_or_default(), 300),
        shorten(&value.unwrap_or_default(), 1000),
        culprit(&finding.record),
        millis(seen),
    ])?;
    Ok(db.last_insert_rowid())
}

fn write_sample(db: &Connection, issue: i64, event: &Built, held: Held) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO sample (issue, event_id, held, body) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![issue, event.event_id, held as i64, event.body])
        .map(drop)
}

/// Whether one of them is of a file that was not known where it is now.
fn write_checkpoints(db: &Connection, checkpoints: &[Checkpoint], forgotten: &[FileId]) -> rusqlite::Result<bool> {
    let mut new_files = false;
    for file in forgotten {
        db.prepare_cached("DELETE FROM checkpoint WHERE device = ?1 AND inode = ?2")?.execute(key(file))?;
    }
    for checkpoint in checkpoints {
        let [device, inode] = key(&checkpoint.file);
        let (path, value) = (checkpoint.path.to_string_lossy(), serde_json::to_string(checkpoint).unwrap_or_default());
        new_files |= !db
            .prepare_cached("SELECT 1 FROM checkpoint WHERE device = ?1 AND inode = ?2 AND path = ?3")?
            .exists(params![device, inode, path])?;
        db.prepare_cached("INSERT OR REPLACE INTO checkpoint (device, inode, path, value) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![device, inode, path, value])?;
    }
    Ok(new_files)
}

/// The head of a small file grows with it: place and inode alone name its row.
fn key(file: &FileId) -> [i64; 2] {
    [file.device.cast_signed(), file.inode.cast_signed()]
}

/// The log's time; where it has none, or one in the future, that of the agent.
fn seen_at(record: &Record, zone: &TimeZone, now: Timestamp) -> Timestamp {
    let text = record.timestamp.as_deref().unwrap_or("");
    let local = || zone.to_ambiguous_timestamp(text.parse().ok()?).compatible().ok();
    let seen = text.parse::<Timestamp>().ok().or_else(local);
    seen.unwrap_or(now).min(now)
}

/// Who met the failure, as the board counts them.
fn user_hash(record: &Record) -> Option<i64> {
    let user = record.user.as_ref()?;
    let id = user.id.as_deref().or(user.username.as_deref()).filter(|id| !id.is_empty())?;
    let hash = Sha256::digest(id.as_bytes());
    Some(i64::from_be_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]]))
}

/// The host, pod or container, where the log says.
fn host(record: &Record) -> Option<&str> {
    ["host", "hostname", "pod", "container"]
        .iter()
        .find_map(|name| record.origin.iter().find(|(key, _)| key == name))
        .map(|(_, value)| value.as_str())
}

/// The first place of the application's own, in the outermost exception that has one.
fn culprit(record: &Record) -> Option<String> {
    let own = |exception: &&Exception| exception.frames.iter().any(|frame| frame.in_app);
    let exception = record.exceptions.iter().find(own).or(record.exceptions.first())?;
    Some(shorten(&issue::culprit(exception, record.platform)?, 500))
}

fn shorten(text: &str, bytes: usize) -> String {
    match text.char_indices().find(|(at, c)| at + c.len_utf8() > bytes) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A word's spelling in the outward contract.
fn spelling(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn counted(why: Counted) -> &'static str {
    match why {
        Counted::Repeat => "repeat",
        Counted::Ignored => "ignored",
        Counted::Old => "old",
        Counted::Budget => "budget",
    }
}
