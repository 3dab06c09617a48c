-- fragment secret_facts --
{secret_columns},
(SELECT COALESCE(json_object_agg(label, version_id), '{{}}')::text FROM stages WHERE stages.arn = secrets.arn),
(SELECT COALESCE(json_object_agg(policy_name, json_build_array(document, principal_ids)), '{{}}')::text
FROM resource_policies
WHERE resource_policies.arn = secrets.arn)

-- find_secret for update --
-- A writer holds the secret's row until it commits: changes of one secret are made one after the other
SELECT {secret_columns} FROM secrets WHERE account_id = :account_id AND region = :region AND name = :name FOR UPDATE

-- find_secret_by_arn for update --
SELECT {secret_columns} FROM secrets WHERE arn = :arn AND account_id = :account_id AND region = :region FOR UPDATE

-- hold_identities --
-- A row is a whole identity, and entities refer to each other: changes within an account are made one after the
-- other. What merely refers to the account, as a new secret does, need not wait
SELECT account_id FROM accounts WHERE account_id = :account_id FOR NO KEY UPDATE

-- claim_oldest_jobs --
-- As in jobs.sql; workers on other nodes pass over the rows this one is taking. Materialized, because a subquery
-- with LIMIT may be run more than once, and then claims more
WITH due AS MATERIALIZED (
  SELECT kind, subject FROM jobs WHERE kind <> 'notify' AND run_at <= :now AND (lease_until IS NULL OR lease_until <= :now)
  ORDER BY run_at, subject LIMIT :row_limit FOR UPDATE SKIP LOCKED
) UPDATE jobs SET fence = fence + 1, attempts = attempts + 1, lease_owner = :owner, lease_until = :lease_until
WHERE (kind, subject) IN (SELECT kind, subject FROM due) RETURNING {job_columns}

-- claim_newest_jobs --
-- As in jobs.sql; workers on other nodes pass over the rows this one is taking. Materialized, because a subquery
-- with LIMIT may be run more than once, and then claims more
WITH due AS MATERIALIZED (
  SELECT kind, subject FROM jobs WHERE kind <> 'notify' AND run_at <= :now AND (lease_until IS NULL OR lease_until <= :now)
  ORDER BY run_at DESC, subject DESC LIMIT :row_limit FOR UPDATE SKIP LOCKED
) UPDATE jobs SET fence = fence + 1, attempts = attempts + 1, lease_owner = :owner, lease_until = :lease_until
WHERE (kind, subject) IN (SELECT kind, subject FROM due) RETURNING {job_columns}

-- claim_notices --
-- As in alarms.sql; couriers of other nodes pass over the rows this one is taking
WITH due AS MATERIALIZED (
  SELECT kind, subject FROM jobs
  WHERE kind = 'notify' AND run_at <= :now AND (lease_until IS NULL OR lease_until <= :now)
  ORDER BY run_at, subject LIMIT :row_limit FOR UPDATE SKIP LOCKED
) UPDATE jobs SET fence = fence + 1, attempts = attempts + 1, lease_owner = :owner, lease_until = :lease_until
WHERE (kind, subject) IN (SELECT kind, subject FROM due) RETURNING {job_columns}

-- find_planned_deletion for update --
SELECT {planned_columns} FROM planned_deletions WHERE arn = :arn FOR UPDATE

-- fragment granted_json --
COALESCE(json_agg(json_build_array(holder, policy, document)), '[]')::text

-- fragment wanted --
CAST(:scheduled AS BIGINT)

-- fragment given --
(SELECT jsonb_array_elements_text(CAST(CAST(:texts AS TEXT) AS JSONB)) AS text) AS given

-- fragment each_term --
each

-- fragment secrets_and_terms --
secrets CROSS JOIN jsonb_array_elements_text(CAST(terms AS JSONB)) AS each

-- fragment mark --
-- The start of the server keeps apart two histories, of a server and of the standby that took over from it
CAST(pg_current_snapshot() AS TEXT) || ' ' || CAST(pg_postmaster_start_time() AS TEXT)

