-- Care of provider keys: when each was last checked by itself and what it could reach then, and what their owners are told.
CREATE TABLE provider_key_checks (
  provider_key_id TEXT PRIMARY KEY REFERENCES user_provider_keys (id) ON DELETE CASCADE,
  checked_at BIGINT NOT NULL,
  models TEXT
);

CREATE TABLE notifications (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  subject_id TEXT,
  occasion TEXT NOT NULL,
  details TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  read_at BIGINT,
  mailed_at BIGINT
);
CREATE INDEX notifications_by_user ON notifications (user_id, created_at);
CREATE UNIQUE INDEX notifications_once ON notifications (user_id, kind, occasion);
