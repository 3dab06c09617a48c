-- What each transaction of PostgreSQL changed, by its number: eight bytes for each secret, NULL for anything. SQLite
-- has this in shared memory beside the database, and keeps the table empty.
CREATE TABLE committed_changes (
  xid INTEGER PRIMARY KEY,
  subjects BLOB
) STRICT;
