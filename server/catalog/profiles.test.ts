import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { EFFORTS } from '../protocols/canonical.ts'
import { CONSERVATIVE_DIALECT, type ModelProfile } from '../protocols/profile.ts'
import { MODEL_FAMILIES } from './model-families.ts'
import { createOverrides } from './overrides.ts'
import { cleanModelName, createProfiles, findFamily } from './profiles.ts'
import { anOverride } from './testing.ts'

const profiles = createProfiles()
const profileOf = (model: string): ModelProfile => profiles.profileOf('any', model, CONSERVATIVE_DIALECT)

describe('Anthropic', () => {
  test.each<[string, Partial<ModelProfile>]>([
    ['claude-3-opus-20240229', { thinking: 'none', maxOutput: 4096, sampling: 'one', schema: 'forced-tool' }],
    ['claude-3-5-sonnet-latest', { thinking: 'none', maxOutput: 8192 }],
    ['claude-3-7-sonnet-20250219', { thinking: 'budget', maxOutput: 64_000 }],
    ['claude-3-7-sonnet@20250219', { thinking: 'budget', maxOutput: 64_000 }],
    ['claude-sonnet-4-20250514', { thinking: 'budget', maxOutput: 64_000, schema: 'forced-tool' }],
    ['claude-sonnet-4-0', { thinking: 'budget', maxOutput: 64_000 }],
    ['claude-4-sonnet', { thinking: 'budget', maxOutput: 64_000 }],
    ['claude-opus-4-20250514', { thinking: 'budget', maxOutput: 32_000 }],
    ['claude-opus-4-1-20250805', { thinking: 'budget', maxOutput: 32_000 }],
    ['claude-opus-4-5-20251101', { thinking: 'budget', maxOutput: 64_000, schema: 'native', midSystem: false }],
    ['anthropic/claude-haiku-4.5', { thinking: 'budget', schema: 'native', maxOutput: 64_000 }],
    ['claude-opus-4-6', { thinking: 'adaptive', efforts: ['low', 'medium', 'high', 'max'], sampling: 'one' }],
    ['claude-sonnet-4-6', { thinking: 'adaptive', maxOutput: 64_000, sampling: 'one' }],
    ['claude-opus-4-7', { thinking: 'adaptive', sampling: 'none', midSystem: false }],
    ['claude-opus-4-8', { thinking: 'adaptive', sampling: 'none', midSystem: true, canDisableThinking: true }],
    ['claude-opus-5', { thinking: 'adaptive', sampling: 'none', midSystem: true, canDisableThinking: true }],
    ['claude-sonnet-5-5', { thinking: 'adaptive', sampling: 'none', midSystem: true, canDisableThinking: true }],
    ['claude-fable-5', { thinking: 'adaptive', canDisableThinking: false, midSystem: true }],
    ['claude-mythos-5-2', { thinking: 'adaptive', canDisableThinking: false }],
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', { thinking: 'budget', schema: 'native' }],
    ['databricks-claude-3-7-sonnet', { thinking: 'budget' }],
  ])('%s', (model, facts) => {
    expect(profileOf(model)).toMatchObject({ ...facts, model, cacheBreakpoints: true })
  })

  test('every name of the official SDK has a row of its own', () => {
    const names =
      'claude-fable-5-2 claude-mythos-5-2 claude-haiku-5-5 claude-sonnet-5-5 claude-fable-5-1 claude-opus-5-5 claude-mythos-5-1 claude-sonnet-5 claude-fable-5 claude-mythos-5 claude-opus-5 claude-opus-4-8 claude-opus-4-7 claude-mythos-preview claude-opus-4-6 claude-sonnet-4-6 claude-haiku-4-5 claude-haiku-4-5-20251001 claude-opus-4-5 claude-opus-4-5-20251101 claude-sonnet-4-5 claude-sonnet-4-5-20250929'
    for (const name of names.split(' ')) expect(findFamily(name)?.note, name).not.toBe('unknown Claude')
  })
})

