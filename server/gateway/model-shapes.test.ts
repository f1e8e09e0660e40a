// Anthropic's paging of the model list.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ListedModel } from './shown-models.ts'
import { encodeModel, encodeModelList } from './model-shapes.ts'

const models: ListedModel[] = Array.from({ length: 45 }, (_, index) => ({
  id: `claude-${index}`,
  provider: 'anthropic',
  model: `claude-${index}`,
  displayName: `Claude ${index}`,
  created: index,
  ownedBy: 'anthropic',
  raw: {},
  dialects: new Set(),
}))

interface Page {
  readonly data: readonly { readonly id: string }[]
  readonly has_more: boolean
  readonly first_id: string | null
  readonly last_id: string | null
}

const ask = (query: string): Page => encodeModelList(models, 'anthropic', new URLSearchParams(query)) as unknown as Page

test('pages of any length, taken one after the other, are the whole list', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), (limit) => {
      const seen: string[] = []
      for (let page = ask(`limit=${limit}`); ; page = ask(`limit=${limit}&after_id=${page.last_id}`)) {
        seen.push(...page.data.map(({ id }) => id))
        if (!page.has_more) break
      }
      expect(seen).toEqual(models.map(({ id }) => id))
    }),
  )
})

test('a page before a model ends right before it', () => {
  const { data, has_more } = ask('limit=3&before_id=claude-4')
  expect([data.map(({ id }) => id), has_more]).toEqual([['claude-1', 'claude-2', 'claude-3'], true])
  expect(ask('before_id=claude-0')).toMatchObject({ data: [], has_more: false, first_id: null })
})

test.each(['0', '1001', '-1', '1.5', '', 'many', '1e2', '99999'])('limit=%s is 400', (limit) => {
  expect(() => ask(`limit=${limit}`)).toThrow(expect.objectContaining({ code: 'bad_request', status: 400 }))
})

test.each(['after_id', 'before_id'])('%s of no model here is 400', (name) => {
  expect(() => ask(`${name}=claude-99`)).toThrow(expect.objectContaining({ code: 'bad_request', status: 400 }))
})

test('whoever speaks Gemini lists models in Gemini’s words, whatever the provider is called', () => {
  const raw = { name: 'models/other', inputTokenLimit: 9, supportedGenerationMethods: ['countTokens'] }
  const [entry] = models
  const own: ListedModel = { ...entry!, provider: 'my-cloud', raw, dialects: new Set(['gemini']) }
  expect(encodeModel(own, 'gemini')).toEqual({ ...raw, name: 'models/claude-0', displayName: 'Claude 0' })
  const foreign: ListedModel = { ...own, provider: 'google', dialects: new Set(['openai-chat']) }
  expect(encodeModel(foreign, 'gemini')).not.toHaveProperty('inputTokenLimit')
})
