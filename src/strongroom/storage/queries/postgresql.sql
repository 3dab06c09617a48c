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

-- fragment mark --
-- The start of the server keeps apart two histories, of a server and of the standby that took over from it
CAST(pg_current_snapshot() AS TEXT) || ' ' || CAST(pg_postmaster_start_time() AS TEXT)

-- bring_access_keys --
-- Access keys by id with what decides for their users, each with the snapshot it was read in
SELECT {mark}, given.text, {access_key_columns}, grants.* FROM {given}
LEFT JOIN access_keys ON access_key_id = given.text
LEFT JOIN LATERAL (
  SELECT kind, body, {granted},
  (SELECT document FROM policy_versions WHERE policy_arn = boundary_arn AND is_default = 1)
  FROM identities WHERE arn = access_keys.principal_arn
) AS grants ON TRUE

-- bring_versions --
-- Secrets by name with what `find_secret` brings, each with the version that is wanted by id or by label
SELECT {mark}, place, found.*, version.*
FROM jsonb_to_recordset(CAST(CAST(:wanted AS TEXT) AS JSONB))
AS wanted (place INTEGER, account_id TEXT, region TEXT, name TEXT, version_id TEXT, label TEXT)
LEFT JOIN LATERAL (
  SELECT {secret_facts} FROM secrets
  WHERE account_id = wanted.account_id AND region = wanted.region AND name = wanted.name
) AS found ON TRUE
LEFT JOIN LATERAL (
  SELECT {version_facts} WHERE versions.arn = found.arn AND version_id = COALESCE(
    wanted.version_id,
    (SELECT stages.version_id FROM stages WHERE stages.arn = found.arn AND stages.label = wanted.label)
  )
) AS version ON TRUE

-- fragment given_rows --
jsonb_array_elements(CAST(CAST(:rows AS TEXT) AS JSONB)) AS given (value)
