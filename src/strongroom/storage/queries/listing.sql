-- fragment place --
account_id = :account_id AND region = :region

-- fragment scheduled --
(CASE WHEN purge_at IS NULL THEN 0 ELSE 1 END)

-- fragment wanted --
:scheduled

-- fragment given --
(SELECT value AS text FROM json_each(:texts)) AS given

-- fragment each_term --
each.value

-- fragment secrets_and_terms --
secrets CROSS JOIN json_each(terms) AS each

-- list_by_name --
-- One stretch of an order. Live secrets and scheduled ones are stretches apart, so that neither passes over the other
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND name >= :floor AND name < :ceiling ORDER BY name LIMIT :row_limit

-- list_by_name_desc --
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND name >= :floor AND name < :ceiling ORDER BY name DESC LIMIT :row_limit

-- list_by_creation --
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND (created_at, name) > (:value, :name) ORDER BY created_at, name LIMIT :row_limit

-- list_by_creation_desc --
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND (created_at, name) < (:value, :name) ORDER BY created_at DESC, name DESC LIMIT :row_limit

-- list_by_change --
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND (last_changed_at, name) > (:value, :name) ORDER BY last_changed_at, name LIMIT :row_limit

-- list_by_change_desc --
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND (last_changed_at, name) < (:value, :name) ORDER BY last_changed_at DESC, name DESC LIMIT :row_limit

-- list_by_access --
-- Those of one day stand apart: SQLite seeks by a pair only if both are columns, and a day may have very many
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND COALESCE(last_accessed_on, -1) > :value ORDER BY COALESCE(last_accessed_on, -1), name LIMIT :row_limit

-- list_by_access_ties --
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND COALESCE(last_accessed_on, -1) = :value AND name > :name ORDER BY name LIMIT :row_limit

-- list_by_access_desc --
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND COALESCE(last_accessed_on, -1) < :value ORDER BY COALESCE(last_accessed_on, -1) DESC, name DESC LIMIT :row_limit

-- list_by_access_desc_ties --
SELECT {secret_columns} FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND COALESCE(last_accessed_on, -1) = :value AND name < :name ORDER BY name DESC LIMIT :row_limit

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
AND {scheduled} <= {wanted} AND (created_at, name) > (:value, :name)
ORDER BY created_at, name LIMIT :row_limit

-- list_among_by_creation_desc --
SELECT {secret_columns} FROM {given} CROSS JOIN secrets WHERE name = text AND {place}
AND {scheduled} <= {wanted} AND (created_at, name) < (:value, :name)
ORDER BY created_at DESC, name DESC LIMIT :row_limit

-- list_among_by_change --
SELECT {secret_columns} FROM {given} CROSS JOIN secrets WHERE name = text AND {place}
AND {scheduled} <= {wanted} AND (last_changed_at, name) > (:value, :name)
ORDER BY last_changed_at, name LIMIT :row_limit

-- list_among_by_change_desc --
SELECT {secret_columns} FROM {given} CROSS JOIN secrets WHERE name = text AND {place}
AND {scheduled} <= {wanted} AND (last_changed_at, name) < (:value, :name)
ORDER BY last_changed_at DESC, name DESC LIMIT :row_limit

-- list_among_by_access --
SELECT {secret_columns} FROM {given} CROSS JOIN secrets WHERE name = text AND {place}
AND {scheduled} <= {wanted} AND (COALESCE(last_accessed_on, -1), name) > (:value, :name)
ORDER BY COALESCE(last_accessed_on, -1), name LIMIT :row_limit

-- list_among_by_access_desc --
SELECT {secret_columns} FROM {given} CROSS JOIN secrets WHERE name = text AND {place}
AND {scheduled} <= {wanted} AND (COALESCE(last_accessed_on, -1), name) < (:value, :name)
ORDER BY COALESCE(last_accessed_on, -1) DESC, name DESC LIMIT :row_limit

-- names_by_creation --
-- What is found among so many places of an order by the beginning of its name: the order's index holds both
SELECT created_at, name FROM (
  SELECT created_at, name FROM secrets WHERE {place} AND {scheduled} = {wanted}
  AND (created_at, name) > (:value, :name) ORDER BY created_at, name LIMIT :passed
) AS passed WHERE name >= :floor AND name < :ceiling ORDER BY created_at, name LIMIT :row_limit

-- place_by_creation --
-- Where the query before ends, if the order goes on there
SELECT created_at, name FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND (created_at, name) > (:value, :name) ORDER BY created_at, name LIMIT 1 OFFSET :skipped

