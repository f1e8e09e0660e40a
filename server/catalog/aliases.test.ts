// Names that stand for models: what they may be called, which one holds, and that following them always ends.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAliasTable, findAliasFault, NO_ALIASES, resolveName } from './aliases.ts'
import { createModelNames } from './model-names.ts'

const PROVIDERS = [
  { id: 'openai', modelPrefixes: ['gpt-'] },
  { id: 'google', modelPrefixes: ['gemini', 'models/'] },
  { id: 'groq', modelPrefixes: [] },
]
const names = createModelNames(PROVIDERS)
const isProvider = (id: string): boolean => PROVIDERS.some((provider) => provider.id === id)
const tableOf = (aliases: Record<string, string>) =>
  createAliasTable(
    Object.entries(aliases).map(([name, target]) => ({ name, ...names.resolve(target, 'nobody') })),
    isProvider,
  )

describe('a name for an alias', () => {
  test.each(['fast', 'claude-via-gpt-5', 'gpt-4o', 'team/large', 'llama3:8b', 'a/b/c', 'x@1', 'openai', 'v1.2+b'])(
    '%s is one',
    (name) => {
      expect(findAliasFault(name, isProvider)).toBeNull()
    },
  )
  test.each(['', '/x', 'x/', 'a//b', '-x', '.', 'a/../b', 'a b', 'ä', 'a?b', 'a%2fb', 'a\nb', 'x'.repeat(101), 'a*'])(
    '%j is none',
    (name) => {
      expect(findAliasFault(name, isProvider)).toMatch(/^An alias has at most 100 letters/)
    },
  )
  test.each(['openai/gpt-5', 'groq/x', 'models/x', 'tunedModels/x'])('%s already means something', (name) => {
    expect(findAliasFault(name, isProvider)).toContain('already means a model of')
  })
})

describe('a name resolves', () => {
  const shared = tableOf({ fast: 'groq/llama', 'gpt-4o': 'groq/oss', both: 'openai/shared' })
  const own = tableOf({ both: 'openai/own', mine: 'google/gemini-3' })
  const resolve = (name: string) => resolveName(names, { own, shared }, name, 'vendor')

  test.each([
    ['fast', 'groq', 'llama'],
    ['models/fast', 'groq', 'llama'],
    ['gpt-4o', 'groq', 'oss'],
    ['openai/gpt-4o', 'openai', 'gpt-4o'],
    ['both', 'openai', 'own'],
    ['mine', 'google', 'gemini-3'],
    ['Fast', 'vendor', 'Fast'],
    ['fast/', 'vendor', 'fast/'],
    ['gpt-4o-mini', 'openai', 'gpt-4o-mini'],
  ])('%s to %s/%s', (name, provider, model) => {
    expect(resolve(name)).toEqual({ provider, model })
  })

  test('what an alias stands for is not looked up again', () => {
    const circle = tableOf({ 'gpt-a': 'openai/gpt-b', 'gpt-b': 'openai/gpt-a' })
    const at = (name: string) => resolveName(names, { own: NO_ALIASES, shared: circle }, name, 'vendor').model
    expect([at('gpt-a'), at('gpt-b')]).toEqual(['gpt-b', 'gpt-a'])
  })

  test('an alias never stands before <provider>/<model>, not even of a provider that came later', () => {
    const aliases = [{ name: 'lab/x', provider: 'openai', model: 'gpt-5' }]
    expect(createAliasTable(aliases, () => false).size).toBe(1)
    expect(createAliasTable(aliases, (id) => id === 'lab').size).toBe(0)
  })

  test('whatever aliases there are, a name of a provider and a slash leads to that provider', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9/-]{0,12}$/)
    fc.assert(
      fc.property(fc.array(fc.tuple(name, name)), fc.constantFrom('openai', 'groq'), name, (pairs, id, model) => {
        const table = tableOf(Object.fromEntries([...pairs, [`${id}/${model}`, 'google/gemini-3']]))
        const found = resolveName(names, { own: table, shared: table }, `${id}/${model}`, 'vendor')
        expect(found).toEqual({ provider: id, model })
      }),
    )
  })
})
