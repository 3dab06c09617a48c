-- Replication, resource policies, rotation settings, managed external secrets, cross-account replicas.

ALTER TABLE secrets ADD COLUMN type TEXT;
ALTER TABLE secrets ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE secrets ADD COLUMN cross_account_primary TEXT;
ALTER TABLE secrets ADD COLUMN rotation TEXT;

CREATE TABLE replicas (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  arn TEXT NOT NULL REFERENCES secrets (arn),
  replica_arn TEXT NOT NULL,
  kms_key_id TEXT,
  status TEXT NOT NULL,
  status_message TEXT,
  overwrites INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  PRIMARY KEY (arn, replica_arn)
) STRICT;

CREATE TABLE resource_policies (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  arn TEXT NOT NULL REFERENCES secrets (arn),
  policy_name TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (arn, policy_name)
) STRICT;