-- names_by_creation_desc --
SELECT created_at, name FROM (
  SELECT created_at, name FROM secrets WHERE {place} AND {scheduled} = {wanted}
  AND (created_at, name) < (:value, :name) ORDER BY created_at DESC, name DESC LIMIT :passed
) AS passed WHERE name >= :floor AND name < :ceiling ORDER BY created_at DESC, name DESC LIMIT :row_limit

-- place_by_creation_desc --
SELECT created_at, name FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND (created_at, name) < (:value, :name) ORDER BY created_at DESC, name DESC LIMIT 1 OFFSET :skipped

-- names_by_change --
SELECT last_changed_at, name FROM (
  SELECT last_changed_at, name FROM secrets WHERE {place} AND {scheduled} = {wanted}
  AND (last_changed_at, name) > (:value, :name) ORDER BY last_changed_at, name LIMIT :passed
) AS passed WHERE name >= :floor AND name < :ceiling ORDER BY last_changed_at, name LIMIT :row_limit

-- place_by_change --
SELECT last_changed_at, name FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND (last_changed_at, name) > (:value, :name) ORDER BY last_changed_at, name LIMIT 1 OFFSET :skipped

-- names_by_change_desc --
SELECT last_changed_at, name FROM (
  SELECT last_changed_at, name FROM secrets WHERE {place} AND {scheduled} = {wanted}
  AND (last_changed_at, name) < (:value, :name) ORDER BY last_changed_at DESC, name DESC LIMIT :passed
) AS passed WHERE name >= :floor AND name < :ceiling ORDER BY last_changed_at DESC, name DESC LIMIT :row_limit

-- place_by_change_desc --
SELECT last_changed_at, name FROM secrets WHERE {place} AND {scheduled} = {wanted}
AND (last_changed_at, name) < (:value, :name) ORDER BY last_changed_at DESC, name DESC LIMIT 1 OFFSET :skipped

-- secrets_named --
SELECT {secret_columns} FROM {given} CROSS JOIN secrets WHERE name = text AND {place}

-- names_with_prefix --
-- ORDER BY has PostgreSQL walk the index and stop, however many there are
SELECT name FROM secrets WHERE {place} AND name >= :floor AND name < :ceiling ORDER BY name LIMIT :row_limit

-- names_with_term --
SELECT name FROM secret_terms WHERE {place} AND term >= :floor AND term < :ceiling ORDER BY term, created_at, name LIMIT :row_limit

-- terms_with_prefix --
-- The terms in use, each by a step of its own in the index, however many secrets are under it
WITH RECURSIVE used(term) AS (
  SELECT (SELECT term FROM secret_terms WHERE {place} AND term >= :floor AND term < :ceiling ORDER BY term LIMIT 1)
  UNION ALL SELECT (
    SELECT secret_terms.term FROM secret_terms WHERE {place} AND secret_terms.term > used.term
    AND secret_terms.term < :ceiling ORDER BY secret_terms.term LIMIT 1
  ) FROM used WHERE used.term IS NOT NULL
) SELECT term FROM used WHERE term IS NOT NULL LIMIT :row_limit

-- names_of_term_by_creation --
SELECT created_at, name FROM secret_terms WHERE {place} AND term = :term
AND (created_at, name) > (:value, :name) ORDER BY created_at, name LIMIT :row_limit

-- names_of_term_by_creation_desc --
SELECT created_at, name FROM secret_terms WHERE {place} AND term = :term
AND (created_at, name) < (:value, :name) ORDER BY created_at DESC, name DESC LIMIT :row_limit

-- find_terms --
-- The texts that a secret is indexed by, and under what
SELECT description, tags, primary_region, owning_service, terms FROM secrets WHERE arn = :arn

-- put_terms --
UPDATE secrets SET terms = :terms WHERE arn = :arn

-- insert_terms --
INSERT INTO secret_terms (account_id, region, term, created_at, name)
SELECT :account_id, :region, text, :created_at, :name FROM {given}

-- delete_terms --
DELETE FROM secret_terms WHERE {place} AND created_at = :created_at AND name = :name
AND term IN (SELECT text FROM {given})

-- index_again --
-- Every secret under the terms that it keeps, into an index that is empty
INSERT INTO secret_terms (account_id, region, term, created_at, name)
SELECT account_id, region, {each_term}, created_at, name FROM {secrets_and_terms} ORDER BY 1, 2, 3, 4, 5

-- secrets_of_all --
-- Every account's and region's, to index them
SELECT {secret_columns} FROM secrets WHERE arn > :arn ORDER BY arn LIMIT :row_limit

-- stages_of_many --
SELECT arn, label, version_id FROM {given} CROSS JOIN stages WHERE arn = text ORDER BY arn, label
