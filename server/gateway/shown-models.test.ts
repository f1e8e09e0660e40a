// What a model list shows of what a caller's keys reach, and that asking for anything in it leads to what it says.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAliasTable, NO_ALIASES, resolveName } from '../catalog/aliases.ts'
import { createModelNames } from '../catalog/model-names.ts'
import { createOverrides, NO_OVERRIDES } from '../catalog/overrides.ts'
import { anOverride } from '../catalog/testing.ts'
import { showModels, type ListRules, type ReachedList } from './shown-models.ts'

const PROVIDERS = [
  { id: 'openai', modelPrefixes: ['gpt-'] },
  { id: 'lab', modelPrefixes: [] },
]
const names = createModelNames(PROVIDERS)
const isProvider = (id: string): boolean => PROVIDERS.some((provider) => provider.id === id)

function listOf(provider: string, models: readonly string[], more: Partial<ReachedList> = {}): ReachedList {
  return {
    provider,
    models: models.map((model) => ({
      id: names.resolve(model, '').provider === provider ? model : `${provider}/${model}`,
      provider,
      model,
      displayName: model.toUpperCase(),
      created: 7,
      ownedBy: 'them',
      raw: { id: model },
      dialects: new Set(),
    })),
    payer: 'user',
    providerKeyId: 'K',
    allowed: [null],
    ...more,
  }
}

const tableOf = (aliases: Record<string, string>) =>
  createAliasTable(
    Object.entries(aliases).map(([name, target]) => ({ name, ...names.resolve(target, 'openai') })),
    isProvider,
  )
const RULES: ListRules = { names, aliases: NO_ALIASES, overrides: NO_OVERRIDES, allowedModels: null }
const idsOf = (lists: readonly ReachedList[], rules: Partial<ListRules>): string[] =>
  showModels(lists, { ...RULES, ...rules }).map(({ id }) => id)

const LISTS = [
  listOf('openai', ['gpt-4o', 'gpt-5']),
  listOf('lab', ['llama'], { payer: 'server', providerKeyId: null }),
]

describe('aliases', () => {
  test('stand first, with what is known of their model and whose key reached it', () => {
    const [first, ...rest] = showModels(LISTS, { ...RULES, aliases: tableOf({ fast: 'lab/llama' }) })
    expect(first).toEqual({
      id: 'fast',
      displayName: 'fast',
      isAlias: true,
      provider: 'lab',
      model: 'llama',
      created: 7,
      ownedBy: 'them',
      raw: { id: 'llama' },
      dialects: new Set(),
      payer: 'server',
      providerKeyId: null,
    })
    expect(rest.map(({ id, isAlias }) => [id, isAlias])).toEqual([
      ['gpt-4o', false],
      ['gpt-5', false],
      ['lab/llama', false],
    ])
  })

  test('are shown where the provider is reached, listed or not; else not', () => {
    const aliases = tableOf({ deployed: 'openai/gpt-of-ours', away: 'lab/llama' })
    expect(idsOf([LISTS[0]!], { aliases })).toEqual(['deployed', 'gpt-4o', 'gpt-5'])
  })

  test('of a model’s own name leave the model its full one', () => {
    expect(idsOf(LISTS, { aliases: tableOf({ 'gpt-4o': 'lab/llama' }) })).toEqual([
      'gpt-4o',
      'openai/gpt-4o',
      'gpt-5',
      'lab/llama',
    ])
  })
})

test.each<[string, Partial<ListRules>, string[]]>([
  ['an API key for certain models', { allowedModels: new Set(['gpt-4*']) }, ['big', 'gpt-4o']],
  ['a hidden model', { overrides: createOverrides([anOverride({ isHidden: true })]) }, ['big', 'small', 'gpt-5']],
  ['one switched off', { overrides: createOverrides([anOverride({ isEnabled: false })]) }, ['small', 'gpt-5']],
])('%s shows no more than may be asked for', (_what, rules, ids) => {
  const aliases = tableOf({ big: 'gpt-4o', small: 'gpt-5' })
  expect(idsOf([LISTS[0]!], { aliases, ...rules })).toEqual(ids)
})

test('a provider key for certain models binds aliases too', () => {
  const lists = [listOf('openai', ['gpt-4o', 'gpt-5'], { allowed: [['gpt-*'], ['gpt-5']] })]
  expect(idsOf(lists, { aliases: tableOf({ big: 'gpt-4o', small: 'gpt-5' }) })).toEqual(['small', 'gpt-5'])
})

test('whoever asks for a listed id gets the model that stands beside it', () => {
  const model = fc.stringMatching(/^(?:gpt-)?[a-c](?:\/[a-c])?$/)
  const alias = fc.stringMatching(/^(?:gpt-)?[a-c]$/)
  fc.assert(
    fc.property(
      fc.uniqueArray(model),
      fc.uniqueArray(model),
      fc.dictionary(
        alias,
        fc.tuple(fc.constantFrom('openai', 'lab'), model).map((parts) => parts.join('/')),
      ),
      (ofOpenai, ofLab, targets) => {
        const aliases = tableOf(targets)
        const shown = showModels([listOf('openai', ofOpenai), listOf('lab', ofLab)], { ...RULES, aliases })
        for (const { id, provider, model: real } of shown) {
          const found = resolveName(names, { own: NO_ALIASES, shared: aliases }, id, 'nobody')
          expect([id, found]).toEqual([id, { provider, model: real }])
        }
        expect(new Set(shown.map(({ id }) => id)).size).toBe(shown.length)
      },
    ),
  )
})
