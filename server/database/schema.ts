// The tables as queries see them: one interface per table of migrations/, changed in the same commit as a migration.
// Times are epoch milliseconds, money nano-USD, booleans JavaScript booleans on both databases. Nothing has a default
// in the database: every value of a row is bound by the store that writes it.
// size: one interface for each table, one after the other.
import type { LimitColumns } from '../kernel/limits.ts'

export interface UserTable extends LimitColumns {
  id: string
  email: string
  name: string
  password_hash: string | null
  role: 'admin' | 'user'
  is_active: boolean
  fallback: string
  auth_gen: number
  last_login_at: number | null
  created_at: number
  updated_at: number
}

export interface SessionTable {
  id: string
  user_id: string
  refresh_hash: string
  previous_hash: string | null
  rotated_at: number | null
  authenticated_at: number
  user_agent: string
  ip: string
  created_at: number
  last_used_at: number
  expires_at: number
  revoked_at: number | null
  /** Which proof it began with. */
  method: 'password' | 'oidc'
}

/** An account at a sign-in provider that opens an account here. */
export interface UserIdentityTable {
  issuer: string
  subject: string
  user_id: string
  created_at: number
  last_used_at: number
}

/** A sign-in at the provider that came back: it counts once. */
export interface UsedSignInTable {
  state_hash: string
  expires_at: number
}

export interface OneTimeCodeTable {
  id: string
  code_hash: string
  purpose: 'reset' | 'invite'
  user_id: string | null
  email: string | null
  created_by: string | null
  created_at: number
  expires_at: number
  used_at: number | null
}

export interface SecondFactorTable {
  user_id: string
  secret: string
  confirmed_at: number | null
  last_step: number
  created_at: number
}

export interface RecoveryCodeTable {
  code_hash: string
  user_id: string
  used_at: number | null
}

export interface ApiKeyTable extends LimitColumns {
  id: string
  user_id: string
  team_id: string | null
  name: string
  key_hash: string
  last4: string
  previous_hash: string | null
  previous_expires_at: number | null
  is_active: boolean
  expires_at: number | null
  rate_limit_per_minute: number | null
  rate_limit_per_day: number | null
  budget_usd_nanos: number | null
  budget_period: string | null
  allowed_models: string | null
  allowed_payers: string | null
  fallback: string
  version: number
  last_used_at: number | null
  created_at: number
  updated_at: number
}

export interface RequestTable {
  id: string
  created_at: number
  user_id: string
  team_id: string | null
  api_key_id: string | null
  session_id: string | null
  operation: string
  requested_model: string | null
  model: string | null
  provider: string | null
  client_dialect: string
  upstream_dialect: string | null
  status: number
  outcome: string
  error_code: string | null
  error_source: string | null
  streamed: boolean
  billed_to: string | null
  provider_key_id: string | null
  fallback: string | null
  warnings: string
  attempts: number
  input_tokens: number | null
  cache_read_tokens: number | null
  cache_write_tokens: number | null
  cache_write_1h_tokens: number | null
  output_tokens: number | null
  reasoning_tokens: number | null
  searches: number | null
  cost_usd_nanos: number | null
  cost_source: string
  price_version: string | null
  first_byte_ms: number | null
  duration_ms: number
  client_request_id: string | null
}

export interface AttemptTable {
  request_id: string
  attempt: number
  created_at: number
  user_id: string
  team_id: string | null
  api_key_id: string | null
  provider: string
  model: string | null
  dialect: string
  provider_key_id: string | null
  billed_to: string
  status: number | null
  outcome: string
  reason: string | null
  upstream_request_id: string | null
  input_tokens: number | null
  cache_read_tokens: number | null
  cache_write_tokens: number | null
  cache_write_1h_tokens: number | null
  output_tokens: number | null
  reasoning_tokens: number | null
  searches: number | null
  cost_usd_nanos: number | null
  cost_source: string
  price_version: string | null
  first_byte_ms: number | null
  duration_ms: number
  lease_id: string | null
  raw_usage: string | null
}

/** The sums of one day in one time zone are there, whole. */
export interface UsageDayBuildTable {
  id: string
  time_zone: string
  starts_at: number
  ends_at: number
  built_at: number
  /** false: by an earlier release, which knew no `usage_day_totals`. */
  has_totals: boolean
}

/** Over everybody and all keys. */
export type UsageDayTotalTable = Omit<UsageDayTable, 'user_id' | 'api_key_id' | 'provider_key_id'>

export interface UsageDayTable {
  build_id: string
  user_id: string
  api_key_id: string | null
  provider: string | null
  model: string | null
  provider_key_id: string | null
  billed_to: string | null
  fallback: string | null
  requests: number
  cancelled: number
  rate_limited: number
  client_errors: number
  server_errors: number
  broken_off: number
  unknown_cost_requests: number
  input_tokens: number
  output_tokens: number
  cache_read_tokens: number
  cache_write_tokens: number
  reasoning_tokens: number
  cost_usd_nanos: number
  computed_usd_nanos: number
  estimated_usd_nanos: number
  durations: string | null
  first_bytes: string | null
}

export interface UsageLateTable {
  id: string
  at: number
}

export interface TeamTable extends LimitColumns {
  id: string
  name: string
  created_by: string
  created_at: number
  updated_at: number
}

export interface TeamMemberTable {
  team_id: string
  user_id: string
  role: 'owner' | 'admin' | 'member'
  joined_at: number
}

export interface TeamInviteTable {
  id: string
  team_id: string
  code_hash: string
  email: string | null
  role: 'admin' | 'member'
  created_by: string
  created_at: number
  expires_at: number
}

