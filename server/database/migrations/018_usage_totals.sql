-- The sums of past days once more, over everybody and all keys: looks at all that is used need not go through those of
-- each. Days that were added up without them are added up again.
CREATE TABLE usage_day_totals (
  build_id TEXT NOT NULL,
  provider TEXT,
  model TEXT,
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
CREATE INDEX usage_day_totals_by_build ON usage_day_totals (build_id);
DELETE FROM usage_days;
DELETE FROM usage_day_builds;
ALTER TABLE usage_day_builds ADD COLUMN has_totals BOOLEAN NOT NULL DEFAULT FALSE;
