-- fragment reader_columns --
secret_arn, principal_arn, source_ip, agent, stage, first_at, last_at, reads, refusals, refused_at

-- fragment has_id --
instr(ids, :id) > 0

-- fragment given_rows --
json_each(:rows) AS given

-- find_trail_position --
SELECT sequence, mac, file_first, file_offset FROM trail_positions WHERE trail = :trail

-- advance_trail_position --
-- Only from where it was: of two that copy one trail, one goes on and the other finds that it was overtaken
INSERT INTO trail_positions (trail, sequence, mac, file_first, file_offset)
VALUES (:trail, :sequence, :mac, :file_first, :file_offset)
ON CONFLICT (trail) DO UPDATE SET sequence = excluded.sequence, mac = excluded.mac,
file_first = excluded.file_first, file_offset = excluded.file_offset
WHERE trail_positions.mac = :expected RETURNING sequence

-- insert_trail_block --
INSERT INTO trail_blocks (block_id, oldest, newest, last_sequence, events, ids, terms)
VALUES (:block_id, :oldest, :newest, :last_sequence, :events, :ids, :terms)

-- insert_trail_content --
INSERT INTO trail_contents (block_id, content) VALUES (:block_id, :content)

-- insert_trail_terms --
INSERT INTO trail_terms (term, newest, last_sequence, block_id, oldest, first_sequence, events)
SELECT CAST(value->>0 AS BIGINT), CAST(value->>1 AS BIGINT), CAST(value->>2 AS BIGINT), CAST(value->>3 AS BIGINT),
CAST(value->>4 AS BIGINT), CAST(value->>5 AS BIGINT), CAST(value->>6 AS BIGINT) FROM {given_rows}

-- insert_trail_failures --
INSERT INTO trail_failures (event_id, happened_at, account_id, event_name, principal_arn, source_ip, resource_arn, code)
SELECT value->>0, CAST(value->>1 AS BIGINT), value->>2, value->>3, value->>4, value->>5, value->>6, value->>7
FROM {given_rows} WHERE TRUE ON CONFLICT (event_id) DO NOTHING

-- trail_blocks_between --
-- Where the events of a time may be. Blocks span little time, so those that begin before it ends end soon after it
SELECT ids FROM trail_blocks WHERE newest >= :since AND newest < :end AND oldest <= :until

-- trail_blocks_with_event --
-- The id may stand there by chance, across two others: who reads the events sees
SELECT block_id FROM trail_blocks WHERE {has_id}

-- next_trail_blocks --
-- Newest first. Blocks span little time, so those that begin before a place end soon after it
SELECT newest, last_sequence, block_id, events FROM trail_terms
WHERE term = :term AND newest >= :since AND (newest, last_sequence, block_id) < (:newest, :last_sequence, :block_id)
AND (oldest, first_sequence) <= (:place_time, :place_sequence)
ORDER BY newest DESC, last_sequence DESC, block_id DESC LIMIT :row_limit

-- trail_contents_of --
SELECT block_id, content FROM {given_rows} CROSS JOIN trail_contents WHERE block_id = CAST(value->>0 AS BIGINT)

-- find_old_trail_block --
SELECT 1 FROM trail_blocks WHERE newest < :before LIMIT 1

-- old_trail_blocks --
SELECT block_id, newest, last_sequence, events, terms FROM trail_blocks WHERE newest < :before
ORDER BY newest LIMIT :row_limit

-- delete_trail_blocks --
DELETE FROM trail_blocks WHERE block_id IN (SELECT CAST(value->>0 AS BIGINT) FROM {given_rows})

-- delete_trail_contents --
DELETE FROM trail_contents WHERE block_id IN (SELECT CAST(value->>0 AS BIGINT) FROM {given_rows})

-- delete_trail_terms --
DELETE FROM trail_terms WHERE (term, newest, last_sequence, block_id) IN (
  SELECT CAST(value->>0 AS BIGINT), CAST(value->>1 AS BIGINT), CAST(value->>2 AS BIGINT), CAST(value->>3 AS BIGINT)
  FROM {given_rows}
)

-- delete_trail_failures --
-- Those of the blocks that go, and what is older than these
DELETE FROM trail_failures WHERE happened_at <= :until

-- list_rows_of_events --
-- Events as they were kept before there were blocks
SELECT event_id, happened_at, trail, sequence, account_id, region, event_name, event_source, read_only, username,
principal_arn, identity_arn, access_key_id, resource_type, resource_name, resource_arn, code, source_ip, user_agent,
request_id, record FROM trail_events
WHERE (trail, sequence, event_id) > (:trail, :sequence, :event_id) ORDER BY trail, sequence, event_id LIMIT :row_limit

-- drop_rows_of_events --
DROP TABLE trail_events

-- secrets_by_names --
SELECT account_id, region, name, arn, created_at FROM {given_rows} CROSS JOIN secrets
WHERE account_id = value->>0 AND region = value->>1 AND name = value->>2

-- add_secret_readers --
INSERT INTO secret_readers ({reader_columns})
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, CAST(value->>5 AS BIGINT), CAST(value->>6 AS BIGINT),
CAST(value->>7 AS BIGINT), CAST(value->>8 AS BIGINT), CAST(value->>9 AS BIGINT)
FROM {given_rows} WHERE TRUE ON CONFLICT (secret_arn, principal_arn, source_ip, agent, stage) DO UPDATE SET
first_at = CASE WHEN excluded.first_at < secret_readers.first_at THEN excluded.first_at
  ELSE secret_readers.first_at END,
last_at = CASE WHEN excluded.last_at > secret_readers.last_at THEN excluded.last_at ELSE secret_readers.last_at END,
reads = secret_readers.reads + excluded.reads, refusals = secret_readers.refusals + excluded.refusals,
refused_at = CASE WHEN secret_readers.refused_at IS NULL OR excluded.refused_at > secret_readers.refused_at
  THEN excluded.refused_at ELSE secret_readers.refused_at END

-- drop_surplus_readers --
-- Of these secrets, those that were seen longest ago, beyond what is kept of one secret: one statement for all of them,
-- because after each a thread of a busy process waits for its turn to run
DELETE FROM secret_readers WHERE (secret_arn, principal_arn, source_ip, agent, stage) IN (
  SELECT secret_arn, principal_arn, source_ip, agent, stage FROM (
    SELECT secret_arn, principal_arn, source_ip, agent, stage, ROW_NUMBER() OVER (
      PARTITION BY secret_arn ORDER BY last_at DESC, principal_arn, source_ip, agent, stage
    ) AS place FROM {given_rows} CROSS JOIN secret_readers WHERE secret_arn = value->>0
  ) AS placed WHERE place > :kept
)

-- list_secret_readers --
SELECT {reader_columns} FROM secret_readers WHERE secret_arn = :secret_arn
ORDER BY last_at DESC, principal_arn, source_ip, agent, stage

-- delete_old_readers --
DELETE FROM secret_readers WHERE (secret_arn, principal_arn, source_ip, agent, stage) IN (
  SELECT secret_arn, principal_arn, source_ip, agent, stage FROM secret_readers WHERE last_at < :before
  ORDER BY last_at LIMIT :row_limit
) RETURNING secret_arn
