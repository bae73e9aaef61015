//! The outbox: events on their way to Sentry, and what became of them.
//!
//! In: built events, Sentry's answers. Out: what is due. Invariants: a row leaves only after an answer, or when it
//! is given up, which is counted and told to Sentry; the outbox is bounded. Does not send.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::aside::forget_failed;
use super::commit::{Built, Tally};
use super::{Settings, Store, StoreError, millis, time};

/// Event ids kept of one issue.
const MAX_EVENT_IDS: i64 = 100;

/// An event to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its row, for `settle`.
    pub id: i64,
    /// 32 hex digits, the same at each attempt.
    pub event_id: String,
    /// Which DSN it goes to.
    pub dsn_key: String,
    /// The event, JSON.
    pub body: Vec<u8>,
    /// Attempts so far.
    pub attempts: u32,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Sentry took it: the row goes.
    Sent,
    /// No answer, or one that may change: again, not before `at`.
    Retry {
        /// When.
        at: Timestamp,
        /// What was wrong, one line.
        why: String,
    },
    /// The DSN takes nothing before `until` (a rate limit, a key that was refused): all its events wait.
    Hold {
        /// When it may be tried again.
        until: Timestamp,
        /// What Sentry said, one line.
        why: String,
    },
    /// Sentry refused this event: it is kept aside.
    Failed {
        /// What Sentry said, one line.
        why: String,
    },
}

/// How full the outbox is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fill {
    /// Events that wait.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether nothing more should be read.
    pub is_full: bool,
}

impl Fill {
    /// With one event more.
    pub(super) fn with(self, event: &Built, settings: &Settings) -> Fill {
        Fill::of(self.events + 1, self.bytes + event.body.len() as u64, settings)
    }

    fn of(events: u64, bytes: u64, settings: &Settings) -> Fill {
        Fill { events, bytes, is_full: events >= settings.max_outbox_events || bytes >= settings.max_outbox_bytes }
    }
}

/// What was given up, for a client report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientReport {
    /// Sentry's word for it: `cache_overflow`, `send_error`, …
    pub reason: String,
    /// How many events.
    pub quantity: u64,
}

/// Why an event was given up, in Sentry's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Discarded {
    /// It waited too long, or was pushed out of what is kept aside.
    CacheOverflow,
    /// Sentry refused it.
    SendError,
}

impl Discarded {
    fn as_str(self) -> &'static str {
        match self {
            Discarded::CacheOverflow => "cache_overflow",
            Discarded::SendError => "send_error",
        }
    }
}

pub(super) enum Queued {
    New,
    Already,
}

pub(super) fn push(
    db: &Connection,
    dsn: &str,
    issue: Option<i64>,
    event: &Built,
    now: Timestamp,
) -> rusqlite::Result<Queued> {
    let added = db
        .prepare_cached(
            "INSERT INTO outbox (event_id, dsn_key, issue, created_at, retry_at, bytes, body)
             VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6) ON CONFLICT DO NOTHING",
        )?
        .execute(params![event.event_id, dsn, issue, millis(now), event.body.len() as i64, event.body])?;
    Ok(if added == 1 { Queued::New } else { Queued::Already })
}

pub(super) fn fill(db: &Connection, settings: &Settings) -> rusqlite::Result<Fill> {
    let (events, bytes) = db
        .prepare_cached("SELECT count(*), ifnull(sum(bytes), 0) FROM outbox WHERE failed IS NULL")?
        .query_row([], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned())))?;
    Ok(Fill::of(events, bytes, settings))
}

pub(super) fn hour(now: Timestamp) -> i64 {
    millis(now).div_euclid(3_600_000)
}

/// Events that may still be queued for a DSN in this hour.
pub(super) fn budget_left(db: &Connection, dsn: &str, limit: u64, now: Timestamp) -> rusqlite::Result<u64> {
    if limit == 0 || dsn.is_empty() {
        return Ok(u64::MAX);
    }
    let mut query = db.prepare_cached("SELECT hour_events FROM destination WHERE dsn_key = ?1 AND hour = ?2")?;
    let taken: Option<i64> = query.query_row(params![dsn, hour(now)], |row| row.get(0)).optional()?;
    Ok(limit.saturating_sub(taken.unwrap_or(0).cast_unsigned()))
}

