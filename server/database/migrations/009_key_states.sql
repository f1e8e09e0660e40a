-- States of provider keys that instances share: when a key that was set aside may be tried again, and which models a key
-- does not serve for a while.
ALTER TABLE user_provider_keys ADD COLUMN probe_at BIGINT;
ALTER TABLE user_provider_keys ADD COLUMN probe_after_ms BIGINT;

CREATE TABLE key_model_states (
  provider_key_id TEXT NOT NULL REFERENCES user_provider_keys (id) ON DELETE CASCADE,
  model TEXT NOT NULL,
  key_version BIGINT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('cooling', 'restricted')),
  ends_at BIGINT NOT NULL,
  PRIMARY KEY (provider_key_id, model)
);
