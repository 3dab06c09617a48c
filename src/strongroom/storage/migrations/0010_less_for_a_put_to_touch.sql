-- The labels of a version are found by its secret, which has twenty at most: no index need follow each of their moves.
-- Versions that the clean-up removed are few or many, but hardly ever change: with an index of them alone, those that
-- are there can be counted without a look at their rows.

DROP INDEX stages_by_version;
CREATE INDEX versions_removed ON versions (arn, deleted_at) WHERE deleted_at IS NOT NULL;
