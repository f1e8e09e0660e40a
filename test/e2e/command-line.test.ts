// The command line as people run it, on SQLite and on PostgreSQL, beside a running server and without one.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createFakeKey,
  createFakePassword,
  listFakeSecrets,
  randomText,
  rememberSecret,
} from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { scanForSecrets } from '../support/canary-scan.ts'
import { type CommandResult, runCommandLine } from '../support/command-line.ts'
import { createPostgresDatabase, describePostgres, dropPostgresDatabase } from '../support/databases.ts'
import { ask, CHAT_DIALECTS } from '../support/dialects.ts'
import { describeRedis } from '../support/redis.ts'
import { findFreePort, startRedis } from '../support/redis-server.ts'
import { type Caller } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const LAUNCHER = fileURLToPath(new URL('../../scripts/uniroute.mjs', import.meta.url))

let root: string
let fake: FakeProvider
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'uniroute-cli-'))
  fake = await startFakeProvider()
})
afterAll(async () => {
  await fake.close()
  rmSync(root, { recursive: true, force: true })
})

const printed: { name: string; text: string }[] = []

async function run(words: string[], env: Record<string, string> = {}, input?: string): Promise<CommandResult> {
  const result = await runCommandLine(words, { cwd: root, env, ...(input === undefined ? {} : { input }) })
  printed.push({ name: words.join(' '), text: result.stdout + result.stderr })
  return result
}

afterAll(() => {
  expect(printed.length).toBeGreaterThan(10)
  expect(scanForSecrets({ texts: printed, secrets: listFakeSecrets() })).toEqual([])
})

describe('uniroute', () => {
  test('helps: with itself and with every command', async () => {
    const all = await run(['--help'])
    expect(all.code).toBe(0)
    const names = ['serve', 'keys generate', 'reset-password', 'backup', 'restore', 'verify', 'verify-audit', 'rotate']
    for (const name of [...names, 'import', 'doctor']) {
      expect(all.stdout).toContain(`\n  ${name} `)
      const one = await run([...name.split(' '), '--help'])
      expect([name, one.code, one.stderr]).toEqual([name, 0, ''])
      expect(one.stdout).toMatch(new RegExp(`^uniroute ${name}`))
    }
    expect((await run(['help', 'backup'])).stdout).toMatch(/^uniroute backup/)
  })

  test('says what was meant, and ends with 2 when it is called wrongly', async () => {
    expect(await run(['bakcup'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Did you mean "uniroute backup"?'),
    })
    expect(await run(['frobnicate'])).toMatchObject({ code: 2, stderr: expect.stringContaining('lists them') })
    expect(await run(['backup'])).toMatchObject({ code: 2, stderr: expect.stringContaining('uniroute backup <file>') })
    expect(await run(['verify', '--frobnicate'])).toMatchObject({ code: 2 })
    expect(await run(['import'])).toMatchObject({ code: 2 })
  })

  test('makes secrets that no two people share', async () => {
    const [one, two] = [await run(['keys', 'generate']), await run(['keys', 'generate'])]
    expect(one.stdout).toMatch(/^[\w-]{43}\n$/)
    expect(one.stdout).not.toBe(two.stdout)
  })

  test('serves without a command, through the launcher, and ends with 0 on SIGTERM', async () => {
    const dataDir = mkdtempSync(join(root, 'served-'))
    const child = spawn(process.execPath, [LAUNCHER], {
      cwd: root,
      env: { PATH: process.env['PATH'] ?? '', HOME: root, DATA_DIR: dataDir, PORT: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      if (stdout.includes('Set up: ')) child.kill('SIGTERM')
    })
    const [code] = await once(child, 'close')
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^UniRoute ready at http:\/\/localhost:\d+\n/)])
    expect(stderr).toContain('draining')
    expect(await run(['doctor', '--offline'], { DATA_DIR: dataDir })).toMatchObject({ code: 0 })
  })

  test('ends with 78 where the configuration is wrong, or nothing is there', async () => {
    expect(await run(['verify'], { PORT: 'eighty' })).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('PORT'),
    })
    expect(await run(['verify'])).toMatchObject({ code: 78, stderr: expect.stringContaining('no installation') })
    expect(existsSync(join(root, 'data'))).toBe(false)
  })
})

