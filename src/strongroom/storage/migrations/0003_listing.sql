-- ListSecrets by index: an inverted index of what filters look for, and orders that pass over scheduled secrets.

ALTER TABLE secrets ADD COLUMN terms TEXT NOT NULL DEFAULT '[]';

CREATE TABLE secret_terms (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  term TEXT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (account_id, region, term, name)
) STRICT, WITHOUT ROWID;

DROP INDEX secrets_by_creation;
DROP INDEX secrets_by_change;
DROP INDEX secrets_by_access;

CREATE INDEX secrets_by_name ON secrets
  (account_id, region, (CASE WHEN purge_at IS NULL THEN 0 ELSE 1 END), name);
CREATE INDEX secrets_by_creation ON secrets
  (account_id, region, (CASE WHEN purge_at IS NULL THEN 0 ELSE 1 END), created_at, arn);
CREATE INDEX secrets_by_change ON secrets
  (account_id, region, (CASE WHEN purge_at IS NULL THEN 0 ELSE 1 END), last_changed_at, arn);
CREATE INDEX secrets_by_access ON secrets
  (account_id, region, (CASE WHEN purge_at IS NULL THEN 0 ELSE 1 END), (COALESCE(last_accessed_on, -1)), arn);
