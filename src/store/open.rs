//! Opens the database: the directory, its rights, the lock, the schema.
//!
//! In: the state directory. Out: a connection, or an `OpenError` of one line that says what is wrong and how to
//! mend it. Invariants: the file is its owner's alone (0600); one agent at a time. Does not read issues.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::Agent;
use crate::system;

/// The database's name in the state directory.
const FILE: &str = "errtail.db";
/// The lock's: apart from the database, as SQLite's own locks end with any handle on it that is closed.
const LOCK_FILE: &str = "errtail.lock";
/// `errt`, in the header of each database that is ours.
const APPLICATION_ID: i32 = 0x6572_7274;
/// Each step leads from its index to the next version of the schema.
const STEPS: [&str; 2] = [include_str!("schema.sql"), include_str!("gap.sql")];
/// The newest version that this program knows.
const VERSION: usize = STEPS.len();
/// How long one connection waits for another's transaction.
const BUSY: Duration = Duration::from_secs(5);

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file stands where the directory should be.
    #[error("{}: the state directory is a file; move it away, or give another directory with --state-dir", .0.display())]
    NotADirectory(PathBuf),
    /// The directory, or a file in it, is somebody else's.
    #[error("{}: no permission; run as its owner, or give another directory with --state-dir", .0.display())]
    NoPermission(PathBuf),
    /// The directory, or a file in it, cannot be used.
    #[error("{}: {error}; mend that, or give another directory with --state-dir", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file is no database, or another program's.
    #[error("{}: not a store of errtail, or a damaged one; move it away, and the agent makes a new one", .0.display())]
    NotADatabase(PathBuf),
    /// A newer errtail made it.
    #[error("{}: made by a newer errtail (schema {found}, this one knows {VERSION}); run that version, or move the file away", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: usize,
    },
    /// An older errtail made it, and only an agent may change that.
    #[error("{}: made by an older errtail (schema {found}, this one knows {VERSION}); start the agent once, it brings the file up to date", path.display())]
    Older {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: usize,
    },
    /// Another agent uses it.
    #[error("{}: in use by another agent{}; stop that one, or give this one another directory with --state-dir", path.display(), pid.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The other agent's process.
        pid: Option<String>,
    },
    /// There is nothing to look at yet.
    #[error("{}: no store here; `errtail run` makes it, or give its directory with --state-dir", .0.display())]
    Missing(PathBuf),
    /// SQLite says no.
    #[error("{}: {error}", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// Why.
        error: rusqlite::Error,
    },
}

/// A connection, and the lock that goes with an agent's.
pub(super) struct Opened {
    pub db: Connection,
    pub path: PathBuf,
    pub lock: Option<File>,
}

/// Opens the store for the agent, and makes it where there is none.
pub(super) fn exclusive(state_dir: &Path) -> Result<Opened, OpenError> {
    make_directory(state_dir)?;
    let lock = lock(state_dir)?;
    let path = state_dir.join(FILE);
    system::private_file(&path).map_err(|error| io_error(&path, error))?;
    let db = connect(&path)?;
    let found = version(&db, &path)?;
    for (index, step) in STEPS.iter().enumerate().skip(found) {
        let step = format!(
            "PRAGMA auto_vacuum = INCREMENTAL; BEGIN IMMEDIATE; {step} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}; COMMIT;",
            index + 1
        );
        db.execute_batch(&step).map_err(|error| sqlite_error(&path, error))?;
    }
    Ok(Opened { db, path, lock: Some(lock) })
}

/// Opens the store beside an agent that may be running.
pub(super) fn shared(state_dir: &Path) -> Result<Opened, OpenError> {
    let path = state_dir.join(FILE);
    match fs::metadata(&path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(OpenError::Missing(state_dir.to_owned())),
        Err(error) => return Err(io_error(&path, error)),
    }
    let db = connect(&path)?;
    match version(&db, &path)? {
        // Made this moment, by an agent that has not come so far.
        0 => Err(OpenError::Missing(state_dir.to_owned())),
        VERSION => Ok(Opened { db, path, lock: None }),
        found => Err(OpenError::Older { path, found }),
    }
}

fn connect(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connect = || {
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(BUSY)?;
        db.set_prepared_statement_cache_capacity(64);
        // A power cut may cost the last transactions, whole: the files are then read from where those began.
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;
             PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY;",
        )?;
        Ok(db)
    };
    connect().map_err(|error| sqlite_error(path, error))
}

/// The version of the schema; 0 for a file that is still empty.
fn version(db: &Connection, path: &Path) -> Result<usize, OpenError> {
    let number = |name| db.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let read = || Ok((number("application_id")?, number("user_version")?, number("schema_version")?));
    let (application, found, schema) = read().map_err(|error| sqlite_error(path, error))?;
    let found = usize::try_from(found).unwrap_or(0);
    match application {
        APPLICATION_ID if found > VERSION => Err(OpenError::Newer { path: path.to_owned(), found }),
        APPLICATION_ID => Ok(found),
        0 if schema == 0 => Ok(0),
        _ => Err(OpenError::NotADatabase(path.to_owned())),
    }
}

fn make_directory(path: &Path) -> Result<(), OpenError> {
    match system::make_private_directory(path) {
        Ok(()) => Ok(()),
        Err(_) if path.exists() && !path.is_dir() => Err(OpenError::NotADirectory(path.to_owned())),
        Err(error) => Err(io_error(path, error)),
    }
}

/// Takes the lock; it ends with the process, however that ends.
fn lock(state_dir: &Path) -> Result<File, OpenError> {
    let path = state_dir.join(LOCK_FILE);
    let mut file = system::private_file(&path).map_err(|error| io_error(&path, error))?;
    let mut result = file.try_lock();
    // `errtail status` tries the lock too, for a moment.
    for _ in 0..1000 {
        if !matches!(result, Err(TryLockError::WouldBlock)) {
            break;
        }
        std::thread::yield_now();
        result = file.try_lock();
    }
    match result {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(OpenError::Locked { path: state_dir.to_owned(), pid: pid(&mut file) });
        }
        Err(TryLockError::Error(error)) => return Err(io_error(&path, error)),
    }
    let write = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write(&mut file).map_err(|error| io_error(&path, error))?;
    Ok(file)
}

/// Whether an agent uses the database at `path`.
pub(super) fn agent(path: &Path) -> Agent {
    let Ok(mut file) = File::open(path.with_file_name(LOCK_FILE)) else { return Agent::Stopped };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Agent::Running(pid(&mut file)),
        _ => Agent::Stopped,
    }
}

fn pid(lock: &mut File) -> Option<String> {
    let mut pid = String::new();
    lock.read_to_string(&mut pid).ok()?;
    Some(pid.trim().to_owned()).filter(|pid| !pid.is_empty())
}

fn io_error(path: &Path, error: io::Error) -> OpenError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => OpenError::NoPermission(path.to_owned()),
        io::ErrorKind::NotADirectory => OpenError::NotADirectory(path.to_owned()),
        _ => OpenError::Io { path: path.to_owned(), error },
    }
}

fn sqlite_error(path: &Path, error: rusqlite::Error) -> OpenError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => OpenError::NotADatabase(path.to_owned()),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            OpenError::NoPermission(path.to_owned())
        }
        _ => OpenError::Sqlite { path: path.to_owned(), error },
    }
}
