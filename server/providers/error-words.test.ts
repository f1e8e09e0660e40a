// Errors are up to a megabyte of somebody else's words: looking through them costs no more than their length, or one
// answer would hold up everybody's.
import { expect, test } from 'vitest'
import { judgeRefusal } from './provider.ts'
import { createProviders } from './registry.ts'

const { all } = createProviders({ endpoints: {}, custom: [], serverKeys: {}, userBaseUrls: true })
const LENGTH = 300_000
/** What every provider's rules share begins so. */
const SHARED = ['not allowed to ', 'access to the ', 'missing api ', 'do not have ']

test.each(all.map((provider) => [provider.id, provider] as const))('%s', (_id, provider) => {
  const found = provider.errorRules.flatMap(({ message }) => message?.source.match(/[A-Za-z][A-Za-z ]{4,}/g) ?? [])
  for (const words of [...SHARED, ...found.map((one) => `${one.trim()} `)]) {
    const message = words.repeat(LENGTH / words.length)
    for (const status of [400, 403]) {
      expect(typeof judgeRefusal(provider, status, { signals: [], message, retryAfterMs: null })).toBe('string')
    }
  }
})
