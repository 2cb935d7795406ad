-- What Forwarden remembers. Times are seconds since 1970, UTC. Look into it with the views:
--   sqlite3 -readonly state.db 'SELECT * FROM who_forwards_where'

CREATE TABLE pair (
    forwarder    TEXT NOT NULL,
    destination  TEXT NOT NULL,
    mechanism    TEXT NOT NULL,
    first_seen   INTEGER NOT NULL,
    last_seen    INTEGER NOT NULL,
    count        INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    message_ids  TEXT NOT NULL DEFAULT '',  -- the last five, the newest first, apart by spaces
    latencies    INTEGER NOT NULL DEFAULT 0,
    latency_mean REAL NOT NULL DEFAULT 0,   -- seconds
    latency_sum2 REAL NOT NULL DEFAULT 0,   -- sum of squared differences from the mean
    rule         TEXT,
    PRIMARY KEY (forwarder, destination, mechanism)
) WITHOUT ROWID;
CREATE INDEX pair_by_destination ON pair (destination);
CREATE INDEX pair_by_age ON pair (last_seen);

CREATE TABLE day (
    day            INTEGER NOT NULL,        -- days since 1970
    forwarder      TEXT NOT NULL,
    destination    TEXT NOT NULL,
    count          INTEGER NOT NULL,
    bytes          INTEGER NOT NULL,
    look_forwarded INTEGER NOT NULL,        -- of these; with an empty destination: sent on by hand
    PRIMARY KEY (day, forwarder, destination)
) WITHOUT ROWID;

CREATE TABLE arrival (
    at      INTEGER NOT NULL,               -- milliseconds
    kind    INTEGER NOT NULL,
    hash    INTEGER NOT NULL,
    mailbox TEXT NOT NULL
);
CREATE INDEX arrival_by_age ON arrival (at);

CREATE VIEW who_forwards_where AS
SELECT forwarder, destination, mechanism, count, bytes,
       datetime(first_seen, 'unixepoch') AS since, datetime(last_seen, 'unixepoch') AS last,
       CASE WHEN latencies > 0 THEN round(latency_mean, 1) END AS mean_latency_seconds, rule
FROM pair ORDER BY last_seen DESC;

CREATE VIEW who_collects AS
SELECT destination, count(DISTINCT forwarder) AS forwarders, sum(count) AS messages,
       datetime(min(first_seen), 'unixepoch') AS since, datetime(max(last_seen), 'unixepoch') AS last
FROM pair GROUP BY destination ORDER BY forwarders DESC, messages DESC;

PRAGMA user_version = 1;
