// Only a list that came proves that a key was accepted, over real sockets.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ScriptedUpstream, startScriptedUpstream } from '../../../test/support/scripted-upstream.ts'
import { Secret } from '../../kernel/secret.ts'
import { createCompatibleProvider } from '../../providers/compatible.ts'
import type { Providers } from '../../providers/registry.ts'
import { createUpstream } from '../../upstream/create-upstream.ts'
import { testProviderKey } from './key-test.ts'

let provider: ScriptedUpstream
const upstream = createUpstream()

beforeAll(async () => {
  provider = await startScriptedUpstream()
})
afterAll(async () => {
  await upstream.close()
  await provider.close()
})

describe('a key test', () => {
  test.each([
    [200, '{"data":[{"id":"m"}]}', true, 'active'],
    [200, 'no list', false, 'unreachable'],
    [401, '{"error":{"message":"no"}}', false, 'invalid'],
    [402, '{"error":{"message":"pay"}}', false, 'exhausted'],
    [403, '{"error":{"message":"no"}}', false, 'restricted'],
    [429, '{"error":{"message":"slower"}}', false, 'cooling'],
    [500, '{"error":{"message":"oh"}}', false, 'unreachable'],
  ])('answered %i %s is valid: %s, %s', async (status, body, valid, state) => {
    provider.play = (response) => void response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    const place = { id: 'own', name: 'Own', origin: provider.url, basePath: '', version: '/v1', keyless: false }
    const own = createCompatibleProvider(place)
    const result = await testProviderKey(
      { upstream, providers: { get: () => own } as unknown as Providers },
      { provider: 'own', baseUrl: null, key: new Secret('made-up') },
    )
    expect([result.valid, result.status]).toEqual([valid, state])
    expect(result.models).toEqual(valid ? ['m'] : undefined)
  })
})
