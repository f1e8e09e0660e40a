// Live events over HTTP: a tab that listens sees its own requests, keys and notifications as they happen, until it is
// signed out or the server stops.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { liveEventSchemas, type LiveEventName } from '../../contract/events.ts'
import { createFakeKey } from '../fake-provider/fake-keys.ts'
import { startFakeProvider, type FakeProvider } from '../fake-provider/fake-provider.ts'
import { ask, CHAT_DIALECTS } from '../support/dialects.ts'
import { startInProcess, type InProcessApp } from '../support/in-process-app.ts'
import type { Json } from '../support/uniroute-client.ts'

let fake: FakeProvider
let uniroute: InProcessApp
beforeAll(async () => {
  fake = await startFakeProvider()
  uniroute = await startInProcess({ fake })
})
afterAll(async () => {
  await uniroute?.close()
  await fake?.close()
})

/** An open stream and all it has said. */
async function listen(app: InProcessApp, token: string, query = '') {
  const gone = new AbortController()
  const headers = { authorization: `Bearer ${token}` }
  const response = await fetch(`${app.url}/admin/events${query}`, { headers, signal: gone.signal })
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8'])
  let text = ''
  const ended = (async () => {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) text += chunk
  })().catch((error: unknown) => {
    if (!gone.signal.aborted) throw error
  })
  const events = (): { name: LiveEventName; data: Json }[] =>
    [...text.matchAll(/^event: (\w+)\ndata: (.*)\n\n/gm)].map(([, name, data]) => ({
      name: name as LiveEventName,
      data: liveEventSchemas[name as LiveEventName].parse(JSON.parse(data!)),
    }))
  const until = (name: LiveEventName, wanted: Json = {}): Promise<unknown> =>
    expect
      .poll(
        () =>
          events()
            .filter((event) => event.name === name)
            .map(({ data }) => data),
        { timeout: 20_000 },
      )
      .toContainEqual(expect.objectContaining(wanted))
  await until('ready')
  return { events, until, ended, leave: () => gone.abort(), text: () => text }
}

test('a finished request, a key that was rejected and its notification arrive at their owner, and nowhere else', async () => {
  const dead = createFakeKey('openai', 'invalid')
  const caller = await uniroute.createCaller({ keys: { anthropic: createFakeKey('anthropic'), openai: dead } })
  const stranger = await uniroute.createCaller()
  const admin = await uniroute.login()
  const [own, other, all] = await Promise.all([
    listen(uniroute, caller.token),
    listen(uniroute, stranger.token),
    listen(uniroute, admin, '?all=true'),
  ])
  const served = await ask(uniroute, CHAT_DIALECTS[2]!, caller.apiKey)
  const id = served.headers.get('x-request-id')!
  await own.until('request', { id, status: 200, billed_to: 'user', api_key_id: caller.apiKeyId })
  await all.until('request', { id, user_id: caller.id })
  // What the list says is what was told.
  const told = own.events().find(({ name }) => name === 'request')!.data
  const listed = await uniroute.call('GET', `/admin/requests/${id}`, { token: caller.token })
  expect(listed.status).toBe(200)
  const { body } = await uniroute.call('GET', `/admin/requests?id=${id}`, { token: caller.token })
  expect(body.requests).toEqual([told])

  await ask(uniroute, CHAT_DIALECTS[0]!, caller.apiKey)
  const keyId = caller.providerKeyIds['openai']![0]!
  await own.until('key', { id: keyId, status: 'invalid' })
  await own.until('notification', { kind: 'key_rejected', subject_id: keyId })
  expect(own.text()).not.toContain(dead.slice(8, 24))
  expect(other.events().map(({ name }) => name)).toEqual(['ready'])
  expect(all.events().every(({ name }) => name === 'ready' || name === 'request')).toBe(true)
  for (const stream of [own, other, all]) stream.leave()
})

test('signing out ends the stream; only administrators hear everybody', async () => {
  const caller = await uniroute.createCaller()
  const stream = await listen(uniroute, caller.token)
  const { body } = await uniroute.call('GET', '/auth/sessions', { token: caller.token })
  await uniroute.call('DELETE', `/auth/sessions/${body.sessions[0].id}`, { token: caller.token })
  await stream.ended
  expect(stream.events().at(-1)).toEqual({ name: 'end', data: { reason: 'session' } })
  const user = await uniroute.createCaller()
  expect((await uniroute.call('GET', '/admin/events?all=true', { token: user.token })).status).toBe(403)
})

test('a stream does not keep the server from stopping', async () => {
  const server = await startInProcess({ fake })
  const caller = await server.createCaller()
  const stream = await listen(server, caller.token)
  const { cut } = await server.app.http.drain(60)
  expect(cut).toBe(0)
  await stream.ended
  expect(stream.events().at(-1)).toEqual({ name: 'end', data: { reason: 'stopping' } })
  await server.close()
})