describe('on SQLite, with generated secrets', () => {
  let dataDir: string
  let env: Record<string, string>
  let account: { email: string; password: string }
  let caller: Caller
  let uniroute: UniRoute
  const start = () => startUniRoute({ fake, dataDir, adminAccount: account })
  const request = () => ask(uniroute, CHAT_DIALECTS[0]!, caller.apiKey)
  beforeAll(async () => {
    dataDir = mkdtempSync(join(root, 'sqlite-'))
    chmodSync(dataDir, 0o700)
    env = { DATA_DIR: dataDir, ...addressesOf(fake) }
    account = { email: 'admin@example.com', password: createFakePassword() }
    uniroute = await start()
    caller = await uniroute.createCaller({
      keys: { openai: createFakeKey('openai'), anthropic: createFakeKey('anthropic') },
    })
  })
  afterAll(async () => {
    await uniroute.stop()
  })

  test('beside the running server: verify, verify-audit, doctor and backup', async () => {
    expect(await run(['verify'], env)).toMatchObject({
      code: 0,
      stdout: 'user_provider_keys: 2 opened, 0 did not\nvault_secrets: 1 opened, 0 did not\n',
    })
    const audit = await run(['verify-audit'], env)
    expect(audit).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+ entries, unbroken\. The last hash is [0-9a-f]{64}\n$/),
    })
    const doctor = await run(['doctor'], env)
    expect([doctor.code, doctor.stdout]).toEqual([0, expect.stringMatching(/\d+ ok, 0 warnings, 0 failures\n$/)])
    expect(doctor.stdout).toContain('running on this data folder')
    expect(doctor.stdout).toContain(`openai: ${new URL(fake.urlOf('openai')).origin} accepts connections`)
    expect((await request()).status).toBe(200)
  })

  test('doctor tells what cannot be reached, or does not take its password, and shows none', async () => {
    const nowhere = `127.0.0.1:${await findFreePort()}`
    const password = createOtherSecret()
    const services = {
      ...env,
      REDIS_URL: `redis://:${password}@${nowhere}`,
      SMTP_URL: `smtp://me%40example.com:${password}@${nowhere}?tls=off`,
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://me:${password}@${nowhere}`,
      OIDC_ISSUER: `http://${nowhere}`,
      OIDC_CLIENT_ID: 'uniroute',
      PUBLIC_URL: 'http://localhost:8084',
    }
    const { code, stdout } = await run(['doctor'], services)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^warn redis +does not answer/m)
    for (const subject of ['mail', 'traces', 'sign-in']) {
      expect(stdout).toMatch(new RegExp(`^warn ${subject} .*${nowhere} cannot be reached \\(ECONNREFUSED\\)`, 'm'))
    }
    expect(stdout).not.toContain(password)
    expect(stdout).toMatch(/ 4 warnings, 0 failures\n$/)
    expect((await run(['doctor', '--offline'], services)).stdout).toMatch(/ 1 warning, 0 failures\n$/)
  })

  test('what needs the server stopped says so, and leaves everything as it is', async () => {
    const before = readFileSync(join(dataDir, 'master.key'), 'utf8')
    await run(['backup', join(root, 'running.db')], env)
    for (const words of [['rotate'], ['rotate', '--retire'], ['restore', join(root, 'running.db')]]) {
      expect(await run(words, env)).toMatchObject({ code: 1, stderr: expect.stringContaining('Stop it first') })
    }
    expect(readFileSync(join(dataDir, 'master.key'), 'utf8')).toBe(before)
    expect(existsSync(join(dataDir, 'master.key.old'))).toBe(false)
  })

  test('reset-password: a link that works once, or a password from standard input', async () => {
    const link = await run(['reset-password', account.email], { ...env, PUBLIC_URL: 'https://uniroute.example.com' })
    expect(link).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^https:\/\/uniroute\.example\.com\/reset#[\w-]{43}\n$/),
    })
    const code = link.stdout.trim().split('#')[1]!
    const chosen = createFakePassword()
    const use = () => uniroute.call('POST', '/auth/reset', { body: { code, password: chosen } })
    expect([(await use()).status, (await use()).status]).toEqual([200, 403])
    expect(
      (await uniroute.call('POST', '/auth/login', { body: { email: account.email, password: chosen } })).status,
    ).toBe(200)

    const typed = createFakePassword()
    const set = await run(['reset-password', account.email, '--stdin'], env, `${typed}\n`)
    expect(set).toMatchObject({ code: 0, stdout: expect.stringContaining('every session of this account is over') })
    account = { ...account, password: typed }
    expect((await uniroute.call('POST', '/auth/login', { body: account })).status).toBe(200)
    expect(await run(['reset-password', 'nobody@example.com'], env)).toMatchObject({ code: 1 })
    expect(await run(['reset-password', account.email, '--stdin'], env, 'short')).toMatchObject({ code: 1 })
    expect(await run(['reset-password'], env)).toMatchObject({ code: 2 })
  })

  test('the drill: back up, wipe, restore, verify, serve', async () => {
    const file = join(root, 'drill.db')
    const made = await run(['backup', file], env)
    expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining('It needs master key') })
    const manifest = JSON.parse(readFileSync(`${file}.json`, 'utf8'))
    expect(manifest).toMatchObject({
      format: 'uniroute-backup-1',
      sha256: createHash('sha256').update(readFileSync(file)).digest('hex'),
      bytes: statSync(file).size,
    })
    expect(Object.values(manifest.kids)).toEqual([3])
    for (const path of [file, `${file}.json`]) expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(await run(['backup', file], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there already'),
    })

    // Deleted after the backup: back afterwards, and the command says so.
    const token = await uniroute.login(caller.email, caller.password)
    expect((await uniroute.call('DELETE', '/admin/provider-keys/anthropic', { token })).status).toBe(200)
    await uniroute.stop()
    for (const name of readdirSync(dataDir)) {
      if (name.startsWith('uniroute.db')) rmSync(join(dataDir, name))
    }
    const restored = await run(['restore', file], env)
    expect([restored.code, restored.stdout]).toEqual([
      0,
      expect.stringContaining('user_provider_keys: 2 opened, 0 did not'),
    ])
    expect(restored.stderr).toContain('are back')
    expect(await run(['verify'], env)).toMatchObject({ code: 0 })
    uniroute = await start()
    expect((await request()).status).toBe(200)
    await uniroute.stop()
    // Over one that is there: it is kept aside. What root restores is the server's, as the folder is.
    if (process.getuid?.() === 0) chownSync(dataDir, 12_345, 12_346)
    expect((await run(['restore', file], env)).stdout).toContain('uniroute.db.before-')
    expect(readdirSync(dataDir).some((name) => name.startsWith('uniroute.db.before-'))).toBe(true)
    const ownerOf = (path: string): number[] => [statSync(path).uid, statSync(path).gid]
    expect(ownerOf(join(dataDir, 'uniroute.db'))).toEqual(ownerOf(dataDir))
    uniroute = await start()
    expect((await request()).status).toBe(200)
  })

  test('a backup that was changed, or whose secret is missing, is not restored', async () => {
    await uniroute.stop()
    const file = join(root, 'changed.db')
    await run(['backup', file], env)
    const bytes = readFileSync(file)
    const before = readFileSync(join(dataDir, 'uniroute.db'))
    const other = { DATA_DIR: mkdtempSync(join(root, 'other-')), PROVIDER_KEY_ENCRYPTION_KEY: createOtherSecret() }
    expect(await run(['restore', file], other)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/needs master keys that are not given: [0-9a-f]{16} \(3 values\)/),
    })
    expect(readdirSync(other.DATA_DIR)).toEqual([])
    bytes[bytes.length - 100]! ^= 1
    writeFileSync(file, bytes)
    expect(await run(['restore', file], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('SHA-256 differs'),
    })
    rmSync(`${file}.json`)
    expect(await run(['restore', file], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cannot be read'),
    })
    expect(readFileSync(join(dataDir, 'uniroute.db')).equals(before)).toBe(true)
    uniroute = await start()
  })

  test('verify and verify-audit name what is wrong, and end with 1', async () => {
    await uniroute.stop()
    const copy = join(root, 'damaged.db')
    await run(['backup', copy], env)
    const damaged = { ...env, DATA_DIR: mkdtempSync(join(root, 'damaged-')) }
    for (const name of ['master.key', 'jwt.key'])
      writeFileSync(join(damaged.DATA_DIR, name), readFileSync(join(dataDir, name)))
    expect(await run(['restore', copy], damaged)).toMatchObject({ code: 0 })
    const database = new DatabaseSync(join(damaged.DATA_DIR, 'uniroute.db'))
    const { id } = database.prepare('SELECT id FROM user_provider_keys ORDER BY id').get() as { id: string }
    database.prepare("UPDATE user_provider_keys SET provider = 'google' WHERE id = ?").run(id)
    database.prepare("UPDATE audit_log SET details = '{}' WHERE sequence = 3").run()
    database.close()
    expect(await run(['verify'], damaged)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`user_provider_keys: 1 opened, 1 did not\n  ${id} ciphertext_corrupt\n`),
    })
    expect(await run(['verify-audit'], damaged)).toMatchObject({
      code: 1,
      stdout: 'Broken at entry 3: The entry was changed.\n',
    })
    const doctor = await run(['doctor', '--offline'], damaged)
    expect(doctor.code).toBe(1)
    expect(doctor.stdout).toMatch(/^fail {1}audit log {5}broken at entry 3/m)
    chmodSync(join(damaged.DATA_DIR, 'master.key'), 0o644)
    expect((await run(['doctor', '--offline'], damaged)).stdout).toMatch(/^fail .*master\.key is open to other users/m)
    uniroute = await start()
  })

  test('rotate: a new key file, everything moved, the old one kept until it is retired', async () => {
    await uniroute.stop()
    const kept = readFileSync(join(dataDir, 'master.key'), 'utf8')
    const rotated = await run(['rotate'], env)
    expect([rotated.code, rotated.stderr]).toEqual([0, ''])
    expect(rotated.stdout).toContain('3 values moved to master key')
    expect(readFileSync(join(dataDir, 'master.key.old'), 'utf8')).toBe(kept)
    expect(readFileSync(join(dataDir, 'master.key'), 'utf8')).not.toBe(kept)
    for (const name of ['master.key', 'master.key.old'])
      rememberSecret(readFileSync(join(dataDir, name), 'utf8').trim())
    expect(await run(['rotate'], env)).toMatchObject({ code: 1, stderr: expect.stringContaining('--retire first') })
    uniroute = await start()
    expect((await request()).status).toBe(200)
    await uniroute.stop()

    // Not within the minute in which ciphertexts may still be held in memory.
    expect(await run(['rotate', '--retire'], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Try again in'),
    })
    const database = new DatabaseSync(join(dataDir, 'uniroute.db'))
    database.prepare('UPDATE vault_rotation SET progressed_at = progressed_at - 61000').run()
    database.close()
    expect(await run(['rotate', '--retire'], env)).toMatchObject({ code: 0 })
    expect(existsSync(join(dataDir, 'master.key.old'))).toBe(false)
    expect(await run(['verify'], env)).toMatchObject({ code: 0 })
    uniroute = await start()
    expect((await request()).status).toBe(200)
  })

  test('rotate, killed at any moment, is carried on by the next call', { timeout: 300_000 }, async () => {
    await uniroute.stop()
    for (const killAfterMs of [250, 400, 550, 700, 900]) {
      await runCommandLine(['rotate'], { cwd: root, env, killAfterMs })
      expect((await run(['verify'], env)).code).toBe(0)
    }
    // What a killed one left on the table is over when its lease is.
    const database = new DatabaseSync(join(dataDir, 'uniroute.db'))
    database.prepare('UPDATE vault_jobs SET lease_until = 0').run()
    database.close()
    const last = await run(['rotate'], env)
    expect([0, 1]).toContain(last.code)
    if (last.code === 1) expect(last.stderr).toContain('--retire first')
    expect((await run(['verify'], env)).code).toBe(0)
    uniroute = await start()
    expect((await request()).status).toBe(200)
  })
})

