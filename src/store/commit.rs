//! What was taken, into the tables.
//!
//! In: what `take` left in memory, and how far the files are read with that. Out: rows, and what of it is news.
//! Invariant: what is in memory stays until the transaction is through. Runs inside a transaction; does not open or
//! end it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::outbox::{self, Fill, Queued};
use super::take::counted;
use super::{EventOf, IssueRow, State, board, gaps, rows};
use crate::issue::{Counted, Why};
use crate::pipeline::{Batch, Finding};
use crate::tail::{Checkpoint, FileId};

/// A built event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// 32 hex digits, the same for the same occurrence.
    pub event_id: String,
    /// The event, JSON, scrubbed.
    pub body: Vec<u8>,
}

/// What a commit brought.
#[derive(Debug, Default)]
pub struct Committed {
    /// Findings that were counted.
    pub findings: u64,
    /// Issues that were not known.
    pub new: Vec<IssueRow>,
    /// Issues that were resolved, and came back.
    pub regressed: Vec<IssueRow>,
    /// Without a DSN, findings of both, without the lines before them.
    pub told: Vec<Finding>,
    /// Events that were put into the outbox.
    pub queued: u64,
    /// How full the outbox is now.
    pub fill: Fill,
    /// Whether files came that were not known where they are now.
    pub new_files: bool,
}

/// Whether the event that an issue's sample holds was kept back, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    No = 0,
    Repeat = 1,
    Budget = 2,
}

impl Held {
    pub fn from_row(number: i64) -> Held {
        match number {
            0 => Held::No,
            2 => Held::Budget,
            _ => Held::Repeat,
        }
    }

    /// As the outcome of its record names it.
    pub fn reason(self) -> &'static str {
        counted(if self == Held::Budget { Counted::Budget } else { Counted::Repeat })
    }
}

pub(super) fn commit(
    state: &mut State<'_>,
    db: &Connection,
    batch: &Batch,
    now: Timestamp,
    event_of: EventOf<'_>,
) -> rusqlite::Result<Committed> {
    write_issues(state, db, now, event_of)?;
    let mut tally = state.pending.tally.clone();
    let mut queued = write_events(state, db, now, &mut tally)?;
    for (dsn, budget) in state.pending.budgets.iter().filter(|(_, budget)| budget.taken > 0) {
        outbox::take_budget(db, dsn, budget.taken, now)?;
    }
    tally.write(db)?;
    let new_files = write_checkpoints(db, &batch.checkpoints, &batch.forgotten)?;
    gaps::write(db, &batch.gaps, now)?;
    queued += gaps::tell(db, now, state.settings)?;
    let mut row = |index: &usize| board::row(db, state.known.at(*index).id);
    Ok(Committed {
        findings: state.pending.findings,
        new: state.pending.new.iter().map(&mut row).collect::<Result<_, _>>()?,
        regressed: state.pending.regressed.iter().map(&mut row).collect::<Result<_, _>>()?,
        told: Vec::new(),
        queued,
        fill: outbox::fill(db, state.settings)?,
        new_files,
    })
}

/// The issues' rows, and of each the event of the finding that was kept. Events are built one after the other, as all of
/// them are many times as large as the findings.
fn write_issues(state: &mut State<'_>, db: &Connection, now: Timestamp, event_of: EventOf<'_>) -> rusqlite::Result<()> {
    for index in state.known.dirty.clone() {
        let issue = state.known.at(index);
        issue.write(db)?;
        if let Some((finding, repeats, held)) = issue.kept() {
            let close = || issue.history.repeats(Why::Close, now);
            let event = event_of(finding, &repeats.cloned().unwrap_or_else(close));
            rows::write_sample(db, issue.id, &event, held)?;
        }
    }
    Ok(())
}

/// The events that go out; how many.
fn write_events(state: &mut State<'_>, db: &Connection, now: Timestamp, tally: &mut Tally) -> rusqlite::Result<u64> {
    let mut queued = 0;
    state.pending.budgets.values_mut().for_each(|budget| budget.taken = 0);
    for (number, event) in state.pending.events.iter().enumerate() {
        let issue = state.known.at(event.issue);
        if issue.kept().is_none() && issue.event == Some(number) {
            rows::write_sample(db, issue.id, &event.built, Held::No)?;
        }
        let Some(dsn) = issue.dsn.as_ref().filter(|_| event.is_sent) else { continue };
        match outbox::push(db, dsn, Some(issue.id), &event.built, now)? {
            Queued::New => {
                queued += 1;
                tally.add("queued", "");
                if let Some(budget) = state.pending.budgets.get_mut(dsn) {
                    budget.taken += 1;
                }
            }
            Queued::Already => tally.add("duplicate", "queued_before"),
        }
    }
    Ok(queued)
}

/// Records by outcome and reason.
#[derive(Clone, Default)]
pub(super) struct Tally(BTreeMap<(&'static str, &'static str), i64>);

impl Tally {
    pub fn add(&mut self, outcome: &'static str, reason: &'static str) {
        *self.0.entry((outcome, reason)).or_default() += 1;
    }

    /// One record is no longer in that outcome.
    pub fn take(&mut self, outcome: &'static str, reason: &'static str) {
        *self.0.entry((outcome, reason)).or_default() -= 1;
    }

    pub fn write(&self, db: &Connection) -> rusqlite::Result<()> {
        let mut add = db.prepare_cached(
            "INSERT INTO outcome (outcome, reason, records) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET records = records + excluded.records",
        )?;
        self.0
            .iter()
            .try_for_each(|((outcome, reason), records)| add.execute(params![outcome, reason, records]).map(drop))
    }
}

/// Whether one of them is of a file that was not known where it is now.
fn write_checkpoints(db: &Connection, checkpoints: &[Checkpoint], forgotten: &[FileId]) -> rusqlite::Result<bool> {
    let mut new_files = false;
    for file in forgotten {
        db.prepare_cached("DELETE FROM checkpoint WHERE device = ?1 AND inode = ?2")?.execute(key(file))?;
    }
    for checkpoint in checkpoints {
        let [device, inode] = key(&checkpoint.file);
        let (path, value) = (checkpoint.path.to_string_lossy(), serde_json::to_string(checkpoint).unwrap_or_default());
        new_files |= !db
            .prepare_cached("SELECT 1 FROM checkpoint WHERE device = ?1 AND inode = ?2 AND path = ?3")?
            .exists(params![device, inode, path])?;
        db.prepare_cached("INSERT OR REPLACE INTO checkpoint (device, inode, path, value) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![device, inode, path, value])?;
    }
    Ok(new_files)
}

/// The head of a small file grows with it: place and inode alone name its row.
fn key(file: &FileId) -> [i64; 2] {
    [file.device.cast_signed(), file.inode.cast_signed()]
}
