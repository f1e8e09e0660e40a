// The boot matrix as processes: with which secrets, in which mode, on which database a UniRoute serves, and how it
// refuses: exit 78, one line that says what to do and holds no secret, and a data folder that is the same to the byte.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deriveKid, deriveRoot } from '../../server/vault/derivation.ts'
import { Secret } from '../../server/kernel/secret.ts'
import { createFakeKey, rememberSecret } from '../fake-provider/fake-keys.ts'
import { LAUNCHER_ENVIRONMENT } from '../support/launcher-environment.ts'
import { createPostgresDatabase, describePostgres, dropPostgresDatabase } from '../support/databases.ts'
import { startUniRoute } from '../support/uniroute-process.ts'

const GOOD = rememberSecret('b5f1c0de9a47382e6d10fb94c7a2e853')
const NEXT = rememberSecret('1c8e40b7f9d25a63e07b94d1c6f83a52')
const JWT = rememberSecret('07c3e9d2814fab56b0e6d1f7a9c4582e')
const WEAK = rememberSecret('mycompany-production-encryption-2026')
const SHORT = rememberSecret('8d1f0a6c3be9')
const kidOf = (secret: string): string => deriveKid(deriveRoot(new Secret(secret)))
const MAIN = fileURLToPath(new URL('../../server/main.ts', import.meta.url))
const ADMIN = { email: 'admin@example.com', password: 'the administrator of this test' }

const production = { NODE_ENV: 'production' }
const good = { PROVIDER_KEY_ENCRYPTION_KEY: GOOD, JWT_SECRET: JWT }
/** Tells a supervisor that a later start may succeed. */
const TRY_LATER = 75

type Environment = Readonly<Record<string, string>>

interface Outcome {
  readonly ready: boolean
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts the program on a folder until it is ready, or has refused; a ready one is stopped. */
async function start(dataDir: string, environment: Environment): Promise<Outcome> {
  const child = spawn(process.execPath, [MAIN], {
    // A folder without .env and package.json.
    cwd: root,
    env: {
      ...LAUNCHER_ENVIRONMENT,
      PATH: process.env['PATH'] ?? '',
      HOME: dataDir,
      PORT: '0',
      DATA_DIR: dataDir,
      UNIROUTE_ADMIN_EMAIL: ADMIN.email,
      UNIROUTE_ADMIN_PASSWORD: ADMIN.password,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const killWithUs = (): void => void child.kill('SIGKILL')
  process.once('exit', killWithUs)
  const output = { stdout: '', stderr: '' }
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text
    if (output.stdout.includes('UniRoute ready')) child.kill('SIGTERM')
  })
  await once(child, 'close')
  process.off('exit', killWithUs)
  return { ready: output.stdout.includes('UniRoute ready'), code: child.exitCode, ...output }
}

/** Names and contents. What SQLite puts beside a database while it looks (`-shm`, an empty `-wal`) holds none. */
function pictureOf(folder: string): Record<string, string> {
  const picture: Record<string, string> = {}
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    if (entry.name.endsWith('-shm') || (entry.name.endsWith('-wal') && statSync(path).size === 0)) continue
    picture[path.slice(folder.length)] = createHash('sha256').update(readFileSync(path)).digest('hex')
  }
  return picture
}

let root: string
/** A folder in which a good secret has sealed two provider keys. */
let used: string
let folders = 0
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'uniroute-boot-'))
  used = join(root, 'used')
  mkdirSync(used)
  const uniroute = await startUniRoute({
    dataDir: used,
    adminAccount: ADMIN,
    env: good,
  })
  const token = await uniroute.login()
  for (let i = 0; i < 2; i++) await uniroute.addProviderKey(token, 'openai', createFakeKey('openai'))
  expect(await uniroute.stop()).toBe(0)
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** A folder of its own: empty, or as the good secret left it. */
function folder(from?: string): string {
  const path = join(root, `data${++folders}`)
  if (from === undefined) rmSync(path, { recursive: true, force: true })
  else cpSync(from, path, { recursive: true })
  return path
}

const exists = (path: string): boolean => readdirSync(join(path, '..')).includes(path.split('/').at(-1)!)

async function expectRefusal(dataDir: string, environment: Environment, words: RegExp, code = 78): Promise<void> {
  const before = exists(dataDir) ? pictureOf(dataDir) : {}
  const outcome = await start(dataDir, environment)
  expect({ ready: outcome.ready, code: outcome.code, stderr: outcome.stderr }).toMatchObject({ ready: false, code })
  const said = outcome.stderr.trim()
  expect(said).toMatch(/^UniRoute did not start: /)
  expect(said).toMatch(words)
  expect(said.split('\n')).toHaveLength(1)
  for (const secret of [GOOD, NEXT, JWT, WEAK, SHORT]) expect(said).not.toContain(secret)
  // A folder that was not there may be, empty.
  expect(exists(dataDir) ? pictureOf(dataDir) : {}).toEqual(before)
}