-- fragment noted --
-- Between two bounds, a plan for all values takes few rows for granted and finds them by their number. With one bound it
-- takes a third of the table for granted, and reads the whole of it: of thousands of rows, with every round trip.
(SELECT COALESCE(json_agg(json_build_array(xid, encode(subjects, 'hex'))), '[]')::text FROM (
  SELECT xid, subjects FROM committed_changes WHERE xid >= :since AND xid < CAST(:since AS BIGINT) + 512
) AS noted)

-- note_changes --
-- Under the transaction's number, where it has one: none is given to a transaction that has changed and locked nothing
INSERT INTO committed_changes (xid, subjects)
SELECT CAST(CAST(pg_current_xact_id_if_assigned() AS TEXT) AS BIGINT), :subjects
WHERE pg_current_xact_id_if_assigned() IS NOT NULL

-- clear_changes --
DELETE FROM committed_changes WHERE xid IN (
  SELECT xid FROM committed_changes
  WHERE xid < CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT) - :kept
  ORDER BY xid LIMIT 1000 FOR UPDATE SKIP LOCKED
)

-- bring_access_keys --
-- Here and below, LIMIT 1 has a row looked up by its index for each that is wanted. PostgreSQL takes what is wanted for
-- a hundred rows, and would else read the whole of a table of some thousands at every asking.
-- Access keys by id with what decides for their users, each with the snapshot it was read in, and with what was noted
-- by transactions from a number on
SELECT {mark}, {noted}, given.text, key.*, grants.* FROM {given}
LEFT JOIN LATERAL (
  SELECT {access_key_columns} FROM access_keys WHERE access_key_id = given.text LIMIT 1
) AS key ON TRUE
LEFT JOIN LATERAL (
  SELECT kind, body, {granted},
  (SELECT document FROM policy_versions WHERE policy_arn = boundary_arn AND is_default = 1)
  FROM identities WHERE arn = key.principal_arn LIMIT 1
) AS grants ON TRUE

-- fragment wanted_secrets --
jsonb_to_recordset(CAST(CAST(:wanted AS TEXT) AS JSONB))
AS wanted (place INTEGER, account_id TEXT, region TEXT, name TEXT, version_id TEXT, label TEXT)

-- fragment wanted_version --
COALESCE(
  wanted.version_id,
  (SELECT stages.version_id FROM stages WHERE stages.arn = found.arn AND stages.label = wanted.label)
)

-- bring_versions --
-- Secrets by name with what `find_secret` brings, each with the version that is wanted by id or by label, or else with
-- how many replicas it has; and with what was noted, as above
SELECT {mark}, {noted}, place, CASE WHEN wanted.version_id IS NULL AND wanted.label IS NULL
THEN (SELECT COUNT(*) FROM replicas WHERE replicas.arn = found.arn) END, found.*, version.*
FROM {wanted_secrets}
LEFT JOIN LATERAL (
  SELECT {secret_facts} FROM secrets
  WHERE account_id = wanted.account_id AND region = wanted.region AND name = wanted.name LIMIT 1
) AS found ON TRUE
LEFT JOIN LATERAL (
  SELECT {version_facts} WHERE versions.arn = found.arn AND version_id = {wanted_version} LIMIT 1
) AS version ON TRUE

-- fragment has_id --
position(:id IN ids) > 0

-- fragment given_rows --
jsonb_array_elements(CAST(CAST(:rows AS TEXT) AS JSONB)) AS given (value)

-- trail_contents_of --
SELECT block_id, content FROM {given_rows} CROSS JOIN LATERAL (
  SELECT block_id, content FROM trail_contents WHERE block_id = CAST(value->>0 AS BIGINT) LIMIT 1
) AS found

-- lock_for_changes --
-- The secrets that calls are about to change, but for those that another transaction holds: nobody is waited for
SELECT locked.arn FROM {wanted_secrets} CROSS JOIN LATERAL (
  SELECT arn FROM secrets WHERE account_id = wanted.account_id AND region = wanted.region AND name = wanted.name
  LIMIT 1 FOR UPDATE SKIP LOCKED
) AS locked

