//! The issues in memory: those that the last batches touched.
//!
//! In: rows of issues. Out: the same, with what a batch added to them. Invariant: bounded; an issue that is not
//! dirty equals its row. Does not decide.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::commit::Held;
use super::{millis, time};
use crate::issue::{History, Pending, Repeats, State};
use crate::pipeline::Finding;

/// Issues kept in memory.
const MAX_ISSUES: usize = 4096;
/// Users of one issue kept in memory; the table knows the others.
const MAX_USERS: usize = 256;
/// Users counted on one issue.
const MAX_COUNTED_USERS: u64 = 100_000;
/// Findings that wait for their events to be built.
const MAX_WAITING: usize = 256;
/// Places kept of one issue.
const MAX_PLACES: usize = 100;

/// Issues by destination and fingerprint.
#[derive(Default)]
pub(super) struct Known {
    destinations: HashMap<String, HashMap<String, Issue>>,
    issues: usize,
}

/// An issue in memory.
pub(super) struct Issue {
    pub id: i64,
    pub history: History,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    users: u64,
    met: HashSet<i64>,
    hours: Vec<(i64, u64)>,
    places: Vec<Place>,
    /// Whether this batch touched it.
    pub dirty: bool,
    /// Index in the batch of the last finding that was counted since the last one sent, and why it was.
    pub held: Option<(usize, Held)>,
    /// Whether its sample is known to be one that was kept back.
    pub is_held: bool,
    /// The finding of an earlier batch that its sample is to be of, which is still of one before it.
    pub waiting: Option<(Box<Finding>, Held)>,
    /// Without a DSN: index in the batch of the last finding that its sample is to be of, and what that stands for.
    pub shown: Option<(usize, Repeats)>,
}

struct Place {
    path: String,
    host: String,
    events: u64,
    line: u64,
    offset: u64,
    last_seen: Timestamp,
}

impl Known {
    pub fn clear(&mut self) {
        self.destinations.clear();
        self.issues = 0;
    }

    /// Keeps the memory bounded; between batches, when every issue equals its row.
    pub fn forget_many(&mut self) {
        if self.issues > MAX_ISSUES {
            self.clear();
        }
    }

    /// The issue, from memory or from its row.
    pub fn get(&mut self, db: &Connection, dsn: &str, fingerprint: &str) -> rusqlite::Result<Option<&mut Issue>> {
        if self.peek(dsn, fingerprint).is_none() {
            let Some(issue) = load(db, dsn, fingerprint)? else { return Ok(None) };
            self.insert(dsn, fingerprint, issue);
        }
        Ok(self.peek(dsn, fingerprint))
    }

    pub fn peek(&mut self, dsn: &str, fingerprint: &str) -> Option<&mut Issue> {
        self.destinations.get_mut(dsn)?.get_mut(fingerprint)
    }

    pub fn insert(&mut self, dsn: &str, fingerprint: &str, issue: Issue) {
        self.destinations.entry(dsn.to_owned()).or_default().insert(fingerprint.to_owned(), issue);
        self.issues += 1;
    }

    /// Whether no more findings should wait.
    pub fn waits_enough(&self) -> bool {
        let issues = self.destinations.values().flat_map(HashMap::values);
        issues.filter(|issue| issue.waiting.is_some()).count() >= MAX_WAITING
    }

    /// All of them.
    pub fn all(&mut self) -> impl Iterator<Item = &mut Issue> {
        self.destinations.values_mut().flat_map(HashMap::values_mut)
    }

    /// The issues that this batch touched.
    pub fn dirty(&mut self) -> impl Iterator<Item = (&str, &mut Issue)> {
        self.destinations.iter_mut().flat_map(|(dsn, issues)| {
            issues.values_mut().filter(|issue| issue.dirty).map(|issue| (dsn.as_str(), issue))
        })
    }
}

impl Issue {
    pub fn new(id: i64, history: History, seen: Timestamp) -> Issue {
        Issue {
            id,
            history,
            first_seen: seen,
            last_seen: seen,
            users: 0,
            met: HashSet::new(),
            hours: Vec::new(),
            places: Vec::new(),
            dirty: true,
            held: None,
            is_held: false,
            waiting: None,
            shown: None,
        }
    }

    /// Notes that a user met the issue; whether that is news.
    pub fn meet(&mut self, db: &Connection, user: i64) -> rusqlite::Result<bool> {
        if self.met.contains(&user) || self.users >= MAX_COUNTED_USERS {
            return Ok(false);
        }
        let mut insert = db.prepare_cached("INSERT OR IGNORE INTO issue_user (issue, user) VALUES (?1, ?2)")?;
        let new = insert.execute([self.id, user])? == 1;
        self.users += u64::from(new);
        if self.met.len() < MAX_USERS {
            self.met.insert(user);
        }
        Ok(new)
    }

    /// Counts an occurrence by its time and place.
    pub fn count(&mut self, seen: Timestamp, path: &str, host: &str, line: u64, offset: u64) {
        self.dirty = true;
        self.first_seen = self.first_seen.min(seen);
        self.last_seen = self.last_seen.max(seen);
        let hour = millis(seen).div_euclid(3_600_000);
        match self.hours.iter_mut().rev().find(|(of, _)| *of == hour) {
            Some((_, events)) => *events += 1,
            None => self.hours.push((hour, 1)),
        }
        if let Some(place) = self.places.iter_mut().find(|place| place.path == path && place.host == host) {
            place.events += 1;
            (place.line, place.offset) = (line, offset);
            place.last_seen = place.last_seen.max(seen);
        } else if self.places.len() < MAX_PLACES {
            let (path, host) = (path.to_owned(), host.to_owned());
            self.places.push(Place { path, host, events: 1, line, offset, last_seen: seen });
        }
    }

