-- Version 2: who has been told of a loss.

ALTER TABLE loss RENAME TO loss_1;
-- What was lost and is yet to be reported by an event; an empty output stands for all of them.
CREATE TABLE loss (
    output TEXT NOT NULL,
    reason TEXT NOT NULL,
    tell   TEXT NOT NULL,     -- the one output that does not know of it; empty: none does
    count  INTEGER NOT NULL,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (output, reason, tell)
) STRICT;
INSERT INTO loss SELECT output, reason, '', count, first, last FROM loss_1;
DROP TABLE loss_1;
-- Which events report a loss, and what they say: one that has to go before an output had it is said again.
CREATE TABLE told (
    seq    INTEGER PRIMARY KEY,
    output TEXT NOT NULL,
    reason TEXT NOT NULL,
    count  INTEGER NOT NULL,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL
) STRICT;

PRAGMA user_version = 2;
