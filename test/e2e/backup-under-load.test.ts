// A backup taken while callers ask and keys come, change and go: whole, restored into an empty folder, every record
// opens, the audit log is unbroken, and a server runs on it. Without its secret it is refused, with the number of what
// needs it.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../../server/database/database.ts'
import { createFakeKey, createFakePassword, randomText, rememberSecret } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { runCommandLine } from '../support/command-line.ts'
import { ask, CHAT_DIALECTS } from '../support/dialects.ts'
import type { Caller } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'
import { startVaultInstance, storeSealedKeys } from '../support/vault-instances.ts'

const KEYS = 2_000
const BACKUPS = 3

let root: string
let fake: FakeProvider
let uniroute: UniRoute
let callers: Caller[]
const [secret, other, jwt] = [1, 2, 3].map(() => rememberSecret(`CANARY${randomText(48)}`)) as [string, string, string]
const adminAccount = { email: 'admin@example.com', password: createFakePassword() }

const envOf = (dataDir: string, current: string): Record<string, string> => ({
  DATA_DIR: dataDir,
  PROVIDER_KEY_ENCRYPTION_KEY: current,
  JWT_SECRET: jwt,
})
const run = (words: string[], env: Record<string, string>) => runCommandLine(words, { cwd: root, env })
const serve = (dataDir: string, current = secret): Promise<UniRoute> =>
  startUniRoute({ fake, dataDir, adminAccount, env: envOf(dataDir, current) })

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'uniroute-backup-'))
  fake = await startFakeProvider({ keepBodies: false })
  const dataDir = mkdtempSync(join(root, 'live-'))
  uniroute = await serve(dataDir)
  callers = []
  for (let i = 0; i < 6; i++) callers.push(await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } }))
  await uniroute.stop()
  const database = await openDatabase({ file: join(dataDir, 'uniroute.db') })
  const filler = await startVaultInstance(database, { current: secret })
  await storeSealedKeys(database, filler.booted.vault, KEYS)
  await filler.stop()
  await database.close()
  uniroute = await serve(dataDir)
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  rmSync(root, { recursive: true, force: true })
})

/** Callers who never stop asking, and one of them whose keys never stay the same. */
function startLoad() {
  const load = { running: true, requests: 0, changes: 0, failed: [] as string[] }
  const note = ({ status, text }: { status: number; text: string }): void => {
    if (status >= 300) load.failed.push(`${status} ${text.slice(0, 200)}`)
  }
  const askOn = async (caller: Caller): Promise<void> => {
    while (load.running) {
      note(await ask(uniroute, CHAT_DIALECTS[0]!, caller.apiKey))
      load.requests++
    }
  }
  const changeOn = async ({ token }: Caller): Promise<void> => {
    const manage = async (method: string, path: string, body?: object): Promise<void> =>
      note(await uniroute.call(method, `/admin/provider-keys${path}`, { token, ...(body && { body }) }))
    while (load.running) {
      await manage('POST', '', { provider: 'anthropic', api_key: createFakeKey('anthropic') })
      await manage('PUT', '/anthropic', { api_key: createFakeKey('anthropic') })
      await manage('DELETE', '/anthropic')
      load.changes += 3
    }
  }
  const lanes = [...callers.map(askOn), changeOn(callers[0]!)]
  return {
    load,
    async stop(): Promise<void> {
      load.running = false
      await Promise.all(lanes)
    },
  }
}

test('backups under load: each is whole, opens, and is refused without its secret', { timeout: 300_000 }, async () => {
  const dataDir = readdirSync(root).find((name) => name.startsWith('live-'))!
  const env = envOf(join(root, dataDir), secret)
  const { load, stop } = startLoad()
  const files: string[] = []
  const duringBackups = { requests: 0, changes: 0 }
  for (let i = 0; i < BACKUPS; i++) {
    await sleep(300)
    const [requests, changes] = [load.requests, load.changes]
    const file = join(root, `backup-${i}.db`)
    expect(await run(['backup', file], env)).toMatchObject({ code: 0 })
    files.push(file)
    duringBackups.requests += load.requests - requests
    duringBackups.changes += load.changes - changes
  }
  await stop()
  expect(load.failed).toEqual([])
  expect(duringBackups.requests).toBeGreaterThan(10)
  expect(duringBackups.changes).toBeGreaterThan(0)

  for (const [index, file] of files.entries()) {
    const { kids } = JSON.parse(readFileSync(`${file}.json`, 'utf8')) as { kids: Record<string, number> }
    const dependents = Object.values(kids).reduce((sum, count) => sum + count, 0)
    // The fingerprint's key is one of them.
    expect(dependents).toBeGreaterThanOrEqual(KEYS + callers.length + 1)

    const empty = mkdtempSync(join(root, 'wrong-'))
    expect(await run(['restore', file], envOf(empty, other))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`(${dependents} values)`),
    })
    expect(readdirSync(empty)).toEqual([])

    const folder = mkdtempSync(join(root, 'restored-'))
    const restored = await run(['restore', file], envOf(folder, secret))
    expect([restored.code, restored.stderr]).toEqual([0, expect.any(String)])
    expect(await run(['verify'], envOf(folder, secret))).toMatchObject({
      code: 0,
      stdout: `user_provider_keys: ${dependents - 1} opened, 0 did not\nvault_secrets: 1 opened, 0 did not\n`,
    })
    expect(await run(['verify-audit'], envOf(folder, secret))).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('unbroken'),
    })
    const database = new DatabaseSync(join(folder, 'uniroute.db'), { readOnly: true })
    expect(database.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
    database.close()
    if (index < BACKUPS - 1) continue

    await expect(serve(folder, other)).rejects.toThrow(/ended with 78[^]*missing; \d+ keys depend on it/)
    const again = await serve(folder)
    for (const caller of callers) expect((await ask(again, CHAT_DIALECTS[0]!, caller.apiKey)).status).toBe(200)
    await again.stop()
  }
  console.info(
    `Backup under load: ${BACKUPS} backups of ${KEYS} keys and more beside ${duringBackups.requests} requests and ${duringBackups.changes} changes of keys; all opened`,
  )
})
