import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { StartRefused } from '../kernel/start-refused.ts'
import { CONSERVATIVE_DIALECT } from '../protocols/profile.ts'
import { CHAT_DIALECT_NAMES, findChatServer } from './chat-dialects.ts'
import { providerPath } from './provider.ts'
import { createProviders, type CustomProvider, type ProvidersConfig } from './registry.ts'
import { VENDOR_API_NAMES } from './vendor-apis.ts'

function place(origin: string, dialect: string | null = null): CustomProvider {
  return {
    id: 'one',
    name: 'One',
    endpoint: { origin, basePath: '', versionSegment: 'v1' },
    apiKeyEnv: 'ONE_KEY',
    dialect,
  }
}

const create = (config: Partial<ProvidersConfig>) =>
  createProviders({ endpoints: {}, custom: [], serverKeys: {}, userBaseUrls: true, ...config })

const provide = (origin: string, dialect: string | null = null) =>
  create({ custom: [place(origin, dialect)] }).get('one')!

describe('which record a provider gets', () => {
  test.each([
    ['https://api.deepseek.com', 'deepseek'],
    ['https://api.mistral.ai', 'mistral'],
    ['https://openrouter.ai', 'openrouter'],
    ['https://ollama.com', 'ollama'],
    ['https://api.groq.com', 'groq'],
    ['https://api.x.ai', 'xai'],
    ['https://api.together.xyz', 'together'],
    ['https://api.openai.com', 'openai'],
    ['https://resource.openai.azure.com', 'azure'],
    ['https://resource.services.ai.azure.com', 'azure'],
  ])('the host of %s tells that it is %s', (origin, name) => {
    expect(provide(origin).chatDialect).toEqual(findChatServer(name)!.chatDialect)
    expect(provide(origin).translateVia).toBe(findChatServer(name)!.translateVia)
  })

  test.each(['https://example.com', 'https://notopenrouter.ai', 'https://api.mistral.ai.evil.test', 'http://10.0.0.7'])(
    'nothing is assumed of %s',
    (origin) => {
      expect(provide(origin).chatDialect).toBe(CONSERVATIVE_DIALECT)
      expect(provide(origin).translateVia).toBe('openai-chat')
      // Nothing says that it knows Responses.
      expect([...provide(origin).dialects]).toEqual(['openai-chat'])
    },
  )

  test('the word of the operator wins over the host', () => {
    expect(provide('https://api.deepseek.com', 'mistral').chatDialect).toEqual(findChatServer('mistral')!.chatDialect)
    expect(provide('https://api.deepseek.com', 'conservative').chatDialect).toBe(CONSERVATIVE_DIALECT)
  })

  test('a word nobody knows refuses the start and names the known ones', () => {
    expect(() => provide('https://example.com', 'mistrall')).toThrow(StartRefused)
    expect(() => provide('https://example.com', 'mistrall')).toThrow(/"mistrall" of "one".*mistral, openrouter/)
    expect(() => provide('https://example.com', 'constructor')).toThrow(StartRefused)
  })

  test("a user's own base URL is known by its host too", () => {
    const providers = create({})
    expect(providers.atBaseUrl('https://openrouter.ai/api/v1').chatDialect.cacheControl).toBe(true)
    expect(providers.atBaseUrl('https://box.example.com/v1').chatDialect).toBe(CONSERVATIVE_DIALECT)
  })
})

describe('what is translated goes', () => {
  test.each([
    ['openai', 'openai-responses'],
    ['anthropic', 'anthropic-messages'],
    ['google', 'gemini'],
    ['ollama', 'openai-chat'],
    ['vllm', 'openai-chat'],
  ])('to %s as %s', (id, protocol) => {
    const endpoint = { origin: 'http://127.0.0.1:1', basePath: '', versionSegment: null }
    const provider = create({ endpoints: { ollama: endpoint, vllm: endpoint } }).get(id)!
    expect(provider.translateVia).toBe(protocol)
    expect(provider.dialects.has(provider.translateVia)).toBe(true)
  })
})