pub(super) fn take_budget(db: &Connection, dsn: &str, events: u64, now: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO destination (dsn_key, hour, hour_events) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET
         hour_events = iif(hour = excluded.hour, hour_events, 0) + excluded.hour_events, hour = excluded.hour",
    )?
    .execute(params![dsn, hour(now), events.cast_signed()])
    .map(drop)
}

impl Store {
    /// Whether nothing more should be read until some of the outbox is sent.
    ///
    /// # Errors
    /// The database refuses.
    pub fn is_full(&self) -> Result<bool, StoreError> {
        self.fill().map(|fill| fill.is_full)
    }

    /// How full the outbox is.
    ///
    /// # Errors
    /// The database refuses.
    pub fn fill(&self) -> Result<Fill, StoreError> {
        self.read(|db| fill(db, &self.settings))
    }

    /// Events whose time has come, oldest first, so many that at most `per_dsn` of each DSN are being sent; each is
    /// handed out once until it is settled.
    ///
    /// # Errors
    /// The database refuses.
    pub fn due(&mut self, now: Timestamp, per_dsn: usize) -> Result<Vec<Outgoing>, StoreError> {
        let due = self.read(|db| {
            let mut ids = db.prepare_cached(
                "SELECT id FROM outbox WHERE failed IS NULL AND dsn_key = ?1 AND retry_at <= ?2 ORDER BY id LIMIT ?3",
            )?;
            let mut event =
                db.prepare_cached("SELECT id, event_id, dsn_key, body, attempts FROM outbox WHERE id = ?1")?;
            let mut due = Vec::new();
            for (dsn, _) in waiting(db)?.into_iter().filter(|(_, held_until)| *held_until <= millis(now)) {
                let leased = self.leased_of(&dsn);
                let ids = ids.query_map(params![dsn, millis(now), (per_dsn + leased) as i64], |row| row.get(0))?;
                let ids: Vec<i64> = ids.collect::<Result<_, _>>()?;
                let free = ids.into_iter().filter(|id| !self.leased.contains_key(id));
                for id in free.take(per_dsn.saturating_sub(leased)) {
                    due.push(event.query_row([id], outgoing)?);
                }
            }
            Ok(due)
        })?;
        self.leased.extend(due.iter().map(|outgoing| (outgoing.id, outgoing.dsn_key.clone())));
        Ok(due)
    }

