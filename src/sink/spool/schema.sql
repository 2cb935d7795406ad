-- What waits for the outputs, in the order in which it happened. One that every output has had is deleted.
CREATE TABLE event (
    seq  INTEGER PRIMARY KEY, -- ascending, never used again
    time INTEGER NOT NULL,    -- when it came, in milliseconds since 1970
    id   TEXT NOT NULL,
    body TEXT NOT NULL,       -- as docs/events.md describes it
    only_for TEXT             -- the one output that it is for; null: every one
) STRICT;
-- How far each output has come.
CREATE TABLE output (
    name      TEXT PRIMARY KEY,
    seq       INTEGER NOT NULL,           -- the last that it had
    delivered INTEGER NOT NULL DEFAULT 0,
    dropped   INTEGER NOT NULL DEFAULT 0,
    dead      INTEGER NOT NULL DEFAULT 0,
    last      INTEGER,                    -- when a receiver last took something
    state     TEXT NOT NULL DEFAULT 'idle',
    error     TEXT,
    since     INTEGER
) STRICT;
-- What was lost and is yet to be reported by an event; an empty output stands for all of them.
CREATE TABLE loss (
    output TEXT NOT NULL,
    reason TEXT NOT NULL,
    count  INTEGER NOT NULL,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (output, reason)
) STRICT;
-- What a receiver refused for good, with what it said.
CREATE TABLE dead (
    number INTEGER PRIMARY KEY,
    output TEXT NOT NULL,
    time   INTEGER NOT NULL,
    error  TEXT NOT NULL,
    id     TEXT NOT NULL,
    body   TEXT NOT NULL
) STRICT;
-- What `forwarden spool` asks of the daemon.
CREATE TABLE request (
    number INTEGER PRIMARY KEY,
    kind   TEXT NOT NULL,     -- replay, replay_dead, purge, purge_dead
    output TEXT NOT NULL,     -- empty: every one
    time   INTEGER            -- from here on; of purge: up to here
) STRICT;
PRAGMA user_version = 1;