describe('Azure takes its key in api-key', () => {
  const azure = { origin: 'https://resource.openai.azure.com', basePath: '/openai', versionSegment: 'v1' }
  test.each([
    ['by its host', provide(azure.origin)],
    ["by the operator's word", provide('https://proxy.example.com', 'azure')],
    ["as OpenAI's own address", create({ endpoints: { openai: azure } }).get('openai')!],
    ["as a user's base URL", create({}).atBaseUrl('https://resource.openai.azure.com/openai/v1')],
  ])('%s', (_how, provider) => {
    expect(provider.authHeader({})).toEqual({ name: 'api-key', scheme: '' })
    expect(provider.translateVia).toBe('openai-responses')
    // It is not OpenAI that the client's headers are for.
    expect(provider.forwardHeaders).toEqual([])
  })

  test('nobody else does', () => {
    expect(provide('https://api.groq.com').authHeader({})).toEqual({ name: 'authorization', scheme: 'Bearer ' })
    expect(create({}).get('openai')!.authHeader({})).toEqual({ name: 'authorization', scheme: 'Bearer ' })
  })
})

describe('a server that speaks a vendor’s own API', () => {
  const at = (dialect: string | null, versionSegment: string | null) =>
    create({
      custom: [{ ...place('https://box.example.com', dialect), endpoint: { ...BOX, versionSegment } }],
    }).get('one')!
  const BOX = { origin: 'https://box.example.com', basePath: '/ai' }

  test.each([
    ['anthropic-messages', 'x-api-key', '/v1'],
    ['openai-responses', 'authorization', '/v1'],
    ['gemini', 'x-goog-api-key', '/v1beta'],
    ['openai-chat', 'authorization', '/v1'],
  ] as const)('%s: it alone is spoken, with the key in %s, under %s', (dialect, header, version) => {
    const provider = at(dialect, null)
    expect([...provider.dialects]).toEqual([dialect])
    expect(provider.translateVia).toBe(dialect)
    expect(provider.authHeader({ 'anthropic-version': '2026-10-21' }).name).toBe(header)
    expect(providerPath(provider, null, '/x')).toBe(`/ai${version}/x`)
    expect(providerPath(at(dialect, 'v2'), null, '/x')).toBe('/ai/v2/x')
    expect(providerPath(at(dialect, ''), 'v1', '/x')).toBe('/ai/x')
  })

  test('it is nobody’s namesake: neither models nor keys nor beta flags of the vendor lead to it', () => {
    for (const name of VENDOR_API_NAMES) {
      const provider = at(name, null)
      expect([provider.modelPrefixes, provider.keyPrefixes, provider.id, provider.keyless]).toEqual([
        [],
        [],
        'one',
        false,
      ])
      expect(provider.forwardHeaders).not.toContain('anthropic-beta')
    }
  })

  test('without a word a server has /v1 and no other version', () => {
    expect(providerPath(at(null, null), 'v1beta', '/x')).toBe('/ai/v1/x')
  })
})

describe('users may bring keys', () => {
  const endpoint = { origin: 'http://127.0.0.1:1', basePath: '', versionSegment: null }
  const entry = (id: string, userKeys?: boolean): CustomProvider => ({
    ...place('https://example.com'),
    id,
    ...(userKeys === undefined ? {} : { userKeys }),
  })
  const config = { endpoints: { ollama: endpoint, vllm: endpoint }, custom: [entry('yes'), entry('no', false)] }
  const taking = (more: Partial<ProvidersConfig>): string[] => {
    const providers = create({ ...config, ...more })
    return providers.names.filter((id) => providers.takesKeys(id))
  }

  test('for the vendors, and for what the operator does not leave out; where no key is needed, if he says so', () => {
    expect(taking({})).toEqual(['openai', 'anthropic', 'google', 'yes', 'custom'])
    expect(taking({ userKeysFor: ['vllm'] })).toEqual(['openai', 'anthropic', 'google', 'vllm', 'yes', 'custom'])
  })
})

test('every word an operator may write is in the documentation', () => {
  const text = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
  const line = text.slice(text.indexOf('- `dialect`'))
  for (const name of [...CHAT_DIALECT_NAMES, ...VENDOR_API_NAMES]) expect(line).toContain(`\`${name}\``)
})
