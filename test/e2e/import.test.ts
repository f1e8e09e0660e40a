// Taking over from the original: its users and keys are in this installation afterwards, all of them or none, and work;
// the original is only read.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createPasswords } from '../../server/features/accounts/password.ts'
import { openDatabase } from '../../server/database/database.ts'
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
import { createOriginal, type OriginalDatabase, sealAsOriginal } from '../support/original-database.ts'
import type { Json } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const vectors = JSON.parse(readFileSync(new URL('../fixtures/vault/vectors.json', import.meta.url), 'utf8'))
const createSecret = (): string => rememberSecret(`CANARY${randomText(48)}`)
const ORIGINAL_SECRET = createSecret()
const ANOTHER_SECRET = createSecret()

let fake: FakeProvider
beforeAll(async () => {
  fake = await startFakeProvider()
})
afterAll(() => fake.close())

describeTarget('SQLite', async () => undefined)
describeTarget('PostgreSQL', createPostgresDatabase)

function describeTarget(kind: string, createTarget: () => Promise<string | undefined>): void {
  describePostgres(`uniroute import into ${kind}`, () => {
    let root: string
    let dataDir: string
    let original: OriginalDatabase
    let databaseUrl: string | undefined
    let secrets: Record<string, string>
    const account = { email: 'admin@example.com', password: createFakePassword() }
    beforeEach(async () => {
      root = mkdtempSync(join(tmpdir(), 'uniroute-import-'))
      dataDir = join(root, 'data')
      mkdirSync(dataDir, { mode: 0o700 })
      databaseUrl = await createTarget()
      secrets = { PROVIDER_KEY_ENCRYPTION_KEY: createSecret(), JWT_SECRET: createSecret() }
      original = await createOriginal()
    })
    afterEach(async () => {
      await original.remove()
      if (databaseUrl !== undefined) await dropPostgresDatabase(databaseUrl)
      rmSync(root, { recursive: true, force: true })
    })

    const importNow = async (words: string[] = [], env: Record<string, string> = {}): Promise<CommandResult> => {
      const result = await runCommandLine(['import', '--from', original.url, ...words], {
        cwd: root,
        env: { DATA_DIR: dataDir, ...(databaseUrl && { DATABASE_URL: databaseUrl }), ...secrets, ...env },
      })
      const text = result.stdout + result.stderr
      expect(scanForSecrets({ texts: [{ name: 'import', text }], secrets: listFakeSecrets() })).toEqual([])
      return result
    }
    const withOld = { PROVIDER_KEY_ENCRYPTION_KEYS_OLD: ORIGINAL_SECRET }
    const start = (env: Record<string, string> = {}): Promise<UniRoute> =>
      startUniRoute({
        fake,
        dataDir,
        ...(databaseUrl && { databaseUrl }),
        adminAccount: account,
        env: { ...secrets, ...env },
      })
    const readTable = async (table: 'users' | 'user_provider_keys' | 'audit_log'): Promise<Json[]> => {
      const database = await openDatabase(
        databaseUrl === undefined ? { file: join(dataDir, 'uniroute.db') } : { url: databaseUrl },
      )
      const rows = await database.query.selectFrom(table).selectAll().execute()
      await database.close()
      return rows
    }
    const useKey = async (uniroute: UniRoute, email: string, password: string): Promise<Json> => {
      const token = await uniroute.login(email, password)
      const { key } = await uniroute.createApiKey(token)
      return ask(uniroute, CHAT_DIALECTS[0]!, key)
    }

    test('takes over users with their passwords, and keys that work at once', async () => {
      const password = createFakePassword()
      const passwordHash = await createPasswords().hash(password)
      const ada = await original.addUser('Ada@Example.com', { name: 'Ada', role: 'admin', passwordHash })
      const bcrypt = '$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW'
      const bob = await original.addUser('bob@example.com', { passwordHash: bcrypt })
      const key = createFakeKey('openai')
      const id = await original.addKey(ada, 'OpenAI', sealAsOriginal(ORIGINAL_SECRET, key))
      await original.addKey(ada, 'anthropic', sealAsOriginal(ANOTHER_SECRET, ` ${createFakeKey('anthropic')}\n`))
      await original.addKey(bob, 'openai', vectors.seed_v0)
      const before = await original.picture()

      const old = `${ORIGINAL_SECRET},${ANOTHER_SECRET},${vectors.secret}`
      const result = await importNow([], { PROVIDER_KEY_ENCRYPTION_KEYS_OLD: old })
      expect([result.code, result.stdout]).toEqual([0, expect.stringMatching(/^2 users and 3 keys taken over\.\n/)])
      expect(result.stdout).toContain(
        '1 account needs a new password, by uniroute reset-password <address>:\n  bob@example.com',
      )
      expect(await original.picture()).toBe(before)

      const uniroute = await start()
      const reply = await useKey(uniroute, 'ada@example.com', password)
      expect([reply.status, reply.headers.get('x-uniroute-billed-to')]).toEqual([200, 'user'])
      expect(reply.headers.get('x-uniroute-key')).toBe(`pk_${id}`)
      expect(fake.requestsOf(key)).toHaveLength(1)
      const token = await uniroute.login('ada@example.com', password)
      const list = (await uniroute.call('GET', '/admin/provider-keys', { token })).body.keys
      expect(list).toMatchObject([
        { provider: 'anthropic', status: 'active', position: 1 },
        { id: `pk_${id}`, provider: 'openai', last4: key.slice(-4), prefix: 'sk-proj-', key_version: 1, position: 1 },
      ])
      // An administrator there is one here.
      expect((await uniroute.call('GET', '/admin/users', { token })).status).toBe(200)
      await uniroute.stop()
      const verified = await runCommandLine(['verify'], {
        cwd: root,
        env: { DATA_DIR: dataDir, ...(databaseUrl && { DATABASE_URL: databaseUrl }), ...secrets },
      })
      expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('3 opened, 0 did not') })

      // Once more: everything is here already, and stays as it is.
      const rows = await readTable('user_provider_keys')
      const again = await importNow([], { PROVIDER_KEY_ENCRYPTION_KEYS_OLD: old })
      expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('0 users and 0 keys taken over.') })
      expect(again.stdout).toContain('3 keys were here already')
      expect(await readTable('user_provider_keys')).toEqual(rows)
      expect((await readTable('audit_log')).filter(({ action }) => action === 'original.imported')).toHaveLength(2)
    })

    test('all or none: 3 of 41 that do not open, and nothing is changed', async () => {
      const user = await original.addUser('many@example.com')
      const unreadable: string[] = []
      for (let i = 0; i < 41; i++) {
        const secret = i % 20 === 0 ? ANOTHER_SECRET : ORIGINAL_SECRET
        const id = await original.addKey(user, 'openai', sealAsOriginal(secret, createFakeKey('openai')))
        if (secret === ANOTHER_SECRET) unreadable.push(id)
      }
      const uniroute = await start()
      await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
      const before = [await readTable('users'), await readTable('user_provider_keys'), await readTable('audit_log')]
      const refused = await importNow([], withOld)
      expect(refused.code).toBe(1)
      expect(refused.stderr).toContain('3 of 41 stored keys open under none of the given secrets; nothing was changed')
      expect([await readTable('users'), await readTable('user_provider_keys'), await readTable('audit_log')]).toEqual(
        before,
      )

      const accepted = await importNow(['--accept-unreadable'], withOld)
      expect(accepted).toMatchObject({ code: 0, stdout: expect.stringContaining('1 user and 38 keys taken over.') })
      for (const id of unreadable) expect(accepted.stdout).toContain(id)
      const taken = (await readTable('user_provider_keys')).filter(({ id }) => unreadable.includes(id))
      expect(taken.map(({ status, api_key_encrypted: sealed, kid }) => [status, sealed, kid])).toEqual(
        unreadable.map(() => ['undecryptable', '', '']),
      )
      await uniroute.stop()
    })

    test('an unreadable key refuses to serve, does not hold up a change of master key, and is mended by its owner', async () => {
      const password = createFakePassword()
      const user = await original.addUser('cut@example.com', { passwordHash: await createPasswords().hash(password) })
      await original.addKey(user, 'openai', sealAsOriginal(ANOTHER_SECRET, createFakeKey('openai')))
      expect(await importNow(['--accept-unreadable'])).toMatchObject({ code: 0 })
      const uniroute = await start()
      const reply = await useKey(uniroute, 'cut@example.com', password)
      expect([reply.status, reply.body.error.code]).toEqual([503, 'provider_key_unreadable'])
      const token = await uniroute.login('cut@example.com', password)
      const [shown] = (await uniroute.call('GET', '/admin/provider-keys', { token })).body.keys
      expect(shown).toMatchObject({ status: 'undecryptable', last4: '' })
      await uniroute.stop()

      const next = createSecret()
      const switched = await start({
        PROVIDER_KEY_ENCRYPTION_KEY: next,
        PROVIDER_KEY_ENCRYPTION_KEYS_OLD: secrets['PROVIDER_KEY_ENCRYPTION_KEY']!,
      })
      const admin = await switched.login()
      expect((await switched.call('POST', '/admin/encryption/rotate', { token: admin, body: {} })).status).toBe(202)
      await expect
        .poll(async () => (await switched.call('GET', '/admin/encryption', { token: admin })).body.rotation.state, {
          timeout: 40_000,
        })
        .toBe('done')
      const owner = await switched.login('cut@example.com', password)
      const put = { token: owner, body: { api_key: createFakeKey('openai') } }
      expect((await switched.call('PUT', `/admin/provider-keys/${shown.id}`, put)).status).toBe(200)
      expect((await useKey(switched, 'cut@example.com', password)).status).toBe(200)
      await switched.stop()
    })

    test('into an installation with accounts and keys: those stay, the same secret is not doubled', async () => {
      const uniroute = await start()
      const shared = createFakeKey('openai')
      const caller = await uniroute.createCaller({ keys: { openai: shared } })
      const theirs = await original.addUser(caller.email.toUpperCase(), { role: 'admin', name: 'Somebody else' })
      await original.addKey(theirs, 'openai', sealAsOriginal(ORIGINAL_SECRET, shared))
      await original.addKey(theirs, 'openai', sealAsOriginal(ORIGINAL_SECRET, createFakeKey('openai')))
      await original.addKey(
        '00000000-0000-4000-8000-000000000000',
        'openai',
        sealAsOriginal(ORIGINAL_SECRET, 'sk-orphan-0123'),
      )
      const before = (await readTable('users')).find(({ id }) => id === caller.id)
      const result = await importNow([], withOld)
      expect([result.code, result.stderr.includes('rotate')]).toEqual([0, true])
      expect(result.stdout).toContain('0 users and 1 key taken over.')
      expect(result.stdout).toContain('1 user had an account here; it was not changed.')
      expect(result.stdout).toContain('1 key was here already.')
      expect(result.stdout).toContain('1 key belongs to no user of the original and stayed there.')
      expect((await readTable('users')).find(({ id }) => id === caller.id)).toEqual(before)
      const { body } = await uniroute.call('GET', '/admin/provider-keys', { token: caller.token })
      expect(body.keys.map((key: Json) => key.position)).toEqual([1, 2])
      await uniroute.stop()
    })

    test('an original with fewer columns, read by a role that may write nothing', async () => {
      await original.remove()
      original = await createOriginal({ bare: true })
      const user = await original.addUser('bare@example.com')
      await original.addKey(user, 'google', sealAsOriginal(ORIGINAL_SECRET, createFakeKey('google')))
      const role = `reader_${randomText(8).toLowerCase()}`
      await original.query(`CREATE ROLE ${role} LOGIN`)
      try {
        await original.query(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`)
        const url = Object.assign(new URL(original.url), { username: role }).href
        const result = await runCommandLine(['import', '--from', url], {
          cwd: root,
          env: { DATA_DIR: dataDir, ...(databaseUrl && { DATABASE_URL: databaseUrl }), ...secrets, ...withOld },
        })
        expect([result.code, result.stdout]).toEqual([0, expect.stringContaining('1 user and 1 key taken over.')])
        expect(await readTable('users')).toMatchObject([
          { email: 'bare@example.com', name: 'bare', role: 'user', password_hash: null },
        ])
      } finally {
        await original.query(`DROP OWNED BY ${role}`)
        await original.query(`DROP ROLE ${role}`)
      }
    })

    test('what is not the original is not taken for it', async () => {
      const wrong = async (from: string): Promise<CommandResult> =>
        runCommandLine(['import', '--from', from], {
          cwd: root,
          env: { DATA_DIR: dataDir, ...(databaseUrl && { DATABASE_URL: databaseUrl }), ...secrets },
        })
      expect(await wrong('mysql://x')).toMatchObject({ code: 1, stderr: expect.stringContaining('--from takes') })
      await original.query('ALTER TABLE user_provider_keys DROP COLUMN provider')
      expect(await wrong(original.url)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('no column provider'),
      })
      await original.query('DROP TABLE user_provider_keys')
      expect(await wrong(original.url)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('no table user_provider_keys'),
      })
      await original.query('CREATE TABLE key_registry (kid text)')
      expect(await wrong(original.url)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('one of this UniRoute'),
      })
    })
  })
}
