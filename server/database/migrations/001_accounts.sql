-- Users, their sessions and the UniRoute API keys they issue. Times are epoch milliseconds.
CREATE TABLE users (
  id TEXT PRIMARY KEY,
  email TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  password_hash TEXT,
  role TEXT NOT NULL CHECK (role IN ('admin', 'user')),
  is_active BOOLEAN NOT NULL,
  fallback TEXT NOT NULL,
  auth_gen BIGINT NOT NULL,
  last_login_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  refresh_hash TEXT NOT NULL,
  previous_hash TEXT,
  rotated_at BIGINT,
  authenticated_at BIGINT NOT NULL,
  user_agent TEXT NOT NULL,
  ip TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT
);
CREATE INDEX sessions_by_user ON sessions (user_id);

-- Set-up, password-reset and invitation codes: only their hashes are kept, each works once.
CREATE TABLE one_time_codes (
  id TEXT PRIMARY KEY,
  code_hash TEXT NOT NULL UNIQUE,
  purpose TEXT NOT NULL CHECK (purpose IN ('reset', 'invite')),
  user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
  email TEXT,
  created_by TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT
);

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  team_id TEXT,
  name TEXT NOT NULL,
  key_hash TEXT NOT NULL UNIQUE,
  last4 TEXT NOT NULL,
  previous_hash TEXT UNIQUE,
  previous_expires_at BIGINT,
  is_active BOOLEAN NOT NULL,
  expires_at BIGINT,
  rate_limit_per_minute BIGINT,
  rate_limit_per_day BIGINT,
  budget_usd_nanos BIGINT,
  budget_period TEXT,
  allowed_models TEXT,
  allowed_payers TEXT,
  fallback TEXT NOT NULL,
  version BIGINT NOT NULL,
  last_used_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX api_keys_by_user ON api_keys (user_id);
