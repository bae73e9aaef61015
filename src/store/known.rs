//! The issues in memory: those that the last findings touched.
//!
//! In: issues' rows, findings. Out: the same, with what was counted since the last commit. Invariants: bounded between
//! commits; an issue that is not dirty equals its row. Does not decide, and writes nothing.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Connection;

use super::commit::Held;
use super::{millis, rows};
use crate::issue::{History, Repeats, State};
use crate::pipeline::Finding;

/// Issues kept in memory between commits, of about 1 KiB each,
const MAX_ISSUES: usize = 16_384;
/// and issues at which a commit is due.
const MAX_DIRTY: usize = 4096;
/// Users of one issue kept in memory; the table knows the others.
const MAX_USERS: usize = 256;
/// Users counted on one issue.
const MAX_COUNTED_USERS: u64 = 100_000;
/// Bytes of findings whose events are to be built, about.
const MAX_KEPT_BYTES: usize = 4 << 20;
/// Bytes of a finding without the lines before it, about.
const FINDING_BYTES: usize = 2048;
/// Places kept of one issue.
pub(super) const MAX_PLACES: usize = 100;

/// Issues by destination and fingerprint.
#[derive(Default)]
pub(super) struct Known {
    by_name: HashMap<Option<Arc<str>>, HashMap<String, usize>>,
    issues: Vec<Issue>,
    /// Those that are to be written.
    pub dirty: Vec<usize>,
    /// Those of which a finding is kept over a commit, until there is time to build its event.
    waiting: Vec<usize>,
    kept_bytes: usize,
}

/// An issue in memory.
pub(super) struct Issue {
    /// 0 before it has a row.
    pub id: i64,
    /// Where its events go.
    pub dsn: Option<Arc<str>>,
    pub history: History,
    /// What people said of it, as its row has it.
    pub said: Said,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub users: u64,
    /// Users that the table is to take; which of them are news it tells.
    pub users_met: Vec<i64>,
    /// Users that the last attempt at a commit found new.
    pub users_new: u64,
    met: HashSet<i64>,
    /// Whether `met` is all of its users.
    met_all: bool,
    pub hours: Vec<(i64, u64)>,
    pub places: Vec<Place>,
    pub is_dirty: bool,
    /// What only its first finding says, until it has a row.
    pub first: Option<Box<First>>,
    /// Whether its row is of the time before there was a DSN.
    pub is_adopted: bool,
    /// Index of its last event that waits for the commit.
    pub event: Option<usize>,
    /// The last finding that was counted since the last one sent, and why it was.
    held: Option<(Box<Finding>, Held)>,
    /// Whether its sample is known to be one that was kept back.
    is_held: bool,
    is_waiting: bool,
    /// Whether the next commit makes its sample of what was held.
    writes_held: bool,
    /// Without a DSN: the last finding that its sample is to be of, and what that stands for.
    shown: Option<(Box<Finding>, Repeats)>,
}

/// The columns that people change, beside a running agent.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub state: State,
    pub resolved_at: Option<Timestamp>,
    pub ignored_until: Option<Timestamp>,
    pub ignored_events: Option<u64>,
}

/// The columns that stay as they were when the issue was found.
pub(super) struct First {
    pub fingerprint: String,
    pub platform: String,
    pub category: &'static str,
    pub level: Option<String>,
    pub kind: String,
    pub message: String,
    pub culprit: Option<String>,
    pub seen: Timestamp,
}

/// Where an issue was found.
pub(super) struct Place {
    pub path: String,
    pub host: String,
    pub events: u64,
    pub line: u64,
    pub offset: u64,
    pub last_seen: Timestamp,
}

impl Known {
    pub fn clear(&mut self) {
        *self = Known::default();
    }

    /// The issue, from memory or from its row.
    pub fn get(&mut self, db: &Connection, dsn: Option<&Arc<str>>, name: &str) -> rusqlite::Result<Option<usize>> {
        let dsn = dsn.cloned();
        if let Some(index) = self.by_name.get(&dsn).and_then(|issues| issues.get(name)) {
            return Ok(Some(*index));
        }
        Ok(rows::load(db, dsn, name)?.map(|issue| self.add(name, issue)))
    }

    pub fn add(&mut self, name: &str, issue: Issue) -> usize {
        let index = self.issues.len();
        self.by_name.entry(issue.dsn.clone()).or_default().insert(name.to_owned(), index);
        self.issues.push(issue);
        index
    }

    pub fn at(&mut self, index: usize) -> &mut Issue {
        &mut self.issues[index]
    }

    /// The issue, which is to be written.
    pub fn touch(&mut self, index: usize) -> &mut Issue {
        let issue = &mut self.issues[index];
        if !issue.is_dirty {
            issue.is_dirty = true;
            self.dirty.push(index);
        }
        issue
    }

    /// Keeps the finding that is to go out when the issue's window closes.
    pub fn hold(&mut self, index: usize, finding: Finding, why: Held) {
        self.kept_bytes += size(&finding);
        let before = self.issues[index].held.replace((Box::new(finding), why));
        self.kept_bytes -= before.map_or(0, |(finding, _)| size(&finding));
    }

    /// An event of the issue goes out: what was held goes with it.
    pub fn release(&mut self, index: usize) {
        let issue = &mut self.issues[index];
        issue.is_held = false;
        self.kept_bytes -= issue.held.take().map_or(0, |(finding, _)| size(&finding));
    }