    /// When the next event is due, if one waits that is not being sent, of a DSN of which fewer than `per_dsn` are.
    ///
    /// # Errors
    /// The database refuses.
    pub fn next_due(&self, per_dsn: usize) -> Result<Option<Timestamp>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT id, retry_at FROM outbox WHERE failed IS NULL AND dsn_key = ?1 ORDER BY retry_at LIMIT ?2",
            )?;
            let mut next = None;
            for (dsn, held_until) in waiting(db)? {
                let leased = self.leased_of(&dsn);
                if leased >= per_dsn {
                    continue;
                }
                let mut rows = query.query(params![dsn, leased as i64 + 1])?;
                while let Some(row) = rows.next()? {
                    if !self.leased.contains_key(&row.get(0)?) {
                        let at = row.get::<_, i64>(1)?.max(held_until);
                        next = Some(next.map_or(at, |next: i64| next.min(at)));
                        break;
                    }
                }
            }
            Ok(next.map(time))
        })
    }

    /// How many events of a DSN are being sent.
    fn leased_of(&self, dsn: &str) -> usize {
        self.leased.values().filter(|of| *of == dsn).count()
    }

    /// Says what became of an event that `due` gave out.
    ///
    /// # Errors
    /// The database refuses: the event stays handed out until it is settled.
    pub fn settle(&mut self, id: i64, outcome: &Outcome, now: Timestamp) -> Result<(), StoreError> {
        let settled = self.in_transaction(|state, db| {
            let found = db
                .prepare_cached("SELECT dsn_key, issue FROM outbox WHERE id = ?1")?
                .query_row([id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?)))
                .optional()?;
            let Some((dsn, issue)) = found else { return Ok(()) };
            match outcome {
                Outcome::Sent => sent(db, id, &dsn, now),
                Outcome::Retry { at, why } => {
                    db.prepare_cached("UPDATE outbox SET attempts = attempts + 1, retry_at = ?2 WHERE id = ?1")?
                        .execute(params![id, millis(*at)])?;
                    note_error(db, &dsn, why, now)
                }
                Outcome::Hold { until, why } => {
                    db.prepare_cached(
                        "INSERT INTO destination (dsn_key, held_until, held_why) VALUES (?1, ?2, ?3)
                         ON CONFLICT DO UPDATE SET held_why = iif(held_until > excluded.held_until, held_why, excluded.held_why),
                         held_until = max(ifnull(held_until, 0), excluded.held_until)",
                    )?
                    .execute(params![dsn, millis(*until), why])?;
                    note_error(db, &dsn, why, now)
                }
                Outcome::Failed { why } => {
                    db.prepare_cached("UPDATE outbox SET attempts = attempts + 1, failed = ?2 WHERE id = ?1")?
                        .execute(params![id, why])?;
                    report(db, &dsn, Discarded::SendError, 1)?;
                    if issue.is_some() {
                        move_outcome(db, ("queued", ""), ("failed", ""))?;
                    }
                    note_error(db, &dsn, why, now)?;
                    forget_failed(db, state.settings)
                }
            }
        });
        if settled.is_ok() {
            self.leased.remove(&id);
        }
        settled
    }

    /// Names the DSNs that are configured: each is known from now on, and what waits for an earlier key or an earlier
    /// address of a project goes to the DSN that it has now.
    ///
    /// # Errors
    /// The database refuses.
    pub fn configure(&mut self, dsn_keys: &[String]) -> Result<(), StoreError> {
        self.in_transaction(|state, db| {
            for key in dsn_keys {
                db.execute("INSERT INTO destination (dsn_key) VALUES (?1) ON CONFLICT DO NOTHING", [key])?;
            }
            let mut query = db.prepare("SELECT dsn_key FROM destination UNION SELECT dsn_key FROM outbox")?;
            let known: Vec<String> = query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            for old in known.iter().filter(|old| !dsn_keys.contains(old)) {
                let Some(new) = dsn_keys.iter().find(|new| is_successor(new, old)) else { continue };
                for table in ["outbox", "issue"] {
                    db.execute(&format!("UPDATE OR IGNORE {table} SET dsn_key = ?2 WHERE dsn_key = ?1"), [old, new])?;
                }
                db.execute("DELETE FROM destination WHERE dsn_key = ?1", [old])?;
                state.known.clear();
            }
            Ok(())
        })
    }

    /// Takes what Sentry was not yet told of a DSN's events that were given up.
    ///
    /// # Errors
    /// The database refuses.
    pub fn take_client_reports(&mut self, dsn_key: &str) -> Result<Vec<ClientReport>, StoreError> {
        self.in_transaction(|_, db| {
            let mut query =
                db.prepare_cached("DELETE FROM client_report WHERE dsn_key = ?1 RETURNING reason, quantity")?;
            let rows = query.query_map([dsn_key], |row| {
                Ok(ClientReport { reason: row.get(0)?, quantity: row.get::<_, i64>(1)?.cast_unsigned() })
            })?;
            rows.collect()
        })
    }

    /// Puts back reports that did not reach Sentry.
    ///
    /// # Errors
    /// The database refuses.
    pub fn return_client_reports(&mut self, dsn_key: &str, reports: &[ClientReport]) -> Result<(), StoreError> {
        self.in_transaction(|_, db| reports.iter().try_for_each(|report| add_report(db, dsn_key, report)))
    }
}

/// Whether two DSNs differ by their key alone, or by their address alone.
// sentry.example.com/1#0a1b2c
fn is_successor(new: &str, old: &str) -> bool {
    let parts = |key: &str| {
        let (place, mark) = key.rsplit_once('#')?;
        Some((place.to_owned(), place.rsplit('/').next().unwrap_or(place).to_owned() + mark))
    };
    parts(new).zip(parts(old)).is_some_and(|(new, old)| new.0 == old.0 || new.1 == old.1)
}