async function expectServing(dataDir: string, environment: Environment): Promise<Outcome> {
  const outcome = await start(dataDir, environment)
  expect({ ready: outcome.ready, code: outcome.code, stderr: outcome.stderr }).toMatchObject({ ready: true, code: 0 })
  return outcome
}

/** Changes the database of a folder that nobody has open, and leaves it as one file. */
function change(dataDir: string, statement: string): void {
  const database = new DatabaseSync(join(dataDir, 'uniroute.db'))
  database.exec(statement)
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  database.close()
}

describe.concurrent('serves', () => {
  test('B1, B2: a good secret on a new database, and again on the same', async () => {
    const dataDir = folder()
    await expectServing(dataDir, { ...good, ...production })
    await expectServing(dataDir, { ...good, ...production })
    expect(readdirSync(dataDir)).not.toContain('master.key')
  })

  test('B3: a new secret, with the old one to open what is there', async () => {
    const dataDir = folder(used)
    await expectServing(dataDir, { ...good, PROVIDER_KEY_ENCRYPTION_KEY: NEXT, PROVIDER_KEY_ENCRYPTION_KEYS_OLD: GOOD })
    await expectRefusal(dataDir, { ...good, PROVIDER_KEY_ENCRYPTION_KEY: NEXT }, /2 keys depend on it/)
  })

  test('B6: a weak secret outside production, with a warning at each start', async () => {
    const dataDir = folder()
    for (let i = 0; i < 2; i++) {
      const { stderr } = await expectServing(dataDir, { PROVIDER_KEY_ENCRYPTION_KEY: WEAK })
      expect(stderr).toContain('"weak_secret"')
      expect(stderr).not.toContain(WEAK)
    }
  })

  test('B7: nothing given on an empty folder: a secret is made, for its owner only', async () => {
    const dataDir = folder()
    const { stderr } = await expectServing(dataDir, {})
    const text = readFileSync(join(dataDir, 'master.key'), 'utf8')
    expect(text.trim().length).toBeGreaterThanOrEqual(32)
    expect(stderr).not.toContain(text.trim())
    const before = pictureOf(dataDir)['/master.key']
    await expectServing(dataDir, {})
    expect(pictureOf(dataDir)['/master.key']).toBe(before)
    // An existing master.key counts as given, also in production.
    const later = await expectServing(dataDir, production)
    expect(later.stderr).toContain('"secret_beside_database"')
  })

  test('B9: JWT_SECRET stands in, as it did before UniRoute had a secret of its own, with a warning', async () => {
    const dataDir = folder()
    for (let i = 0; i < 2; i++) {
      const { stderr } = await expectServing(dataDir, { JWT_SECRET: JWT })
      expect(stderr).toContain('"jwt_secret_fallback"')
    }
    expect(readdirSync(dataDir)).not.toContain('master.key')
  })
})

