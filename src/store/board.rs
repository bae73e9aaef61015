//! What people ask of the issues, and what they say of them.
//!
//! In: filters and ids. Out: rows; states changed. Invariant: reads do not hold up the agent. Does not print.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use super::{Sample, Store, StoreError, millis, time};
use crate::issue::State;

/// One issue, as `errtail issues --output json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IssueRow {
    /// What people type.
    pub id: String,
    /// The grouping key.
    pub fingerprint: String,
    /// Its state.
    pub state: State,
    /// Sentry's name of it.
    pub platform: String,
    /// What failed.
    pub category: String,
    /// The outermost exception's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its message, scrubbed.
    pub message: String,
    /// The first frame of the application's own code.
    pub culprit: Option<String>,
    /// All occurrences, sent or counted.
    pub events: u64,
    /// Distinct users.
    pub users: u64,
    /// The log's time of the first one.
    #[serde(serialize_with = "rfc3339")]
    pub first_seen: Timestamp,
    /// The log's time of the last one.
    #[serde(serialize_with = "rfc3339")]
    pub last_seen: Timestamp,
    /// Events that Sentry has taken.
    pub sent: u64,
    /// The first record's level.
    pub level: Option<String>,
}

fn rfc3339<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

/// Which issues, in which order.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those of these states; empty for all.
    pub states: Vec<State>,
    /// Those of this category.
    pub category: Option<String>,
    /// Those found in a file whose path holds this.
    pub file: Option<String>,
    /// Those whose type, message or culprit holds this.
    pub text: Option<String>,
    /// The order.
    pub sort: Sort,
    /// At most so many; 0 for all.
    pub limit: usize,
    /// Without the first so many.
    pub offset: usize,
}

/// What issues are sorted by, the greatest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Sort {
    /// Most recently seen first
    #[default]
    LastSeen,
    /// Newest first
    FirstSeen,
    /// Most occurrences first
    Events,
    /// Most users first
    Users,
    /// Most occurrences within the last 24 hours first
    Frequency,
    /// Longest known first
    Oldest,
}

const COLUMNS: &str = "id, fingerprint, state, platform, category, type, message, culprit, events, users, first_seen, last_seen, sent, level";

fn from_row(row: &Row<'_>) -> rusqlite::Result<IssueRow> {
    let number = |name| row.get::<_, i64>(name).map(i64::cast_unsigned);
    Ok(IssueRow {
        id: row.get::<_, i64>("id")?.to_string(),
        fingerprint: row.get("fingerprint")?,
        state: State::parse(&row.get::<_, String>("state")?),
        platform: row.get("platform")?,
        category: row.get("category")?,
        kind: row.get("type")?,
        message: row.get("message")?,
        culprit: row.get("culprit")?,
        events: number("events")?,
        users: number("users")?,
        first_seen: time(row.get("first_seen")?),
        last_seen: time(row.get("last_seen")?),
        sent: number("sent")?,
        level: row.get("level")?,
    })
}

pub(super) fn row(db: &Connection, id: i64) -> rusqlite::Result<IssueRow> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM issue WHERE id = ?1"))?.query_row([id], from_row)
}

/// One issue with all that is kept of it.
#[derive(Debug, Clone)]
pub struct IssuePage {
    /// Its row.
    pub row: IssueRow,
    /// Where it was found, most recent first.
    pub places: Vec<Place>,
    /// Ids of the events that Sentry has taken, newest first.
    pub event_ids: Vec<String>,
    /// Occurrences of each of the last 24 hours, oldest first.
    pub hours: [u64; 24],
    /// The latest event that was built of it.
    pub sample: Option<Sample>,
}

/// A place in the logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file.
    pub path: String,
    /// The host, pod or container; empty where the log does not say.
    pub host: String,
    /// Occurrences there.
    pub events: u64,
    /// The last one's first line, from 1.
    pub line: u64,
    /// The last one's byte offset.
    pub offset: u64,
    /// The last one's time.
    #[serde(serialize_with = "rfc3339")]
    pub last_seen: Timestamp,
}

