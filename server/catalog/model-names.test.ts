// Whose model a name means.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createProviders } from '../providers/registry.ts'
import { createModelNames, isAllowedModel } from './model-names.ts'

const endpoint = { origin: 'http://127.0.0.1:1', basePath: '', versionSegment: null }
const { all } = createProviders({
  endpoints: { ollama: endpoint },
  custom: [{ id: 'groq', name: 'Groq', endpoint, apiKeyEnv: null }],
  serverKeys: {},
  userBaseUrls: false,
})
const names = createModelNames(all)

describe('a name resolves', () => {
  test.each([
    ['gpt-5', 'openai', 'gpt-5'],
    ['o3-mini', 'openai', 'o3-mini'],
    ['chatgpt-4o-latest', 'openai', 'chatgpt-4o-latest'],
    ['text-embedding-3-small', 'openai', 'text-embedding-3-small'],
    ['text-embedding-004', 'google', 'text-embedding-004'],
    ['claude-sonnet-5', 'anthropic', 'claude-sonnet-5'],
    ['gemini-3.5-flash', 'google', 'gemini-3.5-flash'],
    ['models/gemini-3.5-flash', 'google', 'models/gemini-3.5-flash'],
    ['openai/gpt-5', 'openai', 'gpt-5'],
    ['openai/claude-sonnet-5', 'openai', 'claude-sonnet-5'],
    ['groq/openai/gpt-oss-120b', 'groq', 'openai/gpt-oss-120b'],
    ['ollama/llama3:8b', 'ollama', 'llama3:8b'],
    ['unknown-host/model', 'the-dialect', 'unknown-host/model'],
    ['brand-new-model', 'the-dialect', 'brand-new-model'],
    ['OpenAI/gpt-5', 'the-dialect', 'OpenAI/gpt-5'],
    ['openai/', 'the-dialect', 'openai/'],
    ['/gpt-5', 'the-dialect', '/gpt-5'],
    ['', 'the-dialect', ''],
    ['constructor/x', 'the-dialect', 'constructor/x'],
  ])('%j at %s as %j', (name, provider, model) => {
    expect(names.resolve(name, 'the-dialect')).toEqual({ provider, model })
  })
})

test('a provider in front decides, whatever the rest looks like', () => {
  fc.assert(
    fc.property(fc.constantFrom(...all.map(({ id }) => id)), fc.string({ minLength: 1 }), (id, model) => {
      expect(names.resolve(`${id}/${model}`, 'other')).toEqual({ provider: id, model })
    }),
  )
})

describe('a name nobody has heard of goes, as it is, to whoever plausibly owns it', () => {
  const anyName = fc.oneof(
    fc.string(),
    fc.stringMatching(/^[A-Za-z0-9._:@-]{1,30}(?:\/[A-Za-z0-9._:@-]{1,30}){0,2}$/),
    fc
      .tuple(fc.constantFrom(...all.flatMap(({ id, modelPrefixes }) => [id, `${id}/`, ...modelPrefixes])), fc.string())
      .map((parts) => parts.join('')),
  )
  const isConfigured = (id: string): boolean => all.some((provider) => provider.id === id)

  test('always to exactly one: the provider it names, the owner of its beginning, or the client’s vendor', () => {
    fc.assert(
      fc.property(anyName, fc.constantFrom('openai', 'anthropic', 'google'), (name, vendor) => {
        const { provider, model } = names.resolve(name, vendor)
        expect(isConfigured(provider)).toBe(true)
        const named = all.find(({ id }) => name.startsWith(`${id}/`) && name.length > id.length + 1)
        if (named) {
          expect({ provider, model }).toEqual({ provider: named.id, model: name.slice(named.id.length + 1) })
          return
        }
        // Nothing is taken off or put on, and no other model is put in its place.
        expect(model).toBe(name)
        const owners = all.filter(({ modelPrefixes }) => modelPrefixes.some((prefix) => name.startsWith(prefix)))
        if (owners.length === 0) expect(provider).toBe(vendor)
        else expect(owners.map(({ id }) => id)).toContain(provider)
      }),
      { numRuns: 2_000 },
    )
  })

  test('a name of a vendor’s own make leads to that vendor from every dialect', () => {
    const beginnings = all.flatMap(({ id, modelPrefixes }) => modelPrefixes.map((prefix) => [id, prefix] as const))
    fc.assert(
      fc.property(
        fc.constantFrom(...beginnings),
        fc.stringMatching(/^[a-z0-9.-]{0,20}$/),
        fc.constantFrom('openai', 'anthropic', 'google'),
        ([id, prefix], rest, vendor) => {
          const name = prefix + rest
          const longer = beginnings.some(([, other]) => other.length > prefix.length && name.startsWith(other))
          if (!longer) expect(names.resolve(name, vendor)).toEqual({ provider: id, model: name })
        },
      ),
    )
  })
})

test('a provider that is not configured is none', () => {
  const without = createModelNames(all.filter(({ id }) => id !== 'ollama'))
  expect(without.resolve('ollama/llama3', 'openai')).toEqual({ provider: 'openai', model: 'ollama/llama3' })
})

describe('isAllowedModel', () => {
  const names = createModelNames([
    { id: 'openai', modelPrefixes: ['gpt-'] },
    { id: 'google', modelPrefixes: ['gemini', 'models/'] },
    { id: 'groq', modelPrefixes: [] },
  ])
  const allows = (allowed: string[] | null, provider: string, model: string): boolean =>
    isAllowedModel(names, allowed, { provider, model })

  test('a list means models, not spellings', () => {
    expect(allows(null, 'openai', 'gpt-4o')).toBe(true)
    expect(allows(['gpt-4o'], 'openai', 'gpt-4o')).toBe(true)
    expect(allows(['openai/gpt-4o'], 'openai', 'gpt-4o')).toBe(true)
    expect(allows(['models/gemini-3'], 'google', 'gemini-3')).toBe(true)
    expect(allows(['gpt-4o'], 'groq', 'gpt-4o')).toBe(false)
    expect(allows(['groq/llama'], 'groq', 'llama')).toBe(true)
    expect(allows([], 'openai', 'gpt-4o')).toBe(false)
  })

  test('a star at the end stands for all that begin so', () => {
    expect(allows(['gpt-4*'], 'openai', 'gpt-4o')).toBe(true)
    expect(allows(['groq/*'], 'groq', 'llama')).toBe(true)
    expect(allows(['groq/*'], 'openai', 'gpt-4o')).toBe(false)
    expect(allows(['gpt-4*'], 'openai', 'gpt-5')).toBe(false)
  })
})
