-- The audit trails as a table that can be asked, how far each was copied, and who reads which secret.

CREATE TABLE trail_positions (
  trail TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL,
  mac TEXT NOT NULL,
  file_first INTEGER NOT NULL,
  file_offset INTEGER NOT NULL
) STRICT;

CREATE TABLE trail_events (
  event_id TEXT PRIMARY KEY,
  happened_at INTEGER NOT NULL,
  trail TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  account_id TEXT NOT NULL,
  region TEXT,
  event_name TEXT NOT NULL,
  event_source TEXT NOT NULL,
  read_only INTEGER NOT NULL,
  username TEXT,
  principal_arn TEXT,
  identity_arn TEXT,
  access_key_id TEXT,
  resource_type TEXT,
  resource_name TEXT,
  resource_arn TEXT,
  code TEXT,
  source_ip TEXT NOT NULL,
  user_agent TEXT,
  request_id TEXT NOT NULL,
  record TEXT NOT NULL
) STRICT;

CREATE INDEX trail_events_by_time ON trail_events (happened_at, sequence);
CREATE INDEX trail_events_by_name ON trail_events (account_id, event_name, happened_at, sequence);
CREATE INDEX trail_events_by_user ON trail_events (account_id, username, happened_at, sequence)
  WHERE username IS NOT NULL;
CREATE INDEX trail_events_by_principal ON trail_events (account_id, principal_arn, happened_at, sequence)
  WHERE principal_arn IS NOT NULL;
CREATE INDEX trail_events_by_resource ON trail_events (account_id, resource_name, happened_at, sequence)
  WHERE resource_name IS NOT NULL;
CREATE INDEX trail_events_by_key ON trail_events (account_id, access_key_id, happened_at, sequence)
  WHERE access_key_id IS NOT NULL;
CREATE INDEX trail_events_of_changes ON trail_events (account_id, happened_at, sequence) WHERE read_only = 0;

CREATE TABLE secret_readers (
  secret_arn TEXT NOT NULL,
  principal_arn TEXT NOT NULL,
  source_ip TEXT NOT NULL,
  agent TEXT NOT NULL,
  stage TEXT NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  reads INTEGER NOT NULL,
  refusals INTEGER NOT NULL,
  refused_at INTEGER,
  PRIMARY KEY (secret_arn, principal_arn, source_ip, agent, stage)
) STRICT;

CREATE INDEX secret_readers_by_time ON secret_readers (last_at);
