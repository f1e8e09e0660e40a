// The audit log of a real server: who sees what, files for elsewhere, and a last line that says how far it goes.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { runCommandLine } from '../support/command-line.ts'
import type { Caller, Json } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

let fake: FakeProvider
let uniroute: UniRoute
let ada: Caller
let admin: string
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({ fake })
  ada = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
  await uniroute.createCaller({ keys: { anthropic: createFakeKey('anthropic') } })
  admin = await uniroute.login()
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})

const read = async (token: string, query = ''): Promise<Json> => uniroute.call('GET', `/admin/audit${query}`, { token })

test('a user sees their own entries, an administrator everybody’s', async () => {
  const own = (await read(ada.token)).body.entries
  expect(own.length).toBeGreaterThanOrEqual(3)
  expect(new Set(own.map((entry: Json) => entry.actor_id))).toEqual(new Set([ada.id]))
  const [added] = (await read(ada.token, '?action=key.added')).body.entries
  expect(added).toMatchObject({ target_type: 'provider_key', ip: expect.any(String), details: { provider: 'openai' } })
  const all = (await read(admin, '?limit=500')).body.entries
  expect(all.length).toBeGreaterThan(own.length)
  expect((await read(admin, `?actor=${ada.id}&limit=500`)).body.entries).toEqual(
    (await read(ada.token, '?limit=500')).body.entries,
  )
  expect((await read(ada.token, '?limit=0')).status).toBe(400)
})

test('exports are files in one piece, oldest first', async () => {
  const csv = await uniroute.call('GET', '/admin/audit/export?format=csv', { token: admin })
  expect(csv.headers.get('content-disposition')).toBe('attachment; filename="uniroute-audit.csv"')
  expect(csv.text.split('\r\n')[1]).toMatch(/^1,aud_/)
  const ndjson = await uniroute.call('GET', '/admin/audit/export', { token: admin })
  const lines = ndjson.text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines.map(({ sequence }) => sequence)).toEqual(lines.map((_, index) => index + 1))
  expect(lines.slice(1).every((line, index) => line.previous_hash === lines[index].hash)).toBe(true)
})

test('when it stops, the server names the last entry, as verify-audit finds it', async () => {
  expect(await uniroute.stop()).toBe(0)
  const line = uniroute
    .stderr()
    .split('\n')
    .find((text) => text.includes('"audit checkpoint"'))
  const { sequence, hash } = JSON.parse(line!)
  const verified = await runCommandLine(['verify-audit'], {
    cwd: uniroute.dataDir,
    env: { DATA_DIR: uniroute.dataDir },
  })
  expect(verified.stdout).toBe(`${sequence} entries, unbroken. The last hash is ${hash}\n`)
})
