//! Findings into memory, one by one.
//!
//! In: findings, `now`, and how an event is built. Out: issues with what was counted on them, and the events that are to
//! go out, which the next commit writes with the positions that produced them. Invariants: each record adds one to
//! exactly one outcome; a finding is kept only where an event is to be built of it later. Reads the database, and
//! writes nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use errtail_parsers::{Before, Exception, Record};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rusqlite::Connection;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::commit::{Built, Held, Tally};
use super::known::{First, Issue, Known};
use super::{EventOf, Settings, Store, StoreError, outbox};
use crate::issue::{self, Counted, Decision, History, Occurrence, Repeats, Why};
use crate::pipeline::Finding;
use crate::policy::Action;

/// Bytes of events, about, at which a commit is due.
const MAX_BYTES: usize = 1 << 20;
/// Bytes of a finding that is only told of, about.
const TOLD_BYTES: usize = 4096;

/// What waits for a commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// How many findings.
    pub findings: u64,
    /// Whether an event is to be sent.
    pub sends: bool,
    /// Whether it is so much that a commit is due.
    pub is_full: bool,
}

/// What was taken since the last commit, beside the issues.
#[derive(Default)]
pub(super) struct Pending {
    pub findings: u64,
    pub tally: Tally,
    /// Events left of this hour, by DSN, and whether some were taken.
    pub budgets: HashMap<Arc<str>, Budget>,
    /// In the order of the findings.
    pub events: Vec<Event>,
    pub new: Vec<usize>,
    pub regressed: Vec<usize>,
    /// Without a DSN: findings of new issues, and of those that came back.
    pub told: Vec<Finding>,
    sends: bool,
    bytes: usize,
}

pub(super) struct Budget {
    left: u64,
    pub taken: u64,
}

/// An event that waits for the commit.
pub(super) struct Event {
    /// Index of its issue.
    pub issue: usize,
    /// Whether it goes out; else it is shown alone.
    pub is_sent: bool,
    pub built: Built,
}

/// What a finding is counted by.
struct Seen {
    issue: Option<usize>,
    time: Timestamp,
    user: Option<i64>,
    new_user: bool,
    in_budget: bool,
}

impl Store {
    /// Takes findings, from the first one on: counts them on their issues, and builds the events that `issue::decide`
    /// says are due. Nothing of it is in the store before `commit`. `event_of` builds the event of a finding.
    ///
    /// # Errors
    /// The database cannot be read: the findings that were not taken are left.
    pub fn take(
        &mut self,
        findings: &mut VecDeque<Finding>,
        now: Timestamp,
        event_of: EventOf<'_>,
    ) -> Result<Load, StoreError> {
        if findings.is_empty() {
            return Ok(self.load());
        }
        let version = self.read(data_version)?;
        if self.data_version != version {
            // Somebody resolved or ignored an issue.
            self.known.refresh(&self.db).map_err(|error| StoreError { path: self.path.clone(), error })?;
            self.data_version = version;
        }
        let mut taking = Taking {
            db: &self.db,
            known: &mut self.known,
            pending: &mut self.pending,
            settings: &self.settings,
            dedupe: &self.dedupe,
            now,
            event_of,
        };
        while let Some(finding) = findings.pop_front() {
            if let Err((finding, error)) = taking.take(finding) {
                findings.push_front(*finding);
                return Err(StoreError { path: self.path.clone(), error });
            }
        }
        Ok(self.load())
    }

    fn load(&self) -> Load {
        Load {
            findings: self.pending.findings,
            sends: self.pending.sends,
            is_full: self.pending.bytes >= MAX_BYTES || self.known.is_full(),
        }
    }

    /// Whether something was taken that is not written.
    pub(super) fn is_taking(&self) -> bool {
        self.pending.findings > 0
    }
}

/// SQLite's count of other connections' changes.
pub(super) fn data_version(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

struct Taking<'a> {
    db: &'a Connection,
    known: &'a mut Known,
    pending: &'a mut Pending,
    settings: &'a Settings,
    dedupe: &'a issue::Settings,
    now: Timestamp,
    event_of: EventOf<'a>,
}

