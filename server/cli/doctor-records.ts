// What `uniroute doctor` finds out from the database: schema, secrets, the change of a master key, audit log, clock.
import { sql } from 'kysely'
import type { Config } from '../config/config.ts'
import { SECRET_WARNINGS } from '../config/secrets.ts'
import type { Database } from '../database/database.ts'
import { checkSchema } from '../database/migrator.ts'
import { listOverusedKids } from '../features/admin/vault-boot.ts'
import { checkRegistry } from '../features/admin/vault-check.ts'
import { databaseNow } from '../database/now.ts'
import { createVaultRegistry } from '../features/admin/vault-registry.ts'
import { createRotationStore } from '../features/admin/vault-rotation-store.ts'
import { createAudit } from '../features/audit/audit.ts'
import { systemClock } from '../kernel/clock.ts'
import { createKeyring } from '../vault/keyring.ts'
import { count } from './command.ts'
import type { Finding } from './finding.ts'
import { readSecrets } from './installation.ts'

const CLOCK_DRIFT_MS = 5_000

/** Throws SchemaError where this program must not touch the database. */
export async function checkSchemaVersion(database: Database): Promise<Finding> {
  const subject = 'schema'
  const state = await checkSchema(database)
  if (state === 'current') return { level: 'ok', subject, message: 'current' }
  if (state === 'empty') return { level: 'warn', subject, message: 'no tables yet; the first start makes them' }
  return { level: 'warn', subject, message: 'older than this program; the next start brings it up to date' }
}

/** Throws StartRefused where the server would not start. */
export async function checkSecrets(config: Config, database: Database): Promise<Finding[]> {
  const subject = 'secrets'
  const secrets = readSecrets(config)
  const picture = await createVaultRegistry(database).read()
  const keyring = secrets.current && createKeyring(secrets.current.value, secrets.old)
  checkRegistry(picture, keyring, secrets.current)
  const findings: Finding[] = secrets.warnings.map((code) => ({
    level: 'warn',
    subject,
    message: SECRET_WARNINGS[code],
  }))
  for (const kid of listOverusedKids(picture)) {
    findings.push({
      level: 'warn',
      subject,
      message: `master key ${kid} was used too often; change it: docs/rotation.md`,
    })
  }
  for (const { kid, state } of picture.keys) {
    if (state !== 'retired' || !keyring?.find(kid)) continue
    findings.push({ level: 'warn', subject, message: `master key ${kid} is retired; its secret can be taken away` })
  }
  const depending = [...picture.dependents.values()].reduce((sum, { providerKeys }) => sum + providerKeys, 0)
  if (findings.length === 0) findings.push({ level: 'ok', subject, message: `fit ${count(depending, 'stored key')}` })
  return findings
}

export async function checkRotation(database: Database): Promise<Finding> {
  const subject = 'rotation'
  const store = createRotationStore(database)
  const run = await store.readProgress()
  if (run === undefined) return { level: 'ok', subject, message: 'the master key was never changed' }
  const left = run.remaining
  if (run.state === 'done' && left === 0) return { level: 'ok', subject, message: `finished; all under ${run.to_kid}` }
  if (run.state === 'running') return { level: 'ok', subject, message: `going on; ${count(left, 'value')} left` }
  if (run.state === 'paused') {
    return {
      level: 'warn',
      subject,
      message: `paused with ${count(left, 'value')} left; POST /admin/encryption/rotate goes on`,
    }
  }
  return {
    level: 'warn',
    subject,
    message: `${count(left, 'value')} not under ${run.to_kid}; GET /admin/encryption lists what could not be moved`,
  }
}

export async function checkAudit(database: Database): Promise<Finding> {
  const subject = 'audit log'
  const verdict = await createAudit({ database, clock: systemClock }).verify()
  if (verdict.ok) return { level: 'ok', subject, message: `${count(verdict.entries, 'entry', 'entries')}, unbroken` }
  return {
    level: 'fail',
    subject,
    message: `broken at entry ${verdict.sequence}: ${verdict.reason} Compare with a backup to see what was changed`,
  }
}

/** null: SQLite has no other clock than ours. */
export async function checkClock(database: Database): Promise<Finding | null> {
  if (database.kind === 'sqlite') return null
  const subject = 'clock'
  const { rows } = await sql<{ now: number }>`SELECT ${databaseNow(database.kind)} AS now`.execute(database.query)
  const drift = Math.abs(Date.now() - Number(rows[0]!.now))
  if (drift < CLOCK_DRIFT_MS) return { level: 'ok', subject, message: 'agrees with the database' }
  return {
    level: 'warn',
    subject,
    message: `differs from the database's by ${Math.round(drift / 1000)} s; set both by NTP`,
  }
}
