//! What could not be read: kept with numbers, and told to Sentry in an event of the agent's own.
//!
//! In: gaps of a batch. Out: rows, totals, and at most one event an hour that tells all that none told before.
//! Invariant: a gap is in the totals once, and in one event; the list is bounded. Does not send.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};

use super::commit::Built;
use super::{Settings, millis, outbox, time};
use crate::event;
use crate::tail::Gap;

/// Gaps kept; the oldest go first.
const MAX_GAPS: i64 = 1_000;
/// Gaps that one event names.
const MAX_NAMED: usize = 50;
/// An event tells of gaps at most once in so long.
const INTERVAL: SignedDuration = SignedDuration::from_hours(1);

/// Where the agent's own events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// The DSN.
    pub dsn_key: String,
    /// The host.
    pub server_name: Option<String>,
}

/// A gap, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapRow {
    /// When it was found.
    pub found_at: Timestamp,
    /// The file.
    pub path: String,
    /// Bytes from its beginning to the first one that is missing.
    pub offset: u64,
    /// At least so many bytes; none where it cannot be told whether there were any.
    pub bytes: Option<u64>,
    /// `vanished`, `cut_short`, `parser`.
    pub cause: String,
}

impl GapRow {
    /// One line for people.
    pub fn line(&self) -> String {
        let bytes = self.bytes.map_or("unknown".to_owned(), |bytes| format!("at least {bytes}"));
        format!("{} {}: {} at byte {}, bytes missing: {bytes}", self.found_at, self.path, self.cause, self.offset)
    }
}

/// Gaps of one cause since the store was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapTotal {
    /// As in `GapRow`.
    pub cause: String,
    /// How many.
    pub gaps: u64,
    /// Bytes that are known to be missing.
    pub bytes: u64,
}

pub(super) fn write(db: &Connection, gaps: &[Gap], now: Timestamp) -> rusqlite::Result<()> {
    for gap in gaps {
        let (cause, bytes) = (gap.cause.as_str(), gap.bytes.map(u64::cast_signed));
        db.prepare_cached("INSERT INTO gap (found_at, path, offset, bytes, cause) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![millis(now), gap.path.to_string_lossy(), gap.offset.cast_signed(), bytes, cause])?;
        db.prepare_cached(
            "INSERT INTO gap_total (cause, gaps, bytes) VALUES (?1, 1, ifnull(?2, 0))
             ON CONFLICT DO UPDATE SET gaps = gaps + 1, bytes = bytes + excluded.bytes",
        )?
        .execute(params![cause, bytes])?;
    }
    if !gaps.is_empty() {
        db.prepare_cached("DELETE FROM gap WHERE id <= (SELECT max(id) FROM gap) - ?1")?.execute([MAX_GAPS])?;
    }
    Ok(())
}

/// Queues the event that tells of what none has told, where that is due; how many events that is.
pub(super) fn tell(db: &Connection, now: Timestamp, settings: &Settings) -> rusqlite::Result<u64> {
    let Some(own) = &settings.own else { return Ok(0) };
    if next_told(db)?.is_none_or(|next| next > now) {
        return Ok(0);
    }
    let untold = rows(db, "WHERE told = 0", MAX_GAPS)?;
    let Some(newest) = untold.first() else { return Ok(0) };
    let gaps = event::Gaps {
        count: untold.len() as u64,
        bytes: untold.iter().filter_map(|gap| gap.bytes).sum(),
        unknown: untold.iter().filter(|gap| gap.bytes.is_none()).count() as u64,
        named: untold.iter().take(MAX_NAMED).map(GapRow::line).collect(),
    };
    let key = format!("{} {}", newest.line(), untold.len());
    let (event_id, body) = event::of_gaps(&gaps, &key, own.server_name.as_deref(), now);
    outbox::push(db, &own.dsn_key, None, &Built { event_id, body: body.to_string().into_bytes() }, now)?;
    db.prepare_cached("UPDATE gap SET told = ?1 WHERE told = 0")?.execute([millis(now)])?;
    Ok(1)
}

/// When an event may tell of what none has told; none where there is nothing to tell.
pub(super) fn next_told(db: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let mut query = db.prepare_cached("SELECT max(told), min(told) = 0 FROM gap")?;
    let (last, untold) =
        query.query_row([], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<bool>>(1)?)))?;
    Ok(last.filter(|_| untold == Some(true)).and_then(|last| time(last).checked_add(INTERVAL).ok()))
}

/// The newest gaps first.
pub(super) fn newest(db: &Connection, limit: i64) -> rusqlite::Result<Vec<GapRow>> {
    rows(db, "", limit)
}

fn rows(db: &Connection, which: &str, limit: i64) -> rusqlite::Result<Vec<GapRow>> {
    let query = format!("SELECT found_at, path, offset, bytes, cause FROM gap {which} ORDER BY id DESC LIMIT ?1");
    let mut query = db.prepare_cached(&query)?;
    let rows = query.query_map([limit], |row| {
        Ok(GapRow {
            found_at: time(row.get(0)?),
            path: row.get(1)?,
            offset: row.get::<_, i64>(2)?.cast_unsigned(),
            bytes: row.get::<_, Option<i64>>(3)?.map(i64::cast_unsigned),
            cause: row.get(4)?,
        })
    })?;
    rows.collect()
}

pub(super) fn totals(db: &Connection) -> rusqlite::Result<Vec<GapTotal>> {
    let mut query = db.prepare_cached("SELECT cause, gaps, bytes FROM gap_total ORDER BY cause")?;
    let rows = query.query_map([], |row| {
        let number = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
        Ok(GapTotal { cause: row.get(0)?, gaps: number(1)?, bytes: number(2)? })
    })?;
    rows.collect()
}
