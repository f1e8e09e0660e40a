-- Sums of days that are over, so that usage over a million requests is not added up anew on every look. They only repeat
-- what `requests` and `attempts` say: a day (in one time zone) is either whole in here, or read from those.
CREATE TABLE usage_day_builds (
  id TEXT PRIMARY KEY,
  time_zone TEXT NOT NULL,
  starts_at BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  built_at BIGINT NOT NULL,
  UNIQUE (time_zone, starts_at)
);

-- `durations`, `first_bytes`: every single one, in milliseconds, with commas; NULL where there are none.
CREATE TABLE usage_days (
  build_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  api_key_id TEXT,
  provider TEXT,
  model TEXT,
  provider_key_id TEXT,
  billed_to TEXT,
  fallback TEXT,
  requests BIGINT NOT NULL,
  cancelled BIGINT NOT NULL,
  rate_limited BIGINT NOT NULL,
  client_errors BIGINT NOT NULL,
  server_errors BIGINT NOT NULL,
  broken_off BIGINT NOT NULL,
  unknown_cost_requests BIGINT NOT NULL,
  input_tokens BIGINT NOT NULL,
  output_tokens BIGINT NOT NULL,
  cache_read_tokens BIGINT NOT NULL,
  cache_write_tokens BIGINT NOT NULL,
  reasoning_tokens BIGINT NOT NULL,
  cost_usd_nanos BIGINT NOT NULL,
  computed_usd_nanos BIGINT NOT NULL,
  estimated_usd_nanos BIGINT NOT NULL,
  durations TEXT,
  first_bytes TEXT
);
CREATE INDEX usage_days_by_build ON usage_days (build_id, user_id);

-- Requests that were stored long after they began: the sums of their day no longer hold.
CREATE TABLE usage_late (
  id TEXT PRIMARY KEY,
  at BIGINT NOT NULL
);
