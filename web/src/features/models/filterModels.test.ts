// Searching and sorting models.
import { expect, test } from 'vitest'
import type { ReachableModel } from '../../../../contract/catalog.ts'
import { filterModels, type ModelFilter } from './filterModels.ts'

const ALL: ModelFilter = { q: '', provider: '', payer: '', takes: '', context: '', sort: '' }
const model = (id: string, more: Partial<ReachableModel> = {}): ReachableModel => ({
  id,
  provider: 'openai',
  provider_name: 'OpenAI',
  model: id,
  display_name: id,
  context_window: null,
  max_output: null,
  input_modalities: null,
  output_modalities: null,
  price: null,
  price_source: 'unknown',
  price_version: null,
  aliases: [],
  billed_to: 'user',
  provider_key_id: null,
  ...more,
})
const price = (input: number): ReachableModel['price'] => ({
  input,
  output: input,
  cache_read: null,
  cache_write: null,
  cache_write_1h: null,
  tiered: false,
})
const MODELS = [
  model('gpt-large', { price: price(5), context_window: 128_000, input_modalities: ['text', 'image'] }),
  model('gpt-free', { price: price(0), context_window: 8_000, input_modalities: ['text'] }),
  model('mystery', { aliases: ['my-alias'], billed_to: 'server' }),
]
const ids = (filter: Partial<ModelFilter>): string[] => filterModels(MODELS, { ...ALL, ...filter }).map(({ id }) => id)

test('every word has to occur, in the name, the provider or an alias', () => {
  expect(ids({ q: 'openai gpt' })).toEqual(['gpt-large', 'gpt-free'])
  expect(ids({ q: 'my-alias' })).toEqual(['mystery'])
})

test('what is unknown fits no wish and comes last, after what is free', () => {
  expect(ids({ takes: 'image' })).toEqual(['gpt-large'])
  expect(ids({ context: '8000' })).toEqual(['gpt-large', 'gpt-free'])
  expect(ids({ sort: 'price' })).toEqual(['gpt-free', 'gpt-large', 'mystery'])
  expect(ids({ sort: 'context' })).toEqual(['gpt-large', 'gpt-free', 'mystery'])
  expect(ids({ payer: 'server' })).toEqual(['mystery'])
})
