//! What Sentry refused: kept aside for diagnosis, and sent again where somebody asks for it.
//!
//! In: rows of the outbox that failed. Out: a list; rows queued again. Invariant: bounded, the oldest go first.

use jiff::Timestamp;
use rusqlite::Connection;

use super::outbox::move_outcomes;
use super::{Settings, Store, StoreError, time};

/// An event that Sentry refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Its row.
    pub id: i64,
    /// Its id.
    pub event_id: String,
    /// The DSN that refused it.
    pub dsn_key: String,
    /// When it was found.
    pub created_at: Timestamp,
    /// Attempts so far.
    pub attempts: u32,
    /// What Sentry said.
    pub why: String,
    /// Bytes of the event.
    pub bytes: u64,
}

impl Store {
    /// Events that Sentry refused, newest first.
    ///
    /// # Errors
    /// The database refuses.
    pub fn failed(&self) -> Result<Vec<Failed>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare(
                "SELECT id, event_id, dsn_key, created_at, attempts, failed, bytes FROM outbox
                 WHERE failed IS NOT NULL ORDER BY id DESC",
            )?;
            let rows = query.query_map([], |row| {
                Ok(Failed {
                    id: row.get(0)?,
                    event_id: row.get(1)?,
                    dsn_key: row.get(2)?,
                    created_at: time(row.get(3)?),
                    attempts: row.get(4)?,
                    why: row.get(5)?,
                    bytes: row.get::<_, i64>(6)?.cast_unsigned(),
                })
            })?;
            rows.collect()
        })
    }

    /// Queues again what Sentry refused; how many events that is.
    ///
    /// # Errors
    /// The database refuses.
    pub fn retry_failed(&mut self) -> Result<usize, StoreError> {
        self.in_transaction(|_, db| {
            let records = db.query_row(
                "SELECT count(*) FROM outbox WHERE failed IS NOT NULL AND issue IS NOT NULL",
                [],
                |row| row.get::<_, i64>(0),
            )?;
            let count = db.execute("UPDATE outbox SET failed = NULL, retry_at = 0 WHERE failed IS NOT NULL", [])?;
            db.execute("UPDATE destination SET held_until = NULL, held_why = NULL", [])?;
            move_outcomes(db, ("failed", ""), ("queued", ""), usize::try_from(records).unwrap_or(0))?;
            Ok(count)
        })
    }
}

/// Keeps the list bounded.
pub(super) fn forget_failed(db: &Connection, settings: &Settings) -> rusqlite::Result<()> {
    db.prepare_cached(
        "DELETE FROM outbox WHERE failed IS NOT NULL AND id NOT IN
         (SELECT id FROM outbox WHERE failed IS NOT NULL ORDER BY id DESC LIMIT ?1)",
    )?
    .execute([settings.max_failed_events.cast_signed()])
    .map(drop)
}