impl Store {
    /// The issues that a filter lets through.
    ///
    /// # Errors
    /// The database refuses.
    pub fn issues(&self, filter: &Filter, now: Timestamp) -> Result<Vec<IssueRow>, StoreError> {
        let order = match filter.sort {
            Sort::LastSeen => "last_seen DESC",
            Sort::FirstSeen => "first_seen DESC",
            Sort::Oldest => "first_seen",
            Sort::Events => "events DESC",
            Sort::Users => "users DESC",
            Sort::Frequency => {
                "(SELECT ifnull(sum(h.events), 0) FROM issue_hour h WHERE h.issue = issue.id AND h.hour > ?5) DESC"
            }
        };
        let states = filter.states.iter().map(|state| format!("'{}'", state.as_str())).collect::<Vec<_>>().join(", ");
        let states = if states.is_empty() { "1".to_owned() } else { format!("state IN ({states})") };
        let limit = if filter.limit == 0 { -1 } else { i64::try_from(filter.limit).unwrap_or(i64::MAX) };
        self.read(|db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM issue WHERE {states} AND (?1 IS NULL OR category = ?1)
                 AND (?2 IS NULL OR EXISTS (SELECT 1 FROM issue_place p WHERE p.issue = issue.id AND instr(p.path, ?2)))
                 AND (?3 IS NULL OR instr(lower(type || ' ' || message || ' ' || ifnull(culprit, '')), lower(?3)))
                 AND ?5 IS NOT NULL ORDER BY {order}, id DESC LIMIT ?4 OFFSET ?6"
            ))?;
            let day = millis(now).div_euclid(3_600_000) - 24;
            query
                .query_map(
                    params![filter.category, filter.file, filter.text, limit, day, filter.offset as i64],
                    from_row,
                )?
                .collect()
        })
    }

    /// One issue with all that is kept of it. `id` is its short id, or the beginning of its fingerprint.
    ///
    /// # Errors
    /// The database refuses.
    pub fn issue(&self, id: &str, now: Timestamp) -> Result<Option<IssuePage>, StoreError> {
        self.read(|db| {
            let Some(id) = find(db, id)? else { return Ok(None) };
            let mut query = db.prepare_cached(
                "SELECT path, host, events, line, offset, last_seen FROM issue_place WHERE issue = ?1
                 ORDER BY last_seen DESC",
            )?;
            let places = query.query_map([id], place)?.collect::<Result<_, _>>()?;
            let mut query =
                db.prepare_cached("SELECT event_id FROM issue_event WHERE issue = ?1 ORDER BY sent_at DESC")?;
            let event_ids = query.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
            let sample = db
                .prepare_cached("SELECT body FROM sample WHERE issue = ?1")?
                .query_row([id], |row| row.get::<_, Vec<u8>>(0))
                .optional()?
                .map(|body| Sample::parse(&body));
            Ok(Some(IssuePage { row: row(db, id)?, places, event_ids, hours: hours(db, id, now)?, sample }))
        })
    }

    /// Occurrences of each of the last 24 hours, oldest first.
    ///
    /// # Errors
    /// The database refuses.
    pub fn hours(&self, id: &str, now: Timestamp) -> Result<[u64; 24], StoreError> {
        self.read(|db| hours(db, id.parse().unwrap_or(0), now))
    }

    /// Marks an issue resolved: silent until it comes back. Whether there is such an issue.
    ///
    /// # Errors
    /// The database refuses.
    pub fn resolve(&mut self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.set_state(id, State::Resolved, Some(now), None, None)
    }

    /// Ignores an issue: for ever, until a time, or for a number of occurrences. Whether there is such an issue.
    ///
    /// # Errors
    /// The database refuses.
    pub fn ignore(&mut self, id: &str, until: Option<Timestamp>, events: Option<u64>) -> Result<bool, StoreError> {
        self.set_state(id, State::Ignored, None, until, events)
    }

    /// Takes back what was said of an issue. Whether there is such an issue.
    ///
    /// # Errors
    /// The database refuses.
    pub fn reopen(&mut self, id: &str) -> Result<bool, StoreError> {
        self.set_state(id, State::Unresolved, None, None, None)
    }

    fn set_state(
        &mut self,
        id: &str,
        state: State,
        resolved_at: Option<Timestamp>,
        until: Option<Timestamp>,
        events: Option<u64>,
    ) -> Result<bool, StoreError> {
        self.in_transaction(|memory, db| {
            let Some(id) = find(db, id)? else { return Ok(false) };
            db.execute(
                "UPDATE issue SET state = ?2, resolved_at = ?3, ignored_until = ?4, ignored_events = ?5 WHERE id = ?1",
                params![id, state.as_str(), resolved_at.map(millis), until.map(millis), events.map(u64::cast_signed)],
            )?;
            memory.known.refresh(db)?;
            Ok(true)
        })
    }
}

fn place(row: &Row<'_>) -> rusqlite::Result<Place> {
    let number = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
    Ok(Place {
        path: row.get(0)?,
        host: row.get(1)?,
        events: number(2)?,
        line: number(3)?,
        offset: number(4)?,
        last_seen: time(row.get(5)?),
    })
}

fn hours(db: &Connection, issue: i64, now: Timestamp) -> rusqlite::Result<[u64; 24]> {
    let last = millis(now).div_euclid(3_600_000);
    let mut hours = [0; 24];
    let mut query = db.prepare_cached("SELECT hour, events FROM issue_hour WHERE issue = ?1 AND hour > ?2")?;
    let mut rows = query.query([issue, last - 24])?;
    while let Some(row) = rows.next()? {
        let index = usize::try_from(row.get::<_, i64>(0)? - (last - 23)).unwrap_or(usize::MAX);
        if let Some(slot) = hours.get_mut(index) {
            *slot = row.get::<_, i64>(1)?.cast_unsigned();
        }
    }
    Ok(hours)
}

/// An issue by its short id, or by a beginning of its fingerprint that no other has.
fn find(db: &Connection, id: &str) -> rusqlite::Result<Option<i64>> {
    if let Ok(number) = id.parse::<i64>() {
        let mut query = db.prepare_cached("SELECT id FROM issue WHERE id = ?1")?;
        let found = query.query_row([number], |row| row.get(0)).optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    if id.len() < 6 {
        return Ok(None);
    }
    let mut query = db.prepare_cached("SELECT id FROM issue WHERE substr(fingerprint, 1, length(?1)) = ?1 LIMIT 2")?;
    let found: Vec<i64> = query.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(if let [only] = found[..] { Some(only) } else { None })
}
