//! The store: issues, what is to be sent, and how far each file was read, in one SQLite database.
//!
//! In: findings, and the `Batch` of positions that produced them. Out: what is new, what is due for sending, what people ask of the issues. Invariants: the issues,
//! events and checkpoints of a commit are one transaction; an event leaves only after Sentry's answer; each table is
//! bounded; what comes from a log is kept only as the built (scrubbed) event tells it. The one room that touches
//! the database; it does not read logs or send.

mod aside;
mod board;
mod commit;
mod gaps;
mod known;
mod open;
mod outbox;
mod rows;
mod sample;
mod settings;
mod status;
mod take;
#[cfg(test)]
mod tests;
mod upkeep;

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use aside::Failed;
pub use board::{Filter, IssuePage, IssueRow, Place, Sort};
pub use commit::{Built, Committed};
pub use gaps::{GapRow, GapTotal, Own};
pub use open::OpenError;
pub use outbox::{ClientReport, Fill, Outcome, Outgoing};
pub use sample::{Breadcrumb, Sample, SampleException, SampleFrame};
pub use settings::Settings;
pub use status::{Agent, Destination, OutcomeCount, Status};
pub use take::Load;

use crate::issue;
use crate::pipeline::{Batch, Finding};
use crate::tail::Checkpoint;
use known::Known;
use take::Pending;

/// The one database. An agent has it with the lock; the command line looks in beside it.
pub struct Store {
    db: Connection,
    path: PathBuf,
    /// Held as long as the store is open.
    _lock: Option<File>,
    settings: Settings,
    dedupe: issue::Settings,
    known: Known,
    pending: Pending,
    /// Whether what is due by time is to be looked for with the next commit.
    tick_waits: bool,
    /// SQLite's count of other connections' changes, when `known` was last in step with the tables.
    data_version: i64,
    /// Rows of the outbox that are being sent, with their DSNs.
    leased: HashMap<i64, String>,
    /// When the tables were last cut to their bounds.
    tidied_at: Timestamp,
}

/// A transaction failed: nothing of it is in the store.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub struct StoreError {
    /// The database.
    path: PathBuf,
    /// Why.
    #[source]
    error: rusqlite::Error,
}

impl Store {
    /// Opens the agent's store in `state_dir`, and makes both where they are missing; locks it until it is dropped.
    ///
    /// # Errors
    /// One line for people: what is wrong with the directory or the database, and how to mend it.
    pub fn open(state_dir: &Path) -> Result<Store, OpenError> {
        open::exclusive(state_dir).map(Store::new)
    }

    /// Opens the store in `state_dir` to look at it and to change issues' states, also beside a running agent.
    ///
    /// # Errors
    /// As for `open`; also when there is no store yet.
    pub fn open_shared(state_dir: &Path) -> Result<Store, OpenError> {
        open::shared(state_dir).map(Store::new)
    }

    fn new(opened: open::Opened) -> Store {
        Store {
            db: opened.db,
            path: opened.path,
            _lock: opened.lock,
            settings: Settings::default(),
            dedupe: issue::Settings::default(),
            known: Known::default(),
            pending: Pending::default(),
            tick_waits: false,
            data_version: -1,
            leased: HashMap::new(),
            tidied_at: Timestamp::MIN,
        }
    }

    /// The same store with other limits and another schedule.
    #[must_use]
    pub fn with(self, settings: Settings, dedupe: issue::Settings) -> Store {
        Store { settings, dedupe, ..self }
    }

    /// The database.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts into the store what was taken since the last commit, and moves the positions that produced it, in one
    /// transaction. `event_of` builds the events of those findings that were kept until now.
    ///
    /// # Errors
    /// The database refuses (a full disk, for one): nothing of it is in the store, and all is kept for another attempt.
    pub fn commit(&mut self, batch: &Batch, now: Timestamp, event_of: EventOf<'_>) -> Result<Committed, StoreError> {
        self.known.plan(batch.goes_on);
        let mut committed = self.in_transaction(|store, db| commit::commit(store, db, batch, now, event_of))?;
        self.known.written();
        committed.told = std::mem::take(&mut self.pending).told;
        if committed.new_files {
            self.sync();
        }
        if std::mem::take(&mut self.tick_waits) {
            committed.queued += self.tick(now, false)?;
        }
        self.tidy(now)?;
        Ok(committed)
    }

    /// Sees to it that what was committed survives a power cut. Findings need not: they are read again. But of a file that
    /// is rotated meanwhile, the store must know.
    fn sync(&self) {
        // Where the disk refuses, the batch is in the store all the same.
        let _ = self.db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }

    /// How far each file was read.
    ///
    /// # Errors
    /// The database refuses.
    pub fn checkpoints(&self) -> Result<Vec<Checkpoint>, StoreError> {
        self.read(|db| {
            let mut query = db.prepare("SELECT value FROM checkpoint")?;
            let rows = query.query_map([], |row| row.get::<_, String>(0))?;
            // One of another version is as good as none: its file is read from the beginning.
            rows.filter_map(|row| row.map(|value| serde_json::from_str(&value).ok()).transpose()).collect()
        })
    }

    fn read<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        ask(&self.db).map_err(|error| StoreError { path: self.path.clone(), error })
    }

    /// All or nothing.
    fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&mut State<'_>, &Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let (known, pending) = (&mut self.known, &mut self.pending);
        let mut state = State { known, pending, settings: &self.settings, dedupe: &self.dedupe };
        let run = || {
            let transaction = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate)?;
            let version = take::data_version(&transaction)?;
            if self.data_version != version {
                // Somebody resolved or ignored an issue.
                state.known.refresh(&transaction)?;
                self.data_version = version;
            }
            let result = work(&mut state, &transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        run().map_err(|error| StoreError { path: self.path.clone(), error })
    }
}

/// Builds the event of a finding.
type EventOf<'a> = &'a mut dyn FnMut(&Finding, &issue::Repeats) -> Built;

/// What a transaction works with, beside the database.
struct State<'a> {
    known: &'a mut Known,
    pending: &'a mut Pending,
    settings: &'a Settings,
    dedupe: &'a issue::Settings,
}

/// The table's spelling of a time.
fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// A time from its spelling in a table.
fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// `time` less `span`; the beginning of time where that is before it.
fn before(time: Timestamp, span: SignedDuration) -> Timestamp {
    time.checked_sub(span).unwrap_or(Timestamp::MIN)
}
