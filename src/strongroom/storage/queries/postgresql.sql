-- find_secret for update --
-- A writer holds the secret's row until it commits: changes of one secret are made one after the other
SELECT {secret_columns} FROM secrets WHERE account_id = :account_id AND region = :region AND name = :name FOR UPDATE

-- find_secret_by_arn for update --
SELECT {secret_columns} FROM secrets WHERE arn = :arn AND account_id = :account_id AND region = :region FOR UPDATE

-- claim_job --
-- As in jobs.sql; workers on other nodes pass over the row this one is taking
UPDATE jobs SET fence = fence + 1, attempts = attempts + 1, lease_owner = :owner, lease_until = :lease_until
WHERE (kind, subject) = (
  SELECT kind, subject FROM jobs WHERE run_at <= :now AND (lease_until IS NULL OR lease_until <= :now)
  ORDER BY run_at, subject LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING {job_columns}

-- fragment wanted --
CAST(:scheduled AS BIGINT)

-- fragment given --
(SELECT jsonb_array_elements_text(CAST(CAST(:texts AS TEXT) AS JSONB)) AS text) AS given
