-- Teams, invitations to them (only the hashes of their codes are kept), and leases: the terms under which a provider key
-- is shared with a team, or with one of its members. A lease that ended stays, for the ledger of its borrowers.
CREATE TABLE teams (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE team_members (
  team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
  joined_at BIGINT NOT NULL,
  PRIMARY KEY (team_id, user_id)
);
CREATE INDEX team_members_by_user ON team_members (user_id);

CREATE TABLE team_invites (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  code_hash TEXT NOT NULL UNIQUE,
  email TEXT,
  role TEXT NOT NULL CHECK (role IN ('admin', 'member')),
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX team_invites_by_team ON team_invites (team_id);

CREATE TABLE leases (
  id TEXT PRIMARY KEY,
  provider_key_id TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  team_id TEXT NOT NULL,
  user_id TEXT,
  allowed_models TEXT,
  cap_usd_nanos BIGINT,
  cap_period TEXT,
  expires_at BIGINT,
  ended_at BIGINT,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX leases_by_team ON leases (team_id);
CREATE INDEX leases_by_owner ON leases (owner_id);
CREATE UNIQUE INDEX leases_once ON leases (provider_key_id, team_id, COALESCE(user_id, '')) WHERE ended_at IS NULL;

ALTER TABLE attempts ADD COLUMN lease_id TEXT;
CREATE INDEX attempts_by_lease ON attempts (lease_id, created_at) WHERE lease_id IS NOT NULL;
