-- Budgets that several processes share: what was spent and is held under one limit in one period, and the calls under way
-- that hold it. Amounts are nano-USD; `held_until` is a moment of the database's clock, other times are epoch milliseconds
-- of the process that wrote them.
CREATE TABLE budget_accounts (
  name TEXT PRIMARY KEY,
  ends_at BIGINT,
  spent_usd_nanos BIGINT NOT NULL,
  reserved_usd_nanos BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE budget_reservations (
  id TEXT NOT NULL,
  account TEXT NOT NULL,
  usd_nanos BIGINT NOT NULL,
  instance TEXT NOT NULL,
  request_id TEXT NOT NULL,
  first_attempt BIGINT NOT NULL,
  held_until BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (id, account)
);
CREATE INDEX budget_reservations_by_instance ON budget_reservations (instance);
CREATE INDEX budget_reservations_by_time ON budget_reservations (held_until);

-- What was spent in a period is read from the ledger when a process first needs it.
CREATE INDEX attempts_by_user ON attempts (user_id, created_at);
CREATE INDEX attempts_by_api_key ON attempts (api_key_id, created_at);
CREATE INDEX attempts_by_team ON attempts (team_id, created_at) WHERE team_id IS NOT NULL;
