-- How requests choose among several models. An alias may have several targets: `choice` is a JSON object of all of them with
-- their order, null where there is one; provider and model are the first. Routing settings are a JSON object, one row per
-- user who has their own and one, `default`, for all others.
ALTER TABLE catalog_aliases ADD COLUMN choice TEXT;
ALTER TABLE user_aliases ADD COLUMN choice TEXT;

CREATE TABLE routing_settings (
  id TEXT PRIMARY KEY,
  user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
  settings TEXT NOT NULL,
  is_locked BOOLEAN NOT NULL,
  updated_at BIGINT NOT NULL,
  updated_by TEXT
);
