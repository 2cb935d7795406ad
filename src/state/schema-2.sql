-- Version 2: what the mail server's logs tell of the time before anything was watched.

ALTER TABLE day ADD COLUMN unseen INTEGER NOT NULL DEFAULT 0;  -- of `count`: known from a log, which does not say how they look

-- What was read from logs already, by keyed hash, so that nothing counts twice.
CREATE TABLE imported (
    day  INTEGER NOT NULL,
    hash INTEGER NOT NULL,
    PRIMARY KEY (day, hash)
) WITHOUT ROWID;

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO meta SELECT 'observed_since', since FROM (SELECT min(first_seen) AS since FROM pair) WHERE since IS NOT NULL;

PRAGMA user_version = 2;
