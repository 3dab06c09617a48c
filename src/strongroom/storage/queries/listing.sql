-- fragment place --
account_id = :account_id AND region = :region

-- fragment scheduled --
(CASE WHEN purge_at IS NULL THEN 0 ELSE 1 END)

-- fragment wanted --
:scheduled

-- fragment given --
(SELECT value AS text FROM json_each(:texts)) AS given

-- list_by_name --
-- One stretch of an order. Live secrets and scheduled ones are stretches apart, so that neither passes over the other
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND name >= :floor AND name < :ceiling ORDER BY name LIMIT :row_limit

-- list_by_name_desc --
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND name >= :floor AND name < :ceiling ORDER BY name DESC LIMIT :row_limit

-- list_by_creation --
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND (created_at, arn) > (:value, :arn) ORDER BY created_at, arn LIMIT :row_limit

-- list_by_creation_desc --
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND (created_at, arn) < (:value, :arn) ORDER BY created_at DESC, arn DESC LIMIT :row_limit

-- list_by_change --
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND (last_changed_at, arn) > (:value, :arn) ORDER BY last_changed_at, arn LIMIT :row_limit

-- list_by_change_desc --
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND (last_changed_at, arn) < (:value, :arn) ORDER BY last_changed_at DESC, arn DESC LIMIT :row_limit

-- list_by_access --
-- Those of one day stand apart: SQLite seeks by a pair only if both are columns, and a day may have very many
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND COALESCE(last_accessed_on, -1) > :value ORDER BY COALESCE(last_accessed_on, -1), arn LIMIT :row_limit

-- list_by_access_ties --
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND COALESCE(last_accessed_on, -1) = :value AND arn > :arn ORDER BY arn LIMIT :row_limit

-- list_by_access_desc --
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND COALESCE(last_accessed_on, -1) < :value ORDER BY COALESCE(last_accessed_on, -1) DESC, arn DESC LIMIT :row_limit

-- list_by_access_desc_ties --
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND COALESCE(last_accessed_on, -1) = :value AND arn < :arn ORDER BY arn DESC LIMIT :row_limit

-- list_among_by_name --
-- The same among secrets whose names are given; CROSS JOIN has SQLite look each name up
SELECT {secret_columns} FROM {given} CROSS JOIN secrets WHERE name = text AND {place}
AND {scheduled} <= {wanted} AND name >= :floor AND name < :ceiling
ORDER BY name LIMIT :row_limit

-- list_among_by_name_desc --
SELECT {secret_columns} FROM {given} CROSS JOIN secrets WHERE name = text AND {place}
AND {scheduled} <= {wanted} AND name >= :floor AND name < :ceiling
ORDER BY name DESC LIMIT :row_limit

-- list_among_by_creation --
SELECT {secret_columns} FROM {given} CROSS JOIN secrets WHERE name = text AND {place}
AND {scheduled} <= {wanted} AND (created_at, arn) > (:value, :arn)
ORDER BY created_at, arn LIMIT :row_limit

-- list_among_by_creation_desc --
SELECT {secret_columns} FROM {given} CROSS JOIN secrets WHERE name = text AND {place}
AND {scheduled} <= {wanted} AND (created_at, arn) < (:value, :arn)
ORDER BY created_at DESC, arn DESC LIMIT :row_limit

-- list_among_by_change --
SELECT {secret_columns} FROM {given} CROSS JOIN secrets WHERE name = text AND {place}
AND {scheduled} <= {wanted} AND (last_changed_at, arn) > (:value, :arn)
ORDER BY last_changed_at, arn LIMIT :row_limit

-- list_among_by_change_desc --
SELECT {secret_columns} FROM {given} CROSS JOIN secrets WHERE name = text AND {place}
AND {scheduled} <= {wanted} AND (last_changed_at, arn) < (:value, :arn)
ORDER BY last_changed_at DESC, arn DESC LIMIT :row_limit

-- list_among_by_access --
SELECT {secret_columns} FROM {given} CROSS JOIN secrets WHERE name = text AND {place}
AND {scheduled} <= {wanted} AND (COALESCE(last_accessed_on, -1), arn) > (:value, :arn)
ORDER BY COALESCE(last_accessed_on, -1), arn LIMIT :row_limit

-- list_among_by_access_desc --
SELECT {secret_columns} FROM {given} CROSS JOIN secrets WHERE name = text AND {place}
AND {scheduled} <= {wanted} AND (COALESCE(last_accessed_on, -1), arn) < (:value, :arn)
ORDER BY COALESCE(last_accessed_on, -1) DESC, arn DESC LIMIT :row_limit

-- names_with_prefix --
-- ORDER BY has PostgreSQL walk the index and stop, however many there are
SELECT name FROM secrets WHERE {place} AND name >= :floor AND name < :ceiling ORDER BY name LIMIT :row_limit

-- names_with_term --
SELECT name FROM secret_terms WHERE {place} AND term >= :floor AND term < :ceiling ORDER BY term, name LIMIT :row_limit

-- find_terms --
-- The texts that a secret is indexed by, and under what
SELECT description, tags, primary_region, owning_service, terms FROM secrets WHERE arn = :arn

-- put_terms --
UPDATE secrets SET terms = :terms WHERE arn = :arn

-- insert_terms --
INSERT INTO secret_terms (account_id, region, term, name) SELECT :account_id, :region, text, :name FROM {given}

-- delete_terms --
DELETE FROM secret_terms WHERE {place} AND name = :name AND term IN (SELECT text FROM {given})

-- secrets_of_all --
-- Every account's and region's, to index them
SELECT {secret_columns} FROM secrets WHERE arn > :arn ORDER BY arn LIMIT :row_limit

-- stages_of_many --
SELECT arn, label, version_id FROM {given} CROSS JOIN stages WHERE arn = text ORDER BY arn, label
