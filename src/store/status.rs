//! How the store is: one look at what it holds.
//!
//! In: the tables. Out: `Status`. Invariant: the outcomes add up to the records. Does not look at logs.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::gaps::{self, GapRow, GapTotal};
use super::outbox::{Fill, fill, hour};
use super::{Store, StoreError, millis, open, time};
use crate::tail::Checkpoint;

/// Gaps that are shown.
const SHOWN_GAPS: i64 = 20;

/// What the store holds.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// What waits to be sent.
    pub outbox: Fill,
    /// When the oldest of that was queued.
    pub oldest: Option<Timestamp>,
    /// Events that Sentry refused.
    pub failed: u64,
    /// Where events go.
    pub destinations: Vec<Destination>,
    /// What became of the records.
    pub outcomes: Vec<OutcomeCount>,
    /// Issues by state.
    pub issues: Vec<(String, u64)>,
    /// What could not be read, since the store was made.
    pub gap_totals: Vec<GapTotal>,
    /// The newest of that.
    pub gaps: Vec<GapRow>,
    /// How far each file was read.
    pub checkpoints: Vec<Checkpoint>,
}

/// Whether an agent uses the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agent {
    /// Yes, with this process id where it can be read.
    Running(Option<String>),
    /// No.
    Stopped,
}

/// A DSN, without its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Its name.
    pub dsn_key: String,
    /// Events that wait for it.
    pub waiting: u64,
    /// Events that it has taken.
    pub sent: u64,
    /// When it took the last one.
    pub last_sent_at: Option<Timestamp>,
    /// Until when it takes nothing, and why.
    pub held: Option<(Timestamp, String)>,
    /// The last thing that went wrong with it, and when.
    pub last_error: Option<(Timestamp, String)>,
    /// Events queued for it in this hour.
    pub hour_events: u64,
}

/// Records with one fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeCount {
    /// `sent`, `queued`, `counted`, `dropped`, `duplicate`, `failed`.
    pub outcome: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub records: u64,
}

impl Store {
    /// Whether an agent uses the store.
    pub fn agent(&self) -> Agent {
        open::agent(&self.path)
    }

    /// What the store holds.
    ///
    /// # Errors
    /// The database refuses.
    pub fn status(&self, now: Timestamp) -> Result<Status, StoreError> {
        let checkpoints = self.checkpoints()?;
        self.read(|db| {
            let oldest: Option<i64> =
                db.query_row("SELECT min(created_at) FROM outbox WHERE failed IS NULL", [], |row| row.get(0))?;
            Ok(Status {
                outbox: fill(db, &self.settings)?,
                oldest: oldest.map(time),
                failed: count(db, "SELECT count(*) FROM outbox WHERE failed IS NOT NULL")?,
                destinations: destinations(db, now)?,
                outcomes: outcomes(db)?,
                issues: issues(db)?,
                gap_totals: gaps::totals(db)?,
                gaps: gaps::newest(db, SHOWN_GAPS)?,
                checkpoints,
            })
        })
    }
}

fn count(db: &Connection, query: &str) -> rusqlite::Result<u64> {
    db.query_row(query, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
}

fn destinations(db: &Connection, now: Timestamp) -> rusqlite::Result<Vec<Destination>> {
    let mut query = db.prepare_cached(
        "WITH waiting AS (SELECT dsn_key, count(*) AS n FROM outbox WHERE failed IS NULL GROUP BY dsn_key)
         SELECT dsn_key, ifnull(n, 0), ifnull(sent, 0), last_sent_at, held_until, held_why, last_error_at, last_error,
         iif(hour = ?1, hour_events, 0) FROM waiting FULL JOIN destination USING (dsn_key) ORDER BY dsn_key",
    )?;
    let rows = query.query_map(params![hour(now)], |row| {
        let number = |index| row.get::<_, Option<i64>>(index).map(|n| n.unwrap_or(0).cast_unsigned());
        let said = |at: usize, what: usize| -> rusqlite::Result<Option<(Timestamp, String)>> {
            let at: Option<i64> = row.get(at)?;
            let what: Option<String> = row.get(what)?;
            Ok(at.map(|at| (time(at), what.unwrap_or_default())))
        };
        Ok(Destination {
            dsn_key: row.get(0)?,
            waiting: number(1)?,
            sent: number(2)?,
            last_sent_at: row.get::<_, Option<i64>>(3)?.map(time),
            held: said(4, 5)?.filter(|(until, _)| millis(*until) > millis(now)),
            last_error: said(6, 7)?,
            hour_events: number(8)?,
        })
    })?;
    rows.collect()
}

fn outcomes(db: &Connection) -> rusqlite::Result<Vec<OutcomeCount>> {
    let mut query =
        db.prepare_cached("SELECT outcome, reason, records FROM outcome WHERE records != 0 ORDER BY outcome, reason")?;
    let rows = query.query_map([], |row| {
        let records = row.get::<_, i64>(2)?.cast_unsigned();
        Ok(OutcomeCount { outcome: row.get(0)?, reason: row.get(1)?, records })
    })?;
    rows.collect()
}

fn issues(db: &Connection) -> rusqlite::Result<Vec<(String, u64)>> {
    let mut query = db.prepare_cached("SELECT state, count(*) FROM issue GROUP BY state ORDER BY state")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))?;
    rows.collect()
}
