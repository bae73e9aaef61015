//! The rows of an issue: read, and brought up to what is in memory.
//!
//! In: an issue. Out: its row, its users, hours and places. Invariant: writing changes nothing in memory that a second
//! attempt needs. Runs inside a transaction; does not open or end it.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::commit::{Built, Held};
use super::known::{First, Issue, MAX_PLACES, Place, Said};
use super::{millis, time};
use crate::issue::{History, Pending, State};

impl Issue {
    /// Makes the rows equal to the issue.
    pub(super) fn write(&mut self, db: &Connection) -> rusqlite::Result<()> {
        if let Some(first) = &self.first {
            self.id = first.insert(db, self.dsn.as_deref().unwrap_or(""))?;
        }
        if self.is_adopted {
            db.prepare_cached("UPDATE issue SET dsn_key = ?2 WHERE id = ?1")?.execute(params![self.id, self.dsn])?;
        }
        self.write_users(db)?;
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
            (self.users + self.users_new).cast_signed(),
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
        for (hour, events) in &self.hours {
            db.prepare_cached(
                "INSERT INTO issue_hour (issue, hour, events) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET events = events + excluded.events",
            )?
            .execute(params![self.id, hour, events.cast_signed()])?;
        }
        self.places.iter().try_for_each(|place| place.write(db, self.id))
    }

    fn write_users(&mut self, db: &Connection) -> rusqlite::Result<()> {
        self.users_new = 0;
        // One page of the table after the other.
        self.users_met.sort_unstable();
        let mut insert = db.prepare_cached("INSERT OR IGNORE INTO issue_user (issue, user) VALUES (?1, ?2)")?;
        for user in &self.users_met {
            self.users_new += insert.execute([self.id, *user])? as u64;
        }
        Ok(())
    }
}

impl First {
    fn insert(&self, db: &Connection, dsn: &str) -> rusqlite::Result<i64> {
        db.prepare_cached(
            "INSERT INTO issue (fingerprint, dsn_key, platform, category, level, type, message, culprit, first_seen, last_seen)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)",
        )?
        .execute(params![
            self.fingerprint,
            dsn,
            self.platform,
            self.category,
            self.level,
            self.kind,
            self.message,
            self.culprit,
            millis(self.seen),
        ])?;
        Ok(db.last_insert_rowid())
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

/// The event that an issue shows, and that goes out when its window closes if it is `held`.
pub(super) fn write_sample(db: &Connection, issue: i64, event: &Built, held: Held) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO sample (issue, event_id, held, body) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![issue, event.event_id, held as i64, event.body])
        .map(drop)
}

/// Whether a user is known to have met an issue.
pub(super) fn has_met(db: &Connection, issue: i64, user: i64) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM issue_user WHERE issue = ?1 AND user = ?2")?.exists([issue, user])
}

/// What people said of an issue.
pub(super) fn said(db: &Connection, issue: i64) -> rusqlite::Result<Option<Said>> {
    let mut query =
        db.prepare_cached("SELECT state, resolved_at, ignored_until, ignored_events FROM issue WHERE id = ?1")?;
    query.query_row([issue], said_of).optional()
}

/// An issue's row. One that was found before there was a DSN becomes the DSN's.
pub(super) fn load(db: &Connection, dsn: Option<Arc<str>>, fingerprint: &str) -> rusqlite::Result<Option<Issue>> {
    let find = |key: &str| {
        db.prepare_cached(
            "SELECT id, state, resolved_at, ignored_until, ignored_events, events, users, first_seen, last_seen, burst,
             seen_at, sent_at, users_at, users_sent, pending, pending_first, pending_last, pending_places FROM issue WHERE fingerprint = ?1 AND dsn_key = ?2",
        )?
        .query_row([fingerprint, key], |row| from_row(row, dsn.clone()))
        .optional()
    };
    let found = find(dsn.as_deref().unwrap_or(""))?;
    if found.is_some() || dsn.is_none() {
        return Ok(found);
    }
    let Some(mut issue) = find("")? else { return Ok(None) };
    issue.is_adopted = true;
    // Nothing of it was sent: its next occurrence is the first for Sentry.
    issue.history.sent_at = None;
    Ok(Some(issue))
}

fn from_row(row: &Row<'_>, dsn: Option<Arc<str>>) -> rusqlite::Result<Issue> {
    let at = |name| row.get::<_, Option<i64>>(name).map(|at| at.map(time));
    let number = |name| row.get::<_, i64>(name).map(i64::cast_unsigned);
    let Said { state, resolved_at, ignored_until, ignored_events } = said_of(row)?;
    let history = History {
        state,
        resolved_at,
        ignored_until,
        ignored_events,
        events: number("events")?,
        burst: number("burst")?,
        seen_at: at("seen_at")?,
        sent_at: at("sent_at")?,
        users_at: at("users_at")?,
        users_sent: row.get("users_sent")?,
        pending: pending(row)?,
    };
    let seen = |name| row.get(name).map(time);
    let mut issue = Issue::new(row.get("id")?, dsn, history, number("users")?);
    (issue.first_seen, issue.last_seen) = (seen("first_seen")?, seen("last_seen")?);
    Ok(issue)
}

fn said_of(row: &Row<'_>) -> rusqlite::Result<Said> {
    let at = |name| row.get::<_, Option<i64>>(name).map(|at: Option<i64>| at.map(time));
    let resolved_at: Option<Timestamp> = at("resolved_at")?;
    Ok(Said {
        state: State::parse(&row.get::<_, String>("state")?),
        resolved_at,
        ignored_until: at("ignored_until")?,
        ignored_events: row.get::<_, Option<i64>>("ignored_events")?.map(i64::cast_unsigned),
    })
}

/// What an issue's next event stands for, from the row.
pub(super) fn pending(row: &Row<'_>) -> rusqlite::Result<Pending> {
    let at = |name| row.get::<_, Option<i64>>(name).map(|at| at.map(time));
    let places: Option<String> = row.get("pending_places")?;
    let (hosts, files) = places.and_then(|places| serde_json::from_str(&places).ok()).unwrap_or_default();
    let occurrences = row.get::<_, i64>("pending")?.cast_unsigned();
    Ok(Pending { occurrences, first_seen: at("pending_first")?, last_seen: at("pending_last")?, hosts, files })
}
