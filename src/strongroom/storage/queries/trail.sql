-- fragment event_columns --
event_id, happened_at, trail, sequence, account_id, region, event_name, event_source, read_only, username,
principal_arn, identity_arn, access_key_id, resource_type, resource_name, resource_arn, code, source_ip, user_agent,
request_id, record

-- fragment reader_columns --
secret_arn, principal_arn, source_ip, agent, stage, first_at, last_at, reads, refusals, refused_at

-- fragment given_rows --
json_each(:rows) AS given

-- fragment next_events --
happened_at >= :since AND (happened_at, sequence, event_id) < (:place_time, :place_sequence, :place_id)
ORDER BY happened_at DESC, sequence DESC, event_id DESC LIMIT :row_limit

-- find_trail_position --
SELECT sequence, mac, file_first, file_offset FROM trail_positions WHERE trail = :trail

-- advance_trail_position --
-- Only from where it was: of two that copy one trail, one goes on and the other finds that it was overtaken
INSERT INTO trail_positions (trail, sequence, mac, file_first, file_offset)
VALUES (:trail, :sequence, :mac, :file_first, :file_offset)
ON CONFLICT (trail) DO UPDATE SET sequence = excluded.sequence, mac = excluded.mac,
file_first = excluded.file_first, file_offset = excluded.file_offset
WHERE trail_positions.mac = :expected RETURNING sequence

-- insert_trail_events --
-- Those that are not there yet; tells which they were
INSERT INTO trail_events ({event_columns})
SELECT value->>0, CAST(value->>1 AS BIGINT), value->>2, CAST(value->>3 AS BIGINT), value->>4, value->>5, value->>6,
value->>7, CAST(value->>8 AS BIGINT), value->>9, value->>10, value->>11, value->>12, value->>13, value->>14, value->>15,
value->>16, value->>17, value->>18, value->>19, value->>20
FROM {given_rows} WHERE TRUE ON CONFLICT (event_id) DO NOTHING RETURNING event_id

-- known_trail_events --
-- Which of these are there already
SELECT event_id FROM {given_rows} CROSS JOIN trail_events WHERE event_id = value->>0

-- find_trail_event --
SELECT {event_columns} FROM trail_events WHERE event_id = :event_id

-- events_by_time --
SELECT {event_columns} FROM trail_events WHERE {next_events}

-- events_of_changes --
SELECT {event_columns} FROM trail_events WHERE account_id = :account_id AND read_only = 0 AND {next_events}

-- events_by_name --
SELECT {event_columns} FROM trail_events WHERE account_id = :account_id AND event_name = :wanted AND {next_events}

-- events_by_user --
SELECT {event_columns} FROM trail_events WHERE account_id = :account_id AND username = :wanted AND {next_events}

-- events_by_principal --
SELECT {event_columns} FROM trail_events WHERE account_id = :account_id AND principal_arn = :wanted AND {next_events}

-- events_by_resource --
SELECT {event_columns} FROM trail_events WHERE account_id = :account_id AND resource_name = :wanted AND {next_events}

-- events_by_key --
SELECT {event_columns} FROM trail_events WHERE account_id = :account_id AND access_key_id = :wanted AND {next_events}

-- delete_old_trail_events --
DELETE FROM trail_events WHERE event_id IN (
  SELECT event_id FROM trail_events WHERE happened_at < :before ORDER BY happened_at LIMIT :row_limit
) RETURNING event_id

-- find_old_trail_event --
SELECT 1 FROM trail_events WHERE happened_at < :before LIMIT 1

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
