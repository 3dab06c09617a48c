-- fragment secret_columns --
account_id, region, name, arn, created_at, last_changed_at, description, kms_key_id, tags, last_accessed_on,
deleted_at, purge_at, owning_service, primary_region, type, revision, cross_account_primary, rotation

-- fragment secret_facts --
{secret_columns},
(SELECT json_group_object(label, version_id) FROM stages WHERE stages.arn = secrets.arn),
(SELECT json_group_object(policy_name, json_array(document, principal_ids)) FROM resource_policies
WHERE resource_policies.arn = secrets.arn)

-- find_secret --
-- A secret by its exact name, with its labels and policies
SELECT {secret_facts} FROM secrets WHERE account_id = :account_id AND region = :region AND name = :name

-- find_secret_by_arn --
-- A secret by its complete ARN, in the caller's own place only, with its labels and policies
SELECT {secret_facts} FROM secrets WHERE arn = :arn AND account_id = :account_id AND region = :region

-- fragment counts --
(SELECT COUNT(*) FROM versions WHERE versions.arn = secrets.arn)
- (SELECT COUNT(*) FROM versions WHERE versions.arn = secrets.arn AND versions.deleted_at IS NOT NULL),
(SELECT COUNT(*) FROM replicas WHERE replicas.arn = secrets.arn)

-- fragment wanted_of_found --
versions.version_id, versions.created_at, versions.kms_key_id, versions.last_accessed_on, versions.deleted_at, kind,
key_arn, key_version, wrapped_key, ciphertext
FROM found LEFT JOIN versions ON versions.arn = found.arn AND versions.version_id = :version_id

-- find_secret for update --
-- With what changes of a value read besides: how many versions and replicas there are, and the version of that id
WITH found AS (
  SELECT {secret_facts}, {counts} FROM secrets WHERE account_id = :account_id AND region = :region AND name = :name
) SELECT found.*, {wanted_of_found}

-- find_secret_by_arn for update --
WITH found AS (
  SELECT {secret_facts}, {counts} FROM secrets WHERE arn = :arn AND account_id = :account_id AND region = :region
) SELECT found.*, {wanted_of_found}

-- insert_secret --
INSERT INTO secrets ({secret_columns}, terms) VALUES (:account_id, :region, :name, :arn, :created_at, :last_changed_at,
:description, :kms_key_id, :tags, :last_accessed_on, :deleted_at, :purge_at, :owning_service, :primary_region, :type,
:revision, :cross_account_primary, :rotation, :terms)

-- put_secret --
UPDATE secrets SET last_changed_at = :last_changed_at, description = :description, kms_key_id = :kms_key_id,
tags = :tags, last_accessed_on = :last_accessed_on, deleted_at = :deleted_at, purge_at = :purge_at,
owning_service = :owning_service, primary_region = :primary_region, type = :type, revision = :revision,
cross_account_primary = :cross_account_primary, rotation = :rotation WHERE arn = :arn

-- put_secret_in_place --
-- Where no date changed that an index holds, but for the last change: SQLite takes a row out of the index of each column
-- that is named here, and puts it back though it is the same
UPDATE secrets SET last_changed_at = :last_changed_at, description = :description, kms_key_id = :kms_key_id,
tags = :tags, deleted_at = :deleted_at, owning_service = :owning_service, primary_region = :primary_region,
type = :type, revision = :revision, cross_account_primary = :cross_account_primary, rotation = :rotation
WHERE arn = :arn

-- touch_secret --
-- Where only what belongs to its values changed
UPDATE secrets SET last_changed_at = :last_changed_at, revision = :revision, rotation = :rotation WHERE arn = :arn

-- delete_secret --
DELETE FROM secrets WHERE arn = :arn

-- count_secrets --
SELECT COUNT(*) FROM secrets WHERE account_id = :account_id AND region = :region

-- insert_tombstone --
-- A replica that is removed, made again and removed again has one ARN and one tombstone
INSERT INTO tombstones (account_id, region, arn, name, versions, purged_at)
VALUES (:account_id, :region, :arn, :name, :versions, :purged_at)
ON CONFLICT (arn) DO UPDATE SET versions = excluded.versions, purged_at = excluded.purged_at

-- find_tombstone --
SELECT account_id, region, arn, name, versions, purged_at FROM tombstones WHERE arn = :arn