describePostgres('on PostgreSQL, with given secrets', () => {
  test('verify, verify-audit, doctor and reset-password work; backup and rotate say what to use instead', async () => {
    const databaseUrl = await createPostgresDatabase()
    const dataDir = mkdtempSync(join(root, 'postgres-'))
    const secrets = { PROVIDER_KEY_ENCRYPTION_KEY: createOtherSecret(), JWT_SECRET: createOtherSecret() }
    const env = { DATA_DIR: dataDir, DATABASE_URL: databaseUrl, ...secrets, ...addressesOf(fake) }
    try {
      const account = { email: 'admin@example.com', password: createFakePassword() }
      const uniroute = await startUniRoute({ fake, dataDir, databaseUrl, adminAccount: account, env: secrets })
      await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
      expect(await run(['verify'], env)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('1 opened, 0 did not'),
      })
      expect(await run(['verify-audit'], env)).toMatchObject({ code: 0 })
      const doctor = await run(['doctor'], env)
      expect([doctor.code, doctor.stdout]).toEqual([0, expect.stringContaining('postgres opens and answers')])
      expect(await run(['reset-password', account.email], env)).toMatchObject({ code: 0 })
      expect(await run(['backup', join(root, 'pg.db')], env)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('pg_dump'),
      })
      expect(await run(['restore', join(root, 'pg.db')], env)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('pg_restore'),
      })
      expect(await run(['rotate'], env)).toMatchObject({ code: 1, stderr: expect.stringContaining('docs/rotation.md') })
      await uniroute.stop()
      if (spawnSync('pg_dump', ['--version']).error === undefined) await drillWith(databaseUrl, env)
      const wrong = { ...env, PROVIDER_KEY_ENCRYPTION_KEY: createOtherSecret() }
      expect(await run(['verify'], wrong)).toMatchObject({ code: 1, stdout: expect.stringContaining('kek_unknown') })
      expect(await run(['doctor'], wrong)).toMatchObject({
        code: 1,
        stdout: expect.stringMatching(/^fail secrets .*missing/m),
      })
      const client = new pg.Client({ connectionString: databaseUrl })
      await client.connect()
      await client.query('DELETE FROM audit_log WHERE sequence = 2')
      await client.end()
      expect(await run(['verify-audit'], env)).toMatchObject({
        code: 1,
        stdout: 'Broken at entry 2: An entry is missing.\n',
      })
    } finally {
      await dropPostgresDatabase(databaseUrl)
    }
  })
})

