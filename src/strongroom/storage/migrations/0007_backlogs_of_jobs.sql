-- Claims walk jobs in the order of these indexes, however many are due at one and the same instant. Notices are
-- claimed by themselves, and neither walk passes over what the other one is for.

DROP INDEX jobs_by_time;
CREATE INDEX jobs_by_time ON jobs (run_at, subject) WHERE kind <> 'notify';
CREATE INDEX jobs_of_notices ON jobs (run_at, subject) WHERE kind = 'notify';
