-- The ledger: one row per request and one per upstream attempt. It outlives what it names, so it has no foreign keys.
-- Tokens are counts (input includes cached ones); cost is nano-USD; unknown is NULL, never 0. Times are epoch milliseconds.
CREATE TABLE requests (
  id TEXT PRIMARY KEY,
  created_at BIGINT NOT NULL,
  user_id TEXT NOT NULL,
  team_id TEXT,
  api_key_id TEXT,
  session_id TEXT,
  operation TEXT NOT NULL,
  requested_model TEXT,
  model TEXT,
  provider TEXT,
  client_dialect TEXT NOT NULL,
  upstream_dialect TEXT,
  status BIGINT NOT NULL,
  outcome TEXT NOT NULL,
  error_code TEXT,
  error_source TEXT,
  streamed BOOLEAN NOT NULL,
  billed_to TEXT,
  provider_key_id TEXT,
  fallback TEXT,
  warnings TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  input_tokens BIGINT,
  cache_read_tokens BIGINT,
  cache_write_tokens BIGINT,
  cache_write_1h_tokens BIGINT,
  output_tokens BIGINT,
  reasoning_tokens BIGINT,
  cost_usd_nanos BIGINT,
  cost_source TEXT NOT NULL,
  price_version TEXT,
  first_byte_ms BIGINT,
  duration_ms BIGINT NOT NULL,
  client_request_id TEXT
);
CREATE INDEX requests_by_user ON requests (user_id, created_at);
CREATE INDEX requests_by_api_key ON requests (api_key_id, created_at);
CREATE INDEX requests_by_provider_key ON requests (provider_key_id, created_at);
CREATE INDEX requests_by_time ON requests (created_at);

CREATE TABLE attempts (
  request_id TEXT NOT NULL,
  attempt BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  user_id TEXT NOT NULL,
  team_id TEXT,
  api_key_id TEXT,
  provider TEXT NOT NULL,
  model TEXT,
  dialect TEXT NOT NULL,
  provider_key_id TEXT,
  billed_to TEXT NOT NULL,
  status BIGINT,
  outcome TEXT NOT NULL,
  reason TEXT,
  upstream_request_id TEXT,
  input_tokens BIGINT,
  cache_read_tokens BIGINT,
  cache_write_tokens BIGINT,
  cache_write_1h_tokens BIGINT,
  output_tokens BIGINT,
  reasoning_tokens BIGINT,
  cost_usd_nanos BIGINT,
  cost_source TEXT NOT NULL,
  price_version TEXT,
  first_byte_ms BIGINT,
  duration_ms BIGINT NOT NULL,
  PRIMARY KEY (request_id, attempt)
);
CREATE INDEX attempts_by_provider_key ON attempts (provider_key_id, created_at);
