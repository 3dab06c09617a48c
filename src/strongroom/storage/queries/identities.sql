-- fragment identity_columns --
unique_id, account_id, kind, name_key, path, arn, boundary_arn, body

-- hold_identities --
-- Writers take turns where there is one of them; other databases override this
SELECT account_id FROM accounts WHERE account_id = :account_id

-- find_identity --
SELECT kind, body FROM identities WHERE account_id = :account_id AND kind = :kind AND name_key = :name_key

-- find_identity_by_arn --
SELECT kind, body FROM identities WHERE arn = :arn

-- find_identity_by_id --
SELECT kind, body FROM identities WHERE unique_id = :unique_id

-- list_identities --
SELECT kind, body FROM identities WHERE account_id = :account_id AND kind = :kind AND name_key > :after
ORDER BY name_key LIMIT :row_limit

-- count_identities --
SELECT COUNT(*) FROM identities WHERE account_id = :account_id AND kind = :kind

-- insert_identity --
INSERT INTO identities ({identity_columns})
VALUES (:unique_id, :account_id, :kind, :name_key, :path, :arn, :boundary_arn, :body)

-- put_identity --
UPDATE identities SET name_key = :name_key, path = :path, arn = :arn, boundary_arn = :boundary_arn, body = :body
WHERE unique_id = :unique_id

-- delete_identity --
DELETE FROM identities WHERE unique_id = :unique_id

-- list_inline_policies --
SELECT policy_name, document FROM identity_policies WHERE holder_id = :holder_id ORDER BY policy_name

-- put_inline_policy --
INSERT INTO identity_policies (account_id, holder_id, policy_name, document)
VALUES (:account_id, :holder_id, :policy_name, :document)
ON CONFLICT (holder_id, policy_name) DO UPDATE SET document = excluded.document

-- delete_inline_policy --
DELETE FROM identity_policies WHERE holder_id = :holder_id AND policy_name = :policy_name

-- list_attachments --
SELECT policy_arn FROM identity_attachments WHERE holder_id = :holder_id ORDER BY policy_arn

-- attach_policy --
INSERT INTO identity_attachments (account_id, holder_id, policy_arn) VALUES (:account_id, :holder_id, :policy_arn)
ON CONFLICT (holder_id, policy_arn) DO NOTHING

-- detach_policy --
DELETE FROM identity_attachments WHERE holder_id = :holder_id AND policy_arn = :policy_arn

-- list_holders --
-- Who has a managed policy attached, in one account
SELECT kind, body FROM identities JOIN identity_attachments ON holder_id = unique_id
WHERE policy_arn = :policy_arn AND identities.account_id = :account_id ORDER BY kind, name_key

-- list_bounded --
SELECT kind, body FROM identities WHERE boundary_arn = :policy_arn AND account_id = :account_id ORDER BY kind, name_key

-- list_members --
SELECT kind, body FROM identities JOIN group_members ON user_id = unique_id
WHERE group_id = :group_id ORDER BY name_key

-- list_groups_of --
SELECT kind, body FROM identities JOIN group_members ON group_id = unique_id
WHERE user_id = :user_id ORDER BY name_key

-- add_member --
INSERT INTO group_members (account_id, group_id, user_id) VALUES (:account_id, :group_id, :user_id)
ON CONFLICT (group_id, user_id) DO NOTHING

-- remove_member --
DELETE FROM group_members WHERE group_id = :group_id AND user_id = :user_id

-- list_policy_versions --
SELECT version, document, created_at, is_default FROM policy_versions WHERE policy_arn = :policy_arn ORDER BY version

-- insert_policy_version --
INSERT INTO policy_versions (account_id, policy_arn, version, document, created_at, is_default)
VALUES (:account_id, :policy_arn, :version, :document, :created_at, :is_default)

-- choose_policy_version --
UPDATE policy_versions SET is_default = CASE WHEN version = :version THEN 1 ELSE 0 END WHERE policy_arn = :policy_arn

-- delete_policy_version --
DELETE FROM policy_versions WHERE policy_arn = :policy_arn AND version = :version

-- fragment granted_json --
json_group_array(json_array(holder, policy, document))

-- fragment granted --
-- A user's own policies and those of its groups, or a role's
(SELECT {granted_json} FROM (
  SELECT holders.arn AS holder, policy_name AS policy, document FROM identity_policies
  JOIN identities AS holders ON holders.unique_id = holder_id
  WHERE holder_id IN (SELECT identities.unique_id UNION SELECT group_id FROM group_members
                      WHERE user_id = identities.unique_id)
  UNION ALL
  SELECT holders.arn, identity_attachments.policy_arn, policy_versions.document FROM identity_attachments
  JOIN identities AS holders ON holders.unique_id = holder_id
  LEFT JOIN policy_versions ON policy_versions.policy_arn = identity_attachments.policy_arn AND is_default = 1
  WHERE holder_id IN (SELECT identities.unique_id UNION SELECT group_id FROM group_members
                      WHERE user_id = identities.unique_id)
) AS granted)

-- find_grants --
SELECT kind, body, {granted},
(SELECT document FROM policy_versions WHERE policy_arn = boundary_arn AND is_default = 1)
FROM identities WHERE arn = :arn

-- list_keys_of_principal --
SELECT {access_key_columns} FROM access_keys WHERE principal_id = :principal_id ORDER BY created_at, access_key_id

-- rename_principal --
-- The revision outdates what was remembered of the key under its former name
UPDATE access_keys SET principal_arn = :arn, revision = revision + 1 WHERE principal_id = :principal_id

-- record_key_uses --
-- Of the keys that are there
INSERT INTO access_key_uses (access_key_id, used_at, region, service)
SELECT value->>0, CAST(value->>1 AS BIGINT), value->>2, value->>3 FROM {given_rows}
WHERE EXISTS (SELECT 1 FROM access_keys WHERE access_key_id = value->>0) ON CONFLICT (access_key_id) DO UPDATE SET used_at = excluded.used_at, region = excluded.region,
service = excluded.service WHERE excluded.used_at > access_key_uses.used_at

-- find_key_use --
SELECT used_at, region, service FROM access_key_uses WHERE access_key_id = :access_key_id

-- delete_key_use --
DELETE FROM access_key_uses WHERE access_key_id = :access_key_id