/// The DSNs for which events wait, each with the time (0 for none) until which it takes nothing.
fn waiting(db: &Connection) -> rusqlite::Result<Vec<(String, i64)>> {
    // From one DSN to the next by the index, however many events each of them has.
    let mut query = db.prepare_cached(
        "WITH RECURSIVE dsn (name) AS (SELECT min(dsn_key) FROM outbox WHERE failed IS NULL UNION ALL
         SELECT (SELECT min(dsn_key) FROM outbox WHERE failed IS NULL AND dsn_key > name) FROM dsn WHERE name IS NOT NULL)
         SELECT name, ifnull(held_until, 0) FROM dsn LEFT JOIN destination ON dsn_key = name WHERE name IS NOT NULL",
    )?;
    query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn outgoing(row: &Row<'_>) -> rusqlite::Result<Outgoing> {
    Ok(Outgoing {
        id: row.get(0)?,
        event_id: row.get(1)?,
        dsn_key: row.get(2)?,
        body: row.get(3)?,
        attempts: row.get(4)?,
    })
}

fn sent(db: &Connection, id: i64, dsn: &str, now: Timestamp) -> rusqlite::Result<()> {
    let mut query = db.prepare_cached("DELETE FROM outbox WHERE id = ?1 RETURNING issue, event_id")?;
    let (issue, event_id): (Option<i64>, String) = query.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    db.prepare_cached(
        "INSERT INTO destination (dsn_key, sent, last_sent_at) VALUES (?1, 1, ?2)
         ON CONFLICT DO UPDATE SET sent = sent + 1, last_sent_at = ?2, held_until = NULL, held_why = NULL",
    )?
    .execute(params![dsn, millis(now)])?;
    // An event of the agent's own tells of no record.
    let Some(issue) = issue else { return Ok(()) };
    move_outcome(db, ("queued", ""), ("sent", ""))?;
    let updated = db.prepare_cached("UPDATE issue SET sent = sent + 1 WHERE id = ?1")?.execute([issue])?;
    if updated == 0 {
        return Ok(());
    }
    db.prepare_cached("INSERT OR REPLACE INTO issue_event (issue, event_id, sent_at) VALUES (?1, ?2, ?3)")?
        .execute(params![issue, event_id, millis(now)])?;
    db.prepare_cached(
        "DELETE FROM issue_event WHERE issue = ?1 AND event_id NOT IN
         (SELECT event_id FROM issue_event WHERE issue = ?1 ORDER BY sent_at DESC LIMIT ?2)",
    )?
    .execute([issue, MAX_EVENT_IDS])
    .map(drop)
}

fn note_error(db: &Connection, dsn: &str, why: &str, now: Timestamp) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO destination (dsn_key, last_error, last_error_at) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET last_error = ?2, last_error_at = ?3",
    )?
    .execute(params![dsn, why, millis(now)])
    .map(drop)
}

pub(super) fn report(db: &Connection, dsn: &str, reason: Discarded, quantity: u64) -> rusqlite::Result<()> {
    add_report(db, dsn, &ClientReport { reason: reason.as_str().to_owned(), quantity })
}

fn add_report(db: &Connection, dsn: &str, report: &ClientReport) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO client_report (dsn_key, reason, quantity) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET quantity = quantity + excluded.quantity",
    )?
    .execute(params![dsn, report.reason, report.quantity.cast_signed()])
    .map(drop)
}

type Named = (&'static str, &'static str);

pub(super) fn move_outcome(db: &Connection, from: Named, to: Named) -> rusqlite::Result<()> {
    let mut tally = Tally::default();
    tally.take(from.0, from.1);
    tally.add(to.0, to.1);
    tally.write(db)
}

pub(super) fn move_outcomes(db: &Connection, from: Named, to: Named, count: usize) -> rusqlite::Result<()> {
    (0..count).try_for_each(|_| move_outcome(db, from, to))
}
