// The first rule whose conditions all hold decides; patterns mean what they look like.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Conditions } from '../../../contract/routing.ts'
import { findRule, fitsPattern, type RuleFacts } from './rules.ts'

const FACTS: RuleFacts = {
  names: ['fast', 'gpt-4o', 'openai/gpt-4o'],
  apiKey: 'ak_1',
  dialect: 'openai-chat',
  promptTokens: 100,
  streamed: true,
  hasTools: () => true,
  hasImages: () => false,
}
const choice = (model: string) => ({ order: null, targets: [{ provider: 'p', model, weight: 1 }] })
const meets = (when: Conditions, facts: Partial<RuleFacts> = {}): boolean =>
  findRule([{ when, choice: choice('x') }], { ...FACTS, ...facts }) !== undefined

test.each<[Conditions, boolean]>([
  [{}, true],
  [{ models: ['gpt-4o'] }, true],
  [{ models: ['claude-*', 'openai/*'] }, true],
  [{ models: ['fast'] }, true],
  [{ models: ['gpt-4'] }, false],
  [{ api_keys: ['ak_2', 'ak_1'] }, true],
  [{ api_keys: ['ak_2'] }, false],
  [{ dialects: ['gemini'] }, false],
  [{ dialects: ['gemini', 'openai-chat'] }, true],
  [{ min_prompt_tokens: 100 }, true],
  [{ min_prompt_tokens: 101 }, false],
  [{ max_prompt_tokens: 100 }, true],
  [{ max_prompt_tokens: 99 }, false],
  [{ has_tools: true }, true],
  [{ has_tools: false }, false],
  [{ has_images: true }, false],
  [{ has_images: false, streamed: true, models: ['gpt-*'] }, true],
  [{ streamed: false }, false],
])('%j: %s', (when, expected) => {
  expect(meets(when)).toBe(expected)
})

test('a request without an API key meets no condition on one', () => {
  expect(meets({ api_keys: ['ak_1'] }, { apiKey: null })).toBe(false)
})

test('the first that holds decides, and dear questions are asked only where they matter', () => {
  const never = () => {
    throw new Error('asked')
  }
  const rules = [
    { when: { models: ['claude-*'], has_images: true }, choice: choice('a') },
    { when: { models: ['gpt-*'] }, choice: choice('b') },
    { when: {}, choice: choice('c') },
  ]
  expect(findRule(rules, { ...FACTS, hasImages: never, hasTools: never })).toBe(rules[1])
})

describe('patterns', () => {
  test('`*` is any text, all else itself', () => {
    const word = fc.stringMatching(/^[ab/.*]{0,8}$/)
    fc.assert(
      fc.property(word, fc.stringMatching(/^[ab/.]{0,12}$/), (pattern, name) => {
        const wanted = pattern
          .split('*')
          .map((piece) => piece.replaceAll('.', '\\.'))
          .join('.*')
        expect(fitsPattern(pattern, name)).toBe(new RegExp(`^${wanted}$`).test(name))
      }),
      { numRuns: 2_000 },
    )
  })
})