impl Taking<'_> {
    fn take(&mut self, finding: Finding) -> Result<(), (Box<Finding>, rusqlite::Error)> {
        match finding.verdict.action {
            Action::Send => match self.look_up(&finding) {
                Ok(seen) => self.count(finding, &seen),
                Err(error) => return Err((Box::new(finding), error)),
            },
            Action::Drop => {
                let why = finding.verdict.dropped.unwrap_or(finding.verdict.category.name());
                self.pending.tally.add("dropped", why);
            }
            Action::Duplicate => self.pending.tally.add("duplicate", "print"),
        }
        self.pending.findings += 1;
        Ok(())
    }

    /// What the database knows of it.
    fn look_up(&mut self, finding: &Finding) -> rusqlite::Result<Seen> {
        let in_budget = match &finding.dsn_key {
            Some(dsn) => self.has_budget(dsn)?,
            None => true,
        };
        let found = self.known.get(self.db, finding.dsn_key.as_ref(), &finding.fingerprint.0)?;
        let time = seen_at(&finding.record, &self.settings.timezone, self.now);
        let user = user_hash(&finding.record);
        let mut seen = Seen { issue: found, time, user, new_user: false, in_budget };
        if let (Some(index), Some(user)) = (found, user) {
            let issue = self.known.at(index);
            let asked = issue.history.takes_users(self.now, self.dedupe);
            seen.new_user = issue.meet(self.db, user, asked)?;
        }
        Ok(seen)
    }

    fn has_budget(&mut self, dsn: &Arc<str>) -> rusqlite::Result<bool> {
        if let Some(budget) = self.pending.budgets.get(dsn) {
            return Ok(budget.left > 0);
        }
        let limit = self.settings.budget(self.dedupe.report);
        let left = outbox::budget_left(self.db, dsn, limit, self.now)?;
        self.pending.budgets.insert(Arc::clone(dsn), Budget { left, taken: 0 });
        Ok(left > 0)
    }

    /// Counts an occurrence on its issue, and builds its event where it is due.
    fn count(&mut self, finding: Finding, seen: &Seen) {
        let Record { source, .. } = &finding.record;
        let host = host(&finding.record);
        let occurrence = Occurrence {
            time: seen.time,
            new_user: seen.new_user,
            in_budget: seen.in_budget,
            host,
            file: &source.path,
        };
        let mut built = None;
        let (index, decision) = match seen.issue {
            Some(index) => {
                let history = &mut self.known.at(index).history;
                (index, issue::decide(history, &occurrence, self.now, self.dedupe))
            }
            None => {
                let mut history = History::default();
                let decision = issue::decide(&mut history, &occurrence, self.now, self.dedupe);
                let event = (self.event_of)(&finding, &repeats_of(&decision, &history, self.now));
                let index = self.add(&finding, history, &event, seen);
                built = Some(event);
                (index, decision)
            }
        };
        let issue = self.known.touch(index);
        issue.count(seen.time, &source.path, host.unwrap_or(""), source.first_line, source.offset);
        let is_new = built.is_some();
        match decision {
            Decision::Send(repeats) => self.send(index, finding, repeats, built),
            Decision::Count(why) => {
                self.pending.tally.add("counted", counted(why));
                if let Some(event) = built {
                    self.queue(index, event, false);
                }
                let held = match why {
                    Counted::Repeat => Some(Held::Repeat),
                    Counted::Budget => Some(Held::Budget),
                    Counted::Ignored | Counted::Old => None,
                };
                match held.filter(|_| finding.dsn_key.is_some()) {
                    Some(why) => self.known.hold(index, finding, why),
                    None if is_new => self.tell(finding),
                    None => {}
                }
            }
        }
    }

    /// An issue that was not known.
    fn add(&mut self, finding: &Finding, history: History, event: &Built, seen: &Seen) -> usize {
        let mut issue = Issue::new(0, finding.dsn_key.clone(), history, 0);
        issue.first = Some(Box::new(first(finding, event, seen.time)));
        if let Some(user) = seen.user {
            // Nobody has met it: the table is not asked.
            let _ = issue.meet(self.db, user, false);
        }
        let index = self.known.add(&finding.fingerprint.0, issue);
        self.pending.new.push(index);
        index
    }

    /// An occurrence whose event is due.
    fn send(&mut self, index: usize, finding: Finding, repeats: Repeats, built: Option<Built>) {
        self.known.release(index);
        let regressed = repeats.why == Why::Regression;
        if regressed {
            self.pending.regressed.push(index);
        }
        let Some(dsn) = &finding.dsn_key else {
            self.pending.tally.add("counted", "no_dsn");
            if regressed {
                self.tell(finding.clone());
            }
            match built {
                Some(event) => {
                    self.queue(index, event, false);
                    self.tell(finding);
                }
                // Its event would only be shown: that of the last one is, and a new user's shows nothing new.
                None if repeats.why != Why::User => self.known.show(index, finding, repeats),
                None => {}
            }
            return;
        };
        if let Some(budget) = self.pending.budgets.get_mut(dsn) {
            budget.left = budget.left.saturating_sub(1);
        }
        self.pending.sends = true;
        let event = built.unwrap_or_else(|| (self.event_of)(&finding, &repeats));
        self.queue(index, event, true);
    }

    fn queue(&mut self, index: usize, built: Built, is_sent: bool) {
        self.pending.bytes += built.body.len();
        self.known.at(index).event = Some(self.pending.events.len());
        self.pending.events.push(Event { issue: index, is_sent, built });
    }

    /// Keeps what the screen shows of a finding.
    fn tell(&mut self, mut finding: Finding) {
        if finding.dsn_key.is_none() {
            finding.record.before = Before::default();
            self.pending.bytes += TOLD_BYTES;
            self.pending.told.push(finding);
        }
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
struct Said {
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

fn first(finding: &Finding, event: &Built, seen: Timestamp) -> First {
    let outermost = serde_json::from_slice::<Said>(&event.body).unwrap_or_default().exception.values.pop();
    let Value { kind, value } = outermost.unwrap_or_default();
    First {
        fingerprint: finding.fingerprint.0.clone(),
        platform: spelling(&finding.record.platform),
        category: finding.verdict.category.name(),
        level: finding.record.level.as_ref().map(spelling),
        kind: shorten(&kind.unwrap_or_default(), 300),
        message: shorten(&value.unwrap_or_default(), 1000),
        culprit: culprit(&finding.record),
        seen,
    }
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

pub(super) fn counted(why: Counted) -> &'static str {
    match why {
        Counted::Repeat => "repeat",
        Counted::Ignored => "ignored",
        Counted::Old => "old",
        Counted::Budget => "budget",
    }
}