describeRedis('doctor asks Redis', () => {
  test('and tells a password that it does not take', async () => {
    const [password, wrong] = [createOtherSecret(), createOtherSecret()]
    const redis = await startRedis(['--requirepass', password])
    const ask = (secret: string) =>
      run(['doctor', '--offline'], {
        DATA_DIR: join(root, 'nothing-yet'),
        REDIS_URL: `redis://:${secret}@127.0.0.1:${redis.port}`,
      })
    expect((await ask(password)).stdout).toMatch(/^ok {3}redis +answers$/m)
    expect((await ask(wrong)).stdout).toMatch(/^warn redis +does not answer, or does not take/m)
    await redis.kill()
  })
})

/** The commands of operations.md: dumped, restored into an empty database, every key opens. */
async function drillWith(databaseUrl: string, env: Record<string, string>): Promise<void> {
  const guide = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  const commands = /^pg_dump [^]*?(?=^DATABASE_URL=)/m.exec(guide)![0]
  const empty = await createPostgresDatabase()
  try {
    const variables = { PATH: process.env['PATH'] ?? '', DATABASE_URL: databaseUrl, EMPTY_DATABASE_URL: empty }
    const { status, stderr } = spawnSync('sh', ['-ec', commands], { cwd: root, env: variables, encoding: 'utf8' })
    if (stderr.includes('version mismatch')) return void process.stderr.write(`NOT RUN: the dump: ${stderr}`)
    expect([status, stderr]).toEqual([0, ''])
    for (const words of [['verify'], ['verify-audit']]) {
      expect(await run(words, { ...env, DATABASE_URL: empty })).toMatchObject({ code: 0 })
    }
  } finally {
    await dropPostgresDatabase(empty)
  }
}

function createOtherSecret(): string {
  return rememberSecret(`CANARY${randomText(48)}`)
}

function addressesOf(provider: FakeProvider): Record<string, string> {
  return {
    OPENAI_BASE_URL: provider.urlOf('openai'),
    ANTHROPIC_BASE_URL: provider.urlOf('anthropic'),
    GOOGLE_BASE_URL: provider.urlOf('google'),
  }
}
