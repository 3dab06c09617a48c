-- Types are SQLite's; for PostgreSQL, INTEGER reads BIGINT, BLOB reads BYTEA, TEXT collates by code point
-- and STRICT is left out (see migrate.py). Instants are microseconds since the epoch, days are days since it.

CREATE TABLE accounts (
  account_id TEXT PRIMARY KEY,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE access_keys (
  access_key_id TEXT PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts (account_id),
  principal_arn TEXT NOT NULL,
  principal_id TEXT NOT NULL,
  active INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  sealed_secret BLOB NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE key_terms (
  term INTEGER PRIMARY KEY,
  wrapped_key BLOB NOT NULL,
  root_key_id TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE kms_keys (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  manager TEXT NOT NULL,
  state TEXT NOT NULL,
  current_version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  description TEXT NOT NULL,
  PRIMARY KEY (account_id, region, key_id)
) STRICT;

CREATE TABLE kms_key_versions (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  wrapped_key BLOB NOT NULL,
  term TEXT NOT NULL,
  PRIMARY KEY (account_id, region, key_id, version)
) STRICT;

CREATE TABLE kms_aliases (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  alias TEXT NOT NULL,
  key_id TEXT NOT NULL,
  PRIMARY KEY (account_id, region, alias)
) STRICT;

CREATE TABLE secrets (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  arn TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  last_changed_at INTEGER NOT NULL,
  description TEXT NOT NULL,
  kms_key_id TEXT,
  tags TEXT,
  last_accessed_on INTEGER,
  deleted_at INTEGER,
  purge_at INTEGER,
  owning_service TEXT,
  primary_region TEXT,
  PRIMARY KEY (account_id, region, name)
) STRICT;

CREATE INDEX secrets_by_creation ON secrets (account_id, region, created_at, arn);
CREATE INDEX secrets_by_change ON secrets (account_id, region, last_changed_at, arn);
CREATE INDEX secrets_by_access ON secrets (account_id, region, (COALESCE(last_accessed_on, -1)), arn);

CREATE TABLE versions (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  arn TEXT NOT NULL REFERENCES secrets (arn),
  version_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  kms_key_id TEXT,
  last_accessed_on INTEGER,
  deleted_at INTEGER,
  kind TEXT,
  key_arn TEXT,
  key_version INTEGER,
  wrapped_key BLOB,
  ciphertext BLOB,
  PRIMARY KEY (arn, version_id)
) STRICT;

CREATE TABLE stages (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  arn TEXT NOT NULL,
  label TEXT NOT NULL,
  version_id TEXT NOT NULL,
  PRIMARY KEY (arn, label),
  FOREIGN KEY (arn, version_id) REFERENCES versions (arn, version_id)
) STRICT;

CREATE INDEX stages_by_version ON stages (arn, version_id);

CREATE TABLE jobs (
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  run_at INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  last_error TEXT,
  lease_owner TEXT,
  lease_until INTEGER,
  PRIMARY KEY (kind, subject)
) STRICT;

CREATE INDEX jobs_by_time ON jobs (run_at);

CREATE TABLE tombstones (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  arn TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  versions INTEGER NOT NULL,
  purged_at INTEGER NOT NULL
) STRICT;

CREATE TABLE trail_heads (
  trail TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL,
  mac TEXT NOT NULL,
  recorded_at INTEGER NOT NULL
) STRICT;