describe('OpenAI', () => {
  test.each<[string, Partial<ModelProfile>]>([
    ['gpt-3.5-turbo-0613', { thinking: 'none', sampling: 'all', schema: 'forced-tool' }],
    ['gpt-4', { thinking: 'none', schema: 'forced-tool' }],
    ['gpt-4o', { thinking: 'none', sampling: 'all', schema: 'native', maxOutput: 16_384 }],
    ['ft:gpt-4o-mini-2024-07-18:us::abc', { thinking: 'none', maxOutput: 16_384 }],
    ['gpt-4.1-nano', { thinking: 'none', maxOutput: 32_768 }],
    ['openai-gpt-4.1', { thinking: 'none', maxOutput: 32_768 }],
    ['o1-mini', { thinking: 'none', sampling: 'none' }],
    ['o4-mini-2025-04-16', { thinking: 'effort', efforts: ['low', 'medium', 'high'], canDisableThinking: false }],
    ['gpt-5', { thinking: 'effort', efforts: ['minimal', 'low', 'medium', 'high'], canDisableThinking: false }],
    ['gpt-5-mini-2025-08-07', { thinking: 'effort', sampling: 'none' }],
    ['gpt-5-chat-latest', { thinking: 'none', sampling: 'all' }],
    ['gpt-5.2-chat', { thinking: 'effort', efforts: ['medium'] }],
    ['gpt-5.1-2025-11-13', { efforts: ['none', 'low', 'medium', 'high'], canDisableThinking: true }],
    ['gpt-5.4-nano', { efforts: ['none', 'low', 'medium', 'high', 'xhigh'], cacheBreakpoints: false }],
    ['gpt-5.6-sol', { thinking: 'effort', canDisableThinking: true, cacheBreakpoints: true }],
    ['gpt-6.1-terra', { thinking: 'effort', sampling: 'none', cacheBreakpoints: true }],
    ['openai.gpt-oss-20b', { thinking: 'effort', sampling: 'all', canDisableThinking: false }],
  ])('%s', (model, facts) => {
    expect(profileOf(model)).toMatchObject({ ...facts, model })
  })
})

describe('Google', () => {
  test.each<[string, Partial<ModelProfile>]>([
    ['gemini-1.5-flash', { thinking: 'none', maxOutput: 8192 }],
    ['models/gemini-2.0-flash-001', { thinking: 'none', maxOutput: 8192, needsThoughtSignature: false }],
    ['gemini-2.5-flash', { thinking: 'budget', canDisableThinking: true, maxOutput: 65_536 }],
    ['gemini-2.5-pro-preview-05-06', { thinking: 'budget', canDisableThinking: false }],
    ['gemini-2.5-flash-image', { thinking: 'none', maxOutput: 32_768 }],
    ['gemini-2.5-flash-preview-tts', { thinking: 'none', maxOutput: 16_384 }],
    ['gemini-3-pro-preview', { thinking: 'level', efforts: ['low', 'high'], needsThoughtSignature: true }],
    ['gemini-3-pro-image-preview', { thinking: 'none', maxOutput: 32_768, needsThoughtSignature: true }],
    ['gemini-3.1-pro-preview', { efforts: ['low', 'medium', 'high'] }],
    ['gemini-3.6-flash', { efforts: ['minimal', 'low', 'medium', 'high'], imageInToolResult: true }],
    ['gemini-3.7-flash', { efforts: ['low', 'medium', 'high'] }],
    ['gemini-4-flash', { efforts: ['low', 'medium', 'high'] }],
    ['gemini-flash-latest', { thinking: 'level', efforts: ['low', 'high'] }],
  ])('%s', (model, facts) => {
    expect(profileOf(model)).toMatchObject({ ...facts, model })
  })
})

describe('the table', () => {
  test('efforts stand in rising order, and only where the model takes words', () => {
    for (const { match, facts } of MODEL_FAMILIES) {
      expect(
        facts.efforts.map((effort) => EFFORTS.indexOf(effort)),
        String(match),
      ).toEqual(facts.efforts.map((effort) => EFFORTS.indexOf(effort)).toSorted((a, b) => a - b))
      const takesWords = facts.thinking !== 'none' && facts.thinking !== 'budget'
      expect(facts.efforts.length > 0, String(match)).toBe(takesWords)
    }
  })

  test('every pattern stands at the beginning of a name, and none keeps a place between look-ups', () => {
    for (const { match } of MODEL_FAMILIES) {
      expect(match.source.startsWith('^'), match.source).toBe(true)
      expect(match.flags).toBe('')
    }
  })
})

