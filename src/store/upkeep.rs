//! What is due by time alone.
//!
//! In: `now`. Out: events queued because their windows closed; what waited too long given up; tables cut to their
//! bounds. Invariant: what is given up is counted, and told to Sentry. Does not send.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};

use super::commit::{Built, Held};
use super::outbox::{Discarded, Queued, budget_left, fill, hour, move_outcome, push, report, take_budget};
use super::rows::pending;
use super::{Settings, State, Store, StoreError, before, gaps, millis, time};
use crate::event::restated;
use crate::issue::{History, Why};

/// How often the tables are cut to their bounds.
const TIDY_INTERVAL: SignedDuration = SignedDuration::from_mins(5);
/// Windows that are closed in one transaction.
const CLOSED_AT_ONCE: u64 = 1000;
/// Issues that have an event which was kept back.
const HELD: &str = "issue JOIN sample ON sample.issue = issue.id
    WHERE pending > 0 AND held > 0 AND state NOT IN ('ignored', 'resolved') AND dsn_key != ''";

impl Store {
    /// What is due by time alone: windows that close, events that waited too long. To be called when `next_tick` says,
    /// and with `stopping` at the end: then all that was counted goes out. How many events were queued; none where a commit
    /// is ahead, which does it.
    ///
    /// # Errors
    /// The database refuses.
    pub fn tick(&mut self, now: Timestamp, stopping: bool) -> Result<u64, StoreError> {
        if self.is_taking() {
            // Windows close over all that was counted: the commit looks for them.
            self.tick_waits = true;
            return Ok(0);
        }
        let mut all = 0;
        loop {
            // Whoever commits a batch waits for no more than so many.
            let (queued, told) = self.in_transaction(|state, db| {
                let due = if stopping { Timestamp::MAX } else { before(now, state.dedupe.interval) };
                let queued = close_windows(db, due, now, state)?;
                expire(db, now, state.settings)?;
                let told = gaps::tell(db, now, state.settings)?;
                if queued > 0 {
                    state.known.clear();
                }
                Ok((queued, told))
            })?;
            all += queued + told;
            if queued < CLOSED_AT_ONCE {
                return Ok(all);
            }
        }
    }

    /// When `tick` has something to do next, unless a batch comes before; a time that has passed where the outbox or the
    /// hour's budget had no room.
    ///
    /// # Errors
    /// The database refuses.
    pub fn next_tick(&self) -> Result<Option<Timestamp>, StoreError> {
        let days = SignedDuration::from_hours(24 * i64::from(self.settings.max_outbox_days));
        self.read(|db| {
            let first = |query: &str| db.prepare_cached(query)?.query_row([], |row| row.get::<_, Option<i64>>(0));
            let window = first(&format!("SELECT min(ifnull(sent_at, 0)) FROM {HELD}"))?;
            let waiting = first("SELECT min(created_at) FROM outbox WHERE failed IS NULL")?;
            let after = |at: Option<i64>, wait: SignedDuration| at.and_then(|at| time(at).checked_add(wait).ok());
            let gaps = if self.settings.own.is_some() { gaps::next_told(db)? } else { None };
            Ok([after(window, self.dedupe.interval), after(waiting, days), gaps].into_iter().flatten().min())
        })
    }

    /// Cuts the tables to their bounds, once in a while.
    pub(super) fn tidy(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if now.duration_since(self.tidied_at) < TIDY_INTERVAL {
            return Ok(());
        }
        self.tidied_at = now;
        self.in_transaction(|state, db| {
            if tidy(db, now, state.settings)? {
                state.known.clear();
            }
            Ok(())
        })
    }
}

