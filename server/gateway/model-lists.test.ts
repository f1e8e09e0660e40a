// What a key's list says of the key, and whether the server's list may stand in, over real sockets.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createMovableClock } from '../../test/support/account-rooms.ts'
import { PLAN_CALLER, PROVIDER_KEY } from '../../test/support/planned-keys.ts'
import { type ScriptedUpstream, startScriptedUpstream } from '../../test/support/scripted-upstream.ts'
import { FALLBACK_REASONS, type FallbackReason } from '../../contract/common.ts'
import { NO_ALIASES } from '../catalog/aliases.ts'
import { createModelNames } from '../catalog/model-names.ts'
import { NO_OVERRIDES } from '../catalog/overrides.ts'
import { Secret } from '../kernel/secret.ts'
import { createProviders } from '../providers/registry.ts'
import { createUpstream } from '../upstream/create-upstream.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { createHealth } from './health.ts'
import { createModelLists } from './model-lists.ts'
import { createPlanner } from './plan.ts'
import { createTurns } from './turns.ts'
import type { KeyRing } from './walk.ts'

let provider: ScriptedUpstream
let upstream: Upstream
/** What the user's own key is answered; the server's key always gets its list. */
let own: { status: number; body: string } | 'reset'
let asked = 0

beforeAll(async () => {
  provider = await startScriptedUpstream()
})
afterAll(() => provider.close())
beforeEach(() => {
  upstream = createUpstream()
  asked = 0
  provider.play = (response, request) => {
    if (request.headers.authorization === 'Bearer sk-server') {
      return void response.writeHead(200).end('{"data":[{"id":"gpt-of-server"}]}')
    }
    asked++
    if (own === 'reset') return void response.destroy()
    response.writeHead(own.status, { 'content-type': 'application/json' }).end(own.body)
  }
})
afterEach(() => upstream.close())

function create(serverFallback: readonly FallbackReason[]) {
  const clock = createMovableClock()
  const health = createHealth({ clock })
  const providers = createProviders({
    endpoints: { openai: { origin: provider.url, basePath: '', versionSegment: null } },
    custom: [],
    serverKeys: { openai: new Secret('sk-server') },
    userBaseUrls: false,
  })
  const modelNames = createModelNames(providers.routable)
  const marked: unknown[] = []
  const keys: KeyRing = {
    openCredential: () => new Secret('sk-own'),
    opens: () => true,
    listsModel: () => Promise.resolve(false),
    markStatus: (record, status, reason) => void marked.push([record.id, status, reason]),
    markModel: () => undefined,
    claimProbe: () => Promise.resolve(true),
    releaseProbe: () => undefined,
  }
  const lists = createModelLists({
    providers,
    modelNames,
    catalog: { overrides: NO_OVERRIDES, aliasesFor: async () => NO_ALIASES },
    clock,
    upstream,
    keys,
    turns: createTurns({ health, keys, clock }),
    planner: createPlanner({
      providers,
      modelNames,
      health,
      clock,
      chainFor: async () => [PROVIDER_KEY],
      sharedFor: () => [],
      serverFallback: new Set(serverFallback),
      invalidGraceMs: 3_600_000,
    }),
  })
  const list = async (): Promise<string[]> => (await lists.listModels(PLAN_CALLER)).map(({ id }) => id)
  return { clock, marked, list }
}

const refusal = (status: number, code: string) => ({ status, body: JSON.stringify({ error: { code, message: 'no' } }) })

describe('a list that fails', () => {
  test.each([
    ['a 401', refusal(401, 'invalid_api_key'), 'invalid'],
    ['a 500', refusal(500, 'server_error'), 'outage'],
    ['a page of HTML', { status: 200, body: '<html>' }, 'outage'],
    ['a cut connection', 'reset', 'outage'],
    ['a 429', refusal(429, 'rate_limit_exceeded'), 'rate_limited'],
    ['no credit', refusal(429, 'insufficient_quota'), 'exhausted'],
    ['a 403', refusal(403, 'missing_scope'), null],
  ] as const)('with %s lets the server stand in for its own reason alone', async (_what, answer, reason) => {
    own = answer
    for (const granted of FALLBACK_REASONS) {
      const { list } = create([granted])
      expect([granted, await list()]).toEqual([granted, granted === reason ? ['gpt-of-server'] : []])
    }
  })

  test('marks the key only where the provider rejected it', async () => {
    own = refusal(401, 'invalid_api_key')
    const rejected = create([])
    await rejected.list()
    await rejected.list()
    expect(rejected.marked).toEqual([['A', 'invalid', 'invalid_api_key']])
    own = refusal(500, 'server_error')
    const failed = create([])
    await failed.list()
    expect(failed.marked).toEqual([])
  })

  test('is asked for again after a minute, one that came after ten', async () => {
    own = refusal(500, 'server_error')
    const { clock, list } = create([])
    await list()
    clock.advance(59_000)
    await list()
    expect(asked).toBe(1)
    own = { status: 200, body: '{"data":[{"id":"gpt-own"}]}' }
    clock.advance(1_000)
    expect(await list()).toEqual(['gpt-own'])
    clock.advance(599_000)
    expect([await list(), asked]).toEqual([['gpt-own'], 2])
    clock.advance(1_000)
    await list()
    expect(asked).toBe(3)
  })
})