describe('look-up', () => {
  test('an unknown model gets plain facts, and a schema by a forced tool where the server knows none', () => {
    expect(profiles.knows('lab', 'our-own-7b')).toBe(false)
    expect(profileOf('our-own-7b')).toMatchObject({ thinking: 'none', efforts: [], schema: 'forced-tool' })
    const strict = { ...CONSERVATIVE_DIALECT, schema: 'strict' as const }
    expect(profiles.profileOf('lab', 'our-own-7b', strict)).toMatchObject({ schema: 'native', dialect: strict })
    const router = { ...CONSERVATIVE_DIALECT, reasoningIn: 'reasoning' as const }
    expect(profiles.profileOf('openrouter', 'somebody/new-70b', router)).toMatchObject({ thinking: 'effort' })
  })

  test('an override comes before the table, for its provider only, and keeps what it does not say', () => {
    const own = createProfiles(createOverrides([anOverride({ provider: 'lab', model: '*', facts: { maxOutput: 7 } })]))
    expect(own.profileOf('lab', 'claude-opus-5', CONSERVATIVE_DIALECT)).toMatchObject({
      maxOutput: 7,
      thinking: 'adaptive',
    })
    expect(own.profileOf('anthropic', 'claude-opus-5', CONSERVATIVE_DIALECT).maxOutput).toBe(64_000)
  })

  test('a remembered model still gets the dialect of the server asked for now', () => {
    const other = { ...CONSERVATIVE_DIALECT, cacheControl: true }
    expect(profileOf('gpt-4o').dialect).toBe(CONSERVATIVE_DIALECT)
    expect(profiles.profileOf('any', 'gpt-4o', other).dialect).toBe(other)
  })

  test('any name is looked up without harm, however long, odd or many', () => {
    expect(profileOf('x'.repeat(100_000)).thinking).toBe('none')
    for (const name of ['', '/', 'models/', '__proto__', 'constructor', '\u0000']) profileOf(name)
    for (let index = 0; index < 5_000; index++) profileOf(`gpt-4o-${index}`)
    expect(profileOf('gpt-4o').maxOutput).toBe(16_384)
  })

  test.each([
    ['publishers/anthropic/models/claude-opus-4-5@20251101', 'claude-opus-4-5@20251101'],
    ['Qwen/Qwen2.5-VL-7B-Instruct', 'qwen2.5-vl-7b-instruct'],
    ['@cf/meta/llama-3.3-70b-instruct-fp8-fast', 'llama-3.3-70b-instruct-fp8-fast'],
    ['openai.gpt-5.6-luna', 'gpt-5.6-luna'],
    ['openai-gpt-4.1', 'gpt-4.1'],
    ['gpt-4o', 'gpt-4o'],
  ])('%s is %s at home', (name, clean) => {
    expect(cleanModelName(name)).toBe(clean)
  })
})

/** Recorded names that are nobody's: asked for on purpose, or a customer's own. */
const NOBODYS = new Set([
  'there-is-no-such-model',
  'this-model-does-not-exist',
  'this-model-does-not-exist-12345',
  'openllmetry-testing', // a deployment's own name
  'auto', // OpenRouter's choice
  'muse-spark-1.1', // nothing public is known of it
])

const recordings = process.env['UNIROUTE_RECORDINGS']
if (!recordings) console.info('recorded model names: skipped, UNIROUTE_RECORDINGS is not set')

test.skipIf(!recordings || !existsSync(recordings))('every recorded model has a row, or is listed', () => {
  const unknown = new Set<string>()
  let known = 0
  for (const file of readdirSync(recordings!).filter((name) =>
    /^(?:openai-chat|openai-responses|anthropic-messages|anthropic-vertex|gemini-generate|gemini-stream)\.ndjson$/.test(
      name,
    ),
  )) {
    for (const line of readFileSync(join(recordings!, file), 'utf8').split('\n').filter(Boolean)) {
      const { provider, model } = JSON.parse(line) as { provider: string; model: string | null }
      if (model === null) continue
      if (profiles.knows(provider, model)) known++
      else if (!NOBODYS.has(cleanModelName(model))) unknown.add(model)
    }
  }
  expect([...unknown]).toEqual([])
  expect(known).toBeGreaterThan(500)
})
