-- Users, groups, roles, managed policies and identity providers; what is granted to them; when keys were used.
-- `holder_id` and `user_id` are unique ids: they stay when a name changes.

CREATE TABLE identities (
  unique_id TEXT PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts (account_id),
  kind TEXT NOT NULL,
  name_key TEXT NOT NULL,
  path TEXT NOT NULL,
  arn TEXT NOT NULL UNIQUE,
  boundary_arn TEXT,
  body TEXT NOT NULL,
  UNIQUE (account_id, kind, name_key)
) STRICT;

CREATE INDEX identities_by_boundary ON identities (boundary_arn);

CREATE TABLE identity_policies (
  account_id TEXT NOT NULL,
  holder_id TEXT NOT NULL REFERENCES identities (unique_id),
  policy_name TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (holder_id, policy_name)
) STRICT;

CREATE TABLE identity_attachments (
  account_id TEXT NOT NULL,
  holder_id TEXT NOT NULL REFERENCES identities (unique_id),
  policy_arn TEXT NOT NULL,
  PRIMARY KEY (holder_id, policy_arn)
) STRICT;

CREATE INDEX attachments_by_policy ON identity_attachments (policy_arn);

CREATE TABLE policy_versions (
  account_id TEXT NOT NULL,
  policy_arn TEXT NOT NULL REFERENCES identities (arn),
  version INTEGER NOT NULL,
  document TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  is_default INTEGER NOT NULL,
  PRIMARY KEY (policy_arn, version)
) STRICT;

CREATE TABLE group_members (
  account_id TEXT NOT NULL,
  group_id TEXT NOT NULL REFERENCES identities (unique_id),
  user_id TEXT NOT NULL REFERENCES identities (unique_id),
  PRIMARY KEY (group_id, user_id)
) STRICT;

CREATE INDEX group_members_by_user ON group_members (user_id);

CREATE TABLE access_key_uses (
  access_key_id TEXT PRIMARY KEY,
  used_at INTEGER NOT NULL,
  region TEXT NOT NULL,
  service TEXT NOT NULL
) STRICT;

CREATE INDEX access_keys_by_principal ON access_keys (principal_id);

ALTER TABLE resource_policies ADD COLUMN principal_ids TEXT NOT NULL DEFAULT '{}';
