// Whatever is taken back is refused at the very next request of the same instance, each of a hundred times, while
// others keep asking with it: a UniRoute API key, a provider key, a session.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { ask, CHAT_DIALECTS } from '../support/dialects.ts'
import type { Caller, Json, Reply } from '../support/uniroute-client.ts'
import { startUniRoute, type UniRoute } from '../support/uniroute-process.ts'

const TRIALS = 100
const [CHAT] = CHAT_DIALECTS

let fake: FakeProvider
let uniroute: UniRoute
let caller: Caller
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startUniRoute({ fake })
  caller = await uniroute.createCaller({ keys: { openai: createFakeKey('openai') } })
})
afterAll(async () => {
  await uniroute?.stop()
  await fake?.close()
  expect(uniroute?.scanAndRemove() ?? []).toEqual([])
})

/** Uses it once, takes it back while it is in use, and uses it again at once: how often it was refused then. */
async function countRefusals(
  make: () => Promise<{ use: () => Promise<Reply>; takeBack: () => Promise<Reply> }>,
  refusal: { status: number; code: string },
): Promise<number> {
  let refused = 0
  for (let trial = 0; trial < TRIALS; trial++) {
    const { use, takeBack } = await make()
    expect((await use()).status).toBe(200)
    const inUse = [use(), use()]
    expect((await takeBack()).status).toBe(200)
    const { status, body } = await use()
    if (status === refusal.status && (body.error.code ?? body.code) === refusal.code) refused++
    await Promise.all(inUse)
  }
  return refused
}

test('a revoked API key: 100 refusals of 100', { timeout: 300_000 }, async () => {
  const { token } = caller
  const make = async () => {
    const { id, key } = await uniroute.createApiKey(token)
    return {
      use: () => ask(uniroute, CHAT!, key),
      takeBack: () => uniroute.call('DELETE', `/auth/api-keys/${id}`, { token }),
    }
  }
  expect(await countRefusals(make, { status: 401, code: 'invalid_api_key' })).toBe(TRIALS)
})

test('a deleted provider key: 100 refusals of 100, and it is never used again', { timeout: 300_000 }, async () => {
  const { token, apiKey } = await uniroute.createCaller()
  const spent: { secret: string; calls: number }[] = []
  const make = async () => {
    for (const before of spent) before.calls = Math.max(before.calls, fake.requestsOf(before.secret).length)
    const secret = createFakeKey('openai')
    const { id } = await uniroute.addProviderKey(token, 'openai', secret)
    spent.push({ secret, calls: 0 })
    return {
      use: () => ask(uniroute, CHAT!, apiKey),
      takeBack: () => uniroute.call('DELETE', `/admin/provider-keys/${id}`, { token }),
    }
  }
  expect(await countRefusals(make, { status: 403, code: 'no_usable_key' })).toBe(TRIALS)
  // The first use, and at most the two that were under way.
  for (const { calls } of spent) expect(calls).toBeLessThanOrEqual(3)
})

test('a session that was signed out: 100 refusals of 100', { timeout: 300_000 }, async () => {
  const body = CHAT!.body('hello', 'gpt-4o', false)
  const make = async () => {
    const token = await uniroute.login(caller.email, caller.password)
    const { sessions } = (await uniroute.call('GET', '/auth/sessions', { token })).body
    const { id } = sessions.find((session: Json) => session.is_current ?? session.current)
    return {
      use: () => uniroute.call('POST', '/admin/playground/v1/chat/completions', { token, body }),
      takeBack: () => uniroute.call('DELETE', `/auth/sessions/${id}`, { token: caller.token }),
    }
  }
  expect(await countRefusals(make, { status: 401, code: 'session_expired' })).toBe(TRIALS)
})
