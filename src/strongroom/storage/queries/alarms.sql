-- list_alarm_states --
SELECT alarm, subject, state, since, reason FROM alarm_states ORDER BY alarm, subject

-- put_alarm_state --
-- Nothing, and no row, where the alarm is in that state already: another node was first
INSERT INTO alarm_states (alarm, subject, state, since, reason) VALUES (:alarm, :subject, :state, :since, :reason)
ON CONFLICT (alarm, subject) DO UPDATE SET state = excluded.state, since = excluded.since, reason = excluded.reason
WHERE alarm_states.state <> excluded.state RETURNING state

-- delete_quiet_alarm_states --
DELETE FROM alarm_states WHERE state = 'ok' AND since < :before

-- insert_alarm_notice --
INSERT INTO alarm_notices (notice_id, alarm, subject, state, happened_at, reason)
VALUES (:notice_id, :alarm, :subject, :state, :happened_at, :reason) ON CONFLICT (notice_id) DO NOTHING

-- find_alarm_notice --
SELECT notice_id, alarm, subject, state, happened_at, reason FROM alarm_notices WHERE notice_id = :notice_id

-- list_alarm_notices --
SELECT notice_id, alarm, subject, state, happened_at, reason FROM alarm_notices WHERE alarm = :alarm
ORDER BY happened_at DESC, notice_id LIMIT :row_limit

-- delete_alarm_notices --
-- What is older and was told to everybody
DELETE FROM alarm_notices WHERE happened_at < :before AND NOT EXISTS (
  SELECT 1 FROM jobs WHERE kind = 'notify' AND jobs.subject LIKE alarm_notices.notice_id || '/%'
)

-- find_alarm_watch --
SELECT seen_until FROM alarm_watch WHERE watch = :watch

-- put_alarm_watch --
INSERT INTO alarm_watch (watch, seen_until) VALUES (:watch, :seen_until)
ON CONFLICT (watch) DO UPDATE SET seen_until = excluded.seen_until

-- fragment failure_columns --
happened_at, event_name, principal_arn, source_ip, resource_arn, code

-- list_failed_reads --
-- Reads that were refused because of a scheduled deletion (or a state like it), or whose value did not open
SELECT {failure_columns} FROM trail_failures
WHERE happened_at >= :since AND event_name = 'GetSecretValue'
AND code IN ('InvalidRequestException', 'DecryptionFailure') ORDER BY happened_at DESC LIMIT :row_limit

-- list_denials --
-- Calls that were denied, and those whose signature proved nobody
SELECT {failure_columns} FROM trail_failures
WHERE happened_at >= :since AND code IN (
  'AccessDenied', 'InvalidSignatureException', 'UnrecognizedClientException', 'SignatureDoesNotMatch',
  'InvalidClientTokenId'
) ORDER BY happened_at DESC LIMIT :row_limit

-- list_failed_rotations --
SELECT resource_arn, MAX(happened_at) FROM trail_failures
WHERE account_id = :account_id AND event_name = 'RotationFailed' AND happened_at >= :since
AND resource_arn IS NOT NULL GROUP BY resource_arn ORDER BY resource_arn LIMIT :row_limit

-- list_wide_readers --
-- Who wanted the values of many secrets
SELECT principal_arn FROM secret_readers WHERE last_at >= :since
GROUP BY principal_arn HAVING COUNT(DISTINCT secret_arn) >= :least ORDER BY principal_arn LIMIT :row_limit

-- list_reads_of --
-- When somebody last wanted the value of each secret
SELECT MAX(last_at) FROM secret_readers WHERE principal_arn = :principal_arn AND last_at >= :since
GROUP BY secret_arn ORDER BY secret_arn LIMIT :row_limit

-- has_identities --
-- Whether an account has users or roles
SELECT 1 FROM identities WHERE account_id = :account_id AND kind IN ('user', 'role') LIMIT 1

-- list_failed_replicas --
-- Those that could not be brought up to date; also while it is tried again, once that has rung
SELECT replica_arn, status_message FROM replicas WHERE status = 'Failed' OR (
  status = 'InProgress' AND EXISTS (
    SELECT 1 FROM alarm_states
    WHERE alarm = 'replication-failed' AND alarm_states.subject = replica_arn AND state = 'alarm'
  )
) ORDER BY replica_arn LIMIT :row_limit

-- find_due_notice --
SELECT 1 FROM jobs WHERE kind = 'notify' AND run_at <= :now AND (lease_until IS NULL OR lease_until <= :now) LIMIT 1

-- claim_notices --
UPDATE jobs SET fence = fence + 1, attempts = attempts + 1, lease_owner = :owner, lease_until = :lease_until
WHERE (kind, subject) IN (
  SELECT kind, subject FROM jobs
  WHERE kind = 'notify' AND run_at <= :now AND (lease_until IS NULL OR lease_until <= :now)
  ORDER BY run_at, subject LIMIT :row_limit
) RETURNING {job_columns}
