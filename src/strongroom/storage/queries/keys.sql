-- fragment kms_key_columns --
account_id, region, key_id, manager, state, current_version, created_at, description

-- find_kms_key --
SELECT {kms_key_columns} FROM kms_keys WHERE account_id = :account_id AND region = :region AND key_id = :key_id

-- list_kms_keys --
SELECT {kms_key_columns} FROM kms_keys WHERE account_id = :account_id AND region = :region ORDER BY created_at, key_id

-- insert_kms_key --
INSERT INTO kms_keys ({kms_key_columns})
VALUES (:account_id, :region, :key_id, :manager, :state, :current_version, :created_at, :description)

-- put_kms_key --
UPDATE kms_keys SET state = :state, current_version = :current_version, description = :description
WHERE account_id = :account_id AND region = :region AND key_id = :key_id

-- insert_backing_key --
INSERT INTO kms_key_versions (account_id, region, key_id, version, wrapped_key, term)
VALUES (:account_id, :region, :key_id, :version, :wrapped_key, :term)

-- find_backing_key --
SELECT version, wrapped_key, term FROM kms_key_versions
WHERE account_id = :account_id AND region = :region AND key_id = :key_id AND version = :version

-- find_kms_alias --
SELECT key_id FROM kms_aliases WHERE account_id = :account_id AND region = :region AND alias = :alias

-- insert_kms_alias --
INSERT INTO kms_aliases (account_id, region, alias, key_id) VALUES (:account_id, :region, :alias, :key_id)

-- list_terms --
SELECT term, wrapped_key, root_key_id FROM key_terms ORDER BY term

-- insert_term --
INSERT INTO key_terms (term, wrapped_key, root_key_id, created_at)
VALUES (:term, :wrapped_key, :root_key_id, :created_at)

-- fragment access_key_columns --
access_key_id, account_id, principal_arn, principal_id, active, revision, sealed_secret, created_at

-- find_access_key --
SELECT {access_key_columns} FROM access_keys WHERE access_key_id = :access_key_id

-- list_access_keys --
SELECT {access_key_columns} FROM access_keys WHERE account_id = :account_id ORDER BY created_at, access_key_id

-- insert_access_key --
INSERT INTO access_keys ({access_key_columns}) VALUES (:access_key_id, :account_id, :principal_arn, :principal_id,
:active, :revision, :sealed_secret, :created_at)

-- put_access_key --
UPDATE access_keys SET active = :active, revision = :revision, sealed_secret = :sealed_secret
WHERE access_key_id = :access_key_id

-- delete_access_key --
DELETE FROM access_keys WHERE access_key_id = :access_key_id

-- find_account --
SELECT account_id FROM accounts WHERE account_id = :account_id

-- insert_account --
INSERT INTO accounts (account_id, created_at) VALUES (:account_id, :created_at)

-- list_accounts --
SELECT account_id, created_at FROM accounts ORDER BY created_at, account_id

-- list_kms_aliases --
SELECT alias, key_id FROM kms_aliases WHERE account_id = :account_id AND region = :region ORDER BY alias
