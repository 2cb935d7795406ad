-- A file of version 1: it did not know who had been told of a loss.
ALTER TABLE loss RENAME TO loss_of_1;
CREATE TABLE loss (
    output TEXT NOT NULL,
    reason TEXT NOT NULL,
    tell   TEXT NOT NULL,
    count  INTEGER NOT NULL,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (output, reason, tell)
) STRICT;
INSERT INTO loss SELECT output, reason, '', count, first, last FROM loss_of_1;
DROP TABLE loss_of_1;
CREATE TABLE told (
    seq    INTEGER PRIMARY KEY,
    output TEXT NOT NULL,
    reason TEXT NOT NULL,
    count  INTEGER NOT NULL,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL
) STRICT;
PRAGMA user_version = 2;