-- bring_for_changes --
-- What changes of secrets read: what `bring_versions` brings, how many versions there are, whether there are
-- replicas, and the key that seals the next value, if the secret names none or names it by its id (a UUID)
SELECT place, found.*, version.*,
(SELECT COUNT(*) FROM versions WHERE versions.arn = found.arn)
- (SELECT COUNT(*) FROM versions WHERE versions.arn = found.arn AND versions.deleted_at IS NOT NULL),
(SELECT COUNT(*) FROM replicas WHERE replicas.arn = found.arn),
sealing.*
FROM {wanted_secrets}
LEFT JOIN LATERAL (
  SELECT {secret_facts} FROM secrets
  WHERE account_id = wanted.account_id AND region = wanted.region AND name = wanted.name LIMIT 1
) AS found ON TRUE
LEFT JOIN LATERAL (
  SELECT {version_facts} WHERE versions.arn = found.arn AND version_id = {wanted_version} LIMIT 1
) AS version ON TRUE
LEFT JOIN LATERAL (
  SELECT kms_keys.account_id, kms_keys.region, kms_keys.key_id, manager, state, current_version, kms_keys.created_at,
  kms_keys.description, kms_key_versions.version, kms_key_versions.wrapped_key, term
  FROM kms_keys JOIN kms_key_versions ON kms_key_versions.account_id = kms_keys.account_id
  AND kms_key_versions.region = kms_keys.region AND kms_key_versions.key_id = kms_keys.key_id
  AND kms_key_versions.version = kms_keys.current_version
  WHERE kms_keys.account_id = wanted.account_id AND kms_keys.region = wanted.region
  AND kms_keys.key_id = CASE WHEN found.kms_key_id IS NULL THEN (
    SELECT kms_aliases.key_id FROM kms_aliases WHERE kms_aliases.account_id = wanted.account_id
    AND kms_aliases.region = wanted.region AND alias = :default_alias
  ) ELSE substr(found.kms_key_id, length(found.kms_key_id) - 35) END LIMIT 1
) AS sealing ON TRUE

-- bring_grants --
-- What decides for callers, by the ARNs of their users and roles
SELECT given.text, grants.* FROM {given} CROSS JOIN LATERAL (
  SELECT kind, body, {granted},
  (SELECT document FROM policy_versions WHERE policy_arn = boundary_arn AND is_default = 1)
  FROM identities WHERE arn = given.text LIMIT 1
) AS grants

-- find_access_keys --
-- Access keys as they are, for who has presumed that they are as they were
SELECT key.* FROM {given} CROSS JOIN LATERAL (
  SELECT {access_key_columns} FROM access_keys WHERE access_key_id = given.text LIMIT 1
) AS key

-- insert_secret together --
INSERT INTO secrets ({secret_columns}, terms)
SELECT value->>0, value->>1, value->>2, value->>3, CAST(value->>4 AS BIGINT), CAST(value->>5 AS BIGINT), value->>6,
value->>7, value->>8, CAST(value->>9 AS BIGINT), CAST(value->>10 AS BIGINT), CAST(value->>11 AS BIGINT), value->>12,
value->>13, value->>14, CAST(value->>15 AS BIGINT), value->>16, value->>17, value->>18
FROM {given_rows}

-- insert_version together --
INSERT INTO versions (account_id, region, arn, {version_columns})
SELECT value->>0, value->>1, value->>2, value->>3, CAST(value->>4 AS BIGINT), value->>5, CAST(value->>6 AS BIGINT),
CAST(value->>7 AS BIGINT), value->>8, value->>9, CAST(value->>10 AS BIGINT), decode(value->>11, 'base64'),
decode(value->>12, 'base64')
FROM {given_rows}

-- put_stage together --
INSERT INTO stages (account_id, region, arn, label, version_id)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM {given_rows} WHERE TRUE
ON CONFLICT (arn, label) DO UPDATE SET version_id = excluded.version_id

-- touch_secret together --
-- Each row is looked up by its index, as above, and then changed where it is
UPDATE secrets SET last_changed_at = CAST(value->>0 AS BIGINT), revision = CAST(value->>1 AS BIGINT), rotation = value->>2
FROM {given_rows} CROSS JOIN LATERAL (
  SELECT ctid AS place FROM secrets AS one WHERE one.arn = value->>3 LIMIT 1
) AS found WHERE secrets.ctid = found.place
