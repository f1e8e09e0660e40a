-- The vault: master keys known to this installation (never the keys themselves), the rotation job's lock,
-- the instances alive, and secrets of the installation's own, sealed like everything else.
CREATE TABLE key_registry (
  kid TEXT PRIMARY KEY,
  backend TEXT NOT NULL,
  key_ref TEXT,
  state TEXT NOT NULL CHECK (state IN ('active', 'decrypt', 'retired')),
  "check" TEXT NOT NULL,
  wraps BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  activated_at BIGINT,
  retired_at BIGINT
);

CREATE TABLE vault_jobs (
  name TEXT PRIMARY KEY,
  holder TEXT,
  fence BIGINT NOT NULL,
  lease_until BIGINT NOT NULL
);

CREATE TABLE vault_instances (
  id TEXT PRIMARY KEY,
  active_kid TEXT NOT NULL,
  kids TEXT NOT NULL,
  seen_at BIGINT NOT NULL
);

CREATE TABLE vault_secrets (
  name TEXT PRIMARY KEY,
  kid TEXT NOT NULL,
  sealed TEXT NOT NULL
);
CREATE INDEX vault_secrets_by_kid ON vault_secrets (kid);
