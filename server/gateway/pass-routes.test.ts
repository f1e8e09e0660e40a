// The table of what is passed through: nothing that administers an account, nothing twice, and for each address the
// vendor that the caller means.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createRouter } from '../http/router.ts'
import type { RouteMatch } from '../http/route.ts'
import type { Endpoint } from './exchange.ts'
import { createPassRoutes } from './pass-routes.ts'
import { PASS_RULES } from './pass-table.ts'

const served: Endpoint[] = []
const routes = createPassRoutes(async (endpoint) => void served.push(endpoint))
const router = createRouter(routes)

/** Who is asked at an address, in whose words. */
function ask(method: string, path: string, headers: Record<string, string> = {}): string {
  const verdict = router.match(method, path)
  if (!('found' in verdict)) return verdict.refused.code
  const { route, mount } = verdict.found
  if (route.plane !== 'data') return 'not the data plane'
  served.length = 0
  void route.handle(
    null as never,
    null as never,
    {
      ...verdict.found,
      mount,
      headers,
      query: new URLSearchParams(),
    } as unknown as RouteMatch,
  )
  const [{ protocol, pass }] = served as [Endpoint]
  return pass!.refused === null ? `${protocol.id} ${pass!.namespace}` : `${protocol.id} refused`
}

test('every rule has its route, each guarded by an API key and bounded', () => {
  expect(routes.length).toBeGreaterThan(100)
  for (const { credential, method, bodyCap } of routes) {
    expect(credential).toBe('api-key')
    expect(bodyCap).toBe(method === 'POST' || method === 'PATCH' ? 32 * 1024 * 1024 : 0)
  }
})

test('nothing that administers an account or hands out credentials stands in it', () => {
  const words =
    /organi[sz]ation|admin|usage|cost|permission|invite|member|user|project|api_key|token|secret|webhook|share/i
  const open = PASS_RULES.filter(({ refused }) => refused === null)
  expect(open.filter(({ path }) => words.test(path)).map(({ path }) => path)).toEqual([])
})

test('what creates something that costs money is not taken for free', () => {
  const free = PASS_RULES.filter(({ method, billed, refused }) => method !== 'GET' && !billed && refused === null)
  const spending = /images|audio|videos|batches$|containers$|search$|completions$|jobs$|predict|interactions$|Caches$/i
  expect(free.filter(({ method, path }) => method === 'POST' && spending.test(path)).map(({ path }) => path)).toEqual(
    [],
  )
})

test('docs/pass-through.md lists exactly these addresses, and what costs money', () => {
  const text = readFileSync(new URL('../../docs/pass-through.md', import.meta.url), 'utf8')
  const [, tables = ''] = text.split('## The addresses')
  const listed = [...tables.matchAll(/([A-Z*\\, ]+) `([^`]+)`/g)].flatMap(([, methods, path]) =>
    methods!.split(',').map((method) => `${method.trim()} ${path}`),
  )
  const rules = PASS_RULES.filter(({ refused }) => refused === null).map((rule) => {
    const path = rule.path.replaceAll(/[:*]([a-z]+)/g, '<$1>') + (rule.verb === null ? '' : `:${rule.verb}`)
    return `${rule.method}${rule.billed ? '\\*' : ''} ${rule.prefix}/${rule.versions[0]}${path}`
  })
  expect(listed.sort()).toEqual(rules.sort())
})

describe('addresses that vendors share', () => {
  test.each([
    ['/v1/files', {}, 'openai-chat files'],
    ['/openai/v1/files', { 'anthropic-version': '2023-06-01' }, 'openai-chat files'],
    ['/v1/files', { 'anthropic-version': '2023-06-01' }, 'anthropic-messages files'],
    ['/anthropic/v1/files', {}, 'anthropic-messages files'],
    ['/v1/files', { 'x-goog-api-key': 'k' }, 'gemini files'],
    ['/v1beta/files', {}, 'gemini files'],
    ['/v1/files/abc', { 'x-goog-api-client': 'c' }, 'gemini files'],
    ['/v1/files/abc:download', { 'x-goog-api-key': 'k' }, 'gemini files'],
    ['/v1/files/abc/content', { 'anthropic-version': '1' }, 'anthropic-messages files'],
    ['/v1/batches', {}, 'openai-chat batches'],
    ['/v1/batches/abc', { 'x-goog-api-key': 'k' }, 'gemini batches'],
    ['/v1/batches', { 'anthropic-version': '1' }, 'anthropic-messages refused'],
    ['/v1/skills/abc', { 'anthropic-version': '1' }, 'anthropic-messages skills'],
    ['/v1/skills/abc', {}, 'openai-chat skills'],
    ['/v1beta/models/veo-3/operations/abc', {}, 'gemini predictions'],
    ['/v1/realtime', {}, 'openai-chat refused'],
  ])('GET %s with %j is %s', (path, headers, whose) => {
    expect(ask('GET', path, headers)).toBe(whose)
  })

  test('a mount reaches its own vendor only', () => {
    expect(ask('GET', '/anthropic/v1/batches')).toBe('not_found')
    expect(ask('POST', '/openai/upload/v1beta/files')).toBe('not_found')
    expect(ask('POST', '/gemini/upload/v1beta/files')).toBe('gemini files')
  })
})
