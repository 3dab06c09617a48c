-- fragment job_columns --
kind, subject, account_id, region, run_at, fence, attempts, last_error

-- put_job --
-- One job per kind and subject: asking again moves it, ends its lease and so outdates whoever holds it
INSERT INTO jobs ({job_columns}, lease_owner, lease_until)
VALUES (:kind, :subject, :account_id, :region, :run_at, 0, 0, NULL, NULL, NULL)
ON CONFLICT (kind, subject) DO UPDATE SET run_at = excluded.run_at, fence = jobs.fence + 1, attempts = 0,
last_error = NULL, lease_owner = NULL, lease_until = NULL

-- find_job --
SELECT {job_columns} FROM jobs WHERE kind = :kind AND subject = :subject

-- claim_oldest_jobs --
-- The jobs that are due longest and that nobody holds, without notices (alarms.sql), which are sent outside of any
-- transaction; the claim is a lease with a new fence. Rows come in no order
UPDATE jobs SET fence = fence + 1, attempts = attempts + 1, lease_owner = :owner, lease_until = :lease_until
WHERE (kind, subject) IN (
  SELECT kind, subject FROM jobs WHERE kind <> 'notify' AND run_at <= :now AND (lease_until IS NULL OR lease_until <= :now)
  ORDER BY run_at, subject LIMIT :row_limit
) RETURNING {job_columns}

-- claim_newest_jobs --
-- Those that fell due last
UPDATE jobs SET fence = fence + 1, attempts = attempts + 1, lease_owner = :owner, lease_until = :lease_until
WHERE (kind, subject) IN (
  SELECT kind, subject FROM jobs WHERE kind <> 'notify' AND run_at <= :now AND (lease_until IS NULL OR lease_until <= :now)
  ORDER BY run_at DESC, subject DESC LIMIT :row_limit
) RETURNING {job_columns}

-- find_due_job --
-- Whether one could be claimed: asked every second, so it must not look at what lies in the future
SELECT 1 FROM jobs WHERE kind <> 'notify' AND run_at <= :now AND (lease_until IS NULL OR lease_until <= :now) LIMIT 1

-- finish_job --
-- Only the holder of the newest claim may finish
DELETE FROM jobs WHERE kind = :kind AND subject = :subject AND fence = :fence RETURNING fence

-- retry_job --
UPDATE jobs SET run_at = :run_at, last_error = :last_error, lease_owner = NULL, lease_until = NULL
WHERE kind = :kind AND subject = :subject AND fence = :fence RETURNING fence

-- release_jobs --
-- What a worker held when it died; at its next start nobody works on it
UPDATE jobs SET lease_owner = NULL, lease_until = NULL WHERE lease_owner = :owner

-- delete_job --
DELETE FROM jobs WHERE kind = :kind AND subject = :subject

-- list_jobs --
SELECT {job_columns} FROM jobs ORDER BY run_at, kind, subject

-- put_trail_head --
INSERT INTO trail_heads (trail, sequence, mac, recorded_at) VALUES (:trail, :sequence, :mac, :recorded_at)
ON CONFLICT (trail) DO UPDATE SET sequence = excluded.sequence, mac = excluded.mac,
recorded_at = excluded.recorded_at

-- list_trail_heads --
SELECT trail, sequence, mac FROM trail_heads ORDER BY trail
