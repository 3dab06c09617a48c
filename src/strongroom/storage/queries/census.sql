-- secrets_by_state --
-- The index by name begins with the same expression: no row is looked at
SELECT CASE WHEN purge_at IS NULL THEN 0 ELSE 1 END, COUNT(*) FROM secrets
GROUP BY CASE WHEN purge_at IS NULL THEN 0 ELSE 1 END

-- jobs_by_state --
SELECT kind, CASE WHEN last_error IS NOT NULL THEN 'failing' WHEN run_at <= :now THEN 'due' ELSE 'waiting' END,
COUNT(*), MIN(run_at) FROM jobs
GROUP BY kind, CASE WHEN last_error IS NOT NULL THEN 'failing' WHEN run_at <= :now THEN 'due' ELSE 'waiting' END

-- key_dates --
SELECT (SELECT MAX(created_at) FROM key_terms), (SELECT MIN(created_at) FROM access_keys WHERE active = 1)
