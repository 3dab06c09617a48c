-- Who scheduled a deletion and what postponed it; the states of alarms, and what is to be told of them.

CREATE TABLE planned_deletions (
  arn TEXT PRIMARY KEY,
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  scheduled_by TEXT NOT NULL,
  due_at INTEGER NOT NULL,
  held_by TEXT,
  held_at INTEGER
) STRICT;

CREATE INDEX secrets_by_purge ON secrets (purge_at) WHERE purge_at IS NOT NULL;

CREATE TABLE alarm_states (
  alarm TEXT NOT NULL,
  subject TEXT NOT NULL,
  state TEXT NOT NULL,
  since INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (alarm, subject)
) STRICT;

CREATE TABLE alarm_notices (
  notice_id TEXT PRIMARY KEY,
  alarm TEXT NOT NULL,
  subject TEXT NOT NULL,
  state TEXT NOT NULL,
  happened_at INTEGER NOT NULL,
  reason TEXT NOT NULL
) STRICT;

CREATE INDEX alarm_notices_by_time ON alarm_notices (happened_at);

CREATE TABLE alarm_watch (
  watch TEXT PRIMARY KEY,
  seen_until INTEGER NOT NULL
) STRICT;

CREATE INDEX trail_events_of_failures ON trail_events (happened_at) WHERE code IS NOT NULL;
