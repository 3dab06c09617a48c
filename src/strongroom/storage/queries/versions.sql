-- fragment version_columns --
version_id, created_at, kms_key_id, last_accessed_on, deleted_at, kind, key_arn, key_version, wrapped_key, ciphertext

-- fragment version_facts --
version_id, versions.created_at, kms_key_id, last_accessed_on, deleted_at, kind, key_arn, key_version,
versions.wrapped_key, ciphertext, kms_keys.account_id, kms_keys.region, kms_keys.key_id, manager, state,
current_version, kms_keys.created_at, description, kms_key_versions.version, kms_key_versions.wrapped_key, term
FROM versions
LEFT JOIN kms_keys ON kms_keys.account_id = versions.account_id AND kms_keys.region = versions.region
AND kms_keys.key_id = substr(versions.key_arn, length(versions.key_arn) - 35)
LEFT JOIN kms_key_versions ON kms_key_versions.account_id = kms_keys.account_id
AND kms_key_versions.region = kms_keys.region AND kms_key_versions.key_id = kms_keys.key_id
AND kms_key_versions.version = versions.key_version

-- find_version --
-- A version, with the key that wraps its data key: a UUID at the end of the key's ARN
SELECT {version_facts} WHERE versions.arn = :arn AND version_id = :version_id

-- find_version for update --
SELECT {version_columns} FROM versions WHERE arn = :arn AND version_id = :version_id

-- list_versions --
-- Every version, oldest first; without the values, which listing never needs
SELECT version_id, created_at, kms_key_id, last_accessed_on, deleted_at, NULL, NULL, NULL, NULL, NULL
FROM versions WHERE arn = :arn ORDER BY created_at, version_id

-- count_versions --
-- Versions that still have a value or wait for one: all but those that were removed, as two indexes tell
SELECT (SELECT COUNT(*) FROM versions WHERE arn = :arn)
- (SELECT COUNT(*) FROM versions WHERE arn = :arn AND deleted_at IS NOT NULL)

-- insert_version --
INSERT INTO versions (account_id, region, arn, {version_columns}) VALUES (:account_id, :region, :arn, :version_id,
:created_at, :kms_key_id, :last_accessed_on, :deleted_at, :kind, :key_arn, :key_version, :wrapped_key, :ciphertext)

-- put_version --
UPDATE versions SET kms_key_id = :kms_key_id, last_accessed_on = :last_accessed_on, deleted_at = :deleted_at,
kind = :kind, key_arn = :key_arn, key_version = :key_version, wrapped_key = :wrapped_key, ciphertext = :ciphertext
WHERE arn = :arn AND version_id = :version_id

-- delete_wrapped_keys --
-- The crypto-shredding: without its wrapped data key a ciphertext is noise
UPDATE versions SET wrapped_key = NULL WHERE arn = :arn

-- delete_versions --
DELETE FROM versions WHERE arn = :arn

-- stages --
SELECT label, version_id FROM stages WHERE arn = :arn ORDER BY label

-- put_stage --
INSERT INTO stages (account_id, region, arn, label, version_id)
VALUES (:account_id, :region, :arn, :label, :version_id)
ON CONFLICT (arn, label) DO UPDATE SET version_id = excluded.version_id

-- delete_stage --
DELETE FROM stages WHERE arn = :arn AND label = :label

-- delete_stages --
DELETE FROM stages WHERE arn = :arn

-- record_secret_access --
UPDATE secrets SET last_accessed_on = :day WHERE arn = :arn

-- record_version_access --
UPDATE versions SET last_accessed_on = :day WHERE arn = :arn AND version_id = :version_id
