-- What could not be read, the newest; and how much that was in all.
CREATE TABLE gap (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    found_at INTEGER NOT NULL,
    path TEXT NOT NULL,
    offset INTEGER NOT NULL,
    bytes INTEGER,                      -- at least so many; none where nobody saw whether there were any
    cause TEXT NOT NULL,
    told INTEGER NOT NULL DEFAULT 0     -- when an event of the agent's own was queued that tells it
) STRICT;

CREATE TABLE gap_total (
    cause TEXT PRIMARY KEY,
    gaps INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
