-- The change of the master key under way or the last one, so that it goes on after a crash: one row (name `rotation`),
-- and the records its last pass could not move. Times are epoch milliseconds of the database's clock.
CREATE TABLE vault_rotation (
  name TEXT PRIMARY KEY,
  run BIGINT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'done', 'done_with_failures')),
  from_kid TEXT,
  to_kid TEXT NOT NULL,
  done BIGINT NOT NULL,
  pass BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  resumed_at BIGINT NOT NULL,
  resumed_done BIGINT NOT NULL,
  progressed_at BIGINT NOT NULL,
  finished_at BIGINT
);

CREATE TABLE vault_rotation_failures (
  record_table TEXT NOT NULL,
  record_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  pass BIGINT NOT NULL,
  PRIMARY KEY (record_table, record_id)
);
