-- Provider keys that users brought. `api_key_encrypted` holds the sealed `ur1` text and nothing else ever leaves it.
-- `fingerprint` is an HMAC under a sealed key (32 hex digits): equal keys of one owner collide, those of two owners do not.
CREATE TABLE user_provider_keys (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  provider TEXT NOT NULL,
  api_key_encrypted TEXT NOT NULL,
  kid TEXT NOT NULL,
  key_version BIGINT NOT NULL,
  version BIGINT NOT NULL,
  is_active BOOLEAN NOT NULL,
  base_url TEXT,
  label TEXT NOT NULL,
  position BIGINT NOT NULL,
  prefix TEXT NOT NULL,
  last4 TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  status TEXT NOT NULL,
  status_reason TEXT,
  status_at BIGINT,
  worked_at BIGINT,
  last_tested_at BIGINT,
  last_used_at BIGINT,
  expires_at BIGINT,
  fallback TEXT NOT NULL,
  allowed_models TEXT,
  cap_usd_nanos BIGINT,
  cap_period TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX user_provider_keys_in_order ON user_provider_keys (user_id, provider, position);
CREATE INDEX user_provider_keys_by_kid ON user_provider_keys (kid);
CREATE UNIQUE INDEX user_provider_keys_same_secret ON user_provider_keys (user_id, provider, fingerprint);