export interface LeaseTable {
  id: string
  provider_key_id: string
  owner_id: string
  team_id: string
  user_id: string | null
  allowed_models: string | null
  cap_usd_nanos: number | null
  cap_period: string | null
  expires_at: number | null
  ended_at: number | null
  version: number
  created_at: number
  updated_at: number
}

export interface SettingTable {
  name: string
  value: string
  updated_at: number
  updated_by: string | null
}

export interface AuditEntryTable {
  sequence: number
  id: string
  at: number
  actor_type: string
  actor_id: string | null
  ip: string | null
  action: string
  target_type: string | null
  target_id: string | null
  details: string
  previous_hash: string
  hash: string
}

export interface UserProviderKeyTable {
  id: string
  user_id: string
  provider: string
  api_key_encrypted: string
  kid: string
  key_version: number
  version: number
  is_active: boolean
  base_url: string | null
  label: string
  position: number
  prefix: string
  last4: string
  fingerprint: string
  status: string
  status_reason: string | null
  status_at: number | null
  worked_at: number | null
  last_tested_at: number | null
  last_used_at: number | null
  expires_at: number | null
  fallback: string
  allowed_models: string | null
  cap_usd_nanos: number | null
  cap_period: string | null
  created_at: number
  updated_at: number
  probe_at: number | null
  probe_after_ms: number | null
  disabled_at: number | null
  last_test_ms: number | null
}

export interface ProviderKeyCheckTable {
  provider_key_id: string
  checked_at: number
  models: string | null
}

export interface NotificationTable {
  id: string
  user_id: string
  kind: string
  subject_id: string | null
  occasion: string
  details: string
  created_at: number
  read_at: number | null
  mailed_at: number | null
}

export interface KeyModelStateTable {
  provider_key_id: string
  model: string
  key_version: number
  state: 'cooling' | 'restricted'
  ends_at: number
}

export interface KeyRegistryTable {
  kid: string
  backend: string
  key_ref: string | null
  state: 'active' | 'decrypt' | 'retired'
  check: string
  wraps: number
  created_at: number
  activated_at: number | null
  retired_at: number | null
}

export interface VaultJobTable {
  name: string
  holder: string | null
  fence: number
  lease_until: number
}

export interface VaultInstanceTable {
  id: string
  active_kid: string
  kids: string
  seen_at: number
}

export interface VaultSecretTable {
  name: string
  kid: string
  sealed: string
}

export interface VaultRotationTable {
  name: string
  run: number
  state: 'running' | 'paused' | 'done' | 'done_with_failures'
  from_kid: string | null
  to_kid: string
  done: number
  pass: number
  started_at: number
  resumed_at: number
  resumed_done: number
  progressed_at: number
  finished_at: number | null
}

export interface VaultRotationFailureTable {
  record_table: string
  record_id: string
  reason: string
  pass: number
}

export interface CatalogAliasTable {
  name: string
  provider: string
  model: string
  choice: string | null
  updated_at: number
  updated_by: string | null
}

export interface UserAliasTable {
  user_id: string
  name: string
  provider: string
  model: string
  choice: string | null
  updated_at: number
}

export interface RoutingSettingsTable {
  id: string
  user_id: string | null
  settings: string
  is_locked: boolean
  updated_at: number
  updated_by: string | null
}

export interface CatalogOverrideTable {
  provider: string
  model: string
  input_price_nanos: number | null
  output_price_nanos: number | null
  cache_read_price_nanos: number | null
  cache_write_price_nanos: number | null
  cache_write_1h_price_nanos: number | null
  profile: string
  is_enabled: boolean
  is_hidden: boolean
  updated_at: number
  updated_by: string | null
}

export interface BudgetAccountTable {
  name: string
  ends_at: number | null
  spent_usd_nanos: number
  reserved_usd_nanos: number
  updated_at: number
}

export interface BudgetReservationTable {
  id: string
  account: string
  usd_nanos: number
  instance: string
  request_id: string
  first_attempt: number
  held_until: number
  created_at: number
}

export interface Schema {
  users: UserTable
  sessions: SessionTable
  one_time_codes: OneTimeCodeTable
  second_factors: SecondFactorTable
  recovery_codes: RecoveryCodeTable
  user_identities: UserIdentityTable
  used_sign_ins: UsedSignInTable
  api_keys: ApiKeyTable
  requests: RequestTable
  attempts: AttemptTable
  usage_day_builds: UsageDayBuildTable
  usage_days: UsageDayTable
  usage_day_totals: UsageDayTotalTable
  usage_late: UsageLateTable
  settings: SettingTable
  audit_log: AuditEntryTable
  user_provider_keys: UserProviderKeyTable
  key_model_states: KeyModelStateTable
  provider_key_checks: ProviderKeyCheckTable
  notifications: NotificationTable
  key_registry: KeyRegistryTable
  vault_jobs: VaultJobTable
  vault_instances: VaultInstanceTable
  vault_secrets: VaultSecretTable
  vault_rotation: VaultRotationTable
  vault_rotation_failures: VaultRotationFailureTable
  catalog_aliases: CatalogAliasTable
  user_aliases: UserAliasTable
  catalog_overrides: CatalogOverrideTable
  routing_settings: RoutingSettingsTable
  teams: TeamTable
  team_members: TeamMemberTable
  team_invites: TeamInviteTable
  leases: LeaseTable
  budget_accounts: BudgetAccountTable
  budget_reservations: BudgetReservationTable
  schema_migrations: SchemaMigrationTable
}

/** The migrator's own ledger; `applied_at` is epoch milliseconds. */
export interface SchemaMigrationTable {
  name: string
  checksum: string
  applied_at: number
}
