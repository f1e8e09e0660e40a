-- A second proof at sign-in: the sealed secret of an authenticator app, and codes that stand in for it once each.
CREATE TABLE second_factors (
  user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  secret TEXT NOT NULL,
  -- NULL until a first code has shown that the app has the secret.
  confirmed_at BIGINT,
  -- The step of the last code that was taken: none works twice.
  last_step BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE recovery_codes (
  code_hash TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  used_at BIGINT
);
CREATE INDEX recovery_codes_by_user ON recovery_codes (user_id);