/// Queues the last event of each issue that has occurrences which no event told of, as far as the outbox and the
/// hour's budget have room; how many windows were closed.
fn close_windows(db: &Connection, due: Timestamp, now: Timestamp, state: &State<'_>) -> rusqlite::Result<u64> {
    let limit = state.settings.budget(state.dedupe.report);
    let mut dsns = db.prepare_cached("SELECT DISTINCT dsn_key FROM issue WHERE pending > 0 AND dsn_key != ''")?;
    let dsns: Vec<String> = dsns.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut fill = fill(db, state.settings)?;
    let mut closed = 0;
    for dsn in dsns {
        let left = budget_left(db, &dsn, limit, now)?.min(CLOSED_AT_ONCE.saturating_sub(closed));
        for (issue, held, event) in closing(db, &dsn, due, now, left)? {
            if fill.is_full {
                return Ok(closed);
            }
            if matches!(push(db, &dsn, Some(issue), &event, now)?, Queued::New) {
                take_budget(db, &dsn, 1, now)?;
                move_outcome(db, ("counted", held.reason()), ("queued", ""))?;
                fill = fill.with(&event, state.settings);
            }
            db.prepare_cached("UPDATE issue SET pending = 0, pending_places = NULL, sent_at = ?2 WHERE id = ?1")?
                .execute(params![issue, millis(now)])?;
            db.prepare_cached("UPDATE sample SET held = 0 WHERE issue = ?1")?.execute([issue])?;
            closed += 1;
        }
    }
    Ok(closed)
}

/// Issues of a DSN whose windows close, each with its last event and why that was kept back. An issue that somebody
/// ignored or resolved is silent.
fn closing(
    db: &Connection,
    dsn: &str,
    due: Timestamp,
    now: Timestamp,
    limit: u64,
) -> rusqlite::Result<Vec<(i64, Held, Built)>> {
    let mut query = db.prepare_cached(&format!(
        "SELECT id, held, event_id, body, events, pending, pending_first, pending_last, pending_places FROM {HELD}
         AND dsn_key = ?1 AND ifnull(sent_at, 0) <= ?2 LIMIT ?3"
    ))?;
    let rows = query.query_map(params![dsn, millis(due), limit.cast_signed()], |row| {
        let body: Vec<u8> = row.get("body")?;
        let events = row.get::<_, i64>("events")?.cast_unsigned();
        let history = History { events, pending: pending(row)?, ..History::default() };
        // The sample may be of an occurrence before the last ones.
        let body = restated(&body, &history.repeats(Why::Close, now)).unwrap_or(body);
        Ok((row.get("id")?, Held::from_row(row.get("held")?), Built { event_id: row.get("event_id")?, body }))
    })?;
    rows.collect()
}

/// Gives up what waited too long.
fn expire(db: &Connection, now: Timestamp, settings: &Settings) -> rusqlite::Result<()> {
    let oldest = before(now, SignedDuration::from_hours(24 * i64::from(settings.max_outbox_days)));
    let mut query =
        db.prepare_cached("DELETE FROM outbox WHERE failed IS NULL AND created_at < ?1 RETURNING dsn_key, issue")?;
    let rows = query.query_map([millis(oldest)], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows: Vec<(String, Option<i64>)> = rows.collect::<Result<_, _>>()?;
    for (dsn, issue) in rows {
        report(db, &dsn, Discarded::CacheOverflow, 1)?;
        if issue.is_some() {
            move_outcome(db, ("queued", ""), ("dropped", "expired"))?;
        }
    }
    Ok(())
}

/// Keeps the tables bounded; whether issues went.
fn tidy(db: &Connection, now: Timestamp, settings: &Settings) -> rusqlite::Result<bool> {
    db.prepare_cached("DELETE FROM issue_hour WHERE hour < ?1")?
        .execute([hour(now) - 24 * i64::from(settings.history_days)])?;
    let gone = db
        .prepare_cached(
            "DELETE FROM issue WHERE id IN (SELECT id FROM issue WHERE pending = 0 OR dsn_key = ''
             OR state IN ('ignored', 'resolved') ORDER BY last_seen
             LIMIT max(0, (SELECT count(*) FROM issue) - ?1))",
        )?
        .execute([settings.max_issues.cast_signed()])?;
    db.execute_batch("PRAGMA incremental_vacuum(256)")?;
    Ok(gone > 0)
}
