-- fragment replica_columns --
replica_arn, kms_key_id, status, status_message, overwrites, revision

-- list_replicas --
SELECT {replica_columns} FROM replicas WHERE arn = :arn ORDER BY replica_arn

-- find_replica --
SELECT {replica_columns} FROM replicas WHERE arn = :arn AND replica_arn = :replica_arn

-- put_replica --
INSERT INTO replicas (account_id, region, arn, {replica_columns})
VALUES (:account_id, :region, :arn, :replica_arn, :kms_key_id, :status, :status_message, :overwrites, :revision)
ON CONFLICT (arn, replica_arn) DO UPDATE SET kms_key_id = excluded.kms_key_id, status = excluded.status,
status_message = excluded.status_message, overwrites = excluded.overwrites, revision = excluded.revision

-- delete_replica --
DELETE FROM replicas WHERE arn = :arn AND replica_arn = :replica_arn

-- list_policies --
SELECT policy_name, document, principal_ids FROM resource_policies WHERE arn = :arn ORDER BY policy_name

-- put_policy --
INSERT INTO resource_policies (account_id, region, arn, policy_name, document, principal_ids)
VALUES (:account_id, :region, :arn, :policy_name, :document, :principal_ids)
ON CONFLICT (arn, policy_name) DO UPDATE SET document = excluded.document, principal_ids = excluded.principal_ids

-- delete_policy --
DELETE FROM resource_policies WHERE arn = :arn AND policy_name = :policy_name

-- delete_policies --
DELETE FROM resource_policies WHERE arn = :arn
