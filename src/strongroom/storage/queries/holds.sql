-- fragment planned_columns --
arn, account_id, region, name, scheduled_by, due_at, held_by, held_at

-- find_planned_deletion --
SELECT {planned_columns} FROM planned_deletions WHERE arn = :arn

-- put_planned_deletion --
INSERT INTO planned_deletions ({planned_columns})
VALUES (:arn, :account_id, :region, :name, :scheduled_by, :due_at, :held_by, :held_at)
ON CONFLICT (arn) DO UPDATE SET scheduled_by = excluded.scheduled_by, due_at = excluded.due_at,
held_by = excluded.held_by, held_at = excluded.held_at

-- delete_planned_deletion --
DELETE FROM planned_deletions WHERE arn = :arn

-- list_scheduled_secrets --
-- Secrets that are scheduled for deletion, those that end first before the others, of all accounts and regions
SELECT {secret_columns} FROM secrets WHERE purge_at IS NOT NULL AND purge_at < :before
ORDER BY purge_at, arn LIMIT :row_limit

-- find_secret_anywhere --
SELECT {secret_columns} FROM secrets WHERE arn = :arn