    /// Keeps the finding that the issue's sample is to be of.
    pub fn show(&mut self, index: usize, finding: Finding, repeats: Repeats) {
        self.kept_bytes += size(&finding);
        let before = self.issues[index].shown.replace((Box::new(finding), repeats));
        self.kept_bytes -= before.map_or(0, |(finding, _)| size(&finding));
    }

    /// Whether a commit should make room.
    pub fn is_full(&self) -> bool {
        self.kept_bytes >= MAX_KEPT_BYTES || self.dirty.len() >= MAX_DIRTY
    }

    /// Chooses what the next commit makes samples of. Where another one `follows` at once, those that would only replace
    /// others of their kind are put off.
    pub fn plan(&mut self, follows: bool) {
        let puts_off = follows && self.kept_bytes < MAX_KEPT_BYTES;
        let waiting = if puts_off { Vec::new() } else { std::mem::take(&mut self.waiting) };
        for index in waiting {
            self.issues[index].is_waiting = false;
            self.touch(index);
        }
        for index in self.dirty.iter().copied() {
            let issue = &mut self.issues[index];
            let waits = puts_off && issue.is_held;
            issue.writes_held = issue.held.is_some() && !waits;
            if issue.held.is_some() && waits && !std::mem::replace(&mut issue.is_waiting, true) {
                self.waiting.push(index);
            }
        }
    }

    /// Takes over what people said meanwhile. What the schedule made of it stays where they said nothing.
    pub fn refresh(&mut self, db: &Connection) -> rusqlite::Result<()> {
        for issue in self.issues.iter_mut().filter(|issue| issue.id != 0) {
            let Some(said) = rows::said(db, issue.id)? else { continue };
            if said != issue.said {
                issue.said = said;
                let history = &mut issue.history;
                (history.state, history.resolved_at) = (said.state, said.resolved_at);
                (history.ignored_until, history.ignored_events) = (said.ignored_until, said.ignored_events);
            }
        }
        Ok(())
    }

    /// Each issue equals its row now.
    pub fn written(&mut self) {
        for index in self.dirty.drain(..) {
            let issue = &mut self.issues[index];
            issue.written();
            let shown = issue.shown.take().map(|(finding, _)| finding);
            let held = if issue.writes_held { issue.held.take().map(|(finding, _)| finding) } else { None };
            issue.is_held |= std::mem::take(&mut issue.writes_held);
            self.kept_bytes -= [shown, held].iter().flatten().map(|finding| size(finding)).sum::<usize>();
        }
        if self.issues.len() > MAX_ISSUES {
            self.clear();
        }
    }
}

/// Bytes of a finding, about.
fn size(finding: &Finding) -> usize {
    finding.record.before.size() + FINDING_BYTES
}

impl Issue {
    /// An issue that has a row: `id`, and so many users.
    pub fn new(id: i64, dsn: Option<Arc<str>>, history: History, users: u64) -> Issue {
        Issue {
            id,
            dsn,
            said: Said::of(&history),
            history,
            first_seen: Timestamp::MAX,
            last_seen: Timestamp::MIN,
            users,
            users_met: Vec::new(),
            users_new: 0,
            met: HashSet::new(),
            met_all: users == 0,
            hours: Vec::new(),
            places: Vec::new(),
            is_dirty: false,
            first: None,
            is_adopted: false,
            event: None,
            held: None,
            is_held: false,
            is_waiting: false,
            writes_held: false,
            shown: None,
        }
    }

    /// What the commit makes the issue's sample of, in place of an event that goes out.
    pub fn kept(&self) -> Option<(&Finding, Option<&Repeats>, Held)> {
        let held = self.held.as_ref().filter(|_| self.writes_held).map(|(finding, why)| (&**finding, None, *why));
        held.or_else(|| self.shown.as_ref().map(|(finding, repeats)| (&**finding, Some(repeats), Held::No)))
    }

    /// Notes that a user met the issue; whether that is news, where it is `asked`.
    pub fn meet(&mut self, db: &Connection, user: i64, asked: bool) -> rusqlite::Result<bool> {
        if self.users + self.users_met.len() as u64 >= MAX_COUNTED_USERS || self.met.contains(&user) {
            return Ok(false);
        }
        let is_new = self.met_all || asked && !rows::has_met(db, self.id, user)?;
        self.met.insert(user);
        self.users_met.push(user);
        Ok(is_new)
    }

    /// Counts an occurrence by its time and place.
    pub fn count(&mut self, seen: Timestamp, path: &str, host: &str, line: u64, offset: u64) {
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

    fn written(&mut self) {
        self.is_dirty = false;
        self.is_adopted = false;
        self.said = Said::of(&self.history);
        self.users += std::mem::take(&mut self.users_new);
        (self.first, self.event) = (None, None);
        self.hours.clear();
        self.places.clear();
        self.users_met = Vec::new();
        if self.met.len() > MAX_USERS {
            self.met = HashSet::new();
            self.met_all = false;
        }
    }
}

impl Said {
    fn of(history: &History) -> Said {
        Said {
            state: history.state,
            resolved_at: history.resolved_at,
            ignored_until: history.ignored_until,
            ignored_events: history.ignored_events,
        }
    }
}
