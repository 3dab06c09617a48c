-- Secrets of one term in the order of their creation, and orders whose indexes hold names: a filter passes over them
-- without a look at a secret (for which PostgreSQL wants the column, too, that an index has an expression of). The index of terms is filled again from the terms that each secret keeps.

DROP TABLE secret_terms;

CREATE TABLE secret_terms (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  term TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (account_id, region, term, created_at, name)
) STRICT, WITHOUT ROWID;

DROP INDEX secrets_by_creation;
DROP INDEX secrets_by_change;
DROP INDEX secrets_by_access;

CREATE INDEX secrets_by_creation ON secrets
  (account_id, region, (CASE WHEN purge_at IS NULL THEN 0 ELSE 1 END), created_at, name, purge_at);
CREATE INDEX secrets_by_change ON secrets
  (account_id, region, (CASE WHEN purge_at IS NULL THEN 0 ELSE 1 END), last_changed_at, name, purge_at);
CREATE INDEX secrets_by_access ON secrets
  (account_id, region, (CASE WHEN purge_at IS NULL THEN 0 ELSE 1 END), (COALESCE(last_accessed_on, -1)), name);