describe.concurrent('refuses, and leaves everything as it was', () => {
  test('B4: the secret of stored keys is missing', () =>
    expectRefusal(
      folder(used),
      { ...good, PROVIDER_KEY_ENCRYPTION_KEY: NEXT },
      new RegExp(`secret for kid ${kidOf(GOOD)} missing; 2 keys depend on it; nothing was changed`),
    ))

  test('B4: JWT_SECRET does not stand in for it', () =>
    expectRefusal(folder(used), { JWT_SECRET: JWT }, /missing; 2 keys depend on it|cannot stand in for it/))

  test.each([
    ['none', {}, /PROVIDER_KEY_ENCRYPTION_KEY/],
    ['none, JWT_SECRET given', { JWT_SECRET: JWT }, /PROVIDER_KEY_ENCRYPTION_KEY/],
    ['a weak one', { PROVIDER_KEY_ENCRYPTION_KEY: WEAK, JWT_SECRET: JWT }, /PROVIDER_KEY_ENCRYPTION_KEY is too weak/],
    ['that of JWT_SECRET', { PROVIDER_KEY_ENCRYPTION_KEY: GOOD, JWT_SECRET: GOOD }, /same as JWT_SECRET/],
    ['a good one, JWT_SECRET weak', { ...good, JWT_SECRET: WEAK }, /JWT_SECRET is too weak/],
    ['a good one, no JWT_SECRET', { PROVIDER_KEY_ENCRYPTION_KEY: GOOD }, /JWT_SECRET/],
  ])('B5: in production, %s', (_which, environment, words) =>
    expectRefusal(folder(), { ...production, ...environment }, words),
  )

  test('B5: in production on used data, weak', () =>
    expectRefusal(folder(used), { ...production, ...good, PROVIDER_KEY_ENCRYPTION_KEY: WEAK }, /too weak/))

  test.each([
    ['PROVIDER_KEY_ENCRYPTION_KEY', { PROVIDER_KEY_ENCRYPTION_KEY: SHORT }],
    ['JWT_SECRET', { JWT_SECRET: SHORT }],
  ])('a short %s in any mode', (name, environment) =>
    expectRefusal(folder(), environment, new RegExp(`${name} is refused: it has fewer than 32 characters`)),
  )

  test('B8: the generated secret is gone while its keys are there', async () => {
    const dataDir = folder()
    await expectServing(dataDir, {})
    rmSync(join(dataDir, 'master.key'))
    await expectRefusal(dataDir, {}, /DATA_DIR\/master\.key is gone, but this database was sealed/)
  })

  test('two sources that differ', async () => {
    const dataDir = folder()
    await expectServing(dataDir, {})
    await expectRefusal(dataDir, good, /both there and differ/)
  })

  test.each([
    ['a check value that its secret did not make', `UPDATE key_registry SET "check" = 'AAAA'`, /check value/],
    ['no active key', `UPDATE key_registry SET state = 'decrypt'`, /0 active keys instead of one/],
    ['a kid that nobody knows', `DELETE FROM key_registry`, /does not know kid|active keys/],
    ['a retired kid with keys', `UPDATE key_registry SET state = 'retired'`, /retired|active keys/],
  ])('B10: the registry holds %s', (_which, statement, words) => {
    const dataDir = folder(used)
    change(dataDir, statement)
    return expectRefusal(dataDir, good, words)
  })

  test('a database of a newer UniRoute', () => {
    const dataDir = folder(used)
    change(
      dataDir,
      `INSERT INTO schema_migrations SELECT '999_later', checksum, applied_at FROM schema_migrations LIMIT 1`,
    )
    return expectRefusal(dataDir, good, /newer/)
  })

  test('a database file that is none', () => {
    const dataDir = folder(used)
    copyFileSync(MAIN, join(dataDir, 'uniroute.db'))
    return expectRefusal(dataDir, good, /database/i)
  })

  test('a database file that was damaged', () => {
    const dataDir = folder(used)
    const file = openSync(join(dataDir, 'uniroute.db'), 'r+')
    // The page that holds the schema.
    writeSync(file, Buffer.alloc(3_900, 0x5a), 0, 3_900, 100)
    return expectRefusal(dataDir, good, /damaged|malformed|database/i)
  })

  test.each([
    ['for itself', 'PRAGMA journal_mode = DELETE; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE'],
    ['in the middle of writing', 'BEGIN IMMEDIATE'],
  ])('a database that another program has %s', async (_claim, statements) => {
    const dataDir = folder(used)
    // In a process of its own: the locks of this one would be gone as soon as it reads the file.
    const program = `
      const database = new (require('node:sqlite').DatabaseSync)(process.argv[1])
      database.exec(${JSON.stringify(statements)})
      console.log('locked')
      setInterval(() => {}, 1000)`
    const other = spawn(process.execPath, ['-e', program, join(dataDir, 'uniroute.db')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      await once(other.stdout, 'data')
      await expectRefusal(dataDir, good, /lock|another program|in use|busy/i, TRY_LATER)
    } finally {
      other.kill('SIGKILL')
      await once(other, 'close')
    }
  })

  test('a configuration with faults: every one of them is named', async () => {
    const dataDir = folder()
    const outcome = await start(dataDir, { PORT: 'eighty', SERVER_FALLBACK: 'sometimes' })
    expect(outcome.code).toBe(78)
    expect(outcome.stderr).toMatch(/PORT: .*\n.*SERVER_FALLBACK: /)
    expect(exists(dataDir)).toBe(false)
  })
})

describePostgres('on PostgreSQL', () => {
  let url: string
  beforeAll(async () => {
    url = await createPostgresDatabase()
  })
  afterAll(() => dropPostgresDatabase(url))

  test('B11: without a secret none is made', () =>
    expectRefusal(folder(), { DATABASE_URL: url }, /set PROVIDER_KEY_ENCRYPTION_KEY \(uniroute keys generate\)/))

  test('B1, B4: a good secret serves, another one does not', async () => {
    await expectServing(folder(), { DATABASE_URL: url, ...good })
    await expectRefusal(
      folder(),
      { DATABASE_URL: url, ...good, PROVIDER_KEY_ENCRYPTION_KEY: NEXT },
      new RegExp(`secret for kid ${kidOf(GOOD)} missing`),
    )
  })

  test('an address at which nobody answers', () =>
    expectRefusal(folder(), { DATABASE_URL: 'postgres://postgres@127.0.0.1:1/none', ...good }, /database/i, TRY_LATER))
})
