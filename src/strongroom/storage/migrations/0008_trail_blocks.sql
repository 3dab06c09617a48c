-- Events of the trails in blocks, compressed, each found by what its events can be asked for by (docs/adr/0020).
-- `trail_events` is carried over, and then dropped, by what SQL cannot do (storage.trail_index), in the order
-- of this index: without it the whole table would be sorted once more for each block.

CREATE INDEX trail_events_in_order ON trail_events (trail, sequence, event_id);

CREATE TABLE trail_blocks (
  block_id INTEGER PRIMARY KEY,
  oldest INTEGER NOT NULL,
  newest INTEGER NOT NULL,
  last_sequence INTEGER NOT NULL,
  events INTEGER NOT NULL,
  ids BLOB NOT NULL,
  terms BLOB NOT NULL
) STRICT;

CREATE INDEX trail_blocks_by_time ON trail_blocks (newest, oldest);

CREATE TABLE trail_contents (
  block_id INTEGER PRIMARY KEY,
  content BLOB NOT NULL
) STRICT;

CREATE TABLE trail_terms (
  term INTEGER NOT NULL,
  newest INTEGER NOT NULL,
  last_sequence INTEGER NOT NULL,
  block_id INTEGER NOT NULL,
  oldest INTEGER NOT NULL,
  first_sequence INTEGER NOT NULL,
  events INTEGER NOT NULL,
  PRIMARY KEY (term, newest, last_sequence, block_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE trail_failures (
  event_id TEXT PRIMARY KEY,
  happened_at INTEGER NOT NULL,
  account_id TEXT NOT NULL,
  event_name TEXT NOT NULL,
  principal_arn TEXT,
  source_ip TEXT NOT NULL,
  resource_arn TEXT,
  code TEXT
) STRICT;

CREATE INDEX trail_failures_by_time ON trail_failures (happened_at);
