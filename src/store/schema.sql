-- Times are milliseconds since the epoch. Texts that come from a log are scrubbed before they get here.

-- One row a failure and destination.
CREATE TABLE issue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT NOT NULL,
    dsn_key TEXT NOT NULL,              -- '' without a DSN
    state TEXT NOT NULL DEFAULT 'unresolved',
    resolved_at INTEGER,
    ignored_until INTEGER,
    ignored_events INTEGER,
    platform TEXT NOT NULL,
    category TEXT NOT NULL,
    level TEXT,
    type TEXT NOT NULL,
    message TEXT NOT NULL,
    culprit TEXT,
    events INTEGER NOT NULL DEFAULT 0,
    users INTEGER NOT NULL DEFAULT 0,
    sent INTEGER NOT NULL DEFAULT 0,    -- events that Sentry has taken
    first_seen INTEGER NOT NULL,        -- the log's times
    last_seen INTEGER NOT NULL,
    burst INTEGER NOT NULL DEFAULT 0,   -- the schedule, in the agent's times
    seen_at INTEGER,
    sent_at INTEGER,
    users_at INTEGER,
    users_sent INTEGER NOT NULL DEFAULT 0,
    pending INTEGER NOT NULL DEFAULT 0, -- occurrences that the next event stands for
    pending_first INTEGER,              -- the log's times of those
    pending_last INTEGER,
    pending_places TEXT,                -- their hosts and files, JSON
    UNIQUE (fingerprint, dsn_key)
) STRICT;
CREATE INDEX issue_last_seen ON issue (last_seen);
CREATE INDEX issue_pending ON issue (sent_at) WHERE pending > 0;

-- Who met an issue: a hash of the user's id.
CREATE TABLE issue_user (
    issue INTEGER NOT NULL REFERENCES issue ON DELETE CASCADE,
    user INTEGER NOT NULL,
    PRIMARY KEY (issue, user)
) STRICT, WITHOUT ROWID;

-- Occurrences by hour of the log's time.
CREATE TABLE issue_hour (
    issue INTEGER NOT NULL REFERENCES issue ON DELETE CASCADE,
    hour INTEGER NOT NULL,
    events INTEGER NOT NULL,
    PRIMARY KEY (issue, hour)
) STRICT, WITHOUT ROWID;
CREATE INDEX issue_hour_hour ON issue_hour (hour);

-- Where an issue was found.
CREATE TABLE issue_place (
    issue INTEGER NOT NULL REFERENCES issue ON DELETE CASCADE,
    path TEXT NOT NULL,
    host TEXT NOT NULL,
    events INTEGER NOT NULL,
    line INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    PRIMARY KEY (issue, path, host)
) STRICT, WITHOUT ROWID;

-- The Sentry event of the latest occurrence that one was built of; held: 0, or why that occurrence was kept back and
-- stands for what is pending: 1 a repeat, 2 the budget.
CREATE TABLE sample (
    issue INTEGER PRIMARY KEY REFERENCES issue ON DELETE CASCADE,
    event_id TEXT NOT NULL,
    held INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- What Sentry has taken.
CREATE TABLE issue_event (
    issue INTEGER NOT NULL REFERENCES issue ON DELETE CASCADE,
    event_id TEXT NOT NULL,
    sent_at INTEGER NOT NULL,
    PRIMARY KEY (issue, event_id)
) STRICT, WITHOUT ROWID;

-- What is to be sent. A row leaves only after Sentry's answer; what Sentry refused stays aside, with the reason.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    dsn_key TEXT NOT NULL,
    issue INTEGER,
    created_at INTEGER NOT NULL,
    retry_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    failed TEXT,
    bytes INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (event_id, dsn_key)
) STRICT;
CREATE INDEX outbox_due ON outbox (dsn_key, id, retry_at, bytes) WHERE failed IS NULL;

-- What is known of a DSN.
CREATE TABLE destination (
    dsn_key TEXT PRIMARY KEY,
    held_until INTEGER,
    held_why TEXT,
    sent INTEGER NOT NULL DEFAULT 0,
    last_sent_at INTEGER,
    last_error TEXT,
    last_error_at INTEGER,
    hour INTEGER NOT NULL DEFAULT 0,    -- the budget: events queued in this hour
    hour_events INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- What was given up and Sentry was not yet told.
CREATE TABLE client_report (
    dsn_key TEXT NOT NULL,
    reason TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    PRIMARY KEY (dsn_key, reason)
) STRICT, WITHOUT ROWID;

-- Each record is in exactly one outcome.
CREATE TABLE outcome (
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    records INTEGER NOT NULL,
    PRIMARY KEY (outcome, reason)
) STRICT, WITHOUT ROWID;

-- How far each file was read.
CREATE TABLE checkpoint (
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    path TEXT NOT NULL,
    value TEXT NOT NULL,                -- the whole checkpoint, JSON
    PRIMARY KEY (device, inode)
) STRICT, WITHOUT ROWID;