    /// Makes the row equal to the issue.
    pub fn write(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.dirty = false;
        let history = &self.history;
        let pending = &history.pending;
        let places = (pending.occurrences > 0)
            .then(|| serde_json::to_string(&(&pending.hosts, &pending.files)).unwrap_or_default());
        db.prepare_cached(
            "UPDATE issue SET state = ?2, resolved_at = ?3, ignored_until = ?4, ignored_events = ?5, events = ?6,
             users = ?7, first_seen = ?8, last_seen = ?9, burst = ?10, seen_at = ?11, sent_at = ?12, users_at = ?13,
             users_sent = ?14, pending = ?15, pending_first = ?16, pending_last = ?17, pending_places = ?18 WHERE id = ?1",
        )?
        .execute(params![
            self.id,
            history.state.as_str(),
            history.resolved_at.map(millis),
            history.ignored_until.map(millis),
            history.ignored_events.map(u64::cast_signed),
            history.events.cast_signed(),
            self.users.cast_signed(),
            millis(self.first_seen),
            millis(self.last_seen),
            history.burst.cast_signed(),
            history.seen_at.map(millis),
            history.sent_at.map(millis),
            history.users_at.map(millis),
            history.users_sent,
            pending.occurrences.cast_signed(),
            pending.first_seen.map(millis),
            pending.last_seen.map(millis),
            places,
        ])?;
        for (hour, events) in self.hours.drain(..) {
            db.prepare_cached(
                "INSERT INTO issue_hour (issue, hour, events) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET events = events + excluded.events",
            )?
            .execute(params![self.id, hour, events.cast_signed()])?;
        }
        for place in self.places.drain(..) {
            place.write(db, self.id)?;
        }
        Ok(())
    }
}

impl Place {
    fn write(&self, db: &Connection, issue: i64) -> rusqlite::Result<()> {
        db.prepare_cached(
            "INSERT INTO issue_place (issue, path, host, events, line, offset, last_seen)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
             WHERE (SELECT count(*) FROM issue_place WHERE issue = ?1) < ?8
                OR EXISTS (SELECT 1 FROM issue_place WHERE issue = ?1 AND path = ?2 AND host = ?3)
             ON CONFLICT DO UPDATE SET events = events + excluded.events, line = excluded.line,
                offset = excluded.offset, last_seen = max(last_seen, excluded.last_seen)",
        )?
        .execute(params![
            issue,
            self.path,
            self.host,
            self.events.cast_signed(),
            self.line.cast_signed(),
            self.offset.cast_signed(),
            millis(self.last_seen),
            MAX_PLACES as i64,
        ])?;
        Ok(())
    }
}

/// An issue's row. One that was found before there was a DSN becomes the DSN's.
fn load(db: &Connection, dsn: &str, fingerprint: &str) -> rusqlite::Result<Option<Issue>> {
    let find = |dsn: &str| {
        db.prepare_cached(
            "SELECT id, state, resolved_at, ignored_until, ignored_events, events, users, first_seen, last_seen, burst,
             seen_at, sent_at, users_at, users_sent, pending, pending_first, pending_last, pending_places FROM issue WHERE fingerprint = ?1 AND dsn_key = ?2",
        )?
        .query_row([fingerprint, dsn], from_row)
        .optional()
    };
    let found = find(dsn)?;
    if found.is_some() || dsn.is_empty() {
        return Ok(found);
    }
    let Some(mut issue) = find("")? else { return Ok(None) };
    db.execute("UPDATE issue SET dsn_key = ?2 WHERE id = ?1", params![issue.id, dsn])?;
    // Nothing of it was sent: its next occurrence is the first for Sentry.
    issue.history.sent_at = None;
    Ok(Some(issue))
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Issue> {
    let at = |name| row.get::<_, Option<i64>>(name).map(|at| at.map(time));
    let number = |name| row.get::<_, i64>(name).map(i64::cast_unsigned);
    let history = History {
        state: State::parse(&row.get::<_, String>("state")?),
        resolved_at: at("resolved_at")?,
        ignored_until: at("ignored_until")?,
        ignored_events: row.get::<_, Option<i64>>("ignored_events")?.map(i64::cast_unsigned),
        events: number("events")?,
        burst: number("burst")?,
        seen_at: at("seen_at")?,
        sent_at: at("sent_at")?,
        users_at: at("users_at")?,
        users_sent: row.get("users_sent")?,
        pending: pending(row)?,
    };
    let mut issue = Issue::new(row.get("id")?, history, time(row.get("last_seen")?));
    issue.first_seen = time(row.get("first_seen")?);
    issue.users = number("users")?;
    issue.dirty = false;
    Ok(issue)
}

/// What an issue's next event stands for, from the row.
pub(super) fn pending(row: &Row<'_>) -> rusqlite::Result<Pending> {
    let at = |name| row.get::<_, Option<i64>>(name).map(|at| at.map(time));
    let places: Option<String> = row.get("pending_places")?;
    let (hosts, files) = places.and_then(|places| serde_json::from_str(&places).ok()).unwrap_or_default();
    let occurrences = row.get::<_, i64>("pending")?.cast_unsigned();
    Ok(Pending { occurrences, first_seen: at("pending_first")?, last_seen: at("pending_last")?, hosts, files })
}
